"""
Whether a folder, and those that its files are moved to, are fit for it.
"""

from __future__ import annotations

import os

from ...errors import InvalidOption
from ..settings import FolderSettings

__all__ = ["check_folder", "check_places"]


def check_folder(settings: FolderSettings) -> None:
    """
    Check the settings of a folder before anything is done by them.  Blocks.

    A folder that is missing is not wrong: it may be on a disk that is still to be mounted.

    :raises InvalidOption: as :func:`check_places`.
    """
    if os.path.isdir(settings.path):
        check_places(settings.path, sent=settings.sent, failed=settings.failed)


def check_places(path: str, *, sent: str | None = None, failed: str | None = None) -> None:
    """
    Check a watched folder and where its files are moved to.  Blocks.

    :param path: the folder.
    :param sent: where files are moved to when they are on the server; it is made, if need be.
    :param failed: where those are moved to that have failed for good; likewise.
    :raises InvalidOption: if one is no folder or may not be used, if files would be moved to a
        place in the folder itself, or to another file system, where a move is not one step.
    """
    if not os.path.lexists(path):
        raise InvalidOption("path", path, "is missing")
    _check_access("path", path, path, os.R_OK | os.X_OK)
    folder = os.path.realpath(path)
    for option, place in ("after", sent), ("failed", failed):
        if place is None:
            continue
        real = os.path.realpath(place)
        if os.path.commonpath((real, folder)) == folder:
            raise InvalidOption(option, place, f"lies in the folder that is watched, {path}")
        while not os.path.lexists(real):
            real = os.path.dirname(real)
        _check_access(option, place, real, os.W_OK | os.X_OK)
        _check_access("path", path, path, os.W_OK)
        if os.stat(real).st_dev != os.stat(folder).st_dev:
            reason = f"is on another file system than {path}: a file cannot be moved in one step"
            raise InvalidOption(option, place, reason)


def _check_access(option: str, value: str, path: str, access: int) -> None:
    if not os.path.isdir(path):
        raise InvalidOption(option, value, "is no folder")
    if not os.access(path, access):
        what = "read" if access & os.R_OK else "written to"
        raise InvalidOption(option, value, f"may not be {what}")
