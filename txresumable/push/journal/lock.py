"""
One owner of a folder of state at a time.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

from ..errors import AlreadyRunning

__all__ = ["Lock"]


class Lock:
    """
    The lock of a folder, which ends with the process if nothing else ends it.

    :param path: the file that is locked; it stays when the lock is released, as it might be
        another's by then.
    :ivar is_first: whether nobody has ever had it.
    :raises AlreadyRunning: if another process, or this one, has it.
    :raises OSError: if the file cannot be opened.
    """

    def __init__(self, path: str) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(path, flags, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._fd, 20, 0).strip()
            os.close(self._fd)
            raise AlreadyRunning(int(owner) if owner.isdigit() else 0) from None
        except OSError:
            os.close(self._fd)
            raise
        self.is_first = os.fstat(self._fd).st_size == 0
        with suppress(OSError):  # a full disk: it is locked all the same
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Give it up; once is enough, more does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
