"""
Small files that arrived whole: many at once, blocking, for use in a thread.

A file that is sent in one request needs no record of what is missing.  Its bytes and its end are
written, and made durable with those of all others of its group; then each gets its name, and all
names are made durable; then the name that its bytes have in the private folder is removed, and its
end counts.  A crash leaves one of these:

- bytes without an end, or with one that was not written to its end: they are removed;
- bytes in the private folder with their end, and not under their name: nobody was told that they
  are there, so they are removed as well;
- an end, and bytes under both names, or under none in the private folder: the end counts.

Until it counts it is in ``.new``, where nobody else looks for one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from hashlib import sha256
from typing import Union

from attrs import define, frozen

from .descriptor import Descriptor
from .disk import Disk
from .places import Places
from .private import DATA, DONE, NEW, PrivateFolder, look
from .record import Done, Record
from .refused import Refused
from .tree import Tree

__all__ = ["Outcome", "WholeFile", "WholeFiles"]

Outcome = Union[Done, Refused, None]
"""
What came of a file: its end; why it is refused; or nothing, if it has to come the ordinary way,
which knows what to do about whatever is in the way of this one.
"""


@frozen(eq=False)
class WholeFile:
    """
    A file that has arrived.

    :ivar key: its name in the private folder.
    :ivar record: what it is.
    :ivar content: all of it.
    :ivar checksum: the SHA-256 that it must have, as hexadecimal, or nothing.
    """

    key: str
    record: Record
    content: bytes
    checksum: str


@define(eq=False)
class _Begun:
    """A file on its way; what is not there yet is nothing."""

    file: WholeFile
    data: Descriptor
    folder: int = -1
    name: str = ""
    end: Descriptor | None = None
    end_size: int = 0
    done: Done | None = None
    is_named: bool = False
    is_settled: bool = False


class _Folders:
    """The folders that a group of files goes to, each of which is opened once."""

    def __init__(self, tree: Tree, stack: ExitStack) -> None:
        self._tree = tree
        self._stack = stack
        self._made: dict[str, tuple[int, str]] = {}

    def made(self, path: str) -> tuple[int, str, str]:
        """The folder of a file, what stands before the file's name in its path, and that name."""
        above, _, name = path.rpartition("/")
        if above not in self._made:
            making = self._tree.made(above.split("/") if above else (), durable=False)
            self._made[above] = self._stack.enter_context(making)
        return *self._made[above], name


class WholeFiles:
    """
    Puts small files in their places.

    :param disk: what does the work.
    :param private: the private folder.
    :param places: where finished files are.
    :param check: raises if the folders are not where they were found.
    """

    def __init__(
        self, disk: Disk, private: PrivateFolder, places: Places, check: Callable[[], None]
    ) -> None:
        self._disk = disk
        self._private = private
        self._places = places
        self._check = check

    def possible(self) -> bool:
        """Whether the file system can do this."""
        with self._private.descriptor as private:
            return self._places.has_links and self._disk.can_sync_all(private)

    def store(self, files: Sequence[WholeFile], promised: int) -> list[Outcome]:
        """
        Put files in their places; those that have an end afterwards are there, durably.

        :param files: no two of one upload.
        :param promised: how many bytes of what is free are promised to these and to others.
        """
        refused: dict[str, Refused] = {}
        begun: list[_Begun] = []
        with ExitStack() as stack, self._private.descriptor as private:
            try:
                self._check()
                if self._private.free() >= promised:
                    folders = _Folders(self._places.tree, stack)
                    self._store(files, private, folders, begun, refused)
            except (OSError, Refused):
                pass  # which each of them meets again, if it concerns it
            for each in begun:
                if not each.is_settled:
                    self._take_back(each, private)
        settled = {each.file.key: each.done for each in begun if each.is_settled}
        return [settled.get(file.key) or refused.get(file.key) for file in files]

    def recover(self, key: str) -> bool:
        """
        At the start, or as soon as it can be read: let the end of a file count if the file had its
        name.

        :returns: whether it had; otherwise nobody was told that it is there.
        """
        done = self._read(key)
        if done is None:
            return False
        is_named = self._places.is_named(done)
        with self._private.descriptor as private:
            if not is_named and look(self._disk, key + DATA, private) is not None:
                return False
            self._disk.remove(key + DATA, private)
            self._disk.replace(key + NEW, key + DONE, private)
        return True

    def _read(self, key: str) -> Done | None:
        file = self._private.open(key + NEW)
        if file is None:
            return None
        try:
            return Done.decode(file.read_all())
        except ValueError:
            return None
        finally:
            file.close()

    def _store(
        self,
        files: Sequence[WholeFile],
        private: int,
        folders: _Folders,
        begun: list[_Begun],
        refused: dict[str, Refused],
    ) -> None:
        for file in files:
            digest = sha256(file.content).hexdigest()
            if file.checksum not in ("", digest):
                refused[file.key] = Refused(422, "the chunk arrived with another digest")
                continue
            # What is wrong with one is no reason to have the others come the ordinary way.
            with suppress(OSError, Refused):
                if not self._private.has_end(file.key):
                    self._begin(file, digest, folders, begun)
        ended = [each for each in begun if each.end_size]
        if ended:
            self._disk.sync_all(private)
            with self._places.naming:
                named = [each for each in ended if self._name(each, private)]
            if named:
                self._disk.sync_all(private)
            for each in named:
                with suppress(OSError):
                    self._settle(each, private)

    def _begin(self, file: WholeFile, digest: str, folders: _Folders, begun: list[_Begun]) -> None:
        """Write a file and its end."""
        key, record = file.key, file.record
        try:
            data = self._private.create(key + DATA, 0o666)
        except FileExistsError:
            return
        each = _Begun(file, data)
        begun.append(each)
        data.write(file.content, 0)
        self._places.set_mode(data)
        each.folder, above, each.name = folders.made(record.path)
        found = data.status()
        each.done = Done(
            record=record,
            name=above + each.name,
            sha256=digest,
            size=found.st_size,
            mtime=found.st_mtime_ns,
            inode=found.st_ino,
        )
        written = each.done.encode()
        try:
            each.end = self._private.create(key + NEW)
        except FileExistsError:
            return
        each.end.write(written, 0)
        each.end_size = len(written)

    def _name(self, each: _Begun, private: int) -> bool:
        """Give a file its name; whether it could be given."""
        try:
            self._disk.link(each.file.key + DATA, private, each.name, each.folder)
        except OSError:
            return False
        each.is_named = True
        return True

    def _settle(self, each: _Begun, private: int) -> None:
        """Let the end of a file count, whose name is durable."""
        key, done, end = each.file.key, each.done, each.end
        assert done is not None and end is not None
        self._disk.remove(key + DATA, private)
        self._disk.replace(key + NEW, key + DONE, private)
        each.is_settled = True
        with suppress(OSError):
            # Without it the file is compared by its digest when somebody asks for it.
            done.ctime = each.data.status().st_ctime_ns
            identity = done.encode_identity()
            end.write(identity, each.end_size - len(identity))

    def _take_back(self, each: _Begun, private: int) -> None:
        """Leave nothing of a file; where that fails, leave what the next start gets right."""
        key = each.file.key
        with suppress(OSError):
            # The name first, and the end before the bytes: without a name an end does not count as
            # long as there are bytes beside it, and then all is removed at the next start.
            if each.is_named and each.done is not None:
                found = look(self._disk, each.name, each.folder)
                if found is not None and found.st_ino == each.done.inode:
                    self._disk.remove(each.name, each.folder)
            if each.end is not None:
                self._disk.remove(key + NEW, private)
            self._disk.remove(key + DATA, private)
