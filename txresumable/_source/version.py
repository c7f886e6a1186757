"""
One version of a path, and no other.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from .source import PathSource

__all__ = ["VersionSource"]

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class VersionSource(PathSource):
    """
    A file by its path, if it is the version that somebody has seen there before; a symbolic link
    is none.

    :ivar key: what it is to who made it.
    :ivar was_begun: as for every source.
    """

    __slots__ = ("_ctime_ns", "_found", "_version", "_whole", "key", "was_begun")

    def __init__(
        self,
        path: str,
        version: tuple[int, int, int],
        key: object,
        check: str = "strict",
        *,
        known: tuple[str, int] = ("", 0),
        found: Callable[[str, int], object] = lambda *_: None,
        was_begun: bool = False,
    ) -> None:
        """
        :param version: its inode, its size in bytes, and when it was last written to in
            nanoseconds.
        :param known: the SHA-256 of all of it as hexadecimal, and the time of the last change of
            any kind as it was when that was read: as long as that stays, it is not read once more.
        :param found: called with the same, in a thread, when it was found by reading.
        :param was_begun: whether some of it may be on the server.
        """
        super().__init__(path, check)
        self._version = version
        self._whole, self._ctime_ns = known
        self._found = found
        self.key = key
        self.was_begun = was_begun

    def digest(
        self, start: int, end: int | None, is_wanted: Callable[[], bool] = lambda: True
    ) -> str:
        if start or end not in (None, self._version[1]):
            return super().digest(start, end, is_wanted)
        if not self._whole:
            whole = super().digest(start, end, is_wanted)
            self._whole = whole
            self._found(whole, self._ctime_ns)
        return self._whole

    def _new_descriptor(self) -> int:
        try:
            return os.open(self.path, _OPEN)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise self._changed("it is a symbolic link now") from error
            raise

    def _open(self, seen: int | None = None) -> tuple[int, os.stat_result]:
        fd, now = super()._open(seen)
        if seen is None and (now.st_ino, now.st_size, now.st_mtime_ns) != self._version:
            os.close(fd)
            raise self._changed("it is another version now")
        if now.st_ctime_ns != self._ctime_ns:  # the time of the last write may have been reset
            self._whole, self._ctime_ns = "", now.st_ctime_ns
        return fd, now
