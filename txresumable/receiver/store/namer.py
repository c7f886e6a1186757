"""
Giving files their names in one step: blocking, for use in a thread.

A hard link is best: until its end is written down a file has both names, and a crash in between
leaves all as it was.  File systems without hard links (exFAT, and many that are mounted over a
network or run in user space) can only rename a file; where it goes is noted first, so that it is
found after a crash.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from typing import Protocol

from .descriptor import Descriptor
from .disk import Disk
from .files import UploadFiles
from .names import names_for
from .private import DATA, NEW, OLD, PrivateFolder, look
from .refused import FilesRemoved, Refused
from .tree import folder_removed

__all__ = [
    "LinkNamer",
    "MoveNamer",
    "Namer",
    "choose_namer",
    "pass_down",
    "put_back",
    "take_back",
    "taken",
]

_PROBES = ("probe", "probe-2")
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EMLINK)


class Namer(Protocol):
    """A way to give files their names."""

    def name(self, files: UploadFiles, folder: int, above: str, wanted: str) -> str:
        """
        Give a file a name.

        :param folder: where.
        :param above: what stands before the name in the file's path.
        :param wanted: the name that it shall have, if that is free.
        :returns: the name.
        :raises FilesRemoved: if there is no such file any more.
        :raises Refused: with 409 if the name is taken and must not be, 503 if the folder is gone.
        """


class LinkNamer:
    """
    Gives files a second name.

    :param existing: what to do about names that are taken; see
        :class:`~txresumable.receiver.store.places.Placing`.
    """

    def __init__(self, disk: Disk, private: PrivateFolder, existing: str) -> None:
        self._disk = disk
        self._private = private
        self._existing = existing

    def name(self, files: UploadFiles, folder: int, above: str, wanted: str) -> str:
        inode = files.data.status().st_ino
        with self._private.descriptor as private:
            for name in names_for(wanted, files.key):
                try:
                    self._disk.link(files.key + DATA, private, name, folder)
                except FileExistsError:
                    # A crash may have come after this very step.
                    if _inode(self._disk, name, folder) == inode:
                        return name
                    if self._existing == "refuse":
                        raise taken() from None
                    if self._existing == "replace":
                        self._overwrite(files.key, private, name, folder)
                        return name
                    continue
                except FileNotFoundError as error:
                    if _inode(self._disk, name, folder) == inode:
                        return name
                    raise _gone(self._disk, files.key, private) from error
                return name
        raise AssertionError

    def _overwrite(self, key: str, private: int, name: str, folder: int) -> None:
        self._disk.remove(key + OLD, private)
        # What is not ours may not be linked to.
        with suppress(OSError):
            self._disk.link(name, folder, key + OLD, private)
        self._disk.remove(key + NEW, private)
        self._disk.link(key + DATA, private, key + NEW, private)
        try:
            self._disk.overwrite(key + NEW, private, name, folder)
        except OSError as error:
            self._disk.remove(key + NEW, private)
            _check_taken(error)
            raise


class MoveNamer:
    """
    Renames files, and notes before where they go.

    :param existing: as :class:`LinkNamer` has it.
    """

    def __init__(self, disk: Disk, private: PrivateFolder, existing: str) -> None:
        self._disk = disk
        self._private = private
        self._existing = existing

    def name(self, files: UploadFiles, folder: int, above: str, wanted: str) -> str:
        key = files.key
        with self._private.descriptor as private:
            for name in names_for(wanted, key):
                is_taken = look(self._disk, name, folder) is not None
                if is_taken and self._existing == "refuse":
                    raise taken()
                if is_taken and self._existing == "suffix":
                    continue
                self._private.note_place(key, above + name, files.mtime or 0)
                move = self._disk.overwrite if is_taken else self._disk.rename_new
                try:
                    move(key + DATA, private, name, folder)
                except FileExistsError:
                    continue
                except FileNotFoundError as error:
                    raise _gone(self._disk, key, private) from error
                except OSError as error:
                    _check_taken(error)
                    raise
                return name
        raise AssertionError


def choose_namer(disk: Disk, private: PrivateFolder, existing: str) -> Namer:
    """
    The way that works here, found out by trying.

    :raises OSError: if files cannot be made, or cannot be renamed.
    """
    with private.descriptor as folder:
        _remove_probes(disk, folder)
        Descriptor(disk, disk.create(_PROBES[0], folder)).close()
        try:
            return _choose(disk, private, folder, existing)
        finally:
            with suppress(OSError):
                _remove_probes(disk, folder)


def take_back(disk: Disk, private: PrivateFolder, key: str, name: str, folder: int) -> None:
    """
    Take the name from a file again, which is in the private folder after that; what it replaced has
    the name then, if it was kept.
    """
    with private.descriptor as inside:
        if look(disk, key + DATA, inside) is None:
            disk.rename_new(name, folder, key + DATA, inside)
        elif not put_back(disk, private, key, name, folder):
            disk.remove(name, folder)


def put_back(disk: Disk, private: PrivateFolder, key: str, name: str, folder: int) -> bool:
    """Give its name back to what a file has replaced; whether it was kept."""
    with private.descriptor as inside:
        if look(disk, key + OLD, inside) is None:
            return False
        disk.overwrite(key + OLD, inside, name, folder)
        return True


def pass_down(disk: Disk, private: PrivateFolder, key: str, inode: int) -> None:
    """
    Let those who have replaced a file give its name back, if need be, to what that had replaced.

    :param key: of the file.
    :param inode: its number.
    """
    replaced = [name for name in private.names() if name.endswith(OLD)]
    with private.descriptor as inside:
        for name in replaced:
            if _inode(disk, name, inside) == inode:
                disk.remove(name, inside)
                with suppress(FileNotFoundError):
                    disk.link(key + OLD, inside, name, inside)


def taken() -> Refused:
    """The refusal of a file whose name is taken."""
    return Refused(409, "there is a file of this name")


def _choose(disk: Disk, private: PrivateFolder, folder: int, existing: str) -> Namer:
    name, new_name = _PROBES
    try:
        disk.link(name, folder, new_name, folder)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    else:
        return LinkNamer(disk, private, existing)
    disk.rename_new(name, folder, new_name, folder)
    return MoveNamer(disk, private, existing)


def _remove_probes(disk: Disk, folder: int) -> None:
    for name in _PROBES:
        disk.remove(name, folder)


def _inode(disk: Disk, name: str, folder: int) -> int | None:
    found = look(disk, name, folder)
    return None if found is None else found.st_ino


def _gone(disk: Disk, key: str, private: int) -> Refused:
    if look(disk, key + DATA, private) is None:
        return FilesRemoved.by_somebody()
    return folder_removed()


def _check_taken(error: OSError) -> None:
    if error.errno in (errno.EISDIR, errno.ENOTEMPTY):
        raise taken() from error
