"""
What the store asks of the operating system.

One thin object instead of :mod:`os`, so that a test can make any step of it fail.  Every name is
looked up below an open folder and never through a symbolic link, so that what somebody plants in
a folder cannot lead a write elsewhere.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from ..._runtime.rename import rename_new
from .syncfs import can_sync_all, sync_all

__all__ = ["Disk", "UnsyncedDisk"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST_PIECES = 1024  # as POSIX systems have it that Python runs on (IOV_MAX)
_fdatasync = getattr(os, "fdatasync", os.fsync)


class Disk:
    """
    The calls that the store makes, each of which raises :exc:`OSError` when it fails.

    Descriptors are plain numbers; ``folder`` is the descriptor of an open folder.
    """

    def open_root(self, path: str) -> int:
        """Open a folder by its path; made, durably, with those above it, if it is not there."""
        _make_folders(os.path.abspath(path))
        return os.open(path, _FOLDER)

    def open_folder(self, name: str, folder: int) -> int:
        """Open a private folder inside another, making it if need be."""
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=folder)
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)

    def make_folder(self, name: str, folder: int) -> bool:
        """Make a folder inside another; whether there was nothing of its name."""
        try:
            os.mkdir(name, dir_fd=folder)
        except FileExistsError:
            return False
        return True

    def enter_folder(self, name: str, folder: int) -> int:
        """Open a folder inside another, which must be there and no link."""
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)

    def set_mode(self, fd: int, mode: int) -> None:
        """Set the permissions of what is open."""
        os.fchmod(fd, mode)

    def lock(self, fd: int) -> None:
        """Claim a folder for this process; :exc:`BlockingIOError` if another has it."""
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def create(self, name: str, folder: int, mode: int = 0o600) -> int:
        """Make a new file; :exc:`FileExistsError` if anything has the name."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _FILE
        return os.open(name, flags, mode, dir_fd=folder)

    def open(self, name: str, folder: int, *, writable: bool = True) -> int:
        """Open an existing regular file; anything else counts as absent."""
        flags = os.O_RDWR if writable else os.O_RDONLY
        try:
            fd = os.open(name, flags | _FILE, dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
                raise FileNotFoundError(errno.ENOENT, "not a regular file", name) from error
            raise
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise FileNotFoundError(errno.ENOENT, "not a regular file", name)
        return fd

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        os.close(fd)

    def read(self, fd: int, size: int, offset: int) -> bytes:
        """Up to so many bytes from there; nothing at the end."""
        return os.pread(fd, size, offset)

    def write(self, fd: int, data: bytes | bytearray | memoryview, offset: int) -> None:
        """Write all of the data there."""
        written = os.pwrite(fd, data, offset)
        while written < len(data):
            data = memoryview(data)[written:]
            offset += written
            written = os.pwrite(fd, data, offset)

    def write_pieces(self, fd: int, pieces: Sequence[bytes], offset: int) -> None:
        """Write all pieces there, one after the other, in as few calls as possible."""
        for start in range(0, len(pieces), _MOST_PIECES):
            group = pieces[start : start + _MOST_PIECES]
            size = sum(map(len, group))
            written = _pwritev(fd, group, offset)
            if written < size:
                self.write(fd, memoryview(b"".join(group))[written:], offset + written)
            offset += size

    def resize(self, fd: int, size: int) -> None:
        """Set a file's length; what is new reads as zeros and takes no room."""
        os.ftruncate(fd, size)

    def sync_data(self, fd: int) -> None:
        """Return when what was written is durable."""
        _fdatasync(fd)

    def sync(self, fd: int) -> None:
        """Return when a file, or the names in a folder, are durable."""
        os.fsync(fd)

    def can_sync_all(self, fd: int) -> bool:
        """Whether all of a file system can be made durable at once, and errors are reported."""
        return can_sync_all(fd)

    def sync_all(self, fd: int) -> None:
        """Return when all that was written to the file system of this is durable."""
        sync_all(fd)

    def link(self, name: str, folder: int, new_name: str, new_folder: int) -> None:
        """Give a file a second name; :exc:`FileExistsError` if anything has it."""
        os.link(name, new_name, src_dir_fd=folder, dst_dir_fd=new_folder, follow_symlinks=False)

    def rename_new(self, name: str, folder: int, new_name: str, new_folder: int) -> None:
        """Rename, in one step; :exc:`FileExistsError` if anything has the name."""
        rename_new(name, folder, new_name, new_folder)

    def overwrite(self, name: str, folder: int, new_name: str, new_folder: int) -> None:
        """Rename, in one step, to a name that may be that of another file, which is gone then."""
        os.replace(name, new_name, src_dir_fd=folder, dst_dir_fd=new_folder)

    def replace(self, name: str, new_name: str, folder: int) -> None:
        """Rename within a folder, in one step."""
        os.replace(name, new_name, src_dir_fd=folder, dst_dir_fd=folder)

    def remove(self, name: str, folder: int) -> None:
        """Remove a name, if it is there."""
        try:  # noqa: SIM105 - suppress() is three calls, and most are not there
            os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            pass

    def names(self, folder: int) -> list[str]:
        """All names in a folder."""
        return os.listdir(folder)

    def status(self, name: str, folder: int) -> os.stat_result:
        """What is known about a name, itself and not where it points."""
        return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def status_at(self, path: str) -> os.stat_result:
        """What is known about what a path leads to."""
        return os.stat(path)

    def status_of(self, fd: int) -> os.stat_result:
        """What is known about an open file."""
        return os.fstat(fd)

    def touch(self, fd: int) -> None:
        """Set the times of an open file to now."""
        os.utime(fd)

    def free(self, fd: int) -> int:
        """The bytes that can still be written where this file is; no limit if that is unknown."""
        found = os.statvfs(fd)
        # A file system in memory or in user space may not say how big it is.
        return found.f_bavail * found.f_frsize if found.f_blocks else sys.maxsize

    @contextmanager
    def opened(self, fd: int) -> Iterator[int]:
        """Close a descriptor at the end of a block, however it ends."""
        try:
            yield fd
        finally:
            self.close(fd)


class UnsyncedDisk(Disk):
    """A disk that is not waited for: what it was given is lost if the power is cut."""

    def sync_data(self, fd: int) -> None:
        pass

    def sync(self, fd: int) -> None:
        pass

    def can_sync_all(self, fd: int) -> bool:
        return True

    def sync_all(self, fd: int) -> None:
        pass


def _write_joined(fd: int, pieces: Sequence[bytes], offset: int) -> int:
    return os.pwrite(fd, b"".join(pieces), offset)


_pwritev = getattr(os, "pwritev", _write_joined)


def _make_folders(path: str) -> None:
    if os.path.isdir(path):
        return
    above = os.path.dirname(path)
    if not os.path.exists(above):
        _make_folders(above)
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    fd = os.open(above, _FOLDER)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
