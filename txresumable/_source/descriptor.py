"""
An open file that threads may be reading.
"""

from __future__ import annotations

import errno
import os
import threading

__all__ = ["NO_DESCRIPTOR", "Descriptor"]


class Descriptor:
    """
    A descriptor with one owner, who closes it, and any number of readers.

    Closed under a reader, its number could at once belong to another file; so it is the last
    reader who closes it for an owner who has finished.

    :ivar fd: its number, for the owner and while it is held.
    """

    __slots__ = ("_closed", "_lock", "_readers", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._readers = 0
        self._closed = False
        self._lock = threading.Lock()

    def hold(self) -> bool:
        """
        Keep it open until :meth:`release`.

        :returns: whether that can be: not after its owner has closed it.
        """
        with self._lock:
            held = not self._closed
            self._readers += held
        return held

    def release(self) -> None:
        """Undo :meth:`hold`."""
        with self._lock:
            self._readers -= 1
            last = self._closed and not self._readers
        if last:
            os.close(self.fd)

    def __enter__(self) -> int:
        if not self.hold():
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self.fd

    def __exit__(self, *_: object) -> None:
        self.release()

    def close(self) -> None:
        """The owner is done with it.  Safe to call twice."""
        with self._lock:
            idle = not self._closed and not self._readers
            self._closed = True
        if idle:
            os.close(self.fd)


class _NoDescriptor(Descriptor):
    """Shared by all that is not open, it has no state and takes no lock."""

    __slots__ = ()

    def hold(self) -> bool:
        return False

    def close(self) -> None:
        pass


NO_DESCRIPTOR: Descriptor = _NoDescriptor(-1)
"""That of what is not open."""
