"""
Files that are being written to wait until that is over.
"""

from __future__ import annotations

import math
import os
import time
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._runtime.ticker import Ticker
from .._source.changes import written
from .._source.fingerprint import Fingerprint
from ..errors import SourceChanged
from ..options import Options
from .prefetch import Prefetcher
from .transfer import Transfer

__all__ = ["AFTER_CHANGE", "TICK", "Quiet"]

TICK = 1.0
"""Seconds between two looks at the files that wait."""
AFTER_CHANGE = 5.0
"""Seconds that a file must not have been written to, after it has changed during its upload."""

_log = Logger()


@define(eq=False)
class _Watched:
    """
    A file that waits.

    :ivar waiting: fires when it is quiet.
    :ivar age: seconds since the last write that are enough.
    :ivar error: what it would have failed with, if it has changed.
    :ivar seen: what identifies its last state; :data:`None` until it was looked at.
    :ivar since: since when it has that, as the clock has it.
    :ivar looked: when it was looked at last.
    """

    waiting: Deferred[None]
    age: float
    error: SourceChanged | None
    seen: int | None = None
    since: float = -math.inf
    looked: float = -math.inf


class Quiet:
    """
    Watches files until they are old enough.  Those of which that cannot be seen (bytes, and file
    objects with no regular file beneath) never wait.
    """

    def __init__(self, prefetcher: Prefetcher, clock: Any, options: Options) -> None:
        """
        :param prefetcher: looks at files.
        :param clock: an ``IReactorTime``.
        :param options: ``when_changed``, ``min_age`` and ``source_check``.
        """
        self._prefetcher = prefetcher
        self._clock = clock
        self._min_age = options.min_age
        self._check = options.source_check
        self._waits = options.when_changed == "wait"
        self._watched: dict[Transfer, _Watched] = {}
        self._looking: set[Transfer] = set()
        self._quiet: dict[Transfer, int] = {}  # those that have waited, as they were then
        self._ticker = Ticker(clock, TICK, self._tick)

    def is_young(self, transfer: Transfer, look: Fingerprint) -> bool:
        """
        Whether a file has to wait before it is uploaded.

        :param transfer: the file.
        :param look: what it looks like.
        """
        if not self._min_age or transfer in self._quiet or not transfer.source.is_file:
            return False
        return look.mtime_ns is None or not _age(look.mtime_ns) >= self._min_age

    def may_wait(self, transfer: Transfer) -> bool:
        """Whether a file that has changed waits, and does not fail."""
        return self._waits and transfer.source.is_file

    def grow_old(self, transfer: Transfer) -> Deferred[None]:
        """
        Wait until a file is old enough to be uploaded.

        :returns: a Deferred that fires when it is, or when it cannot be looked at any more.
        """
        name, age = transfer.file_name, self._min_age
        _log.info("{name!r} waits until it is {age:g} s old", name=name, age=age)
        return self._watch(transfer, age, None)

    def after_change(self, transfer: Transfer, error: SourceChanged) -> Deferred[None]:
        """
        Wait until a file that has changed does so no longer.

        :param error: what was noticed.
        :returns: a Deferred, likewise.  It fails with the error if nobody has written to the file
            since it waited last, so that to wait is of no use.
        """
        age = max(AFTER_CHANGE, self._min_age)
        _log.warn("{error}; it waits until it is {age:g} s old", error=error, age=age)
        return self._watch(transfer, age, error)

    def stop(self, transfer: Transfer) -> None:
        """A file is at its end: nobody waits for it."""
        if self._quiet or self._watched:
            self._quiet.pop(transfer, None)
            self._forget(transfer)

    def _forget(self, transfer: Transfer) -> None:
        self._watched.pop(transfer, None)
        if not self._watched:
            self._ticker.stop()

    def _watch(self, transfer: Transfer, age: float, error: SourceChanged | None) -> Deferred[None]:
        watched = self._watched[transfer] = _Watched(Deferred(), age, error)
        self._ticker.start()
        return watched.waiting

    def _tick(self) -> bool:
        """:returns: whether to look again."""
        files = [each for each in self._watched if each not in self._looking]
        self._looking.update(files)
        if files:
            self._prefetcher.status(files).addCallback(self._looked, files)
        return bool(self._watched)

    def _looked(self, looks: list[Any], files: list[Transfer]) -> None:
        for transfer, look in zip(files, looks, strict=True):
            if isinstance(look, Deferred):  # it hangs
                look.addBoth(self._see, transfer)
            else:
                self._see(look, transfer)

    def _see(self, now: os.stat_result | Failure | None, transfer: Transfer) -> None:
        self._looking.discard(transfer)
        watched = self._watched.get(transfer)
        if watched is None:
            return
        if isinstance(now, os.stat_result):
            state, is_first = written(now, self._check), watched.seen is None
            if is_first and watched.error is not None and self._quiet.get(transfer) == state:
                watched.waiting.errback(watched.error)
                return
            if not self._is_quiet(watched, state, now.st_mtime_ns):
                return
            self._quiet[transfer] = state
        self._forget(transfer)
        watched.waiting.callback(None)

    def _is_quiet(self, watched: _Watched, state: int, mtime_ns: int) -> bool:
        seconds = self._clock.seconds()
        if state != watched.seen:
            age = 0.0 if self._check == "size" else max(0.0, _age(mtime_ns))
            watched.seen, watched.since = state, max(seconds - age, watched.looked)
        watched.looked = seconds
        return bool(seconds - watched.since >= watched.age)


def _age(mtime_ns: int) -> float:
    """Seconds since a file was written; less than nothing if its file system's clock is ahead."""
    return (time.time_ns() - mtime_ns) / 1e9
