"""
One target: the uploader that all its folders share, and whether it takes files now.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from ..._engine.handle import Upload
from ..._policy.limiter import RateLimiter
from ..._protocol.servers import unless_needed
from ..._protocol.url import without_query
from ..._runtime.clock import steady
from ..._runtime.observers import Signal, observers_of
from ...service.draining import Draining
from ...uploader import Resumable, engine_of
from ..settings import TargetSettings

__all__ = ["Target"]

_FIRST, _LONGEST = 5.0, 300.0
"""Seconds until a target that takes no files is tried again: at first, and at most."""
_REMEMBERED = 10_000
"""Files that it seems to refuse."""
_DEFAULTS = {"min_file_size": 0, "simultaneous_uploads": "auto", "test_chunks": "adaptive"}
"""
Options that have another default here: all files are sent, as fast as the line is, and those that
are new are not all asked for first.
"""
_OURS = {"keep_completed": False, "max_files": None, "when_changed": "fail", "min_age": 0.0}
"""Options that are not up to the settings: these things are seen to here."""

_log = Logger()


class Target:
    """
    Whatever one target refuses as a whole, or while it cannot be reached, is no fault of a file:
    no more are added for a while, and then one, and only when that is stored the others.

    :ivar name: that of its settings.
    :ivar url: where that is, without what may be a secret.
    :ivar why: why it takes no files now, or nothing.
    :ivar until: when it is tried again, by the wall clock, or 0.
    :ivar is_reached: whether a file was stored since it was last not; :data:`None` before it is
        known.
    :ivar is_offline: whether no connection to it can be made.
    :ivar is_paused: whether nothing may be sent to it.
    :ivar source_check: the option.
    :ivar timed: a chunk was sent and is stored; how many seconds that took.
    :ivar opened: fires without arguments when files may be added again.
    """

    def __init__(
        self,
        settings: TargetSettings,
        hooks: dict[str, Any],
        reactor: Any,
        *,
        client: Any = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        :param settings: its settings.
        :param hooks: options of the uploader that are up to its folders.
        :param reactor: the reactor.
        :param client: sends the requests, as treq's ``HTTPClient``; by default our own.
        :param now: the wall clock.
        """
        self.name = settings.name
        url = settings.options["target"]
        self.url = without_query(url) if isinstance(url, str) else ""
        self._settings = settings
        self._hooks = hooks
        self._reactor = reactor
        self._client = client
        self._clock = steady(reactor)
        self._now = now
        self._concurrency: int | str | None = None
        self._most = settings.options.get("max_rate")
        self.limiter = (
            self._most
            if isinstance(self._most, RateLimiter)
            else RateLimiter(self._most, reactor=reactor)
        )
        self.source_check: str = settings.options.get("source_check", "strict")
        self.why = ""
        self.until = 0.0
        self.is_reached: bool | None = None
        self.is_offline = False
        self.is_paused = False
        self.timed: Signal[[float]] = Signal("timed")
        self.opened: Signal[[]] = Signal("opened")
        self._under_way = 0
        self._is_probing = False
        self._failures = 0
        self._stored = 0
        self._refused: dict[int, int] = {}
        self._wake: Any = None
        self._old: list[Resumable] = []
        self.uploader = self._make()

    def _make(self) -> Resumable:
        given = self._settings.options
        options = {**unless_needed(_DEFAULTS, given.get("server")), **given, **_OURS, **self._hooks}
        options["max_rate"] = self.limiter
        if self._concurrency is not None:
            options["simultaneous_uploads"] = self._concurrency
        uploader = Resumable(reactor=self._reactor, client=self._client, **options)
        uploader.offline.register(self._went)
        uploader.online.register(self._came)
        engine_of(uploader).breadth.watch(observers_of(self.timed).notify)
        return uploader

    @property
    def is_up(self) -> bool | None:
        """Whether it takes files; :data:`None` before it is known."""
        if self.why or self.is_offline:
            return False
        return self.is_reached

    @property
    def reason(self) -> str:
        """Why it takes none, or nothing."""
        return self.why or ("no connection can be made" if self.is_offline else "")

    def _went(self) -> None:
        self.is_offline = True

    def _came(self) -> None:
        self.is_offline = False

    # Files -------------------------------------------------------------------------------------

    def reserve(self, count: int) -> int:
        """
        Ask for room.

        :param count: how many files there may be.
        :returns: how many may be added now; each is to be released again.
        """
        if self.why or self.is_paused:
            return 0
        if self._is_probing:
            count = 0 if self._under_way else min(count, 1)
        self._under_way += count
        return count

    def release(self, count: int = 1) -> None:
        """Files for which there was room are at their end, or were not there."""
        self._under_way -= count
        if self._is_probing and not self._under_way and not self.why:
            observers_of(self.opened).notify()  # that was no probe

    def add(self, files: Sequence[Any]) -> list[Upload]:
        """
        Upload files.

        :param files: as ``add_files()`` takes them.
        """
        return self.uploader.add_files(files)

    # What it says ------------------------------------------------------------------------------

    def stored(self, id: int) -> None:
        """It has stored a file, and so takes others."""
        self._stored += 1
        self._refused.pop(id, None)
        self.is_reached = True
        if self._is_probing or self.why:
            _log.info("The target {name} accepts files again", name=self.name)
            self._open()

    def unreachable(self, why: str) -> None:
        """It takes no files now."""
        self.is_reached = False
        if self.why:
            return
        delay = min(_LONGEST, _FIRST * 2.0 ** min(self._failures, 16))
        self._failures += 1
        self.why, self.until = why, self._now() + delay
        text = "The target {name} takes no files now; it is tried again in {delay:g} s: {why}"
        _log.warn(text, name=self.name, delay=delay, why=why)
        self._wake = self._clock.callLater(delay, self.try_again)

    def refused(self, id: int, why: str) -> bool:
        """
        It refuses a file, which may be for the file's sake.

        :param id: the file.
        :returns: whether it is, as others have been stored since it refused this one before.
        """
        before = self._refused.get(id)
        if before is not None and before < self._stored:
            return True
        self._refused[id] = self._stored
        if len(self._refused) > _REMEMBERED:
            del self._refused[next(iter(self._refused))]
        self.unreachable(why)
        return False

    def try_again(self) -> None:
        """Try it now."""
        self._forget()
        self._is_probing = True
        observers_of(self.opened).notify()

    def _open(self) -> None:
        self._forget()
        self._is_probing = False
        self._failures = 0
        observers_of(self.opened).notify()

    def _forget(self) -> None:
        self.why, self.until = "", 0.0
        if self._wake is not None and self._wake.active():
            self._wake.cancel()
        self._wake = None

    # Control -----------------------------------------------------------------------------------

    def go_at(self, rate: float | None) -> None:
        """
        Send at a rate, or as its settings say if that is less.

        :param rate: bytes a second, above 0; :data:`None` for no limit.
        """
        if isinstance(self._most, RateLimiter):
            return
        limits = [each for each in (rate, self._most) if each is not None]
        self.limiter.rate = min(limits) if limits else None

    def pause(self) -> None:
        """Send nothing until :meth:`resume`."""
        self.is_paused = True
        for uploader in (self.uploader, *self._old):
            uploader.pause()

    def resume(self) -> None:
        """Go on."""
        if not self.is_paused:
            return
        self.is_paused = False
        for uploader in (self.uploader, *self._old):
            uploader.resume()
        observers_of(self.opened).notify()

    def set_concurrency(self, number: int | str) -> None:
        """
        Send so many chunks at once of the files that are added from now on.

        :param number: how many, or ``"auto"``.
        :raises InvalidOption: if it is neither.
        """
        before, self._concurrency = self._concurrency, number
        try:
            uploader = self._make()
        except Exception:
            self._concurrency = before
            raise
        old, self.uploader = self.uploader, uploader
        if self.is_paused:
            uploader.pause()
        self._old.append(old)
        Deferred.fromCoroutine(self._close_when_done(old))

    async def _close_when_done(self, uploader: Resumable) -> None:
        await uploader.join().addErrback(lambda _: None)
        if uploader in self._old:
            await uploader.close()
            self._old.remove(uploader)

    def stop(self, patience: float) -> tuple[Deferred[None], Callable[[], None]]:
        """
        Let the chunks that are under way finish, for a while, and close.

        :param patience: seconds.
        :returns: a Deferred that fires when it is closed, and what ends the wait for chunks.
        """
        self._forget()
        self.is_paused = True
        uploaders = [self.uploader, *self._old]
        drains = [Draining(each, self._clock, patience) for each in uploaders]

        def abort() -> None:
            for drain in drains:
                drain.abort()

        async def close() -> None:
            await DeferredList([drain.run() for drain in drains])
            self._old.clear()
            await DeferredList([each.close() for each in uploaders])

        return Deferred.fromCoroutine(close()), abort
