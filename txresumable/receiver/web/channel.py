"""
A connection of the receiver.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from zope.interface import implementer

from .pace import Pace
from .phase import Phase
from .private import unparsed, waits_for_transport

__all__ = ["ChannelSite", "ReceiverChannel"]

_LONGEST_HEAD = 64 * 1024
# RFC 9112, 3.2.2: a server has to accept the absolute form.
_ABSOLUTE = re.compile(rb"([^ ]+ )https?://[^/? ]*([^ ]*)( .*)\Z", re.IGNORECASE)
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_HEAD_END = b"\r\n\r\n"
_HANDSHAKE = b"\x16"  # how TLS begins, and no method of HTTP
_MUCH, _USUAL = 256 * 1024, 64 * 1024
_LONG = 16 * 1024
_DEAF = (Phase.REFUSING, Phase.CLOSING)


class ChannelSite(Protocol):
    """What a connection, and its requests, need of their site."""

    min_rate: float
    max_body: int
    is_draining: bool
    clock: Any

    def admit(self, channel: ReceiverChannel) -> bool:
        """Whether a new connection may stay."""

    def forget(self, channel: ReceiverChannel) -> None:
        """A connection has ended."""

    def getResourceFor(self, request: Any) -> Any:
        """The resource that a request is for, as Twisted's sites find it."""


