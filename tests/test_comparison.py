"""Tests for the comparison of sources."""

from __future__ import annotations

import os

from twisted.internet.defer import CancelledError

from txresumable._source.comparison import Comparison, compare
from txresumable._source.source import BytesSource
from txresumable.errors import SourceChanged

from .source_rig import CONTENT, SourceTestCase


class ComparisonTests(SourceTestCase):
    """What two sources are to each other."""

    def test_one_file(self) -> None:
        """A path given twice and a hard link are the same file, of which nothing is read."""
        link = self.mktemp()
        os.link(self.path, link)
        self.patch(os, "pread", None)
        for other in (self.path, link):
            comparison = compare(self.source(self.path), self.source(other))
            self.assertIs(comparison, Comparison.SAME_FILE)

    def test_one_path(self) -> None:
        """A path is the same file even if its file number is another one each time."""
        self.patch(os.path, "samefile", lambda *_: False)
        comparison = compare(self.source(self.path), self.source(self.path))
        self.assertIs(comparison, Comparison.SAME_FILE)

    def test_replaced(self) -> None:
        """A path that another file was given between two looks is not the same file."""
        for check, content in (("strict", CONTENT), ("mtime", CONTENT[::-1])):
            before, after = self.source(self.path, check), self.source(self.path, check)
            before.look()
            before.open()
            self.addCleanup(before.close)
            os.rename(self.path, self.mktemp())
            with open(self.path, "wb") as file:
                file.write(content)
            os.utime(self.path, (0, len(check)))
            after.look()
            if check == "strict":  # whose time of change is another one, as it was renamed
                self.assertRaises(SourceChanged, compare, before, after)
            else:
                self.assertIs(compare(before, after), Comparison.DIFFERENT)

    def test_content(self) -> None:
        """Other files, and what is no file, are equal if all of their bytes are."""
        copy = self.mktemp()
        for content, expected in (
            (CONTENT, Comparison.EQUAL),
            (CONTENT[:-1] + b"!", Comparison.DIFFERENT),
            (CONTENT[:-1], Comparison.DIFFERENT),
        ):
            with open(copy, "wb") as file:
                file.write(content)
            for other in (self.source(copy), BytesSource("", content)):
                self.assertIs(compare(self.source(self.path), other), expected)
                self.assertIs(compare(other, self.source(self.path)), expected)

    def test_changed(self) -> None:
        """A file that is not what was looked at is not compared."""
        source = self.source(self.path)
        source.look()
        self.rewrite(b"2")
        for pair in ((source, BytesSource("", CONTENT)), (BytesSource("", CONTENT), source)):
            self.assertRaises(SourceChanged, compare, *pair)

    def test_unwanted(self) -> None:
        """Nothing more is read when nobody waits for it."""
        memory, file = BytesSource("", CONTENT), self.source(self.path)
        for asked in ([False], [True, False]):
            self.assertRaises(CancelledError, compare, memory, file, iter(asked).__next__)
