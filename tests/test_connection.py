"""
Bodies on their way to the kernel, which takes as much as it likes.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txresumable._engine.body import PIECE, ChunkBody
from txresumable._http.batch import WriteBatch
from txresumable._http.connection import HTTPConnection
from txresumable._http.response import Response
from txresumable._http.sender import MOST, TURN
from txresumable._http.state import (
    ACTIVE,
    CLOSED,
    CLOSING,
    CONNECTING,
    IDLE,
    TRANSITIONS,
    ConnectionState,
    change,
)
from txresumable._policy.limiter import RateLimiter
from txresumable._source.source import BytesSource, Source
from txresumable.errors import (
    ConnectionBroken,
    MalformedResponse,
    SourceChanged,
    StaleConnection,
    StallTimeout,
)

HEAD = b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FULL = 0


class Socket:
    """
    A socket whose kernel takes what it is told to.

    :ivar taken: how many bytes each call takes, the first one first; then everything.
    :ivar arrived: what was taken.
    :ivar calls: how many bytes each call took, and its flags.
    :ivar broken: whether the peer is gone.
    :ivar came: what is there to read, an error to raise, or nothing.
    """

    came: bytes | Exception | None = None

    def __init__(self, taken: list[int]) -> None:
        self.taken = deque(taken)
        self.arrived = bytearray()
        self.calls: list[tuple[int, int]] = []
        self.broken = False

    def sendmsg(self, parts: list[bytes], _: object = (), flags: int = 0) -> int:
        size = self.send(b"".join(parts))
        self.calls.append((size, flags))
        return size

    def send(self, data: bytes) -> int:
        if self.broken:
            raise ConnectionResetError(104, "the peer is gone")
        if not data:
            return 0
        size = min(self.taken.popleft(), len(data)) if self.taken else len(data)
        if size == FULL:
            raise BlockingIOError(11, "it is full")
        self.arrived += bytes(data)[:size]
        return size

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Look at what came."""
        if isinstance(self.came, bytes):
            return self.came[:size]
        raise self.came or BlockingIOError(11, "nothing")

    def __getattr__(self, name: str) -> Any:
        """Options, and the end."""
        return lambda *_: 7


class Reactor(Clock):
    """
    Knows who wants to write, and lets them, one turn each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.writers: set[Any] = set()

    addWriter = property(lambda self: self.writers.add)
    removeWriter = property(lambda self: self.writers.discard)
    addReader = removeReader = lambda self, reader: None

    def turn(self) -> None:
        """Every socket is writable."""
        for writer in list(self.writers):
            lost = writer.doWrite()
            if lost is not None:
                writer.connectionLost(Failure(lost))


class Counted(BytesSource):
    """
    Bytes, and how many of them were read.

    :ivar read_bytes: that number.
    :ivar changed: whether it is no longer what it was.
    """

    read_bytes = 0
    changed = False

    def glance(self, start: int, size: int) -> Any:
        self.read_bytes += size
        return super().glance(start, size)

    def check(self) -> None:
        if self.changed:
            raise SourceChanged("a", "it was written to")


class Listener:
    """
    Notified of a connection.

    :ivar heard: what happened to it.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []

    def connection_ready(self, connection: HTTPConnection) -> None:
        self.heard.append("ready")

    def connection_lost(self, connection: HTTPConnection, reason: Failure) -> None:
        self.heard.append("lost")


