"""
All that is delivered while a journal is open.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from ..._runtime.clock import steady
from ..._runtime.observers import Signal, observers_of
from ...file import ResumableFile, transfer_of
from ...identifiers import safe
from ..entry import Entry
from ..hooks import Hooks
from ..jobs.source import JobQueue, JobSource
from ..journal import Journal
from ..rates import RateSchedule
from ..settings import FolderSettings, PushSettings, QueueSettings
from .carrying import Carried, Carrier
from .claims import Claims
from .drain import Drain
from .job_counts import JobCounts
from .route import Route
from .steps import Steps
from .target import Target
from .waiting import Waiting

__all__ = ["Delivery"]


class Delivery:
    """
    Targets, and the routes of all folders to them.

    :ivar targets: by their names.
    :ivar routes: by the names of their folders.
    :ivar steps: writes down what happens.
    :ivar timed: a chunk was sent to a target and is stored; its name, and seconds.
    :ivar drain: takes jobs from a queue that several machines share, if there is one.
    :ivar is_paused: whether an operator has it paused.
    """

    def __init__(
        self,
        settings: PushSettings,
        journal: Journal,
        rates: RateSchedule,
        reactor: Any,
        *,
        jobs: JobSource | None = None,
        client: Any = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        :param settings: what to deliver.
        :param journal: where it is written down.
        :param rates: how fast.
        :param reactor: the reactor.
        :param jobs: the queue that files are handed over to, and that is sent from.
        :param client: sends the requests, as treq's ``HTTPClient``; by default our own.
        :param now: the wall clock.
        """
        self._clock = steady(reactor)
        self._rates = rates
        self._journal = journal
        self.is_paused = False
        self.steps = Steps(journal, self._clock)
        self._hooks = Hooks(reactor, at_once=settings.hooks_at_once)
        self.timed: Signal[[str, float]] = Signal("timed")
        self._waiting = Waiting(self.steps, self._clock, self._queued, now=now)
        self._aborts: list[Callable[[], None]] = []
        trash = os.path.join(settings.state, "trash")
        folders = settings.folders.values()
        queue = jobs if isinstance(jobs, JobQueue) else None
        self.drain: Drain | None = None
        self.targets = {
            name: Target(target, options, reactor, client=client, now=now)
            for name, target in settings.targets.items()
            for options in [_options(folders, name) if jobs is None else _OF_JOBS]
        }
        for name, target in self.targets.items():
            target.timed.register(partial(observers_of(self.timed).notify, name))
        self.routes = {
            each.name: Route(
                each,
                self.targets[each.target],
                journal,
                self.steps,
                trash,
                self._hooks,
                reactor,
                queue=queue,
                added=self._added,
                now=now,
            )
            for each in folders
        }
        if jobs is not None:
            self.drain = self._draining(settings, jobs, reactor, now)

    def _draining(
        self,
        settings: PushSettings,
        jobs: JobSource,
        reactor: Any,
        now: Callable[[], float],
    ) -> Drain:
        chosen = settings.queue or QueueSettings()
        claims = Claims(jobs, chosen.lease, self._clock)
        routes = self.routes.items()
        carriers = {
            name: Carrier(
                *(each.settings, each.target, claims, self._hooks, each.effects, each.ping),
                reactor,
                now=now,
            )
            for name, each in routes
        }
        targets = {name: each.target for name, each in routes}
        counts = JobCounts(jobs, self._clock)
        return Drain(chosen, claims, carriers, targets, counts, self._clock)

    def start(self) -> None:
        """Begin; folders are started by who has them."""
        self._rates.changed.register(self._set_pace)
        self._set_pace()
        for route in self.routes.values():
            route.start(self._waiting)
        self._waiting.look()
        if self.drain is not None:
            self.drain.start()

    def _added(self) -> None:
        if self.drain is not None:
            self.drain.wake()

    def _queued(self, folder: str) -> None:
        if folder in self.routes:
            self.routes[folder].sending.wake()

    def route_of(self, entry: Entry) -> Route | None:
        """The route of a file; :data:`None` if its folder is in the settings no more."""
        return self.routes.get(entry.folder)

    # Pace --------------------------------------------------------------------------------------

    def pause(self, is_paused: bool) -> None:
        """Send nothing, or go on."""
        self.is_paused = is_paused
        self._set_pace()

    def _set_pace(self) -> None:
        rate = self._rates.rate
        for target in self.targets.values():
            if rate != 0:
                target.go_at(rate)
            if rate == 0 or self.is_paused:
                target.pause()
            else:
                target.resume()

    # The end -----------------------------------------------------------------------------------

    async def stop(self, patience: float) -> None:
        """
        Begin nothing more, and stop when what is under way has finished.

        :param patience: seconds that it has; then it is given up, to be begun again.
        """
        self._rates.changed.unregister(self._set_pace)
        self._waiting.stop()
        routes = list(self.routes.values())
        for route in routes:
            route.stop()
        ending: list[Deferred[Any]] = []
        if self.drain is not None:
            ending.append(self.drain.stop(patience))
            self._aborts.append(self.drain.abort)
        for target in self.targets.values():
            closed, abort = target.stop(patience)
            self._aborts.append(abort)
            ending.append(closed)
        for route in routes:
            self._aborts.append(route.aftercare.stop)
            ending.append(self._finished(route, patience))
        await DeferredList(ending)
        written: Deferred[Any] = DeferredList(
            [each.sending.idle() for each in routes], consumeErrors=True
        )
        # Of a journal that cannot be written nobody knows when that passes.
        written.addTimeout(patience, self._clock).addErrback(lambda _: None)
        await written
        for route in routes:
            route.aftercare.stop()
        self.steps.close()

    def _finished(self, route: Route, patience: float) -> Deferred[Any]:
        aftercare = route.aftercare
        later = self._clock.callLater(patience, aftercare.stop)

        def finished(_: object) -> None:
            if later.active():
                later.cancel()

        return aftercare.idle().addBoth(finished)

    def abort(self) -> None:
        """While it stops: wait no longer."""
        for abort in self._aborts:
            abort()


def _options(folders: Any, target: str) -> dict[str, Any]:
    """The options of an uploader that are up to the folders that share it."""
    functions = {each.identifier for each in folders if each.target == target}
    if len(functions) == 1:
        return {"generate_unique_identifier": functions.pop()}
    return {"generate_unique_identifier": _identify if functions else safe}


def _identify_job(file: ResumableFile) -> Any:
    carried: Carried = transfer_of(file).source.key
    return carried.identifier(file)


_OF_JOBS = {"generate_unique_identifier": _identify_job}


def _identify(file: ResumableFile) -> Any:
    settings: FolderSettings = transfer_of(file).source.key
    return settings.identifier(file)
