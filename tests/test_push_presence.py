"""Tests for whether a watched folder is there, or the place where its disk belongs."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txresumable.push.folder.presence import Presence


class PresenceTests(SynchronousTestCase):
    """What scans saw."""

    def setUp(self) -> None:
        self.presence = Presence()

    def test_same(self) -> None:
        """A folder that has had names in it is what it was, full or empty."""
        for names in (3, 0, 1):
            self.assertEqual(self.presence.problem(1, names), "")
            self.assertTrue(self.presence.is_certain(1))

    def test_empty_since_start(self) -> None:
        """One that has been empty since the start is no problem, and nothing is certain."""
        self.assertEqual(self.presence.problem(1, 0), "")
        self.assertFalse(self.presence.is_certain(1))
        self.assertEqual(self.presence.problem(2, 1), "")
        self.assertTrue(self.presence.is_certain(2))

    def test_unmounted(self) -> None:
        """One that is on another file system is not the same, whatever is in it, until it is."""
        self.presence.problem(1, 3)
        for names in (0, 2):
            self.assertIn("mounted", self.presence.problem(2, names))
            self.assertFalse(self.presence.is_certain(2))
        self.assertEqual(self.presence.problem(1, 0), "")
        self.assertTrue(self.presence.is_certain(1))
