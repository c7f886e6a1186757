"""
How fast files are sent at which time of the day.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from twisted.logger import Logger

from .._policy.limiter import check_rate
from .._runtime.clock import steady
from .._runtime.observers import Signal, observers_of
from .settings import RateRule

__all__ = ["RateSchedule", "rate_at"]

_LONGEST = 60.0
"""Seconds after which the clock is read once more: somebody may set it."""
_DAY = timedelta(days=1)


def rate_at(rules: Sequence[RateRule], now: datetime) -> float | None:
    """
    The rate that rules give at a time.

    :param rules: the first that covers it counts.  One that ends before it begins, as from 22:00
        to 06:00, goes on after midnight of each of its days; one that ends as it begins is all day.
    :param now: local time.
    :returns: bytes a second, 0 for none at all, :data:`None` for no limit.
    """
    for rule in rules:
        if _covers(rule, now):
            return rule.max_rate
    return None


def _covers(rule: RateRule, now: datetime) -> bool:
    at, today, yesterday = now.time(), now.weekday(), (now - _DAY).weekday()
    if rule.begin < rule.end:
        return today in rule.days and rule.begin <= at < rule.end
    return (today in rule.days and at >= rule.begin) or (yesterday in rule.days and at < rule.end)


class RateSchedule:
    """
    The rate of the moment: that of the rules, or what an operator has set.

    :ivar rate: bytes a second, 0 for none at all, :data:`None` for no limit.
    :ivar changed: fires without arguments when that has changed.
    """

    _log = Logger()

    def __init__(
        self,
        rules: Sequence[RateRule],
        reactor: Any,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        :param rules: see :func:`rate_at`.
        :param reactor: wakes it.
        :param now: the wall clock.
        """
        self._rules = tuple(rules)
        self._clock = steady(reactor)
        self._now = now
        self._set: list[float | None] = []
        self._wake: Any = None
        self.changed: Signal[[]] = Signal("changed")
        self.rate = self._current()

    def start(self) -> None:
        """Go by the clock from now on."""
        self._look()

    def stop(self) -> None:
        """Look at the clock no more."""
        if self._wake is not None and self._wake.active():
            self._wake.cancel()
        self._wake = None

    def use(self, rules: Sequence[RateRule]) -> None:
        """Go by other rules."""
        self._rules = tuple(rules)
        self._apply()

    def set(self, *rate: float | None) -> None:
        """
        Go by what an operator wants.

        :param rate: bytes a second, 0 for none at all, :data:`None` for no limit; left out, the
            rules count again.
        :raises InvalidOption: if it is no such number.
        """
        for each in rate:
            if each != 0 or isinstance(each, bool):
                check_rate(each) if each is not None else None
        self._set = list(rate)
        self._apply()

    def _current(self) -> float | None:
        if self._set:
            return self._set[0]
        return rate_at(self._rules, datetime.fromtimestamp(self._now()))

    def _apply(self) -> None:
        rate = self._current()
        if rate != self.rate:
            self.rate = rate
            shown = "none" if rate is None else f"{rate:,.0f} bytes/s"
            self._log.info("Rate limit: {rate}", rate=shown if rate != 0 else "0 (paused)")
            observers_of(self.changed).notify()

    def _look(self) -> None:
        self._apply()
        # Rules are in whole minutes.
        self._wake = self._clock.callLater(_LONGEST - self._now() % _LONGEST, self._look)
