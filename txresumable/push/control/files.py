"""
Files: what is known about them, and what an operator does to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.http import Request
from twisted.web.resource import Resource

from ..entry import Entry
from ..journal import Journal
from ..state import PushState
from .controlled import Controlled
from .described import describe
from .endpoint import Endpoint
from .guard import Guard
from .refusal import Refusal
from .request import Query, sent_fields

__all__ = ["FILES", "Files"]

FILES = 1000
"""Files that a response has at most."""
_LARGEST = 2**63 - 1


class Files(Endpoint):
    """All files; those below it are one each."""

    def __init__(self, guard: Guard, service: Controlled) -> None:
        """
        :param guard: whom it responds to.
        :param service: what has the files.
        """
        super().__init__(guard, get=self._list, post=self._add)
        self._service = service

    def getChild(self, path: bytes, request: Request) -> Resource:
        """A file; see Twisted."""
        if path.isdigit() and len(path) < 19:
            return _File(self.guard, self._service, int(path))
        return super().getChild(path, request)

    async def _list(self, request: Request) -> Mapping[str, Any]:
        query = Query(request, "state", "folder", "after", "limit")
        limit = query.number("limit", 100, 1, FILES)
        states = [_state_of(name) for name in query.all("state")]
        entries = await _journal_of(self._service).entries(
            states or None, query.one("folder"), query.number("after", 0, 0, _LARGEST), limit
        )
        following = entries[-1].id if len(entries) == limit else None
        return {"files": [describe(entry) for entry in entries], "next": following}

    async def _add(self, request: Request) -> Mapping[str, Any]:
        fields = sent_fields(request, folder=(str,), path=(str,))
        if len(fields) < 2:
            raise Refusal(400, "The fields 'folder' and 'path' are needed.")
        if not fields["path"]:
            raise Refusal(400, "The field 'path' must be the path of a file.")
        entry = await self._service.add(fields["folder"], fields["path"])
        return {"file": None if entry is None else describe(entry)}


class _File(Endpoint):
    """One file."""

    def __init__(self, guard: Guard, service: Controlled, id: int) -> None:
        super().__init__(guard, get=self._show)
        self._service = service
        self._id = id

    def getChild(self, path: bytes, request: Request) -> Resource:
        """What can be done to it; see Twisted."""
        doing: Callable[[int], Deferred[Entry]] | None = {
            b"retry": self._service.retry,
            b"hold": self._service.hold,
            b"release": self._service.release,
            b"cancel": self._service.cancel,
            b"again": self._service.again,
        }.get(path)
        if doing is None:
            return super().getChild(path, request)

        async def do(request: Request) -> Mapping[str, Any]:
            sent_fields(request)
            return {"file": describe(await doing(self._id))}

        return Endpoint(self.guard, post=do)

    async def _show(self, request: Request) -> Mapping[str, Any]:
        Query(request)
        return {"file": describe(await _journal_of(self._service).entry(self._id))}


def _journal_of(service: Controlled) -> Journal:
    if service.journal is None:
        raise Refusal(503, "The service has no journal now.")
    return service.journal


def _state_of(name: str) -> PushState:
    try:
        return PushState(name)
    except ValueError:
        raise Refusal(400, f"There is no state {name!r}.")
