"""
Open files that have one owner.

The system gives the number of a closed descriptor to whoever opens the next file, so a number that
is used once too often reads, writes or closes the file of somebody else.  Here that raises.
"""

from __future__ import annotations

import os
from contextlib import suppress
from threading import Lock
from types import TracebackType

from .disk import Disk

__all__ = ["Descriptor"]


class Descriptor:
    """
    A descriptor of its own.

    Threads that are at work with it when it is closed end their work; the last of them gives it
    back to the system.  It is closed when it is collected, too.

    :param disk: does the work.
    :param fd: the number; nobody else may have it.
    """

    __slots__ = ("_closed", "_disk", "_fd", "_lock", "_uses")

    def __init__(self, disk: Disk, fd: int) -> None:
        self._disk = disk
        self._fd = fd
        self._lock = Lock()
        self._uses = 0
        self._closed = False

    def __enter__(self) -> int:
        """
        The number, which stays valid until the end of the block.

        :raises ValueError: if it is closed.
        """
        with self._lock:
            if self._closed:
                raise ValueError("use of a closed descriptor")
            self._uses += 1
        return self._fd

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._uses -= 1
            last = self._closed and not self._uses
        if last:
            self._give_back()

    def __del__(self) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether it takes no more work."""
        return self._closed

    def close(self) -> None:
        """Take no more work; once is enough, more does nothing."""
        with self._lock:
            last = not (self._closed or self._uses)
            self._closed = True
        if last:
            self._give_back()

    def read(self, size: int, offset: int) -> bytes:
        """Up to so many bytes from there; nothing at the end."""
        with self as fd:
            return self._disk.read(fd, size, offset)

    def read_all(self) -> bytes:
        """The whole of a small file."""
        with self as fd:
            return self._disk.read(fd, self._disk.status_of(fd).st_size, 0)

    def write(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        """Write all of the data there."""
        with self as fd:
            self._disk.write(fd, data, offset)

    def resize(self, size: int) -> None:
        """Set the file's length."""
        with self as fd:
            self._disk.resize(fd, size)

    def sync_data(self) -> None:
        """Return when what was written is durable."""
        with self as fd:
            self._disk.sync_data(fd)

    def sync(self) -> None:
        """Return when a file, or the names in a folder, are durable."""
        with self as fd:
            self._disk.sync(fd)

    def touch(self) -> None:
        """Set the file's times to now."""
        with self as fd:
            self._disk.touch(fd)

    def status(self) -> os.stat_result:
        """What is known about the file."""
        with self as fd:
            return self._disk.status_of(fd)

    def _give_back(self) -> None:
        # The number is free even if the system reports an error; what matters was synced.
        with suppress(OSError):
            self._disk.close(self._fd)