class Rig:
    """A connection over a :class:`Socket`."""

    def __init__(self, taken: list[int]) -> None:
        self.reactor = Reactor()
        self.socket = Socket(taken)
        self.connection = HTTPConnection(
            seconds=self.reactor.seconds, batch=WriteBatch(self.reactor, ()), listener=Listener()
        )
        given: Any = self.socket
        self.transport = Connection(given, self.connection, self.reactor)  # type: ignore[arg-type]
        self.transport.connected = 1
        self.connection.makeConnection(self.transport)
        self.results: list[Any] = []

    def send(self, source: Source, size: int, **options: Any) -> ChunkBody:
        """Send a chunk; how that ends goes to ``results``."""
        body = ChunkBody(
            b"<head>", source, 0, size, b"<tail>", read_later=self._read_later, **options
        )
        self.connection.send(HEAD, body).addBoth(self.results.append)
        return body

    def _read_later(self, source: Source, start: int, size: int) -> Deferred[bytes]:
        reading: Deferred[bytes] = Deferred()
        self.reactor.callLater(0, lambda: reading.callback(source.read(start, size)))
        return reading

    def finish(self) -> None:
        """Turn after turn, until nobody wants one."""
        now = self.reactor.seconds()
        while self.reactor.writers or any(
            call.getTime() <= now for call in self.reactor.getDelayedCalls()
        ):
            self.reactor.turn()
            self.reactor.advance(0)


class SometimesInMemory(BytesSource):
    """Bytes that are in memory by chance."""

    def __init__(self, path: str, content: bytes, seed: int) -> None:
        super().__init__(path, content)
        self.random = Random(seed)

    def glance(self, start: int, size: int) -> Any:
        return super().glance(start, min(size, self.random.choice((0, 1, 5000, MOST))))


