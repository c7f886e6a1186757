"""
A log in which what repeats itself is one line with a count.
"""

from __future__ import annotations

from typing import Any

from attrs import Factory, define
from twisted.logger import ILogObserver, LogEvent, formatEvent
from zope.interface import implementer

__all__ = ["AT_ONCE", "WINDOW", "FloodLimit"]

AT_ONCE = 10
"""Lines of a kind that are logged within a window."""
WINDOW = 30.0
"""Seconds."""


@define
class _Kind:
    """
    Lines that differ in what is filled in only.

    :ivar passed: how many were logged in this window.
    :ivar held_back: how many were not.
    :ivar last: the last of these.
    """

    passed: int = 0
    held_back: int = 0
    last: LogEvent = Factory(dict)


@implementer(ILogObserver)
class FloodLimit:
    """
    Passes on so many lines of a kind; of more, the last one, with how many they were.
    """

    def __init__(self, observer: ILogObserver, clock: Any) -> None:
        """
        :param observer: gets the lines.
        :param clock: an ``IReactorTime``.
        """
        self._observer = observer
        self._clock = clock
        self._kinds: dict[Any, _Kind] = {}

    def __call__(self, event: LogEvent) -> None:
        """A line is logged."""
        format = event.get("log_format") or event.get("format") or formatEvent(event)
        key = event.get("log_namespace"), event.get("log_level"), format
        kind = self._kinds.get(key)
        if kind is None:
            self._kinds[key] = kind = _Kind()
            self._clock.callLater(WINDOW, self._over, key)
        if kind.passed < AT_ONCE:
            kind.passed += 1
            self._observer(event)
        else:
            kind.held_back += 1
            kind.last = event

    def _over(self, key: Any) -> None:
        kind = self._kinds.pop(key)
        if kind.held_back:
            text = formatEvent(kind.last)
            more = f"{kind.held_back - 1} more like this in {WINDOW:.0f} seconds"
            self._observer(
                {**kind.last, "log_format": "{flood_text} ({flood_more})"}
                | {"flood_text": text, "flood_more": more, "count": kind.held_back}
            )
