"""
What a client of the user's is held to, whatever it does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from txresumable._engine.body import PIECE, ChunkBody
from txresumable._http.foreign import ForeignExchange
from txresumable._policy.limiter import RateLimiter
from txresumable._source.source import BytesSource
from txresumable.errors import MalformedResponse, SourceChanged, StallTimeout, TransportError
from txresumable.testing import FakeResponse

SIZE = 3 * PIECE


class Consumer:
    """
    Takes a body until it has enough.

    :ivar taken: the bytes of it.
    :ivar enough: how many of them; then it pauses the body.
    """

    def __init__(self, producer: Any, enough: int = SIZE * 2) -> None:
        self.producer = producer
        self.enough = enough
        self.taken = b""

    def write(self, data: bytes) -> None:
        self.taken += data
        if len(self.taken) >= self.enough:
            self.producer.pauseProducing()


class Client:
    """
    Sends nothing, and does as a test says.

    :ivar requests: the Deferreds that it gave.
    :ivar cancelled: how many of them were cancelled.
    :ivar produced: how the bodies ended.
    """

    def __init__(self, enough: int = SIZE * 2) -> None:
        self.enough = enough
        self.requests: list[Deferred[Any]] = []
        self.bodies: list[Any] = []
        self.consumers: list[Consumer] = []
        self.produced: list[Any] = []
        self.cancelled = 0

    def request(self, method: str, url: str, *, data: Any = None, **_: Any) -> Deferred[Any]:
        request: Deferred[Any] = Deferred(self._cancel)
        self.requests.append(request)
        self.bodies.append(data)
        if data is not None:
            self.start(data)
        return request

    def start(self, data: Any) -> None:
        self.consumers.append(Consumer(data, self.enough))
        data.startProducing(self.consumers[-1]).addBoth(self.produced.append)

    def _cancel(self, _: Deferred[Any]) -> None:
        self.cancelled += 1


class Lazy(Client):
    """Takes a body only when it is told to."""

    def start(self, data: Any) -> None:
        """Not yet."""

    def take(self) -> None:
        super().start(self.bodies[-1])


class Held(FakeResponse):
    """
    A response whose body does not end.

    :ivar stopped: whether it was told to.
    """

    stopped = False

    def deliverBody(self, protocol: Any) -> None:
        response = self

        class Transport:
            def abortConnection(self) -> None:
                response.stopped = True

        self.protocol = protocol
        protocol.makeConnection(Transport())


class SlowDisk(BytesSource):
    """Bytes that are never there at once."""

    def read_now(self, start: int, size: int) -> None:
        """Not now."""


class Changing(BytesSource):
    """
    Bytes that somebody writes to.

    :ivar changed: whether that was done.
    """

    changed = False

    def check(self) -> None:
        if self.changed:
            raise SourceChanged("a", "it was written to")


class ForeignExchangeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.results: list[Any] = []

    def tearDown(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [], "nothing goes on after the end")

    def send(self, client: Any, source: Any = None, **options: Any) -> Deferred[Any]:
        """Send a chunk; how that ends goes to ``results``."""
        source = source or BytesSource("a", bytes(SIZE))
        body = ChunkBody(b"", source, 0, SIZE, b"", read_later=self.read_later, **options)
        exchange = ForeignExchange(client, self.clock, 5.0, body)
        return exchange.start("POST", "http://a.example/").addBoth(self.results.append)

    def read_later(self, source: Any, start: int, size: int) -> Deferred[bytes]:
        return succeed(source.read(start, size))

    def check(self, kind: type[BaseException]) -> None:
        (result,) = self.results
        self.assertIsInstance(result, Failure)
        self.assertEqual(result.type, kind, result)

    def ended(self, client: Client) -> None:
        """The body has ended: it gives nothing more, and the client knows."""
        taken = len(client.consumers[-1].taken)
        client.bodies[-1].resumeProducing()
        self.assertEqual(len(client.consumers[-1].taken), taken)
        self.assertEqual(len(client.produced), 1)

    def test_success(self) -> None:
        """A whole body and a whole response are one."""
        client = Client()
        self.send(client)
        client.requests[0].callback(FakeResponse(200, b"ok"))
        self.assertEqual((self.results[0].code, self.results[0].body), (200, b"ok"))
        self.assertEqual(len(client.consumers[0].taken), SIZE)
        self.assertEqual(client.cancelled, 0)

    def test_early_success(self) -> None:
        """A 200 before the body was handed over is a failed attempt, and ends both."""
        client = Client(enough=PIECE)
        self.send(client)
        response = Held(200)
        client.requests[0].callback(response)
        self.check(MalformedResponse)
        self.assertTrue(response.stopped)
        self.ended(client)

    def test_early_refusal(self) -> None:
        """A refusal before the body was handed over ends the body, and is taken for what it is."""
        client = Client(enough=PIECE)
        self.send(client)
        client.requests[0].callback(FakeResponse(503, b"busy"))
        self.assertEqual((self.results[0].code, self.results[0].body), (503, b"busy"))
        self.ended(client)

    def test_early_refusal_without_end(self) -> None:
        """Neither the body goes on nor does anybody wait for the end of such a response."""
        client = Client(enough=PIECE)
        self.send(client)
        response = Held(503)
        client.requests[0].callback(response)
        taken = len(client.consumers[0].taken)
        for _ in range(12):
            client.bodies[0].resumeProducing()
            response.protocol.dataReceived(b"x")
            self.clock.advance(0.5)
        self.check(StallTimeout)
        self.assertEqual(len(client.consumers[0].taken), taken)
        self.assertTrue(response.stopped)
        self.ended(client)

    def test_body_is_not_used(self) -> None:
        """A client that does not send the body has no success."""
        client = Lazy()
        self.send(client)
        client.requests[0].callback(FakeResponse(200))
        self.check(MalformedResponse)

    def test_begun_twice(self) -> None:
        """A client that begins again is asked for all of the second time."""
        client = Lazy()
        self.send(client)
        client.take()
        client.enough = PIECE
        client.take()
        self.assertEqual(len(client.consumers[1].taken), PIECE)
        client.requests[0].callback(FakeResponse(200))
        self.check(MalformedResponse)

    def test_begun_again_while_it_is_read(self) -> None:
        """What was to be read for a connection that is given up is not sent on the next one."""
        content = b"".join(b"%07d\n" % number for number in range(SIZE // 8))
        reads: list[tuple[Deferred[bytes], int, int]] = []

        def read_later(source: Any, start: int, size: int) -> Deferred[bytes]:
            reads.append((Deferred(), start, size))
            return reads[-1][0]

        body = ChunkBody(b"head", SlowDisk("a", content), 0, SIZE, b"", read_later=read_later)
        consumers = [Consumer(body), Consumer(body)]
        for consumer in consumers:
            body.startProducing(consumer).addErrback(lambda _: None)
            for _ in range(2 if consumer is consumers[0] else 3):
                waiting, start, size = next(each for each in reads[::-1] if not each[0].called)
                waiting.callback(content[start : start + size])
        self.assertTrue(reads[2][0].called)
        self.assertEqual(consumers[1].taken, b"head" + content)

    def test_begun_after_the_end(self) -> None:
        """A client that begins to send when the request was cancelled gets nothing."""
        client = Lazy()
        self.send(client).cancel()
        self.check(CancelledError)
        self.assertEqual(client.cancelled, 1)
        client.take()
        self.assertEqual(client.consumers[0].taken, b"")
        self.assertEqual(client.produced[0].type, CancelledError)

    def test_cancelled(self) -> None:
        """Cancelling ends the body, though the client does nothing about it."""
        client = Client(enough=PIECE)
        self.send(client).cancel()
        self.check(CancelledError)
        self.ended(client)

    def test_response_after_the_end(self) -> None:
        """A response to a request that was cancelled is ended, and is nobody's."""
        client = Client()
        client._cancel = lambda request: None  # type: ignore[method-assign]
        client.request = _uncancelled(client)  # type: ignore[method-assign]
        self.send(client).cancel()
        response = Held(200)
        client.requests[0].callback(response)
        self.check(CancelledError)
        self.assertTrue(response.stopped)

    def test_fails(self) -> None:
        """A client that fails while it takes the body gets no more of it."""
        client = Client(enough=PIECE)
        self.send(client)
        client.requests[0].errback(RuntimeError("no such thing"))
        self.check(RuntimeError)
        self.ended(client)

    def test_raises(self) -> None:
        """Whatever a client raises is how the request fails."""

        def raising(error: BaseException) -> Callable[..., Any]:
            def request(*args: Any, **options: Any) -> Any:
                raise error

            return request

        for error in (RuntimeError(), GeneratorExit(), CancelledError()):
            self.results.clear()
            client = Client()
            client.request = raising(error)  # type: ignore[method-assign]
            self.send(client)
            self.check(type(error))

    def test_not_deferred(self) -> None:
        """A coroutine does, and what is no response fails the request."""

        async def request(*args: Any, **options: Any) -> Any:
            options["data"].startProducing(Consumer(options["data"]))
            return FakeResponse(200)

        client = Client()
        client.request = request  # type: ignore[assignment, method-assign]
        self.send(client)
        self.assertEqual(self.results[0].code, 200)
        self.results.clear()
        client.request = lambda *args, **options: None  # type: ignore[method-assign]
        self.send(client)
        self.check(AttributeError)

    def test_responses_that_raise(self) -> None:
        """What is wrong with a response is how the request fails, at once."""

        class Broken(FakeResponse):
            def deliverBody(self, protocol: Any) -> None:
                raise RuntimeError("no body")

        encoded = FakeResponse(200)
        encoded.headers = Headers({b"Content-Encoding": [b"\xff"]})
        headless: Any = FakeResponse(200)
        headless.headers = None
        coded: Any = FakeResponse("none")  # type: ignore[arg-type]
        for response, kind in (
            (Broken(200), RuntimeError),
            (encoded, MalformedResponse),
            (headless, AttributeError),
            (coded, ValueError),
        ):
            self.results.clear()
            client = Client()
            self.send(client)
            client.requests[0].callback(response)
            self.check(kind)

    def test_consumer_that_raises(self) -> None:
        """A client that raises as it is given a piece fails the attempt, and not the file."""
        client = Client()
        self.patch(Consumer, "write", _raise)
        self.send(client)
        self.assertEqual(client.produced[0].type, TransportError)
        self.clock.advance(0.5)
        self.check(TransportError)

    def test_source_that_changes(self) -> None:
        """A client that does not mind that a body fails has failed all the same."""
        client = Client(enough=PIECE)
        source = Changing("a", bytes(SIZE))
        self.send(client, source)
        source.changed = True
        client.consumers[0].enough = SIZE * 2
        client.bodies[0].resumeProducing()
        self.assertEqual(client.produced[0].type, SourceChanged)
        self.clock.advance(0.5)
        self.check(SourceChanged)

    def test_cancelling_that_raises(self) -> None:
        """A client that cannot be stopped does not keep the request from ending."""
        client = Client(enough=PIECE)

        def cancel(_: Deferred[Any]) -> None:
            raise RuntimeError("cannot")

        client._cancel = cancel  # type: ignore[method-assign]
        self.send(client).cancel()
        self.check(CancelledError)
        self.ended(client)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_stalls(self) -> None:
        """Silence ends it in time, counted from the last piece that was handed over."""
        client = Client(enough=PIECE)
        self.send(client)
        self.clock.advance(4)
        client.bodies[0].resumeProducing()
        self.clock.pump([0.5] * 9)
        self.assertEqual(self.results, [])
        self.clock.pump([0.5] * 2)
        self.check(StallTimeout)
        self.assertEqual(client.cancelled, 1)

    def test_limiter(self) -> None:
        """To wait for the limiter is not to stall."""
        client = Client()
        self.send(client, limiter=RateLimiter(SIZE / 20, reactor=self.clock))
        self.clock.pump([0.02] * 1100)
        self.assertEqual(self.results, [])
        client.requests[0].callback(FakeResponse(200))
        self.assertEqual(self.results[0].code, 200)


def _raise(self: Any, data: bytes) -> None:
    raise RuntimeError("full")


def _uncancelled(client: Client) -> Any:
    """A ``request`` whose Deferred does not mind that it is cancelled."""

    class Deaf(Deferred[Any]):
        def cancel(self) -> None:
            """Nothing."""

    def request(method: str, url: str, *, data: Any = None, **_: Any) -> Any:
        client.requests.append(Deaf())
        return client.requests[-1]

    return request
