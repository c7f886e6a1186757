"""
A connection to a real receiver, without a network: one request in, one response out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from .receiver import Response
from .request import SentRequest

__all__ = ["Line", "written"]


def written(request: SentRequest) -> bytes:
    """
    The bytes of a request, as far as it was sent.

    :param request: the request.
    """
    _, _, rest = request.url.partition("://")
    host, _, path = rest.partition("/")
    lines = [f"{request.method} /{path} HTTP/1.1", f"Host: {host}"]
    for name, values in request.headers.getAllRawHeaders():
        lines += [f"{name.decode('latin-1')}: {value.decode('latin-1')}" for value in values]
    if request.is_upload:
        lines.append(f"Content-Length: {request.length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body


class Line(StringTransport):
    """
    A connection.

    :ivar is_over: whether it has ended.
    :ivar replied: fires with the :class:`~txresumable.testing.Response`, or with :data:`None` when
        the connection ends without one.
    """

    def __init__(
        self, clock: Any, pieces: list[bytes], is_whole: bool, delay: Callable[[], float]
    ) -> None:
        """
        :param clock: an ``IReactorTime``.
        :param pieces: what is sent, one after the other.
        :param is_whole: whether that is all of a request; otherwise the connection ends then.
        :param delay: seconds until the next piece.
        """
        super().__init__(peerAddress=IPv4Address("TCP", "192.0.2.1", 50000))  # type: ignore[no-untyped-call]
        self.replied: Deferred[Response | None] = Deferred()
        self._clock = clock
        self._pieces = pieces
        self._is_whole = is_whole
        self._delay = delay
        self.is_over = False

    def open(self, site: Any) -> None:
        """
        Connect, and begin to send.

        :param site: the receiver's site.
        """
        self._protocol = site.buildProtocol(self.getPeer())  # type: ignore[no-untyped-call]
        self._protocol.makeConnection(self)
        self._next()

    def _next(self) -> None:
        if self.is_over or self.producerState == "paused":
            return
        if self._pieces:
            self._protocol.dataReceived(self._pieces.pop(0))
            self._clock.callLater(self._delay(), self._next)
        elif not self._is_whole:
            self.end()

    def end(self) -> None:
        """The connection ends."""
        if not self.is_over:
            self.is_over = True
            self._protocol.connectionLost(Failure(ConnectionDone()))
            self._conclude(None)

    def drop(self) -> None:
        """The receiver's process is gone, and the connection with it."""
        self.is_over = True
        self._conclude(None)

    def _conclude(self, reply: Response | None) -> None:
        if not self.replied.called:
            self.replied.callback(reply)

    # What the receiver does with it ------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """The receiver writes."""
        if self.is_over:
            return
        super().write(data)  # type: ignore[no-untyped-call]
        reply = _reply(self.value())  # type: ignore[no-untyped-call]
        if reply is not None:
            self._conclude(reply)
            self._clock.callLater(0, self.end)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """The receiver writes a head, which is all that there is of a 204."""
        self.write(b"".join(data))

    def resumeProducing(self) -> None:
        """The receiver takes more."""
        super().resumeProducing()  # type: ignore[no-untyped-call]
        self._clock.callLater(0, self._next)

    def loseConnection(self) -> None:
        """The receiver ends the connection."""
        super().loseConnection()  # type: ignore[no-untyped-call]
        self._clock.callLater(0, self.end)

    def abortConnection(self) -> None:
        """The receiver breaks the connection."""
        self.loseConnection()


def _reply(data: bytes) -> Response | None:
    """What was written, once it is whole."""
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    length = int(headers.get("Content-Length", "0"))
    if len(body) < length:
        return None
    return Response(int(first.split()[1]), body[:length], headers)
