"""
The files in a directory, for ``add_directory()``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NoReturn

from attrs import evolve, frozen
from twisted.internet.defer import CancelledError

from .given import FileArguments
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

    @property
    def arguments(self) -> FileArguments:
        """What ``add_file()`` takes for it; a folder that could not be read fails as such."""
        # Any: an Unreadable is for the engine alone.
        source: Any = Unreadable(self.path, self.error) if self.error else self.path
        return {
            "source": source,
            "file_name": self.relative_path.rpartition("/")[2] or self.path,
            "relative_path": self.relative_path,
        }


def walk(directory: str, is_wanted: Callable[[], bool] = lambda: True) -> list[Found]:
    """
    All that is below a folder, in the order of names.  Blocks.

    :param directory: the folder.
    :param is_wanted: whether anybody still waits for it; asked for each folder.
    :returns: every entry that is not a folder nor a symbolic link, and every folder that could
        not be read, with its error.  Symbolic links are not followed.
    :raises CancelledError: if nobody waits for it any more.
    """
    top = os.path.basename(os.path.abspath(directory))
    found: list[Found] = []
    left = [(True, Found(directory, top))]  # folders may be deeper than Python's stack
    while left:
        is_folder, each = left.pop()
        if not is_folder:
            found.append(each)
            continue
        if not is_wanted():
            raise CancelledError()
        try:
            left += reversed(_inside(each))
        except OSError as error:
            found.append(evolve(each, error=error))
    return found


def _inside(folder: Found) -> list[tuple[bool, Found]]:
    """What is in a folder, each with whether it is one itself."""
    with os.scandir(folder.path) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    before = f"{folder.relative_path}/" if folder.relative_path else ""
    return [
        (entry.is_dir(follow_symlinks=False), Found(entry.path, before + entry.name))
        for entry in listed
        if not entry.is_symlink()
    ]


class Unreadable(PathSource):
    """
    A directory that could not be read: opening it raises the error.

    :param path: the folder.
    :param error: what opening it as a file is going to raise.
    """

    __slots__ = ("_error",)

    def __init__(self, path: str, error: OSError) -> None:
        super().__init__(path)
        self._error = error

    def _open(self) -> NoReturn:
        raise self._error
