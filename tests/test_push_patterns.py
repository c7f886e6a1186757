"""Tests for which files of a watched folder are uploaded."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable.errors import InvalidOption
from txresumable.push.patterns import Patterns


class PatternsTests(SynchronousTestCase):
    """Includes and excludes."""

    def included(
        self, paths: Sequence[bytes], include: Sequence[str] = (), exclude: Sequence[str] = ()
    ) -> list[bytes]:
        patterns = Patterns(include, exclude)
        return [path for path in paths if patterns.includes(path)]

    def test_all(self) -> None:
        """Without patterns, every file is uploaded."""
        paths = [b"a", b".hidden", b"b/c", b"\n", b"\xff"]
        self.assertEqual(self.included(paths), paths)

    def test_include(self) -> None:
        """Only what a pattern matches is, in whatever folder it lies."""
        paths = [b"a.dcm", b"b/a.dcm", b"a.dcm.part", b"dcm", b"b.dcm/x"]
        self.assertEqual(self.included(paths, ["*.dcm"]), [b"a.dcm", b"b/a.dcm", b"b.dcm/x"])
        self.assertEqual(self.included(paths, ["/*.dcm"]), [b"a.dcm", b"b.dcm/x"])

    def test_exclude(self) -> None:
        """What is excluded is not, included or not."""
        paths = [b"a.dcm", b".a.dcm", b".b/a.dcm", b"a.part"]
        self.assertEqual(self.included(paths, exclude=["*.part", ".*"]), [b"a.dcm"])
        self.assertEqual(self.included(paths, ["*.dcm"], [".*"]), [b"a.dcm"])

    def test_last(self) -> None:
        """Of several patterns that match, the last one decides."""
        paths = [b"a.log", b"keep.log", b"x"]
        self.assertEqual(self.included(paths, exclude=["*.log", "!keep.log"]), [b"keep.log", b"x"])
        self.assertEqual(self.included(paths, ["*.log", "!keep.log"]), [b"a.log"])

    def test_line_breaks(self) -> None:
        """A line break in a name is a character like others, in folders, and at the end."""
        names = [b"x\ny/a.dcm", b"a\nb.dcm", b"a.dcm\n", b"\na.dcm"]
        self.assertEqual(self.included(names, ["*.dcm"]), [names[0], names[1], names[3]])
        self.assertEqual(self.included(names, ["x\ny/"]), [names[0]])
        self.assertEqual(self.included(names, ["a?b.dcm"]), [names[1]])

    def test_bytes(self) -> None:
        """Nor are bytes that are no UTF-8 an obstacle."""
        names = [b"\xff.dcm", b"\xfe\xff/a.dcm", b"\xff"]
        self.assertEqual(self.included(names, ["*.dcm"]), names[:2])

    def test_folders(self) -> None:
        """A folder is not looked into if everything in it is excluded, and only then."""
        patterns = Patterns((), ["cache/", ".*", "*.tmp"])
        skipped = [
            path
            for path in (b"cache", b"a/cache", b".git", b"a.tmp", b"a", b"cached")
            if patterns.skips(path)
        ]
        self.assertEqual(skipped, [b"cache", b"a/cache", b".git", b"a.tmp"])
        self.assertFalse(Patterns((), ["cache/*", "!cache/keep"]).skips(b"cache"))
        self.assertFalse(Patterns((), ["cache/", "!cache/keep"]).skips(b"cache"))
        self.assertFalse(Patterns(["*.dcm"]).skips(b"a"))

    @given(
        st.lists(st.sampled_from(["*.a", "b/", "/c", "d/**/e", ".*", "?", "f/*", "*"])),
        st.lists(st.sampled_from(["a", "b", "c", "d", "e", ".x", "f", "g.a"]), min_size=2),
    )
    def test_skipped_is_excluded(self, exclude: list[str], names: list[str]) -> None:
        """Nothing that is included lies in a folder that is not looked into."""
        patterns = Patterns((), exclude)
        for length in range(1, len(names)):
            if patterns.skips(os.fsencode("/".join(names[:length]))):
                self.assertFalse(patterns.includes(os.fsencode("/".join(names))))

    def test_not_installed(self) -> None:
        """Only patterns need pathspec; the error says how to install it."""
        with patch.dict(sys.modules, {"pathspec": None}):
            self.assertEqual(self.included([b"a"]), [b"a"])
            with self.assertRaisesRegex(InvalidOption, "pip install"):
                Patterns(["*.dcm"])

    def test_wrong(self) -> None:
        """A pattern that cannot be read, or matches nothing, is named in the error."""
        for pattern in ("!", "a\\", "[z-a]", "", " ", "# note", "a\0b", "!a"):
            for option in ("include", "exclude"):
                with self.assertRaises(InvalidOption) as raised:
                    Patterns(**{option: ["*.dcm", pattern] if pattern != "!a" else [pattern]})
                self.assertEqual(raised.exception.option, option)
                self.assertEqual(raised.exception.value, pattern)
