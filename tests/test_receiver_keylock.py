"""Tests for locks of uploads."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.store.keylock import KeyLocks


class KeyLocksTests(SynchronousTestCase):
    """Locks by key."""

    def setUp(self) -> None:
        self.locks = KeyLocks()
        self.entered: list[int] = []

    def hold(self, number: int, until: Deferred[None] | None = None) -> Deferred[None]:
        """Hold the one lock until something happens."""

        async def holding() -> None:
            async with self.locks.holding("key"):
                self.entered.append(number)
                if until is not None:
                    await until

        return Deferred.fromCoroutine(holding())

    def test_one_at_a_time(self) -> None:
        """Those who ask get it one after the other, in their order, and then there is none."""
        ends: list[Deferred[None]] = [Deferred() for _ in range(3)]
        held = [self.hold(number, end) for number, end in enumerate(ends)]
        for number, end in enumerate(ends):
            self.assertEqual(self.entered, list(range(number + 1)))
            end.callback(None)
            self.successResultOf(held[number])
        self.assertEqual(len(self.locks), 0)

    def test_taken(self) -> None:
        """It is taken at once if nobody has it or waits for it; who asks after that waits."""
        end: Deferred[None] = Deferred()
        held = self.hold(0, end)
        self.assertFalse(self.locks.take("key"))
        end.callback(None)
        self.successResultOf(held)
        self.assertTrue(self.locks.take("key"))
        self.assertFalse(self.locks.take("key"))
        self.assertTrue(self.locks.take("other"))
        self.locks.give_back("other")
        held = self.hold(1)
        self.assertEqual(self.entered, [0])
        self.locks.give_back("key")
        self.successResultOf(held)
        self.assertEqual((self.entered, len(self.locks)), ([0, 1], 0))

    def test_waiter_that_ends_at_once(self) -> None:
        """A waiter that ends within the release of another leaves the lock to those behind it."""
        first: Deferred[None] = Deferred()
        third: Deferred[None] = Deferred()
        held = [self.hold(1, first), self.hold(2), self.hold(3, third)]
        first.callback(None)
        self.assertEqual(self.entered, [1, 2, 3])
        late = self.hold(4)
        self.assertEqual(self.entered, [1, 2, 3])
        third.callback(None)
        for each in (*held, late):
            self.successResultOf(each)
        self.assertEqual((self.entered, len(self.locks)), ([1, 2, 3, 4], 0))

    def test_many(self) -> None:
        """Thousands wait, and end without waiting again, at no depth of the stack."""
        first: Deferred[None] = Deferred()
        held = [self.hold(0, first), *(self.hold(number) for number in range(1, 5000))]
        first.callback(None)
        for each in held:
            self.successResultOf(each)
        self.assertEqual((self.entered, len(self.locks)), (list(range(5000)), 0))

    def test_cancelled(self) -> None:
        """A waiter that is cancelled is passed over; other keys are not held up at all."""
        first: Deferred[None] = Deferred()
        held = [self.hold(1, first), self.hold(2), self.hold(3)]
        held[1].cancel()
        self.failureResultOf(held[1])
        first.callback(None)
        self.successResultOf(held[2])
        self.assertEqual((self.entered, len(self.locks)), ([1, 3], 0))
