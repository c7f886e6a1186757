"""
What happens to a file once it is sent or has failed: deleted, moved, put aside, put back.

Each of these touches one version of a path and no other: what another program has put in its place
is left alone.  Each can be repeated, after a crash at any point, with the same result.  They block.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

from .._runtime.printable import printable
from .._runtime.rename import rename_new
from .entry import TAKEN, Version

__all__ = ["Effects"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ERROR = b".error.json"
_LONGEST = 255
"""Bytes of a name."""


class Effects:
    """
    Effects on files below one folder.

    Folders are opened step by step without following symbolic links, and files are looked at, and
    renamed, by a descriptor of their folder.  A file is taken away under another name first, and
    looked at once more there: if somebody has replaced it in between, it is given back.
    """

    def __init__(self, root: bytes, trash: bytes) -> None:
        """
        :param root: the folder; this path may lead over links.
        :param trash: a folder that files are deleted in.
        """
        self._root = root
        self._trash = trash
        self._touched: dict[bytes, None] = {}

    def sync(self) -> None:
        """
        Make what was done durable.

        :raises OSError: if that fails.
        """
        touched, self._touched = self._touched, {}
        for path in touched:
            try:
                folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def delete(self, path: bytes, version: Version, key: str) -> bool:
        """
        Delete a file.

        :param path: its path below the folder.
        :param key: what it is called in between, the same for each repetition.
        :returns: whether it is gone; false if the path is another version by now.
        :raises OSError: if it cannot be deleted.
        """
        name, held = os.path.basename(path), key.encode()
        with _opened(self._trash) as trash:
            if _is(trash, held, version):  # a crash came in between
                os.unlink(held, dir_fd=trash)
            try:
                with self._inside(self._root, path) as folder:
                    aside = TAKEN + held
                    if _is(folder, aside, version):
                        os.unlink(aside, dir_fd=folder)
                    for place, left in (trash, held), (folder, aside):
                        if _exists(place, left):
                            _give_back(place, left, folder, name)
                    if not _is(folder, name, version):
                        return not _exists(folder, name)
                    place, taken = trash, held
                    try:
                        is_taken = self._take(folder, name, version, trash, held)
                    except OSError as error:
                        if error.errno != errno.EXDEV:
                            raise
                        place, taken = folder, aside
                        is_taken = self._take(folder, name, version, folder, aside)
                    if is_taken:
                        os.unlink(taken, dir_fd=place)
                    return is_taken
            except FileNotFoundError:  # its folder is gone as well
                return True

    def delete_marker(self, path: bytes, ending: bytes, key: str) -> None:
        """
        Delete the marker of a file that is not there any more; what somebody has put in the place
        of either meanwhile is left alone.

        :param path: of the file, below the folder.
        :param ending: what its marker's name ends with.
        :param key: as for :meth:`delete`.
        :raises OSError: if it cannot be deleted.
        """
        name = os.path.basename(path)
        if len(name + ending) > _LONGEST:
            return
        try:
            with self._inside(self._root, path) as folder:
                marker = _status(folder, name + ending)
                if marker is None or not stat.S_ISREG(marker.st_mode) or _exists(folder, name):
                    return
        except FileNotFoundError:
            return
        self.delete(path + ending, Version.of(marker), f"{key}-marker")

    def move(self, path: bytes, version: Version, target: bytes) -> bytes | None:
        """
        Move a file, with the folders on its way, to a free name: its own, or that with a number.

        :param path: its path below the folder.
        :param target: the folder to move it to, on the same file system; made if need be.
        :returns: where it lies; :data:`None` if the path is another version by now, or gone.
        :raises OSError: if it cannot be moved; ``EXDEV`` for another file system.
        """
        return self._move(path, version, target, False)

    def put_aside(
        self, path: bytes, version: Version, target: bytes, key: str, facts: Mapping[str, Any]
    ) -> bytes | None:
        """
        Move a file that has failed, and write down why: ``NAME.error.json`` beside it.

        :param path: its path below the folder.
        :param target: the folder to move it to, on the same file system; made if need be.
        :param key: tells these facts from those of another file.
        :param facts: what to write; ``path`` becomes where the file lies then.
        :returns: as :meth:`move`.  If there is nothing to move, nothing is written.
        :raises OSError: likewise, and if the facts cannot be written.
        """
        location = self._move(path, version, target, True)
        if location is not None:
            with self._inside(os.path.dirname(location), b"x") as folder:
                where = printable(os.fsdecode(location))
                content = json.dumps({**facts, "path": where, "id": key}, indent=2)
                name = _beside(os.path.basename(location))
                _write(folder, name, content.encode() + b"\n", key)
        return location

    def put_back(self, path: bytes, version: Version, location: bytes) -> bool:
        """
        Move a file back to where it came from, and remove what was written down about it.

        :param path: its path below the folder.
        :param location: where it lies.
        :returns: whether it is there again; false if the path is taken by another file, or the
            file is not where it was put.
        :raises OSError: if it cannot be moved.
        """
        name, held = os.path.basename(path), os.path.basename(location)
        with self._inside(self._root, path, make=True) as folder:
            if _is(folder, name, version):
                return True
            try:
                with self._inside(os.path.dirname(location), b"x") as aside:
                    if not _is(aside, held, version):
                        return False
                    rename_new(held, aside, name, folder)
                    with suppress(FileNotFoundError):
                        os.unlink(_beside(held), dir_fd=aside)
            except (FileExistsError, FileNotFoundError):
                return False
        return True

    # Folders -----------------------------------------------------------------------------------

    @contextmanager
    def _inside(self, root: bytes, path: bytes, *, make: bool = False) -> Iterator[int]:
        """A descriptor of the folder of a path; what happens in it is to be synced."""
        steps = [step for step in os.path.dirname(path).split(b"/") if step]
        if make:
            _make(root)
        at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for index, step in enumerate(steps):
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(step, dir_fd=at)
                        self._touched[os.path.join(root, *steps[:index])] = None
                below = os.open(step, _FOLDER, dir_fd=at)
                os.close(at)
                at = below
            self._touched[os.path.join(root, *steps)] = None
            yield at
        finally:
            os.close(at)

    def _move(self, path: bytes, version: Version, target: bytes, is_aside: bool) -> bytes | None:
        name = os.path.basename(path)
        with self._inside(target, path, make=True) as there:
            where = os.path.join(target, os.path.dirname(path))
            for new_name in _names(name):
                if _is(there, new_name, version):  # a crash came in between
                    return os.path.join(where, new_name)
                if _exists(there, new_name) or (is_aside and _exists(there, _beside(new_name))):
                    continue
                try:
                    with self._inside(self._root, path) as folder:
                        if not _is(folder, name, version):
                            return None
                        if self._take(folder, name, version, there, new_name):
                            return os.path.join(where, new_name)
                        return None
                except FileExistsError:  # another program has just taken that name
                    continue
                except FileNotFoundError:
                    return None
        return None

    def _take(self, folder: int, name: bytes, version: Version, there: int, held: bytes) -> bool:
        """Rename a file; if it turns out to be another version, give it back."""
        try:
            rename_new(name, folder, held, there)
        except FileNotFoundError:
            return False
        if _is(there, held, version):
            return True
        _give_back(there, held, folder, name)
        return False


def _give_back(there: int, held: bytes, folder: int, name: bytes) -> None:
    for back in _names(name):  # its own, unless somebody has been that quick twice
        with suppress(FileExistsError):
            rename_new(held, there, back, folder)
            return


def _names(name: bytes) -> Iterator[bytes]:
    """A name, and then others that begin and end in the same way."""
    yield name
    stem, extension = os.path.splitext(name)
    for number in count(1):
        ending = b".%d%b" % (number, extension)
        yield stem[: _LONGEST - len(ending)] + ending


def _beside(name: bytes) -> bytes:
    """Where it is written down why a file has failed."""
    return name[: _LONGEST - len(_ERROR)] + _ERROR


def _status(folder: int, name: bytes) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _exists(folder: int, name: bytes) -> bool:
    return _status(folder, name) is not None


def _is(folder: int, name: bytes, version: Version) -> bool:
    now = _status(folder, name)
    return now is not None and stat.S_ISREG(now.st_mode) and Version.of(now) == version


@contextmanager
def _opened(path: bytes) -> Iterator[int]:
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)
    folder = os.open(path, _FOLDER)
    try:
        yield folder
    finally:
        os.close(folder)


def _make(path: bytes) -> None:
    if not os.path.isdir(path):
        os.makedirs(path, exist_ok=True)


def _write(folder: int, name: bytes, content: bytes, key: str) -> None:
    """Write a file whole or not at all, and never over another one's."""
    draft = b".%b.part" % key.encode()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(draft, flags, 0o600, dir_fd=folder), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    for free in _names(name):
        try:
            rename_new(draft, folder, free, folder)
            return
        except FileExistsError:
            if _is_about(folder, free, key):
                os.replace(draft, free, src_dir_fd=folder, dst_dir_fd=folder)
                return


def _is_about(folder: int, name: bytes, key: str) -> bool:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as file:
        try:
            found = json.loads(file.read(1 << 20))
        except (OSError, ValueError):
            return False
    return isinstance(found, dict) and found.get("id") == key
