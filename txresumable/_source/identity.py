"""
How to notice that a file is not the one that was added, or has changed since.
"""

from __future__ import annotations

import os
import time

__all__ = ["CHECKS", "identity", "settled"]

CHECKS = ("strict", "mtime", "size")
"""
What is compared: file number, size and the times of the last write and of the last change of any
kind; size and the time of the last write; or the size alone.
"""

TRIES = 50
"""Ticks within which a file that is being written to has to come to rest."""


def identity(now: os.stat_result, check: str) -> int:
    """
    A number that identifies a file and its state, which for a queued file takes a fifth of the
    memory of the facts.

    :param now: the file's status.
    :param check: one of :data:`CHECKS`.
    """
    if check == "strict":
        return hash((now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns))
    if check == "mtime":
        return hash((now.st_size, now.st_mtime_ns))
    return now.st_size


def settled(fd: int, now: os.stat_result) -> os.stat_result | None:
    """
    Wait until whatever is written to a file from now on gets another time.  Blocks for some
    milliseconds, if it was written to just now: kernels count time in ticks, and two writes within
    one look the same.

    :param fd: the file.
    :param now: what is known of it.
    :returns: what is known of it then, or :data:`None` if it is being written to all the time.
    """
    for _ in range(TRIES):
        if now.st_ctime_ns < _ticked():
            return now
        time.sleep(_TICK)
        before, now = now, os.fstat(fd)
        if now.st_ctime_ns == before.st_ctime_ns:
            return now
    return None


_COARSE: int | None = getattr(time, "CLOCK_REALTIME_COARSE", None)
_TICK = 0.02 if _COARSE is None else time.clock_getres(_COARSE)


def _ticked() -> int:
    """The time that the kernel gives to what is written now."""
    return time.time_ns() if _COARSE is None else time.clock_gettime_ns(_COARSE)
