"""
How many chunks may be under way: a semaphore that nobody waits at, and whose size can change.

A :class:`~twisted.internet.defer.DeferredSemaphore` has a Deferred for whoever waits for a token.
Here nobody does: what begins next is chosen only when there is a token for it.  That Deferred is
4 of the 190 function calls that a small chunk costs, and a microsecond, which is 1 % of its time;
and of a semaphore, tokens that are not to be used would have to be acquired.  So this is a counter
with the semaphore's words.
"""

from __future__ import annotations

__all__ = ["Slots"]


class Slots:
    """
    Tokens for chunks under way.

    :param number: how many there are.
    :ivar number: that number.
    :ivar tokens: how many can be acquired now; less than 0 if more are in use than there are to be,
        since their number was reduced, or some are lent.
    """

    __slots__ = ("number", "tokens")

    def __init__(self, number: int) -> None:
        self.number = self.tokens = number

    def acquire(self) -> None:
        """Take a token.  There has to be one."""
        assert self.tokens > 0, "no token is free"
        self.tokens -= 1

    def borrow(self) -> None:
        """Take one that does not exist: somebody who has one does not need it for now."""
        self.tokens -= 1

    def release(self) -> None:
        """Give a token back."""
        assert self.tokens < self.number, "more tokens are released than were acquired"
        self.tokens += 1

    def resize(self, number: int) -> None:
        """
        Change how many there are.  Tokens that are in use remain so until they are released.

        :param number: 0 or more.
        """
        self.tokens += number - self.number
        self.number = number
