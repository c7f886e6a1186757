"""Tests for what waits, of several folders."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txresumable.push.turns import Turns


class TurnsTests(SynchronousTestCase):
    """Each folder has its turn."""

    def test_in_turn(self) -> None:
        """A folder with many does not hold up one with few, and what is one's own is in order."""
        turns: Turns[str] = Turns()
        for number in range(4):
            turns.add("a", f"a{number}")
        turns.add("b", "b0")
        turns.add("b", "b1")
        taken = []
        while turns:
            taken.append(turns.next())
            if len(taken) == 1:
                turns.add("c", "c0")
        self.assertEqual(taken, ["a0", "b0", "a1", "c0", "b1", "a2", "a3"])
        self.assertRaises(StopIteration, turns.next)

    def test_removed(self) -> None:
        """What was removed does not come, and a folder without any has no turn."""
        turns: Turns[str] = Turns()
        turns.add("a", "a0")
        turns.add("b", "b0")
        turns.remove("a", "a0")
        turns.remove("a", "a0")
        turns.remove("b", "a0")
        self.assertEqual(turns.next(), "b0")
        self.assertFalse(turns)
