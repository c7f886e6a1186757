"""
A watched folder: finds what is to be uploaded, and has it queued once it is complete.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._runtime.clock import steady
from ..._runtime.observers import OneShotObserver, Signal, observers_of
from ..._runtime.printable import printable
from ..._runtime.reactor import Reactor
from ..._runtime.threads import run_in_thread
from ..entry import Seen
from ..errors import JournalUnavailable
from ..journal import Journal
from ..patterns import Patterns
from ..settings import FolderSettings
from .presence import Presence
from .scan import SLICE, Found, Scan
from .settle import Settling
from .touched import Touched, was_moved
from .watch import FolderWatch

__all__ = ["WatchedFolder"]

_T = TypeVar("_T")

JOURNAL_AGAIN = 5.0
"""Seconds until the journal is tried again."""


class WatchedFolder(Service):
    """
    Looks at a folder, and puts what lies in it down in the journal.

    A scan of all of it is made at the start, every ``rescan`` seconds, and where something was
    missed; what the system reports in between only shortens the wait.

    :ivar settings: its settings.
    :ivar found: something was queued; no arguments.
    :ivar scanned: everything was looked at, and there is no problem; no arguments.
    :ivar last_scan: when the last scan of everything ended well, in seconds since 1970; 0 before.
    :ivar is_scanning: whether everything is being looked at.
    :ivar problem: why the folder cannot be looked at, or empty.
    """

    _log = Logger()

    def __init__(
        self,
        settings: FolderSettings,
        journal: Journal,
        *,
        reactor: Reactor | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        :param settings: the folder's.
        :param journal: where it is put down what was found.
        :param reactor: the installed one by default, looked up now.
        :param now: the wall clock.
        """
        if reactor is None:
            from twisted.internet import reactor
        self.settings = settings
        self.found: Signal[[]] = Signal("found")
        self.scanned: Signal[[]] = Signal("scanned")
        self.last_scan = 0.0
        self.is_scanning = False
        self.problem = ""
        self._journal = journal
        self._reactor: Any = reactor
        self._clock = steady(reactor)
        self._now = now
        self._patterns = Patterns(settings.include, settings.exclude)
        self._settling = Settling(settings.settle, needs_marker=bool(settings.marker))
        self._touched = Touched(self._clock, self._patterns, self._poke)
        self._watch = FolderWatch(reactor, settings.path, self._touched)
        self._presence = Presence()
        self._next_scan = self._rested = 0.0
        self._waiters: OneShotObserver[None] = OneShotObserver()
        self._idle: Deferred[None] | None = None
        self._waiting: Deferred[Any] | None = None
        self._unread: set[bytes] = set()
        self._asked: float | None = None
        self._is_stopping = False
        self._done: OneShotObserver[None] = OneShotObserver()
        self._done.settle(None)

    def __repr__(self) -> str:
        return f"<WatchedFolder {self.settings.name} {self.settings.path!r}>"

    # Service -----------------------------------------------------------------------------------

    def startService(self) -> None:
        """Begin to look at it."""
        if self.running:
            return
        super().startService()  # type: ignore[no-untyped-call]
        self._done.wait().addCallback(self._begin)

    def stopService(self) -> Deferred[None]:
        """
        Stop looking at it.

        :returns: a Deferred that fires when nothing more is put down in the journal.
        """
        if self.running:
            super().stopService()  # type: ignore[no-untyped-call]
            self._is_stopping = True
            if self._waiting is not None:
                self._waiting.cancel()
        return self._done.wait()

    def rescan(self) -> Deferred[None]:
        """
        Look at everything as soon as possible.

        :returns: a Deferred that fires when a scan that begins after this call has ended.  It fails
            with :exc:`OSError` if the folder cannot be read, with
            :exc:`~txresumable.push.JournalUnavailable`, and with
            :exc:`~twisted.internet.defer.CancelledError` if the service stops before.
        """
        if not self.running:
            return fail(CancelledError())
        scanned = self._waiters.wait()
        self._next_scan = self._clock.seconds()
        self._poke()
        return scanned

    # What to do next ---------------------------------------------------------------------------

    def _begin(self, _: None) -> None:
        if self.running and self._done.settled:
            self._done = OneShotObserver()
            self._is_stopping = False
            self._next_scan = self._clock.seconds()
            Deferred.fromCoroutine(self._run()).addBoth(self._ended)

    async def _run(self) -> None:
        pause = 0.0
        while not self._is_stopping:
            try:
                if pause:
                    await self._cancellable(deferLater(self._clock, pause))
                    pause, self._next_scan = 0.0, self._clock.seconds()
                await self._do_next()
            except CancelledError:
                pass
            except JournalUnavailable as error:
                self._say(str(error))
                pause = JOURNAL_AGAIN
            except Exception:
                self._log.failure("{folder} cannot be looked at", folder=self)
                pause = max(JOURNAL_AGAIN, self.settings.rescan)

    async def _do_next(self) -> None:
        now = self._clock.seconds()
        has_lost_track = self._touched.has_lost_track
        events = max(self._touched.due, self._rested if has_lost_track else 0.0)
        if self._next_scan <= now or (events <= now and has_lost_track):
            await self._scan_all()
        elif events <= now:
            await self._look(self._touched.take())
        elif paths := self._settling.due(now, SLICE):
            await self._look(dict.fromkeys(paths))
        else:
            await self._idle_for(min(self._next_scan, events, self._settling.next_due()) - now)

    async def _idle_for(self, seconds: float) -> None:
        """Wait until there may be something to do."""
        self._idle = Deferred()
        timer = self._clock.callLater(max(seconds, 0.0), self._poke)
        try:
            await self._cancellable(self._idle)
        finally:
            self._idle = None
            if timer.active():
                timer.cancel()

    def _poke(self) -> None:
        """There may be something to do."""
        if self._idle is not None and not self._idle.called:
            self._idle.callback(None)

    async def _cancellable(self, waiting: Deferred[_T]) -> _T:
        """Wait for something that is given up if the service stops."""
        self._waiting = waiting
        try:
            return await waiting
        finally:
            self._waiting = None

    def _ended(self, _: object) -> None:
        self._watch.close()
        self._settling.clear()
        self._touched.take()
        self._waiters.settle(Failure(CancelledError()))
        self._done.settle(None)

    # Looking -----------------------------------------------------------------------------------

    async def _scan_all(self) -> None:
        """Look at everything."""
        waiters, self._waiters = self._waiters, OneShotObserver()
        began = self._clock.seconds()
        self._next_scan = math.inf
        self._touched.take()
        self._watch.begin()
        self.is_scanning = True
        result: Failure | None = None
        try:
            await self._see_all(began)
            self.last_scan = self._now()
            if not self.problem:
                observers_of(self.scanned).notify()
        except OSError as error:
            result = Failure()
            self._say(error.strerror or str(error))
        except BaseException:
            result = Failure()
            raise
        finally:
            self.is_scanning = False
            ended = self._clock.seconds()
            self._rested = ended + (ended - began)
            self._next_scan = min(self._next_scan, ended + self.settings.rescan)
            waiters.settle(result)

    async def _see_all(self, began: float) -> None:
        scan = self._scan(None)
        unread = await self._go_through(scan, {}, set())
        is_there = await self._in_thread(scan.is_there)
        self._say(self._presence.problem(scan.device, scan.names))
        self._report(unread)
        if is_there and self._presence.is_certain(scan.device):
            await self._journal.vanished(self.settings.name, began, list(unread))

    async def _look(self, paths: Mapping[bytes, bool | None]) -> None:
        """Look at some names: how each was moved to where it is now, as of what was touched."""
        missing = set(paths)
        with suppress(OSError):  # such as that the folder is away, which the next scan will report
            await self._go_through(self._scan(paths), paths, missing)
        self._settling.forget(missing)

    def _scan(self, paths: Iterable[bytes] | None) -> Scan:
        settings = self.settings
        marker, watch = settings.marker, self._watch.add
        return Scan(settings.path, self._patterns, marker=marker, paths=paths, entering=watch)

    async def _go_through(
        self, scan: Scan, moved: Mapping[bytes, bool | None], missing: set[bytes]
    ) -> dict[bytes, OSError]:
        """
        See what a scan finds.

        :param moved: how files, and folders that they are in, were moved, as of what was touched.
        :param missing: what is found is removed from this.
        :returns: what could not be looked at.
        """
        unread: dict[bytes, OSError] = {}
        try:
            is_last = False
            while not is_last:
                now = self._clock.seconds()
                made = await self._in_thread(scan.step)
                is_last = made.is_last
                unread.update(made.unread)
                missing.difference_update(each.path for each in made.found)
                if made.found:
                    await self._put_down(made.found, now, moved)
        finally:
            scan.close()
            self._watch.check()
        return unread

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        self._asked = self._clock.seconds()
        try:
            return await self._cancellable(run_in_thread(self._reactor, work))
        finally:
            self._asked = None

    @property
    def busy_for(self) -> float:
        """For how many seconds one look at the disk has taken by now; 0 if there is none."""
        return 0.0 if self._asked is None else self._clock.seconds() - self._asked

    async def _put_down(
        self, found: Sequence[Found], now: float, moved: Mapping[bytes, bool | None]
    ) -> None:
        """Put down in the journal what was found."""
        settling = self._settling
        seen = [
            Seen(
                each.path,
                each.version,
                settling.is_settled(each, now, is_renamed=bool(moved.get(each.path))),
                was_moved(each.path, moved),
            )
            for each in found
        ]
        observed = await self._journal.observe(self.settings.name, seen)
        settling.forget({each.path for each in seen}.difference(observed.unsettled))
        if observed.queued:
            observers_of(self.found).notify()
        if self._is_stopping:
            raise CancelledError()

    # Reporting ---------------------------------------------------------------------------------

    def _say(self, problem: str) -> None:
        """Log a problem with the whole folder once, and its end."""
        if problem == self.problem:
            return
        before, self.problem = self.problem, problem
        shown = printable(self.settings.path)
        if problem:
            self._log.error("{path} cannot be looked at: {problem}", path=shown, problem=problem)
        elif before:
            self._log.info("{path} can be looked at again", path=shown)

    def _report(self, unread: dict[bytes, OSError]) -> None:
        """Log what could not be read, if that is not what it was before."""
        if unread and unread.keys() != self._unread:
            path, error = next(iter(unread.items()))
            self._log.warn(
                "{count} names below {folder} cannot be looked at, such as {path}: {reason}",
                count=len(unread),
                folder=printable(self.settings.path),
                path=printable(os.fsdecode(path)),
                reason=error.strerror or str(error),
            )
        self._unread = set(unread)
