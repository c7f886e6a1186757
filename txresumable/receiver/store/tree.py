"""
The folders that finished files lie in: blocking, for use in a thread.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, count

from .descriptor import Descriptor
from .disk import Disk
from .refused import Refused

__all__ = ["Tree", "folder_removed"]


class Tree:
    """
    The root with the folders below it.  No symbolic link is followed.

    :param disk: what does the work.
    :param root: the root.
    :param mode: the permissions of new folders; as umask has it by default.
    """

    def __init__(self, disk: Disk, root: Descriptor, mode: int | None = None) -> None:
        self._disk = disk
        self._root = root
        self._mode = mode

    @contextmanager
    def entered(self, path: str) -> Iterator[tuple[int, str]]:
        """
        Open the folder that a path leads to.

        :param path: of something below the root, from there.
        :returns: a context manager that gives the folder and the last component of the path.
        :raises FileNotFoundError: if there is no such folder.
        """
        *folders, name = path.split("/")
        with self._walked(folders, self._enter) as folder:
            yield folder, name

    @contextmanager
    def made(self, folders: Sequence[str], *, durable: bool = True) -> Iterator[tuple[int, str]]:
        """
        Make folders, and open the last.

        Where the name of one is that of something else it gets another, ``-2`` for instance.

        :param folders: their names, each inside the one before.
        :param durable: whether they are durable then; otherwise the caller sees to that.
        :returns: a context manager that gives the folder, and what stands before the name of a
            file in it to make the file's path.
        :raises Refused: with 503 if somebody removes one of them at the same time.
        """
        made: list[str] = []

        def make(name: str, above: int) -> int:
            for ending in chain(("",), (f"-{number}" for number in count(2))):
                try:
                    found = self._made(name + ending, above, durable)
                except NotADirectoryError:
                    continue
                except FileNotFoundError as error:
                    # Somebody tidies up what is empty.
                    raise folder_removed() from error
                made.append(name + ending + "/")
                return found
            raise AssertionError

        with self._walked(folders, make) as folder:
            yield folder, "".join(made)

    def _made(self, name: str, above: int, durable: bool) -> int:
        if self._disk.make_folder(name, above) and self._mode is not None:
            self._set_mode(name, above)
        if durable:
            # It may be there since a moment before a crash.
            self._disk.sync(above)
        return self._enter(name, above)

    @contextmanager
    def _walked(self, folders: Sequence[str], step: Callable[[str, int], int]) -> Iterator[int]:
        here, last = self._root, None
        try:
            for name in folders:
                with here as above:
                    below = Descriptor(self._disk, step(name, above))
                if last is not None:
                    last.close()
                here = last = below
            with here as folder:
                yield folder
        finally:
            if last is not None:
                last.close()

    def _enter(self, name: str, above: int) -> int:
        try:
            return self._disk.enter_folder(name, above)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise NotADirectoryError(errno.ENOTDIR, "a link", name) from error
            raise

    def _set_mode(self, name: str, above: int) -> None:
        assert self._mode is not None
        fd = self._disk.enter_folder(name, above)
        try:
            # Who may read the files may find them.
            self._disk.set_mode(fd, self._mode | (self._mode & 0o444) >> 2)
        finally:
            self._disk.close(fd)


def folder_removed() -> Refused:
    """The refusal of a file whose folder was removed just now."""
    return Refused(503, "a folder was removed", 1, about="upload")
