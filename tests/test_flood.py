"""A log in which what repeats itself is one line."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.logger import Logger, LogLevel, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from txresumable._runtime.flood import AT_ONCE, WINDOW, FloodLimit


class FloodLimitTests(SynchronousTestCase):
    """Lines that come through."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.events: list[dict[str, Any]] = []
        self.log = Logger(observer=FloodLimit(self.events.append, self.clock))  # type: ignore[arg-type]

    def test_flood(self) -> None:
        """Lines of a kind are some, and then one with how many more there were."""
        for number in range(1000):
            self.log.warn("{file} failed", file=number)
        self.assertEqual(len(self.events), AT_ONCE)
        self.clock.advance(WINDOW)
        self.assertEqual(len(self.events), AT_ONCE + 1)
        last = self.events[-1]
        self.assertEqual(formatEvent(last), "999 failed (989 more like this in 30 seconds)")
        self.assertEqual((last["count"], last["log_level"]), (1000 - AT_ONCE, LogLevel.warn))

    def test_kinds(self) -> None:
        """Others are not concerned, and neither is what comes later."""
        for _ in range(AT_ONCE + 1):
            self.log.info("again")
        self.log.info("another")
        self.log.error("again")
        self.assertEqual(len(self.events), AT_ONCE + 2)
        self.clock.advance(WINDOW)
        self.log.info("again")
        self.assertEqual(formatEvent(self.events[-1]), "again")

    def test_few(self) -> None:
        """What is no flood is logged as it is, and nothing is left."""
        for _ in range(AT_ONCE):
            self.log.info("again")
        self.clock.advance(WINDOW)
        self.assertEqual(len(self.events), AT_ONCE)
        self.assertEqual(self.clock.getDelayedCalls(), [])
