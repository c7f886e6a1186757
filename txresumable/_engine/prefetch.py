"""
Opening files off the reactor thread, several at a time, and never all at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from .._runtime.threads import run_in_thread, run_while_wanted
from .._source.comparison import Comparison, compare
from .._source.source import Source
from ..states import READY, UPLOADING
from .lanes import Lanes
from .relay import MOST_HUNG, Relay
from .transfer import Transfer

__all__ = ["AHEAD", "Hangs", "Prefetcher"]

AHEAD, LEFT = 48, 16
"""
How many files are open before they are needed, at the most, and how many of them are left when more
are opened: to give a thread something to do costs as much as opening ten files.
"""

_log = Logger()


class Hangs(Exception):
    """The disk of a file hangs; there is nothing to be done about it but to wait."""


class Prefetcher:
    """
    Keeps the sources open that are being sent, and those that come next.

    What hangs holds up nothing else: files whose opening hangs leave the queue until it is over,
    and a source that a read hangs at is not read by more threads.  Of the reactor's threads there
    are always some left.

    :ivar lanes: where whole chunks are read, if that is needed before they are sent.
    :ivar is_at_work_for: whether a file may be about to be opened or looked at.
    :ivar abandoned: how many threads still read of a source what nobody waits for.
    :ivar is_frugal: whether no file is opened before it is needed.
    :ivar refill_at: with the first chunk of this file it is time to open more.
    :param reactor: its threads open and read.
    :param clock: an ``IReactorTime``.
    """

    def __init__(self, reactor: Any, clock: Any) -> None:
        self._reactor = reactor
        self._relay = Relay(reactor, clock)
        self.is_at_work_for: Callable[[Transfer], bool] = self._relay.is_working_for
        self.lanes = Lanes(reactor)
        self._opening: dict[Transfer, list[Deferred[None]]] = {}
        self.abandoned: dict[Source, int] = {}
        self._in_line: dict[Source, list[Deferred[None]]] = {}
        self.is_frugal = False
        self.refill_at: Transfer | None = None

    def open(self, transfer: Transfer, following: Iterable[Transfer]) -> Deferred[None]:
        """
        Open a file that is not open, and at the same time those that are likely to be next.

        :returns: a Deferred that fires when the file can be read and fails as opening failed, or
            with :class:`Hangs`: the file proceeds by itself when that is over.
        """
        if transfer.hangs:
            return fail(Hangs())
        waiting: Deferred[None] = Deferred()
        if transfer in self._opening:
            self._opening[transfer].append(waiting)
        else:
            self._opening[transfer] = [waiting]
            self._open([transfer, *self._closed(following)[: AHEAD - 1]])
        return waiting

    def open_ahead(self, following: Iterable[Transfer]) -> None:
        """Open those that are likely to be next, before anybody has to wait for them."""
        batch = self._closed(following)
        if batch:
            self._open(batch)

    def _closed(self, files: Iterable[Transfer]) -> list[Transfer]:
        if self.is_frugal:
            return []
        return [
            transfer
            for transfer in files
            if transfer.state is READY
            and not transfer.source.is_open
            and transfer not in self._opening
        ]

    def _open(self, batch: list[Transfer]) -> None:
        for transfer in batch:
            self._opening.setdefault(transfer, [])
        self.refill_at = batch[max(0, len(batch) - LEFT)]
        opened = self._relay.run({each: each.source.open for each in batch})
        opened.addCallback(self._opened, batch)

    def _opened(self, results: list[Any], batch: list[Transfer]) -> None:
        for transfer, result in zip(batch, results, strict=True):
            if result is None or not isinstance(result, Deferred):
                self._settle(transfer, result)
            else:
                self._hang(transfer, result)

    def _settle(self, transfer: Transfer, result: Any) -> None:
        waiting = self._opening.pop(transfer)
        if transfer.state is not READY or (self.is_frugal and not (waiting or _is_begun(transfer))):
            transfer.source.close()  # it ended meanwhile, or is opened when it is needed
        elif waiting and result is None and not transfer.source.is_open:
            self._opening[transfer] = waiting  # it ended, was closed, and is tried again
            self._open([transfer])
            return
        for waiter in waiting:
            waiter.callback(result)

    def _hang(self, transfer: Transfer, opening: Deferred[Any]) -> None:
        if transfer.state is READY:
            _log.warn("Opening {name!r} hangs; others go on", name=transfer.file_name)
        transfer.hangs = True
        waiting, self._opening[transfer] = self._opening[transfer], []

        def over(result: Any) -> None:
            transfer.hangs = False
            self._settle(transfer, None)  # if it failed, the next chunk fails as well, and says why
            if transfer.state is READY:
                transfer.proceed()

        opening.addBoth(over)
        for waiter in waiting:
            waiter.errback(Hangs())

    def read(self, source: Source, start: int, size: int) -> Deferred[bytes]:
        """
        Read what is not in memory.

        :returns: a Deferred that fires with exactly so many bytes and fails as reading failed.
            Cancelling it leaves the thread to itself; until that is through, other reads of this
            source wait, and those of all sources if too many threads were left.
        """
        returned = self.returned(source)
        if returned is None:
            return self._read(source, start, size)
        return returned.addCallback(lambda _: self.read(source, start, size))

    def returned(self, source: Source) -> Deferred[None] | None:
        """
        Wait until a source can be read.

        :returns: a Deferred that fires when it does not hang any more; :data:`None` if it does not.
        """
        if not self._must_wait(source):
            return None
        turn: Deferred[None] = Deferred()
        self._in_line.setdefault(source, []).append(turn)
        return turn

    def _read(self, source: Source, start: int, size: int) -> Deferred[bytes]:
        given_up = False

        def give_up(_: object) -> None:
            nonlocal given_up
            given_up = True
            self.abandoned[source] = self.abandoned.get(source, 0) + 1

        def returned(result: Any) -> None:
            if given_up:
                self._returned(source)
            else:
                reading.callback(result)

        reading: Deferred[bytes] = Deferred(give_up)
        run_in_thread(self._reactor, source.read, start, size).addBoth(returned)
        return reading

    def _must_wait(self, source: Source) -> bool:
        return source in self.abandoned or sum(self.abandoned.values()) >= MOST_HUNG

    def _returned(self, source: Source) -> None:
        """A read that nobody waits for any more is through."""
        self.abandoned[source] -= 1
        if not self.abandoned[source]:
            del self.abandoned[source]
        for each in [each for each in self._in_line if not self._must_wait(each)]:
            for turn in self._in_line.pop(each):
                if not turn.called:
                    turn.callback(None)

    def digest(self, source: Source, start: int, end: int | None) -> Deferred[str]:
        """
        The SHA-256 of a source, or of a great part of it, whether it is open or not.

        :param end: the byte after the last; :data:`None` for where it ends.
        :returns: a Deferred that fires with it as hexadecimal and fails as reading failed.
            Cancelling it lets the thread read no further.
        """
        return run_while_wanted(self._reactor, source.digest, start, end)

    def compare(self, one: Source, other: Source) -> Deferred[Comparison]:
        """
        Compare two sources that were looked at, whether they are open or not.

        :returns: a Deferred that fires with what they are to each other and fails as reading one
            failed.  Cancelling it lets the thread read no further.
        """
        return run_while_wanted(self._reactor, compare, one, other)

    def look(self, files: Iterable[Transfer]) -> Deferred[list[Any]]:
        """
        Look at the source of each file, whether it is open or not.

        :returns: a Deferred that fires with a fingerprint or a Failure for each; or with
            a Deferred of one of them, where that hangs.
        """
        return self._relay.run({transfer: transfer.source.look for transfer in files})

    def status(self, files: Iterable[Transfer]) -> Deferred[list[Any]]:
        """
        The status of the regular file of each source; likewise.
        """
        return self._relay.run({transfer: transfer.source.status for transfer in files})

    def forget(self, transfer: Transfer) -> None:
        """A file is at its end: unless it was begun anew, nobody waits until it is open."""
        if not transfer.is_unfinished:
            self._relay.forget(transfer)

    def close(self) -> None:
        """Look after nothing that hangs any more."""
        self._relay.close()


def _is_begun(transfer: Transfer) -> bool:
    """Whether a chunk is under way: it may be before it is heard of here that its file is open."""
    return UPLOADING in transfer.ledger.states
