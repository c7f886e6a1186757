"""
Memory for chunks on their way to object storage.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

__all__ = ["Holding", "Memory"]


class Memory:
    """
    A bound on the bytes of all chunks that have arrived and are not stored yet.

    Above it whoever has more is to wait.  So that those who wait for each other with halves of
    chunks do not wait for ever, one of them at a time goes on above the bound, to its end: the one
    that lacks the least.

    :param limit: bytes.
    :ivar used: bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._favoured: Holding | None = None
        self._waiting: list[Holding] = []

    def hold(self, size: int) -> Holding:
        """
        Begin a chunk of which nothing has arrived.

        :param size: how many bytes it will have.
        """
        return Holding(self, size)

    def taken(self, holding: Holding, size: int) -> bool:
        """
        Count bytes.

        :returns: whether more may come at once; else it will be told.
        """
        self.used += size
        if self.used <= self.limit or self._favoured in (None, holding):
            if self.used > self.limit:
                self._favoured = holding
            return True
        self._waiting.append(holding)
        return False

    def given_back(self, holding: Holding, size: int) -> None:
        """Count bytes no more, and let others go on."""
        self.used -= size
        if holding in self._waiting:
            self._waiting.remove(holding)
        if self._favoured is holding:
            self._favoured = None
        while self._waiting and (self.used < self.limit or self._favoured is None):
            nearest = min(self._waiting, key=lambda each: each.left)
            if self.used >= self.limit:
                self._favoured = nearest
            self._waiting.remove(nearest)
            nearest.go_on()


class Holding:
    """
    The bytes of one chunk.

    :ivar left: how many have not arrived.
    :ivar size: how many are held.
    """

    def __init__(self, memory: Memory, size: int) -> None:
        self.left = size
        self.size = 0
        self._memory = memory
        self._held: Deferred[None] | None = None

    def add(self, size: int) -> Deferred[None] | None:
        """
        So many more bytes have arrived.

        :returns: a Deferred that fires when more can be taken, or nothing if it can at once.
        """
        self.left -= size
        self.size += size
        if self._memory.taken(self, size):
            return None
        self._held = Deferred()
        return self._held

    def go_on(self) -> None:
        """More can be taken."""
        held, self._held = self._held, None
        if held is not None and not held.called:
            held.callback(None)

    def release(self) -> None:
        """Hold nothing any more; once is enough."""
        size, self.size = self.size, 0
        self._memory.given_back(self, size)
        self.go_on()
