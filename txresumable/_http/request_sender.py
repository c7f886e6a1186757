"""
The sending half of a connection.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.interfaces import IPushProducer
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from zope.interface import implementer

from .batch import WriteBatch
from .body import IDirectConsumer, IRequestBody
from .response import LIMIT
from .tls_writer import TLSWriter
from .unsent import SendQueue

__all__ = ["RequestSender", "SenderListener"]

TURN = 1536 * 1024
"""
Bytes of a request that are written straight to the kernel before other connections get their turn:
a chunk of the default size in one go, and no more than a millisecond or so of the reactor's time.
"""
LEAST, MOST = 120 * 1024, 1024 * 1024
"""
Bytes that are worth reading at a time: with fewer, the calls cost more than the bytes; more do not
fit into a buffer that a source lends.
"""
_MORE = getattr(socket, "MSG_MORE", 0)


class SenderListener(Protocol):
    """The connection whose requests are sent."""

    def send_failed(self, failure: Failure) -> None:
        """The body of the request cannot be read, so that the request remains incomplete."""

    def abort(self) -> None:
        """Close the connection."""


@implementer(IPushProducer, IDirectConsumer)
class RequestSender:
    """
    Sends one request after the other: straight to the kernel as far as it has room, over TLS as
    well, or else through the transport.

    :ivar queue: what was written and not sent yet.
    :ivar body: what is being sent; :data:`None` once it was handed over or stopped.
    :ivar read_size: see :class:`~txresumable._http.body.IDirectConsumer`.
    :ivar given: how many bytes of the request were given to the transport and the kernel.
    :ivar began: when the request began, in seconds of the clock.
    :ivar moved: when a byte of it was last seen to move.
    """

    __slots__ = (
        "_batch",
        "_below",
        "_closed",
        "_direct",
        "_head",
        "_held",
        "_listener",
        "_registered",
        "_room",
        "_seconds",
        "_sendmsg",
        "_tls",
        "_turn_budget",
        "_turn_bytes",
        "_unsent",
        "began",
        "body",
        "given",
        "moved",
        "queue",
        "read_size",
    )

    def __init__(
        self,
        transport: Any,
        secure: bool,
        *,
        seconds: Callable[[], float],
        batch: WriteBatch,
        listener: SenderListener,
    ) -> None:
        """
        :param transport: connected.
        :param secure: whether it is a TLS transport.
        :param seconds: monotonic time.
        :param batch: holds small requests until others can go out with them.
        :param listener: notified of failures.
        """
        self._seconds = seconds
        self._batch = batch
        self._listener = listener
        self.queue = SendQueue(transport)
        # Not a transport that wraps another one, as it may not send what it is given.
        self._tls = TLSWriter.over(transport) if secure else None
        self._below = transport if self._tls is None else self._tls.transport
        self._direct = self._tls is not None or (not secure and isinstance(transport, Connection))
        way = self.queue.socket if self._tls is None else self._tls
        self._sendmsg: Any = getattr(way, "sendmsg", None)
        self._direct = self._direct and self._sendmsg is not None
        self.read_size = 0
        # What is encrypted is not read again later: how much the kernel takes is found from below.
        self._room = MOST if self._tls is None else LEAST
        self._closed = self._registered = False
        self._head = self._held = b""
        self.body: IRequestBody | None = None

    @property
    def is_written(self) -> bool:
        """Whether the kernel has all of the request."""
        return self.body is None and not self._held and not self.queue.buffered()

    def start(self, head: bytes, body: IRequestBody | None) -> None:
        """
        Send a request.

        :param head: request line and header fields, including the empty line.
        :param body: of known length; it is sent as it is.
        """
        self.began = self.moved = self._seconds()
        self.given = self._unsent = 0
        self._turn_budget, self._turn_bytes = TURN, 0
        if body is not None:
            self.body, self._head = body, head
            try:
                request = body.whole(head)
            except BaseException:  # as a Deferred does: a user's file object raises anything
                self._unsendable(Failure())
                return
            if request is None:
                self._stream(body)
                return
            self.body, self._head = None, b""
            head = request
        if self._batch.hold(self):
            self._held = head
        else:
            self.write(head)

    def release(self) -> None:
        """Send the request that was held, unless it has been cancelled."""
        held, self._held = self._held, b""
        if held:
            self.write(held)

    def abort(self) -> None:
        """Close the connection."""
        self._listener.abort()

    def close(self) -> None:
        """Send nothing more: the connection is closing, or is lost."""
        self._closed = True
        self._head = self._held = b""

    def look(self) -> None:
        """Check whether the kernel has sent anything.  To be called twice a second or so."""
        unsent = self.queue.unsent()
        # A body that a rate limit holds back says nothing about the peer.
        if unsent != self._unsent or (self.body is not None and self.body.is_held_back):
            self._unsent = unsent
            self.moved = self._seconds()

    # The body's consumer -----------------------------------------------------------------------

    def _stream(self, body: IRequestBody) -> None:
        if body.length > LIMIT * 2:
            # Bytes that go straight to the kernel leave nothing to pause for: what matters is when
            # the transport has room again, which it tells a pull producer.  It also pulls at once,
            # whatever it has buffered.
            self._below.registerProducer(self, not self._direct)
            self._registered = self.body is not None
        if self.body is None:  # the connection is already lost
            return
        body.startProducing(self).addCallbacks(self._forget_body, self._unsendable)

    def write(self, data: bytes) -> None:
        self.moved = self._seconds()
        head, self._head = self._head, b""
        if head:
            data = head + data
        taken = self._give([data])
        if taken < len(data):
            self.given += self.queue.write(data[taken:] if taken else data)
        elif self._tls is None or not self._tls.left:
            return
        if self._direct and self._registered and self.body is not None:
            self.body.pauseProducing()

    def write_some(self, parts: Sequence[bytes | memoryview]) -> int:
        if self._head:
            # With MSG_MORE the kernel sends the head together with what follows: a loopback peer
            # is woken once for a chunk and not at every segment.
            self._head = self._head[self._give([self._head], _MORE) :]
        taken = 0 if self._head else self._give(parts)
        self._turn_bytes += taken
        whole = taken == sum(map(len, parts))
        if self._tls is not None and taken and self._tls.left:
            whole = False
            self._turn_bytes -= min(self._tls.left, taken)
        if not whole or self._turn_bytes > self._room:
            self._room = self._turn_bytes
        if whole and self._turn_budget > 0:
            self.read_size = self._next_read()
        else:
            self.read_size = 0
            # What the transport has buffered it is sending already; it resumes us after that.
            if not self._closed and not self.queue.buffered():
                self._below.startWriting()
        return taken

    def _next_read(self) -> int:
        """How much the kernel is likely to take, by the last time: more would be read in vain."""
        return min(MOST, max(LEAST, self._room - self._turn_bytes))

    def _give(self, parts: Sequence[bytes | memoryview], flags: int = 0) -> int:
        """:returns: how many bytes the kernel took; 0 if other connections get their turn."""
        if self._closed or not self._direct or self._turn_budget <= 0:
            return 0
        if self.queue.buffered():  # those come first
            return 0
        try:
            taken: int = self._sendmsg(parts, (), flags)
        except OSError:  # it is full, or the connection is broken: the transport will notice
            return 0
        self.given += taken
        if self._tls is not None:
            self.given += self._tls.overhead
        self._turn_budget -= taken
        return taken

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Nothing to do: the body is known already."""

    def unregisterProducer(self) -> None:
        """Nothing to do: the body is forgotten when its Deferred fires."""

    # The transport's producer ------------------------------------------------------------------

    def pauseProducing(self) -> None:
        if self.body is not None:
            self.body.pauseProducing()

    def resumeProducing(self) -> None:
        self.moved = self._seconds()
        self._turn_budget, self._turn_bytes = TURN, 0
        if self.body is not None:
            if self._direct:
                self.read_size = self._next_read()
            self.body.resumeProducing()

    def stopProducing(self) -> None:
        """Stop the body."""
        body = self.body
        if body is not None:
            self._forget_body()
            body.stopProducing()

    def _unsendable(self, failure: Failure) -> None:
        if self.body is not None:
            self._listener.send_failed(failure)

    def _forget_body(self, _: object = None) -> None:
        self.body = None
        if self._registered:
            self._registered = False
            self.read_size = 0
            self._below.unregisterProducer()
