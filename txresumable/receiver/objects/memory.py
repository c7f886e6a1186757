"""
Memory for chunks on their way to object storage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

__all__ = ["Holding", "Memory"]

_SHARE_LEFT = 8
_TIMES_LEFT = 4
_SLOW = 10.0
_LOOKS = 1.0


class Memory:
    """
    A bound on the bytes of all chunks that have arrived and are not stored yet.

    Room is taken for all of a chunk when its first bytes arrive, so that each one that goes on can
    go on to its end.  If halves of chunks filled memory, and none had room for its other half, all
    would depend on the slowest client.

    Chunks go on in the order in which they come, but each leaves some room (its fourfold, an eighth
    of all at most) to those that are smaller, which pass it as long as they fit there.  While
    others wait, those that have not arrived in 10 seconds may have half of the room; of more, the
    one that will take longest is cut off.  So large chunks over slow lines arrive too, and keep
    nobody else waiting for long.

    :param limit: bytes; a chunk that has more is taken if there is no other.
    :param clock: the time, as a reactor has it.
    :ivar taken: bytes of the chunks that there is room for, whether they have arrived or not.
    """

    def __init__(self, limit: int, clock: Any) -> None:
        self.limit = limit
        self.taken = 0
        self._clock = clock
        self._sizes = Counter[int]()
        self._arriving: dict[Holding, float] = {}
        self._waiting: list[Holding] = []
        self._timer: Any = None

    def hold(self, size: int, cut_off: Callable[[], None]) -> Holding:
        """
        Begin a chunk of which nothing has arrived.

        :param size: how many bytes it will have.
        :param cut_off: called when it has to be released, as it takes too long.
        """
        return Holding(self, size, cut_off)

    def take(self, holding: Holding) -> bool:
        """
        Take room for a chunk.

        :returns: whether there is any; else it is told once there is.
        """
        self._waiting.append(holding)
        self._let_in()
        return holding in self._arriving

    def complete(self, holding: Holding) -> None:
        """All of a chunk is there."""
        self._arriving.pop(holding, None)

    def give_back(self, holding: Holding, *, is_waiting: bool) -> None:
        """Give the room of a chunk to others, or wait for it no more."""
        if is_waiting:
            self._waiting.remove(holding)
        else:
            self._arriving.pop(holding, None)
            self.taken -= holding.size
            self._sizes[holding.size] -= 1
            self._sizes += Counter()  # without those that are none
        self._let_in()

    def _let_in(self) -> None:
        ahead: list[int] = []  # each is smaller than the one before
        waiting, let_in = list[Holding](), list[Holding]()
        for holding in self._waiting:
            size = holding.size
            if ahead and size >= ahead[-1]:
                waiting.append(holding)
            elif self._fits(size) and all(self._passes(size, other) for other in ahead):
                self.taken += size
                self._sizes[size] += 1
                self._arriving[holding] = self._clock.seconds()
                let_in.append(holding)
            else:
                ahead.append(size)
                waiting.append(holding)
        self._waiting = waiting
        self._schedule()
        for holding in let_in:
            holding.go_on()

    def _fits(self, size: int) -> bool:
        smaller = self._smaller(size)
        others = self.taken - smaller
        return not self.taken or others + max(smaller, self._left(size)) + size <= self.limit

    def _passes(self, size: int, other: int) -> bool:
        """Whether a chunk has room in what a larger one that waits leaves."""
        return self._smaller(other) + size <= self._left(other)

    def _left(self, size: int) -> int:
        """How much a chunk leaves to smaller ones."""
        return max(0, min(self.limit // _SHARE_LEFT, _TIMES_LEFT * size, self.limit - size))

    def _smaller(self, size: int) -> int:
        return sum(each * count for each, count in self._sizes.items() if each < size)

    def _schedule(self) -> None:
        if self._waiting and self._timer is None:
            self._timer = self._clock.callLater(_LOOKS, self._look)
        elif not self._waiting and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Cut off who keeps others waiting, until nobody waits."""
        self._timer = None
        now = self._clock.seconds()
        left = {
            each: each.left * (now - since) / (each.size - each.left or 1)
            for each, since in self._arriving.items()
            if now - since >= _SLOW
        }
        slow = sorted(left, key=left.__getitem__)
        held = sum(each.size for each in slow)
        while self._waiting and held > self.limit / 2 and len(slow) > 1:
            longest = slow.pop()
            held -= longest.size
            longest.cut_off()
        self._schedule()


class Holding:
    """
    The bytes of one chunk.

    :ivar size: how many it will have.
    :ivar left: how many of them have not arrived.
    :ivar cut_off: called when it has to be released, as it takes too long.
    """

    def __init__(self, memory: Memory, size: int, cut_off: Callable[[], None]) -> None:
        self.size = self.left = size
        self.cut_off = cut_off
        self._memory = memory
        self._has_begun = self._is_over = False
        self._held: Deferred[None] | None = None

    def arrived(self, count: int) -> Deferred[None] | None:
        """
        Some of its bytes have arrived.

        :returns: a Deferred that fires when more can be taken, or nothing if it can at once.
        """
        self.left -= count
        if not self._has_begun:
            self._has_begun = True
            if not self._memory.take(self):
                self._held = Deferred()
        return self._held

    def go_on(self) -> None:
        """More can be taken."""
        held, self._held = self._held, None
        if held is not None and not held.called:
            held.callback(None)

    def complete(self) -> None:
        """It is there as a whole, and not cut off any more."""
        self._memory.complete(self)

    def release(self) -> None:
        """Hold nothing any more; once is enough."""
        if self._has_begun and not self._is_over:
            self._is_over = True
            self._memory.give_back(self, is_waiting=self._held is not None)
            self.go_on()
        self._is_over = True
