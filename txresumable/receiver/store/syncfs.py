"""
Making all that was written to a file system durable at once.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
from typing import Any

__all__ = ["can_sync_all", "sync_all"]

# Where it waits until all is durable, and says so if it is not: ext2 to ext4, XFS, Btrfs, F2FS, and
# tmpfs, where nothing can be.  Others (FUSE, overlays) may do nothing.
_TRUSTED = (0xEF53, 0x58465342, 0x9123683E, 0xF2F52010, 0x01021994)
# Before, errors of the journal were not reported; before 5.8, those of writing back neither.
_REPORTS_ERRORS = (5, 17)
_RELEASE = re.compile(r"([0-9]+)\.([0-9]+)")


def _found(name: str) -> Any:
    return getattr(ctypes.CDLL(None, use_errno=True), name, None)


_syncfs, _fstatfs = _found("syncfs"), _found("fstatfs")


def can_sync_all(fd: int) -> bool:
    """
    Whether :func:`sync_all` does what it says.

    :param fd: of anything in the file system.
    :raises OSError: if that cannot be found out.
    """
    if _syncfs is None or _fstatfs is None or not _reports_errors(os.uname()):
        return False
    found = (ctypes.c_long * 64)()
    if _fstatfs(fd, found):
        raise _error()
    return int(found[0]) & 0xFFFFFFFF in _TRUSTED


def sync_all(fd: int) -> None:
    """
    Return when all that was written to a file system, and all names in it, are durable.

    :param fd: of anything in it, open since before that was written.
    :raises OSError: if anything could not be made durable since this was asked last.
    """
    if _syncfs is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if _syncfs(fd):
        raise _error()


def _reports_errors(system: os.uname_result) -> bool:
    release = _RELEASE.match(system.release)
    if system.sysname != "Linux" or release is None:
        return False
    return (int(release[1]), int(release[2])) >= _REPORTS_ERRORS


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
