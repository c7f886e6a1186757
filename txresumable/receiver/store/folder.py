"""
The files of uploads on the disk: blocking, for use in a thread.

Finished files lie in the root under their names.  All else is in a private folder in it, under
the hash of owner and identifier: ``.data`` the bytes, ``.chunks`` the record (see
:mod:`~txresumable.receiver.store.record`), ``.done`` what is kept at the end, ``.new`` what is
being written.  The steps of each method are in an order that leaves a truth behind wherever a crash
comes between them: a record appears after its data file, a chunk's byte after the chunk is
durable, the end's record after the finished name is, and removal goes the other way.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator

from attrs import define, frozen

from .disk import Disk
from .names import is_key, names_for
from .record import DURABLE, Done, Record

__all__ = ["Folder", "Found", "Opened"]

PRIVATE = ".resumable"
_DATA, _CHUNKS, _DONE, _NEW = ".data", ".chunks", ".done", ".new"


@define
class Opened:
    """
    An unfinished upload with its files open.

    :ivar key: its name in the private folder.
    :ivar record: what it is.
    :ivar data: the descriptor of its bytes.
    :ivar chunks: the descriptor of its record.
    :ivar present: a byte for each chunk, 1 for those that are durable.
    """

    key: str
    record: Record
    data: int
    chunks: int
    present: bytearray
    start: int


@frozen
class Found:
    """
    An unfinished upload that was there at the start.

    :ivar full: whether all its chunks are durable, so that only the end is missing.
    """

    key: str
    record: Record
    full: bool


class Folder:
    """
    A root with its private folder, claimed for this process.

    :param root: the path of the folder for finished files; made if it is not there.
    :param disk: what does the work.
    :raises BlockingIOError: if another process receives into it.
    """

    def __init__(self, root: str, disk: Disk) -> None:
        self.disk = disk
        self.root = disk.open_root(root)
        try:
            self._private = disk.open_folder(PRIVATE, self.root)
            try:
                disk.lock(self._private)
            except OSError:
                disk.close(self._private)
                raise
        except OSError:
            disk.close(self.root)
            raise

    def close(self) -> None:
        """Give the folder up."""
        self.disk.close(self._private)
        self.disk.close(self.root)

    def load(self, key: str) -> Opened | Done | None:
        """What is known about an upload."""
        done = self._done(key)
        if done is not None:
            return done
        try:
            chunks = self.disk.open(key + _CHUNKS, self._private)
        except FileNotFoundError:
            return None
        try:
            record, present = Record.decode(self._whole(chunks))
            data = self.disk.open(key + _DATA, self._private)
            start = len(record.encode())
        except (FileNotFoundError, ValueError):
            self.disk.close(chunks)
            self.discard(key)
            return None
        except OSError:
            self.disk.close(chunks)
            raise
        return Opened(key, record, data, chunks, present, start)

    def create(self, key: str, record: Record) -> Opened:
        """Begin an upload: when this returns, its files are durable and empty."""
        line, count = record.encode(), record.layout.count
        if self.disk.free(self._private) < record.size:
            raise OSError(errno.ENOSPC, "the file does not fit")
        self.discard(key)
        data = self.disk.create(key + _DATA, self._private)
        try:
            self.disk.resize(data, record.size)
            chunks = self.disk.create(key + _NEW, self._private)
            try:
                self.disk.write(chunks, line, 0)
                self.disk.resize(chunks, len(line) + count)
                self._publish(key, chunks, _CHUNKS)
            except BaseException:
                self.disk.close(chunks)
                raise
        except OSError:
            self.disk.close(data)
            self.discard(key)
            raise
        return Opened(key, record, data, chunks, bytearray(count), len(line))

    def commit(self, opened: Opened, offsets: Iterable[int]) -> None:
        """Make chunks that are written durable, and then the fact that they are."""
        self.disk.sync_data(opened.data)
        for offset in offsets:
            self.disk.write(opened.chunks, DURABLE, opened.start + offset)
        self.disk.sync_data(opened.chunks)

    def shut(self, opened: Opened) -> None:
        """Close an upload's files."""
        self.disk.close(opened.data)
        self.disk.close(opened.chunks)

    def place(self, opened: Opened) -> tuple[str, int]:
        """
        Give a full upload its name in the root, never one that is taken.

        :returns: the name and the file's number.
        """
        self.disk.sync(opened.data)
        inode = self.disk.status_of(opened.data).st_ino
        for name in names_for(opened.record.file_name, opened.key):
            try:
                self.disk.link(opened.key + _DATA, self._private, name, self.root)
            except FileExistsError:
                # A crash may have come after this very step.
                if self._inode(name) != inode:
                    continue
            break
        self.disk.sync(self.root)
        return name, inode

    def settle(self, key: str, done: Done) -> None:
        """Write down that an upload is finished, and drop what it needed until then."""
        self.disk.remove(key + _NEW, self._private)
        fd = self.disk.create(key + _NEW, self._private)
        with self.disk.opened(fd):
            self.disk.write(fd, done.encode(), 0)
            self._publish(key, fd, _DONE)
        self.disk.remove(key + _CHUNKS, self._private)
        self.disk.remove(key + _DATA, self._private)

    def discard(self, key: str) -> None:
        """Forget an upload, finished or not; a finished file stays."""
        for ending in (_DONE, _CHUNKS, _DATA, _NEW):
            self.disk.remove(key + ending, self._private)

    def in_place(self, done: Done) -> bool:
        """Whether a finished file is still where it was put."""
        return self._inode(done.name) == done.inode

    def open_finished(self, done: Done) -> int | None:
        """A descriptor of a finished file, if it is still where it was put."""
        try:
            fd = self.disk.open(done.name, self.root, writable=False)
        except FileNotFoundError:
            return None
        if self.disk.status_of(fd).st_ino != done.inode:
            self.disk.close(fd)
            return None
        return fd

    def scan(self) -> Iterator[Found]:
        """All unfinished uploads; what a crash left half begun or half removed goes away."""
        names = set(self.disk.names(self._private))
        keys = {name.partition(".")[0] for name in names}
        for key in sorted(filter(is_key, keys)):
            if key + _DONE in names:
                for ending in (_CHUNKS, _DATA, _NEW):
                    self.disk.remove(key + ending, self._private)
            elif key + _CHUNKS not in names:
                self.discard(key)
            else:
                opened = self.load(key)
                if isinstance(opened, Opened):
                    self.shut(opened)
                    yield Found(key, opened.record, 0 not in opened.present)

    def expired(self, before: float) -> list[str]:
        """The uploads that nothing was written to since then, finished or not."""
        found = set()
        for name in self.disk.names(self._private):
            key, dot, ending = name.partition(".")
            if is_key(key) and dot + ending in (_CHUNKS, _DONE):
                try:
                    if self.disk.status(name, self._private).st_mtime < before:
                        found.add(key)
                except FileNotFoundError:
                    continue
        return sorted(found)

    def _publish(self, key: str, fd: int, ending: str) -> None:
        self.disk.sync(fd)
        self.disk.replace(key + _NEW, key + ending, self._private)
        self.disk.sync(self._private)

    def _done(self, key: str) -> Done | None:
        try:
            fd = self.disk.open(key + _DONE, self._private, writable=False)
        except FileNotFoundError:
            return None
        with self.disk.opened(fd):
            try:
                return Done.decode(self._whole(fd))
            except ValueError:
                return None

    def _inode(self, name: str) -> int | None:
        try:
            return self.disk.status(name, self.root).st_ino
        except FileNotFoundError:
            return None

    def _whole(self, fd: int) -> bytes:
        return self.disk.read(fd, self.disk.status_of(fd).st_size, 0)
