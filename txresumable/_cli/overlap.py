"""
One run at a time.
"""

from __future__ import annotations

from .._runtime.lock import FileLock, Held

__all__ = ["Overlap", "only_one"]


class Overlap(Exception):
    """
    Another process does the same.

    :ivar pid: its number, as it has left it; 0 if it has not.
    """

    def __init__(self, pid: int) -> None:
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
    try:
        lock = FileLock(path)
    except Held as held:
        raise Overlap(held.pid) from None
    lock.sign()
