"""
Tests for the files of a folder.
"""

from __future__ import annotations

import os

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from txresumable._source.directory import walk

DEEP = 1200


class WalkTests(SynchronousTestCase):
    """
    All that is below a folder.
    """

    def setUp(self) -> None:
        self.top = os.path.abspath(self.mktemp())
        os.mkdir(self.top)

    def make(self, path: str) -> None:
        """An empty file, and the folders that it lies in."""
        path = os.path.join(self.top, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb"):
            pass

    def test_that_nobody_wants(self) -> None:
        """No folder is listed any more when nobody waits for it."""
        for path in ("a/1", "b/1", "c/1"):
            self.make(path)
        asked = iter([True, True, False])
        self.assertRaises(CancelledError, walk, self.top, lambda: next(asked))
        self.assertEqual(list(asked), [])

    def test_order(self) -> None:
        """By names, with what is in a folder in its place."""
        for path in ("c", "b/y", "b/x/1", "a", "b.txt"):
            self.make(path)
        name = os.path.basename(self.top)
        found = [each.relative_path for each in walk(self.top)]
        self.assertEqual(found, [f"{name}/{p}" for p in ("a", "b/x/1", "b/y", "b.txt", "c")])
        self.assertEqual([each.error for each in walk(self.top)], [None] * 5)

    def test_deep(self) -> None:
        """Folders may lie deeper in each other than Python's functions."""
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.top)
        for _ in range(DEEP):
            os.mkdir("d")
            os.chdir("d")
        with open("file", "wb"):
            pass
        self.addCleanup(self.remove)
        (found,) = walk(self.top)
        self.assertTrue(found.relative_path.endswith("d/d/file"))

    def remove(self) -> None:
        """Take the deepest folder away first: trial would do so with a function for each."""
        os.remove("file")
        for _ in range(DEEP):
            os.chdir("..")
            os.rmdir("d")

    def test_what_is_not_there(self) -> None:
        """A folder that cannot be read is found with its error."""
        (found,) = walk(os.path.join(self.top, "none"))
        self.assertIsInstance(found.error, FileNotFoundError)
