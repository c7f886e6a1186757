"""
File objects that have a position: read in turns, whoever else uploads from them.
"""

from __future__ import annotations

import io
import os
import stat
import tempfile
import threading
from collections.abc import Callable, Hashable
from typing import IO, Any
from weakref import WeakValueDictionary

from .changes import identity, settled
from .fingerprint import Fingerprint, fingerprint
from .source import Source, sha256_of

__all__ = ["FileObjectSource"]

_INNER = ("file", "raw", "fileobj", "_fileobj", "_fp", "_file", "buffer")
"""Where the wrappers of the standard library (gzip, bz2, lzma, zipfile, tarfile) have the file."""


class _Turn:
    """A lock that there is as long as somebody holds on to it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class _Turns:
    """A lock for each thing that has a position, however often it is wrapped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: WeakValueDictionary[Hashable, _Turn] = WeakValueDictionary()

    def of(self, thing: Hashable) -> _Turn:
        with self._lock:
            turn = self._turns.get(thing)
            if turn is None:
                turn = self._turns[thing] = _Turn()
            return turn


_turns = _Turns()


def _forked() -> None:
    """A thread that held a lock is not there in a forked process, and would hold it for ever."""
    global _turns
    _turns = _Turns()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class FileObjectSource(Source):
    """
    A seekable binary file object: read in turns, left open, its position moved.

    What shares a position shares its turns, as do two uploads of one object, or two members of
    one archive.  If there is a regular file beneath it, changes of that are noticed.
    """

    __slots__ = ("_beneath", "_check", "_file", "_seen", "_turn")

    def __init__(self, path: str, file: IO[bytes], check: str = "strict") -> None:
        super().__init__(path)
        self._file = file
        self._check = check
        innermost = _innermost(file)
        self._beneath = _regular_file(innermost)
        self._seen: int | None = None
        now = self._now()
        self._turn = _turns.of(id(innermost) if now is None else (now.st_dev, now.st_ino))

    def look(self) -> Fingerprint:
        if self._beneath is not None:
            fd = self._beneath.fileno()
            self._seen = identity(settled(self.path, fd, os.fstat(fd)), self._check)
        seen = fingerprint(self._length(), None, self.read)
        self.check()
        return seen

    def _length(self) -> int:
        with self._turn.lock:
            return self._seek(0, os.SEEK_END)

    def _seek(self, *to: int) -> int:
        """:returns: the position, which some file objects (``mmap``) only say when asked for it."""
        at: int | None = self._file.seek(*to)
        return self._file.tell() if at is None else at

    def digest(
        self, start: int, end: int | None, is_wanted: Callable[[], bool] = lambda: True
    ) -> str:
        return sha256_of(self.read, start, self._length() if end is None else end, is_wanted)

    def check(self) -> None:
        now = self._now()
        if now is not None and self._seen not in (None, identity(now, self._check)):
            raise self._changed("the file beneath it was written to")

    @property
    def is_file(self) -> bool:
        return self._beneath is not None

    def status(self) -> os.stat_result | None:
        return self._now()

    def _now(self) -> os.stat_result | None:
        return None if self._beneath is None else os.fstat(self._beneath.fileno())

    def read(self, start: int, size: int) -> bytes:
        with self._turn.lock:
            piece = self._read_fully(size) if self._seek(start) == start else b""
        if len(piece) != size:
            raise self._changed(f"it ends at byte {start + len(piece)}")
        return piece

    def _read_fully(self, size: int) -> bytes:
        pieces = []
        while size:
            piece = bytes(memoryview(self._file.read(size) or b""))
            if not piece:
                break
            if len(piece) > size:
                raise self._changed("it gives more bytes than it is asked for")
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


def _innermost(file: Any) -> Any:
    """What has the position that reading a file object moves."""
    passed = []
    while not isinstance(file, tempfile.SpooledTemporaryFile) and file not in passed:
        passed.append(file)
        for name in _INNER:
            inner = getattr(file, name, None)
            if hasattr(inner, "seek"):
                file = inner
                break
    return file


def _regular_file(file: Any) -> io.FileIO | None:
    if type(file) is io.FileIO and stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    return None
