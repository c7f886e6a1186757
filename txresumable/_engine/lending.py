"""
Slots of chunks that wait for a hook or a disk, lent to other files meanwhile.
"""

from __future__ import annotations

from asyncio import isfuture
from collections import deque
from collections.abc import Callable
from inspect import isawaitable
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from twisted.internet.defer import Deferred

from ..states import READY
from .attempt import Attempt
from .loans import Loans
from .queue import ChunkQueue
from .transfer import Transfer
from .turn import Turn

__all__ = ["PATIENCE", "Jobs", "Lending", "settled"]

Jobs = dict[Transfer, dict[int, Attempt]]
"""Attempts, by file and offset."""

PATIENCE = 1.0
"""Seconds that a chunk keeps its slot while it waits for something else than the network."""


class Lending:
    """
    Lends the slots of chunks that wait for something else than the network.

    A hook that never ends, or a disk that hangs, would hold them for ever.  Its file begins no
    more chunks at a time for that: others do.

    :ivar jobs: the attempts under way, by file and offset.
    :ivar lent: how many slots files have lent.
    :ivar returning: the attempts that want a slot back.
    :ivar when_lent: called with an attempt that has lent its slot.
    """

    when_lent: Callable[[Attempt], object]

    def __init__(self, clock: Any, turn: Turn, loans: Loans, queue: ChunkQueue, jobs: Jobs) -> None:
        """
        :param clock: an ``IReactorTime``.
        :param turn: runs when a slot is lent, or wanted back.
        :param loans: has the slots, some of which others lend.
        :param queue: has the files that are to borrow.
        :param jobs: has the attempts under way.
        """
        self.jobs = jobs
        self._clock = clock
        self._turn = turn
        self._slots, self._loans = loans.slots, loans
        self._queue = queue
        self.lent: dict[Transfer, int] = {}
        self.returning: deque[tuple[Attempt, Deferred[None]]] = deque()

    async def wait(self, attempt: Attempt, value: Any) -> Any:
        """
        Wait for the application, or for a disk.

        :param attempt: who waits; it has a slot again when this returns.
        :param value: what a hook returned: a value, or an awaitable of it.
        """
        if not isawaitable(value):
            return _checked(value)
        waiting = Deferred.fromCoroutine(settled(value))
        if waiting.called:
            return await waiting
        timer = self._clock.callLater(PATIENCE, self._lend, attempt)
        try:
            result = await waiting
        finally:
            if timer.active():
                timer.cancel()
        if attempt.has_lent:
            returning: Deferred[None] = Deferred()
            self.returning.append((attempt, returning))
            self._turn.run()
            await returning
        return result

    async def take_slot(self, attempt: Attempt) -> None:
        """
        Give an attempt that has a slot of tests one of uploads, as soon as there is one.

        :raises CancelledError: if it was cancelled meanwhile.
        """
        if self._slots.tokens > 0 and not self.returning:
            self._exchange(attempt)
            self._turn.run()
        else:
            returning: Deferred[None] = Deferred()
            self.returning.append((attempt, returning))
            if self._loans.is_open:
                self._turn.run()
            await returning
        attempt.check()

    def _exchange(self, attempt: Attempt) -> None:
        if attempt.has_lent:
            self.give_back(attempt)
        else:
            attempt.slots.release()
        if self._slots.tokens > 0:
            self._slots.acquire()
        else:
            self._slots.borrow()
        attempt.slots = self._slots
        attempt.began = self._clock.seconds()

    def has_lent(self, transfer: Transfer, offset: int) -> bool:
        """Whether a chunk is under way, and has lent its slot."""
        attempt = self.jobs.get(transfer, {}).get(offset)
        return attempt is not None and attempt.has_lent

    def resume_next(self) -> bool:
        """
        Give a free slot to an attempt that has lent its own, or had its chunk tested, and let it go
        on; or one that others lend, if it may borrow.

        :returns: whether there is one.
        """
        while self.returning:
            attempt, returning = self.returning[0]
            borrows = not attempt.cancelled and self._slots.tokens <= 0
            if borrows and not self._loans.suit(attempt.transfer, attempt.offset):
                return False
            self.returning.popleft()
            if not attempt.cancelled:
                self._exchange(attempt)
                returning.callback(None)
                return True
        return False

    def give_back(self, attempt: Attempt) -> None:
        """
        An attempt that has lent its slot is over, or has another one.

        :param attempt: the attempt.
        """
        attempt.has_lent = False
        self.lent[attempt.transfer] -= 1
        if not self.lent[attempt.transfer]:
            del self.lent[attempt.transfer]

    def look(self, transfer: Transfer) -> None:
        """
        See whether a file may begin more chunks, which it may as long as it has lent no slot.

        :param transfer: the file, of whose attempts one has begun, waits or is over.
        """
        under_way = len(self.jobs.get(transfer, ()))
        crowded = transfer in self.lent and under_way >= self._slots.number
        if crowded is not transfer.is_crowded:
            transfer.is_crowded = crowded
            if transfer.state is READY:
                self._queue.add(transfer)

    def _lend(self, attempt: Attempt) -> None:
        if attempt.cancelled:
            return
        attempt.has_lent = True
        self.lent[attempt.transfer] = self.lent.get(attempt.transfer, 0) + 1
        attempt.slots.release()
        self.look(attempt.transfer)
        self.when_lent(attempt)
        self._turn.run()


async def settled(value: Any) -> Any:
    """What a hook returned, or what its Deferred, its coroutine or asyncio's future came to."""
    if isfuture(value):
        value = Deferred.fromFuture(value)
    return await value if isawaitable(value) else _checked(value)


def _checked(value: Any) -> Any:
    if isinstance(value, (GeneratorType, AsyncGeneratorType)):
        raise TypeError(f"{value!r} would never run: a hook that yields needs @inlineCallbacks")
    return value
