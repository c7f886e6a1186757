"""
Where bytes come from: a path, a file object, or bytes in memory.

Bytes are read by offset and exactly: a source that is shorter, longer, rewritten, replaced or
gone raises :class:`~txresumable.errors.SourceChanged` instead of handing out what does not belong
together.  What may block (``open``, ``look``, ``read``) is for threads; ``read_now`` answers only
from memory, and ``check`` looks at an open descriptor.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import threading
from abc import ABC, abstractmethod
from functools import partial
from typing import IO, Any

from twisted.python.filepath import FilePath

from ..errors import FileRejected, SourceChanged
from ..identifiers import Fingerprint, fingerprint
from .scratch import lend

__all__ = ["BytesSource", "FileObjectSource", "PathSource", "Source", "make_source"]

_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_OPEN |= getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_NOWAIT = getattr(os, "RWF_NOWAIT", None)


class Source(ABC):
    """
    Bytes of a known size, by offset.

    :ivar path: what to call it in errors.
    :ivar is_open: whether it can be read.
    """

    __slots__ = ("is_open", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_open = False

    def open(self) -> None:
        """Make it readable.  Blocks.  :raises OSError: if that cannot be done."""
        self.is_open = True

    def close(self) -> None:
        """Give back what :meth:`open` took.  Safe to call twice."""
        self.is_open = False

    def look(self) -> Fingerprint:
        """Size, time and samples of what is closed, for later checks.  Blocks."""
        self.open()
        try:
            return self._look()
        finally:
            self.close()

    @abstractmethod
    def _look(self) -> Fingerprint:
        """The same of what is open."""

    @abstractmethod
    def check(self) -> None:
        """:raises SourceChanged: if it is no longer what :meth:`look` saw."""

    def read_now(self, start: int, size: int) -> bytes | None:
        """So many bytes, or :data:`None` if reading them could block."""
        seen = self.glance(start, size)
        return bytes(seen) if len(seen) == size else None

    def glance(self, start: int, size: int) -> bytes | memoryview:
        """
        As many of these bytes as there are without waiting, at most 1 MiB.

        They belong to the caller for as long as anything refers to them; until then their memory
        is not used again, so whoever is done with them lets go of them.
        """
        return b""

    @abstractmethod
    def read(self, start: int, size: int) -> bytes:
        """So many bytes.  Blocks.  :raises SourceChanged: if they are not there."""

    def _changed(self, reason: str) -> SourceChanged:
        return SourceChanged(self.path, reason)


class _Descriptor:
    """
    An open file that threads may be reading.

    Closed under a reader, its number could at once belong to another file; so the last reader
    closes it.
    """

    __slots__ = ("closing", "fd", "readers")

    _lock = threading.Lock()

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.readers = 0
        self.closing = False

    def __enter__(self) -> int:
        with self._lock:
            if self.closing:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            self.readers += 1
        return self.fd

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.readers -= 1
            last = self.closing and not self.readers
        if last:
            os.close(self.fd)

    def close(self) -> None:
        with self._lock:
            idle = not self.closing and not self.readers
            self.closing = True
        if idle:
            os.close(self.fd)


_NO_DESCRIPTOR = _Descriptor(-1)
_NO_DESCRIPTOR.closing = True


class _DescriptorSource(Source):
    """A regular file that is open."""

    __slots__ = ("_descriptor", "_linked", "_seen", "_size")

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._descriptor = _NO_DESCRIPTOR
        self._linked = False
        self._seen: int | None = None
        self._size = 0

    def _look(self) -> Fingerprint:
        fd = self._descriptor.fd
        return self._see(fd, os.fstat(fd))

    def _see(self, fd: int, now: os.stat_result) -> Fingerprint:
        self._seen, self._size = _identity(now), now.st_size
        self._linked = now.st_nlink > 0  # a temporary file may have no name from the start
        if not now.st_size and os.pread(fd, 1, 0):
            raise FileRejected(self.path, "regular_file", "it has content but no size")
        return fingerprint(now.st_size, now.st_mtime_ns, partial(self._read, fd))

    def check(self) -> None:
        now = os.fstat(self._descriptor.fd)
        seen = self._seen
        if seen is None or _identity(now) == seen:
            if self._linked and not now.st_nlink:
                raise self._changed("it was deleted or replaced")
            return
        if now.st_size != self._size:
            raise self._changed(f"it had {self._size} bytes and has {now.st_size}")
        raise self._changed("it was written to")

    def glance(self, start: int, size: int) -> bytes | memoryview:
        if _NOWAIT is None:
            return b""
        piece = lend(size)
        try:
            found = os.preadv(self._descriptor.fd, (piece,), start, _NOWAIT)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
                return b""
            raise
        return piece[:found]

    def read(self, start: int, size: int) -> bytes:
        with self._descriptor as fd:
            return self._read(fd, start, size)

    def _read(self, fd: int, start: int, size: int) -> bytes:
        piece = os.pread(fd, size, start)
        if len(piece) == size:
            return piece
        pieces = [piece]
        while size > len(piece):
            if not piece:
                raise self._changed(f"it ends at byte {start}")
            start += len(piece)
            size -= len(piece)
            piece = os.pread(fd, size, start)
            pieces.append(piece)
        return b"".join(pieces)


class PathSource(_DescriptorSource):
    """
    A file by its path: regular files only, opened without blocking on anything else.
    """

    __slots__ = ()

    def look(self) -> Fingerprint:
        fd, now = self._open()
        try:
            return self._see(fd, now)
        finally:
            os.close(fd)

    def open(self) -> None:
        self._descriptor = _Descriptor(self._open()[0])
        self.is_open = True

    def _open(self) -> tuple[int, os.stat_result]:
        fd = os.open(self.path, _OPEN)
        try:
            now = os.fstat(fd)
            if not stat.S_ISREG(now.st_mode):
                if stat.S_ISDIR(now.st_mode):
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self.path)
                raise FileRejected(self.path, "regular_file", "it is not a regular file")
            if self._seen is not None and _identity(now) != self._seen:
                raise self._changed("it is not the file that was added")
        except BaseException:
            os.close(fd)
            raise
        return fd, now

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            descriptor, self._descriptor = self._descriptor, _NO_DESCRIPTOR
            descriptor.close()


class OpenFileSource(_DescriptorSource):
    """A file object over a regular file: read by its descriptor, its position left alone."""

    __slots__ = ("_file",)

    def __init__(self, path: str, file: IO[bytes]) -> None:
        super().__init__(path)
        self._file = file

    def open(self) -> None:
        if self._file.writable():
            self._file.flush()
        self._descriptor = _Descriptor(self._file.fileno())
        self.is_open = True


class FileObjectSource(Source):
    """Any other seekable binary file object: read in turns, left open, its position moved."""

    __slots__ = ("_file", "_lock", "_size")

    def __init__(self, path: str, file: IO[bytes]) -> None:
        super().__init__(path)
        self._file = file
        self._lock = threading.Lock()
        self._size = 0

    def _look(self) -> Fingerprint:
        self._size = self._length()
        return fingerprint(self._size, None, self.read)

    def check(self) -> None:
        if isinstance(self._file, io.BytesIO) and self._length() != self._size:
            raise self._changed(f"it had {self._size} bytes and has {self._length()}")

    def _length(self) -> int:
        if isinstance(self._file, io.BytesIO):
            return self._file.getbuffer().nbytes
        with self._lock:
            return self._file.seek(0, os.SEEK_END)

    def glance(self, start: int, size: int) -> bytes | memoryview:
        return self.read(start, size) if isinstance(self._file, io.BytesIO) else b""

    def read(self, start: int, size: int) -> bytes:
        if isinstance(self._file, io.BytesIO):
            piece = bytes(self._file.getbuffer()[start : start + size])
        else:
            with self._lock:
                self._file.seek(start)
                piece = self._read_fully(size)
        if len(piece) != size:
            raise self._changed(f"it ends at byte {start + len(piece)}")
        return piece

    def _read_fully(self, size: int) -> bytes:
        pieces = []
        while size:
            piece = self._file.read(size)
            if not piece:
                break
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


class BytesSource(Source):
    """Bytes in memory."""

    __slots__ = ("_content",)

    def __init__(self, path: str, content: bytes) -> None:
        super().__init__(path)
        self._content = memoryview(content)

    def _look(self) -> Fingerprint:
        return fingerprint(len(self._content), None, self.read)

    def check(self) -> None:
        """Bytes do not change."""

    def glance(self, start: int, size: int) -> bytes | memoryview:
        return self._content[start : start + size]

    def read(self, start: int, size: int) -> bytes:
        return bytes(self._content[start : start + size])


def make_source(what: Any, file_name: str | None) -> tuple[Source, str]:
    """
    A source for what a user gave.

    :param what: a path (``str``, :class:`os.PathLike`,
        :class:`~twisted.python.filepath.FilePath`), a seekable binary file object, or bytes.
    :param file_name: what it is to be called; needed where it has no name.
    :returns: the source and its name, without folders.
    :raises TypeError: for anything else.
    :raises ValueError: for a file object that is closed, and for what has no name.
    """
    if isinstance(what, FilePath):
        what = what.path
        if isinstance(what, bytes):
            what = os.fsdecode(what)
    if isinstance(what, (str, os.PathLike)):
        path = what if type(what) is str else os.fsdecode(os.fspath(what))
        return PathSource(path), file_name or os.path.basename(path) or path
    if isinstance(what, (bytes, bytearray, memoryview)):
        if not file_name:
            raise ValueError("bytes have no name: file_name is needed")
        return BytesSource(file_name, bytes(what)), file_name
    return _file_object(what, file_name)


def _file_object(what: Any, file_name: str | None) -> tuple[Source, str]:
    inner = getattr(what, "file", what)  # tempfile's wrappers keep the file in .file
    if not hasattr(inner, "read") or not hasattr(inner, "seek"):
        raise TypeError(f"a file is a path, a seekable binary file object or bytes, not {what!r}")
    if getattr(inner, "closed", False):
        raise ValueError(f"{what!r} is closed")
    if isinstance(inner, io.TextIOBase):
        raise TypeError(f"{what!r} is open as text: open it in binary mode")
    if hasattr(inner, "seekable") and not inner.seekable():
        raise ValueError(f"{what!r} is not seekable")
    name = getattr(what, "name", None)
    file_name = file_name or (os.path.basename(name) if isinstance(name, str) else "")
    if not file_name:
        raise ValueError(f"{what!r} has no name: file_name is needed")
    raw = inner if isinstance(inner, io.RawIOBase) else getattr(inner, "raw", None)
    # Only a plain file's descriptor has the bytes that its read() gives: a gzip file's has not.
    plain = type(inner) in (io.BufferedReader, io.BufferedRandom, io.FileIO)
    if plain and type(raw) is io.FileIO and stat.S_ISREG(os.fstat(inner.fileno()).st_mode):
        return OpenFileSource(file_name, inner), file_name
    return FileObjectSource(file_name, inner), file_name


def _identity(now: os.stat_result) -> int:
    """Which file it is, and of when: of many that wait, a number takes a fifth of the memory."""
    return hash((now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns))
