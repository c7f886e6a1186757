"""
Letting go on together what comes in short succession.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

__all__ = ["Gathering"]

_LONGEST = 0.1
"""Seconds to wait for others."""
_MOST = 64
"""So many do not wait for others."""


class Gathering:
    """
    Of many small files each would be a transaction of its own, and each waits for the disk: those
    that end within a moment are written down together.
    """

    def __init__(self, clock: Any) -> None:
        """
        :param clock: an ``IReactorTime``.
        """
        self._clock = clock
        self._waiting: list[Deferred[None]] = []
        self._timer: Any = None

    def wait(self) -> Deferred[None]:
        """
        Wait for others.

        :returns: a Deferred that fires when there are enough of them, or in a moment.
        """
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        if len(self._waiting) >= _MOST:
            self.go_on()
        elif self._timer is None:
            self._timer = self._clock.callLater(_LONGEST, self.go_on)
        return waiting

    def go_on(self) -> None:
        """Wait no longer."""
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)
