"""
How many chunks may be under way: a semaphore some of whose tokens can be held back.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore

__all__ = ["Slots"]


class Slots(DeferredSemaphore):
    """
    A semaphore for chunks under way, whose number of tokens can be changed at any time.

    It has as many tokens as it can ever have, and it holds back those that are not to be used, as
    any other user of it would: it acquires them, waiting for the ones that are in use.

    Whoever wants to choose what to begin only when there is room for it looks at :attr:`tokens`
    before ``acquire()``, whose Deferred has then fired.

    :param number: how many there are.
    :param most: how many there can be.
    """

    def __init__(self, number: int, most: int) -> None:
        super().__init__(most)
        self._held_back: list[Deferred[Slots]] = []
        self.resize(number)

    @property
    def number(self) -> int:
        """How many there are, without those that are going to be held back once they are free."""
        return self.limit - len(self._held_back)

    def resize(self, number: int) -> None:
        """
        Change how many there are.  Whoever has one keeps it until it is released.

        :param number: from 1 to as many as there can be.
        """
        surplus = self.limit - number
        while len(self._held_back) < surplus:
            self._held_back.append(self.acquire())
        while len(self._held_back) > surplus:
            self._give_up(self._held_back.pop())

    def _give_up(self, held_back: Deferred[Slots]) -> None:
        """Release a token, or stop waiting for it: the last to be held back are still in use."""
        if held_back.called:
            self.release()
        else:
            held_back.addErrback(lambda failure: failure.trap(CancelledError))
            held_back.cancel()
