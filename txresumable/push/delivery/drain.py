"""
Taking jobs from a queue that several machines share, a few at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..settings import QueueSettings
from .carrying import Carrier
from .claims import Claimed, Claims
from .job_counts import JobCounts
from .target import Target

__all__ = ["Drain"]

_GRACE = 2.0
"""Seconds to write down what was stopped."""

_log = Logger()


class Drain:
    """
    Claims jobs whose target takes files now, and has them carried.
    """

    def __init__(
        self,
        settings: QueueSettings,
        claims: Claims,
        carriers: Mapping[str, Carrier],
        targets: Mapping[str, Target],
        counts: JobCounts,
        clock: Any,
    ) -> None:
        """
        :param settings: those of the queue.
        :param claims: claims jobs.
        :param carriers: by the names of their folders.
        :param targets: where each folder's files are sent to, likewise.
        :param counts: counts all jobs that there are.
        :param clock: an ``IReactorTime``.
        """
        self._settings = settings
        self._counts = counts
        self._claims = claims
        self._carriers = carriers
        self._clock = clock
        self._folders: dict[Target, list[str]] = {}
        for folder, target in targets.items():
            self._folders.setdefault(target, []).append(folder)
        self._busy = dict.fromkeys(self._folders, 0)
        self._carrying: dict[Claimed, Deferred[None]] = {}
        self._has_more = set(self._folders)
        self._opened = {each: partial(self._wake_for, each) for each in self._folders}
        self._is_taking = self._again = self._is_stopped = False
        self._poll: Any = None
        self._timers: list[Any] = []
        self._idle: Deferred[None] | None = None

    async def status(self) -> dict[str, Any]:
        """
        How it is, as JSON can have it: ``trouble``, why the queue cannot be used now, and
        ``outages``, how often it could not any more; ``sending``, the jobs that are claimed here,
        and how much of each is sent, from 0 to 1; ``lost``, how many claims ran out; and ``jobs``,
        how many all machines have in each folder and state, as far as that is known.
        """
        claims = self._claims
        jobs = await self._counts.look()
        return {
            "trouble": claims.trouble,
            "outages": claims.outages,
            "sending": {str(id): claimed.done() for id, claimed in claims.claimed.items()},
            "lost": claims.lost,
            "jobs": {folder: dict(states) for folder, states in jobs.items()},
        }

    # Taking ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin."""
        for target, opened in self._opened.items():
            target.opened.register(opened)
        self.wake()

    def _wake_for(self, target: Target) -> None:
        if target in self._has_more:  # else a probe for which there is no job would go on for ever
            self.wake()

    def wake(self) -> None:
        """There may be jobs, or room for some."""
        self._again = True
        if not self._is_taking and not self._is_stopped:
            self._is_taking = True
            taking = Deferred.fromCoroutine(self._take())
            taking.addErrback(lambda failure: _log.failure("Claiming jobs failed", failure))
            taking.addBoth(self._taken)

    def _taken(self, _: object) -> None:
        self._is_taking = False
        self._check_idle()
        if not self._is_stopped:
            self._cancel_poll()
            self._poll = self._clock.callLater(self._settings.poll, self.wake)

    def _cancel_poll(self) -> None:
        if self._poll is not None and self._poll.active():
            self._poll.cancel()

    async def _take(self) -> None:
        while self._again and not self._is_stopped:
            self._again = False
            for target, folders in self._folders.items():
                await self._take_for(target, folders)

    async def _take_for(self, target: Target, folders: list[str]) -> None:
        folders = [each for each in folders if not self._carriers[each].is_away]
        if not folders:
            return
        at_once = self._settings.at_once
        room = at_once - self._busy[target]
        if room * 2 < at_once:  # soon there is more: then they are claimed together
            self._has_more.add(target)
            return
        count = 0 if self._is_stopped else target.reserve(room)
        if not count:
            self._has_more.add(target)
            return
        self._has_more.discard(target)
        taken: list[Claimed] = []
        try:
            taken = await self._claims.take(folders, count) or []
        finally:
            target.release(count - len(taken))
        if len(taken) == count:
            self._has_more.add(target)
        for each in taken:
            self._begin(each, target)

    def _begin(self, claimed: Claimed, target: Target) -> None:
        self._busy[target] += 1
        carrying = Deferred.fromCoroutine(self._carry(claimed))
        self._carrying[claimed] = carrying
        carrying.addErrback(lambda failure: _log.failure("Processing a job failed", failure))
        carrying.addBoth(self._carried, claimed, target)

    async def _carry(self, claimed: Claimed) -> None:
        if self._is_stopped:
            await self._claims.failed(claimed, "", 0.0)
        else:
            await self._carriers[claimed.job.folder].carry(claimed)

    def _carried(self, _: object, claimed: Claimed, target: Target) -> None:
        del self._carrying[claimed]
        self._claims.let_go(claimed)
        self._busy[target] -= 1
        target.release()
        self._wake_for(target)
        self._check_idle()

    # The end -----------------------------------------------------------------------------------

    def stop(self, patience: float) -> Deferred[None]:
        """
        Claim no more.

        :param patience: seconds that what is under way has; then it is given back.
        :returns: a Deferred that fires when nothing is claimed any more, or that cannot be written
            down.
        """
        self._is_stopped = True
        self._cancel_poll()
        for target, opened in self._opened.items():
            target.opened.unregister(opened)
        self._timers = [
            self._clock.callLater(patience, self.abort),
            self._clock.callLater(patience + _GRACE, self._claims.close),
        ]
        self._idle = Deferred()
        idle = self._idle
        self._check_idle()
        return idle

    def abort(self) -> None:
        """Give everything back that is under way."""
        for claimed in list(self._carrying):
            claimed.stop()

    def _check_idle(self) -> None:
        if self._idle is not None and not self._carrying and not self._is_taking:
            for timer in self._timers:
                if timer.active():
                    timer.cancel()
            self._claims.close()
            idle, self._idle = self._idle, None
            idle.callback(None)
