"""Tests for log lines that would come with every request."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.web.throttle import LogThrottle


class LogThrottleTests(SynchronousTestCase):
    """One of many."""

    def test_one_a_minute(self) -> None:
        """The first passes, then one a minute, which knows how many did not."""
        clock = Clock()
        throttle = LogThrottle(clock.seconds)
        passed = []
        for _ in range(130):
            if throttle.passes():
                passed.append((clock.seconds(), throttle.held_back()))
            clock.advance(1)
        self.assertEqual(passed, [(0, 0), (60, 59), (120, 59)])
