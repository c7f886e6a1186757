"""
Something that is called at intervals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

__all__ = ["Ticker"]

_log = Logger()


class Ticker:
    """
    Calls something at intervals, for as long as it asks for it.

    An exception is logged and ends nothing: what watches over others goes on watching.
    """

    def __init__(self, clock: Any, interval: float, tick: Callable[[], bool]) -> None:
        """
        :param clock: an ``IReactorTime``.
        :param interval: seconds.
        :param tick: what to call; it says whether to go on.
        """
        self._clock = clock
        self._interval = interval
        self._tick = tick
        self._next: Any = None
        self._running = False

    def start(self) -> None:
        """Call it one interval from now, and on; does nothing while it runs."""
        if not self._running:
            self._running = True
            self._wait()

    def stop(self) -> None:
        """Call it no more; does nothing if it does not run."""
        self._running = False
        waiting, self._next = self._next, None
        if waiting is not None and waiting.active():
            waiting.cancel()

    def _wait(self) -> None:
        self._next = self._clock.callLater(self._interval, self._run)

    def _run(self) -> None:
        self._next = None
        try:
            again = self._tick()
        except BaseException:  # as the reactor does
            _log.failure("What is called at intervals raised")
            again = True
        if not again:
            self._running = False
        elif self._running and self._next is None:
            self._wait()
