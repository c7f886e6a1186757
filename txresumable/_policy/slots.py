"""
How many chunks may be under way: a ``DeferredSemaphore`` whose number can change.
"""

from __future__ import annotations

from twisted.internet.defer import DeferredSemaphore

__all__ = ["Slots"]


class Slots:
    """
    Tokens for chunks under way.

    They are taken only while some are free, so that nobody queues at the semaphore: what comes
    next is chosen when there is room for it, and not before.

    :param number: how many there are.
    """

    def __init__(self, number: int) -> None:
        self._semaphore = DeferredSemaphore(number)
        self._surplus = 0

    @property
    def number(self) -> int:
        """How many there are, without those that are to go when they are given back."""
        return self._semaphore.limit - self._surplus

    @property
    def free(self) -> int:
        """How many can be taken now."""
        return self._semaphore.tokens

    def take(self) -> None:
        """Take one that is free: ``acquire()`` without the Deferred of who has to wait."""
        assert self._semaphore.tokens > 0
        self._semaphore.tokens -= 1

    def give_back(self) -> None:
        """Give one back."""
        if self._surplus:
            self._surplus -= 1
            self._semaphore.limit -= 1
        else:
            self._semaphore.release()

    def resize(self, number: int) -> None:
        """
        Change how many there are.  Those that are taken are left to who has them.

        :param number: 1 or more.
        """
        more = number - self.number
        if more > 0:
            kept = min(more, self._surplus)
            self._surplus -= kept
            self._semaphore.limit += more - kept
            self._semaphore.tokens += more - kept
        elif more < 0:
            gone = min(-more, self._semaphore.tokens)
            self._semaphore.limit -= gone
            self._semaphore.tokens -= gone
            self._surplus += -more - gone
