"""
The files in a directory, for ``add_directory()``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NoReturn

from attrs import evolve, frozen
from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from .._runtime.printable import printable
from .given import FileArguments
from .source import PathSource

__all__ = ["Found", "Listing", "Unreadable", "walk"]


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


@frozen
class Listing:
    """
    What is below a folder.

    :ivar found: the files, and the folders that could not be read, in the order of names.
    :ivar links_left_out: how many symbolic links were left out.
    """

    found: list[Found]
    links_left_out: int

    def warn(self, log: Logger, path: str, follow: bool) -> None:
        """
        Warn of links that were left out, if any were.

        :param log: where.
        :param path: the folder.
        :param follow: whether links were followed.
        """
        count = self.links_left_out
        if not count:
            return
        what = "1 symbolic link was" if count == 1 else f"{count} symbolic links were"
        if follow:
            why = "; what it points to is missing, outside of the folder, or a folder that it is in"
        else:
            why = '; links="follow" (--links follow) includes those that stay in the folder'
        log.warn("{what} left out below {path}{why}", what=what, path=printable(path), why=why)


@frozen
class _Folder:
    """
    A folder that is going to be listed.

    :ivar found: what it is called.
    :ivar real: where it is, without symbolic links.
    :ivar above: where the links are that have led here, without symbolic links.
    """

    found: Found
    real: str
    above: tuple[str, ...] = ()


def walk(
    directory: str, is_wanted: Callable[[], bool] = lambda: True, *, follow: bool = False
) -> Listing:
    """
    All that is below a folder, in the order of names.  Blocks.

    :param directory: the folder.
    :param is_wanted: whether anybody still waits for it; asked for each folder.
    :param follow: whether to follow symbolic links that lead to something below the folder, except
        to a folder that they are in.
    :returns: every entry that is not a folder nor a symbolic link, and every folder that could
        not be read, with its error.  What is behind a link has the path that it leads to.
    :raises CancelledError: if nobody waits for it any more.
    """
    name = os.path.basename(os.path.abspath(directory))
    top = os.path.realpath(directory)
    found: list[Found] = []
    links_left_out = 0
    left: list[Found | _Folder] = [_Folder(Found(directory, name), top)]
    while left:  # folders may be deeper than Python's stack
        each = left.pop()
        if isinstance(each, Found):
            found.append(each)
            continue
        if not is_wanted():
            raise CancelledError()
        try:
            inside, links = _inside(each, top if follow else None)
        except OSError as error:
            found.append(evolve(each.found, error=error))
            continue
        left += reversed(inside)
        links_left_out += links
    return Listing(found, links_left_out)


def _inside(folder: _Folder, top: str | None) -> tuple[list[Found | _Folder], int]:
    """
    What is in a folder.

    :param top: below which links are followed; :data:`None` to follow none.
    :returns: files and folders, and the number of links that were left out.
    """
    with os.scandir(folder.found.path) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    before = f"{folder.found.relative_path}/" if folder.found.relative_path else ""
    inside: list[Found | _Folder] = []
    links = 0
    for entry in listed:
        found = Found(entry.path, before + entry.name)
        if entry.is_symlink():
            behind = None if top is None else _behind(folder, found, top)
            if behind is None:
                links += 1
            else:
                inside.append(behind)
        elif entry.is_dir(follow_symlinks=False):
            inside.append(_Folder(found, os.path.join(folder.real, entry.name), folder.above))
        else:
            inside.append(found)
    return inside, links


def _behind(folder: _Folder, link: Found, top: str) -> Found | _Folder | None:
    """What a link in a folder leads to, if that is to be followed."""
    real = os.path.realpath(link.path)
    if not (_is_in(real, top) and os.path.exists(real)):
        return None
    # It is opened where it was found to be, wherever the link leads by then.
    found = Found(real, link.relative_path)
    if not os.path.isdir(real):
        return found
    above = (*folder.above, folder.real)
    if any(_is_in(each, real) for each in above):
        return None
    return _Folder(found, real, above)


def _is_in(path: str, folder: str) -> bool:
    """Whether a path is that of a folder or of something below it; both without links."""
    return path == folder or path.startswith(os.path.join(folder, ""))


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

    def _open(self, seen: int | None = None) -> NoReturn:
        raise self._error