class DirectTests(SynchronousTestCase):
    """What goes from the source to the kernel."""

    @settings(max_examples=150, deadline=None)
    @given(
        st.integers(0, 2 * MOST + 9),
        st.lists(st.one_of(st.integers(0, 200), st.integers(0, 2 * MOST)), max_size=30),
        st.integers(),
    )
    def test_whatever_the_kernel_takes(self, size: int, taken: list[int], seed: int) -> None:
        """Every byte arrives once and in order, in whatever portions it is read and taken."""
        content = Random(size).randbytes(size)
        rig = Rig(taken)
        rig.send(SometimesInMemory("a", content, seed), size)
        rig.finish()
        self.assertEqual(bytes(rig.socket.arrived), HEAD + b"<head>" + content + b"<tail>")
        rig.connection.dataReceived(OK)
        self.assertIsInstance(rig.results[0], Response)
        self.assertIs(rig.connection.state, IDLE)

    def test_one_call(self) -> None:
        """The body of a chunk of 1 MiB is one call, after the head, which waits for it."""
        rig = Rig([])
        rig.send(BytesSource("a", bytes(MOST)), MOST)
        more = getattr(socket, "MSG_MORE", 0)
        self.assertEqual(rig.socket.calls, [(len(HEAD), more), (MOST + 12, 0)])
        self.assertEqual(rig.reactor.writers, set())

    def test_a_small_chunk(self) -> None:
        """A request that is small is one call, head and all."""
        rig = Rig([])
        rig.send(BytesSource("a", bytes(PIECE)), PIECE)
        self.assertEqual(rig.socket.calls, [(len(HEAD) + PIECE + 12, 0)])

    def test_turns(self) -> None:
        """A kernel that takes everything does not keep other connections from their turn."""
        rig = Rig([])
        rig.send(BytesSource("a", bytes(8 * MOST)), 8 * MOST)
        before = len(rig.socket.arrived)
        self.assertTrue(TURN <= before < TURN + MOST, before)
        rig.reactor.turn()
        self.assertTrue(TURN <= len(rig.socket.arrived) - before < TURN + MOST)

    def test_a_slow_line(self) -> None:
        """Where the kernel takes little at a time, not much more than that is read."""
        rig = Rig([len(HEAD)] + [40_000] * 200)
        source = Counted("a", bytes(4 * MOST))
        rig.send(source, 4 * MOST)
        for _ in range(100):
            rig.reactor.turn()
        sent = len(rig.socket.arrived)
        self.assertGreater(sent, MOST)
        self.assertLess(source.read_bytes, MOST + 4 * sent)

    def test_an_answer_ends_the_sending(self) -> None:
        """Nothing is sent after an answer that came early, and nothing waits."""
        rig = Rig([len(HEAD), 300_000, FULL])
        rig.send(BytesSource("a", bytes(MOST)), MOST)
        sent = len(rig.socket.arrived)
        rig.connection.dataReceived(OK)
        rig.finish()
        self.assertEqual(len(rig.socket.arrived), sent)
        self.assertIsNot(rig.connection.state, IDLE)

    def test_a_broken_connection(self) -> None:
        """A connection that breaks while a chunk is offered fails the request."""
        rig = Rig([len(HEAD), 300_000, FULL])
        rig.send(BytesSource("a", bytes(MOST)), MOST)
        rig.socket.broken = True
        rig.finish()
        self.assertEqual(rig.results[0].type, ConnectionBroken)

    def test_a_lost_connection(self) -> None:
        """A connection that is lost between two offers stops the body."""
        rig = Rig([len(HEAD), 300_000, FULL])
        body = rig.send(BytesSource("a", bytes(MOST)), MOST)
        rig.transport.connectionLost(Failure(ConnectionLost()))
        rig.finish()
        body.resumeProducing()
        self.assertEqual(len(rig.socket.arrived), len(HEAD) + 300_000)
        self.assertEqual(len(rig.results), 1)

    def test_a_source_that_changes(self) -> None:
        """The end of a chunk whose source changed meanwhile is not sent."""
        rig = Rig([len(HEAD), 300_000, FULL])
        source = Counted("a", bytes(MOST))
        rig.send(source, MOST)
        source.changed = True
        rig.finish()
        self.assertEqual(rig.results[0].type, SourceChanged)
        self.assertLess(len(rig.socket.arrived), MOST)

    def test_progress(self) -> None:
        """How much of the chunk was taken is told each time, without its head and its tail."""
        seen: list[int] = []
        rig = Rig([len(HEAD), 6 + 300_000, FULL])
        rig.send(BytesSource("a", bytes(MOST)), MOST, progress=seen.append)
        rig.finish()
        self.assertEqual(seen[0], 300_000)
        self.assertEqual(seen[-1], MOST)
        self.assertEqual(seen, sorted(seen))

    def test_a_limit(self) -> None:
        """Bytes that are held back to a rate are read when it is their turn."""
        rig = Rig([])
        limiter = RateLimiter(MOST, reactor=rig.reactor)
        rig.send(BytesSource("a", bytes(2 * MOST)), 2 * MOST, limiter=limiter)
        self.assertLess(len(rig.socket.arrived), 2 * PIECE)
        for _ in range(230):
            rig.reactor.advance(0.01)
            rig.reactor.turn()
        self.assertEqual(len(rig.socket.arrived), len(HEAD) + 2 * MOST + 12)

    def test_large_after_small(self) -> None:
        """What the kernel left of a small request does not keep the next from being begun."""
        rig = Rig([1000, FULL])
        rig.send(BytesSource("a", bytes(PIECE)), PIECE)
        rig.finish()
        rig.connection.dataReceived(OK)
        rig.socket.arrived.clear()
        rig.send(BytesSource("b", bytes(MOST)), MOST)
        rig.finish()
        self.assertEqual(len(rig.socket.arrived), len(HEAD) + MOST + 12)

    def test_response_before_the_rest(self) -> None:
        """A response that comes while a part of the request is here is no success."""
        rig = Rig([1000, FULL])
        rig.send(BytesSource("a", bytes(PIECE)), PIECE)
        rig.connection.dataReceived(OK)
        self.assertEqual(rig.results[0].type, MalformedResponse)
        self.assertIsNot(rig.connection.state, IDLE)

    def test_bytes_before_the_request(self) -> None:
        """What comes before a byte of the request has left belongs to no request."""
        for uses, error in ((0, MalformedResponse), (1, StaleConnection)):
            rig = Rig([])
            for _ in range(uses):
                rig.send(BytesSource("a", b"x"), 1)
                rig.connection.dataReceived(OK)
            rig.socket.taken.extend([FULL])
            rig.send(BytesSource("a", bytes(PIECE)), PIECE)
            rig.connection.dataReceived(OK)
            self.assertEqual(rig.results[-1].type, error)
            self.assertIsNot(rig.connection.state, IDLE)

    def test_held_back_by_ourselves(self) -> None:
        """Waiting for the limiter is no stall; waiting for the peer is one, then as before."""
        rig = Rig([])
        limiter = RateLimiter(1000, reactor=rig.reactor)
        rig.send(BytesSource("a", bytes(9000)), 9000, limiter=limiter)
        for _ in range(30):
            rig.reactor.advance(0.5)
            rig.connection.watch(0.6)
        self.assertEqual(rig.results[0].type, StallTimeout)
        self.assertEqual(len(rig.socket.arrived), len(HEAD) + 9000 + 12)

    def test_two_in_turn(self) -> None:
        """What one chunk met does not keep the next one from arriving whole."""
        rig = Rig([1, FULL, 7, 100_000, FULL])
        for _ in range(2):
            rig.socket.arrived.clear()
            rig.send(BytesSource("a", bytes(MOST)), MOST)
            rig.finish()
            self.assertEqual(len(rig.socket.arrived), len(HEAD) + MOST + 12)
            rig.connection.dataReceived(OK)
        self.assertEqual([reply.code for reply in rig.results], [200, 200])


