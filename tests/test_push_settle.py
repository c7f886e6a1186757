"""Tests for when a file in a watched folder is complete."""

from __future__ import annotations

import math

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from txresumable.push.entry import Version
from txresumable.push.folder.scan import Found
from txresumable.push.folder.settle import RENAMED, Settling

FILE = Found(b"a", Version(1, 10, 1000))


class SettlingTests(SynchronousTestCase):
    """Looks at files."""

    def setUp(self) -> None:
        self.settling = Settling(30.0)

    def test_unchanged(self) -> None:
        """A file that stays as it is for long enough is complete, and not a moment before."""
        self.assertFalse(self.settling.is_settled(FILE, 100.0))
        self.assertFalse(self.settling.is_settled(FILE, 129.9))
        self.assertTrue(self.settling.is_settled(FILE, 130.0))

    def test_changes(self) -> None:
        """Whatever changes of it, the time begins anew."""
        versions = [Version(2, 10, 1000), Version(2, 11, 1000), Version(2, 11, 1001)]
        self.settling.is_settled(FILE, 0.0)
        for number, version in enumerate(versions, 1):
            file = evolve(FILE, version=version)
            self.assertFalse(self.settling.is_settled(file, 29.0 * number))
        self.assertFalse(self.settling.is_settled(file, 3 * 29.0 + 29.9))
        self.assertTrue(self.settling.is_settled(file, 3 * 29.0 + 30.0))

    def test_at_once(self) -> None:
        """If there is nothing to wait for, the first look is enough."""
        self.assertTrue(Settling(0.0).is_settled(FILE, 5.0))

    def test_renamed(self) -> None:
        """A file that was renamed to its name has to stay as it is for a moment only."""
        self.assertFalse(self.settling.is_settled(FILE, 0.0, is_renamed=True))
        self.assertEqual(self.settling.next_due(), RENAMED)
        self.assertTrue(self.settling.is_settled(FILE, RENAMED))

    def test_renamed_seen_before(self) -> None:
        """So it has if a scan had seen it before that was reported."""
        self.settling.is_settled(FILE, 0.0)
        self.assertTrue(self.settling.is_settled(FILE, RENAMED, is_renamed=True))

    def test_renamed_changes(self) -> None:
        """If it changes in that moment, it is like any other file."""
        self.settling.is_settled(FILE, 0.0, is_renamed=True)
        grown = evolve(FILE, version=Version(1, 11, 1000))
        self.assertFalse(self.settling.is_settled(grown, RENAMED))
        self.assertFalse(self.settling.is_settled(grown, RENAMED + 29.9))
        self.assertTrue(self.settling.is_settled(grown, RENAMED + 30.0))

    def test_renamed_short(self) -> None:
        """That takes no longer than it takes other files."""
        settling = Settling(0.5)
        settling.is_settled(FILE, 0.0, is_renamed=True)
        self.assertTrue(settling.is_settled(FILE, 0.5))

    def test_marker(self) -> None:
        """Where there are markers, a file is complete with its own, and never before."""
        settling = Settling(30.0, needs_marker=True)
        self.assertFalse(settling.is_settled(FILE, 0.0))
        self.assertFalse(settling.is_settled(FILE, 1e6, is_renamed=True))
        self.assertTrue(settling.is_settled(evolve(FILE, is_marked=True), 1e6))
        self.assertEqual(settling.next_due(), math.inf)
        self.assertEqual(len(settling), 0)

    def test_due(self) -> None:
        """Files are to be looked at when they may be complete, in that order and some at a time."""
        for number, name in enumerate((b"a", b"b", b"c")):
            self.settling.is_settled(evolve(FILE, path=name), float(number))
        self.assertEqual(self.settling.next_due(), 30.0)
        self.assertEqual(self.settling.due(29.9, 10), [])
        self.assertEqual(self.settling.due(31.0, 1), [b"a"])
        self.assertEqual(self.settling.due(31.0, 10), [b"b"])
        self.assertEqual(self.settling.next_due(), 32.0)

    def test_due_later(self) -> None:
        """One that has changed since is due later, and once."""
        self.settling.is_settled(FILE, 0.0)
        self.settling.is_settled(evolve(FILE, version=Version(1, 2, 3)), 10.0)
        self.assertEqual(self.settling.due(30.0, 10), [])
        self.assertEqual(self.settling.due(40.0, 10), [b"a"])
        self.assertEqual(self.settling.next_due(), math.inf)

    def test_forget(self) -> None:
        """What is forgotten is not due, and takes no memory; seen again, it is new."""
        self.settling.is_settled(FILE, 0.0)
        self.settling.forget([b"a", b"unknown"])
        self.assertEqual(self.settling.next_due(), math.inf)
        self.assertEqual(len(self.settling), 0)
        self.assertFalse(self.settling.is_settled(FILE, 30.0))

    def test_many_forgotten(self) -> None:
        """However many are forgotten at once, each call does little, and all that is due comes."""
        for number in range(5000):
            self.settling.is_settled(evolve(FILE, path=b"%d" % number), 0.0)
        self.settling.is_settled(FILE, 1.0)
        self.settling.forget(b"%d" % number for number in range(5000))
        self.assertLess(self.settling.next_due(), 31.0)
        calls = 0
        while not (due := self.settling.due(31.0, 500)):
            self.assertLessEqual(self.settling.next_due(), 31.0)
            calls += 1
        self.assertEqual(due, [b"a"])
        self.assertGreater(calls, 3)
        self.assertEqual(self.settling.next_due(), math.inf)

    def test_clear(self) -> None:
        """All can be forgotten."""
        self.settling.is_settled(FILE, 0.0)
        self.settling.clear()
        self.assertEqual(len(self.settling), 0)
        self.assertEqual(self.settling.due(math.inf, 10), [])
