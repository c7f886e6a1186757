"""Tests for the queue in memory, and for the tests of queues: one that is wrong does not pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.reporter import TestResult
from twisted.trial.unittest import SynchronousTestCase, TestCase

from txresumable.push import Job, JobsUnavailable, NewJob
from txresumable.testing import JobSourceTests, MemoryJobs


class MemoryTests(JobSourceTests, TestCase):
    """It is a source of jobs as every other one is."""

    kind: Callable[[Clock], MemoryJobs] = MemoryJobs

    async def setUp(self) -> None:  # type: ignore[override]
        self.clock = Clock()
        self.first = type(self).kind(self.clock)
        await super().setUp()

    async def make_source(self) -> MemoryJobs:
        return self.first.another()

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)


class TroubleTests(SynchronousTestCase):
    """What can be wrong with it on purpose."""

    def test_trouble(self) -> None:
        """In trouble, it does nothing."""
        jobs = MemoryJobs(Clock())
        jobs.trouble = "away"
        failed = self.failureResultOf(jobs.add([NewJob(folder="a", path=b"b")]), JobsUnavailable)
        self.assertIn("away", str(failed.value))
        self.assertEqual((jobs.rows(), jobs.asked), ([], ["add"]))

    def test_loses(self) -> None:
        """If it loses responses, it has done what it was asked for."""
        jobs = MemoryJobs(Clock())
        jobs.loses = True
        self.failureResultOf(jobs.add([NewJob(folder="a", path=b"\xff")]), JobsUnavailable)
        [row] = jobs.another().rows()
        self.assertEqual((row["name"], row["state"]), ("\\xff", "queued"))


class Careless(MemoryJobs):
    """One that ends jobs whoever has them."""

    def _row_of(self, job: Job, *states: str) -> Any:
        return self._table.rows[job.id]


class Forgetful(MemoryJobs):
    """One that replaces the progress that is written down."""

    def renew(self, jobs: Any, lease: float) -> Deferred[set[int]]:
        for job in jobs:
            self._table.rows[job.id].progress = {}
        return super().renew(jobs, lease)


class Eager(MemoryJobs):
    """One that gives jobs out before the lease is over."""

    def claim(self, folders: Any, count: int, lease: float) -> Deferred[list[Job]]:
        return super().claim(folders, count, lease / 4)


class Mixing(MemoryJobs):
    """One that gives out jobs of all folders."""

    def claim(self, folders: Any, count: int, lease: float) -> Deferred[list[Job]]:
        every = [row.new.folder for row in self._table.rows.values()]
        return super().claim(every, count, lease)


class Doubling(MemoryJobs):
    """One that adds a version twice."""

    def add(self, jobs: Any) -> Deferred[int]:
        self._table.keys.clear()
        return super().add(jobs)


class Stubborn(MemoryJobs):
    """One that does not notice that it is closed."""

    def close(self) -> Deferred[None]:
        return succeed(None)


class WrongTests(SynchronousTestCase):
    """Whatever is wrong with a source, some test says so."""

    def test_noticed(self) -> None:
        for kind in Careless, Forgetful, Eager, Mixing, Doubling, Stubborn:
            cases = type("Cases", (MemoryTests,), {"kind": kind})
            result = TestResult()
            for name in dir(cases):
                if name.startswith("test_"):
                    cases(name).run(result)
            self.assertGreater(result.testsRun, 15)
            self.assertNotEqual([*result.failures, *result.errors], [], kind)
            self.assertEqual(result.errors, [], kind)
