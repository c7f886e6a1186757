"""
How fast something gets on.
"""

from __future__ import annotations

from collections import deque

__all__ = ["Meter"]

_WINDOW = 10.0
"""Seconds that count."""


class Meter:
    """
    The rate of the last seconds.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()

    def rate(self, now: float, count: float) -> float | None:
        """
        How much it is a second by now.

        :param now: seconds of a monotonic clock.
        :param count: how much it is in all.
        :returns: that; :data:`None` before there is something to compare with.
        """
        samples = self._samples
        samples.append((now, count))
        while len(samples) > 2 and now - samples[1][0] >= _WINDOW:
            samples.popleft()
        began, before = samples[0]
        return None if now <= began else max(count - before, 0.0) / (now - began)
