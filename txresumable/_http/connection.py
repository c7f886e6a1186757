"""
One HTTP/1.1 connection of a client: requests out, responses in.

Unlike Twisted's own client protocol, it stops sending when a response arrives before the whole
body was sent, parses responses strictly and within bounds, and knows at any time for how long no
byte has moved.
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
from .request_sender import RequestSender
from .response import LIMIT, Response, ResponseParser, Taker
from .state import ACTIVE, CLOSED, CLOSING, CONNECTING, IDLE, ConnectionState, change
from .tcp_info import TCPInfo
from .tls import tls_error

__all__ = ["ConnectionListener", "HTTPConnection"]

CROSSING = 1.0
"""
Seconds after the start of a request within which the server may have closed an idle connection
without having seen the request: a round trip, for which TCP also assumes one second until it has
measured it (RFC 6298, section 2).  Later than that, the server has received the request.
"""


class ConnectionListener(Protocol):
    """Notified of what becomes of a connection."""

    def connection_made(self, connection: HTTPConnection) -> None:
        """It leads to the server, with which TLS has still to be agreed on."""

    def connection_ready(self, connection: HTTPConnection) -> None:
        """A request can be sent."""

    def connection_lost(self, connection: HTTPConnection, reason: Failure) -> None:
        """It was lost, whether it ever was ready or not."""


@implementer(IHandshakeListener)
class HTTPConnection(protocol.Protocol):
    """
    A connection for one request at a time.

    :ivar state: its state; a request can be sent when it is ``IDLE``.
    :ivar is_quiet: returns whether nothing has arrived since the last response.  Anything that has,
        including the end of the connection, is a response neither to that request nor to the next
        one, so that the connection must not be used again.
    :ivar idle_since: when its last request ended, or it was made, in seconds of the clock.
    :ivar sender: sends its requests.
    :ivar has_body: whether that under way has a body.
    :ivar took: seconds from the beginning of the last one with a body to the end of its response.
    """

    transport: Any
    is_quiet: Callable[[], bool]
    idle_since: float
    _responding_since: float | None

    def __init__(
        self,
        *,
        seconds: Callable[[], float],
        batch: WriteBatch,
        listener: ConnectionListener,
        secure: bool = False,
        most: int = LIMIT,
    ) -> None:
        """
        :param seconds: monotonic time.
        :param batch: holds small requests until others can go out with them.
        :param listener: notified when it is ready and when it is lost.
        :param secure: whether it is ready only after a TLS handshake.
        :param most: how many bytes of a response's body are kept.
        """
        self._seconds = seconds
        self._batch = batch
        self._listener = listener
        self._secure = secure
        self.state: ConnectionState = CONNECTING
        self._uses = 0
        self.idle_since = seconds()
        self._parser = ResponseParser(most)
        self._waiting: Deferred[Response] | None = None
        self.has_body, self.took = False, 0.0
        self._refusal: Response | None = None
        self._over: Callable[[HTTPConnection, bool], object] | None = None

    # Connecting --------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        if self.state is not CONNECTING:  # aborted before it was connected
            self.transport.abortConnection()
            return
        self.sender = RequestSender(
            self.transport,
            self._secure,
            seconds=self._seconds,
            batch=self._batch,
            listener=self,
        )
        self.is_quiet = self.sender.queue.is_quiet
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        if self._secure:
            self._listener.connection_made(self)
        else:
            self._ready()

    def handshakeCompleted(self) -> None:
        if self.state is CONNECTING:
            self._ready()

    def _ready(self) -> None:
        self.state = change(self.state, IDLE)
        self._listener.connection_ready(self)

    # Sending -----------------------------------------------------------------------------------

    def send(
        self,
        head: bytes,
        body: IRequestBody | None,
        *,
        bodiless: bool = False,
        over: Callable[[HTTPConnection, bool], object] | None = None,
        taker: Taker | None = None,
    ) -> Deferred[Response]:
        """
        Send a request.

        :param head: request line and header fields, including the empty line.
        :param body: of known length; it is sent as it is.
        :param bodiless: whether the response has no body (``HEAD``).
        :param over: called when the request has ended, before the Deferred fires, with this
            connection, and whether the server had closed it before the request.
        :param taker: see :class:`~txresumable._http.response.ResponseParser`.
        :returns: a Deferred that fires with the complete
            :class:`~txresumable._http.response.Response`.  It fails with a
            :class:`~txresumable.errors.TransportError`, or as the body failed; the connection is
            then aborted.  Cancelling it aborts the connection, too.
        """
        self.state = change(self.state, ACTIVE)
        self._uses += 1
        self._responding_since = None
        self.has_body = body is not None
        self._parser.begin(bodiless, self.has_body, taker)
        self._over = over
        waiting: Deferred[Response] = Deferred(self._cancelled)
        self._waiting = waiting
        self.sender.start(head, body)
        return waiting

    def send_failed(self, failure: Failure) -> None:
        self._fail(failure)

    # Receiving ---------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        if self._waiting is None:
            self.abort()  # there is no request
            return
        parser, queue = self._parser, self.sender.queue
        queue.received += len(data)
        begins = parser.response is None
        if begins:
            unsent = queue.unsent()
            if self._responding_since is None:
                if unsent >= self.sender.given:
                    self._unrequested()
                    return
                self._responding_since = self._seconds()
        try:
            parser.feed(data)
            if begins and parser.response is not None:
                if parser.informed:
                    self._responding_since = self._seconds()  # the final response begins only now
                if unsent or self.sender.body is not None:
                    self._stop_early(parser.response)
        except MalformedResponse as error:
            self._fail(Failure(error))
            return
        if parser.over:
            self._complete()

    def _unrequested(self) -> None:
        """Data arrived before any byte of the request was sent: it belongs to no request."""
        error: Exception
        if self._uses > 1:
            error = StaleConnection("the server sent more than one response to a request")
        else:
            error = MalformedResponse("it came before there was a request")
        self._fail(Failure(error))

    def _stop_early(self, response: Response) -> None:
        """The server responded before the whole request was sent: it will not read the rest."""
        self._parser.keep = False
        self.sender.stopProducing()
        if response.code < 300:
            raise MalformedResponse(f"a {response.code} came before the whole request was sent")

    # Ending ------------------------------------------------------------------------------------

    def _complete(self) -> None:
        parser = self._parser
        if not parser.over:
            parser.finish()
        response = parser.response
        assert response is not None
        if response.code >= 400 and self._repeats(response):
            self._fail(Failure(StaleConnection("the server repeats its response to a test")))
            return
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        self.idle_since = self._seconds()
        if self.has_body:
            self.took = self.idle_since - self.sender.began
        if parser.keep and not parser.buffer and self.state is ACTIVE:
            self.state = change(self.state, IDLE)
        else:
            self._end()
        if self._over is not None:
            self._over(self, False)
        waiting.callback(response)

    def _repeats(self, response: Response) -> bool:
        """
        Whether this refusal of a request with a body is, to the byte, that of one without, before
        it over this connection.  Some proxies send a response twice, and the second one comes when
        the next request is under way.  Over a new connection, a refusal is that of its request.
        """
        if not self.has_body:
            self._refusal = response
            return False
        before = self._refusal
        return (
            before is not None
            and response.code < 500
            and response.code != 429  # which is retried in any case, and not at once
            and response.code == before.code
            and response.body == before.body
            and response.headers == before.headers
        )

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        aborted, self.state = self.state is CLOSING, change(self.state, CLOSED)
        if self._waiting is not None:
            self._ended(reason, aborted)
        self._listener.connection_lost(self, reason)

    def _ended(self, reason: Failure, aborted: bool) -> None:
        """The connection is lost: the response may end with it, or be missing."""
        self.sender.close()
        response = self._parser.response
        if self._parser.ends_with_connection and (
            # A server that closes before it has read the request resets the connection: what it
            # says of a refusal may be cut short then, and is a refusal nevertheless.
            reason.check(ConnectionDone)
            or (response is not None and response.code >= 400 and not aborted)
        ):
            self._complete()
        else:
            self._fail(Failure(self._why(reason, aborted)))

    def _why(self, reason: Failure, aborted: bool) -> Exception:
        """Why there is no response."""
        if aborted:
            return ConnectionBroken("the connection was closed")
        if self._responding_since is None:
            if self._uses > 1 and self._seconds() - self.sender.began < CROSSING:
                return StaleConnection("the server had closed the kept connection")
            rejected = tls_error(reason.value)  # the server may want a client certificate
            if rejected is not None:
                return rejected
        if (malformed := self._parser.no_http()) is not None:
            return malformed
        where = "before it responded" if self._parser.response is None else "within its response"
        return ConnectionBroken(f"the server closed the connection {where}")

    def _fail(self, failure: Failure) -> None:
        waiting, self._waiting = self._waiting, None
        self._end()
        if waiting is not None:
            if self._over is not None:
                self._over(self, failure.check(StaleConnection) is not None)
            waiting.errback(failure)

    def _cancelled(self, _: Deferred[Response]) -> None:
        self._waiting = None
        self._end()
        if self._over is not None:
            self._over(self, False)

    def _end(self) -> None:
        """End the request and the connection."""
        self.sender.stopProducing()
        self.abort()

    def abort(self) -> None:
        """Close immediately, whatever is under way.  Safe to call in any state."""
        if self.state is CLOSING or self.state is CLOSED:
            return
        self.state = change(self.state, CLOSING)
        if self.transport is not None:
            self.sender.close()
            self.transport.abortConnection()

    def tcp_info(self) -> TCPInfo | None:
        """What the kernel knows of the connection, if it says anything."""
        return self.sender.queue.tcp_info()

    # Watching ----------------------------------------------------------------------------------

    def waits_for_others(self, limit: float) -> bool:
        """Whether this is a new one, over which nothing has moved for so many seconds."""
        asks = self._uses == 1 and self._waiting is not None and self._responding_since is None
        if self._uses and not asks:
            return False
        return self._seconds() - (self.sender.moved if asks else self.idle_since) >= limit

    def watch(self, limit: float) -> None:
        """
        Fail the request if nothing has moved for too long.  To be called twice a second or so.

        Bytes that the kernel still sends count; of a response only the first byte does, so that one
        that trickles fails as well.

        :param limit: seconds.
        """
        if self._waiting is None:
            return
        if self._parser.response is None:
            self.sender.look()
        moved, since = self.sender.moved, self._responding_since
        if self._seconds() - (moved if since is None else max(since, moved)) >= limit:
            what = "nothing moved" if since is None else "the response did not end"
            self._fail(Failure(StallTimeout(f"{what} for {limit:g} s")))
