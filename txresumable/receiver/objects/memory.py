"""
Memory for chunks on their way to object storage.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred

__all__ = ["Holding", "Memory"]


class Memory:
    """
    A bound on the bytes of all chunks that have arrived and are not stored yet.

    Room is taken for all of a chunk when its first bytes arrive, in the order in which they do, so
    that each one that goes on can go on to its end.  If halves of chunks filled memory, and none
    had room for its other half, all would depend on the slowest client.

    :param limit: bytes; a chunk that has more is taken if there is no other.
    :ivar taken: bytes of the chunks that there is room for, whether they have arrived or not.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0
        self._waiting: deque[Holding] = deque()

    def hold(self, size: int) -> Holding:
        """
        Begin a chunk of which nothing has arrived.

        :param size: how many bytes it will have.
        """
        return Holding(self, size)

    def take(self, holding: Holding) -> bool:
        """
        Take room for a chunk.

        :returns: whether there is any; else it is told once there is.
        """
        if not self._waiting and self._fits(holding):
            self.taken += holding.size
            return True
        self._waiting.append(holding)
        return False

    def give_back(self, holding: Holding, *, is_waiting: bool) -> None:
        """Give the room of a chunk to others, or wait for it no more."""
        if is_waiting:
            self._waiting.remove(holding)
        else:
            self.taken -= holding.size
        while self._waiting and self._fits(self._waiting[0]):
            following = self._waiting.popleft()
            self.taken += following.size
            following.go_on()

    def _fits(self, holding: Holding) -> bool:
        return not self.taken or self.taken + holding.size <= self.limit


class Holding:
    """
    The bytes of one chunk.

    :ivar size: how many it will have.
    """

    def __init__(self, memory: Memory, size: int) -> None:
        self.size = size
        self._memory = memory
        self._has_begun = self._is_over = False
        self._held: Deferred[None] | None = None

    def begin(self) -> Deferred[None] | None:
        """
        Its first bytes have arrived; once is enough.

        :returns: a Deferred that fires when more can be taken, or nothing if it can at once.
        """
        if self._has_begun:
            return self._held
        self._has_begun = True
        if not self._memory.take(self):
            self._held = Deferred()
        return self._held

    def go_on(self) -> None:
        """More can be taken."""
        held, self._held = self._held, None
        if held is not None and not held.called:
            held.callback(None)

    def release(self) -> None:
        """Hold nothing any more; once is enough."""
        if self._has_begun and not self._is_over:
            self._memory.give_back(self, is_waiting=self._held is not None)
            self.go_on()
        self._is_over = True
