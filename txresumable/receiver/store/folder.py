"""
The files of uploads on the disk: blocking, for use in a thread.

Finished files lie in the root under their names.  All else is in a private folder in it, under
the hash of owner and identifier: ``.data`` the bytes, ``.chunks`` the record (see
:mod:`~txresumable.receiver.store.record`), ``.done`` what is kept at the end, ``.new`` what is
being written.  The steps of each method are in an order that leaves a truth behind wherever a crash
comes between them: a record appears after its data file, a chunk's byte after the chunk is
durable, the end's record after the finished name is, and removal goes the other way.

What cannot be read back is set aside under another name, ``.aside-1`` and so on before the ending,
for somebody to look at: the chunks of its data were acknowledged.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from enum import Enum, auto

from attrs import define, evolve, field, frozen
from twisted.logger import Logger

from .descriptor import Descriptor
from .disk import Disk
from .names import is_key, names_for
from .record import ABSENT, DURABLE, Done, Record, encode_time
from .refused import Refused

__all__ = ["FilesRemoved", "Folder", "Found", "Opened", "Place"]

PRIVATE = ".resumable"
_DATA, _CHUNKS, _DONE, _NEW = ".data", ".chunks", ".done", ".new"


class FilesRemoved(Refused):
    """Somebody has removed the files of an upload while it was being received."""


@define(eq=False)
class Opened:
    """
    An unfinished upload with its files open.

    :ivar key: its name in the private folder.
    :ivar record: what it is.
    :ivar data: its bytes.
    :ivar chunks: its record.
    :ivar present: a byte for each chunk, 1 for those that are durable.
    :ivar start: where those bytes begin in the record.
    :ivar unsure: chunks that may be durable in the record on the disk although they are not
        present; empty except after a failure of the disk.
    :ivar mtime: when the file was last written to, in nanoseconds, as was noted when it got its
        name: from then on others can change it.
    """

    key: str
    record: Record
    data: Descriptor
    chunks: Descriptor
    present: bytearray
    start: int
    unsure: set[int] = field(factory=set)
    mtime: int | None = None

    @property
    def missing_size(self) -> int:
        """How many bytes are not durable."""
        layout, present = self.record.layout, self.present
        if 1 not in present:
            return layout.size
        ranges = (layout.range(offset) for offset, there in enumerate(present) if not there)
        return sum(end - start for start, end in ranges)

    def close(self) -> None:
        """Close the files."""
        self.data.close()
        self.chunks.close()


@frozen
class Found:
    """
    An unfinished upload that was there at the start.

    :ivar missing: how many bytes of it are not durable.
    :ivar full: whether all its chunks are, so that only the end is missing.
    """

    key: str
    record: Record
    missing: int
    full: bool


class Place(Enum):
    """What is in the place of a finished file."""

    SAME = auto()
    """The file, untouched."""
    SIMILAR = auto()
    """A file of its size and time, whose number or state is another: perhaps with its content."""
    OTHER = auto()
    """Nothing, or something else."""


class Folder:
    """
    A root with its private folder, claimed for this process.

    :param root: the path of the folder for finished files; made if it is not there.
    :param disk: what does the work.
    :raises BlockingIOError: if another process receives into it.
    """

    _log = Logger()

    def __init__(self, root: str, disk: Disk) -> None:
        self.disk = disk
        self._path = root
        # Uploads of which the record may be in the system's memory and not on the disk.
        self._uncertain: set[str] = set()
        self._root = Descriptor(disk, disk.open_root(root))
        try:
            with self._root as above:
                self._private = Descriptor(disk, disk.open_folder(PRIVATE, above))
            try:
                with self._private as private:
                    disk.lock(private)
                self._root.sync()
                self._numbers = _number(self._root.status()), _number(self._private.status())
            except BaseException:
                self._private.close()
                raise
        except BaseException:
            self._root.close()
            raise

    def close(self) -> None:
        """Give the folder up."""
        self._private.close()
        self._root.close()

    def check(self) -> None:
        """
        Look whether the folders are still where they were found.

        :raises Refused: with 503 if somebody has removed or moved them: what is written into them
            now would be gone, or elsewhere.
        """
        with self._root as root:
            found = self._look(self._path, None), self._look(PRIVATE, root)
        if tuple(map(_number, found)) != self._numbers:
            self._log.critical("{path} was removed or moved", path=self._path)
            raise Refused(503, "the receiver's folder was removed or moved", retry_after=60)

    def load(self, key: str) -> Opened | Done | None:
        """What is known about an upload."""
        done = self._done(key)
        if done is not None:
            return done
        chunks = self._open(key + _CHUNKS)
        if chunks is None:
            return None
        data: Descriptor | None = None
        try:
            data = self._open(key + _DATA)
            record, present, mtime = Record.decode(chunks.read_all())
            if data is not None and data.status().st_size == record.size:
                start = len(record.encode())
                found = Opened(key, record, data, chunks, present, start, mtime=mtime)
                self._make_certain(found)
                return found
            is_empty = 1 not in present
        except ValueError:
            is_empty = False
        except BaseException:
            _close(chunks, data)
            raise
        _close(chunks, data)
        if is_empty:
            # The length of a file is durable with its first chunk.
            self.discard(key)
        else:
            self._set_aside(key, _CHUNKS, _DATA)
        return None

    def resume(self, key: str) -> Opened | Done | None:
        """What is known about an upload that somebody comes back to: from now on it is not old."""
        found = self.load(key)
        if isinstance(found, Opened):
            try:
                found.chunks.touch()
            except BaseException:
                found.close()
                raise
        return found

    def create(self, key: str, record: Record, promised: int = 0) -> Opened:
        """
        Begin an upload: when this returns, its files are durable and empty.

        :param promised: how many bytes of what is free are promised to others.
        :raises Refused: with 507 if it does not fit.
        """
        self.check()
        line, count = record.encode(), record.layout.count
        with self._private as private:
            if self.disk.free(private) < record.size + promised:
                raise Refused(507, "there is no room for this", retry_after=10)
            self.discard(key)
            data = Descriptor(self.disk, self.disk.create(key + _DATA, private))
            try:
                data.resize(record.size)
                chunks = self._write_new(key, line, len(line) + count, _CHUNKS)
            except BaseException:
                data.close()
                self._uncertain.add(key)
                with suppress(OSError):
                    self.discard(key)
                raise
        self._uncertain.discard(key)
        return Opened(key, record, data, chunks, bytearray(count), len(line))

    def check_files(self, opened: Opened) -> None:
        """
        Look whether the bytes of an upload are still there; this does not block.

        :raises FilesRemoved: if somebody has removed them.
        """
        if not opened.data.status().st_nlink:
            raise _files_removed()

    def commit(self, opened: Opened, offsets: Sequence[int]) -> None:
        """
        Make chunks that are written durable, and then the fact that they are.

        :raises OSError: if the disk fails.  What the record says of these chunks is taken back
            before, since they will be written anew; where that fails too they are ``unsure``.
        :raises FilesRemoved: if there are no such files any more.
        """
        if not (opened.data.status().st_nlink and opened.chunks.status().st_nlink):
            raise _files_removed()
        opened.data.sync_data()
        try:
            for offset in offsets:
                opened.chunks.write(DURABLE, opened.start + offset)
            opened.chunks.sync_data()
        except BaseException:
            opened.unsure.update(offsets)
            with suppress(OSError):
                self.take_back(opened)
            raise

    def take_back(self, opened: Opened) -> None:
        """
        Let the record say that the chunks that are ``unsure`` are absent.

        After a failed sync nobody knows what is on the disk, and what the system has in its
        memory counts as written; only to write it once more, and to sync, makes it certain.
        """
        for offset in opened.unsure:
            opened.chunks.write(ABSENT, opened.start + offset)
        opened.chunks.sync_data()
        opened.unsure.clear()

    def place(self, opened: Opened, may_change: bool) -> str:
        """
        Give a full upload its name in the root, never one that is taken; again if need be.

        :param may_change: whether the file may be changed from then on, before its end is written
            down.
        :returns: the name.
        :raises FilesRemoved: if there are no such files any more, or the file had its name before
            and was changed there; then the upload is forgotten.
        """
        self.check()
        self.check_files(opened)
        opened.data.sync()
        self._check_unchanged(opened)
        if not may_change:
            self._note_time(opened)
        inode = opened.data.status().st_ino
        with self._root as root, self._private as private:
            for name in names_for(opened.record.file_name, opened.key):
                try:
                    self.disk.link(opened.key + _DATA, private, name, root)
                except FileExistsError:
                    # A crash may have come after this very step.
                    if self._inode(name, root) != inode:
                        continue
                except FileNotFoundError as error:
                    if self._inode(name, root) != inode:
                        raise _files_removed() from error
                break
            try:
                self.disk.sync(root)
            except BaseException:
                # The next try must write it anew: see take_back().
                with suppress(OSError):
                    self.disk.remove(name, root)
                raise
        return name

    def settle(self, opened: Opened, done: Done) -> Done:
        """
        Write down that an upload is finished, and drop what it needed until then.

        :param done: its end, without the times and the number of the file.
        :returns: all of it.
        :raises FilesRemoved: if there are no such files any more.
        """
        self.check_files(opened)
        key, found = opened.key, opened.data.status()
        if opened.mtime is None:
            opened.mtime = found.st_mtime_ns
        done = evolve(done, inode=found.st_ino, mtime=opened.mtime)
        written = done.encode()
        with self._private as private:
            self.disk.remove(key + _NEW, private)
            file = self._write_new(key, written, len(written), _DONE)
            try:
                self.disk.remove(key + _CHUNKS, private)
                self.disk.remove(key + _DATA, private)
                done = evolve(done, ctime=opened.data.status().st_ctime_ns)
                file.write(done.encode_ctime(), len(written) - len(done.encode_ctime()))
                return done
            finally:
                file.close()

    def adopt(self, key: str, done: Done, found: os.stat_result) -> Done | None:
        """
        Take what is in the place of a finished file for it, now that its content was compared.

        :param found: what it was while that was done.
        :returns: the end as it is now; nothing if it is another file meanwhile.
        """
        with self._root as root:
            now = self._look(done.name, root)
        if now is None or _identity(now) != _identity(found):
            return None
        file = self._open(key + _DONE)
        if file is None:
            return None
        adopted = evolve(done, inode=now.st_ino, ctime=now.st_ctime_ns)
        try:
            written = file.read_all()
            if adopted == Done.decode(written):
                file.write(adopted.encode_ctime(), len(written) - len(adopted.encode_ctime()))
        finally:
            file.close()
        return adopted

    def discard(self, key: str) -> None:
        """Forget an upload, finished or not; a finished file stays."""
        with self._private as private:
            for ending in (_DONE, _CHUNKS, _DATA, _NEW):
                self.disk.remove(key + ending, private)

    def discard_expired(self, key: str, before: float) -> bool:
        """
        Forget an upload if nothing was written to it since then and it is not full.

        :returns: whether it was.
        """
        if not any(self._older(key + ending, before) for ending in (_CHUNKS, _DONE)):
            return False
        found = self.load(key)
        if isinstance(found, Opened):
            found.close()
            if 0 not in found.present:
                return False
        self.discard(key)
        return True

    def place_of(self, done: Done) -> Place:
        """What is where a finished file was put."""
        self.check()
        with self._root as root:
            found = self._look(done.name, root)
        if found is None or not stat.S_ISREG(found.st_mode):
            return Place.OTHER
        if (found.st_size, found.st_mtime_ns) != (done.record.size, done.mtime):
            return Place.OTHER
        same = (found.st_ino, found.st_ctime_ns) == (done.inode, done.ctime)
        return Place.SAME if same else Place.SIMILAR

    def open_finished(self, name: str) -> Descriptor | None:
        """A finished file, or whatever has its name."""
        with self._root as root:
            try:
                return Descriptor(self.disk, self.disk.open(name, root, writable=False))
            except FileNotFoundError:
                return None

    def scan(self) -> Iterator[Found]:
        """
        All unfinished uploads; what a crash left half begun or half removed goes away.

        One that the disk cannot read now is left for later.
        """
        with self._private as private:
            names = set(self.disk.names(private))
        keys = {name.partition(".")[0] for name in names}
        for key in sorted(filter(is_key, keys)):
            try:
                found = self._found(key, names)
            except OSError:
                self._log.failure("an upload cannot be read: {key}", key=key)
            else:
                self._uncertain.add(key)
                if found is not None:
                    yield found

    def expired(self, before: float) -> list[str]:
        """The uploads that nothing was written to since then, finished or not."""
        with self._private as private:
            names = self.disk.names(private)
        found = set()
        for name in names:
            key, dot, ending = name.partition(".")
            if is_key(key) and dot + ending in (_CHUNKS, _DONE) and self._older(name, before):
                found.add(key)
        return sorted(found)

    def removed(self, keys: Iterable[str]) -> list[str]:
        """Those of some unfinished uploads whose files are there no more."""
        with self._private as private:
            names = set(self.disk.names(private))
        return [key for key in keys if not names.issuperset((key + _CHUNKS, key + _DATA))]

    def _found(self, key: str, names: set[str]) -> Found | None:
        if key + _DONE in names and self._done(key) is not None:
            with self._private as private:
                for ending in (_CHUNKS, _DATA, _NEW):
                    self.disk.remove(key + ending, private)
        elif key + _CHUNKS not in names:
            self.discard(key)
        else:
            opened = self.load(key)
            if isinstance(opened, Opened):
                opened.close()
                full = 0 not in opened.present
                return Found(key, opened.record, opened.missing_size, full)
        return None

    def _make_certain(self, opened: Opened) -> None:
        """
        Make durable what was found of an upload that another process left, or that failed.

        What a process that was killed had not synced is still there, but not after a power cut;
        and what a sync that failed left in the system's memory must be written anew.
        """
        if opened.key in self._uncertain:
            opened.chunks.write(opened.present, opened.start)
            opened.chunks.sync_data()
            self._private.sync()
            self._uncertain.discard(opened.key)

    def _check_unchanged(self, opened: Opened) -> None:
        if opened.mtime not in (None, opened.data.status().st_mtime_ns):
            self._log.error("changed before its end was written down: {key}", key=opened.key)
            self.discard(opened.key)
            raise FilesRemoved(503, "the file was changed in its place", retry_after=1)

    def _note_time(self, opened: Opened) -> None:
        """Write down when the file was last written to, durably, before anybody can change it."""
        if opened.mtime is None:
            mtime = opened.data.status().st_mtime_ns
            end = opened.start + opened.record.layout.count
            opened.chunks.write(encode_time(mtime), end)
            opened.chunks.sync_data()
            opened.mtime = mtime

    def _older(self, name: str, before: float) -> bool:
        with self._private as private:
            try:
                found = self._look(name, private)
            except OSError:
                return False
        return found is not None and found.st_mtime < before

    def _write_new(self, key: str, data: bytes, size: int, ending: str) -> Descriptor:
        """Write a file, and give it its name once it is durable."""
        with self._private as private:
            file = Descriptor(self.disk, self.disk.create(key + _NEW, private))
            try:
                file.write(data, 0)
                if size > len(data):
                    file.resize(size)
                file.sync()
                self.disk.replace(key + _NEW, key + ending, private)
                self.disk.sync(private)
            except BaseException:
                file.close()
                raise
        return file

    def _open(self, name: str) -> Descriptor | None:
        with self._private as private:
            try:
                return Descriptor(self.disk, self.disk.open(name, private))
            except FileNotFoundError:
                return None

    def _done(self, key: str) -> Done | None:
        file = self._open(key + _DONE)
        if file is None:
            return None
        try:
            return Done.decode(file.read_all())
        except ValueError:
            self._set_aside(key, _DONE)
            return None
        finally:
            file.close()

    def _set_aside(self, key: str, *endings: str) -> None:
        with self._private as private:
            number = 1
            while any(self._look(_aside(key, number, each), private) for each in endings):
                number += 1
            for ending in endings:
                name = _aside(key, number, ending)
                with suppress(FileNotFoundError):
                    self.disk.replace(key + ending, name, private)
                    self._log.error("cannot be read back, and was set aside: {name}", name=name)

    def _look(self, name: str, folder: int | None) -> os.stat_result | None:
        try:
            if folder is None:
                return self.disk.status_at(name)
            return self.disk.status(name, folder)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _inode(self, name: str, folder: int) -> int | None:
        found = self._look(name, folder)
        return None if found is None else found.st_ino


def _close(*files: Descriptor | None) -> None:
    for file in files:
        if file is not None:
            file.close()


def _files_removed() -> FilesRemoved:
    return FilesRemoved(500, "this upload was removed from the receiver: send it again")


def _aside(key: str, number: int, ending: str) -> str:
    return f"{key}.aside-{number}{ending}"


def _number(found: os.stat_result | None) -> tuple[int, int] | None:
    return None if found is None else (found.st_dev, found.st_ino)


def _identity(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
