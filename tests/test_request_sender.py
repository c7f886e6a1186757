"""
Bodies on their way to the kernel, which takes as much as it likes.
"""

from __future__ import annotations

import socket
from random import Random
from typing import Any
from unittest.mock import Mock

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txresumable._engine.body import PIECE
from txresumable._http.batch import WriteBatch
from txresumable._http.request_sender import LEAST, MOST, TURN, RequestSender
from txresumable._http.response import Response
from txresumable._http.state import (
    IDLE,
)
from txresumable._policy.limiter import RateLimiter
from txresumable._source.source import BytesSource
from txresumable.errors import (
    ConnectionBroken,
    MalformedResponse,
    SourceChanged,
    StaleConnection,
    StallTimeout,
)

from .http_rig import FULL, HEAD, OK, Rig


class Counted(BytesSource):
    """
    Bytes, and how many of them were read.

    :ivar sizes: that number, each time.
    :ivar changed: whether it is no longer what it was.
    """

    changed = False

    def __init__(self, path: str, content: bytes) -> None:
        super().__init__(path, content)
        self.sizes: list[int] = []

    def glance(self, start: int, size: int) -> Any:
        self.sizes.append(size)
        return super().glance(start, size)

    def check(self) -> None:
        if self.changed:
            raise SourceChanged("a", "it was written to")


