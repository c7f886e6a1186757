"""
Log lines that would come with every request.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["LogThrottle"]

_INTERVAL = 60.0


class LogThrottle:
    """
    Passes one of many alike log lines a minute: a disk that is full, or a bug, would else be
    logged for every chunk.

    :param now: a clock that never goes back, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._next: float | None = None
        self._held_back = 0

    def passes(self) -> bool:
        """Whether the line that comes now is to be logged."""
        now = self._now()
        if self._next is not None and now < self._next:
            self._held_back += 1
            return False
        self._next = now + _INTERVAL
        return True

    def held_back(self) -> int:
        """How many lines were not logged since the last time that this was asked."""
        count, self._held_back = self._held_back, 0
        return count
