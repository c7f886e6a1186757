"""Tests for what is done in threads, a little of it at once."""

from __future__ import annotations

import errno

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.receiver_rig import Thread
from txresumable.receiver.store.jobs import Jobs


class JobsTests(SynchronousTestCase):
    """Jobs."""

    def setUp(self) -> None:
        self.clock, self.thread = Clock(), Thread()
        self.jobs = Jobs(self.thread.run, self.clock)
        self.ran: list[int] = []

    def ask(self, *numbers: int) -> list[Deferred[int]]:
        """Have something done for each number."""
        return [self.jobs(self.do, number) for number in numbers]

    def do(self, number: int) -> int:
        """Note a number, and give it back."""
        self.ran.append(number)
        return number

    def test_few_at_once(self) -> None:
        """Four run at once, and the next one as soon as one of them has ended, in their order."""
        asked = self.ask(*range(10))
        for ended in range(10):
            self.assertEqual(len(self.thread.waiting), min(4, 10 - ended))
            self.assertNoResult(asked[ended])
            self.thread.work(1)
            self.assertEqual(self.successResultOf(asked[ended]), ended)
        self.assertEqual(self.ran, list(range(10)))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slow_ones(self) -> None:
        """One more runs for each 10 ms in which none ends."""
        asked = self.ask(*range(20))
        for more in range(6):
            self.assertEqual(len(self.thread.waiting), 4 + more)
            self.clock.advance(0.01)
        self.thread.work(1)
        self.assertEqual(len(self.thread.waiting), 9)
        self.clock.advance(0.01)  # something has ended since the last time
        self.assertEqual(len(self.thread.waiting), 9)
        self.clock.advance(0.01)
        self.assertEqual(len(self.thread.waiting), 10)
        self.thread.work(7)
        self.assertEqual(len(self.thread.waiting), 4)
        self.thread.work()
        self.assertEqual([self.successResultOf(each) for each in asked], list(range(20)))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_time_counts_from_the_first_that_waits(self) -> None:
        """What ended before any had to wait is no reason to wait longer."""
        self.ask(*range(4))
        self.thread.work(1)
        self.ask(4, 5)
        self.clock.advance(0.01)
        self.assertEqual(len(self.thread.waiting), 5)
        self.thread.work()

    def test_failures(self) -> None:
        """A function that raises fails its own Deferred, and the next one runs."""
        error = OSError(errno.EIO, "broken")

        def broken() -> None:
            raise error

        failing, asked = self.jobs(broken), self.ask(*range(4))
        self.thread.work()
        self.assertIs(self.failureResultOf(failing, OSError).value, error)
        self.assertEqual([self.successResultOf(each) for each in asked], list(range(4)))

    def test_cancelled(self) -> None:
        """One that is cancelled while it waits is not run; nobody hears of one that is running."""
        asked = self.ask(*range(6))
        for each in (asked[0], asked[4]):
            each.cancel()
            self.failureResultOf(each, CancelledError)
        self.thread.work()
        self.assertEqual(self.ran, [0, 1, 2, 3, 5])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_thread(self) -> None:
        """Any number can fail at once, and those that follow are run again."""
        started: list[Deferred[None]] = []

        def run(work: object, *args: object) -> Deferred[None]:
            if len(started) < 4:
                started.append(Deferred())
                return started[-1]
            return fail(OSError(errno.EAGAIN, "no thread"))

        jobs = Jobs(run, self.clock)  # type: ignore[arg-type]
        asked = [jobs(self.do, number) for number in range(5000)]
        started[0].callback(None)
        for each in asked[4:]:
            self.failureResultOf(each, OSError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        started.clear()
        self.assertNoResult(jobs(self.do, 0))