class OnDisk(BytesSource):
    """
    Bytes that have to be read.

    :ivar reads: how often they were.
    """

    def __init__(self, content: bytes, misses: int = 1 << 30) -> None:
        """:param misses: how often they are not in memory."""
        super().__init__("a", content)
        self.reads = 0
        self.misses = misses

    def glance(self, start: int, size: int) -> Any:
        self.misses -= 1
        return b"" if self.misses >= 0 else super().glance(start, size)

    def read(self, start: int, size: int) -> bytes:
        self.reads += 1
        return super().read(start, size)


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
        self.assertLess(sum(source.sizes), MOST + 4 * sent)

    def test_as_much_as_last_time(self) -> None:
        """What the kernel took in one turn is offered in the next, and then a little more."""
        rig = Rig([len(HEAD), 300_000] + [300_000, FULL] * 5)
        source = Counted("a", bytes(8 * MOST))
        rig.send(source, 8 * MOST)
        for _ in range(2):
            rig.reactor.turn()
        self.assertEqual(source.sizes, [MOST] + [300_000, LEAST] * 2)

    def test_more_than_last_time(self) -> None:
        """A kernel that takes everything is offered all of a turn in two calls."""
        rig = Rig([])
        source = Counted("a", bytes(8 * MOST))
        rig.send(source, 8 * MOST)
        source.sizes.clear()
        rig.reactor.turn()
        self.assertEqual(len(source.sizes), 2)
        self.assertGreater(sum(source.sizes), TURN)

    def test_full(self) -> None:
        """As long as the kernel takes nothing, no more is read than the transport was given."""
        for secure in (False, True):
            rig = Rig([FULL] * 9, secure)
            source = OnDisk(bytes(8 * PIECE))
            rig.send(source, 8 * PIECE)
            for _ in range(20):
                rig.reactor.advance(0)
            self.assertLessEqual(source.reads, 2)
            rig.finish()
            self.assertEqual(len(rig.socket.arrived), len(HEAD) + 8 * PIECE + 12)
            rig.connection.dataReceived(OK)
            self.assertIs(rig.connection.state, IDLE)

    def test_secure(self) -> None:
        """What goes over TLS is for the transport to send, and not for us."""
        rig = Rig([], secure=True)
        rig.send(BytesSource("a", bytes(8 * MOST)), 8 * MOST)
        rig.finish()
        self.assertEqual(rig.socket.calls, [])
        self.assertEqual(len(rig.socket.arrived), len(HEAD) + 8 * MOST + 12)

    def test_pieces_of_a_small_body(self) -> None:
        """The pieces of a small body are all taken, full or not, and after a large one as well."""
        content = Random(1).randbytes(100_000)
        rig = Rig([])
        limiter = RateLimiter(1_000_000, reactor=rig.reactor)
        for large in (0, 2 * MOST, 0):
            rig.send(BytesSource("a", bytes(large)), large)
            rig.finish()
            rig.connection.dataReceived(OK)
            rig.socket.arrived.clear()
            rig.socket.taken.extend([FULL] * 9)
            rig.send(BytesSource("a", content), len(content), limiter=limiter)
            for _ in range(50):
                rig.reactor.advance(0.01)
            rig.finish()
            self.assertEqual(bytes(rig.socket.arrived), HEAD + b"<head>" + content + b"<tail>")
            rig.connection.dataReceived(OK)
        self.assertEqual([each.code for each in rig.results], [200] * 6)

    def test_small_from_disk(self) -> None:
        """So is a small body that has to be read first, and is in memory by then."""
        rig = Rig([])
        for misses in (0, 1, 2, 3):
            rig.send(BytesSource("a", bytes(2 * MOST)), 2 * MOST)
            rig.finish()
            rig.connection.dataReceived(OK)
            rig.socket.arrived.clear()
            rig.socket.taken.extend([FULL] * 4)
            rig.send(OnDisk(b"x" * 1000, misses), 1000)
            rig.finish()
            self.assertEqual(len(rig.socket.arrived), len(HEAD) + 1012)
            rig.connection.dataReceived(OK)
        self.assertEqual([each.code for each in rig.results], [200] * 8)

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
        rig.socket.fault = ConnectionResetError(104, "the peer is gone")
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

    def test_a_small_source_that_changed(self) -> None:
        """Of a small one nothing is sent."""
        rig = Rig([])
        source = Counted("a", b"x")
        source.changed = True
        rig.send(source, 1)
        self.assertEqual(rig.results[0].type, SourceChanged)
        self.assertEqual(rig.socket.arrived, b"")

    def test_aborted(self) -> None:
        """Nothing is sent over a connection that is being closed, and nobody waits for room."""
        for source in (BytesSource("a", bytes(MOST)), OnDisk(bytes(MOST))):
            rig = Rig([len(HEAD), 300_000, FULL])
            body = rig.send(source, MOST)
            sent = len(rig.socket.arrived)
            rig.connection.abort()
            body.resumeProducing()
            self.assertEqual(rig.reactor.writers, set())
            rig.finish()
            self.assertEqual(len(rig.socket.arrived), sent)
            self.assertEqual(rig.results[0].type, ConnectionBroken)

    def test_aborted_by_whom_it_tells(self) -> None:
        """Nor when it is closed by somebody who is told how much was sent."""
        rig = Rig([])
        body = rig.send(
            BytesSource("a", bytes(4 * MOST)),
            4 * MOST,
            progress=lambda _: rig.connection.abort(),
        )
        self.assertEqual(len(rig.socket.arrived), len(HEAD) + 6 + MOST)
        self.assertEqual(rig.reactor.writers, set())
        rig.finish()
        self.assertEqual(body.position, 6 + MOST)
        self.assertEqual(rig.results[0].type, ConnectionBroken)

    def test_lost_as_it_begins(self) -> None:
        """Nothing is read for a connection that turns out to be lost as the body begins."""
        rig = Rig([])
        source = Counted("a", bytes(MOST))
        rig.transport.disconnected = True
        rig.send(source, MOST)
        self.assertEqual((source.sizes, rig.socket.arrived), ([], b""))
        rig.connection.connectionLost()
        self.assertEqual(rig.results[0].type, ConnectionBroken)

    def test_slow_disk(self) -> None:
        """A disk that gives a piece now and then keeps a request going, over TLS as well."""
        for secure in (False, True):
            rig = Rig([], secure)
            rig.reading_takes = 50.0
            rig.send(OnDisk(bytes(4 * PIECE)), 4 * PIECE)
            for _ in range(4):
                rig.reactor.advance(50)
                rig.reactor.turn()
                rig.connection.watch(60)
            self.assertEqual(rig.results, [])
            self.assertEqual(len(rig.socket.arrived), len(HEAD) + 4 * PIECE + 12)

    def test_slow_kernel(self) -> None:
        """So does a kernel that takes something now and then."""
        rig = Rig([len(HEAD)] + [1000, FULL] * 5)
        rig.send(BytesSource("a", bytes(MOST)), MOST)
        for _ in range(4):
            rig.reactor.advance(50)
            rig.reactor.turn()
            rig.connection.watch(60)
        self.assertEqual(rig.results, [])

    def test_written(self) -> None:
        """A request is written once the kernel has all of it, large or small."""
        for size in 1000, MOST:
            rig = Rig([len(HEAD), FULL, 500, FULL])
            rig.send(BytesSource("a", bytes(size)), size)
            self.assertFalse(rig.connection.sender.is_written)
            rig.reactor.turn()
            self.assertFalse(rig.connection.sender.is_written)
            rig.finish()
            self.assertTrue(rig.connection.sender.is_written)
            self.assertEqual(rig.results, [])

    def test_held(self) -> None:
        """Nor is one that waits for others to go out with it."""
        rig = Rig([])
        batch = WriteBatch(rig.reactor, (1, 2))
        sender = RequestSender(
            rig.transport, False, seconds=rig.reactor.seconds, batch=batch, listener=Mock()
        )
        sender.start(HEAD, None)
        self.assertFalse(sender.is_written)
        batch.flush()
        self.assertTrue(sender.is_written)

    def test_stuck(self) -> None:
        """What stays where it is does not move."""
        rig = Rig([1000, FULL])
        rig.send(BytesSource("a", bytes(PIECE)), PIECE)
        for _ in range(2):
            self.assertEqual(rig.results, [])
            rig.connection.watch(60)
            rig.reactor.advance(30)
        rig.connection.watch(60)
        self.assertEqual(rig.results[0].type, StallTimeout)

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
