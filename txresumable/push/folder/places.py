"""
Whether a folder, and those that its files are moved to, are fit for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from ...errors import InvalidOption
from ..settings import FolderSettings, PushSettings

__all__ = ["check_apart", "check_folder", "check_places"]


def check_folder(settings: FolderSettings) -> None:
    """
    Check the settings of a folder before anything is done by them.  Blocks.

    A folder that is missing is not wrong: it may be on a disk that is still to be mounted.

    :raises InvalidOption: as :func:`check_places`.
    """
    if os.path.isdir(settings.path):
        check_places(settings.path, sent=settings.sent, failed=settings.failed)


def check_apart(settings: PushSettings, name: str) -> None:
    """
    Check where a folder really lies, by whichever links and mounts: not in, or around, the folder
    of state, and if files of it are taken away, not in, or around, another folder.  Blocks.

    :param settings: those of all.
    :param name: the name of the folder.
    :raises InvalidOption: if it does.
    """
    folder = settings.folders[name]
    if _overlap(folder.path, settings.state):
        reason = f"must not be in, or around, {settings.state}, where the journal is"
        raise InvalidOption("path", folder.path, reason)
    for other in settings.folders.values():
        is_taken = any(each.after != "keep" or each.failed is not None for each in (folder, other))
        if other is not folder and is_taken and _overlap(folder.path, other.path):
            reason = f"must not be in, or around, {other.path}, which is watched, too"
            raise InvalidOption("path", folder.path, reason)


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
        if _lies_in(real, folder):
            raise InvalidOption(option, place, f"lies in the folder that is watched, {path}")
        while not os.path.lexists(real):
            real = os.path.dirname(real)
        _check_access(option, place, real, os.W_OK | os.X_OK)
        _check_access("path", path, path, os.W_OK)
        if os.stat(real).st_dev != os.stat(folder).st_dev:
            reason = f"is on another file system than {path}: a file cannot be moved in one step"
            raise InvalidOption(option, place, reason)


def _overlap(one: str, other: str) -> bool:
    return _lies_in(one, other) or _lies_in(other, one)


def _lies_in(path: str, folder: str) -> bool:
    """Whether a path is a folder, or is below it; if the folder is not there, nothing is."""
    try:
        root = os.stat(folder)
    except OSError:
        return False
    return any(os.path.samestat(root, each) for each in _way_to(path))


def _way_to(path: str) -> Iterator[os.stat_result]:
    """What a path leads through, from its end, as far as it is there."""
    at = os.path.realpath(path)
    while True:
        with suppress(OSError):
            yield os.stat(at)
        above = os.path.dirname(at)
        if above == at:
            return
        at = above


def _check_access(option: str, value: str, path: str, access: int) -> None:
    if not os.path.isdir(path):
        raise InvalidOption(option, value, "is no folder")
    if not os.access(path, access):
        what = "read" if access & os.R_OK else "written to"
        raise InvalidOption(option, value, f"may not be {what}")
