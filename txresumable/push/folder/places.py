"""
Whether a folder, and those that its files are moved to, are fit for it.
"""

from __future__ import annotations

import os

from ...errors import InvalidOption

__all__ = ["check_places"]


def check_places(path: str, *, sent: str | None = None, failed: str | None = None) -> None:
    """
    Check a watched folder and where its files are moved to.  Blocks.

    :param path: the folder.
    :param sent: where files are moved to when they are on the server.
    :param failed: where those are moved to that have failed for good.
    :raises InvalidOption: if one is no folder or may not be used, if files would be moved to a
        place in the folder itself, or to another file system, where a move is not one step.
    """
    _check_folder("path", path, os.R_OK | os.X_OK)
    for option, place in ("after", sent), ("failed", failed):
        if place is None:
            continue
        _check_folder(option, place, os.W_OK | os.X_OK)
        _check_folder("path", path, os.W_OK)
        real, folder = os.path.realpath(place), os.path.realpath(path)
        if os.path.commonpath((real, folder)) == folder:
            raise InvalidOption(option, place, f"lies in the folder that is watched, {path}")
        if os.stat(real).st_dev != os.stat(folder).st_dev:
            reason = f"is on another file system than {path}: a file cannot be moved in one step"
            raise InvalidOption(option, place, reason)


def _check_folder(option: str, path: str, access: int) -> None:
    if not os.path.isdir(path):
        reason = "is no folder" if os.path.lexists(path) else "is missing"
        raise InvalidOption(option, path, reason)
    if not os.access(path, access):
        raise InvalidOption(
            option, path, "may not be read" if access & os.R_OK else "may not be written to"
        )
