"""
Files that are tried again later.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from .steps import Steps

__all__ = ["Waiting"]

_LONGEST = 60.0
"""Seconds between two looks while files wait: the wall clock may be set."""

_log = Logger()


class Waiting:
    """
    Has files that are WAITING QUEUED when their time has come.
    """

    def __init__(
        self,
        steps: Steps,
        clock: Any,
        queued: Callable[[str], None],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        :param steps: writes it down.
        :param clock: an ``IReactorTime``.
        :param queued: called with the name of each folder that has files that are QUEUED again.
        :param now: the wall clock.
        """
        self._steps = steps
        self._clock = clock
        self._queued = queued
        self._now = now
        self._wake: Any = None
        self._is_looking = self._again = self._is_stopped = False

    def look(self) -> None:
        """See whose time has come, and when the next one's comes."""
        self._again = True
        if not self._is_looking and not self._is_stopped:
            self._is_looking = True
            self._cancel()
            looking = Deferred.fromCoroutine(self._look())
            looking.addErrback(lambda failure: _log.failure("Waiting for files failed", failure))
            looking.addBoth(self._looked)

    def _looked(self, _: object) -> None:
        self._is_looking = False

    async def _look(self) -> None:
        earliest: float | None = None
        while self._again and not self._is_stopped:
            self._again = False
            while due := await self._steps.due():
                for folder in {entry.folder for entry in due}:
                    self._queued(folder)
            earliest = await self._steps.wake_at()
        if earliest is not None and not self._is_stopped:
            delay = min(max(earliest - self._now(), 0.0) + 0.01, _LONGEST)
            self._wake = self._clock.callLater(delay, self.look)

    def _cancel(self) -> None:
        if self._wake is not None and self._wake.active():
            self._wake.cancel()
        self._wake = None

    def stop(self) -> None:
        """Look no more."""
        self._is_stopped = True
        self._cancel()
