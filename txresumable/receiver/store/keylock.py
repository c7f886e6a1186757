"""
A lock for each upload.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from twisted.internet.defer import Deferred

__all__ = ["KeyLocks"]


class _Lock:
    """
    A lock that wakes its waiters one after the other, and not one inside the other: hundreds of
    requests wait for the same upload, and many end without waiting again.
    """

    def __init__(self) -> None:
        self.interested = 0
        self._held = False
        self._passing_on = False
        self._waiting: deque[Deferred[None]] = deque()

    def hold(self) -> None:
        self._held = True

    async def acquire(self) -> None:
        if not self._held:
            self.hold()
            return
        turn: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(turn)
        await turn

    def release(self) -> None:
        self._held = False
        if self._passing_on:
            return
        self._passing_on = True
        while self._waiting and not self._held:
            self._held = True
            self._waiting.popleft().callback(None)
        self._passing_on = False


class KeyLocks:
    """
    A lock for each key, for as long as anybody holds it or waits for it.
    """

    def __init__(self) -> None:
        self._locks: dict[str, _Lock] = {}

    def __len__(self) -> int:
        return len(self._locks)

    def __contains__(self, key: str) -> bool:
        """Whether anybody holds the lock of a key, or waits for it."""
        return key in self._locks

    def take(self, key: str) -> bool:
        """
        Hold the lock of a key, unless anybody holds it or waits for it.

        :returns: whether it is held, until :meth:`give_back`.
        """
        if key in self._locks:
            return False
        lock = self._locks[key] = _Lock()
        lock.interested = 1
        lock.hold()
        return True

    def give_back(self, key: str) -> None:
        """Hold the lock no more."""
        lock = self._locks[key]
        lock.release()
        self._leave(key, lock)

    def _leave(self, key: str, lock: _Lock) -> None:
        lock.interested -= 1
        if not lock.interested:
            del self._locks[key]

    @asynccontextmanager
    async def holding(self, key: str) -> AsyncIterator[None]:
        """Hold the lock of a key until the end of the block; granted in the order of asking."""
        lock = self._locks.setdefault(key, _Lock())
        lock.interested += 1
        try:
            await lock.acquire()
            try:
                yield
            finally:
                lock.release()
        finally:
            self._leave(key, lock)
