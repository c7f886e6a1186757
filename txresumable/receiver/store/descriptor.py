"""
Open files that have one owner.

The system gives the number of a closed descriptor to whoever opens the next file, so a number that
is used once too often reads, writes or closes the file of somebody else.  Here that raises.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import TracebackType
from typing import NoReturn

from .disk import Disk

__all__ = ["Descriptor"]


class _Number:
    """
    The number of an open file, which goes back to the system when nothing refers to it any more.

    :ivar fd: the number.
    """

    __slots__ = ("_disk", "fd")

    def __init__(self, disk: Disk, fd: int) -> None:
        self._disk = disk
        self.fd = fd

    def __del__(self) -> None:
        # It is free even if the system reports an error; what matters was synced.
        try:  # noqa: SIM105 - suppress() is three calls
            self._disk.close(self.fd)
        except OSError:
            pass


class Descriptor:
    """
    A descriptor of its own.

    Whoever is at work with it refers to its number, in whatever thread; so when it is closed they
    end their work, and the last of them gives the number back to the system.  No lock is needed
    for that.  It is closed when it is collected, too.

    :param disk: does the work.
    :param fd: the number; nobody else may have it.
    """

    __slots__ = ("_disk", "_number", "_uses")

    def __init__(self, disk: Disk, fd: int) -> None:
        self._disk = disk
        self._number: _Number | None = _Number(disk, fd)
        self._uses: list[_Number] = []

    def __enter__(self) -> int:
        """
        The number, which stays valid until the end of the block.

        :raises ValueError: if it is closed.
        """
        number = self._number or _closed()
        self._uses.append(number)
        return number.fd

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._uses.pop()

    @property
    def closed(self) -> bool:
        """Whether it takes no more work."""
        return self._number is None

    def close(self) -> None:
        """Take no more work; once is enough, more does nothing."""
        self._number = None

    def read(self, size: int, offset: int) -> bytes:
        """Up to so many bytes from there; nothing at the end."""
        number = self._number or _closed()
        try:
            return self._disk.read(number.fd, size, offset)
        finally:
            del number  # else an error that is kept would keep the file open

    def read_all(self) -> bytes:
        """The whole of a small file, which a disk may give in pieces."""
        with self as fd:
            size = self._disk.status_of(fd).st_size
            found = piece = self._disk.read(fd, size, 0)
            while piece and len(found) < size:
                piece = self._disk.read(fd, size - len(found), len(found))
                found += piece
            return found

    def write(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        """Write all of the data there."""
        number = self._number or _closed()
        try:
            self._disk.write(number.fd, data, offset)
        finally:
            del number

    def write_pieces(self, pieces: Sequence[bytes], offset: int) -> None:
        """Write all pieces there, one after the other."""
        number = self._number or _closed()
        try:
            self._disk.write_pieces(number.fd, pieces, offset)
        finally:
            del number

    def resize(self, size: int) -> None:
        """Set the file's length."""
        number = self._number or _closed()
        try:
            self._disk.resize(number.fd, size)
        finally:
            del number

    def sync_data(self) -> None:
        """Return when what was written is durable."""
        number = self._number or _closed()
        try:
            self._disk.sync_data(number.fd)
        finally:
            del number

    def sync(self) -> None:
        """Return when a file, or the names in a folder, are durable."""
        number = self._number or _closed()
        try:
            self._disk.sync(number.fd)
        finally:
            del number

    def set_mode(self, mode: int) -> None:
        """Set the permissions of the file."""
        with self as fd:
            self._disk.set_mode(fd, mode)

    def touch(self) -> None:
        """Set the file's times to now."""
        with self as fd:
            self._disk.touch(fd)

    def status(self) -> os.stat_result:
        """What is known about the file."""
        number = self._number or _closed()
        try:
            return self._disk.status_of(number.fd)
        finally:
            del number


def _closed() -> NoReturn:
    raise ValueError("use of a closed descriptor")
