"""
Taking a folder of state into possession: its thread, its lock, and its database.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred

from ..errors import JournalUnavailable
from .database import Database, Round, Work
from .lock import Lock
from .thread import OneThread

__all__ = ["Possession"]


@frozen
class Possession:
    """
    A folder of state that is ours.

    :ivar database: for who is in its thread.
    """

    database: Database
    _thread: OneThread
    _lock: Lock

    @classmethod
    async def take(
        cls, state: str, reactor: Any, now: Callable[[], float], seconds: Callable[[], float]
    ) -> Possession:
        """
        Lock the folder, and open the database in it.

        :param state: the folder, made if need be.
        :param reactor: as for :class:`OneThread`.
        :param now: seconds since 1970.
        :param seconds: monotonic time.
        :raises AlreadyRunning: if it is another's.
        :raises JournalTooNew: if a later version of this package has written it.
        :raises JournalUnavailable: if it cannot be read or written.
        """
        thread = OneThread(reactor)
        try:
            lock = await thread.run(_lock, state)
            try:
                database = Database(state, now, seconds)
                await thread.run(database.open, lock.is_first)
            except BaseException:
                lock.release()
                raise
        except BaseException:
            thread.stop()
            raise
        return cls(database, thread, lock)

    def write(self, works: Sequence[Work]) -> Deferred[Round]:
        """Have some work done in one transaction; as :meth:`Database.write`."""
        return self._thread.run(self.database.write, works)

    def checkpoint(self) -> Deferred[None]:
        """Have the log written into the database; as :meth:`Database.checkpoint`."""
        return self._thread.run(self.database.checkpoint)

    async def give_up(self) -> None:
        """Close all of it."""
        await self._thread.run(self.database.close)
        self._lock.release()
        self._thread.stop()


def _lock(state: str) -> Lock:
    try:
        os.makedirs(state, 0o700, exist_ok=True)
        return Lock(os.path.join(state, "lock"))
    except OSError as error:
        raise JournalUnavailable(str(error)) from error
