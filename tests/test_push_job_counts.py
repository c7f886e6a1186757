"""Tests for how many jobs there are in a queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.test_push_handover import FourVerbs
from txresumable.push import JobsUnavailable, NewJob
from txresumable.push.delivery.job_counts import FRESH, PATIENCE, JobCounts
from txresumable.testing import MemoryJobs

ONE = {"scans": {"queued": 1}}


class SlowJobs(MemoryJobs):
    """A queue that counts when a test wants it."""

    counting: Deferred[Any] | None = None

    def counts(self) -> Deferred[Mapping[str, Mapping[str, int]]]:
        if self.counting is None:
            return super().counts()
        self.asked.append("counts")
        return self.counting


class JobCountsTests(SynchronousTestCase):
    """They are asked for when somebody looks."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.jobs = SlowJobs(self.clock)
        self.counts = JobCounts(self.jobs, self.clock)
        self.jobs.add([NewJob(folder="scans", path=b"a")])

    def tearDown(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def look(self) -> Deferred[Any]:
        """Look."""
        return Deferred.fromCoroutine(self.counts.look())

    def test_fresh(self) -> None:
        """What was said lately is not asked for again."""
        self.assertEqual(self.successResultOf(self.look()), ONE)
        self.jobs.add([NewJob(folder="scans", path=b"b")])
        self.clock.advance(FRESH - 0.1)
        self.assertEqual(self.successResultOf(self.look()), ONE)
        self.clock.advance(0.1)
        self.assertEqual(self.successResultOf(self.look()), {"scans": {"queued": 2}})
        self.assertEqual(self.jobs.asked.count("counts"), 2)

    def test_slow(self) -> None:
        """Whoever looks does not wait for long, and what is said then is there for the next."""
        self.jobs.counting = Deferred()
        first, second = self.look(), self.look()
        self.assertEqual(self.successResultOf(second), {})
        self.assertNoResult(first)
        self.clock.advance(PATIENCE)
        self.assertEqual(self.successResultOf(first), {})
        self.clock.advance(FRESH)
        self.assertEqual(self.successResultOf(self.look()), {})
        self.assertEqual(self.jobs.asked.count("counts"), 1)
        self.jobs.counting.callback(ONE)
        self.jobs.counting = Deferred()
        self.look()
        self.assertEqual(self.counts.known, ONE)
        self.jobs.counting.errback(JobsUnavailable("no route"))

    def test_away(self) -> None:
        """While it is away, what was said last is there, and it is not asked more often."""
        self.successResultOf(self.look())
        self.clock.advance(FRESH)
        self.jobs.trouble = "no route"
        for _ in range(2):
            self.assertEqual(self.successResultOf(self.look()), ONE)
        self.assertEqual(self.jobs.asked.count("counts"), 2)

    def test_broken(self) -> None:
        """What else goes wrong is logged, and passes."""
        self.jobs.counting = Deferred()
        looking = self.look()
        self.jobs.counting.errback(ValueError())
        self.assertEqual(self.successResultOf(looking), {})
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.clock.advance(FRESH)
        self.jobs.counting = None
        self.assertEqual(self.successResultOf(self.look()), ONE)

    def test_does_not_count(self) -> None:
        """A source that does not count is not asked."""
        self.counts = JobCounts(FourVerbs(self.jobs), self.clock)
        self.assertEqual(self.successResultOf(self.look()), {})
