"""
A repeated call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

__all__ = ["Ticker"]

_log = Logger()


class Ticker:
    """
    Calls a function at intervals for as long as it returns true.

    Unlike with a ``LoopingCall``, an exception is logged and does not end it.

    :ivar is_running: whether it was started and has not ended since.
    """

    def __init__(self, clock: Any, interval: float, tick: Callable[[], bool]) -> None:
        """
        :param clock: an ``IReactorTime``.
        :param interval: seconds.
        :param tick: what to call; it returns whether to go on.
        """
        self._clock = clock
        self._interval = interval
        self._tick = tick
        self._next: Any = None
        self.is_running = False

    def start(self) -> None:
        """Make the first call in one interval; does nothing if it is running."""
        if not self.is_running:
            self.is_running = True
            self._wait()

    def stop(self) -> None:
        """Stop; does nothing if it is not running."""
        self.is_running = False
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
            _log.failure("A repeated call raised")
            again = True
        if not again:
            self.is_running = False
        elif self.is_running and self._next is None:
            self._wait()
