"""
What is known about the files of all watched folders, durably.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar, Union

from twisted.internet.defer import Deferred, fail

from ..._runtime.clock import steady
from ..._runtime.observers import Signal, observers_of
from ..entry import Entry, Seen
from ..errors import ImpossibleTransition, JournalUnavailable
from ..state import PushState
from . import housekeeping, listing, queue, waiting
from .group_commit import LARGEST, GroupCommit
from .observation import Observation, keep_below, observe
from .possession import Possession
from .transaction import Change, Transaction

__all__ = ["Journal"]

_T = TypeVar("_T")


class Journal:
    """
    The journal of watched folders: a database in a folder of its own, with one owner.

    Each change is durable before its Deferred fires; what is asked for while others are being
    written is written together.  All Deferreds fail with :exc:`~.JournalUnavailable` if the
    database cannot be read or written, such as on a full disk: then nothing was changed, and the
    same may be tried again.  Cancelling one undoes nothing.

    :ivar changed: an entry has changed, durably; ``(before, after)``, two entries, of which the
        first is :data:`None` if it is new.  Notified before the Deferred of who changed it fires.
    :ivar seconds: the monotonic clock by which scans are timed.
    """

    def __init__(self, possession: Possession, seconds: Callable[[], float]) -> None:
        """
        :param possession: the folder of state.
        :param seconds: monotonic time.
        """
        self.changed: Signal[[Union[Entry, None], Entry]] = Signal("changed")
        self._changed = observers_of(self.changed)
        self.seconds = seconds
        self._possession = possession
        self._is_closed = False
        self._scanned: dict[str, float] = {}
        self._commits = GroupCommit(possession.write, self._notify)

    @classmethod
    def open(
        cls, state: str, *, reactor: Any, now: Callable[[], float] = time.time
    ) -> Deferred[Journal]:
        """
        Open the journal, and take it into possession.

        :param state: the folder for it, which is made if need be.
        :param reactor: whose thread is notified.  With one that has no threads, everything is
            done synchronously.
        :param now: seconds since 1970.
        :returns: a Deferred that fires with the journal, in which nothing is being uploaded.  It
            fails with :exc:`~.AlreadyRunning` if it has an owner, with :exc:`~.JournalTooNew`,
            and with :exc:`~.JournalUnavailable`.
        """
        return Deferred.fromCoroutine(cls._open(state, reactor, now))

    @classmethod
    async def _open(cls, state: str, reactor: Any, now: Callable[[], float]) -> Journal:
        seconds = steady(reactor).seconds
        return cls(await Possession.take(state, reactor, now, seconds), seconds)

    @property
    def was_damaged(self) -> bool:
        """
        Whether the journal was damaged, and began anew, so that what lies in the folders is taken
        for new.  What was there is kept beside it, as ``journal.damaged-`` with the time.
        """
        return self._possession.database.was_damaged

    @property
    def is_damaged(self) -> bool:
        """Whether it turned out to be damaged: only another one, opened anew, is of any use."""
        return self._possession.database.is_damaged

    def observe(self, folder: str, seen: Sequence[Seen]) -> Deferred[Observation]:
        """
        Take note of files that lie in a folder.

        A version that is new is SEEN; a file that has changed since then is SETTLING.  One that
        ``is_marked`` is QUEUED.  A file that changes while it is QUEUED or WAITING has CHANGED,
        and what it became is new.  What is known and has gone farther is left alone.

        :param folder: the name of the folder's settings.
        :param seen: the files, any number of them.
        :returns: a Deferred that fires with what that came to.
        """
        return Deferred.fromCoroutine(self._observe(folder, seen))

    async def _observe(self, folder: str, seen: Sequence[Seen]) -> Observation:
        total = Observation()
        for start in range(0, len(seen), LARGEST):
            part = seen[start : start + LARGEST]
            work = partial(observe, folder=folder, seen=part)
            total += await self._do(work, len(part))
        return total

    def vanished(
        self, folder: str, scan_began: float, unread: Sequence[bytes] = ()
    ) -> Deferred[int]:
        """
        Take note that a scan of a folder has seen all that lies in it.

        What was SEEN, SETTLING, QUEUED, WAITING or HELD and was not observed since then is GONE;
        what was handed over is aside.

        :param folder: the name of the folder's settings.
        :param scan_began: what :attr:`seconds` returned as it began.
        :param unread: paths that could not be looked at: what is there, or below, is taken to be
            there still.
        :returns: a Deferred that fires with how many vanished.
        :raises ValueError: if that is in the future.
        """
        if scan_began > self.seconds():
            raise ValueError("a scan must have begun, by the journal's own clock")
        return Deferred.fromCoroutine(self._vanished(folder, scan_began, unread))

    async def _vanished(self, folder: str, scan_began: float, unread: Sequence[bytes]) -> int:
        for path in unread:
            await self._do(partial(keep_below, folder=folder, path=path))
        work = partial(housekeeping.mark_gone, folder=folder, scan_began=scan_began, limit=LARGEST)
        total = await self._repeat(work)
        work = partial(housekeeping.mark_away, folder=folder, scan_began=scan_began, limit=LARGEST)
        await self._repeat(work)
        await self._do(partial(housekeeping.end_scan, folder=folder, scan_began=scan_began))
        self._scanned[folder] = scan_began
        return total

    def take(self, folder: str, count: int, order: str = "oldest") -> Deferred[list[Entry]]:
        """
        Begin to upload: QUEUED entries become UPLOADING.

        :param folder: the name of the folder's settings.
        :param count: how many at most.
        :param order: ``oldest``, ``newest`` (by when they were last written to), ``smallest``,
            ``largest`` or ``name``.
        :returns: a Deferred that fires with the entries, in that order.  Two versions of one path
            are never UPLOADING at once.  One that was never taken before has no ``note`` yet.
        """
        return self._do(partial(queue.take, folder=folder, count=count, order=order), count)

    def move(
        self, id: int, *to: PushState, at: PushState | None = None, **facts: Any
    ) -> Deferred[Entry]:
        """
        Bring an entry into another state; or through several at once, if nothing is to be done in
        those on the way.

        ``why`` and ``until`` are about the state, and forgotten with it.  An entry that leaves an
        end has a new ``event_id``, and no ``attempts``.

        :param id: its number.
        :param to: the state, the last of those on the way.
        :param at: the state that it has to be in still, if not any.
        :param facts: what else to write down: ``identifier``, ``attempts``, ``why``, ``until``,
            ``sent``, ``digest``, ``note``, ``location``, ``is_aside``.
        :returns: a Deferred that fires with the entry.  It fails with
            :exc:`~.ImpossibleTransition` and :exc:`~.UnknownEntry`.
        """
        return self._do(partial(_move, id=id, to=to, at=at, facts=facts))

    def note(self, id: int, *, at: PushState | None = None, **facts: Any) -> Deferred[Entry]:
        """
        Write down something about an entry that stays in its state.

        :param id: its number.
        :param at: and facts: as for :meth:`move`, and so are failures.
        :returns: a Deferred that fires with the entry.
        """
        return self._do(partial(_note, id=id, at=at, facts=facts))

    def entry(self, id: int) -> Deferred[Entry]:
        """
        An entry.

        :param id: its number.
        :returns: a Deferred that fires with it, or fails with :exc:`~.UnknownEntry`.
        """
        return self._do(partial(Transaction.entry, id=id))

    def entries(
        self,
        states: Iterable[PushState] | None = None,
        folder: str | None = None,
        after: int = 0,
        limit: int = LARGEST,
    ) -> Deferred[list[Entry]]:
        """
        Entries in the order of their numbers, a page at a time.

        :param states: those that are in one of these; all, if it is :data:`None`.
        :param folder: those of one folder's settings; of all, if it is :data:`None`.
        :param after: those with a greater number: that of the last one on the page before.
        :param limit: how many at most.
        :returns: a Deferred that fires with them.
        """
        return self._do(
            partial(listing.list_entries, states=states, folder=folder, after=after, limit=limit),
            limit,
        )

    def counts(self) -> Deferred[dict[str, dict[PushState, int]]]:
        """
        How many entries each folder has in each state.

        :returns: a Deferred that fires with that; states without any are left out.
        """
        return self._do(listing.count)

    def wake_at(self) -> Deferred[float | None]:
        """
        When the first of those that are WAITING has waited long enough.

        :returns: a Deferred that fires with that, in seconds since 1970; :data:`None` if none is.
        """
        return self._do(partial(waiting.wake_at, limit=LARGEST))

    def due(self) -> Deferred[list[Entry]]:
        """
        Have those that are WAITING, and have waited long enough, QUEUED.

        :returns: a Deferred that fires with them; some hundred at most, so ask again if there
            are any.
        """
        return self._do(partial(waiting.queue_due, limit=LARGEST), LARGEST)

    def prune(self, keep: float) -> Deferred[int]:
        """
        Forget entries that have ended, and do not lie in their folder any more: those of folders
        that were scanned since the journal was opened.

        :param keep: seconds since their end.
        :returns: a Deferred that fires with how many these are.
        """
        work = partial(housekeeping.prune, scanned=self._scanned, keep=keep, limit=LARGEST)
        return Deferred.fromCoroutine(self._repeat(work))

    def beat(self) -> Deferred[None]:
        """
        Write something, whatever it is.

        :returns: a Deferred that fires when it is durable.
        """
        return self._do(housekeeping.beat)

    def checkpoint(self) -> Deferred[None]:
        """
        Write the log of the database into its file, as before a copy of that is made.

        :returns: a Deferred that fires when that is done.
        """
        if self._is_closed:
            return fail(JournalUnavailable("it is closed"))
        return self._possession.checkpoint()

    def close(self) -> Deferred[None]:
        """
        Finish what was asked for, and give the journal up.

        :returns: a Deferred that fires when another process may open it.
        """
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        self._is_closed = True
        await self._commits.idle()
        await self._possession.give_up()

    def _do(self, work: Callable[..., _T], size: int = 1) -> Deferred[_T]:
        if self._is_closed:
            return fail(JournalUnavailable("it is closed"))
        return self._commits.add(work, size)

    async def _repeat(self, work: Callable[..., int]) -> int:
        """Until there is nothing left of what it does."""
        total = done = await self._do(work, LARGEST)
        while done == LARGEST:
            done = await self._do(work, LARGEST)
            total += done
        return total

    def _notify(self, changes: Sequence[Change]) -> None:
        for before, after in changes:
            self._changed.notify(before, after)


def _move(transaction: Transaction, id: int, to: Any, at: Any, facts: Any) -> Entry:
    entry = transaction.entry(id)
    if at not in (None, entry.state):
        raise ImpossibleTransition(entry, to[-1])
    return transaction.move(entry, to[-1], facts, to[:-1])


def _note(transaction: Transaction, id: int, at: Any, facts: Any) -> Entry:
    entry = transaction.entry(id)
    if at not in (None, entry.state):
        raise ImpossibleTransition(entry, at)
    return transaction.note(entry, facts)
