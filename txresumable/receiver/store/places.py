"""
The places of finished files: blocking, for use in a thread.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto

from attrs import evolve

from .descriptor import Descriptor
from .disk import Disk
from .files import UploadFiles
from .names import names_for
from .private import CHUNKS, DATA, DONE, NEW, PrivateFolder, look
from .record import Done
from .refused import FilesRemoved

__all__ = ["Place", "Places"]


class Place(Enum):
    """What is in the place of a finished file."""

    SAME = auto()
    """The file, untouched."""
    SIMILAR = auto()
    """A file of its size and time, whose number or state is another: perhaps with its content."""
    OTHER = auto()
    """Nothing, or something else."""


class Places:
    """
    The folder that finished files lie in, under their own names.

    :param disk: what does the work.
    :param root: the folder.
    :param private: the private folder in it.
    :param check: raises if the folders are not where they were found.
    """

    def __init__(
        self, disk: Disk, root: Descriptor, private: PrivateFolder, check: Callable[[], None]
    ) -> None:
        self._disk = disk
        self._root = root
        self._private = private
        self._check = check

    def place(self, files: UploadFiles, may_change: bool) -> str:
        """
        Give a full upload its name in the root, never one that is taken; again if need be.

        :param may_change: whether the file may be changed from then on, before its end is written
            down.
        :returns: the name.
        :raises FilesRemoved: if there are no such files any more.
        :raises Refused: with 503 if the file had its name before, and was changed there.
        """
        self._check()
        files.check()
        files.check_unchanged()
        files.data.sync()
        files.note_time(may_change)
        inode = files.data.status().st_ino
        with self._root as root, self._private.descriptor as private:
            for name in names_for(files.record.file_name, files.key):
                try:
                    self._disk.link(files.key + DATA, private, name, root)
                except FileExistsError:
                    # A crash may have come after this very step.
                    if self._inode(name, root) != inode:
                        continue
                except FileNotFoundError as error:
                    if self._inode(name, root) != inode:
                        raise FilesRemoved.by_somebody() from error
                break
            try:
                self._disk.sync(root)
            except BaseException:
                # The next try must write it anew: see take_back().
                with suppress(OSError):
                    self._disk.remove(name, root)
                raise
        return name

    def settle(self, files: UploadFiles, name: str, sha256: str) -> Done:
        """
        Write down that an upload is finished, and drop what it needed until then.

        :param name: the finished file's name.
        :param sha256: of the whole content that was received.
        :returns: its end.
        :raises FilesRemoved: if there are no such files any more.
        """
        files.check()
        files.note_end()
        key = files.key
        done = Done(
            record=files.record,
            name=name,
            sha256=sha256,
            size=files.size,
            mtime=files.mtime or 0,
            inode=files.data.status().st_ino,
        )
        written = done.encode()
        self._private.remove(key, NEW)
        file = self._private.write_new(key, written, len(written), DONE)
        try:
            self._private.remove(key, CHUNKS, DATA)
            done.ctime = files.data.status().st_ctime_ns
            _write_identity(file, done, len(written))
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
            now = look(self._disk, done.name, root)
        if now is None or _identity(now) != _identity(found):
            return None
        file = self._private.open(key + DONE)
        if file is None:
            return None
        adopted = evolve(done, inode=now.st_ino, ctime=now.st_ctime_ns)
        try:
            written = file.read_all()
            if adopted == Done.decode(written):
                _write_identity(file, adopted, len(written))
        finally:
            file.close()
        return adopted

    def place_of(self, done: Done) -> Place:
        """What is where a finished file was put."""
        self._check()
        with self._root as root:
            found = look(self._disk, done.name, root)
        if found is None or not stat.S_ISREG(found.st_mode):
            return Place.OTHER
        if (found.st_size, found.st_mtime_ns) != (done.size, done.mtime):
            return Place.OTHER
        same = (found.st_ino, found.st_ctime_ns) == (done.inode, done.ctime)
        return Place.SAME if same else Place.SIMILAR

    def open_finished(self, name: str) -> Descriptor | None:
        """A finished file, or whatever has its name."""
        with self._root as root:
            try:
                return Descriptor(self._disk, self._disk.open(name, root, writable=False))
            except FileNotFoundError:
                return None

    def _inode(self, name: str, folder: int) -> int | None:
        found = look(self._disk, name, folder)
        return None if found is None else found.st_ino


def _write_identity(file: Descriptor, done: Done, size: int) -> None:
    identity = done.encode_identity()
    file.write(identity, size - len(identity))


def _identity(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
