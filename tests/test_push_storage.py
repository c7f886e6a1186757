"""Tests for whether a folder is to be seen from here."""

from __future__ import annotations

import os
from unittest.mock import patch

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.push.delivery.storage import PAUSE, Storage


class StorageTests(SynchronousTestCase):
    """A folder."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.root = self.mktemp()
        self.storage = Storage(os.fsencode(self.root), self.clock)

    def missed(self) -> str:
        """A file does not lie there."""
        return self.successResultOf(self.storage.missed())

    def test_does_not_exist(self) -> None:
        """One that does not exist is away, for a moment."""
        self.assertFalse(self.storage.is_away)
        self.assertIn("No such file", self.missed())
        self.assertTrue(self.storage.is_away)
        self.clock.advance(PAUSE)
        self.assertFalse(self.storage.is_away)

    def test_empty(self) -> None:
        """An empty one may be a mount point, unless it has had files."""
        os.mkdir(self.root)
        self.assertIn("mounted?", self.missed())
        self.clock.advance(PAUSE)
        self.successResultOf(self.storage.found())
        self.assertEqual(self.missed(), "")
        self.assertFalse(self.storage.is_away)

    def test_others(self) -> None:
        """In one that has others, a file that is missed is not there."""
        os.makedirs(os.path.join(self.root, "other"))
        self.assertEqual(self.missed(), "")

    def test_another_file_system(self) -> None:
        """One that is on another file system than before is away, whatever is in it."""
        os.makedirs(os.path.join(self.root, "other"))
        self.successResultOf(self.storage.found())
        found = os.stat(self.root)
        with patch("os.stat", return_value=os.stat_result((*found[:2], found[2] + 1, *found[3:]))):
            self.assertIn("another file system", self.missed())
        self.assertTrue(self.storage.is_away)
