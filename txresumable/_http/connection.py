"""
One HTTP/1.1 connection of a client: requests out, responses in.

Compared with Twisted's own client protocol, a response that comes while the body is still being
sent ends the sending, responses are read strictly and within bounds, and how long nothing moved is
known at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet import protocol
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, ITCPTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import ConnectionBroken, MalformedResponse, StaleConnection, StallTimeout
from .batch import WriteBatch
from .body import IRequestBody
from .response import Response, ResponseReader
from .sender import RequestSender
from .state import ACTIVE, CLOSED, CLOSING, CONNECTING, IDLE, ConnectionState, change
from .tls import tls_error

__all__ = ["ConnectionListener", "HTTPConnection"]

CROSSING = 1.0
"""
Seconds after the beginning of a request in which the end of a kept connection may be one that the
server decided on before it: a round trip, for which TCP, too, reckons with a second until it has
measured it (RFC 6298, section 2).  Later, the server has had the request.
"""


class ConnectionListener(Protocol):
    """Who wants a connection."""

    def connection_ready(self, connection: HTTPConnection) -> None:
        """Requests can be sent."""

    def connection_lost(self, connection: HTTPConnection, reason: Failure) -> None:
        """It has ended, whether it ever was ready or not."""


@implementer(IHandshakeListener)
class HTTPConnection(protocol.Protocol):
    """
    A connection for one request at a time.

    :ivar state: where it is in its life; ``IDLE`` if a request may be sent.
    :ivar idle_since: since when, in seconds of the clock, nothing was under way.
    """

    transport: Any
    _sender: RequestSender

    def __init__(
        self,
        *,
        seconds: Callable[[], float],
        batch: WriteBatch,
        listener: ConnectionListener,
        secure: bool = False,
    ) -> None:
        """
        :param seconds: monotonic time.
        :param batch: where small requests wait for others that begin with them.
        :param listener: notified when it is ready and when it has ended.
        :param secure: whether TLS is to be agreed on before it is ready.
        """
        self._seconds = seconds
        self._batch = batch
        self._listener = listener
        self._secure = secure
        self.state: ConnectionState = CONNECTING
        self.idle_since = seconds()
        self._uses = 0
        self._reader = ResponseReader()
        self._heard: float | None = None
        self._waiting: Deferred[Response] | None = None

    @property
    def is_quiet(self) -> bool:
        """
        Whether nothing came after the last response.

        What did is neither a response to that request nor to the next one: a connection on which
        there is anything, its end included, is not to be used again.
        """
        return self._sender.queue.is_quiet

    # Connecting --------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        if self.state is not CONNECTING:  # aborted before it was connected
            self.transport.abortConnection()
            return
        self._sender = RequestSender(
            self.transport,
            self._secure,
            seconds=self._seconds,
            batch=self._batch,
            listener=self,
        )
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        if not self._secure:
            self._ready()

    def handshakeCompleted(self) -> None:
        if self.state is CONNECTING:
            self._ready()

    def _ready(self) -> None:
        self.state = change(self.state, IDLE)
        self._listener.connection_ready(self)

    # Sending -----------------------------------------------------------------------------------

    def send(
        self, head: bytes, body: IRequestBody | None, *, bodiless: bool = False
    ) -> Deferred[Response]:
        """
        Send a request.

        :param head: request line and fields, up to the empty line and with it.
        :param body: what makes the body, of known length; it is sent as it is.
        :param bodiless: whether the response has no body (``HEAD``).
        :returns: a Deferred that fires with the whole :class:`Response`.  It fails with a
            :class:`~txresumable.errors.TransportError`, or as the body failed; the connection is
            then closed.  Cancelling it closes the connection at once.
        """
        self.state = change(self.state, ACTIVE)
        self._uses += 1
        self._heard = None
        self._reader.begin(bodiless)
        waiting: Deferred[Response] = Deferred(self._cancelled)
        self._waiting = waiting
        self._sender.start(head, body)
        return waiting

    def send_failed(self, failure: Failure) -> None:
        self._fail(failure)

    # Receiving ---------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        if self._waiting is None:
            self.abort()  # nobody asked
            return
        reader = self._reader
        known, unsent = reader.response is not None, 0
        if not known:
            unsent = self._sender.queue.unsent
            if self._heard is None:
                if unsent >= self._sender.given:
                    self._unasked()
                    return
                self._heard = self._seconds()
        try:
            reader.feed(data)
            if reader.response is not None and not known:
                if reader.informed:
                    self._heard = self._seconds()  # what came before was not yet the response
                if unsent or self._sender.body is not None:
                    self._stop_early(reader.response)
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

    def _stop_early(self, response: Response) -> None:
        """A response before all of the request was taken: what is left would not be read."""
        self._reader.keep = False
        self._sender.stopProducing()
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
        self.idle_since = self._seconds()
        if reader.keep and not reader.buffer and self.state is ACTIVE:
            self.state = change(self.state, IDLE)
        else:
            self._end()
        waiting.callback(response)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        aborted, self.state = self.state is CLOSING, change(self.state, CLOSED)
        if self._waiting is not None:
            self._ended(reason, aborted)
        self._listener.connection_lost(self, reason)

    def _ended(self, reason: Failure, aborted: bool) -> None:
        """The peer has closed: that may be the end of a response, or the lack of one."""
        self._sender.close()
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
            begun = self._reader.response is not None
            where = "within its response" if begun else "before it responded"
            error = ConnectionBroken(f"the server closed the connection {where}")
        self._fail(Failure(error))

    @property
    def _crossed(self) -> bool:
        """Whether the peer may have closed before it knew of the request."""
        return self._seconds() - self._sender.began < CROSSING

    def _fail(self, failure: Failure) -> None:
        waiting, self._waiting = self._waiting, None
        self._end()
        if waiting is not None:
            waiting.errback(failure)

    def _cancelled(self, _: Deferred[Response]) -> None:
        self._waiting = None
        self._end()

    def _end(self) -> None:
        """Have done with a request and with the connection, and forget what came."""
        self._sender.stopProducing()
        self.abort()
        self._reader.begin()

    def abort(self) -> None:
        """Close at once, whatever is under way; what is closed stays as it is."""
        if self.state is CLOSING or self.state is CLOSED:
            return
        self.state = change(self.state, CLOSING)
        if self.transport is not None:
            self._sender.close()
            self.transport.abortConnection()

    # Watching ----------------------------------------------------------------------------------

    def watch(self, limit: float) -> None:
        """
        End the request if nothing moved for too long.  To be called twice a second or so.

        Bytes that the kernel still sends count as moving; the bytes of a response do so only once,
        so that one that trickles ends as well.

        :param limit: seconds.
        """
        if self._waiting is None:
            return
        if self._reader.response is None:
            self._sender.look()
        moved, heard = self._sender.moved, self._heard
        if self._seconds() - (moved if heard is None else max(heard, moved)) >= limit:
            what = "nothing moved" if heard is None else "the response did not end"
            self._fail(Failure(StallTimeout(f"{what} for {limit:g} s")))
