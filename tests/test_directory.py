"""
Tests for the files of a folder.
"""

from __future__ import annotations

import os

from twisted.internet.defer import CancelledError
from twisted.logger import Logger, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from txresumable._source.directory import Listing, walk

DEEP = 1200


class FolderTestCase(SynchronousTestCase):
    """
    A folder.
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


class WalkTests(FolderTestCase):
    """
    All that is below it.
    """

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
        found = [each.relative_path for each in walk(self.top).found]
        self.assertEqual(found, [f"{name}/{p}" for p in ("a", "b/x/1", "b/y", "b.txt", "c")])
        self.assertEqual([each.error for each in walk(self.top).found], [None] * 5)

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
        (found,) = walk(self.top).found
        self.assertTrue(found.relative_path.endswith("d/d/file"))

    def remove(self) -> None:
        """Take the deepest folder away first: trial would do so with a function for each."""
        os.remove("file")
        for _ in range(DEEP):
            os.chdir("..")
            os.rmdir("d")

    def test_what_is_not_there(self) -> None:
        """A folder that cannot be read is found with its error."""
        (found,) = walk(os.path.join(self.top, "none")).found
        self.assertIsInstance(found.error, FileNotFoundError)


class LinkTests(FolderTestCase):
    """
    Symbolic links below it.
    """

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        path = os.path.join(self.top, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(target, path)

    def found(self, *, follow: bool) -> tuple[list[str], int]:
        """Paths below the folder, and how many links are left out."""
        listing = walk(self.top, follow=follow)
        for each in listing.found:
            self.assertTrue(os.path.isfile(each.path) and not os.path.islink(each.path))
        names = [each.relative_path.partition("/")[2] for each in listing.found]
        return names, listing.links_left_out

    def test_left_out(self) -> None:
        """They are left out and counted, to files and to folders, unless they are followed."""
        self.make("folder/file")
        for path in ("a", "folder/b"):
            self.link(path, os.path.join(self.top, "folder/file"))
        self.link("c", "folder")
        self.assertEqual(self.found(follow=False), (["folder/file"], 3))
        self.assertEqual(walk(self.top).links_left_out, 3)
        expected = ["a", "c/b", "c/file", "folder/b", "folder/file"]
        self.assertEqual(self.found(follow=True), (expected, 0))

    def test_outside(self) -> None:
        """Those that lead out of the folder, or nowhere, are not followed."""
        self.make("file")
        with open(self.top + "-file", "wb"):
            pass
        for name, target in (
            ("a", self.top + "-file"),
            ("b", os.path.dirname(self.top)),
            ("c", "../" + os.path.basename(self.top) + "-file"),
            ("d", "missing"),
            ("e", "e"),
        ):
            self.link(name, target)
        self.link("in", "file")
        self.assertEqual(self.found(follow=True), (["file", "in"], 5))

    def test_given_by_a_link(self) -> None:
        """A folder may itself be given by a link."""
        self.make("file")
        self.link("in", "file")
        named = self.top + "-link"
        os.symlink(self.top, named)
        listing = walk(named, follow=True)
        name = os.path.basename(named)
        self.assertEqual([e.relative_path for e in listing.found], [f"{name}/file", f"{name}/in"])

    def test_around(self) -> None:
        """A link to a folder that it is in, by other links too, is not followed."""
        self.make("a/file")
        self.make("b/deep/file")
        self.link("a/self", ".")
        self.link("a/top", "..")
        self.link("a/to-b", "../b")
        self.link("b/deep/to-a", "../../a")
        expected = ["a/file", "a/to-b/deep/file", "b/deep/file", "b/deep/to-a/file"]
        self.assertEqual(self.found(follow=True), (expected, 2 + 1 + 2 + 1))

    def warned(self, listing: Listing, path: str, follow: bool) -> list[str | None]:
        with capturedLogs() as logged:
            listing.warn(Logger(), path, follow)
        return [formatEvent(event) for event in logged]

    def test_warning(self) -> None:
        """A sentence says how many were left out and why, or nothing if there are none."""
        self.assertEqual(self.warned(walk(self.top), self.top, False), [])
        self.link("a", "missing")
        [sentence] = self.warned(walk(self.top), self.top, False)
        self.assertIn(f"1 symbolic link was left out below {self.top}; links=", sentence)
        self.link("b", "missing")
        [sentence] = self.warned(walk(self.top), "x\n", True)
        self.assertRegex(sentence, r"^2 .*were left out below x\\n; what")
