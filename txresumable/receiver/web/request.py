"""
A request whose body is passed on while it arrives.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.python.failure import Failure
from twisted.web.http import REQUEST_ENTITY_TOO_LARGE, parse_qs
from twisted.web.server import Request
from zope.interface import Interface

from .arrival import Arrival
from .channel import ReceiverChannel

__all__ = ["IBodyTaker", "StreamedRequest"]

_DRAINED = 1024 * 1024
_WITHOUT_BODY = (b"GET", b"HEAD", b"DELETE", b"OPTIONS")


class IBodyTaker(Interface):
    """A resource that takes request bodies while they arrive."""

    def take_body(request: Request) -> Arrival | None:  # noqa: N805
        """
        Called when the head of a request with a body is there.

        :returns: what takes its body, or :data:`None` to leave the body to the server.
        """


class StreamedRequest(Request):
    """
    A request whose body goes to its resource as it arrives, or, if that takes none, into memory.

    :ivar arrival: what takes the body, if the resource does.
    """

    arrival: Arrival | None = None
    channel: ReceiverChannel
    _args: dict[bytes, list[bytes]] | None = None
    _left: int | None = None
    _unread = 0
    _early = False

    def gotLength(self, length: int | None) -> None:
        self.method, self.uri, self.clientproto = self.channel.head
        self.path = self.uri.partition(b"?")[0]
        self.content = BytesIO()
        if length == 0 and self.method in _WITHOUT_BODY:
            return
        self._left = length
        self.arrival = self._taker()
        if self.arrival is None:
            if length is not None and length > self.channel.site.max_body:
                self._refuse_body()
            return
        self.arrival.pause = self.channel.pause_reading
        self.arrival.resume = self.channel.resume_reading
        self.arrival.cut_off = self._respond_early
        if self.arrival.over and self.requestHeaders.hasHeader("Expect"):
            # The client waits to hear whether it shall send the body.
            self._respond_early()

    @property
    def args(self) -> dict[bytes, list[bytes]]:
        """
        The parameters of the URL, and of a form that Twisted has parsed.

        Twisted sets them once the body is there.  An owner may read them before, and few do.
        """
        if self._args is None:
            self._args = parse_qs(self.uri.partition(b"?")[2], True)
        return self._args

    @args.setter
    def args(self, args: dict[bytes, list[bytes]]) -> None:
        self._args = args

    def handleContentChunk(self, data: bytes) -> None:
        if self._early:
            return
        if self.arrival is None:
            self._collect(data)
            return
        self.arrival.feed(data)
        if self._left is not None:
            self._left -= len(data)
        if self.arrival.over:
            self._unread += len(data)
            if (self._unread if self._left is None else self._left) > _DRAINED:
                self._respond_early()

    def process(self) -> None:
        if self.arrival is not None:
            self.arrival.end()
        super().process()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure) -> None:
        self.cut_short()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def cut_short(self) -> None:
        """The rest of the body will not come."""
        if self.arrival is not None:
            self.arrival.lost()

    def _collect(self, data: bytes) -> None:
        """Keep the body for a resource that knows nothing of this."""
        assert self.content is not None
        if self.content.tell() + len(data) > self.channel.site.max_body:
            self._refuse_body()
        else:
            self.content.write(data)

    def _refuse_body(self) -> None:
        self._ignore_the_rest()
        self.setResponseCode(REQUEST_ENTITY_TOO_LARGE)
        self.responseHeaders.setRawHeaders("Content-Length", ["0"])
        self.finish()  # type: ignore[no-untyped-call]

    def _respond_early(self) -> None:
        """Refuse without the rest of the body, which is too long to be worth the wait."""
        self._ignore_the_rest()
        self.process()

    def _ignore_the_rest(self) -> None:
        self._early = True
        # Twisted would ask for the body after all.
        self.requestHeaders.removeHeader("Expect")
        self.responseHeaders.setRawHeaders("Connection", ["close"])
        self.channel.ignore_the_rest()

    def _taker(self) -> Arrival | None:
        self.site: Any = self.channel.site
        self.prepath = []
        self.postpath = [unquote_to_bytes(part) for part in self.path[1:].split(b"/")]
        try:
            resource = self.site.getResourceFor(self)
            if not IBodyTaker.providedBy(resource):
                return None
            arrival: Arrival | None = resource.take_body(self)
        except Exception:
            # Twisted meets the same once the body is there, logs it, and responds with 500.
            return None
        return arrival
