"""
The files of uploads on the disk: blocking, for use in a thread.

Finished files lie in the root under their names (:mod:`~txresumable.receiver.store.places`), all
else in a private folder in it (:mod:`~txresumable.receiver.store.private`).  The steps of each
method are in an order that leaves a truth behind wherever a crash comes between them: a record
appears after its data file, a chunk's byte after the chunk is durable, the end's record after the
finished name is, and removal goes the other way.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress

from attrs import frozen
from twisted.logger import Logger

from .ages import Expiry
from .descriptor import Descriptor
from .disk import Disk
from .files import UploadFiles
from .names import is_key
from .places import Place, Places, Placing
from .present import Present
from .private import ALL, CHUNKS, DATA, DONE, NEW, OLD, PLACE, REJECTED, PrivateFolder, look
from .record import Done, Record
from .refused import Refused
from .rejection import Rejection
from .whole import WholeFiles

__all__ = ["Folder", "Found"]

PRIVATE = ".resumable"
_TIMED = (CHUNKS, DONE, REJECTED)
# What may be left of an upload of which nothing is known.
_UNKNOWN = (NEW, DATA, PLACE, OLD)


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


class Folder:
    """
    A root with its private folder, claimed for this process.

    :param root: the path of the folder for finished files; made if it is not there.
    :param disk: what does the work.
    :param placing: how files get their places.
    :raises BlockingIOError: if another process receives into it.
    :ivar places: where finished files are.
    :ivar whole: how small ones that arrive whole come there.
    """

    _log = Logger()

    def __init__(self, root: str, disk: Disk, placing: Placing | None = None) -> None:
        self._disk = disk
        self._path = root
        # Uploads of which the record may be in the system's memory and not on the disk.
        self._uncertain: set[str] = set()
        self._root = Descriptor(disk, disk.open_root(root))
        try:
            with self._root as above:
                private = Descriptor(disk, disk.open_folder(PRIVATE, above))
            try:
                with private as claimed:
                    disk.lock(claimed)
                self._root.sync()
                self._numbers = _number(self._root.status()), _number(private.status())
            except BaseException:
                private.close()
                raise
        except BaseException:
            self._root.close()
            raise
        self._private = PrivateFolder(disk, private)
        try:
            self.places = Places(disk, self._root, self._private, self.check, placing or Placing())
            self.whole = WholeFiles(disk, self._private, self.places, self.check)
        except BaseException:
            self.close()
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
            found = self._look_at_root(), look(self._disk, PRIVATE, root)
        if tuple(map(_number, found)) != self._numbers:
            self._log.critical("{path} was removed or moved", path=self._path)
            raise Refused(503, "the receiver's folder was removed or moved", retry_after=60)

    def load(self, key: str) -> UploadFiles | Done | Rejection | None:
        """What is known about an upload."""
        done = self._private.done(key)
        if done is not None:
            return done
        chunks = self._private.open(key + CHUNKS)
        if chunks is None:
            rejection = self._private.rejection(key)
            if rejection is None and key in self._uncertain and self.whole.recover(key):
                return self._private.done(key)  # which could not be read at the start
            return rejection
        data: Descriptor | None = None
        try:
            data = self._private.open(key + DATA) or self.places.open_moved(key)
            record, present, mtime = Record.decode(chunks.read_all())
            # The length of a file is durable with its first chunk.
            is_worthless = not present
            if data is not None:
                start = len(record.encode())
                found = UploadFiles(key, record, data, chunks, present, start, mtime=mtime)
                if found.changed:
                    self._log.error("changed before its end was written down: {key}", key=key)
                    is_worthless = True
                elif data.status().st_size == record.size:
                    self._make_certain(found)
                    return found
        except ValueError:
            is_worthless = False
        except BaseException:
            _close(chunks, data)
            raise
        _close(chunks, data)
        # What was moved to its place is there, or was taken from there.
        if is_worthless or self._private.noted_place(key) is not None:
            self._private.discard(key)
        else:
            self._private.set_aside(key, CHUNKS, DATA)
        return None

    def resume(self, key: str) -> UploadFiles | Done | Rejection | None:
        """What is known about an upload that somebody comes back to: from now on it is not old."""
        found = self.load(key)
        if isinstance(found, UploadFiles):
            try:
                found.chunks.touch()
            except BaseException:
                found.close()
                raise
        return found

    def resume_or_create(
        self, key: str, record: Record, promised: int
    ) -> UploadFiles | Done | Rejection:
        """The same, or :meth:`create` one if nothing is known."""
        found = self.resume(key)
        return self._create(key, record, promised, _UNKNOWN) if found is None else found

    def create(self, key: str, record: Record, promised: int) -> UploadFiles:
        """
        Begin an upload: when this returns, its files are durable and empty.

        :param promised: how many bytes of what is free are promised to others.
        :raises Refused: with 507 if it does not fit, 409 if its place is taken and must not be.
        """
        return self._create(key, record, promised, ALL)

    def _create(
        self, key: str, record: Record, promised: int, leftovers: Iterable[str]
    ) -> UploadFiles:
        self.check()
        self.places.check_free(record.path)
        line, count = record.encode(), record.layout.count
        if self._private.free() < record.size + promised:
            raise Refused(507, "there is no room for this", retry_after=10)
        self._private.remove(key, *leftovers)
        # It keeps its permissions when it is finished; until then nobody else gets at it.
        data = self._private.create(key + DATA, 0o666)
        try:
            data.resize(record.size)
            chunks = self._private.write_new(key, line, len(line) + count, CHUNKS)
        except BaseException:
            data.close()
            self._uncertain.add(key)
            with suppress(OSError):
                self._private.discard(key)
            raise
        self._uncertain.discard(key)
        return UploadFiles(key, record, data, chunks, Present(count), len(line))

    def has_record(self, key: str) -> bool:
        """Whether there is an unfinished upload."""
        with self._private.descriptor as private:
            return look(self._disk, key + CHUNKS, private) is not None

    def discard(self, key: str) -> None:
        """Forget an upload, finished or not; a finished file stays."""
        self._private.discard(key)

    def discard_expired(self, key: str, expiry: Expiry) -> bool:
        """
        Forget an upload if it has expired and is not full.

        :returns: whether it was.
        """
        if not any(self._private.older(key + each, expiry.of(each)) for each in _TIMED):
            return False
        found = self.load(key)
        if isinstance(found, UploadFiles):
            found.close()
            if found.full:
                return False
        self._private.discard(key)
        return True

    def scan(self) -> Iterator[Found]:
        """
        All unfinished uploads; what a crash left half begun or half removed goes away.

        One that the disk cannot read now is left for later.
        """
        names = set(self._private.names())
        self._private.has_rejections = any(name.endswith(REJECTED) for name in names)
        keys = {name.partition(".")[0] for name in names}
        for key in sorted(filter(is_key, keys)):
            try:
                found = self._found(key, names)
            except OSError:
                self._log.failure("an upload cannot be read: {key}", key=key)
                found = None
            self._uncertain.add(key)
            if found is not None:
                yield found

    def expired(self, expiry: Expiry) -> list[str]:
        """The uploads that have expired, finished or not."""
        found = set()
        for name in self._private.names():
            key, dot, ending = name.partition(".")
            if is_key(key) and self._private.older(name, expiry.of(dot + ending)):
                found.add(key)
        return sorted(found)

    def received(self) -> Counter[str]:
        """
        How many bytes the finished files that are in their places, and what is set aside, come to,
        by owner.
        """
        sizes: Counter[str] = Counter()
        for name in self._private.names():
            key, dot, ending = name.partition(".")
            if is_key(key) and dot + ending == DONE:
                done = self._private.done(key)
                if done is not None and self.places.place_of(done) is not Place.OTHER:
                    sizes[done.record.owner] += done.size
        for record, size in self._private.aside():
            sizes[record.owner] += size
        return sizes

    def removed(self, keys: Iterable[str]) -> list[str]:
        """Those of some unfinished uploads whose files are there no more."""
        names = set(self._private.names())
        return [
            key
            for key in keys
            if key + CHUNKS not in names or names.isdisjoint((key + DATA, key + PLACE))
        ]

    def _found(self, key: str, names: set[str]) -> Found | None:
        if key + DONE in names and self._private.done(key) is not None:
            self._private.remove(key, CHUNKS, DATA, PLACE, OLD, NEW)
        elif key + REJECTED in names and self._private.rejection(key) is not None:
            if key + CHUNKS in names or key + DATA in names:
                self._private.set_aside(key, CHUNKS, DATA)
            self._private.remove(key, PLACE, OLD, NEW)
        elif key + CHUNKS not in names:
            if not (key + NEW in names and self.whole.recover(key)):
                self._private.discard(key)
        else:
            files = self.load(key)
            if isinstance(files, UploadFiles):
                files.close()
                return Found(key, files.record, files.missing_size, files.full)
        return None

    def _make_certain(self, files: UploadFiles) -> None:
        """
        Make durable what was found of an upload that another process left, or that failed.

        What a process that was killed had not synced is still there, but not after a power cut;
        and what a sync that failed left in the system's memory must be written anew.
        """
        if files.key in self._uncertain:
            files.rewrite()
            self._private.sync()
            self._uncertain.discard(files.key)

    def _look_at_root(self) -> os.stat_result | None:
        try:
            return self._disk.status_at(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return None


def _close(*files: Descriptor | None) -> None:
    for file in files:
        if file is not None:
            file.close()


def _number(found: os.stat_result | None) -> tuple[int, int] | None:
    return None if found is None else (found.st_dev, found.st_ino)
