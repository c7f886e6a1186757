"""
How many chunks may be under way: a semaphore whose number of tokens can change.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore

__all__ = ["Slots"]


class Slots(DeferredSemaphore):
    """
    A semaphore whose number of tokens can be changed at any time.

    It is created with the greatest number, and acquires by itself those tokens that are not to be
    used, waiting for the ones that are in use.

    To choose what to begin only when there is room for it, check :attr:`tokens` first: the Deferred
    of ``acquire()`` has then fired.

    :param number: how many there are.
    :param most: how many there can be.
    """

    def __init__(self, number: int, most: int) -> None:
        super().__init__(most)
        self._held_back: list[Deferred[Slots]] = []
        self.resize(number)

    @property
    def number(self) -> int:
        """How many there are, without those that are to be held back once they are released."""
        return self.limit - len(self._held_back)

    def resize(self, number: int) -> None:
        """
        Change how many there are.  Tokens that are in use remain so until they are released.

        :param number: from 1 to as many as there can be.
        """
        surplus = self.limit - number
        while len(self._held_back) < surplus:
            self._held_back.append(self.acquire())
        while len(self._held_back) > surplus:
            self._give_up(self._held_back.pop())

    def _give_up(self, held_back: Deferred[Slots]) -> None:
        """Release a token, or stop waiting for one: those that are in use come last."""
        if held_back.called:
            self.release()
        else:
            held_back.addErrback(lambda failure: failure.trap(CancelledError))
            held_back.cancel()
