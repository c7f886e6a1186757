"""
Changes that are made durable together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .database import Round, Work
from .transaction import Change

__all__ = ["GroupCommit"]

LARGEST = 500
"""Changes in one round: who waits for them is called in one turn of the reactor."""
_T = TypeVar("_T")


class GroupCommit:
    """
    Collects what waits while a transaction is written, for the next one.

    :param write: makes one transaction of several parts, elsewhere.
    :param notify: is called with what a transaction has changed, before those who wait for it.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Work]], Deferred[Round]],
        notify: Callable[[Sequence[Change]], None],
    ) -> None:
        self._write = write
        self._notify = notify
        self._waiting: deque[tuple[Work, int, Deferred[Any]]] = deque()
        self._is_writing = False
        self._idle: list[Deferred[None]] = []

    def add(self, work: Callable[..., _T], size: int) -> Deferred[_T]:
        """
        Have a part of a transaction made.

        :param work: it, called elsewhere with the transaction.
        :param size: about how many entries it changes.
        :returns: a Deferred that fires with its result when that is durable.  Cancelling it
            undoes nothing.
        """
        done: Deferred[_T] = Deferred()
        self._waiting.append((work, size, done))
        if not self._is_writing:
            self._is_writing = True
            Deferred.fromCoroutine(self._run())
        return done

    def idle(self) -> Deferred[None]:
        """When nothing waits any more."""
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        if not self._is_writing:
            self._became_idle()
        return idle

    async def _run(self) -> None:
        while self._waiting:
            works: list[Work] = []
            waiters: list[Deferred[Any]] = []
            size = 0
            while self._waiting and (not works or size + self._waiting[0][1] <= LARGEST):
                work, each, done = self._waiting.popleft()
                works.append(work)
                waiters.append(done)
                size += each
            # Whatever ends this round, nobody must wait for ever.
            result = await self._write(works).addErrback(_of_all, len(works))
            if result.changes:
                self._notify(result.changes)
            for done, value in zip(waiters, result.results, strict=True):
                done.callback(value)
        self._is_writing = False
        self._became_idle()

    def _became_idle(self) -> None:
        idle, self._idle = self._idle, []
        for each in idle:
            each.callback(None)


def _of_all(failure: Failure, count: int) -> Round:
    return Round([failure] * count, ())
