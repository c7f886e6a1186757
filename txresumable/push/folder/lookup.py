"""
One file of a folder, by its path.
"""

from __future__ import annotations

import os
import stat

from ..._runtime.printable import printable
from ...errors import InvalidOption
from ..entry import Seen, Version

__all__ = ["has", "look"]


def look(root: str, path: str) -> Seen:
    """
    What lies at a path, as a file that is complete.  Blocks.

    :param root: the folder.
    :param path: the path, absolute or below the folder.
    :raises InvalidOption: if that is no path of a file in it.
    :raises OSError: if it cannot be looked at.
    """
    below = os.path.relpath(os.path.join(root, path), root)
    if below.split(os.sep)[0] in ("..", ".") or "\0" in below:
        raise InvalidOption("path", printable(path), "must be in the folder")
    within = os.path.join(os.path.realpath(root), os.path.dirname(below))
    if os.path.realpath(within) != os.path.normpath(within):
        raise InvalidOption("path", printable(path), "must not lead over symbolic links")
    now = os.stat(os.path.join(root, below), follow_symlinks=False)
    if not stat.S_ISREG(now.st_mode):
        raise InvalidOption("path", printable(path), "must be a regular file")
    return Seen(os.fsencode(below), Version.of(now), is_marked=True)


def has(root: str, path: bytes, version: Version) -> bool:
    """
    Whether this version of a file lies in a folder now.  Blocks.

    :param root: the folder.
    :param path: the path below it.
    """
    try:
        now = os.stat(os.path.join(os.fsencode(root), path), follow_symlinks=False)
    except OSError:
        return False
    return Version.of(now) == version
