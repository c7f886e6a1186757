"""
A request whose body is passed on while it arrives.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.python.failure import Failure
from twisted.web.guard import HTTPAuthSessionWrapper
from twisted.web.http import parse_qs
from twisted.web.resource import IResource, getChildForRequest
from twisted.web.server import Request
from twisted.web.util import DeferredResource
from zope.interface import Interface

from ..._protocol.phrase import reason_phrase
from ..store.refused import Refused
from .arrival import Arrival
from .channel import ReceiverChannel
from .private import UnauthorizedResource
from .response import Response, refusal

__all__ = ["IBodyTaker", "StreamedRequest"]

_DRAINED = 1024 * 1024
_BIG = 128 * 1024
_ELSEWHERE = 1
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
    _is_refused = False

    def gotLength(self, length: int | None) -> None:
        self.method, self.uri, self.clientproto = self.channel.head
        self.path = self.uri.partition(b"?")[0]
        self.content = BytesIO()
        if self.channel.site.is_draining:
            self._respond_at_once(refusal(Refused(503, "the receiver is stopping", _ELSEWHERE)))
            return
        if length == 0 and self.method in _WITHOUT_BODY:
            return
        if length is None or length > _BIG:
            self.channel.expect_much()
        self._left = length
        self.arrival = self._taker()
        if self.arrival is None:
            if length is not None and length > self.channel.site.max_body:
                self._too_long()
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
            self._too_long()
        else:
            self.content.write(data)

    def _too_long(self) -> None:
        """Respond without the body: a resource that takes none as it arrives gets no long one."""
        if self._is_refused:
            self._respond_early()
            return
        reason = b"There is no room here for more than %d bytes.\n" % self.channel.site.max_body
        self._respond_at_once(Response(413, reason, type="text/plain; charset=utf-8"))

    def _respond_at_once(self, response: Response) -> None:
        """Respond without a resource, and without the body."""
        self._ignore_the_rest()
        self.setResponseCode(response.status, reason_phrase(response.status))
        about = {"Content-Type": response.type, "Content-Length": str(len(response.body))}
        for name, value in {**about, **response.headers}.items():
            self.responseHeaders.setRawHeaders(name, [value])
        self.write(b"" if self.method == b"HEAD" else response.body)  # type: ignore[no-untyped-call]
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
            resource = self._behind_login(self.site.getResourceFor(self))
            self._is_refused = isinstance(resource, UnauthorizedResource)
            if not IBodyTaker.providedBy(resource):
                return None
            arrival: Arrival | None = resource.take_body(self)
        except Exception:
            # Twisted meets the same once the body is there, logs it, and responds with 500.
            return None
        return arrival

    def _behind_login(self, resource: IResource) -> IResource:
        """The resource for whoever has logged in, if a wrapper of Twisted's knows it at once."""
        if isinstance(resource, HTTPAuthSessionWrapper):
            # It stands for what it wraps.
            self.prepath = [*(self.prepath or ()), b""]
            resource = resource.getChildWithDefault(b"", self)
        if not isinstance(resource, DeferredResource):
            return resource
        found: list[IResource] = []
        resource.d.addCallbacks(found.append, lambda _: None)
        if not found:
            return resource
        behind: IResource = getChildForRequest(found[0], self)
        # What logs out at the end hides what the resource is.
        inner: IResource = getattr(behind, "resource", behind)
        return inner
