"""
Tests for effects in a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from tests.test_service import HeldThreads
from txresumable.push.delivery.effect_queue import EffectQueue


class Effects:
    """Counts what is made durable."""

    def __init__(self) -> None:
        self.syncs = 0
        self.error: OSError | None = None

    def sync(self) -> None:
        self.syncs += 1
        if self.error is not None:
            raise self.error


class EffectQueueTests(SynchronousTestCase):
    """One thread at a time, which makes all durable that has come meanwhile."""

    def setUp(self) -> None:
        self.reactor = HeldThreads()
        self.effects: Any = Effects()
        self.queue = EffectQueue(self.effects, self.reactor)
        self.caused: list[int] = []

    def effect(self, number: int) -> Callable[[Any], int]:
        """One that is noted."""

        def cause(given: Any) -> int:
            self.assertIs(given, self.effects)
            self.caused.append(number)
            return number

        return cause

    def test_together(self) -> None:
        """Those that come while the thread is at work are caused in order, with one sync."""
        results = [self.queue.run(self.effect(number)) for number in range(4)]
        self.assertEqual(len(self.reactor.work), 1)
        self.reactor.work.pop()()
        self.assertEqual((self.caused, self.effects.syncs), ([0], 1))
        self.assertEqual(self.successResultOf(results[0]), 0)
        self.assertNoResult(results[1])
        self.reactor.work.pop()()
        self.assertEqual((self.caused, self.effects.syncs), ([0, 1, 2, 3], 2))
        self.assertEqual([self.successResultOf(each) for each in results[1:]], [1, 2, 3])
        self.assertEqual(self.reactor.work, [])

    def test_one_fails(self) -> None:
        """One that raises fails alone."""
        self.queue.run(self.effect(0))
        failing = self.queue.run(lambda _: 1 // 0)
        fine = self.queue.run(self.effect(2))
        self.reactor.work.pop()()
        self.reactor.work.pop()()
        self.failureResultOf(failing, ZeroDivisionError)
        self.assertEqual(self.successResultOf(fine), 2)

    def test_not_durable(self) -> None:
        """If they cannot be made durable, all fail, and the next ones are caused all the same."""
        self.effects.error = OSError(5, "no disk")
        result = self.queue.run(self.effect(0))
        self.reactor.work.pop()()
        self.failureResultOf(result, OSError)
        self.effects.error = None
        again = self.queue.run(self.effect(0))
        self.reactor.work.pop()()
        self.assertEqual(self.successResultOf(again), 0)

    def test_cancelled(self) -> None:
        """Who gives up is not waited for; what was begun is caused."""
        result = self.queue.run(self.effect(0))
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.reactor.work.pop()()
        self.assertEqual(self.caused, [0])

    def test_most(self) -> None:
        """So many at a time that those at the front need not wait for long."""
        results = [self.queue.run(self.effect(number)) for number in range(1 + 64 + 1)]
        for _ in range(2):
            self.reactor.work.pop()()
        self.assertEqual(len(self.caused), 65)
        self.assertNoResult(results[-1])
        self.reactor.work.pop()()
        self.successResultOf(results[-1])
