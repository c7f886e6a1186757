"""
Bodies on their way to the kernel, which takes as much as it likes.
"""

from __future__ import annotations

import socket
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txresumable._engine.body import PIECE
from txresumable._http.request_sender import MOST, TURN
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
