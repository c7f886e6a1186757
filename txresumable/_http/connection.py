"""
One HTTP/1.1 connection of a client: requests out, answers in.

Compared with Twisted's own client protocol, an answer that comes while the body is still being
sent ends the sending, answers are read strictly and within bounds, and how long nothing moved is
known at any time.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IHandshakeListener,
    IPushProducer,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import ConnectionBroken, MalformedResponse, StaleConnection, StallTimeout
from .body import IDirectConsumer, IRequestBody
from .response import LIMIT, Response, ResponseReader
from .tls import tls_error
from .unsent import SendQueue

__all__ = ["HTTPConnection"]

TURN = 1536 * 1024
"""Bytes of a request that go straight to the kernel before other connections get their turn."""
LEAST, MOST = 120 * 1024, 1024 * 1024
"""Bytes that are worth reading at a time."""
CROSSING = 1.0
"""
Seconds after the beginning of a request in which the end of a kept connection may be one that the
server decided on before it: a round trip.  Later, the server has had the request.
"""
_MORE = getattr(socket, "MSG_MORE", 0)


class State(Enum):
    """
    Where a connection is in its life; it goes down this list and never up.
    """

    OPEN = auto()
    CLOSING = auto()
    """It was aborted, and the transport has yet to say that it is lost."""
    CLOSED = auto()


@implementer(IPushProducer, IDirectConsumer, IHandshakeListener)
class HTTPConnection(Protocol):
    """
    A connection that answers one request at a time.

    :ivar busy: whether a request is under way.
    :ivar usable: whether another one may be sent.
    :ivar idle_since: since when, in seconds of the clock, nothing was under way.
    :ivar read_size: how many bytes are worth reading for :meth:`write_some`; 0 for none now.
    """

    transport: Any

    def __init__(
        self,
        *,
        seconds: Callable[[], float],
        secure: bool = False,
        ready: Callable[[HTTPConnection], object] = lambda connection: None,
        gone: Callable[[HTTPConnection, Failure], object] = lambda connection, reason: None,
        gather: Callable[[HTTPConnection], bool] = lambda connection: False,
    ) -> None:
        """
        :param seconds: monotonic time.
        :param secure: whether TLS is to be agreed on before it is ready.
        :param ready: called when requests can be sent.
        :param gone: called when the connection has ended.
        :param gather: asked whether a request that is small can wait for :meth:`release`.
        """
        self._seconds = seconds
        self._secure = secure
        self._ready = ready
        self._gone = gone
        self._gather = gather
        self._state = State.OPEN
        self._uses = 0
        self._direct = False
        self._queue = SendQueue(None)
        self._turn_budget = self._turn = self.read_size = 0
        self._room = MOST
        self._reader = ResponseReader()
        self.idle_since = seconds()
        self._waiting: Deferred[Response] | None = None
        self._reset(None)

    def _reset(self, body: IRequestBody | None, bodiless: bool = False) -> None:
        self._reader.begin(bodiless)
        self._body = body
        self._head = self._held = b""
        self._registered = False
        self._heard: float | None = None
        self._moved = self._began = self._seconds()
        self._given = self._unsent = 0

    @property
    def busy(self) -> bool:
        return self._waiting is not None

    @property
    def usable(self) -> bool:
        return self._state is State.OPEN and self._waiting is None

    @property
    def is_quiet(self) -> bool:
        """
        Whether nothing came after the last response.

        What did is neither a response to that request nor to the next one: a connection on which
        there is anything, its end included, is not to be used again.
        """
        return self._queue.is_quiet

    # Connecting --------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        if self._state is not State.OPEN:  # aborted before it was connected
            self.transport.abortConnection()
            return
        self._queue = SendQueue(self.transport)
        # Not what merely forwards to one: what it sends is not what it is given.
        if not self._secure and isinstance(self.transport, Connection):
            self._direct = hasattr(self._queue.socket, "sendmsg")
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        if not self._secure:
            self._ready(self)

    def handshakeCompleted(self) -> None:
        self._ready(self)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        aborted, self._state = self._state is State.CLOSING, State.CLOSED
        if self._waiting is not None:
            self._ended(reason, aborted)
        self._gone(self, reason)

    def abort(self) -> None:
        """Close at once, whatever is under way; what is closed stays as it is."""
        if self._state is not State.OPEN:
            return
        self._state = State.CLOSING
        if self.transport is not None:
            self.transport.abortConnection()

    # Sending -----------------------------------------------------------------------------------

    def send(
        self, head: bytes, body: IRequestBody | None, *, bodiless: bool = False
    ) -> Deferred[Response]:
        """
        Send a request.

        :param head: request line and fields, up to the empty line and with it.
        :param body: what makes the body, of known length; it is sent as it is.
        :param bodiless: whether the answer has no body (``HEAD``).
        :returns: a Deferred that fires with the whole :class:`Response`.  It fails with a
            :class:`~txresumable.errors.TransportError`, or as the body failed; the connection is
            then closed.  Cancelling it closes the connection at once.
        """
        assert self.usable
        self._reset(body, bodiless)
        self._uses += 1
        waiting: Deferred[Response] = Deferred(self._cancelled)
        self._waiting = waiting
        self._head = head
        self._turn_budget, self._turn = TURN, 0
        if body is None:
            self._send_whole(b"")
        else:
            self._start(body)
        return waiting

    def _send_whole(self, body: bytes) -> None:
        if self._gather(self):
            self._held, self._head = self._head + body, b""
        else:
            self.write(body)

    def release(self) -> None:
        """Send what was held back, if it is still to be sent."""
        held, self._held = self._held, b""
        if held:
            self.write(held)

    def _start(self, body: IRequestBody) -> None:
        try:
            whole = body.whole()
        except BaseException:  # as a Deferred does: it comes from the user's file object
            self._unsendable(Failure())
            return
        if whole is not None:
            self._body = None
            self._send_whole(whole)
            return
        if body.length > LIMIT * 2:
            self._registered = True
            # What goes straight to the kernel leaves nothing to pause for: what matters is when
            # the rest of it is gone, which the transport tells those whom it pulls.  It pulls at
            # once, too, whatever it holds.
            self.transport.registerProducer(self, not self._direct)
            if self._direct:
                self.read_size = self._next_read()
        if self._body is None:  # the connection was lost already
            return
        try:
            producing = body.startProducing(self)
        except BaseException:  # as a Deferred does
            self._unsendable(Failure())
        else:
            producing.addCallbacks(self._sent, self._unsendable)

    def write(self, data: bytes) -> None:
        self._moved = self._seconds()
        head, self._head = self._head, b""
        if head:
            data = head + data
        taken = self._give([data])
        if taken == len(data):
            return
        self._given += self._queue.write(data[taken:] if taken else data)
        if self._direct and self._registered and self._body is not None:
            self._body.pauseProducing()

    def write_some(self, parts: Sequence[bytes | memoryview]) -> int:
        """
        Send as much as the kernel takes, and keep nothing.

        :param parts: what is to be sent one after the other.
        :returns: how many bytes of it were taken.  When there is room for more, the
            body's ``resumeProducing`` is called.
        """
        if self._head:
            # A kernel that holds these few bytes back hands on what follows in fewer pieces: a
            # loopback peer is woken once for a chunk and not at every segment.
            self._head = self._head[self._give([self._head], _MORE) :]
        taken = 0 if self._head else self._give(parts)
        self._turn += taken
        whole = taken == sum(map(len, parts))
        if not whole or self._turn > self._room:
            self._room = self._turn
        if whole and self._turn_budget:
            self.read_size = self._next_read()
        else:
            self.read_size = 0
            # What the transport holds it is sending already; it resumes when all of it is sent.
            if self._state is State.OPEN and not self._queue.buffered:
                self.transport.startWriting()
        return taken

    def _next_read(self) -> int:
        """What the kernel takes is known from the last time: more would be read in vain."""
        return min(MOST, max(LEAST, self._room - self._turn))

    def _give(self, parts: Sequence[bytes | memoryview], flags: int = 0) -> int:
        """:returns: how many bytes the kernel took; none if others have to get their turn."""
        if not self._direct or not self._turn_budget or self._state is not State.OPEN:
            return 0
        if self._queue.buffered:  # that has to leave first
            return 0
        try:
            taken = self._queue.socket.sendmsg(parts, (), flags)
        except OSError:  # it is full, or the connection is broken: which the transport finds, too
            return 0
        if taken:
            self._moved = self._seconds()
            self._given += taken
            self._turn_budget = max(0, self._turn_budget - taken)
        return int(taken)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """The body is known already."""

    def unregisterProducer(self) -> None:
        """It is let go when it is done."""

    def pauseProducing(self) -> None:
        if self._body is not None:
            self._body.pauseProducing()

    def resumeProducing(self) -> None:
        self._moved = self._seconds()
        self._turn_budget, self._turn = TURN, 0
        if self._body is not None:
            if self._direct:
                self.read_size = self._next_read()
            try:
                self._body.resumeProducing()
            except BaseException:
                # Out of here, it would become the reason why the connection was lost.
                self._unsendable(Failure())

    def stopProducing(self) -> None:
        self._stop_body()

    def _sent(self, _: object) -> None:
        self._let_go()

    def _unsendable(self, failure: Failure) -> None:
        if self._body is not None:
            self._let_go()
            self._fail(failure)

    def _let_go(self) -> None:
        self._body = None
        self._moved = self._seconds()
        if self._registered:
            self._registered = False
            self.read_size = 0
            self.transport.unregisterProducer()

    def _stop_body(self) -> None:
        body = self._body
        if body is not None:
            self._let_go()
            body.stopProducing()

    # Receiving ---------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        if self._waiting is None:
            self.abort()  # nobody asked
            return
        reader = self._reader
        known, unsent = reader.response is not None, 0
        if not known:
            unsent = self._queue.unsent
            if self._heard is None:
                if unsent >= self._given:
                    self._unasked()
                    return
                self._heard = self._seconds()
        try:
            reader.feed(data)
            if reader.response is not None and not known:
                if reader.informed:
                    self._heard = self._seconds()  # what came before was not yet the answer
                self._stop_early(reader.response, unsent)
        except MalformedResponse as error:
            self._fail(Failure(error))
            return
        if reader.over:
            self._complete()

    def _unasked(self) -> None:
        """It came before the first byte of the request was there: it belongs to no request."""
        error: Exception
        if self._uses > 1:
            error = StaleConnection("the server sent more than one response to a request")
        else:
            error = MalformedResponse("it came before there was a request")
        self._fail(Failure(error))

    def _stop_early(self, response: Response, unsent: int) -> None:
        """An answer before all of the request was taken: what is left would not be read."""
        if self._body is None and not unsent:
            return
        self._reader.keep = False
        self._stop_body()
        if response.code < 300:
            raise MalformedResponse(f"it says {response.code} before the whole request was sent")

    # Ending ------------------------------------------------------------------------------------

    def _complete(self) -> None:
        waiting, self._waiting = self._waiting, None
        reader = self._reader
        if not reader.over:
            reader.finish()
        response = reader.response
        assert waiting is not None and response is not None
        keep = reader.keep and not reader.buffer and self._state is State.OPEN
        self.idle_since = self._seconds()
        if not keep:
            self._reset(None)
            self.abort()
        waiting.callback(response)

    def _ended(self, reason: Failure, aborted: bool) -> None:
        """The peer has closed: that may be the end of an answer, or the lack of one."""
        clean = reason.check(ConnectionDone) is not None
        if self._reader.ends_with_connection and clean:
            self._complete()
            return
        error: Exception | None = None
        if aborted:
            error = ConnectionBroken("the connection was closed")
        elif self._heard is None and self._uses > 1 and self._crossed:
            error = StaleConnection("the server had closed the kept connection")
        elif self._heard is None:
            error = tls_error(reason.value)  # it may want a certificate of us
        if error is None:
            where = "before it answered" if self._reader.response is None else "within its answer"
            error = ConnectionBroken(f"the server closed the connection {where}")
        self._fail(Failure(error))

    @property
    def _crossed(self) -> bool:
        """Whether the peer may have closed before it knew of the request."""
        return self._seconds() - self._began < CROSSING

    def _fail(self, failure: Failure) -> None:
        waiting, self._waiting = self._waiting, None
        self._stop_body()
        self.abort()
        self._reset(None)
        if waiting is not None:
            waiting.errback(failure)

    def _cancelled(self, _: Deferred[Response]) -> None:
        self._waiting = None
        self._stop_body()
        self.abort()
        self._reset(None)

    # Watching ----------------------------------------------------------------------------------

    def watch(self, limit: float) -> None:
        """
        End the request if nothing moved for too long.  To be called twice a second or so.

        Bytes that the kernel still sends count as moving; the bytes of an answer do so only once,
        so that one that trickles ends as well.

        :param limit: seconds.
        """
        if self._waiting is None:
            return
        now = self._seconds()
        if self._body is not None and self._body.is_held_back:
            self._moved = now  # by ourselves, which says nothing about the peer
        if self._reader.response is None:
            unsent = self._queue.unsent
            if unsent != self._unsent:
                self._unsent = unsent
                self._moved = now
        since = now - (self._moved if self._heard is None else max(self._heard, self._moved))
        if since >= limit:
            what = "nothing moved" if self._heard is None else "the answer did not end"
            self._fail(Failure(StallTimeout(f"{what} for {limit:g} s")))
