"""
One run at a time.
"""

from __future__ import annotations

import fcntl
import os

__all__ = ["Overlap", "only_one"]


class Overlap(Exception):
    """
    Another process does the same.

    :ivar pid: its number, as it has left it; nothing if it has not.
    """

    def __init__(self, pid: str) -> None:
        super().__init__(pid)
        self.pid = pid

    def __str__(self) -> str:
        return f"already running, pid {self.pid or 'unknown'}"


def only_one(path: str) -> None:
    """
    Lock a file until this process ends.

    :param path: the file, which is made if need be, and stays.
    :raises Overlap: if another process has it.
    :raises OSError: if it cannot be opened.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(file, 20, 0).decode("ascii", "replace").strip()
        os.close(file)
        raise Overlap(owner if owner.isdigit() else "") from None
    os.ftruncate(file, 0)
    os.pwrite(file, b"%d\n" % os.getpid(), 0)
