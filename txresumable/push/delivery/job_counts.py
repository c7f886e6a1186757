"""
How many jobs there are in a queue that several machines share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import JobsUnavailable
from ..jobs.source import JobQueue, JobSource

__all__ = ["FRESH", "PATIENCE", "JobCounts"]

FRESH = 15.0
"""Seconds until the queue is asked again: it counts all that it has."""
PATIENCE = 2.0
"""Seconds that whoever looks waits for it."""

_log = Logger()


class JobCounts:
    """
    Asks a queue when somebody looks, if that was not done lately.

    :ivar known: how many jobs each folder has in each state, as was said last; empty if that is not
        known, or the source does not say.
    """

    def __init__(self, source: JobSource, clock: Any) -> None:
        """
        :param source: which is asked, if it counts.
        :param clock: an ``IReactorTime``.
        """
        self.known: Mapping[str, Mapping[str, int]] = {}
        self._queue = source if isinstance(source, JobQueue) else None
        self._clock = clock
        self._asked: float | None = None
        self._is_asking = False

    async def look(self) -> Mapping[str, Mapping[str, int]]:
        """
        Look.

        :returns: :attr:`known`; if the queue does not respond in time, as it was.
        """
        now = self._clock.seconds()
        is_old = self._asked is None or now >= self._asked + FRESH
        if self._queue is not None and is_old and not self._is_asking:
            self._asked, self._is_asking = now, True
            heard: Deferred[None] = Deferred()
            asking = Deferred.fromCoroutine(self._ask(self._queue))
            asking.addErrback(lambda failure: _log.failure("Counting jobs failed", failure))
            asking.addBoth(lambda _: None if heard.called else heard.callback(None))
            await heard.addTimeout(PATIENCE, self._clock).addErrback(_not_in_time)
        return self.known

    async def _ask(self, queue: JobQueue) -> None:
        try:
            self.known = await queue.counts()
        except JobsUnavailable:
            pass  # which whoever claims jobs says
        finally:
            self._is_asking = False


def _not_in_time(failure: Failure) -> None:
    failure.trap(TimeoutError)
