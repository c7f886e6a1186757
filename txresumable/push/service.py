"""
Watched folders as a service: each file that is dropped into one is sent, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Union

from attrs import evolve
from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._runtime.clock import steady
from .._runtime.observers import OneShotObserver, Signal, observers_of
from .._runtime.printable import counted
from .._runtime.reactor import Reactor
from .._runtime.threads import run_in_thread
from .._runtime.ticker import Ticker
from ..errors import InvalidOption
from .delivery.delivery import Delivery
from .entry import Entry
from .errors import JournalUnavailable
from .folder import check_folder
from .jobs import JobQueue, JobSource, PostgreSQLJobs
from .journal import Journal
from .one_by_one import OneByOne
from .operator import Operator
from .rates import RateSchedule
from .settings import ControlSettings, PushSettings

__all__ = ["PATIENCE", "PushService"]

PATIENCE = 10.0
"""Seconds that what is under way has to finish when the service stops."""
_AGAIN = 5.0
"""Seconds until a journal that cannot be opened, or is damaged, is opened again."""
_TIDY = 3600.0
"""Seconds between two looks for what the journal need not know any longer."""


class PushService(Operator, MultiService):
    """
    Sends what is dropped into folders, and remembers it over restarts and crashes.

    Add it to an application, or start it by itself.  It may be stopped and started again.

    :ivar settings: what it does.
    :ivar journal: what is known about all files; :data:`None` while it is not running.
    :ivar delivery: what is under way; :data:`None` likewise.
    :ivar changed: a file has got into another state, durably; ``(before, after)``, two
        :class:`Entry`, of which the first is :data:`None` if the file is new.
    :ivar reloaded: other settings are in force; no arguments.
    :ivar chunk_sent: a chunk was sent and is stored; the name of the target, and seconds.
    :ivar rates: how fast it sends.
    :ivar was_damaged: whether the journal was, and began anew.
    """

    _log = Logger()

    def __init__(
        self,
        settings: PushSettings,
        *,
        reactor: Reactor | None = None,
        client: Any = None,
        reload: Callable[[], PushSettings] | None = None,
        jobs: Callable[[], JobSource] | None = None,
        patience: float = PATIENCE,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        :param settings: what to do.
        :param reactor: the installed one by default, looked up now.
        :param client: an object with the ``request`` method of treq's ``HTTPClient``, which sends
            all requests to targets; by default our own.
        :param reload: gives the settings anew, for :meth:`reload`.
        :param jobs: makes a source of jobs, at each start, which is closed at each stop; by default
            :class:`PostgreSQLJobs`, if the settings have a ``queue``.  Without :class:`JobQueue`'s
            ``add``, no folder is watched.
        :param patience: how many seconds what is under way has to finish when it stops.
        :param now: the wall clock.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        if reactor is None:
            from twisted.internet import reactor
        self.settings = settings
        self.journal: Journal | None = None
        self.delivery: Delivery | None = None
        self.changed: Signal[[Union[Entry, None], Entry]] = Signal("changed")
        self.reloaded: Signal[[]] = Signal("reloaded")
        self.chunk_sent: Signal[[str, float]] = Signal("chunk_sent")
        self.was_damaged = False
        self.opening_trouble = ""
        self._reactor: Any = reactor
        self._clock = steady(reactor)
        self._client = client
        self._reload = reload
        self._make_jobs = jobs
        self._jobs: JobSource | None = None
        self._patience = patience
        self._now = now
        self.rates = RateSchedule(settings.rates, reactor, now=now)
        self._started: OneShotObserver[None] = OneShotObserver()
        self._one_by_one = OneByOne()
        self._pause: Deferred[None] | None = None
        self._stopping: Delivery | None = None
        self._tidy = Ticker(self._clock, _TIDY, self._tidy_up)
        self._care = Ticker(self._clock, _AGAIN, self._look_at_journal)

    def __repr__(self) -> str:
        state = "running" if self.delivery is not None else "not running"
        return f"<PushService {state}, {len(self.settings.folders)} folders>"

    # Service -----------------------------------------------------------------------------------

    def startService(self) -> None:
        """Begin; if it is running, do nothing."""
        if self.running:
            return
        super().startService()  # type: ignore[no-untyped-call]
        if self._started.settled:  # or somebody already waits for it
            self._started = OneShotObserver()
        self._one_by_one.do(self._start)

    def stopService(self) -> Deferred[None]:
        """
        Stop: begin nothing more, let what is under way finish for a while, and give up the rest,
        which is begun again at the next start.  Stopping it once more gives it no more time.

        :returns: a Deferred that fires when another process may take over.
        """
        if self.running:
            others = super().stopService()  # type: ignore[no-untyped-call]
            if self._pause is not None:
                self._pause.cancel()
            self._one_by_one.do(lambda: self._stop(self._patience))
            self._one_by_one.do(lambda: others)
        else:
            self.abort()
        return self._one_by_one.idle()

    def when_started(self) -> Deferred[None]:
        """
        Wait until it has begun.

        :returns: a new Deferred each time, which fires when the journal is open and all folders are
            watched.  It fails with :exc:`InvalidOption` for a pattern that cannot be read, if
            files would be moved to a place in their folder or on another file system, and if a
            folder overlaps with that of state, or with another one from which files are taken;
            with :exc:`AlreadyRunning` if another process has the journal, with
            :exc:`JournalTooNew`, and with
            :exc:`~twisted.internet.defer.CancelledError` if it is stopped before.  While the
            journal cannot be opened for another reason, that is tried again.
        """
        return self._started.wait()

    def abort(self) -> None:
        """While it stops: no longer wait for what is under way."""
        if self._stopping is not None:
            self._stopping.abort()

    async def _start(self) -> None:
        while self.running:
            try:
                await self._check(self.settings)
                state = self.settings.state
                journal = await Journal.open(state, reactor=self._reactor, now=self._now)
                break
            except JournalUnavailable as error:
                self._log.error("{error}; it is tried again", error=error)
                self.opening_trouble = str(error)
            except Exception:
                self._started.settle(Failure())
                return
            self._pause = deferLater(self._clock, _AGAIN)
            await self._pause.addErrback(lambda _: None)
        else:
            self._started.settle(Failure(CancelledError()))
            return
        self.opening_trouble = ""
        self.journal = journal
        self.was_damaged = self.was_damaged or journal.was_damaged
        journal.changed.register(observers_of(self.changed).notify)
        try:
            self._jobs = self._opened_jobs(self.settings)
        except Exception:
            self._started.settle(Failure())
            return
        self.rates.start()
        self._tidy.start()
        self._care.start()
        if not self.running:  # the stop that waits for this closes the journal
            self._started.settle(Failure(CancelledError()))
            return
        try:
            self._begin(self._made(self.settings, journal, self._jobs))
        except Exception:
            self._started.settle(Failure())
            return
        self._log.info("Watching {what}", what=counted(len(self.settings.folders), "folder"))
        self._started.settle(None)

    def _opened_jobs(self, settings: PushSettings) -> JobSource | None:
        if self._make_jobs is not None:
            return self._make_jobs()
        queue = settings.queue
        return PostgreSQLJobs(queue.postgresql, reactor=self._reactor) if queue else None

    async def _check(self, settings: PushSettings) -> None:
        for name in settings.folders:
            await run_in_thread(self._reactor, check_folder, settings, name)

    def _made(self, settings: PushSettings, journal: Journal, jobs: JobSource | None) -> Delivery:
        return Delivery(
            settings,
            journal,
            self.rates,
            self._reactor,
            jobs=jobs,
            client=self._client,
            now=self._now,
        )

    def _begin(self, delivery: Delivery) -> None:
        self.delivery = delivery
        delivery.timed.register(observers_of(self.chunk_sent).notify)
        self.apply_to(delivery)
        delivery.start()
        for route in delivery.routes.values() if self._is_watching() else ():
            route.folder.setServiceParent(self)  # type: ignore[no-untyped-call]

    def _is_watching(self) -> bool:
        if self._jobs is None:
            return True
        watch = self.settings.queue is None or self.settings.queue.watch
        return watch and isinstance(self._jobs, JobQueue)

    async def _end(self, patience: float) -> None:
        delivery, self.delivery = self.delivery, None
        if delivery is None:
            return
        self._stopping = delivery
        folders = [route.folder for route in delivery.routes.values()]
        for each in folders:
            if each.parent is not None:
                each.disownServiceParent()  # type: ignore[no-untyped-call]
        ending = [each.stopService() for each in folders]
        await delivery.stop(patience)
        await DeferredList(ending)
        self._stopping = None

    async def _use(self, jobs: JobSource | None) -> None:
        """Use this source from now on, and close the one before."""
        before, self._jobs = self._jobs, jobs
        if before is not None and before is not jobs:
            await before.close()

    async def _stop(self, patience: float) -> None:
        self._started.settle(Failure(CancelledError()))
        self.rates.stop()
        self._tidy.stop()
        self._care.stop()
        await self._end(patience)
        await self._use(None)
        journal, self.journal = self.journal, None
        if journal is not None:
            await journal.close()

    def _look_at_journal(self) -> bool:
        """:returns: whether to look again: one that is damaged is opened anew."""
        if self.journal is None or not self.journal.is_damaged:
            return True
        self.was_damaged = True
        self._one_by_one.do(self._begin_anew)
        return False

    async def _begin_anew(self) -> None:
        await self._stop(0.0)
        if self.running:
            self._started = OneShotObserver()
            await self._start()

    def _tidy_up(self) -> bool:
        if self.journal is not None:
            self.journal.prune(self.settings.keep).addErrback(self._not_tidied)
        return True

    def _not_tidied(self, failure: Failure) -> None:
        failure.trap(JournalUnavailable)

    # Control -----------------------------------------------------------------------------------

    def reload(self) -> Deferred[None]:
        """
        Read the settings anew, and go by them; what is under way finishes first.

        :returns: a Deferred that fires when they are in force.  If they cannot be read, it fails
            as that failed, and nothing changes.  ``state``, and ``jobs`` that were given, stay as
            they are until it is made anew.
        """
        return self._one_by_one.do(self._read_again)

    async def _read_again(self) -> None:
        if self._reload is None:
            raise InvalidOption("reload", None, "must be given to reload settings")
        settings = self._reload()
        await self._check(settings)
        delivery, jobs = None, self._jobs
        if settings.state != self.settings.state:
            self._log.warn(
                "The journal stays in {state} until the next start", state=self.settings.state
            )
            settings = evolve(settings, state=self.settings.state)
        is_rate = _delivered(settings) == _delivered(self.settings)
        if not is_rate and self.journal is not None and self.running:
            # Before anything ends, as it may fail.
            if self._make_jobs is None and _place(settings) != _place(self.settings):
                jobs = self._opened_jobs(settings)
            try:
                delivery = self._made(settings, self.journal, jobs)
            except Exception:
                if jobs is not None and jobs is not self._jobs:
                    await jobs.close()
                raise
        self.settings = settings
        self.rates.use(settings.rates)
        if delivery is not None:
            await self._end(self._patience)
            await self._use(jobs)
            self._begin(delivery)
        observers_of(self.reloaded).notify()
        self._log.info("The settings were reloaded")


def _delivered(settings: PushSettings) -> PushSettings:
    """What a delivery goes by: the rest is changed while it goes on."""
    return evolve(settings, rates=(), control=ControlSettings(socket=None))


def _place(settings: PushSettings) -> str:
    """Where the queue is, if there is one."""
    return "" if settings.queue is None else settings.queue.postgresql
