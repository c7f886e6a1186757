"""What is durable, and what a power cut takes back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from typing import Any

from attrs import define, field

__all__ = ["Change", "Platter", "files_in", "names_in"]

Change = tuple[str, int, bytes]


def changed(content: bytearray, change: Change) -> None:
    """Apply a write, or a new length, to a content."""
    what, number, data = change
    if what == "resize":
        del content[number:]
        content.extend(bytes(number - len(content)))
    else:
        content.extend(bytes(max(0, number + len(data) - len(content))))
        content[number : number + len(data)] = data


def names_in(folder: str) -> list[str]:
    """The names of files in a folder, in order; none if it is gone."""
    try:
        return sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    except FileNotFoundError:
        return []


def files_in(root: str) -> list[str]:
    """The paths of the files below a root, from there, in order; the private folder is none."""
    found = []
    for folder, folders, _ in os.walk(root):
        if folder == root and ".resumable" in folders:
            folders.remove(".resumable")
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names_in(folder)]
    return sorted(found)


@define
class Pages:
    """
    A file whose content is not all durable.

    :ivar durable: what a power cut leaves in any case.
    :ivar dirty: what may or may not be there after it.
    """

    durable: bytearray
    dirty: list[Change] = field(factory=list)

    def after(self, changes: list[Change]) -> bytes:
        content = bytearray(self.durable)
        for change in changes:
            changed(content, change)
        return bytes(content)


class Platter:
    """
    The folder as it outlives processes and power cuts.

    Files: any of the changes since their last sync may be lost.  Names: of the changes since their
    folder's last sync any number may be lost, the latest first.

    :param root: the receiver's folder.
    :param attic: an empty folder on the same file system, for what may have to come back.
    :ivar seconds: the wall clock, for the times of files.
    """

    def __init__(self, root: str, attic: str, seconds: Callable[[], float]) -> None:
        self.root = root
        self.private = os.path.join(root, ".resumable")
        self.seconds = seconds
        self._attic = attic
        self._kept = 0
        self._pages: dict[int, Pages] = {}
        self._filled: dict[int, int] = {}
        self._journal: dict[int, list[Callable[[], Any]]] = {}
        self._failed: set[int] = set()

    # Contents ----------------------------------------------------------------------------------

    def made(self, inode: int) -> None:
        """A file is new."""
        self._pages[inode] = Pages(bytearray())
        self._filled[inode] = 0
        self._failed.discard(inode)

    def change(self, fd: int, inode: int, change: Change) -> None:
        """A file is about to be changed."""
        if inode not in self._pages:
            self._pages[inode] = Pages(bytearray(os.pread(fd, os.fstat(fd).st_size, 0)))
        self._pages[inode].dirty.append(change)
        what, number, data = change
        if what == "write":
            self._filled[inode] = self._filled.get(inode, 0) | ((1 << len(data)) - 1) << number

    def used(self) -> int:
        """How many bytes take room: those that were written, of files that have a name."""
        found = {}
        for folder, names in self._names():
            for name in names:
                if not name.endswith((".chunks", ".done", ".new")):
                    status = os.stat(os.path.join(folder, name))
                    found[status.st_ino] = status.st_size
        filled = self._filled
        return sum(filled[i].bit_count() if i in filled else size for i, size in found.items())

    def written(self, key: str) -> float:
        """When the record of an upload was written to."""
        paths = [os.path.join(self.private, key + ending) for ending in (".chunks", ".done")]
        times = [os.stat(path).st_mtime for path in paths if os.path.exists(path)]
        return max(times, default=float("-inf"))

    def is_full(self, key: str, count: int) -> bool:
        """Whether the record of an upload says that all its chunks are durable."""
        with open(os.path.join(self.private, key + ".chunks"), "rb") as file:
            _, _, chunks = file.read().partition(b"\n")
        return chunks[:count] == b"\1" * count

    def finished(self) -> Iterator[tuple[str, bytes]]:
        """The files below the root, by their paths, with what they hold."""
        for name in files_in(self.root):
            with open(os.path.join(self.root, name), "rb") as file:
                yield name, file.read()

    def number_of(self, name: str) -> int:
        """The number of a finished file."""
        return os.stat(os.path.join(self.root, name)).st_ino

    def stamp(self, fd: int) -> None:
        """A file was changed: by the wall clock of the model."""
        now = int(self.seconds() * 1e9)
        os.utime(fd, ns=(now, now))

    def synced(self, inode: int) -> None:
        """A file is durable."""
        pages = self._pages.get(inode)
        if pages is not None:
            pages.durable = bytearray(pages.after(pages.dirty))
            pages.dirty.clear()

    def sync_failed(self, fd: int, inode: int, *, at_once: bool) -> None:
        """What was to become durable never will: it is gone now, or after the next power cut."""
        pages = self._pages.get(inode)
        if pages is None:
            return
        pages.dirty.clear()
        if at_once:
            found = os.fstat(fd)
            os.pwrite(fd, bytes(pages.durable[: found.st_size]).ljust(found.st_size, b"\0"), 0)
            os.utime(fd, ns=(found.st_atime_ns, found.st_mtime_ns))

    def all_synced(self) -> None:
        """All is durable."""
        for inode in self._pages:
            self.synced(inode)
        self._journal.clear()

    def all_failed(self, random: Random) -> None:
        """Of what was to become durable some never will, which each file's next sync reports."""
        for inode, pages in self._pages.items():
            if pages.dirty and random.random() < 0.5:
                pages.dirty.clear()
                self._failed.add(inode)

    def failed_before(self, inode: int) -> bool:
        """Whether something of a file was lost; said once."""
        is_lost = inode in self._failed
        self._failed.discard(inode)
        return is_lost

    # Names -------------------------------------------------------------------------------------

    def renamed(self, folder: int, undo: Callable[[], Any]) -> None:
        """The names in a folder changed."""
        self._journal.setdefault(folder, []).append(undo)

    def folder_synced(self, folder: int) -> None:
        """The changes of a folder are durable."""
        self._journal.pop(folder, None)

    def keep(self, name: str, folder: int) -> str | None:
        """Keep what has a name, so that it can come back; where it is kept."""
        self._kept += 1
        path = os.path.join(self._attic, str(self._kept))
        try:
            os.link(name, path, src_dir_fd=folder, follow_symlinks=False)
        except (FileNotFoundError, PermissionError):
            return None
        return path

    def _names(self) -> Iterator[tuple[str, list[str]]]:
        """The names of all files, from the folder that they are given for."""
        yield self.root, files_in(self.root)
        yield self.private, names_in(self.private)

    # The power cut -----------------------------------------------------------------------------

    def cut(self, random: Random) -> set[int]:
        """
        The power is cut.

        :returns: the numbers of the files whose names or content it changed.
        """
        before = self._seen()
        for changes in self._journal.values():
            for undo in reversed(changes[random.randint(0, len(changes)) :]):
                with suppress(FileNotFoundError, FileExistsError):
                    undo()
        self._journal.clear()
        touched = {inode for inode, names in self._seen().items() if before.get(inode) != names}
        for inode, paths in self._seen().items():
            pages = self._pages.get(inode)
            if pages is not None:
                lost = [change for change in pages.dirty if random.random() < 0.5]
                self._rewrite(paths[0], pages.after([c for c in pages.dirty if c not in lost]))
        self._pages.clear()
        self._failed.clear()
        return touched

    def forget(self) -> None:
        """The folder is gone: a power cut brings nothing of it back."""
        self._journal.clear()
        self._pages.clear()
        self._failed.clear()

    def _rewrite(self, path: str, content: bytes) -> None:
        with open(path, "r+b") as file:
            if file.read() != content:
                file.seek(0)
                file.truncate()
                file.write(content)
                file.flush()
                self.stamp(file.fileno())

    def _seen(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for folder, names in self._names():
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    found.setdefault(os.stat(path).st_ino, []).append(path)
        return found
