"""
A request through a client that the user gave, held to what our own agent guarantees.

Such a client may be anything with treq's ``request()``.  This module ensures that a response
belongs to a body that was sent completely, that a slow connection is distinguished from a dead one,
and that nothing of a request continues after its end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IConsumer
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from .._runtime.ticker import Ticker
from ..errors import ConnectionBroken, MalformedResponse, StallTimeout
from .body import IRequestBody
from .coding import check_coding
from .response import LIMIT, Response
from .unsent import SendQueue

__all__ = ["ForeignExchange", "GivenBody"]

_GOODBYE = 64
"""
Bytes of a ``close_notify`` alert (RFC 8446, section 6.1) in a record: 24 with TLS 1.3, somewhat
more with older ciphers.
"""
_log = Logger()


@implementer(IBodyProducer)
class GivenBody:
    """
    A chunk's body as the client sees it.

    :ivar length: bytes in total.
    :ivar is_handed_over: whether the client was given all of it.
    """

    def __init__(self, body: IRequestBody) -> None:
        """:param body: what is sent."""
        self.length = body.length
        self.is_handed_over = False
        self._body = body
        self._queue = SendQueue(None)
        self._ended = self._stopped = self._spoilt = False
        self._done: Deferred[None] | None = None

    @property
    def has_left(self) -> bool:
        """Whether the peer has all of it, as far as can be seen."""
        # A close_notify may have been queued behind it before the client reports the response.
        behind = _GOODBYE if self._queue.is_closing else 0
        return self.is_handed_over and self._queue.unsent() <= behind

    @property
    def is_held_back(self) -> bool:
        """Whether a rate limit holds it back."""
        return self._body.is_held_back

    @property
    def failure(self) -> Failure | None:
        """Why it cannot be sent, or :data:`None`."""
        return self._body.failure

    @property
    def position(self) -> tuple[int, int]:
        """A value that changes whenever a byte moves: bytes handed over, and bytes queued."""
        return self._body.position, self._queue.unsent()

    # The client's side -------------------------------------------------------------------------

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        if self._ended:
            return fail(CancelledError())
        self.is_handed_over = self._stopped = False  # a client may start over
        self._queue = SendQueue(consumer)
        done: Deferred[None] = Deferred(lambda _: self.stopProducing())
        self._done = done
        self._body.startProducing(consumer).addCallbacks(self._sent, self._broken)
        return done

    def pauseProducing(self) -> None:
        self._body.pauseProducing()

    def resumeProducing(self) -> None:
        if not self._ended:
            self._body.resumeProducing()

    def stopProducing(self) -> None:
        self._stopped = True
        self._done = None
        self._body.stopProducing()

    def _sent(self, _: None) -> None:
        self.is_handed_over = True
        done, self._done = self._done, None
        if done is not None:
            done.callback(None)

    def _broken(self, failure: Failure) -> None:
        done, self._done = self._done, None
        if done is not None:
            done.errback(failure)

    # Ours --------------------------------------------------------------------------------------

    def halt(self) -> None:
        """Stop reading and sending."""
        self._ended = True
        self._body.stopProducing()

    def spoil(self) -> None:
        """
        Halt, and have its connection closed in the end: the response was not to the whole body, and
        a later one must not become the response to the next request.
        """
        self.halt()
        self._spoilt = True

    def end(self) -> None:
        """
        End it for the client as well.

        If the client has not stopped it, it still expects the rest: its connection is closed, or
        else the body fails.
        """
        self.halt()
        done, self._done = self._done, None
        if self._stopped or (done is None and not self._spoilt):
            return
        self._spoilt = False
        if self._queue.abort() or done is None:
            return
        done.addErrback(lambda _: None)
        done.errback(Failure(CancelledError()))


class ForeignExchange:
    """
    One request through a client that the user gave, and everything that watches over it.
    """

    def __init__(
        self, client: Any, clock: Any, stall_timeout: float, body: IRequestBody | None
    ) -> None:
        """
        :param client: anything with treq's ``HTTPClient.request``.
        :param clock: an ``IReactorTime``.
        :param stall_timeout: seconds without a byte in either direction.
        :param body: what to send.
        """
        self._client = client
        self._clock = clock
        self._stall_timeout = stall_timeout
        self._body = None if body is None else GivenBody(body)
        self._ticker = Ticker(clock, min(0.5, stall_timeout / 4), self._look)
        self._moved = 0.0
        self._position = (0, 0)
        self._request: Deferred[Any] | None = None
        self._collector: _Collector | None = None
        self._is_over = False
        self._result: Deferred[Response] = Deferred(self._cancel)

    def start(self, method: str, url: str, **options: Any) -> Deferred[Response]:
        """
        Send the request.

        :param options: more arguments for the client.
        :returns: a Deferred that fires with the complete response.  It fails with a
            :class:`~txresumable.errors.TransportError`, or as the client or the body failed;
            in any case, nothing of the request continues after that.  Cancelling it
            cancels the client's request.
        """
        self._move()
        self._ticker.start()
        request = maybeDeferred(self._client.request, method, url, data=self._body, **options)
        self._request = request
        if self._body is not None:
            self._position = self._body.position  # what was written synchronously
        request.addCallback(self._responded).addErrback(self._end)
        return self._result

    def _responded(self, response: Any) -> None:
        self._request = None
        if self._is_over:  # the client ignored its cancellation
            _discard(response)
            return
        self._move()
        try:
            head = self._judged(response)
        except BaseException:
            _discard(response)
            raise
        self._collector = collector = _Collector(partial(self._read, head))
        response.deliverBody(collector)

    def _judged(self, response: Any) -> Response:
        """
        Check the head of a response.

        :raises MalformedResponse: if it must not be taken for the response to this request.
        """
        head = Response((b"HTTP", 1, 1), int(response.code), b"", response.headers)
        check_coding(head.headers)
        if self._body is not None and not self._body.has_left:
            self._body.spoil()
            if head.code < 300:
                raise MalformedResponse(f"a {head.code} came before the whole request was sent")
        return head

    def _read(self, head: Response, body: bytes, ended: Failure | None) -> None:
        if ended is None:
            head.body = body
            self._end(head)
        else:
            self._end(Failure(ConnectionBroken("the connection ended within the response")))

    def _cancel(self, _: Deferred[Response]) -> None:
        self._end(Failure(CancelledError()))

    def _end(self, result: Response | Failure) -> None:
        """Stop what is under way, and only then fire the result."""
        if self._is_over:  # stopping something may make it fail
            return
        self._is_over = True
        self._ticker.stop()
        if self._body is not None:
            self._body.halt()
        for stop in (self._stop_request, self._stop_response, self._stop_body):
            try:
                stop()
            except BaseException:  # of the client, which must not keep us from ending
                _log.failure("A request could not be stopped")
        if not self._result.called:
            self._result.callback(result)

    def _stop_request(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            request.addErrback(lambda _: None)
            request.cancel()

    def _stop_response(self) -> None:
        if self._collector is not None:
            self._collector.stop()

    def _stop_body(self) -> None:
        if self._body is not None:
            self._body.end()

    # Watching ----------------------------------------------------------------------------------

    def _move(self) -> None:
        self._moved = self._clock.seconds()

    def _look(self) -> bool:
        """:returns: whether to go on watching."""
        body = self._body
        # A client that fails because of it has done so by now.
        if body is not None and body.failure is not None:
            self._end(body.failure)
            return False
        if body is not None and self._collector is None:
            position, self._position = self._position, body.position
            if body.is_held_back or position != self._position:
                self._move()
        if self._clock.seconds() - self._moved < self._stall_timeout:
            return True
        self._end(Failure(StallTimeout(f"nothing moved for {self._stall_timeout:g} s")))
        return False


class _Collector(Protocol):
    """Collects a body up to the limit."""

    def __init__(self, done: Callable[[bytes, Failure | None], object] | None) -> None:
        self._done = done
        self._content = b""
        self._over = False

    def dataReceived(self, data: bytes) -> None:
        content = self._content + data
        self._content = content[:LIMIT]
        if len(content) > LIMIT:
            self._finish(None)
            self.stop()

    def connectionLost(self, reason: Failure = Failure(ResponseDone())) -> None:  # noqa: B008
        self._over = True
        self._finish(None if reason.check(ResponseDone, PotentialDataLoss) else reason)

    def stop(self) -> None:
        """Collect no more, and do not call back; does nothing once it is over."""
        self._done = None
        if self._over:
            return
        self._over = True
        stop = getattr(self.transport, "abortConnection", None) or getattr(
            self.transport, "stopProducing", None
        )
        if stop is not None:
            stop()

    def _finish(self, ended: Failure | None) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(self._content, ended)


def _discard(response: Any) -> None:
    """Abort a response that is no longer wanted."""
    with suppress(Exception):
        collector = _Collector(None)
        response.deliverBody(collector)
        collector.stop()
