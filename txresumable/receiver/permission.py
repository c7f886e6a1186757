"""
Whose a request is, and what it may do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, Union

from twisted.logger import Logger
from twisted.web.server import Request

from .arguments import check_callable
from .store.announced import AnnouncedFile
from .store.chunk import Chunk
from .store.refused import Refused
from .web.throttle import LogThrottle

__all__ = ["Authorize", "Owner", "Permission", "one_owner"]

Owner = Callable[[Request], Union[str, Awaitable[str]]]
Authorize = Callable[[Request, AnnouncedFile], Union[bool, Awaitable[Union[bool, None]], None]]


def one_owner(request: Request) -> str:
    """All uploads belong to one."""
    return ""


class Permission:
    """
    Asks an application about requests.

    :param owner: says whose one is.
    :param authorize: says whether it may be, if it is asked.
    """

    _log = Logger()

    def __init__(self, owner: Owner, authorize: Authorize | None) -> None:
        self._owner = check_callable("owner", owner)
        self._authorize = check_callable("authorize", authorize, none=True)
        self._failures = LogThrottle()

    async def owner_of(self, request: Request) -> str:
        """
        Whose a request is.

        :raises Refused: if nobody's, and with 500 if that cannot be said.
        """
        owner = await self._ask("owner", self._owner, request)
        if not isinstance(owner, str):
            raise self._failed("owner", f"returned {owner!r}, and no str")
        return owner

    async def admit(self, request: Request, chunk: Chunk) -> str:
        """
        Whose a request is that is about a chunk, and may be.

        :raises Refused: as both others.
        """
        owner = await self.owner_of(request)
        await self.check(request, owner, chunk)
        return owner

    async def check(self, request: Request, owner: str, chunk: Chunk) -> None:
        """
        Look whether a request that is about a chunk may be.

        :raises Refused: with 403, or another status, if it may not be.
        """
        if self._authorize is None:
            return
        file = AnnouncedFile.of(owner, chunk)
        allowed = await self._ask("authorize", self._authorize, request, file)
        if allowed is False:
            raise Refused(403, "this is not allowed")
        if allowed is not True and allowed is not None:
            raise self._failed("authorize", f"returned {allowed!r}, and no bool")

    async def _ask(self, name: str, function: Callable[..., Any], *arguments: object) -> Any:
        try:
            found = function(*arguments)
            return await found if isawaitable(found) else found
        except (Refused, GeneratorExit):
            raise
        except BaseException:
            # What asyncio raises, for one, need not be an Exception.
            raise self._failed(name, "failed") from None

    def _failed(self, name: str, how: str) -> Refused:
        if self._failures.passes():
            self._log.failure(
                "{name} {how} ({more} such failures were not logged)",
                name=name,
                how=how,
                more=self._failures.held_back(),
            )
        return Refused(500, "the receiver failed")
