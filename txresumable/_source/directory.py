"""
The files of a folder, for ``add_directory()``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NoReturn

from attrs import frozen

from .source import PathSource

__all__ = ["Found", "Unreadable", "walk"]


@frozen
class Found:
    """
    Something below a folder.

    :ivar path: where it is.
    :ivar relative_path: from the folder's own name on, with ``/``.
    :ivar error: why a folder could not be read, or :data:`None`.
    """

    path: str
    relative_path: str
    error: OSError | None = None


def walk(directory: str) -> list[Found]:
    """
    All that is below a folder, in the order of names.  Blocks.

    :param directory: the folder.
    :returns: every entry that is not a folder nor a symbolic link, and every folder that could
        not be read, with its error.  Symbolic links are not followed.
    """
    top = os.path.basename(os.path.abspath(directory))
    return list(_below(directory, top))


def _below(directory: str, relative: str) -> Iterator[Found]:
    try:
        with os.scandir(directory) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield Found(directory, relative, error)
        return
    for entry in listed:
        inner = f"{relative}/{entry.name}" if relative else entry.name
        if entry.is_symlink():
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, inner)
        else:
            yield Found(entry.path, inner)


class Unreadable(PathSource):
    """
    A folder that could not be read, on its way to tell so.

    :param path: the folder.
    :param error: what opening it as a file is going to raise.
    """

    __slots__ = ("_error",)

    def __init__(self, path: str, error: OSError) -> None:
        super().__init__(path)
        self._error = error

    def _open(self) -> NoReturn:
        raise self._error
