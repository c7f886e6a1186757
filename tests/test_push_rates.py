"""
Tests for how fast files are sent at which time.
"""

from __future__ import annotations

from datetime import datetime, time

from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txresumable import InvalidOption
from txresumable.push import RateRule
from txresumable.push.rates import RateSchedule, rate_at

MONDAY, FRIDAY, SATURDAY, SUNDAY = 0, 4, 5, 6
WEEK = frozenset(range(5))


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time in the week of the 2nd of November 2026, a Monday."""
    return datetime(2026, 11, 2 + day, hour, minute)


class RuleTests(SynchronousTestCase):
    """Which rule counts."""

    def rates(self, rule: RateRule, *times: datetime) -> list[float | None]:
        """The rate at some times."""
        return [rate_at([rule], time) for time in times]

    def test_days_and_hours(self) -> None:
        """From its begin on, and until before its end, on its days."""
        rule = RateRule(days=WEEK, begin=time(8), end=time(18), max_rate=5)
        times = at(0, 7, 59), at(0, 8), at(4, 17, 59), at(4, 18), at(5, 12)
        self.assertEqual(self.rates(rule, *times), [None, 5, 5, None, None])

    def test_over_midnight(self) -> None:
        """One that ends before it begins goes on after midnight of its days, and of no others."""
        rule = RateRule(days=frozenset([FRIDAY]), begin=time(22), end=time(6), max_rate=5)
        times = at(4, 3), at(4, 21), at(4, 22), at(5, 5, 59), at(5, 6), at(5, 22)
        self.assertEqual(self.rates(rule, *times), [None, None, 5, 5, None, None])

    def test_from_sunday_on(self) -> None:
        """After Sunday comes Monday."""
        rule = RateRule(days=frozenset([SUNDAY]), begin=time(22), end=time(6), max_rate=5)
        self.assertEqual(self.rates(rule, at(0, 5), at(6, 5), at(6, 23)), [5, None, 5])

    def test_whole_day(self) -> None:
        """One that ends as it begins is 24 hours."""
        rule = RateRule(days=frozenset([SATURDAY]), max_rate=5)
        times = at(4, 23, 59), at(5, 0), at(5, 23, 59), at(6, 0)
        self.assertEqual(self.rates(rule, *times), [None, 5, 5, None])
        noon = RateRule(days=frozenset([SATURDAY]), begin=time(12), end=time(12), max_rate=5)
        times = at(5, 11), at(5, 12), at(6, 11), at(6, 12)
        self.assertEqual(self.rates(noon, *times), [None, 5, 5, None])

    def test_first(self) -> None:
        """The first that covers a time counts, and may say that there is no limit."""
        rules = [
            RateRule(begin=time(12), end=time(13), max_rate=None),
            RateRule(begin=time(8), end=time(18), max_rate=0),
            RateRule(max_rate=7),
        ]
        times = at(0, 12), at(0, 13), at(0, 18)
        self.assertEqual([rate_at(rules, time) for time in times], [None, 0, 7])


class ScheduleTests(SynchronousTestCase):
    """The rate of the moment."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.begin = at(MONDAY, 7, 58).timestamp() + 30
        self.changes: list[float | None] = []
        rules = [RateRule(begin=time(8), end=time(8, 2), max_rate=5)]
        self.schedule = RateSchedule(rules, self.clock, now=self.now)
        self.schedule.changed.register(lambda: self.changes.append(self.schedule.rate))
        self.schedule.start()
        self.addCleanup(self.assertEqual, self.clock.getDelayedCalls(), [])
        self.addCleanup(self.schedule.stop)

    def now(self) -> float:
        """The clock on the wall."""
        return self.begin + self.clock.seconds()

    def test_in_time(self) -> None:
        """It changes with the minute."""
        self.clock.advance(30)
        self.clock.pump([29, 29])
        self.assertEqual(self.changes, [])
        self.clock.advance(2)
        self.assertEqual(self.changes, [5])
        self.clock.pump([60, 58])
        self.assertEqual(self.changes, [5])
        self.clock.pump([2])
        self.assertEqual(self.changes, [5, None])

    def test_clock_is_set(self) -> None:
        """It is right within a minute after the clock was set."""
        self.begin += 90
        self.clock.advance(60)
        self.assertEqual(self.changes, [5])
        self.begin -= 3600
        self.clock.advance(60)
        self.assertEqual(self.changes, [5, None])

    def test_logged(self) -> None:
        """The log says each rate, as a number that can be read."""
        logged = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        for rate in 2_000_000, 0, None:
            self.schedule.set(rate)
        self.assertEqual(
            [formatEvent(event) for event in logged],
            ["Rate limit: 2,000,000 bytes/s", "Rate limit: 0 (paused)", "Rate limit: none"],
        )

    def test_operator(self) -> None:
        """What an operator wants counts until the rules are to count again."""
        self.schedule.set(0)
        self.clock.pump([60] * 3)
        self.schedule.set(9)
        self.schedule.set(None)
        self.assertEqual(self.changes, [0, 9, None])
        self.schedule.set(9)
        self.schedule.set()
        self.assertEqual(self.changes, [0, 9, None, 9, 5])

    def test_no_rate(self) -> None:
        """What is no rate is refused, and changes nothing."""
        wrong: list[object] = [-1, True, False, "5", float("nan")]
        for each in wrong:
            self.assertRaises(InvalidOption, self.schedule.set, each)
        self.assertEqual(self.changes, [])

    def test_other_rules(self) -> None:
        """Other rules count at once."""
        self.schedule.use([RateRule(max_rate=3)])
        self.assertEqual(self.changes, [3])
