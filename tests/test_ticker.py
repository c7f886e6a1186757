from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable._runtime.ticker import Ticker


class TickerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.ticks: list[float] = []
        self.again: Callable[[], bool] = lambda: True
        self.ticker = Ticker(self.clock, 0.5, self.tick)

    def tick(self) -> bool:
        self.ticks.append(self.clock.seconds())
        return self.again()

    def run_for(self, ticks: int) -> None:
        for _ in range(ticks):
            self.clock.advance(0.5)

    def test_ticks(self) -> None:
        """It is called at each interval until it is stopped, and can be started again."""
        self.ticker.stop()
        self.ticker.start()
        self.ticker.start()
        self.run_for(3)
        self.ticker.stop()
        self.run_for(2)
        self.ticker.start()
        self.run_for(1)
        self.assertEqual(self.ticks, [0.5, 1.0, 1.5, 3.0])

    def test_ends_by_itself(self) -> None:
        """Who asks for no more is called no more, until it is started again."""
        self.again = lambda: len(self.ticks) < 2
        self.ticker.start()
        self.run_for(4)
        self.ticker.start()
        self.run_for(4)
        self.assertEqual(self.ticks, [0.5, 1.0, 2.5])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopped_within(self) -> None:
        """Who stops it from inside is called no more, whatever it says."""

        def stop() -> bool:
            self.ticker.stop()
            return True

        self.again = stop
        self.ticker.start()
        self.run_for(3)
        self.assertEqual(self.ticks, [0.5])

    def test_raises(self) -> None:
        """No exception ends it."""

        def fail() -> bool:
            raise CancelledError()

        self.again = fail
        self.ticker.start()
        self.run_for(3)
        self.assertEqual(self.ticks, [0.5, 1.0, 1.5])
        self.assertEqual(len(self.flushLoggedErrors(CancelledError)), 3)
