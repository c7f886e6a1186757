"""Tests for how long a connection may take."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.web.pace import Pace
from txresumable.receiver.web.phase import Phase

MIB = 1024 * 1024


class PaceTests(SynchronousTestCase):
    """Every phase has an end."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.exceeded: list[float] = []
        self.pace = self.make_pace()

    def make_pace(self, idle: float | None = 60) -> Pace:
        """A pace, at 10 bytes a second."""
        pace = Pace(
            self.clock.callLater,
            self.clock.seconds,
            idle=idle,
            min_rate=10,
            exceeded=lambda: self.exceeded.append(self.clock.seconds()),
        )
        self.addCleanup(pace.stop)
        return pace

    def pass_time(self, seconds: int) -> list[float]:
        """When it has taken too long in the next seconds."""
        for _ in range(seconds):
            self.clock.advance(1)
        return self.exceeded

    def test_idle(self) -> None:
        """An idle connection ends after its time, counted from its last request."""
        self.clock.advance(7)
        self.pace.enter(Phase.ARRIVING)
        self.pace.enter(Phase.RESPONDING)
        self.pace.enter(Phase.IDLE)
        self.assertEqual(self.pass_time(59), [])
        self.assertEqual(self.pass_time(1), [67])

    def test_idle_for_ever(self) -> None:
        """It need not end."""
        self.pace.stop()
        self.pace = self.make_pace(idle=None)
        self.assertEqual(self.pass_time(10_000), [])

    def test_short_idle(self) -> None:
        """It may end after less time than anything else takes."""
        self.pace.stop()
        self.pace = self.make_pace(idle=3)
        self.pace.enter(Phase.ARRIVING)
        self.clock.advance(1)
        self.pace.enter(Phase.IDLE)
        self.assertEqual(self.pass_time(3), [4])

    def test_arriving(self) -> None:
        """A request must bring its share of bytes in each 20 seconds."""
        self.clock.advance(7)
        self.pace.enter(Phase.ARRIVING)
        for _ in range(10):
            self.pace.received(200)
            self.assertEqual(self.pass_time(20), [])
        self.pace.received(199)
        self.assertEqual(self.pass_time(19), [])
        self.assertEqual(self.pass_time(1), [227])

    def test_held(self) -> None:
        """What the disk takes is not the peer's fault, for a quarter of an hour."""
        self.pace.pause()
        self.pace.enter(Phase.ARRIVING)
        self.assertEqual(self.pass_time(899), [])
        self.pace.resume()
        self.assertEqual(self.pass_time(20), [])
        self.pace.pause()
        self.assertEqual(self.pass_time(899), [])
        self.assertEqual(self.pass_time(20)[0], 1820)

    def test_responding(self) -> None:
        """A response may take a quarter of an hour, whatever else comes meanwhile."""
        for phase in (Phase.RESPONDING, Phase.REFUSING):
            self.pace.stop()
            self.pace = self.make_pace()
            self.pace.enter(phase)
            self.pace.received(MIB)
            self.assertEqual(self.pass_time(899), [])
            self.assertEqual(len(self.pass_time(1)), 1)
            self.exceeded = []

    def test_closing(self) -> None:
        """What comes after the last response is awaited while it comes, and not for ever."""
        self.pace.enter(Phase.CLOSING)
        self.pace.received(100)
        self.assertEqual(self.pass_time(19), [])
        self.assertEqual(self.pass_time(1), [20])
        self.exceeded = []
        self.pace.stop()
        self.pace = self.make_pace()
        self.pace.enter(Phase.CLOSING)
        for _ in range(30):
            self.assertEqual(self.exceeded, [])
            self.pace.received(100)
            self.pass_time(10)
        self.assertEqual(self.exceeded, [320])

    def test_much_at_the_end(self) -> None:
        """Nor is any amount of it awaited."""
        self.pace.received(1000 * MIB)
        self.pace.enter(Phase.CLOSING)
        self.pace.received(512 * MIB)
        self.assertEqual(self.exceeded, [])
        self.pace.received(1)
        self.assertEqual(self.exceeded, [0])

    def test_closing_after_idle(self) -> None:
        """Closing that begins as the time is over has an end as well."""

        def exceeded() -> None:
            self.exceeded.append(self.clock.seconds())
            if pace.phase is not Phase.CLOSING:
                pace.enter(Phase.CLOSING)

        self.exceeded = []
        self.pace.stop()
        self.pace = pace = Pace(
            self.clock.callLater,
            self.clock.seconds,
            idle=60,
            min_rate=10,
            exceeded=exceeded,
        )
        self.assertEqual(self.pass_time(75), [60, 70])
        pace.stop()

    def test_stop(self) -> None:
        """Nothing is left to happen when it stops."""
        self.pace.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
