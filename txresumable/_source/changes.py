"""
Noticing that a file has changed since it was added: when it is opened, between two chunks, or while
it is read.
"""

from __future__ import annotations

import os
import time

from ..errors import SourceChanged

__all__ = ["CHECKS", "identity", "not_the_same", "require_unchanged", "settled", "written"]

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


def written(now: os.stat_result, check: str) -> int:
    """
    A number that identifies the state of a file, whichever file it is.

    :param now: the file's status.
    :param check: one of :data:`CHECKS`.
    """
    times = (now.st_mtime_ns, now.st_ctime_ns) if check == "strict" else (now.st_mtime_ns,)
    return now.st_size if check == "size" else hash((now.st_size, *times))


def not_the_same(path: str, now: os.stat_result, check: str, *, size: int) -> SourceChanged:
    """
    The error of a file that is opened and has another :func:`identity` than the one that was added.

    :param path: what to call it in the error.
    :param now: the file's status.
    :param check: one of :data:`CHECKS`.
    :param size: the size of the file that was added, in bytes.
    """
    return SourceChanged(path, f"it is not the file that was added{_hint(now, check, size)}")


def require_unchanged(
    path: str, now: os.stat_result, check: str, *, seen: int, size: int, linked: bool
) -> None:
    """
    Compare a file that is open with what it was when it was added.

    :param path: what to call it in the error.
    :param now: the file's status.
    :param check: one of :data:`CHECKS`.
    :param seen: its :func:`identity` when it was added.
    :param size: its size then, in bytes.
    :param linked: whether it had a name then.
    :raises SourceChanged: saying what has changed.
    """
    if linked and not now.st_nlink:
        raise SourceChanged(path, "it was deleted or replaced")
    if identity(now, check) == seen:
        return
    if now.st_size != size:
        raise SourceChanged(path, f"it had {size} bytes and has {now.st_size}")
    reason = f"it was written to, or its attributes changed{_hint(now, check, size)}"
    raise SourceChanged(path, reason)


def _hint(now: os.stat_result, check: str, size: int) -> str:
    """What to do if nothing but numbers and times differ."""
    if now.st_size != size or check == "size":
        return ""
    return (
        "; or its file system has no stable inode numbers or times, for which there is "
        'source_check="size" (--source-check size)'
    )


def settled(path: str, fd: int, now: os.stat_result) -> os.stat_result:
    """
    Wait until whatever is written to a file from now on gets another time.  Blocks for some
    milliseconds, if it was written to just now: kernels count time in ticks, and two writes within
    one look the same.

    :param path: what to call it in the error.
    :param fd: the file.
    :param now: the file's status.
    :returns: its status then.
    :raises SourceChanged: if it is being written to all the time.
    """
    for _ in range(TRIES):
        if now.st_ctime_ns < _ticked():
            return now
        time.sleep(_TICK)
        before, now = now, os.fstat(fd)
        if now.st_ctime_ns == before.st_ctime_ns:
            return now
    raise SourceChanged(path, "it is being written to")


_COARSE: int | None = getattr(time, "CLOCK_REALTIME_COARSE", None)
_TICK = 0.02 if _COARSE is None else time.clock_getres(_COARSE)


def _ticked() -> int:
    """The time that the kernel gives to what is written now."""
    return time.time_ns() if _COARSE is None else time.clock_gettime_ns(_COARSE)
