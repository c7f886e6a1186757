"""Tests for what has happened in a watched folder since it was looked at."""

from __future__ import annotations

import math

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.push.folder.touched import GATHER, MOST, Touched
from txresumable.push.patterns import Patterns


class TouchedTests(SynchronousTestCase):
    """Names that are reported."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.pokes = 0
        self.touched = Touched(self.clock, Patterns(exclude=["*.part"]), self.poke)

    def poke(self) -> None:
        self.pokes += 1

    def test_gathers(self) -> None:
        """They gather for a moment, which later ones do not prolong."""
        self.assertEqual(self.touched.due, math.inf)
        self.touched.touched(b"a", None)
        self.clock.advance(GATHER / 2)
        self.touched.touched(b"b", None)
        self.assertEqual(self.touched.due, GATHER)
        self.assertEqual(self.pokes, 1)
        self.assertEqual(self.touched.take(), {b"a": None, b"b": None})
        self.assertEqual(self.touched.due, math.inf)
        self.assertEqual(self.touched.take(), {})

    def test_renamed(self) -> None:
        """A file is complete if it comes from elsewhere, or had a name that is not uploaded."""
        self.touched.touched(b"a", b"")
        self.touched.touched(b"b", b"b.part")
        self.touched.touched(b"c", b"c.log")
        self.touched.touched(b"d", None)
        self.assertEqual(self.touched.take(), {b"a": True, b"b": True, b"c": False, b"d": None})

    def test_written_after(self) -> None:
        """What happened last counts: one that was renamed and then written to is not."""
        self.touched.touched(b"a", b"")
        self.touched.touched(b"a", None)
        self.touched.touched(b"b", None)
        self.touched.touched(b"b", b"")
        self.assertEqual(self.touched.take(), {b"a": False, b"b": True})

    def test_too_many(self) -> None:
        """If there are too many, none is kept, and everything has to be looked at."""
        for number in range(MOST):
            self.touched.touched(b"%d" % number, None)
        self.touched.touched(b"0", None)
        self.assertFalse(self.touched.has_lost_track)
        self.touched.touched(b"one more", None)
        self.assertTrue(self.touched.has_lost_track)
        self.touched.touched(b"and another", None)
        self.assertEqual(self.touched.take(), {})
        self.assertFalse(self.touched.has_lost_track)

    def test_lost_track(self) -> None:
        """So it is if the system has lost some."""
        self.touched.touched(b"a", None)
        self.touched.lost_track()
        self.assertTrue(self.touched.has_lost_track)
        self.assertEqual(self.touched.due, GATHER)
        self.assertEqual(self.touched.take(), {})
