"""Tests for the names that files get."""

from __future__ import annotations

import os
import re
import unicodedata
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver.store.names import is_key, key_of, names_for, safe_name, safe_path

LAYOUT = ChunkLayout(35, 10)
ANY_TEXT = st.text(st.characters(exclude_categories=()))


class KeyTests(SynchronousTestCase):
    """The names of uploads."""

    @given(ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT)
    def test_distinct(self, owner: str, identifier: str, other: str, another: str) -> None:
        """Any text has a key, and no two pairs of owner and identifier share one."""
        keys = key_of(owner, identifier, LAYOUT), key_of(other, another, LAYOUT)
        self.assertTrue(all(map(is_key, keys)))
        self.assertEqual(keys[0] == keys[1], (owner, identifier) == (other, another))

    def test_border(self) -> None:
        """Where the owner ends and the identifier begins makes a difference."""
        pairs = ("a", "b:c"), ("a:b", "c"), ("", "ab")
        self.assertEqual(len({key_of(*pair, LAYOUT) for pair in pairs}), 3)

    def test_layouts(self) -> None:
        """Files of other sizes, or in other chunks, have other keys."""
        layouts = LAYOUT, ChunkLayout(36, 10), ChunkLayout(35, 11), ChunkLayout(35, 10, True)
        self.assertEqual(len({key_of("", "a", layout) for layout in layouts}), 4)

    def test_unicode_forms(self) -> None:
        """Twins that only look alike are two."""
        self.assertNotEqual(key_of("", "\u00e9", LAYOUT), key_of("", "e\u0301", LAYOUT))

    def test_is_key(self) -> None:
        """Other names are not keys."""
        for text in ("", "a" * 63, "A" * 64, "a" * 64 + "\n", "g" * 64):
            self.assertFalse(is_key(text))


class SafeNameTests(SynchronousTestCase):
    """A client's name as a name on the disk."""

    def test_plain(self) -> None:
        """Names that harm nobody stay as they are."""
        for name in ("my_file.dat", "a b (1).tar.gz", "\u00fcber \u6587\u66f8.pdf", "#a&b=c%20'~"):
            self.assertEqual(safe_name(name), name)

    def test_hostile(self) -> None:
        """Names that harm somebody become others."""
        for name, safe in (
            ("../../etc/passwd", "passwd"),
            ("C:\\dir\\x.txt", "x.txt"),
            ("..", "file"),
            ("", "file"),
            ("/", "file"),
            (".resumable", "resumable"),
            ("a\0b\nc", "a_b_c"),
            ("con", "_con"),
            ("LPT1.txt", "_LPT1.txt"),
            ('a<b>:"|?*', "a_b______"),
            ("x. .", "x"),
            ("e\u0301", "\u00e9"),
            ("\ud800", "?".replace("?", "_")),
            ("\u202egpj.exe", "_gpj.exe"),
        ):
            self.assertEqual(safe_name(name), safe)

    def test_long(self) -> None:
        """A long name is cut and keeps its extension; an extension that is none is cut too."""
        self.assertEqual(safe_name("x" * 10_000 + ".tar"), "x" * 196 + ".tar")
        self.assertEqual(safe_name("\u00e9" * 1000), "\u00e9" * 100)
        self.assertEqual(safe_name("a." + "y" * 1000), "a." + "y" * 198)

    @given(ANY_TEXT)
    def test_any(self, name: str) -> None:
        """Whatever the name, the result is one short, visible, printable component."""
        for found in islice(names_for(name, key_of("", name, LAYOUT)), 4):
            self.assertLess(len(found.encode()), 256)
            self.assertEqual(os.path.basename(found), found)
            self.assertNotIn(found, ("", ".", ".."))
            self.assertFalse(found.startswith(".") or found.endswith((".", " ")))
            self.assertIsNone(re.search(r'[\\/<>:"|?*\x00-\x1f]', found))
            self.assertEqual(unicodedata.normalize("NFC", found), found)

    def test_path(self) -> None:
        """A path leads downwards, by components that are harmless, and has at least one."""
        for path, safe in (
            ("a/b.txt", ["a", "b.txt"]),
            ("/etc//passwd", ["etc", "passwd"]),
            ("../../x/./y/../z", ["x", "y", "z"]),
            ("C:\\con\\.x", ["C_", "_con", "x"]),
            (".resumable/key.done", ["resumable", "key.done"]),
            ("a/", ["a", "file"]),
            ("", ["file"]),
            ("a/..", ["a", "file"]),
        ):
            self.assertEqual(safe_path(path), safe)

    @given(ANY_TEXT)
    def test_any_path(self, path: str) -> None:
        """Each component of any path is safe, and a safe path stays as it is."""
        found = safe_path(path)
        self.assertEqual([safe_name(each) for each in found], found)
        self.assertEqual(safe_path("/".join(found)), found)

    @given(ANY_TEXT)
    def test_stable(self, name: str) -> None:
        """A safe name is its own safe name."""
        self.assertEqual(safe_name(safe_name(name)), safe_name(name))

    def test_alternatives(self) -> None:
        """The names for one file are all different, and keep the extension."""
        names = list(islice(names_for("a.txt", "0123456789"), 4))
        self.assertEqual(names, ["a.txt", "a-01234567.txt", "a-01234567-2.txt", "a-01234567-3.txt"])
