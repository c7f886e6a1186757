"""Tests for whether a watched folder and those that its files are moved to are fit for it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from txresumable.errors import InvalidOption
from txresumable.push import FolderSettings, PushSettings, TargetSettings
from txresumable.push.folder.places import check_folder, folder_problems


def settings_of(state: str, *folders: FolderSettings) -> PushSettings:
    """The settings of a service."""
    lab = TargetSettings(name="lab", options={"target": "http://127.0.0.1/"})
    by_name = {each.name: each for each in folders}
    return PushSettings(state=state, targets={"lab": lab}, folders=by_name)


def check_places(path: str, sent: str = "", failed: str | None = None) -> None:
    """Check one folder; the first problem is raised."""
    after = f"move:{sent}" if sent else "keep"
    folder = FolderSettings(name="one", path=path, target="lab", after=after, failed=failed)
    for problem in folder_problems(settings_of("/nowhere", folder), "one"):
        raise problem


class PlacesTests(SynchronousTestCase):
    """Folders."""

    def setUp(self) -> None:
        self.base = Path(self.mktemp()).absolute()
        for name in ("in", "sent", "failed", "inner"):
            (self.base / name).mkdir(parents=True)
        self.path = str(self.base / "in")

    def wrong(self, check: Callable[[], None], option: str, reason: str) -> None:
        """What is wrong is said."""
        with self.assertRaises(InvalidOption) as raised:
            check()
        self.assertEqual(raised.exception.option, option)
        self.assertIn(reason, raised.exception.reason)

    def test_fit(self) -> None:
        """Folders beside the one that is watched are fine, also if their names are alike."""
        check_places(self.path)
        check_places(self.path, sent=str(self.base / "sent"), failed=str(self.base / "inner"))

    def test_missing(self) -> None:
        """The folder has to be there, and those that are have to be folders; others are made."""
        (self.base / "file").write_bytes(b"")
        gone, file = str(self.base / "gone"), str(self.base / "file")
        self.wrong(lambda: check_places(gone), "path", "is missing")
        self.wrong(lambda: check_places(file), "path", "is no folder")
        self.wrong(lambda: check_places(self.path, sent=f"{file}/x"), "after", "is no folder")
        self.wrong(lambda: check_places(self.path, failed=file), "failed", "is no folder")

    def test_made(self) -> None:
        """What is to be made must be possible there, and is not made by looking."""
        gone = str(self.base / "gone" / "below")
        check_places(self.path, sent=gone, failed=gone)
        self.assertFalse(os.path.exists(gone))
        self.wrong(lambda: check_places(self.path, sent=f"{self.path}/x/y"), "after", "lies in")

    def test_mounted_twice(self) -> None:
        """Another mount of the same file system is none that files can be moved to; nothing is."""
        sent = str(self.base / "sent")

        def refuse(source: str, target: str) -> None:
            self.assertFalse(os.path.lexists(source))
            self.assertEqual((os.path.dirname(source), os.path.dirname(target)), (self.path, sent))
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

        self.patch(os, "rename", refuse)
        self.wrong(lambda: check_places(self.path, sent=sent), "after", "or mount, than")
        self.assertEqual((os.listdir(self.path), os.listdir(sent)), ([], []))

    def test_settings(self) -> None:
        """The settings of a folder are checked whole; one that is away may come back."""
        folder = FolderSettings(name="one", path=self.path, target="lab")
        check_folder(settings_of("/nowhere", folder), "one")
        inside = settings_of("/nowhere", evolve(folder, failed=f"{self.path}/x"))
        self.wrong(lambda: check_folder(inside, "one"), "failed", "lies in")
        gone = evolve(folder, path=str(self.base / "gone"))
        check_folder(settings_of("/nowhere", gone), "one")

    def test_not_mounted(self) -> None:
        """Nothing is wrong with what lies on a disk that is still to be mounted, also by a link."""
        (self.base / "link").symlink_to(self.base / "disk" / "in")
        (self.base / "disk").mkdir()
        self.patch(os, "access", lambda path, mode: not str(path).startswith(f"{self.base}/disk"))
        for path in "link", "disk/in":
            sent, failed = f"move:{self.base}/disk/sent", f"{self.base}/disk/failed"
            there = str(self.base / path)
            folder = FolderSettings(name="one", path=there, target="lab", after=sent, failed=failed)
            settings = settings_of("/nowhere", folder)
            check_folder(settings, "one")
            [problem] = folder_problems(settings, "one")
            self.assertEqual((problem.option, problem.reason), ("path", "is missing"))
        (self.base / "disk" / "in").mkdir()
        self.wrong(lambda: check_folder(settings, "one"), "path", "may not be")
        (self.base / "disk" / "in").rmdir()
        (self.base / "disk" / "sent").mkdir()
        self.wrong(lambda: check_folder(settings, "one"), "after", "may not be written to")

    def test_all(self) -> None:
        """All that is wrong with a folder is found, as sentences that name folder and option."""
        file = str(self.base / "file")
        (self.base / "file").write_bytes(b"")
        sent, gone = f"move:{file}", str(self.base / "gone")
        folder = FolderSettings(
            name="one", path=self.path, target="lab", after=sent, failed=f"{self.path}/x"
        )
        found = [*map(str, folder_problems(settings_of(self.path, folder), "one"))]
        path = f"[folder.one] path {self.path!r} must not be in, or around, {self.path}, where the "
        expected = [
            f"[folder.one] after {sent!r} is no folder",
            f"[folder.one] failed '{self.path}/x' lies in the folder that is watched, {self.path}",
            f"{path}journal is",
        ]
        self.assertEqual(found, expected)
        away = settings_of("/nowhere", evolve(folder, path=gone))
        found = [*map(str, folder_problems(away, "one"))]
        missing = f"[folder.one] path {gone!r} is missing"
        self.assertEqual(found, [missing, f"[folder.one] after {sent!r} is no folder"])

    def test_inside(self) -> None:
        """Files are not moved to where they would be found again, nor by way of a link."""
        (self.base / "in" / "sent").mkdir()
        (self.base / "link").symlink_to(self.base / "in" / "sent")
        for place in (self.path, str(self.base / "in" / "sent"), str(self.base / "link")):
            self.wrong(lambda place=place: check_places(self.path, sent=place), "after", "lies in")
            self.wrong(
                lambda place=place: check_places(self.path, failed=place), "failed", "lies in"
            )

    def apart(self, path: str, other: str, **given: Any) -> None:
        """Check the first of two folders; the other one may be missing."""
        one = FolderSettings(name="one", path=path, target="lab", **given)
        two = FolderSettings(name="two", path=other, target="lab")
        check_folder(settings_of(str(self.base / "state"), one, two), "one")

    def test_apart(self) -> None:
        """Files are not taken away from what is another folder as well, by a link or a mount."""
        (self.base / "link").symlink_to(self.base / "in")
        (self.base / "in" / "deep").mkdir()
        beside, link, gone = (str(self.base / name) for name in ("inner", "link", "gone"))
        self.apart(self.path, link)
        self.apart(self.path, beside, after="delete")
        self.apart(self.path, gone, after="delete")
        for other in link, f"{link}/deep", f"{link}/gone":
            for path, next_to in (self.path, other), (other, self.path):
                if os.path.isdir(path) or next_to == self.path:
                    check = partial(self.apart, path, next_to, failed=gone)
                    self.wrong(check, "path", f"must not be in, or around, {next_to}, which")
        real = os.stat

        def stat(path: str, **named: Any) -> os.stat_result:
            mounted = str(path) == beside
            return real(self.path if mounted else path, **named)

        self.patch(os, "stat", stat)
        check = partial(self.apart, self.path, beside, after="delete")
        self.wrong(check, "path", "must not be in, or around")

    def test_state(self) -> None:
        """The journal is not in a folder that is watched, nor the other way around."""
        (self.base / "state" / "in").mkdir(parents=True)
        (self.base / "above").symlink_to(self.base)
        (self.base / "below").symlink_to(self.base / "state" / "in")
        for name in "above", "below", "state", "state/in":
            path = str(self.base / name)
            self.wrong(partial(self.apart, path, self.path), "path", "where the journal is")

    def test_other_file_system(self) -> None:
        """They are not moved to another file system."""
        real = os.stat

        def stat(path: str, **named: Any) -> os.stat_result:
            mode, inode, device, *others = real(path, **named)
            device += str(path) == str(self.base / "sent")
            return os.stat_result((mode, inode, device, *others))

        self.patch(os, "stat", stat)
        self.wrong(
            lambda: check_places(self.path, sent=str(self.base / "sent")),
            "after",
            "another file system",
        )

    def test_permissions(self) -> None:
        """What may not be read, or not be written to, is of no use."""
        denied: set[tuple[str, int]] = set()
        self.patch(
            os,
            "access",
            lambda path, mode: not any(path == each and mode & bit for each, bit in denied),
        )
        sent = str(self.base / "sent")
        denied.add((self.path, os.W_OK))
        check_places(self.path)
        self.wrong(lambda: check_places(self.path, sent=sent), "path", "may not be written to")
        denied.clear()
        denied.add((sent, os.W_OK))
        self.wrong(lambda: check_places(self.path, sent=sent), "after", "may not be written to")
        denied.add((self.path, os.R_OK))
        self.wrong(lambda: check_places(self.path), "path", "may not be read")
