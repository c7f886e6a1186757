"""Tests for reading whole chunks in threads."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from txresumable._engine.lanes import Lanes
from txresumable._engine.relay import MOST_HUNG
from txresumable._source.source import BytesSource

from .reentrancy.reactor import SplitReactor


class LaneTests(SynchronousTestCase):
    """One thread for a source, and few for all."""

    def setUp(self) -> None:
        self.reactor = SplitReactor()
        self.lanes = Lanes(self.reactor)
        self.sources = [BytesSource(str(at), b"%d" % at) for at in range(MOST_HUNG + 2)]

    def read(self, at: int) -> Deferred[bytes]:
        """Read one of the sources."""
        return self.lanes.run(self.sources[at], self.sources[at].read, 0, 1)

    def let_one_arrive(self) -> None:
        """The thread that began first is through."""
        self.reactor.works.pop(0)()
        self.reactor.results.pop(0)()

    def test_one_for_each_source(self) -> None:
        """What is read of one source is read one after the other; others need not wait for it."""
        first, second, other = self.read(0), self.read(0), self.read(1)
        self.assertEqual(len(self.reactor.works), 2)
        self.let_one_arrive()
        self.assertEqual(self.successResultOf(first), b"0")
        self.assertEqual(len(self.reactor.works), 2)
        self.let_one_arrive()
        self.assertEqual(self.successResultOf(other), b"1")
        self.assertNoResult(second)
        self.let_one_arrive()
        self.assertEqual(self.successResultOf(second), b"0")

    def test_few_sources(self) -> None:
        """No more sources are read at a time than threads may hang; the others come in order."""
        reading = [self.read(at) for at in range(len(self.sources))]
        self.assertEqual(len(self.reactor.works), MOST_HUNG)
        for at, each in enumerate(reading):
            self.let_one_arrive()
            self.assertEqual(self.successResultOf(each), b"%d" % at)

    def test_fails(self) -> None:
        """What a read raises is what it fails with, and the next one has its turn."""

        def read() -> bytes:
            raise OSError("gone")

        failing = self.lanes.run(self.sources[0], read)
        following = self.read(0)
        self.reactor.let_all_arrive()
        self.failureResultOf(failing, OSError)
        self.assertEqual(self.successResultOf(following), b"0")

    def test_cancelled(self) -> None:
        """
        A read that nobody waits for any more holds its source until it is through, and is not
        begun if it was not.
        """
        running, waiting, last = (self.read(0) for _ in range(3))
        for each in (running, waiting):
            each.cancel()
            self.failureResultOf(each, CancelledError)
        self.assertEqual(len(self.reactor.works), 1)
        self.let_one_arrive()
        self.assertEqual(len(self.reactor.works), 1)
        self.let_one_arrive()
        self.assertEqual(self.successResultOf(last), b"0")
        self.assertEqual(self.reactor.works, [])
