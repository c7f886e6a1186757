"""
What one URL does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from .guard import Guard
from .refusal import Refusal, refusal_of
from .request import refuse, respond

__all__ = ["Endpoint", "Handler"]

Handler = Callable[[Request], Awaitable[Mapping[str, Any]]]


class Endpoint(Resource):
    """
    A URL that responds with JSON.

    :ivar guard: whom it responds to.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        get: Handler | None = None,
        post: Handler | None = None,
        is_open: bool = False,
    ) -> None:
        """
        :param guard: whom it responds to.
        :param get: what it is asked for; raises :exc:`Refusal`, or what becomes one.
        :param post: what it does, likewise.
        :param is_open: whether it needs no token.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self.guard = guard
        self._is_open = is_open
        self._handlers: dict[bytes, Handler] = {}
        if get is not None:
            self._handlers[b"GET"] = self._handlers[b"HEAD"] = get
        if post is not None:
            self._handlers[b"POST"] = post

    def getChild(self, path: bytes, request: Request) -> Resource:
        """What there is below; see Twisted."""
        return Nothing(self.guard)

    def render(self, request: Request) -> int:
        """Respond; see Twisted."""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)
        working = Deferred.fromCoroutine(self._handle(request))

        def show(content: Mapping[str, Any]) -> None:
            if not gone:
                respond(request, 200, content)

        def fail(failure: Failure) -> None:
            refusal = refusal_of(failure)
            if not gone:
                refuse(request, refusal, ", ".join(map(bytes.decode, self._handlers)))

        working.addCallbacks(show, fail)
        return NOT_DONE_YET

    async def _handle(self, request: Request) -> Mapping[str, Any]:
        handler = self._handlers.get(request.method)
        if self._is_open:
            self.guard.check_source(request)
        else:
            self.guard.check(request, changes=request.method not in (b"GET", b"HEAD"))
        if handler is None:
            raise Refusal(405, "That method is not possible here.")
        return await handler(request)


class Nothing(Endpoint):
    """A URL that does not exist."""

    async def _handle(self, request: Request) -> Mapping[str, Any]:
        self.guard.check(request, changes=False)
        raise Refusal(404, "There is nothing at this URL.")
