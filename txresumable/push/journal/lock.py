"""
One owner of a folder of state at a time.
"""

from __future__ import annotations

from contextlib import suppress

from ..._runtime.lock import FileLock, Held
from ..errors import AlreadyRunning

__all__ = ["Lock"]


class Lock(FileLock):
    """
    The lock of a folder, which ends with the process if nothing else ends it.

    :param path: the file that is locked.
    :raises AlreadyRunning: if another process, or this one, has it.
    :raises OSError: if the file cannot be opened.
    """

    def __init__(self, path: str) -> None:
        try:
            super().__init__(path)
        except Held as held:
            raise AlreadyRunning(held.pid) from None
        with suppress(OSError):  # a full disk: it is locked all the same
            self.sign()
