"""
Where bytes come from: a path, a file object, or bytes in memory.

Bytes are read by offset and exactly: a source that is shorter, longer, rewritten, replaced or
gone raises :class:`~txresumable.errors.SourceChanged` instead of returning bytes that do not belong
together.  Methods that may block (``open``, ``look``, ``read``) are for threads; ``read_now``
returns only what is in memory, and ``check`` uses an open descriptor.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import IO

from twisted.internet.defer import CancelledError

from ..errors import FileRejected, SourceChanged
from .changes import identity, not_the_same, require_unchanged, settled
from .descriptor import NO_DESCRIPTOR, Descriptor
from .fingerprint import READ_WHOLE, Fingerprint, fingerprint
from .scratch import lend

__all__ = ["BytesSource", "OpenFileSource", "PathSource", "Source", "sha256_of"]

_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_OPEN |= getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_NOWAIT = getattr(os, "RWF_NOWAIT", None)


class Source(ABC):
    """
    Bytes of a known size, by offset.

    :ivar path: what to call it in errors.
    :ivar is_open: whether it can be read.
    :ivar was_begun: whether some of it may be on the server, as far as who gives it knows.
    """

    __slots__ = ("is_open", "path")
    was_begun = False

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_open = False

    def open(self) -> None:
        """Make it readable.  Blocks.  :raises OSError: if that cannot be done."""
        self.is_open = True

    def close(self) -> None:
        """Give back what :meth:`open` took.  Safe to call twice."""
        self.is_open = False

    @property
    def is_file(self) -> bool:
        """Whether there is a regular file of which :meth:`status` tells when it changes."""
        return False

    def status(self) -> os.stat_result | None:
        """The status of that file at this moment, which may be another one by now.  Blocks."""
        return None

    @abstractmethod
    def look(self) -> Fingerprint:
        """Size, times and samples, for later checks, as it is now; open or not.  Blocks."""

    @abstractmethod
    def check(self) -> None:
        """:raises SourceChanged: if it is no longer what :meth:`look` saw."""

    @abstractmethod
    def digest(
        self, start: int, end: int | None, is_wanted: Callable[[], bool] = lambda: True
    ) -> str:
        """
        The SHA-256 of some of its bytes, whether it is open or not, and closed meanwhile or not.
        Blocks.

        :param end: the byte after the last; :data:`None` for where it ends.
        :param is_wanted: whether anybody still waits for it; asked from time to time.
        :returns: as hexadecimal.
        :raises SourceChanged: if it is no longer what :meth:`look` saw.
        :raises CancelledError: if nobody waits for it any more.
        """

    def read_now(self, start: int, size: int) -> bytes | None:
        """So many bytes, or :data:`None` if reading them could block."""
        seen = self.glance(start, size)
        return bytes(seen) if len(seen) == size else None

    def glance(self, start: int, size: int) -> bytes | memoryview:
        """
        As many of these bytes as there are without waiting, at most 1 MiB.

        They belong to the caller for as long as anything refers to them: their memory is used again
        only when no reference to it is left.
        """
        return b""

    @abstractmethod
    def read(self, start: int, size: int) -> bytes:
        """So many bytes.  Blocks.  :raises SourceChanged: if they are not there."""

    def _changed(self, reason: str) -> SourceChanged:
        return SourceChanged(self.path, reason)


class _DescriptorSource(Source):
    """A regular file, by a descriptor of its own."""

    __slots__ = ("_check", "_descriptor", "_linked", "_seen", "_size")
    _size: int
    _linked: bool

    def __init__(self, path: str, check: str = "strict") -> None:
        super().__init__(path)
        self._check = check
        self._descriptor = NO_DESCRIPTOR
        self._seen: int | None = None

    @abstractmethod
    def _new_descriptor(self) -> int:
        """A descriptor of the file, for the caller to close."""

    @property
    def is_file(self) -> bool:
        return True

    @property
    def seen(self) -> int | None:
        """What identifies the file and the state that :meth:`look` saw."""
        return self._seen

    def _open(self, seen: int | None = None) -> tuple[int, os.stat_result]:
        fd = self._new_descriptor()
        try:
            now = os.fstat(fd)
            if not stat.S_ISREG(now.st_mode):
                if stat.S_ISDIR(now.st_mode):
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self.path)
                raise FileRejected(self.path, "regular_file", "it is not a regular file")
            if seen is not None and identity(now, self._check) != seen:
                raise not_the_same(self.path, now, self._check, size=self._size)
        except BaseException:
            os.close(fd)
            raise
        return fd, now

    def open(self) -> None:
        descriptor = Descriptor(self._open(self._seen)[0])
        if self.is_open:  # by another thread meanwhile
            descriptor.close()
        else:
            self._descriptor = descriptor
            self.is_open = True

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            descriptor, self._descriptor = self._descriptor, NO_DESCRIPTOR
            descriptor.close()

    def look(self) -> Fingerprint:
        fd, now = self._open()
        try:
            return self._see(fd, now)
        finally:
            os.close(fd)

    def _see(self, fd: int, now: os.stat_result) -> Fingerprint:
        check, read = self._check, partial(self._read, fd)
        if check != "size":
            now = settled(self.path, fd, now)
        self._seen, self._size = identity(now, check), now.st_size
        self._linked = now.st_nlink > 0  # a temporary file may have no name from the start
        if not now.st_size and os.pread(fd, 1, 0):
            raise FileRejected(self.path, "regular_file", "it has content but no size")
        mtime = None if check == "size" else now.st_mtime_ns
        ctime = now.st_ctime_ns if check == "strict" else None
        seen = fingerprint(now.st_size, mtime, read, ctime)
        if now.st_size > READ_WHOLE:  # else a change is noticed when it is opened
            self._require_unchanged(os.fstat(fd))
        return seen

    def check(self) -> None:
        now = os.fstat(self._descriptor.fd)
        if identity(now, self._check) != self._seen or not now.st_nlink:
            self._require_unchanged(now)

    def _require_unchanged(self, now: os.stat_result) -> None:
        if self._seen is not None:
            seen, size, linked = self._seen, self._size, self._linked
            require_unchanged(self.path, now, self._check, seen=seen, size=size, linked=linked)

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

    def digest(
        self, start: int, end: int | None, is_wanted: Callable[[], bool] = lambda: True
    ) -> str:
        descriptor = self._descriptor
        if not descriptor.hold():
            descriptor = Descriptor(self._open(self._seen)[0])
            descriptor.hold()
            descriptor.close()  # with release()
        try:
            if end is None:
                end = os.fstat(descriptor.fd).st_size
            digest = sha256_of(partial(self._read, descriptor.fd), start, end, is_wanted)
            self._require_unchanged(os.fstat(descriptor.fd))
            return digest
        finally:
            descriptor.release()

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

    def _new_descriptor(self) -> int:
        return os.open(self.path, _OPEN)

    def status(self) -> os.stat_result:
        return os.stat(self.path)


class OpenFileSource(_DescriptorSource):
    """
    A file object over a regular file: read by a descriptor of our own, so that its position is
    left alone and it may be closed.
    """

    __slots__ = ("_file",)

    def __init__(self, path: str, file: IO[bytes], check: str = "strict") -> None:
        super().__init__(path, check)
        self._file = file

    def _new_descriptor(self) -> int:
        if self._file.writable():
            self._file.flush()
        return os.dup(self._file.fileno())

    def status(self) -> os.stat_result:
        return os.fstat(self._file.fileno())


class BytesSource(Source):
    """Bytes in memory."""

    __slots__ = ("_content",)

    def __init__(self, path: str, content: bytes) -> None:
        super().__init__(path)
        self._content = memoryview(content)

    def look(self) -> Fingerprint:
        return fingerprint(len(self._content), None, self.read)

    def digest(
        self, start: int, end: int | None, is_wanted: Callable[[], bool] = lambda: True
    ) -> str:
        return sha256_of(self.read, start, len(self._content) if end is None else end, is_wanted)

    def check(self) -> None:
        """Bytes do not change."""

    def glance(self, start: int, size: int) -> bytes | memoryview:
        return self._content[start : start + size]

    def read(self, start: int, size: int) -> bytes:
        return bytes(self._content[start : start + size])


def sha256_of(
    read: Callable[[int, int], bytes], start: int, end: int, is_wanted: Callable[[], bool]
) -> str:
    """The SHA-256 of what ``read(start, size)`` gives, as :meth:`Source.digest` returns it."""
    digest = hashlib.sha256()
    for at in range(start, end, 1 << 20):
        if not is_wanted():
            raise CancelledError()
        digest.update(read(at, min(1 << 20, end - at)))
    return digest.hexdigest()
