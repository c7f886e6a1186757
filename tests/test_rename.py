"""Tests for renaming without taking a name."""

from __future__ import annotations

import ctypes
import errno
import os

from twisted.trial.unittest import SynchronousTestCase

from txresumable._runtime import rename
from txresumable._runtime.rename import rename_new


class RenameTests(SynchronousTestCase):
    """A file gets another name, as the system knows best."""

    def setUp(self) -> None:
        self.paths = [self.mktemp(), self.mktemp()]
        self.folders = []
        for path in self.paths:
            os.makedirs(path)
            fd = os.open(path, os.O_RDONLY)
            self.addCleanup(os.close, fd)
            self.folders.append(fd)
        self.write(0, "a", "mine")

    def write(self, folder: int, name: str, text: str) -> None:
        """Make a file."""
        with open(os.path.join(self.paths[folder], name), "w") as file:
            file.write(text)

    def rename(self, name: str = "a", new_name: str = "\u00e9") -> None:
        """Rename a file into the other folder."""
        rename_new(name, self.folders[0], new_name, self.folders[1])

    def found(self) -> list[dict[str, str]]:
        """What is in the folders."""
        found = []
        for path in self.paths:
            found.append({})
            for name in os.listdir(path):
                with open(os.path.join(path, name)) as file:
                    found[-1][name] = file.read()
        return found

    def test_free(self) -> None:
        """It gets a name that is free."""
        self.rename()
        self.assertEqual(self.found(), [{}, {"\u00e9": "mine"}])

    def test_taken(self) -> None:
        """It gets none that anything has, and nothing happens."""
        self.write(1, "\u00e9", "other")
        self.assertRaises(FileExistsError, self.rename)
        os.symlink("nowhere", os.path.join(self.paths[1], "link"))
        self.assertRaises(FileExistsError, self.rename, "a", "link")
        os.unlink(os.path.join(self.paths[1], "link"))
        self.assertEqual(self.found(), [{"a": "mine"}, {"\u00e9": "other"}])

    def test_absent(self) -> None:
        """What is not there cannot be renamed, and claims no name."""
        self.assertRaises(FileNotFoundError, self.rename, "b")
        self.assertEqual(self.found(), [{"a": "mine"}, {}])

    def test_too_long(self) -> None:
        """Other errors are raised."""
        error = self.assertRaises(OSError, self.rename, "a", "x" * 300)
        self.assertEqual(error.errno, errno.ENAMETOOLONG)


class ClaimTests(RenameTests):
    """The system has no such call."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(rename, "_renameat2", None)

    def test_fails(self) -> None:
        """A name that was claimed in vain is free again."""
        replace = os.replace

        def fail(*_: object, **__: object) -> None:
            self.patch(os, "replace", replace)
            raise OSError(errno.EIO, "broken")

        self.patch(os, "replace", fail)
        self.assertRaises(OSError, self.rename)
        self.assertEqual(self.found(), [{"a": "mine"}, {}])


class UnknownTests(RenameTests):
    """The system has it, and the file system has not."""

    def setUp(self) -> None:
        super().setUp()

        def unknown(*_: object) -> int:
            ctypes.set_errno(errno.EINVAL)
            return -1

        self.patch(rename, "_renameat2", unknown)