class StateTests(SynchronousTestCase):
    """
    A connection's life.
    """

    def connection(self, state: ConnectionState) -> HTTPConnection:
        """One in that state."""
        self.listener = Listener()
        reactor = Reactor()
        connection = HTTPConnection(
            seconds=reactor.seconds,
            batch=WriteBatch(reactor, ()),
            listener=self.listener,
            secure=True,
        )
        given: Any = Socket([])
        transport = Connection(given, connection, reactor)  # type: ignore[arg-type]
        transport.connected = 1
        connection.makeConnection(transport)
        if state is not CONNECTING:
            connection.handshakeCompleted()
        if state is ACTIVE:
            connection.send(HEAD, None).addErrback(lambda _: None)
            reactor.turn()
        elif state is CLOSING:
            connection.abort()
        elif state is CLOSED:
            connection.connectionLost()
        self.assertIs(connection.state, state)
        return connection

    def test_every_transition(self) -> None:
        """Whatever may follow a state does, by what happens to a connection, and nothing else."""
        acts: dict[ConnectionState, Callable[[HTTPConnection], object]] = {
            IDLE: lambda each: (
                each.dataReceived(OK) if each.state is ACTIVE else each.handshakeCompleted()
            ),
            ACTIVE: lambda each: each.send(HEAD, None).addErrback(lambda _: None),
            CLOSING: HTTPConnection.abort,
            CLOSED: HTTPConnection.connectionLost,
        }
        self.assertEqual(set(TRANSITIONS), set(ConnectionState))
        for state, allowed in TRANSITIONS.items():
            for following in allowed:
                with self.subTest(state=state, following=following):
                    connection = self.connection(state)
                    acts[following](connection)
                    self.assertIs(connection.state, following)
            for following in set(ConnectionState) - set(allowed):
                self.assertRaises(RuntimeError, change, state, following)

    def test_one_request_at_a_time(self) -> None:
        """A request can be sent only while none is under way, over what is connected and open."""
        for state in set(ConnectionState) - {IDLE}:
            connection = self.connection(state)
            self.assertRaises(RuntimeError, connection.send, HEAD, None)
            self.assertIs(connection.state, state)

    def test_once_ready(self) -> None:
        """It is ready once, and not after it was aborted."""
        connection = self.connection(IDLE)
        connection.handshakeCompleted()
        self.assertEqual(self.listener.heard, ["ready"])
        connection = self.connection(CONNECTING)
        connection.abort()
        connection.handshakeCompleted()
        connection.connectionLost()
        self.assertEqual(self.listener.heard, ["lost"])
