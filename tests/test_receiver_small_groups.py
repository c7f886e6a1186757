"""Tests for groups of small files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.receiver_rig import Thread
from txresumable.receiver.store.refused import Refused
from txresumable.receiver.store.small_groups import Groups
from txresumable.receiver.store.work import Work


class GroupsTests(SynchronousTestCase):
    """Files that arrive while others are stored are stored together."""

    def setUp(self) -> None:
        self.clock, self.thread = Clock(), Thread()
        self.work = Work(self.thread.run)
        self.stored: list[list[int]] = []
        self.outcomes: list[Any] = []
        self.groups = Groups(self.work, self.store, lambda: 7, self.clock)

    def store(self, files: Sequence[Any], promised: int) -> list[Any]:
        """Store a group: each file comes to its own number."""
        self.assertEqual(promised, 7)
        self.stored.append(list(files))
        return list(files)

    def add(self, *numbers: int) -> None:
        """Files arrive."""
        for number in numbers:
            added: Deferred[Any] = self.groups.add(number)  # type: ignore[arg-type]
            added.addCallback(self.outcomes.append)

    def turn(self, turns: int = 10) -> None:
        """The reactor takes turns."""
        for _ in range(turns):
            self.clock.advance(0)

    def test_together(self) -> None:
        """Those that arrive in one turn, or soon after one another, are one group."""
        later = self.clock.callLater
        # A turn takes some time, so that one call does not make all of them pass.
        self.patch(self.clock, "callLater", lambda delay, *call: later(delay + 0.01, *call))
        self.add(1, 2)
        for number in (3, 4, 5):
            self.clock.pump([0.01] * 4)
            self.add(number)
        self.assertEqual(self.thread.waiting, [])
        self.clock.pump([0.01] * 7)
        self.thread.work()
        self.assertEqual((self.stored, self.outcomes), ([[1, 2, 3, 4, 5]], [1, 2, 3, 4, 5]))

    def test_quiet(self) -> None:
        """A group goes once none has arrived for five turns, or as soon as it is full."""
        later = self.clock.callLater
        self.patch(self.clock, "callLater", lambda delay, *call: later(delay + 0.01, *call))
        for numbers, again, turns in (((1,), (), 6), ((1,), (2,), 9), (range(64), (), 1)):
            self.add(*numbers)
            if again:
                self.clock.pump([0.01] * 3)
                self.add(*again)
            for _ in range(turns - 1 - (3 if again else 0)):
                self.clock.advance(0.01)
                self.assertEqual(self.thread.waiting, [], numbers)
            self.clock.advance(0.01)
            self.assertEqual(len(self.thread.waiting), 1, numbers)
            self.thread.work()
            self.assertEqual(self.stored.pop(), [*numbers, *again])

    def test_meanwhile(self) -> None:
        """Those that arrive while a group is stored are the next."""
        self.add(1)
        self.turn()
        self.add(2, 3)
        self.turn()
        self.assertEqual(len(self.thread.waiting), 1)
        self.thread.work()
        self.turn()
        self.thread.work()
        self.assertEqual(self.stored, [[1], [2, 3]])
        self.add(4)
        self.turn()
        self.thread.work()
        self.assertEqual((self.stored[2:], self.outcomes), ([[4]], [1, 2, 3, 4]))

    def test_most(self) -> None:
        """A group has 64 files at most, and so many wait for no more."""
        self.add(*range(100))
        self.turn(1)
        self.assertEqual(len(self.thread.waiting), 1)
        self.thread.work()
        self.turn()
        self.thread.work()
        self.assertEqual([len(group) for group in self.stored], [64, 36])

    def test_failure(self) -> None:
        """If a group fails as a whole, each of its files goes the ordinary way."""

        def fail(*_: object) -> Any:
            raise MemoryError

        self.groups = Groups(self.work, fail, lambda: 7, self.clock)
        self.add(1, 2)
        self.turn()
        self.thread.work()
        self.assertEqual(self.outcomes, [None, None])
        self.add(3)
        self.turn()
        self.thread.work()
        self.assertEqual(self.outcomes, [None] * 3)

    def test_closed(self) -> None:
        """What closes waits for a group, and files that wait go the ordinary way, which says no."""
        self.add(1)
        self.turn()
        self.add(2)
        self.work.closed = True
        idle = self.work.usage.idle()
        self.assertNoResult(idle)
        self.thread.work()
        self.turn()
        self.assertEqual((self.outcomes, self.thread.waiting), ([1, None], []))
        self.successResultOf(idle)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slow(self) -> None:
        """If it takes more than a second, those that wait go the ordinary way, as all do then."""
        self.add(1)
        self.turn()
        self.add(2)
        self.assertTrue(self.groups.quick)
        self.clock.advance(1)
        self.assertEqual((self.outcomes, self.groups.quick), ([None], False))
        self.clock.advance(1000)
        self.assertFalse(self.groups.quick)
        self.thread.work()
        self.assertEqual(self.outcomes, [None, 1])
        self.clock.advance(59)
        self.assertFalse(self.groups.quick)
        self.clock.advance(1)
        self.assertTrue(self.groups.quick)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_not_to_be_cancelled(self) -> None:
        """Whoever has gone: a file is not let go of while a thread is at it."""
        added: Deferred[Any] = self.groups.add(1)  # type: ignore[arg-type]
        added.cancel()
        self.assertNoResult(added)
        self.turn()
        self.thread.work()
        self.assertEqual(self.successResultOf(added), 1)

    def test_refused(self) -> None:
        """What came of each file is its own."""
        refused = Refused(422, "no")
        self.groups = Groups(self.work, lambda files, promised: [refused, None], int, self.clock)
        self.add(1, 2)
        self.turn()
        self.thread.work()
        self.assertEqual(self.outcomes, [refused, None])
