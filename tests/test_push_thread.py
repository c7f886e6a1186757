"""
The one thread that uses the database.
"""

from __future__ import annotations

import threading
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.journal_rig import seen
from txresumable.push import Journal, PushState
from txresumable.push.journal.thread import OneThread


def journal_threads() -> int:
    """How many threads use a journal's database; others come and go as they like."""
    return sum("txresumable journal" in thread.name for thread in threading.enumerate())


class OneThreadTests(TestCase):
    """A real thread."""

    @inlineCallbacks
    def test_one(self) -> Any:
        """All work is done in one thread of its own, in order; what it raises is passed on."""
        thread = OneThread(reactor)
        done: list[int] = []

        def work(number: int) -> threading.Thread:
            done.append(number)
            return threading.current_thread()

        threads = yield gatherResults([thread.run(work, number) for number in range(20)])
        self.assertEqual((len(set(threads)), done), (1, list(range(20))))
        self.assertNotIn(threading.current_thread(), threads)
        yield self.assertFailure(thread.run(lambda: 1 // 0), ZeroDivisionError)
        thread.stop()
        thread.stop()
        self.assertFalse(threads[0].is_alive())

    @inlineCallbacks
    def test_journal(self) -> Any:
        """A journal works with a real thread, which ends with it."""
        before = journal_threads()
        journal = yield Journal.open(self.mktemp(), reactor=reactor)
        files = [seen(f"{number}", is_marked=True) for number in range(50)]
        yield journal.observe("scans", files)
        taken = yield journal.take("scans", 50)
        moved = yield gatherResults([journal.move(each.id, PushState.STORED) for each in taken])
        self.assertEqual({each.state for each in moved}, {PushState.STORED})
        last = journal.counts()
        yield journal.close()
        counts = yield last
        self.assertEqual(counts, {"scans": {PushState.STORED: 50}})
        self.assertEqual(journal_threads(), before)

    @inlineCallbacks
    def test_failed_start(self) -> Any:
        """A journal that cannot be opened leaves no thread behind."""
        before = journal_threads()
        state = self.mktemp()
        journal = yield Journal.open(state, reactor=reactor)
        yield self.assertFailure(Journal.open(state, reactor=reactor), Exception)
        self.assertEqual(journal_threads(), before + 1)
        yield journal.close()
        self.assertEqual(journal_threads(), before)


class FakeTests(SynchronousTestCase):
    """A reactor without threads."""

    def test_synchronous(self) -> None:
        """Work is done at once."""
        thread = OneThread(Clock())
        self.assertEqual(self.successResultOf(thread.run(max, 1, 2)), 2)
        thread.stop()
