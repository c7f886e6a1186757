"""
The jobs that this process has claimed, and for how long they are its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, evolve
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..._runtime.ticker import Ticker
from ..errors import JobLost, JobsUnavailable
from ..jobs.job import Job
from ..jobs.source import JobSource
from .insisting import Insisting

__all__ = ["Claimed", "Claims"]

_log = Logger()


@define(eq=False)
class Claimed:
    """
    A job that is claimed.

    :ivar job: the job, with the progress that it has made.
    :ivar until: how long it is surely not claimed by others, by monotonic time.
    :ivar is_lost: whether it may have been since.
    :ivar is_ending: whether its end is being written down.
    :ivar is_stopped: whether what is being done for it was to stop.
    :ivar halt: stops that.
    :ivar done: how much of it is sent, from 0 to 1.
    """

    job: Job
    until: float
    is_lost: bool = False
    is_ending: bool = False
    is_stopped: bool = False
    halt: Callable[[], object] = lambda: None
    done: Callable[[], float] = lambda: 0.0

    def stop(self) -> None:
        """Stop what is being done for it, unless its end is being written down."""
        if not self.is_ending:
            self.is_stopped = True
            self.halt()


class Claims:
    """
    Claims jobs, renews the claims at a third of the lease, and writes down how jobs end.

    A claim that could not be renewed in time is lost, as another process may have it by now: what
    is done for it is stopped.  Time is what passes here from before it was asked for, so a clock
    that differs from that of the source does no harm.

    :ivar claimed: by the numbers of the jobs.
    :ivar lost: how many claims were lost.
    """

    def __init__(self, source: JobSource, lease: float, clock: Any) -> None:
        """
        :param source: where jobs come from.
        :param lease: seconds that a claim lasts.
        :param clock: an ``IReactorTime``.
        """
        self.claimed: dict[int, Claimed] = {}
        self.lost = 0
        self._source = source
        self._lease = lease
        self._clock = clock
        self._insisting = Insisting(clock, JobsUnavailable, min(5.0, lease / 6))
        self._ticker = Ticker(clock, lease / 3, self._renew)
        self._renewing: Deferred[None] | None = None

    @property
    def trouble(self) -> str:
        """Why the source cannot be used now, or nothing."""
        return self._insisting.trouble

    @property
    def outages(self) -> int:
        """How often it could not be used any more."""
        return self._insisting.outages

    async def take(self, folders: Sequence[str], count: int) -> list[Claimed] | None:
        """
        Claim jobs.

        :param folders: of these.
        :param count: how many at most.
        :returns: those that were claimed; :data:`None` if the source cannot be used now.
        """
        asked = self._clock.seconds()
        try:
            jobs = await self._source.claim(folders, count, self._lease)
        except JobsUnavailable as error:
            self._insisting.failed(error)
            return None
        self._insisting.trouble = ""
        taken = [Claimed(job, asked + self._lease) for job in jobs]
        self.claimed.update((each.job.id, each) for each in taken)
        self._ticker.start()
        return taken

    async def note(self, claimed: Claimed, **progress: Any) -> None:
        """
        Write down how far a job is, and see that it is not with somebody else.

        :raises JobLost: if it is, or may be.
        """
        job = claimed.job = evolve(claimed.job, progress={**claimed.job.progress, **progress})
        asked = 0.0

        async def renew() -> set[int]:
            nonlocal asked
            asked = self._clock.seconds()
            return await self._source.renew([job], self._lease)

        kept = await self._insisting.do(renew, lambda: not claimed.is_lost)
        if kept is None or job.id not in kept or claimed.is_lost:
            self._lose(claimed)
            raise JobLost(job.id)
        claimed.until = max(claimed.until, asked + self._lease)

    async def done(self, claimed: Claimed) -> None:
        """
        A job has come to its end.

        :raises JobLost: if it is with somebody else.
        """
        await self._end(claimed, lambda: self._source.done(claimed.job))

    async def failed(self, claimed: Claimed, why: str, again: float | None, **changes: Any) -> None:
        """
        An attempt has failed.

        :param why: for people.
        :param again: seconds until it is tried again, by whoever is free; :data:`None` for never.
        :param changes: what else changes: ``attempts``, ``progress``.
        :raises JobLost: if it is with somebody else.
        """
        claimed.job = evolve(claimed.job, **changes)
        await self._end(claimed, lambda: self._source.failed(claimed.job, why, again))

    async def _end(self, claimed: Claimed, step: Callable[[], Deferred[None]]) -> None:
        async def end() -> bool:
            await step()
            return True

        claimed.is_ending = True
        await self._insisting.do(end)

    def let_go(self, claimed: Claimed) -> None:
        """Nothing is done for a job any more."""
        if self.claimed.get(claimed.job.id) is claimed:  # it was lost, and may be claimed anew
            del self.claimed[claimed.job.id]
        if not self.claimed:
            self._ticker.stop()

    # Time --------------------------------------------------------------------------------------

    def _renew(self) -> bool:
        now = self._clock.seconds()
        for each in list(self.claimed.values()):
            if now >= each.until:
                self._lose(each)
        if self._renewing is None:
            renewing = Deferred.fromCoroutine(self._renew_all())
            renewing.addErrback(lambda failure: _log.failure("Renewing failed", failure))
            if not renewing.called:
                self._renewing = renewing
                renewing.addBoth(self._renewed)
        return True

    def _renewed(self, _: object) -> None:
        self._renewing = None

    async def _renew_all(self) -> None:
        held = [each for each in self.claimed.values() if not each.is_lost and not each.is_ending]
        if not held:
            return
        asked = self._clock.seconds()
        try:
            kept = await self._source.renew([each.job for each in held], self._lease)
        except JobsUnavailable as error:
            self._insisting.failed(error)
            return
        for each in held:
            if each.job.id in kept:
                each.until = max(each.until, asked + self._lease)
            elif not each.is_ending:
                self._lose(each)

    def _lose(self, claimed: Claimed) -> None:
        if not claimed.is_lost:
            claimed.is_lost = True
            self.lost += 1
            _log.warn("{name} is left to others: its claim has expired", name=claimed.job.name)
            claimed.stop()

    def close(self) -> None:
        """Renew nothing, and insist no more; what is still claimed is left to others in time."""
        self._ticker.stop()
        self._insisting.close()
