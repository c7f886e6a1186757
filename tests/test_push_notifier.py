"""Tests for inotify over many folders: the real one, on folders of the test's."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

if sys.platform.startswith("linux"):
    from twisted.internet.inotify import IN_Q_OVERFLOW, IN_UNMOUNT, INotifyError

    from txresumable.push.folder.notifier import Notifier


class Heard:
    """Writes down what it is notified of."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def touched(self, path: bytes, moved_from: bytes | None) -> None:
        self.all.append((path, moved_from))

    def lost_track(self) -> None:
        self.all.append("lost track")

    def take(self) -> list[Any]:
        """What it was notified of since this was called before."""
        heard, self.all = self.all, []
        return heard


class NotifierTests(SynchronousTestCase):
    """A folder, and one in it, that are watched."""

    if not sys.platform.startswith("linux"):
        skip = "inotify is Linux's"

    def setUp(self) -> None:
        self.root = Path(self.mktemp()).absolute()
        (self.root / "a").mkdir(parents=True)
        self.heard = Heard()
        self.notifier = self.start()
        self.notifier.add(b"")
        self.notifier.add(b"a")

    def start(self) -> Any:
        """Another notifier."""
        notifier = Notifier(None, os.fsencode(self.root), self.heard)
        self.addCleanup(notifier.connectionLost, Failure(ConnectionDone()))
        return notifier

    def read(self) -> list[Any]:
        """What has happened since, by the system's account."""
        self.notifier.doRead()
        return self.heard.take()

    def test_written(self) -> None:
        """A file that is made, and closed after it was written to, is reported with its folders."""
        (self.root / "x").write_bytes(b"1")
        (self.root / "a" / "y\nz").write_bytes(b"1")
        os.close(os.open(os.fsencode(self.root) + b"/\xff", os.O_CREAT))
        self.assertEqual(
            self.read(),
            [(b"x", None), (b"x", None), (b"a/y\nz", None), (b"a/y\nz", None), (b"\xff", None)],
        )

    def test_ignored(self) -> None:
        """That a file is read or removed is not."""
        (self.root / "x").write_bytes(b"1")
        self.read()
        (self.root / "x").read_bytes()
        (self.root / "x").unlink()
        self.assertEqual(self.read(), [])

    def test_moved(self) -> None:
        """A file that is moved is reported with its old name, if that was in the folder."""
        outside = Path(self.mktemp())
        outside.write_bytes(b"1")
        outside.rename(self.root / "in")
        (self.root / "in").rename(self.root / "a" / "in")
        (self.root / "a" / "in").rename(outside)
        outside.rename(self.root / "again")
        self.assertEqual(self.read(), [(b"in", b""), (b"a/in", b"in"), (b"again", b"")])

    def test_new_folder(self) -> None:
        """A folder that is made is reported; it is for others to have it watched."""
        (self.root / "b").mkdir()
        (self.root / "b" / "x").write_bytes(b"1")
        self.assertEqual(self.read(), [(b"b", None)])
        self.notifier.add(b"b")
        (self.root / "b" / "y").write_bytes(b"1")
        self.assertEqual(self.read(), [(b"b/y", None)] * 2)

    def test_removed_folder(self) -> None:
        """When a watched folder is removed the others stay watched; made anew, it is new."""
        (self.root / "a").rmdir()
        (self.root / "x").write_bytes(b"1")
        self.assertEqual(self.read(), [(b"x", None)] * 2)
        (self.root / "a").mkdir()
        self.assertEqual(self.read(), [(b"a", None)])
        self.notifier.add(b"a")
        (self.root / "a" / "y").write_bytes(b"1")
        self.assertEqual(self.read(), [(b"a/y", None)] * 2)

    def test_moved_folder(self) -> None:
        """A folder that is moved is watched by its old name no more, nor are those in it."""
        (self.root / "a" / "b").mkdir()
        (self.root / "ab").mkdir()
        self.notifier.add(b"a/b")
        self.notifier.add(b"ab")
        self.read()
        (self.root / "a").rename(self.root / "c")
        self.assertEqual(self.read(), [(b"c", b"a")])
        (self.root / "c" / "b" / "x").write_bytes(b"1")
        (self.root / "ab" / "x").write_bytes(b"1")
        self.assertEqual(self.read(), [(b"ab/x", None)] * 2)
        self.notifier.add(b"c")
        self.notifier.add(b"c/b")
        (self.root / "c" / "b" / "y").write_bytes(b"1")
        self.assertEqual(self.read(), [(b"c/b/y", None)] * 2)
        self.assertFalse(self.notifier.is_stale)

    def test_two_names(self) -> None:
        """It says so if a folder was moved and is to be watched before that is reported."""
        (self.root / "a").rename(self.root / "c")
        self.notifier.add(b"c")
        self.assertTrue(self.notifier.is_stale)

    def test_twice(self) -> None:
        """A folder is watched once."""
        self.notifier.add(b"a")
        (self.root / "a" / "x").write_bytes(b"1")
        self.assertEqual(self.read(), [(b"a/x", None)] * 2)
        self.assertFalse(self.notifier.is_stale)

    def test_overflow(self) -> None:
        """Events that the system has lost, and a disk that is unmounted, are no secret."""
        for number, mask in (-1, IN_Q_OVERFLOW), (1, IN_UNMOUNT):
            read, write = os.pipe()
            os.write(write, struct.pack("=iIII", number, mask, 0, 0))
            self.patch(self.notifier, "fileno", lambda read=read: read)
            self.assertEqual(self.read(), ["lost track"])
            os.close(read)
            os.close(write)

    def test_not_there(self) -> None:
        """What is no folder, and a link to one, cannot be watched."""
        (self.root / "file").write_bytes(b"1")
        (self.root / "link").symlink_to("a")
        for path in (b"gone", b"file", b"link"):
            with self.assertRaises(INotifyError):
                self.notifier.add(path)
