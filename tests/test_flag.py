"""Tests for facts that share a number."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txresumable._engine.flag import Flag


class Door:
    """Has two of them."""

    is_open = Flag(1)
    is_painted = Flag(2)

    def __init__(self) -> None:
        self.flags = 0


class FlagTests(SynchronousTestCase):
    """Facts."""

    def test_each_by_itself(self) -> None:
        """Each is true or false whatever the others are, and for its own object."""
        door, other = Door(), Door()
        door.is_open = True
        self.assertEqual((door.is_open, door.is_painted, other.is_open), (True, False, False))
        door.is_painted = door.is_open = True
        self.assertEqual((door.is_open, door.is_painted), (True, True))
        door.is_open = door.is_open = False
        self.assertEqual((door.is_open, door.is_painted, door.flags), (False, True, 2))
