"""
Requests while object storage is away.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.task import deferLater

from .refusing import StorageAway
from .running import Running

__all__ = ["Outage"]

_T = TypeVar("_T")
_HELD_FOR = 5.0
_MOST_HELD = 256


class Outage:
    """
    Holds requests for some seconds before they are told that the storage is away: clients that try
    again at once, a hundred times at most, would otherwise give up within seconds.

    :param running: ends that when the store closes.
    :param clock: the time, as a reactor has it.
    """

    def __init__(self, running: Running, clock: Any) -> None:
        self._running = running
        self._clock = clock
        self._held = 0

    async def patiently(self, work: Coroutine[Any, Any, _T]) -> _T:
        """
        Do something for a request.

        :raises StorageAway: some seconds after that does, unless very many wait like this.
        """
        try:
            return await work
        except StorageAway:
            if self._held < _MOST_HELD:
                self._held += 1
                try:
                    await self._running.unless_closed(deferLater(self._clock, _HELD_FOR))
                finally:
                    self._held -= 1
            raise
