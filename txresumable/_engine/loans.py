"""
Slots of small chunks that only wait for their responses, lent to others meanwhile.

Over a long line a small request does hardly anything but wait: once the kernel has all of it, its
slot may be another's.  That one needs a connection of its own.  So a server that is slow itself, or
that has no room for more, must not be asked for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._http.gauge import Gauge
from .._http.pool import NEAR
from .._policy.filling import JITTER, QUEUE
from .._policy.order import ChunkOrder
from .._policy.slots import Slots
from ..options import Options
from .transfer import Transfer
from .turn import Turn

__all__ = ["Loans"]

SMALL = 16 * 1024
"""Bytes of a chunk that may borrow.  Larger ones fill a line themselves."""
LARGEST = SMALL + 4 * 1024
"""Bytes of a request that may lend, which has a head and the parts of a form."""
SLOW, SLACK = 1.25, 0.01
"""
So many round trips and seconds a response may take: what takes longer waits for the server, which
would not be faster for more requests.
"""
FEW_LATE = 4
"""One of so many responses may take longer than that."""
AGAIN = 4
"""Looks in a round trip, as long as nothing can be lent."""
PAUSE = 60.0
"""Seconds without a loan after the server pushed back, or a connection could not be had."""
LOSSY = 4
"""
As many round trips without one after a segment was lost: over a connection more, the first one may
be lost, which is noticed only after a second.
"""


class Loans:
    """
    Lends slots.

    As many as there are slots can be lent at the most, each by one whose request was written; so no
    more chunks than there are slots do anything but wait for responses.  Where it matters how
    many chunks begin, nothing is lent: in the order of a file, where the first and the last are
    to go before others, where a hook prepares each, and where there is a rate to keep.

    :ivar slots: what is lent.
    :ivar is_on: whether the options let it.
    :ivar is_open: whether it is worth asking whether a slot is lent.
    """

    def __init__(self, options: Options, clock: Any, turn: Turn, slots: Slots) -> None:
        """
        :param options: the options.
        :param clock: an ``IReactorTime``.
        :param turn: runs when there may be more to lend.
        :param slots: of chunks under way.
        """
        self.slots = slots
        self._seconds: Callable[[], float] = clock.seconds
        self._turn = turn
        self._gauge: Gauge | None = None
        self._is_insisted_on = options.lend_slots is True
        wanted = options.simultaneous_uploads == "auto"
        if options.lend_slots is not None:
            wanted = options.lend_slots
        strict = options.order in (ChunkOrder.IN_ORDER, ChunkOrder.ENDS_FIRST)
        strict = strict or options.preprocess is not None or options.max_rate is not None
        self.is_on = wanted and not strict
        self.is_open = False
        self._shortest = float("inf")
        self._most = 0
        self._next = 0.0
        self._repeated = 0

    def use(self, gauge: Gauge | None) -> None:
        """
        Ask this from now on.

        :param gauge: knows the connections; :data:`None` if nobody does, so that nothing is lent.
        """
        self._gauge = gauge
        self.is_open = self.is_on and gauge is not None

    def connected(self, round_trip: float) -> None:
        """
        A connection was opened.

        :param round_trip: seconds of a round trip over it.
        """
        if round_trip >= NEAR:
            self.is_open = self.is_on and self._gauge is not None

    def written(self) -> None:
        """The kernel has some requests more."""
        if self.is_open:
            self._turn.run()

    def stop(self) -> None:
        """The server pushed back, or a connection was refused or lost: lend nothing for a while."""
        self._most, self._next = 0, self._seconds() + PAUSE

    def any(self) -> bool:
        """
        Whether there is a slot to borrow.  To be asked if none is free and it :attr:`is_open`.
        """
        borrowed = -self.slots.tokens
        if borrowed >= self.slots.number or self._gauge is None:
            return False
        now = self._seconds()
        if now >= self._next:
            self._look(self._gauge, now)
        if borrowed >= self._most:
            return False
        for _ in self._gauge.waiting(LARGEST):
            borrowed -= 1
            if borrowed < 0:
                return True
        return False

    def suit(self, transfer: Transfer, offset: int) -> bool:
        """
        Whether a chunk may borrow.

        :param transfer: its file.
        :param offset: which chunk, counted from 0.
        """
        start, end = transfer.ensure_ledger().layout.range(offset)
        return end - start <= SMALL

    def _look(self, gauge: Gauge, now: float) -> None:
        """See how many may be lent; once in a round trip, if that is any."""
        trips, repeated = gauge.round_trips(), gauge.repeated()
        is_lossy, self._repeated = repeated > self._repeated, repeated
        if trips:
            self._shortest = min(self._shortest, *trips)
        if self._shortest < NEAR:
            self.is_open, self._most = False, 0
        elif not trips:  # the kernel does not say, or there is no request under way
            self.is_open = self._is_insisted_on or not gauge.took()
            self._most = self.slots.number if self._is_insisted_on else 0
        elif is_lossy:
            self._most, self._next = 0, now + self._shortest * LOSSY
        elif max(trips) > self._shortest * QUEUE + JITTER:
            self._most, self._next = 0, now + self._shortest / AGAIN
        else:
            self._judge(gauge, now)

    def _judge(self, gauge: Gauge, now: float) -> None:
        """
        Lend as many as there were responses as soon as the server had a request, once there were as
        many responses as there are slots.
        """
        limit = self._shortest * SLOW + SLACK
        took = gauge.took()
        prompt = sum(each <= limit for each in took)
        late = len(took) - prompt + sum(now - began > limit for began in gauge.waiting(LARGEST))
        if prompt + late < self.slots.number:
            self._most = 0
            return
        self._most = 0 if late * FEW_LATE > prompt + late else prompt
        self._next = now + (self._shortest if self._most else self._shortest / AGAIN)
