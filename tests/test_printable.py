"""Tests for text that is safe to print."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis.strategies import characters, text
from twisted.trial.unittest import SynchronousTestCase

from txresumable._runtime.printable import counted, printable


class PrintableTests(SynchronousTestCase):
    """What is escaped, and what is not."""

    def test_escaped(self) -> None:
        """Control characters, separators of lines, reversals, and bytes that are not UTF-8."""
        for given_text, expected in (
            ("a\n2 of 2 files uploaded\r", "a\\n2 of 2 files uploaded\\r"),
            ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
            ("\x7f\x9b31m", "\\x7f\\x9b31m"),
            ("a\u2028b\u2029c\u202egpj.exe\u2066", "a\\u2028b\\u2029c\\u202egpj.exe\\u2066"),
            (os.fsdecode(b"bad\xff.txt"), "bad\\xff.txt"),
            ("\udc80", "\\x80"),
            ("\ud800\udc7f\udd00", "\\ud800\\udc7f\\udd00"),
        ):
            self.assertEqual(printable(given_text), expected)

    def test_kept(self) -> None:
        """What people write in any script stays as it is, spaces and joiners included."""
        for kept in ("a b.txt", "\u00e9t\u00e9", "\u65e5\u672c\u3000\u8a9e", "\u0645\u06cc\u200c"):
            self.assertEqual(printable(kept), kept)

    @given(text(characters(codec=None)))
    def test_any_text(self, any_text: str) -> None:
        """Whatever the text, what is shown is one line that can be written as UTF-8."""
        shown = printable(any_text)
        self.assertLessEqual(len(shown.encode().splitlines()), 1)
        self.assertEqual(len(shown.splitlines()), 1 if shown else 0)
        self.assertEqual(printable(shown), shown)


class CountTests(SynchronousTestCase):
    """Numbers of things."""

    def test_counted(self) -> None:
        """One is no plural."""
        self.assertEqual(
            [counted(count, "folder") for count in (0, 1, 2)],
            ["0 folders", "1 folder", "2 folders"],
        )
