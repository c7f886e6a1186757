"""
Tests for the figures that tests note.
"""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from .figures import add_up, note


class FigureTests(SynchronousTestCase):
    """
    Noting and adding up.
    """

    def test_adds_up(self) -> None:
        """Numbers of one name are added, and of those that are the most the greatest is kept."""
        path = self.mktemp()
        self.patch(os, "environ", {"TXRESUMABLE_FIGURES": path})
        for number in (2, 5, 3):
            note("kills", kills=number, most_sent_again=number)
        note("other", points=1)
        with open(path) as lines:
            total = add_up(lines)
        self.assertEqual(
            total, {"kills": {"kills": 10, "most_sent_again": 5}, "other": {"points": 1}}
        )

    def test_not_asked_for(self) -> None:
        """Nothing is noted unless a file is named."""
        self.patch(os, "environ", {})
        note("kills", kills=1)
