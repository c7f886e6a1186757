"""
The places of finished files: blocking, for use in a thread.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from threading import Lock

from attrs import evolve, frozen

from .descriptor import Descriptor
from .disk import Disk
from .files import UploadFiles
from .namer import LinkNamer, choose_namer, pass_down, put_back, take_back, taken
from .private import CHUNKS, DATA, DONE, NEW, OLD, PLACE, REJECTED, PrivateFolder, look
from .record import Done
from .rejection import Rejection
from .tree import Tree

__all__ = ["Place", "Places", "Placing"]


class Place(Enum):
    """What is in the place of a finished file."""

    SAME = auto()
    """The file, untouched."""
    SIMILAR = auto()
    """A file of its size and time, whose number or state is another: perhaps with its content."""
    OTHER = auto()
    """Nothing, or something else."""


@frozen
class Placing:
    """
    How finished files get their places.

    :ivar mode: their permissions; as umask has it by default.
    :ivar existing: what becomes of one whose place is taken: ``suffix`` for another
        name, ``replace`` to take the place, ``refuse`` to refuse the file.
    """

    mode: int | None = None
    existing: str = "suffix"


class Places:
    """
    Where finished files lie, under their own names.

    :param disk: what does the work.
    :param root: the folder.
    :param private: the private folder in it.
    :param check: raises if the folders are not where they were found.
    :param placing: how files get their places.
    :raises OSError: if nothing can be written there.
    :ivar tree: the folders.
    :ivar naming: held while files get their names: two that want the same one come one after the
        other.
    :ivar has_links: whether a file can have two names.
    """

    def __init__(
        self,
        disk: Disk,
        root: Descriptor,
        private: PrivateFolder,
        check: Callable[[], None],
        placing: Placing,
    ) -> None:
        self._disk = disk
        self.tree = Tree(disk, root, placing.mode)
        self._private = private
        self._check = check
        self._namer = choose_namer(disk, private, placing.existing)
        self.has_links = isinstance(self._namer, LinkNamer)
        self._placing = placing
        self.naming = Lock()

    def check_free(self, path: str) -> None:
        """
        Look whether a new upload may have a place.

        :raises Refused: with 409 if there is something, and that is to be refused.
        """
        if self._placing.existing == "refuse" and self._look(path) is not None:
            raise taken()

    def place(self, files: UploadFiles, may_change: bool) -> str:
        """
        Give a full upload its name below the root; again if need be.

        :param may_change: whether the file may be changed from then on, before its end is written
            down.
        :returns: its path.
        :raises FilesRemoved: if there are no such files any more.
        :raises Refused: with 503 if the file had its name before, and was changed there, and 409
            if its name is taken and must not be.
        """
        self._check()
        files.check()
        files.check_unchanged()
        if not files.has_durable_time:
            files.data.sync()
        files.note_time(may_change)
        self.set_mode(files.data)
        moved = self._moved(files)
        if moved is not None:
            return moved
        *folders, wanted = files.record.path.split("/")
        with self.tree.made(folders) as (folder, above):
            with self.naming:
                name = self._namer.name(files, folder, above, wanted)
            try:
                self._disk.sync(folder)
            except BaseException:
                # The next try must write it anew: see UploadFiles.take_back().
                with suppress(OSError):
                    take_back(self._disk, self._private, files.key, name, folder)
                raise
        return above + name

    def set_mode(self, data: Descriptor) -> None:
        """Give a file the permissions that finished files have."""
        if self._placing.mode is not None:
            data.set_mode(self._placing.mode)

    def is_named(self, done: Done) -> bool:
        """Whether a file has its name, which is durable then."""
        with suppress(FileNotFoundError, NotADirectoryError), self.tree.entered(done.name) as found:
            folder, name = found
            status = look(self._disk, name, folder)
            if status is not None and status.st_ino == done.inode:
                self._disk.sync(folder)
                return True
        return False

    def open_moved(self, key: str) -> Descriptor | None:
        """The file of an upload that was moved to its place, before its end was written down."""
        noted = self._private.noted_place(key)
        if noted is None:
            return None
        path, mtime = noted
        file = self.open_finished(path, writable=True)
        if file is not None and file.status().st_mtime_ns != mtime:
            file.close()
            return None
        return file

    def _moved(self, files: UploadFiles) -> str | None:
        """Where a file was moved to before, if it was."""
        noted = self._private.noted_place(files.key)
        if noted is None:
            return None
        path, _ = noted
        with suppress(FileNotFoundError, NotADirectoryError), self.tree.entered(path) as found:
            folder, name = found
            status = look(self._disk, name, folder)
            if status is not None and status.st_ino == files.data.status().st_ino:
                self._disk.sync(folder)
                return path
        return None

    def settle(self, files: UploadFiles, name: str, sha256: str) -> Done:
        """
        Write down that an upload is finished, and drop what it needed until then.

        :param name: the finished file's name.
        :param sha256: of the whole content that was received.
        :returns: its end.
        :raises FilesRemoved: if there are no such files any more.
        """
        key = files.key
        if self._private.noted_place(key) is None:
            files.check()
        # Else it was moved to its place, and on_complete may have removed it from there.
        files.note_end()
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
            self._private.remove(key, CHUNKS, DATA, PLACE, OLD)
            done.ctime = files.data.status().st_ctime_ns
            _write_identity(file, done, len(written))
            return done
        finally:
            file.close()

    def reject(self, files: UploadFiles, name: str, rejection: Rejection) -> None:
        """
        Write down that an upload is rejected, take its file from its place, where what it replaced
        is put back, and set it aside.

        :param name: the path of the file, if it is still there.
        """
        key, inode = files.key, files.data.status().st_ino
        try:
            with self.naming, self.tree.entered(name) as (folder, last):
                found = look(self._disk, last, folder)
                if found is None:
                    put_back(self._disk, self._private, key, last, folder)
                elif found.st_ino == inode:
                    take_back(self._disk, self._private, key, last, folder)
                else:
                    pass_down(self._disk, self._private, key, inode)
                self._disk.sync(folder)
        except (FileNotFoundError, NotADirectoryError):
            pass
        written = rejection.encode()
        self._private.remove(key, NEW)
        self._private.has_rejections = True
        self._private.write_new(key, written, len(written), REJECTED).close()
        self._private.set_aside(key, CHUNKS, DATA)
        self._private.remove(key, PLACE, OLD)

    def adopt(self, key: str, done: Done, found: os.stat_result) -> Done | None:
        """
        Take what is in the place of a finished file for it, now that its content was compared.

        :param found: what it was while that was done.
        :returns: the end as it is now; nothing if it is another file meanwhile.
        """
        now = self._look(done.name)
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
        found = self._look(done.name)
        if found is None or not stat.S_ISREG(found.st_mode):
            return Place.OTHER
        if (found.st_size, found.st_mtime_ns) != (done.size, done.mtime):
            return Place.OTHER
        same = (found.st_ino, found.st_ctime_ns) == (done.inode, done.ctime)
        return Place.SAME if same else Place.SIMILAR

    def open_finished(self, name: str, *, writable: bool = False) -> Descriptor | None:
        """A finished file, or whatever has its name."""
        try:
            with self.tree.entered(name) as (folder, last):
                return Descriptor(self._disk, self._disk.open(last, folder, writable=writable))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _look(self, path: str) -> os.stat_result | None:
        try:
            with self.tree.entered(path) as (folder, name):
                return look(self._disk, name, folder)
        except (FileNotFoundError, NotADirectoryError):
            return None


def _write_identity(file: Descriptor, done: Done, size: int) -> None:
    identity = done.encode_identity()
    file.write(identity, size - len(identity))


def _identity(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
