"""A client's connection, without a network."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from ..receiver_rig import Response

if TYPE_CHECKING:
    from .upload import Request


class Transport(StringTransport):
    """What the receiver writes to; may be resumed and paused at any time, as a socket may."""

    half_closed = False

    def _checkState(self) -> None:
        pass

    def loseWriteConnection(self) -> None:
        """Send no more."""
        self.half_closed = True


class Wire:
    """
    :ivar waiting: the requests that were begun here and have no response, in order.
    :ivar ended: whether the connection has ended.
    """

    def __init__(self, site: Any, number: int) -> None:
        self.number = number
        self.transport = Transport(peerAddress=IPv4Address("TCP", "192.0.2.1", 50000))
        self.protocol = site.buildProtocol(self.transport.getPeer())
        self.waiting: deque[Request] = deque()
        self.ended = False
        self._unsent: deque[list[Any]] = deque()
        self._held = 0
        self.protocol.makeConnection(self.transport)

    @property
    def is_idle(self) -> bool:
        """Whether a client would use it for its next request."""
        closing = self.transport.disconnecting or self.transport.half_closed
        return not (self.ended or closing or self.waiting or self._unsent)

    def begin(self, request: Request, data: bytes, first: int) -> None:
        """Begin a request, and send so many bytes of it."""
        self.waiting.append(request)
        self._unsent.append([request, data])
        self.more(first)

    def more(self, size: int) -> None:
        """Send some more; what the receiver does not want yet waits."""
        self._held += size
        self.pump()

    def pump(self) -> bool:
        """Let arrive what can; whether anything did."""
        moved = False
        while self._held > 0 and self._unsent and not self.ended:
            if self.transport.producerState != "producing" or self.transport.disconnecting:
                break
            request, data = self._unsent[0]
            piece, self._unsent[0][1] = data[: self._held], data[self._held :]
            self._held -= len(piece)
            if not self._unsent[0][1]:
                self._unsent.popleft()
                request.is_sent = True
            moved = True
            self.protocol.dataReceived(piece)
        if not self._unsent:
            self._held = 0
        return self.close_if_asked() or moved

    def close_if_asked(self) -> bool:
        """End, if the receiver wants that; whether it did."""
        if self.transport.disconnecting and not self.ended:
            self.lose(ConnectionDone())
            return True
        if self.transport.half_closed and not self.ended and self.number % 2:
            self.lose(ConnectionDone())
            return True
        return False

    def lose(self, reason: Exception | None = None) -> None:
        """Break it."""
        if not self.ended:
            self.ended = True
            self._unsent.clear()
            self.protocol.connectionLost(Failure(reason or ConnectionLost()))

    def responses(self) -> list[Response]:
        """What has come back since the last time, in whole responses."""
        data, found = self.transport.value(), []
        while b"\r\n\r\n" in data:
            head, _, rest = data.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
            status = int(first.split()[1])
            length = int(headers.get("content-length", "0")) if status not in (100, 204) else 0
            if len(rest) < length:
                break
            data = rest[length:]
            if status != 100:
                found.append(Response(status, headers, rest[:length]))
        self.transport.clear()
        self.transport.write(data)
        return found