@implementer(IHalfCloseableProtocol)
class ReceiverChannel(HTTPChannel):
    """
    One connection: it says early where a request goes, can be made to wait, and does not wait
    for ever for those who trickle (see :class:`~txresumable.receiver.web.pace.Pace`).

    It closes so that the peer can read the last response, even if it is still sending: of a
    connection that is closed with something unread, the peer would hear that it broke.

    :ivar head: the method, the target and the version of the request that is arriving.
    """

    MAX_LENGTH = _LONGEST_HEAD
    totalHeadersSize = _LONGEST_HEAD
    head = (b"", b"", b"")
    site: ChannelSite
    transport: Any
    callLater: Any
    _pace: Pace
    _held = False
    _peer_has_ended = False
    _log = Logger()

    def connectionMade(self) -> None:
        # The base class would count a peer as idle that is made to wait.
        idle, self.timeOut = self.timeOut, None
        self._pace = Pace(
            self.site.clock.callLater,
            self.site.clock.seconds,
            idle=idle,
            min_rate=self.site.min_rate,
            exceeded=self._too_slow,
        )
        super().connectionMade()  # type: ignore[no-untyped-call]
        if not self.site.admit(self):
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.site.forget(self)
        self._pace.stop()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def readConnectionLost(self) -> None:
        """The peer has sent its last: it still gets its responses."""
        self._peer_has_ended = True
        if self._pace.phase is Phase.CLOSING:
            self.transport.loseConnection()
        else:
            self._end_with_the_peer()

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request."""
        return self._pace.phase is Phase.IDLE

    def writeConnectionLost(self) -> None:
        """What was written is sent; what the peer still sends is awaited."""

    def dataReceived(self, data: bytes) -> None:
        if data[:1] == _HANDSHAKE and self._pace.phase is Phase.IDLE:
            self._refuse_malformed()  # else both would wait, for the end of a line and for TLS
            return
        if self.line_mode and len(data) > _LONG:
            # Twisted copies what follows a line, for each line.
            head, end, data = data.partition(_HEAD_END)
            self._take(head + end)
        if data:
            self._take(data)

    def _take(self, data: bytes) -> None:
        if self._pace.phase in _DEAF:
            self._pace.received(len(data))
            return
        super().dataReceived(data)  # type: ignore[no-untyped-call]
        phase = self._pace.phase
        if phase in (Phase.IDLE, Phase.ARRIVING):
            now = Phase.ARRIVING if self.requests or unparsed(self) else Phase.IDLE
            if now is not phase:
                self._pace.enter(now)
        self._pace.received(len(data))

    def lineReceived(self, line: bytes) -> None:
        if not self.requests:
            absolute = _ABSOLUTE.match(line)
            if absolute is not None:
                method, target, version = absolute.groups()
                line = method + (target if target.startswith(b"/") else b"/" + target) + version
            method, _, rest = line.partition(b" ")
            target, _, version = rest.rpartition(b" ")
            self.head = method, target, version
        super().lineReceived(line)  # type: ignore[no-untyped-call]

    def headerReceived(self, line: bytes) -> bool:
        try:
            good: bool = super().headerReceived(line)  # type: ignore[no-untyped-call]
        except ValueError:
            # A length of thousands of digits.
            self._refuse_malformed()
            good = False
        return good

    def lineLengthExceeded(self, line: bytes) -> None:
        self._refuse_malformed()

    def expect_much(self) -> None:
        """Read more at once until the end of the body: a read takes as long as to copy 100 KiB."""
        self.transport.bufferSize = _MUCH

    def allContentReceived(self) -> None:
        self.transport.bufferSize = _USUAL
        if self._pace.phase not in _DEAF:
            self._pace.enter(Phase.RESPONDING)
            super().allContentReceived()  # type: ignore[no-untyped-call]

    def requestDone(self, request: Request) -> None:
        if self._pace.phase is Phase.RESPONDING:
            self._pace.enter(Phase.IDLE)
        super().requestDone(request)  # type: ignore[no-untyped-call]
        if self._peer_has_ended:
            self._end_with_the_peer()

    def resumeProducing(self) -> None:
        super().resumeProducing()  # type: ignore[no-untyped-call]
        if self._held:
            self.transport.pauseProducing()

    def pause_reading(self) -> None:
        """Read no more for now."""
        self._held = True
        self._pace.pause()
        self.transport.pauseProducing()

    def resume_reading(self) -> None:
        """Read on."""
        self._held = False
        self._pace.resume()
        if not (self.transport.disconnecting or waits_for_transport(self)):
            self.transport.resumeProducing()

    def ignore_the_rest(self) -> None:
        """Take no more from this connection: the response that is under way is the last."""
        self.persistent = False
        self._pace.enter(Phase.REFUSING)
        self.clearLineBuffer()  # type: ignore[no-untyped-call]

    def drain(self) -> None:
        """Respond to the request that is under way, and close then."""
        if self.is_idle:
            self._close_after_what_was_written()
            return
        for request in self.requests:
            self.persistent = False
            request.responseHeaders.setRawHeaders("Connection", ["close"])

    def loseConnection(self) -> None:
        """
        Close, when what was written is sent.

        Over TCP that closes the one direction first; over TLS the peer is notified, and
        closes the connection then.
        """
        if self._pace.phase is Phase.CLOSING:
            return
        self._cut_short()
        self._pace.enter(Phase.CLOSING)
        self.clearLineBuffer()  # type: ignore[no-untyped-call]
        secure: bool = self.isSecure()  # type: ignore[no-untyped-call]
        close_one = getattr(self.transport, "loseWriteConnection", None)
        if close_one is None or secure or self._peer_has_ended:
            super().loseConnection()  # type: ignore[no-untyped-call]
        else:
            self.transport.unregisterProducer()
            close_one()
        if not self.transport.disconnecting or secure:
            self.transport.resumeProducing()

    def _close_after_what_was_written(self) -> None:
        """
        Close without waiting for the peer, who may still be reading the last response: of a
        connection that is aborted it would not get what is not with it yet.
        """
        self._pace.enter(Phase.CLOSING)
        super().loseConnection()  # type: ignore[no-untyped-call]
        below_tls = getattr(self.transport, "transport", None)
        if below_tls is not None:
            below_tls.loseConnection()

    def _refuse_malformed(self) -> None:
        if self._pace.phase not in _DEAF:
            self.transport.write(_BAD_REQUEST)
            self.loseConnection()

    # Twisted calls it so; its own response does not say that the connection closes.
    _respondToBadRequestAndDisconnect = _refuse_malformed

    def _end_with_the_peer(self) -> None:
        """Close, unless a request that is all there waits for its response."""
        if self._pace.phase in (Phase.IDLE, Phase.ARRIVING):
            self.loseConnection()

    def _cut_short(self) -> None:
        """What has arrived of a request is of no use."""
        if self._pace.phase in (Phase.IDLE, Phase.ARRIVING):
            for request in self.requests:
                request.cut_short()

    def _too_slow(self) -> None:
        if self._pace.phase is Phase.IDLE:
            self.loseConnection()
            return
        self._log.info("a connection is too slow while {phase}", phase=self._pace.phase.value)
        self.transport.abortConnection()
