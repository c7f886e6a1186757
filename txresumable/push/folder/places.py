"""
Whether a folder, and those that its files are moved to, are fit for it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from uuid import uuid4

from ...errors import InvalidOption
from ..entry import TAKEN
from ..settings import FolderSettings, PushSettings

__all__ = ["check_folder", "folder_problems"]

_MISSING, _NO_FOLDER, _NOT_WRITABLE = "is missing", "is no folder", "may not be written to"


def check_folder(settings: PushSettings, name: str) -> None:
    """
    Check the settings of a folder before anything is done by them.  Blocks.

    A folder that is missing is not wrong: it may be on a disk that is still to be mounted, as may
    the places beside it that its files are moved to.

    :param settings: those of all.
    :param name: the name of the folder.
    :raises InvalidOption: for the first of what :func:`folder_problems` finds.
    """
    is_there = os.path.isdir(settings.folders[name].path)
    for problem in folder_problems(settings, name):
        if is_there or problem.reason != _MISSING:
            raise problem


def folder_problems(settings: PushSettings, name: str) -> Iterator[InvalidOption]:
    """
    What is wrong with a folder, and where its files are moved to: that one is no folder or may not
    be used; that files would be moved to a place in the folder itself, or to another file system or
    mount, where a move is not one step; and where it really lies, by whichever links and mounts:
    in, or around, the folder of state, or if files are taken away, another folder.  Blocks.

    :param settings: those of all.
    :param name: the name of the folder.
    """
    for problem in (*_place_problems(settings.folders[name]), *_apart_problems(settings, name)):
        problem.section = f"[folder.{name}]"
        yield problem


def _place_problems(settings: FolderSettings) -> Iterator[InvalidOption]:
    path, moves = settings.path, settings.sent or settings.failed
    folder = os.path.realpath(path)
    if not os.path.exists(path):  # nor is what a link leads to
        yield InvalidOption("path", path, _MISSING)
    elif not os.path.isdir(path):
        yield InvalidOption("path", path, _NO_FOLDER)
    elif not os.access(path, os.R_OK | os.X_OK):
        yield InvalidOption("path", path, "may not be read")
    elif moves and not os.access(path, os.W_OK):
        yield InvalidOption("path", path, _NOT_WRITABLE)
    for option, shown, place in (
        ("after", settings.after, settings.sent),
        ("failed", settings.failed, settings.failed),
    ):
        reason = "" if place is None else _why_not(os.path.realpath(place), folder, path)
        if reason:
            yield InvalidOption(option, shown, reason)


def _why_not(place: str, folder: str, path: str) -> str:
    """Why files of a folder cannot be moved to a place, or nothing."""
    if _lies_in(place, folder):
        return f"lies in the folder that is watched, {path}"
    is_made = not os.path.lexists(place)  # if need be
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        return _NO_FOLDER
    if is_made and not os.path.isdir(folder):
        return ""  # where it will be made is not known before its disk is mounted
    if not os.access(place, os.W_OK | os.X_OK):
        return _NOT_WRITABLE
    if os.path.isdir(folder) and not _is_one_step(folder, place):
        where = f"is on another file system, or mount, than {path}"
        return f"{where}: a file cannot be moved there in one step"
    return ""


def _is_one_step(folder: str, place: str) -> bool:
    """
    Whether files can be renamed from one folder to another.  Where one file system is mounted in
    both, only an attempt shows that, which is made with a file that does not exist.
    """
    if os.stat(place).st_dev != os.stat(folder).st_dev:
        return False
    name = os.fsdecode(TAKEN) + uuid4().hex
    try:
        os.rename(os.path.join(folder, name), os.path.join(place, name))
    except OSError as error:
        return error.errno != errno.EXDEV
    return True


def _apart_problems(settings: PushSettings, name: str) -> Iterator[InvalidOption]:
    folder = settings.folders[name]
    if _overlap(folder.path, settings.state):
        reason = f"must not be in, or around, {settings.state}, where the journal is"
        yield InvalidOption("path", folder.path, reason)
    for other in settings.folders.values():
        is_taken = any(each.after != "keep" or each.failed is not None for each in (folder, other))
        if other is not folder and is_taken and _overlap(folder.path, other.path):
            reason = f"must not be in, or around, {other.path}, which is watched, too"
            yield InvalidOption("path", folder.path, reason)


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
