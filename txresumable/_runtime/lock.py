"""
One owner of a file at a time.
"""

from __future__ import annotations

import fcntl
import os

__all__ = ["FileLock", "Held"]


class Held(Exception):
    """
    Another process, or this one, has the lock.

    :ivar pid: the number that its owner has written into the file; 0 if there is none.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self.pid = pid


class FileLock:
    """
    A lock that ends with the process if nothing else ends it.

    :param path: the file that is locked.  It is made if need be, and stays when the lock is
        released, as it might be another's by then.
    :ivar is_first: whether nobody has ever signed it.
    :raises Held: if there is another owner.
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
            raise Held(int(owner) if owner.isdigit() else 0) from None
        except OSError:
            os.close(self._fd)
            raise
        self.is_first = os.fstat(self._fd).st_size == 0

    def sign(self) -> None:
        """
        Write the number of this process into the file.

        :raises OSError: if the disk is full, say; it is locked all the same.
        """
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Give it up; once is enough, more does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
