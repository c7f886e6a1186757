"""
The private folder of a receiver: blocking, for use in a thread.

All that is not a finished file is in it, under the hash of owner and identifier: ``.data`` the
bytes, ``.chunks`` the record (see :mod:`~txresumable.receiver.store.record`), ``.done`` what is
kept at the end, ``.rejected`` what is kept if the application rejected the file, ``.new`` what is
being written, ``.place`` where the bytes were moved to, ``.old`` the file that they replaced;
if there is no record, that may be the end of a small file whose place is not known to be durable
(see :mod:`~txresumable.receiver.store.whole`).

What cannot be read back is set aside under another name, ``.aside-1`` and so on before the ending,
for somebody to look at: the chunks of its data were acknowledged.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

from twisted.logger import Logger

from .descriptor import Descriptor
from .disk import Disk
from .record import Done, Record
from .rejection import Rejection

__all__ = [
    "ALL",
    "CHUNKS",
    "DATA",
    "DONE",
    "NEW",
    "OLD",
    "PLACE",
    "REJECTED",
    "PrivateFolder",
    "look",
]

DATA, CHUNKS, DONE, REJECTED, NEW = ".data", ".chunks", ".done", ".rejected", ".new"
PLACE, OLD = ".place", ".old"
ALL = (NEW, DONE, REJECTED, CHUNKS, DATA, PLACE, OLD)
"""In the order in which they are removed."""

_T = TypeVar("_T")
_ASIDE = re.compile(r"[0-9a-f]{64}\.aside-[0-9]+\.data")


class PrivateFolder:
    """
    The files in the private folder.

    :param disk: what does the work.
    :param descriptor: of the folder, which this closes.
    :ivar descriptor: the same.
    :ivar has_rejections: whether uploads may have been rejected.
    """

    _log = Logger()

    def __init__(self, disk: Disk, descriptor: Descriptor) -> None:
        self.descriptor = descriptor
        self.has_rejections = True
        self._disk = disk

    def close(self) -> None:
        """Close it."""
        self.descriptor.close()

    def names(self) -> list[str]:
        """The names of all files."""
        with self.descriptor as private:
            return self._disk.names(private)

    def free(self) -> int:
        """How many bytes may still be written."""
        with self.descriptor as private:
            return self._disk.free(private)

    def sync(self) -> None:
        """Make the names durable."""
        self.descriptor.sync()

    def create(self, name: str, mode: int = 0o600) -> Descriptor:
        """
        Make a new file.

        :param mode: its permissions, of which umask takes some away.
        """
        with self.descriptor as private:
            return Descriptor(self._disk, self._disk.create(name, private, mode))

    def open(self, name: str) -> Descriptor | None:
        """Open a file; nothing if there is none."""
        with self.descriptor as private:
            try:
                return Descriptor(self._disk, self._disk.open(name, private))
            except FileNotFoundError:
                return None

    def done(self, key: str) -> Done | None:
        """What is kept about a finished upload; set aside if it cannot be read back."""
        return self._read(key, DONE, Done.decode)

    def rejection(self, key: str) -> Rejection | None:
        """What is kept about an upload that was rejected; set aside if it cannot be read back."""
        return self._read(key, REJECTED, Rejection.decode) if self.has_rejections else None

    def has_end(self, key: str) -> bool:
        """Whether there is anything that is kept about a finished or rejected upload."""
        with self.descriptor as private:
            if look(self._disk, key + DONE, private) is not None:
                return True
            return self.has_rejections and look(self._disk, key + REJECTED, private) is not None

    def _read(self, key: str, ending: str, decode: Callable[[bytes], _T]) -> _T | None:
        file = self.open(key + ending)
        if file is None:
            return None
        try:
            return decode(file.read_all())
        except ValueError:
            self.set_aside(key, ending)
            return None
        finally:
            file.close()

    def noted_place(self, key: str) -> tuple[str, int] | None:
        """What was noted about the place of an upload, if that was."""
        return self._read(key, PLACE, _decode_place)

    def note_place(self, key: str, path: str, mtime: int) -> None:
        """
        Note, durably, where the bytes of an upload will be.

        :param path: from the root.
        :param mtime: when they were last written to, in nanoseconds.
        """
        self.remove(key, NEW)
        written = f"{mtime} {path}".encode()
        self.write_new(key, written, len(written), PLACE).close()

    def write_new(self, key: str, data: bytes, size: int, ending: str) -> Descriptor:
        """Write a file, and give it its name once it is durable."""
        file = self.create(key + NEW)
        with self.descriptor as private:
            try:
                file.write(data, 0)
                if size > len(data):
                    file.resize(size)
                file.sync()
                self._disk.replace(key + NEW, key + ending, private)
                self._disk.sync(private)
            except BaseException:
                file.close()
                raise
        return file

    def discard(self, key: str) -> None:
        """Forget an upload, finished or not; a finished file stays."""
        self.remove(key, *ALL)

    def remove(self, key: str, *endings: str) -> None:
        """Remove files of an upload, in this order."""
        with self.descriptor as private:
            for ending in endings:
                self._disk.remove(key + ending, private)

    def set_aside(self, key: str, *endings: str) -> None:
        """Give files of an upload names under which nobody looks for them."""
        with self.descriptor as private:
            number = 1
            while any(look(self._disk, _aside(key, number, each), private) for each in endings):
                number += 1
            for ending in endings:
                name = _aside(key, number, ending)
                with suppress(FileNotFoundError):
                    self._disk.replace(key + ending, name, private)
                    self._log.error("cannot be read back, and was set aside: {name}", name=name)

    def aside(self) -> Iterator[tuple[Record, int]]:
        """The uploads that are set aside and can be read back, and how many bytes they have."""
        for name in self.names():
            if not _ASIDE.fullmatch(name):
                continue
            data, chunks = self.open(name), self.open(name.removesuffix(DATA) + CHUNKS)
            try:
                if data is not None and chunks is not None:
                    record, _, _ = Record.decode(chunks.read_all())
                    yield record, data.status().st_size
            except ValueError:
                continue

    def older(self, name: str, before: float) -> bool:
        """Whether there is such a file, and nothing was written to it since then."""
        if before == float("-inf"):
            return False
        with self.descriptor as private:
            try:
                found = look(self._disk, name, private)
            except OSError:
                return False
        return found is not None and found.st_mtime < before


def look(disk: Disk, name: str, folder: int) -> os.stat_result | None:
    """What is known about a name in a folder; nothing if there is none."""
    try:
        return disk.status(name, folder)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _aside(key: str, number: int, ending: str) -> str:
    return f"{key}.aside-{number}{ending}"


def _decode_place(written: bytes) -> tuple[str, int]:
    mtime, _, path = written.decode().partition(" ")
    return path, int(mtime)
