"""Tests for the folders that finished files lie in."""

from __future__ import annotations

import errno
import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.receiver_rig import FaultyDisk
from txresumable.receiver.store.descriptor import Descriptor
from txresumable.receiver.store.tree import Tree


class TreeTests(SynchronousTestCase):
    """Folders below a root."""

    def setUp(self) -> None:
        self.root = self.mktemp()
        self.disk = FaultyDisk()
        self.descriptor = Descriptor(self.disk, self.disk.open_root(self.root))
        self.tree = Tree(self.disk, self.descriptor)
        self.addCleanup(self.check)

    def check(self) -> None:
        """Nothing is left open."""
        self.descriptor.close()
        self.assertEqual(self.disk.descriptors, set())

    def make(self, *folders: str) -> str:
        """Make folders, put a file into the last, and say where."""
        with self.tree.made(folders) as (folder, above):
            self.disk.close(self.disk.create("file", folder))
            return above

    def test_made(self) -> None:
        """Folders are made, each inside the one before, and may be there."""
        self.assertEqual(self.make(), "")
        self.assertEqual(self.make("a", "b"), "a/b/")
        self.assertEqual(self.make("a"), "a/")
        self.assertTrue(os.path.isfile(f"{self.root}/a/b/file"))
        with self.tree.entered("a/b/file") as (folder, name):
            self.assertTrue(self.disk.status(name, folder))
        with self.tree.entered("file") as (folder, name):
            self.assertTrue(self.disk.status(name, folder))

    def test_durable(self) -> None:
        """The folder above is synced after each that is made, and also if it was there."""
        for _ in range(2):
            self.disk.calls.clear()
            with self.tree.made(["a", "b"]):
                pass
            self.assertEqual(self.disk.calls, ["make_folder", "sync", "enter_folder"] * 2)

    def test_not_there(self) -> None:
        """What is not there cannot be entered."""
        self.make("a")
        for path in ("b/file", "a/b/file"):
            with self.assertRaises(FileNotFoundError), self.tree.entered(path):
                pass
        with self.assertRaises(NotADirectoryError), self.tree.entered("a/file/x"):
            pass

    def test_taken(self) -> None:
        """Where something else has the name of a folder, all that belongs into it is together."""
        with open(f"{self.root}/a", "w"):
            pass
        os.symlink("/tmp", f"{self.root}/a-2")
        self.assertEqual(self.make("a", "b"), "a-3/b/")
        self.assertEqual(self.make("a"), "a-3/")
        self.assertEqual(os.listdir(f"{self.root}/a-3/b"), ["file"])

    def test_links(self) -> None:
        """No link is followed, wherever it leads."""
        outside = self.mktemp()
        os.mkdir(outside)
        os.mkdir(f"{self.root}/b")
        os.symlink(os.path.abspath(outside), f"{self.root}/a")
        os.symlink("b", f"{self.root}/c")
        self.assertEqual([self.make("a"), self.make("c")], ["a-2/", "c-2/"])
        self.assertEqual(os.listdir(outside), [])
        with self.assertRaises(NotADirectoryError), self.tree.entered("a/file"):
            pass

    def test_loops(self) -> None:
        """Where the system says of a link that it is a loop, that is the same."""
        self.disk.fail_at = len(self.disk.calls) + 3
        self.disk.error = OSError(errno.ELOOP, "a loop")
        self.assertEqual(self.make("a"), "a-2/")

    def test_mode(self) -> None:
        """New folders have the permissions of files, and can be entered by who may read."""
        umask = os.umask(0o077)
        self.addCleanup(os.umask, umask)
        os.mkdir(f"{self.root}/there", 0o700)
        for mode, expected in ((None, 0o700), (0o640, 0o750), (0o604, 0o705), (0o666, 0o777)):
            self.tree = Tree(self.disk, self.descriptor, mode)
            self.make(f"a{mode}", "b")
            self.make("there", f"c{mode}")
            for name in (f"a{mode}", f"a{mode}/b", f"there/c{mode}"):
                found = os.stat(f"{self.root}/{name}").st_mode & 0o7777
                self.assertEqual(found, expected, name)
            self.assertEqual(os.stat(f"{self.root}/there").st_mode & 0o7777, 0o700)

    def test_failures(self) -> None:
        """Whatever fails, nothing is left open."""
        calls: list[Any] = []
        for mode in (None, 0o640):
            self.tree = Tree(self.disk, self.descriptor, mode)
            step = failed = 1
            while failed:
                self.disk.fail_at = len(self.disk.calls) + step
                self.disk.error = OSError(errno.EIO, "broken")
                try:
                    self.make(f"a{mode}{step}", "b", "c")
                    failed = 0
                except OSError:
                    step += 1
                self.assertEqual(len(self.disk.descriptors), 1)
            calls.append(step)
        self.assertGreater(calls[0], 9)
        self.assertGreater(calls[1], calls[0])
