"""
Files of all kinds to upload, those that cannot be read among them.
"""

from __future__ import annotations

import io
import os
from random import Random
from typing import Any

from .record import Planned

__all__ = ["Sources"]

_NOISE = Random(20).randbytes(3 << 20)


class OddFile(io.RawIOBase):
    """A file object of somebody's own, which may raise."""

    def __init__(self, content: bytes, fails: int) -> None:
        super().__init__()
        self._inner = io.BytesIO(content)
        self._reads = 0
        self._fails = fails

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._inner.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        self._reads += 1
        if self._reads == self._fails:
            raise Planned("read")
        return self._inner.read(size)


class Sources:
    """
    Makes files.

    :ivar folder: where those lie that lie anywhere.
    """

    def __init__(self, folder: str, random: Random, chunk_size: int) -> None:
        self.folder = folder
        self._random = random
        self._chunk_size = chunk_size
        self._open: list[Any] = []
        self._made: list[tuple[bytes, Any, bool]] = []

    def next(self, name: str) -> tuple[bytes, Any, bool]:
        """
        Something to upload, now and then what was given before.

        :returns: its bytes, what to give to ``add_file()``, and whether it cannot be read.
        """
        if self._made and self._random.random() < 0.1:
            return self._random.choice(self._made)
        content = self.content()
        self._made.append((content, *self._make(name, content)))
        return self._made[-1]

    def content(self) -> bytes:
        """Some bytes."""
        random, chunk = self._random, self._chunk_size
        chunks = random.choice((0, 1, 2, 3, 5) if chunk < 1000 else (1, 2, 2, 3))
        size = max(0, chunks * chunk + random.choice((-1, 0, 1, chunk // 2)))
        start = random.randrange(len(_NOISE) - size)
        return _NOISE[start : start + size]

    def _make(self, name: str, content: bytes) -> tuple[Any, bool]:
        random = self._random
        kind = random.choice(("bytes", "bytes", "memory", "path", "path", "open", "odd", "bad"))
        if kind == "bytes":
            return content, False
        if kind == "memory":
            return io.BytesIO(content), False
        if kind == "odd":
            fails = random.choice((0, 0, 1, 2, 4, 7))
            return OddFile(content, fails), fails > 0
        if kind == "bad":
            return os.path.join(self.folder, random.choice(("missing", "."))), True
        path = self.write(name, content)
        if kind == "path":
            return path, False
        self._open.append(open(path, "rb"))  # noqa: SIM115
        return self._open[-1], False

    def write(self, name: str, content: bytes) -> str:
        """Put a file into the folder. :returns: its path."""
        path = os.path.join(self.folder, name)
        with open(path, "wb", buffering=0) as file:
            file.write(content)
        return path

    def close(self) -> None:
        """Close the file objects that were given away."""
        for file in self._open:
            file.close()
        self._open.clear()

    def left_open(self) -> list[str]:
        """The files of the folder that are open."""
        found = []
        for number in os.listdir("/proc/self/fd"):
            try:
                path = os.readlink(f"/proc/self/fd/{number}")
            except OSError:
                continue
            if path.startswith(self.folder):
                found.append(os.path.basename(path))
        return found
