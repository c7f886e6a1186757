"""Tests for scanning a watched folder."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterable
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.descriptors import open_descriptors
from txresumable.push.entry import Version
from txresumable.push.folder.scan import Found, Scan
from txresumable.push.patterns import Patterns


class ScanTests(SynchronousTestCase):
    """A folder, scanned."""

    def setUp(self) -> None:
        self.root = Path(self.mktemp()).absolute()
        self.root.mkdir()
        self.unread: dict[bytes, OSError] = {}
        self.entered: list[bytes] = []
        self.before = open_descriptors()

    def make(self, path: bytes, content: bytes = b"") -> None:
        """A file, with the folders on its way."""
        full = os.path.join(os.fsencode(self.root), path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(content)

    def scan(
        self,
        paths: Iterable[bytes] | None = None,
        *,
        patterns: Patterns | None = None,
        marker: str = "",
        limit: int = 500,
    ) -> dict[bytes, Found]:
        """All that a scan finds."""
        self.unread.clear()
        self.entered.clear()
        scan = Scan(
            str(self.root),
            patterns or Patterns(),
            marker=marker,
            paths=paths,
            entering=self.entered.append,
        )
        found: dict[bytes, Found] = {}
        try:
            is_last = False
            while not is_last:
                made = scan.step(limit)
                is_last = made.is_last
                self.assertLessEqual(len(made.found), limit)
                for each in made.found:
                    self.assertNotIn(each.path, found)
                    found[each.path] = each
                self.unread.update(made.unread)
        finally:
            scan.close()
        self.assertEqual(open_descriptors(), self.before)
        return found

    def test_taken(self) -> None:
        """What is just being deleted is no file that lies there; names like that are."""
        self.make(b".resumable-" + b"0f" * 16)
        self.make(b".resumable-mine")
        self.assertEqual(set(self.scan()), {b".resumable-mine"})

    def test_versions(self) -> None:
        """Files are found wherever they lie, as they are."""
        self.make(b"a", b"one")
        self.make(b"b/c/d", b"three")
        found = self.scan()
        for path in (b"a", b"b/c/d"):
            status = os.stat(self.root / os.fsdecode(path))
            self.assertEqual(found.pop(path), Found(path, Version.of(status)))
        self.assertEqual(found, {})
        self.assertEqual(self.entered, [b"", b"b", b"b/c"])

    def test_slices(self) -> None:
        """However small the steps are, everything is found once."""
        names = {b"%d/%d" % (number % 3, number) for number in range(20)}
        for name in names:
            self.make(name)
        for limit in (1, 2, 7, 500):
            self.assertEqual(set(self.scan(limit=limit)), names)

    def test_names(self) -> None:
        """Line breaks and bytes that are no UTF-8 are in names as they are on the disk."""
        names = {b"a\nb", b"\xff\xfe", b"\n\xff/\n", b"-", b" "}
        for name in names:
            self.make(name)
        self.assertEqual(set(self.scan()), names)
        self.assertEqual(set(self.scan(names)), names)

    def test_others(self) -> None:
        """Links are not followed, and what is no file is left out."""
        outside = Path(self.mktemp()).absolute()
        outside.mkdir()
        (outside / "secret").write_bytes(b"")
        self.make(b"a")
        os.symlink(outside, self.root / "folder")
        os.symlink(outside / "secret", self.root / "link")
        os.symlink("nowhere", self.root / "dangling")
        os.mkfifo(self.root / "fifo")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(os.path.relpath(self.root / "socket"))
        names = [b"a", b"folder", b"link", b"dangling", b"fifo", b"socket", b"folder/secret"]
        self.assertEqual(list(self.scan()), [b"a"])
        self.assertEqual(list(self.scan(names)), [b"a"])
        self.assertEqual(self.unread, {})

    def test_root_is_link(self) -> None:
        """The folder itself may be named by a link."""
        self.make(b"a")
        link = self.root.with_name("link")
        os.symlink(self.root, link)
        self.root = link
        self.assertEqual(list(self.scan()), [b"a"])

    def test_replaced_by_link(self) -> None:
        """A folder that is replaced by a link while the scan is under way is not followed."""
        outside = Path(self.mktemp()).absolute()
        outside.mkdir()
        (outside / "secret").write_bytes(b"")
        self.make(b"a/b/c")
        scan = Scan(str(self.root), Patterns())
        self.addCleanup(scan.close)
        scan.step(3)
        (self.root / "a").rename(self.root / "z")
        os.symlink(outside, self.root / "a")
        made = scan.step()
        self.assertEqual([each.path for each in made.found], [])
        self.assertTrue(made.is_last)

    def test_patterns(self) -> None:
        """Only what is included is looked for, and folders without any of it are not entered."""
        for name in (b"a.dcm", b"a.part", b".git/a.dcm", b"b/c.dcm"):
            self.make(name)
        patterns = Patterns(["*.dcm"], [".*"])
        self.assertEqual(set(self.scan(patterns=patterns)), {b"a.dcm", b"b/c.dcm"})
        self.assertEqual(self.entered, [b"", b"b"])
        names = (b"a.part", b".git", b".git/a.dcm", b"b")
        self.assertEqual(set(self.scan(names, patterns=patterns)), {b"b/c.dcm"})

    def test_some(self) -> None:
        """Some names can be looked at: files, folders with all below them, and what is gone."""
        for name in (b"a/b", b"a/c", b"d/e/f", b"d/g", b"h"):
            self.make(name)
        self.assertEqual(
            set(self.scan([b"a/b", b"d", b"gone", b"gone/x"])), {b"a/b", b"d/e/f", b"d/g"}
        )
        self.assertEqual(self.unread, {})
        self.assertEqual(set(self.scan([])), set())

    def test_marker(self) -> None:
        """A file is marked by another one beside it; that is not found itself."""
        for name in (b"a", b"b", b"b.done", b"c/d", b"c/d.done", b"alone.done", b".done"):
            self.make(name)
        (self.root / "e").write_bytes(b"")
        (self.root / "e.done").mkdir()
        for paths in (None, [b"a", b"b", b"c/d.done", b"e", b"alone.done"]):
            found = self.scan(paths, marker=".done")
            marked = {path: each.is_marked for path, each in found.items()}
            self.assertEqual(marked, {b"a": False, b"b": True, b"c/d": True, b"e": False})

    def test_old_marker(self) -> None:
        """The marker of an earlier version does not mark a file that has taken its place."""
        self.make(b"a.done")
        self.make(b"a")
        os.utime(self.root / "a.done", ns=(10**18, 10**18))
        now = os.stat(self.root / "a.done").st_ctime_ns
        while os.stat(self.root / "a").st_ctime_ns <= now:
            (self.root / "a").write_bytes(b"longer")
        self.assertFalse(self.scan(marker=".done")[b"a"].is_marked)
        (self.root / "a.done").write_bytes(b"")
        self.assertTrue(self.scan(marker=".done")[b"a"].is_marked)

    def test_marker_too_long(self) -> None:
        """A name that has no room for a marker has none."""
        name = b"n" * 253
        self.make(name)
        self.assertFalse(self.scan(marker=".done")[name].is_marked)
        self.assertEqual(self.unread, {})

    def test_deep(self) -> None:
        """Folders may be deeper than a path may be long."""
        self.addCleanup(shutil.rmtree, self.root)
        folder = os.open(self.root, os.O_RDONLY)
        for _ in range(100):
            os.mkdir("n" * 100, dir_fd=folder)
            below = os.open("n" * 100, os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = below
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
        os.close(folder)
        path = b"/".join([b"n" * 100] * 100 + [b"file"])
        self.assertEqual(list(self.scan()), [path])
        self.assertEqual(list(self.scan([path])), [path])

    def test_unreadable(self) -> None:
        """A folder that cannot be read is reported, and the others are scanned."""
        if os.geteuid() == 0:
            self.patch(os, "scandir", self.refusing("locked"))
        self.make(b"locked/a")
        self.make(b"open/b")
        (self.root / "locked").chmod(0)
        self.addCleanup((self.root / "locked").chmod, 0o700)
        self.assertEqual(list(self.scan()), [b"open/b"])
        self.assertEqual(list(self.unread), [b"locked"])
        self.assertIsInstance(self.unread[b"locked"], PermissionError)

    def refusing(self, name: str) -> object:
        """``os.scandir()`` that refuses a folder, as it does for everybody but root."""
        real = os.scandir

        def scandir(fd: int) -> object:
            if os.path.basename(os.readlink(f"/proc/self/fd/{fd}")) == name:
                raise PermissionError(13, "Permission denied")
            return real(fd)

        return scandir

    def test_other_file_system(self) -> None:
        """What is mounted in the folder is not entered, and reported."""
        if os.geteuid() != 0 or not os.path.exists("/proc/mounts"):
            raise SkipTest("only root can mount")
        from subprocess import run

        (self.root / "mounted").mkdir()
        if run(["mount", "-t", "tmpfs", "none", self.root / "mounted"], check=False).returncode:
            raise SkipTest("nothing can be mounted here")
        self.addCleanup(run, ["umount", self.root / "mounted"], check=True)
        self.make(b"mounted/a")
        self.make(b"b")
        self.assertEqual(list(self.scan()), [b"b"])
        self.assertEqual(list(self.unread), [b"mounted"])

    def test_root_is_gone(self) -> None:
        """If the folder itself is not there, that is an error, even for some names only."""
        self.root.rmdir()
        for paths in (None, [b"a"]):
            with self.assertRaises(FileNotFoundError):
                self.scan(paths)

    def test_root_is_no_folder(self) -> None:
        """So it is if something else is there, such as a pipe, which is not waited for."""
        self.root.rmdir()
        os.mkfifo(self.root)
        with self.assertRaises(NotADirectoryError):
            self.scan()

    def test_root_is_unreadable(self) -> None:
        """So it is if it cannot be listed."""
        self.patch(os, "scandir", self.refusing(self.root.name))
        with self.assertRaises(PermissionError):
            self.scan()

    def test_is_there(self) -> None:
        """Whether the folder's path leads elsewhere after the scan can be asked."""
        scan = Scan(str(self.root), Patterns())
        self.addCleanup(scan.close)
        scan.step()
        self.assertTrue(scan.is_there())
        self.assertEqual(scan.device, os.stat(self.root).st_dev)
        self.root.rename(f"{self.root}.moved")
        self.assertFalse(scan.is_there())
        self.root.mkdir()
        self.assertFalse(scan.is_there())

    def test_names_are_counted(self) -> None:
        """An empty folder has no names, and one in which nothing is included has."""
        scan = Scan(str(self.root), Patterns(["*.dcm"]))
        self.assertTrue(scan.step().is_last)
        self.assertEqual(scan.names, 0)
        scan.close()
        self.make(b"x")
        scan = Scan(str(self.root), Patterns(["*.dcm"]))
        self.assertEqual(scan.step().found, [])
        self.assertEqual(scan.names, 1)
        scan.close()

    def test_close_during_step(self) -> None:
        """Closed while a thread is in a step, it lets go of its descriptors after that."""
        self.make(b"a/b")
        inside, go_on = threading.Event(), threading.Event()

        def entering(path: bytes) -> None:
            inside.set()
            go_on.wait(10)

        scan = Scan(str(self.root), Patterns(), entering=entering)
        thread = threading.Thread(target=scan.step)
        thread.start()
        inside.wait(10)
        scan.close()
        go_on.set()
        thread.join(10)
        self.assertEqual(open_descriptors(), self.before)
