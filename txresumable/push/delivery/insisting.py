"""
Asking for something until it succeeds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

__all__ = ["PAUSE", "Insisting"]

PAUSE = 5.0
"""Seconds until what is not available is asked again."""

_T = TypeVar("_T")
_log = Logger()


class Insisting:
    """
    Asks for things, however long what is asked is not available.

    :ivar trouble: why that is not available now, or nothing.
    :ivar outages: how often it was available no more.
    """

    def __init__(self, clock: Any, unavailable: type[Exception], pause: float = PAUSE) -> None:
        """
        :param clock: an ``IReactorTime``.
        :param unavailable: what is raised meanwhile.
        :param pause: seconds until it is asked again.
        """
        self._clock = clock
        self._unavailable = unavailable
        self._pause = pause
        self._pauses: set[Deferred[None]] = set()
        self._is_closed = False
        self.trouble = ""
        self.outages = 0

    async def do(
        self, step: Callable[[], Awaitable[_T]], wanted: Callable[[], bool] = lambda: True
    ) -> _T | None:
        """
        Ask for one thing.

        :param step: what asks.
        :param wanted: whether it is wanted still.
        :returns: what that returned; :data:`None` if it is wanted no more, or this is over.
        """
        while not self._is_closed and wanted():
            try:
                result = await step()
            except self._unavailable as error:
                self.failed(error)
            else:
                self.trouble = ""
                return result
            await self._wait()
        return None

    def failed(self, error: Exception) -> None:
        """Take note that it is not available, and say so once."""
        self.outages += not self.trouble
        if str(error) != self.trouble:
            _log.error("{error}; it is tried again", error=error)
        self.trouble = str(error)

    async def _wait(self) -> None:
        pause: Deferred[None] = deferLater(self._clock, self._pause)
        self._pauses.add(pause)
        await pause.addErrback(lambda _: None)
        self._pauses.discard(pause)

    def close(self) -> None:
        """Insist no more."""
        self._is_closed = True
        for pause in list(self._pauses):
            pause.cancel()
