"""
A web server that hands bodies on while they arrive.

Twisted's own requests collect the whole body, and parse forms in memory.  These give a resource
that wants it (:class:`~txresumable.receiver.resource.IBodyTaker`) each piece of the body as it
comes from the network, and make the network wait when the disk has to be waited for.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.http import HTTPChannel
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from .arrival import Arrival
from .resource import IBodyTaker, ReceiverResource
from .store import Store

__all__ = ["ReceiverSite", "StreamedRequest", "make_site"]

_LONGEST_HEAD = 64 * 1024
_WITHOUT_BODY = (b"GET", b"HEAD", b"OPTIONS")
_LOOK_EVERY = 20.0
_LINGER = 10.0
_DRAINED = 1024 * 1024


class StreamedRequest(Request):
    """
    A request whose body goes to its resource as it arrives.

    :ivar arrival: what takes the body, if the resource does.
    """

    arrival: Arrival | None = None
    channel: ReceiverChannel
    _left: int | None = None
    _unread = 0
    _early = False

    def gotLength(self, length: int | None) -> None:
        self.method, self.uri, self.clientproto = self.channel.head
        self.path = self.uri.partition(b"?")[0]
        self.arrival = None if self.method in _WITHOUT_BODY else self._taker()
        if self.arrival is None:
            super().gotLength(length)  # type: ignore[no-untyped-call]
            return
        self._left = length
        self.content = BytesIO()
        self.arrival.pause = self.channel.hold
        self.arrival.resume = self.channel.go_on
        if self.arrival.over and self.requestHeaders.hasHeader("Expect"):
            # The client waits to hear whether it shall send the body.
            self.requestHeaders.removeHeader("Expect")
            self._answer_early()

    def handleContentChunk(self, data: bytes) -> None:
        if self.arrival is None:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]
            return
        self.arrival.feed(data)
        if self._left is not None:
            self._left -= len(data)
        if self.arrival.over and not self._early:
            self._unread += len(data)
            if (self._unread if self._left is None else self._left) > _DRAINED:
                self._answer_early()

    def process(self) -> None:
        if self.arrival is not None:
            self.arrival.end()
        super().process()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure) -> None:
        if self.arrival is not None:
            self.arrival.lost()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _answer_early(self) -> None:
        """Refuse without the rest of the body, which is too long to be worth the wait."""
        self._early = True
        self.args = {}
        self.responseHeaders.setRawHeaders("Connection", ["close"])
        self.channel.ignore_the_rest()
        self.process()

    def _taker(self) -> Arrival | None:
        site = self.site = self.channel.site
        self.prepath = []
        self.postpath = [unquote_to_bytes(part) for part in self.path[1:].split(b"/")]
        resource = site.getResourceFor(self)  # type: ignore[no-untyped-call]
        if not IBodyTaker.providedBy(resource):
            return None
        arrival: Arrival | None = resource.take_body(self)
        return arrival


class ReceiverChannel(HTTPChannel):
    """
    One connection.

    :ivar head: the method, the target and the version of the request that is arriving.
    """

    MAX_LENGTH = _LONGEST_HEAD
    totalHeadersSize = _LONGEST_HEAD
    head = (b"", b"", b"")
    site: ReceiverSite
    transport: Any
    _held = False
    _ignoring = False
    _lingering: Any = None
    _got = 0
    _watch: Any = None
    _log = Logger()

    def connectionMade(self) -> None:
        super().connectionMade()  # type: ignore[no-untyped-call]
        if not self.site.admit(self):
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.site.forget(self)
        self._arrived()
        if self._lingering is not None and self._lingering.active():
            self._lingering.cancel()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def dataReceived(self, data: bytes) -> None:
        if self._ignoring:
            return
        if not self.requests:
            self._look()
        super().dataReceived(data)  # type: ignore[no-untyped-call]
        self._got += len(data)

    def lineReceived(self, line: bytes) -> None:
        if not self.requests:
            method, _, rest = line.partition(b" ")
            target, _, version = rest.rpartition(b" ")
            self.head = method, target, version
            self._look()
        super().lineReceived(line)  # type: ignore[no-untyped-call]

    def allContentReceived(self) -> None:
        if self._ignoring:
            return
        self._arrived()
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def hold(self) -> None:
        """Let the network wait."""
        self._held = True
        self.transport.pauseProducing()

    def go_on(self) -> None:
        """Let it go on."""
        self._held = False
        self._got += self._enough()
        if not self.transport.disconnecting:
            self.transport.resumeProducing()

    def ignore_the_rest(self) -> None:
        """Take no more from this connection: what is being answered is the last."""
        self.persistent = False
        self._ignoring = True
        self._arrived()

    def loseConnection(self) -> None:
        """
        Close.  If the peer is still sending, close the one direction first: otherwise it would
        hear of a broken connection and not of the answer.
        """
        close_one = getattr(self.transport, "loseWriteConnection", None)
        if not self._ignoring or close_one is None:
            super().loseConnection()  # type: ignore[no-untyped-call]
        elif self._lingering is None:
            close_one()
            self._lingering = self.callLater(  # type: ignore[no-untyped-call]
                _LINGER, self.transport.abortConnection
            )

    def _enough(self) -> int:
        return int(self.site.min_rate * _LOOK_EVERY)

    def _look(self) -> None:
        """Look again in a while whether the request has come on."""
        if self._watch is not None:
            return
        self._got = 0
        self._watch = self.callLater(_LOOK_EVERY, self._looked)  # type: ignore[no-untyped-call]

    def _looked(self) -> None:
        self._watch = None
        if self._held or self._got >= self._enough():
            self._look()
        else:
            self._log.info("a request arrives too slowly")
            self.transport.abortConnection()

    def _arrived(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()


class ReceiverSite(Site):
    """
    A site whose resources may take bodies as they arrive.

    :param resource: its root.
    :param max_connections: the most connections that one address may have at a time; 0 for any
        number.  Behind a proxy all come from one.
    :param min_rate: the fewest bytes a second that a request may arrive with, once it has begun;
        slower ones are cut off.
    :param options: what :class:`twisted.web.server.Site` takes.
    :ivar connections: the connections that there are, with the addresses of their peers.
    """

    protocol = ReceiverChannel  # type: ignore[assignment]
    _log = Logger()

    def __init__(
        self,
        resource: IResource,
        *,
        max_connections: int = 256,
        min_rate: float = 256,
        **options: Any,
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            resource, requestFactory=StreamedRequest, **options
        )
        self.min_rate = min_rate
        self._max_connections = max_connections
        self.connections: dict[ReceiverChannel, str] = {}

    def acceptableProtocols(self) -> list[bytes]:
        """HTTP/1.1."""
        return [b"http/1.1"]

    def log(self, request: http.Request) -> None:
        """Log nothing for each request: there are thousands, and their URLs are private."""

    def admit(self, channel: ReceiverChannel) -> bool:
        """Whether a new connection may stay, as far as others from its address go."""
        host = str(getattr(channel.transport.getPeer(), "host", ""))
        limit = self._max_connections if host else 0
        if limit and list(self.connections.values()).count(host) >= limit:
            self._log.warn("too many connections from {host}", host=host)
            return False
        self.connections[channel] = host
        return True

    def forget(self, channel: ReceiverChannel) -> None:
        """A connection has ended."""
        self.connections.pop(channel, None)

    def drop_connections(self) -> None:
        """Cut all connections off."""
        for channel in list(self.connections):
            channel.transport.abortConnection()


def make_site(
    store: Store,
    *,
    reactor: Any = None,
    max_connections: int = 256,
    min_rate: float = 256,
    **options: Any,
) -> ReceiverSite:
    """
    A site that is a receiver and nothing else.

    :param store: where files go.
    :param reactor: whose clock to use; the installed one by default.
    :param max_connections: see :class:`ReceiverSite`.
    :param min_rate: see :class:`ReceiverSite`.
    :param options: what :class:`ReceiverResource` takes.
    """
    return ReceiverSite(
        ReceiverResource(store, **options),
        reactor=reactor,
        max_connections=max_connections,
        min_rate=min_rate,
    )
