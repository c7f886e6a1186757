"""
What is uploaded: paths, lists of paths, standard input; and what of folders is left out.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from .._source.directory import walk

__all__ = ["chooser", "listed", "paths_in", "spooled"]


def paths_in(content: bytes) -> list[str]:
    """
    The paths of a list: each ends with NUL, if there is any, or else with a line break.

    :param content: of a file, or from a pipe.
    """
    between = b"\0" if b"\0" in content else b"\n"
    return [os.fsdecode(path) for path in content.split(between) if path]


def chooser(include: Sequence[str], exclude: Sequence[str]) -> Callable[[str], bool]:
    """
    Which files of folders are uploaded.

    :param include: patterns as in ``.gitignore``; everything, if there are none.
    :param exclude: patterns of what is not, even if it is included.
    :returns: a function of a path below the folder.
    :raises InvalidOption: if one cannot be.
    :raises ImportError: if there are patterns, and nothing that reads them.
    """
    if not include and not exclude:
        return lambda _: True
    from ..push.patterns import Patterns

    patterns = Patterns(include, exclude)
    return lambda path: patterns.includes(os.fsencode(path))


def listed(
    paths: Sequence[str], chosen: Callable[[str], bool], *, follow: bool
) -> Iterator[tuple[str, int | OSError]]:
    """
    What would be uploaded.  Blocks.

    :param paths: files and folders.
    :param chosen: see :func:`chooser`.
    :param follow: whether links in folders are followed.
    :returns: paths with sizes, or with why they cannot be looked at.
    """
    for path in paths:
        if not os.path.isdir(path):
            yield path, _size(path)
            continue
        for found in walk(path, follow=follow).found:
            below = os.path.relpath(found.path, path)
            if found.error is not None:
                yield found.path, found.error
            elif chosen(below):
                yield found.path, _size(found.path)


def _size(path: str) -> int | OSError:
    try:
        return os.stat(path).st_size
    except OSError as error:
        return error


@contextmanager
def spooled(paths: Sequence[str], name: str, stream: BinaryIO | None = None) -> Iterator[list[str]]:
    """
    Put standard input into a file, as what is uploaded may have to be read again.  Blocks.

    :param paths: of which ``-`` is standard input.
    :param name: what the file is called.
    :param stream: in the place of standard input.
    :returns: the paths; the file is removed at the end.
    :raises OSError: if there is no room for it, or it cannot be read.
    """
    if "-" not in paths:
        yield list(paths)
        return
    source: Any = sys.stdin.buffer if stream is None else stream
    with tempfile.TemporaryDirectory(prefix="txresumable-") as folder:
        file = os.path.join(folder, os.path.basename(name))
        with open(file, "wb") as spool:
            shutil.copyfileobj(source, spool, 1 << 20)
        yield [file if path == "-" else path for path in paths]
