"""
The digest of a whole file, computed while its chunks still arrive.

The chunks of a file mostly come in order, so the digest follows the durable beginning of the file
in a thread, reading what the system still has in memory.  At the end there is little left to do,
and nobody waits while a huge file is read once more.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from .descriptor import Descriptor
from .thread import Run

__all__ = ["FollowingDigest", "hash_range"]

_BLOCK = 1024 * 1024
_STRETCH = 4 * _BLOCK


class FollowingDigest:
    """
    The SHA-256 of a file that grows at its end.

    :param run: runs a function in a thread.
    :param file: the file.
    :param reach: how many bytes of the beginning are final.
    """

    _log = Logger()

    def __init__(self, run: Run, file: Descriptor, reach: Callable[[], int]) -> None:
        self._run = run
        self._file = file
        self._reach = reach
        self._digest = sha256()
        self._done = 0
        self._working = False
        self._stopped = False
        self._waiting: list[Deferred[None]] = []

    def follow(self) -> None:
        """Take what became final, in the background, once it is worth a thread's while."""
        if not (self._working or self._stopped):
            reach = self._reach()
            if self._done + _STRETCH <= reach:
                Deferred.fromCoroutine(self._work(reach))

    async def result(self, size: int) -> str:
        """
        The digest of the whole file, all of which is final by now.

        :param size: bytes.
        :returns: hexadecimal.
        :raises OSError: if the file cannot be read; the next call tries again.
        :raises ValueError: if it was stopped.
        """
        return await self._run(await self.nearly(size))

    async def nearly(self, size: int) -> Callable[[], str]:
        """
        The same but for the last stretch, for who has other work for a thread.

        :returns: to be called in a thread: reads the last stretch and gives the digest, or raises
            :exc:`OSError` if the file cannot be read.
        :raises OSError: if the file cannot be read; the next call tries again.
        :raises ValueError: if it was stopped.
        """
        await self._rest()
        while True:
            if self._stopped:
                raise ValueError("the digest was stopped")
            if size - self._done <= _STRETCH:
                return partial(self._last_stretch, size)
            await self._run(self._stretch, self._done, size)

    def _last_stretch(self, size: int) -> str:
        self._stretch(self._done, size)
        return self._digest.hexdigest()

    def stop(self) -> Deferred[None]:
        """
        Follow no more, and end what asked for the result.

        :returns: a Deferred that fires when nothing is read any more in the background.
        """
        self._stopped = True
        return self._rest()

    def _rest(self) -> Deferred[None]:
        idle: Deferred[None] = Deferred()
        if self._working:
            self._waiting.append(idle)
        else:
            idle.callback(None)
        return idle

    async def _work(self, reach: int) -> None:
        self._working = True
        try:
            while not self._waiting and self._done + _STRETCH <= reach:
                await self._run(self._stretch, self._done, reach)
                reach = self._reach()
        except OSError:
            self._log.failure("a file cannot be read back for its digest")
        finally:
            self._working = False
            waiting, self._waiting = self._waiting, []
            for idle in waiting:
                idle.callback(None)

    def _stretch(self, start: int, end: int) -> None:
        """In a thread: go on, for a while."""
        end = min(end, start + _STRETCH)
        while self._done < end:
            block = self._file.read(min(_BLOCK, end - self._done), self._done)
            if not block:
                raise OSError(errno.EIO, "the file is shorter than it was")
            self._digest.update(block)
            self._done += len(block)


async def hash_range(
    run: Run, file: Descriptor, start: int, end: int, is_wanted: Callable[[], bool]
) -> str:
    """
    The SHA-256 of some bytes of a file.  They are read in stretches, so that a big chunk does not
    keep a thread to itself.

    :param run: runs a function in a thread.
    :param is_wanted: whether somebody still wants it; else they are read no further.
    :returns: hexadecimal.
    :raises OSError: if the file cannot be read, or ends before.
    """
    digest = sha256()
    while start < end and is_wanted():
        stop = min(end, start + _STRETCH)
        await run(_update, digest, file, start, stop)
        start = stop
    return digest.hexdigest()


def _update(digest: Any, file: Descriptor, start: int, end: int) -> None:
    while start < end:
        block = file.read(min(_BLOCK, end - start), start)
        if not block:
            raise OSError(errno.EIO, "the file is shorter than it was")
        digest.update(block)
        start += len(block)
