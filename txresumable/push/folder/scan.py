"""
What lies in a folder: looked at in slices, in a thread, without following symbolic links.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from threading import Lock

from attrs import Factory, define, frozen

from ..entry import TAKEN, Version
from ..patterns import Patterns

__all__ = ["SLICE", "Found", "Scan", "Slice"]

SLICE = 500
"""How many names are looked at in one go."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NONBLOCK
_TAKEN = re.compile(re.escape(TAKEN) + rb"[0-9a-f]{32}\Z")
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""What opening a folder that is none any more fails with: it was removed, or replaced."""


@frozen
class Found:
    """
    A file in the folder.

    :ivar path: relative to the folder.
    :ivar version: which version of it lies there.
    :ivar is_marked: whether its marker says that it is complete.
    """

    path: bytes
    version: Version
    is_marked: bool = False


@define
class Slice:
    """
    A part of what a scan found.

    :ivar found: files that are to be uploaded.
    :ivar unread: folders that could not be read, with the error.  What is below them may still be
        there.
    :ivar is_last: whether nothing is left.
    """

    found: list[Found] = Factory(list)
    unread: list[tuple[bytes, OSError]] = Factory(list)
    is_last: bool = False


class Scan:
    """
    Looks at a folder and what is below it, or at some names in it.

    Its methods block, and are called one at a time, by whatever thread.  It has three descriptors
    open, however deep and however large the folder is, and stays on its file system.

    :ivar device: which file system the folder is on, from the first step on.
    :ivar names: how many names it has seen.
    """

    def __init__(
        self,
        root: str,
        patterns: Patterns,
        *,
        marker: str = "",
        paths: Iterable[bytes] | None = None,
        entering: Callable[[bytes], object] = lambda _: None,
    ) -> None:
        """
        :param root: the folder.
        :param patterns: which files are to be uploaded.
        :param marker: what the name of a file's marker ends with; empty, if there are none.
        :param paths: which names to look at, relative to the folder: files, and folders with all
            that is below them.  Everything by default.
        :param entering: called with each folder, in the thread, before it is listed.
        """
        self.device = 0
        self.names = 0
        self._root_path = root
        self._patterns = patterns
        self._entering = entering
        self._marker = os.fsencode(marker)
        self._root: int | None = None
        self._folders = [b""] if paths is None else []
        self._paths = deque(sorted(set(map(self._marked_by, paths or ()))))
        self._now: _Folder | None = None
        self._is_closed = False
        self._lock = Lock()

    def step(self, limit: int = SLICE) -> Slice:
        """
        Look at some more of it.

        :param limit: how many names to look at.
        :returns: what was found.
        :raises OSError: if the folder itself cannot be read.
        """
        with self._lock:
            made = self._step(limit)
        if self._is_closed:
            self.close()
        return made

    def is_there(self) -> bool:
        """Whether the path of the folder still leads to the one that was scanned."""
        try:
            status = os.stat(self._root_path)
        except OSError:
            return False
        return os.path.samestat(status, self._status)

    def close(self) -> None:
        """
        Let go of its descriptors; if a step is under way in a thread, which may hang, then as soon
        as that ends.
        """
        self._is_closed = True
        if self._lock.acquire(blocking=False):
            try:
                self._leave()
                root, self._root = self._root, None
                if root is not None:
                    os.close(root)
            finally:
                self._lock.release()

    # Folders -----------------------------------------------------------------------------------

    def _step(self, limit: int) -> Slice:
        made = Slice()
        if self._root is None:
            self._root = os.open(self._root_path, _FOLDER)
            self._status = os.fstat(self._root)
            self.device = self._status.st_dev
        for _ in range(limit):  # thousands of empty folders are work as well
            if self._now is None:
                if self._paths:
                    self._go_to(made)
                elif self._folders:
                    self._list(self._folders.pop(), made)
                else:
                    break
            elif (entry := self._next(self._now, made)) is None:
                self._leave()
            else:
                self.names += 1
                self._look(self._now, entry, made)
        made.is_last = self._now is None and not self._folders and not self._paths
        return made

    def _list(self, path: bytes, made: Slice) -> None:
        """Begin to list a folder."""
        folder = self._enter(path, made)
        if folder is not None:
            self._now = folder
            self._entering(path)
            try:
                listing = os.scandir(folder.fd)
            except OSError as error:
                self._leave()
                _missed(path, error, made)
            else:
                folder.entries, folder.close_listing = listing, listing.close

    def _go_to(self, made: Slice) -> None:
        """Begin to look at the first of some names, and at those that follow in its folder."""
        paths = self._paths
        within = paths[0].rpartition(b"/")[0]
        folder = self._enter(within, made)
        names = []
        while paths and paths[0].rpartition(b"/")[0] == within:
            names.append(paths.popleft().rpartition(b"/")[2])
        if folder is not None:
            folder.entries = iter(names)
            self._now = folder

    def _enter(self, path: bytes, made: Slice) -> _Folder | None:
        """Open a folder, from name to name: none of them may be a link."""
        assert self._root is not None
        fd = os.dup(self._root)
        try:
            for name in path.split(b"/") if path else ():
                above, fd = fd, os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=fd)
                os.close(above)
            if os.fstat(fd).st_dev != self.device:
                raise OSError(errno.EXDEV, "It is another file system")
        except OSError as error:
            os.close(fd)
            _missed(path, error, made)
            return None
        return _Folder(path, fd, iter(()))

    def _leave(self) -> None:
        """Close the folder that is listed."""
        folder, self._now = self._now, None
        if folder is not None:
            folder.close_listing()
            os.close(folder.fd)

    # Names -------------------------------------------------------------------------------------

    def _next(self, folder: _Folder, made: Slice) -> bytes | os.DirEntry[str] | None:
        """The next name in a folder, or nothing if that was all."""
        try:
            return next(folder.entries, None)
        except OSError as error:
            _missed(folder.path, error, made)
            return None

    def _look(self, folder: _Folder, entry: bytes | os.DirEntry[str], made: Slice) -> None:
        name = entry if isinstance(entry, bytes) else os.fsencode(entry.name)
        path = b"%s/%s" % (folder.path, name) if folder.path else name
        try:
            if isinstance(entry, bytes):
                is_folder = stat.S_ISDIR(_stat(name, folder.fd).st_mode)
            else:
                is_folder = entry.is_dir(follow_symlinks=False)
            if is_folder:
                if not self._patterns.skips(path):
                    self._folders.append(path)
                return
            if _TAKEN.match(name):
                return
            if (self._marker and name.endswith(self._marker)) or not self._patterns.includes(path):
                return
            known = _stat(name, folder.fd)
            if stat.S_ISREG(known.st_mode):
                version = Version.of(known)
                made.found.append(Found(path, version, self._is_marked(folder, name, known)))
        except OSError as error:
            _missed(path, error, made)

    def _marked_by(self, path: bytes) -> bytes:
        """The file that a marker is of; another path is left as it is."""
        is_marker = self._marker and path.endswith(self._marker)
        return path[: -len(self._marker)] if is_marker else path

    def _is_marked(self, folder: _Folder, name: bytes, known: os.stat_result) -> bool:
        """
        Whether there is a marker of this version: one that is older is that of another, whose
        place this one has taken.
        """
        if not self._marker:
            return False
        try:
            marker = _stat(name + self._marker, folder.fd)
        except OSError:  # such as for a name that is too long with it
            return False
        is_newer = (
            marker.st_mtime_ns >= known.st_mtime_ns or marker.st_ctime_ns >= known.st_ctime_ns
        )
        return stat.S_ISREG(marker.st_mode) and is_newer


@define
class _Folder:
    """
    A folder that is open.

    :ivar path: relative to the one that is scanned.
    :ivar fd: its descriptor.
    :ivar entries: the names in it that are still to be looked at.
    :ivar close_listing: to be called at the end.
    """

    path: bytes
    fd: int
    entries: Iterator[bytes | os.DirEntry[str]]
    close_listing: Callable[[], None] = lambda: None


def _stat(name: bytes, folder: int) -> os.stat_result:
    return os.stat(name, dir_fd=folder, follow_symlinks=False)


def _missed(path: bytes, error: OSError, made: Slice) -> None:
    """
    Something could not be looked at.

    :raises OSError: the error, if it is the folder itself.
    """
    if not path:
        raise error
    if error.errno not in _GONE:
        made.unread.append((path, error))
