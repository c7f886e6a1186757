"""
How many chunks may be under way: a number that can change.
"""

from __future__ import annotations

__all__ = ["Slots"]


class Slots:
    """
    Tokens for chunks under way.

    They are taken only while some are free, so that nobody waits for one: what comes next is
    chosen when there is room for it, and not before.

    :param number: how many there are.
    :ivar number: how many there are, without those that are to go when they are given back.
    """

    __slots__ = ("_taken", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self._taken = 0

    @property
    def free(self) -> int:
        """How many can be taken now."""
        return max(0, self.number - self._taken)

    def take(self) -> None:
        """Take one that is free."""
        assert self._taken < self.number
        self._taken += 1

    def give_back(self) -> None:
        """Give one back."""
        self._taken -= 1

    def resize(self, number: int) -> None:
        """
        Change how many there are.  Those that are taken are left to who has them.

        :param number: 1 or more.
        """
        self.number = number
