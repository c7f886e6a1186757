"""
Tests for what goes on together.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.push.delivery.gathering import Gathering


class GatheringTests(SynchronousTestCase):
    """Those that wait go on together."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.gathering = Gathering(self.clock)
        self.addCleanup(self.assertEqual, self.clock.getDelayedCalls(), [])

    def test_in_a_moment(self) -> None:
        """They wait for a moment after the first, and so do those that come then."""
        for _ in range(2):
            first = self.gathering.wait()
            self.clock.advance(0.09)
            second = self.gathering.wait()
            self.assertNoResult(first)
            self.clock.advance(0.02)
            self.successResultOf(first)
            self.successResultOf(second)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_enough(self) -> None:
        """Many do not wait."""
        waiting = [self.gathering.wait() for _ in range(65)]
        for each in waiting[:64]:
            self.successResultOf(each)
        self.assertNoResult(waiting[64])
        self.gathering.go_on()
        self.successResultOf(waiting[64])
        self.assertEqual(self.clock.getDelayedCalls(), [])
