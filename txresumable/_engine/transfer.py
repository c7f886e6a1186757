"""
One file on its way: what the engine moves, and what users see through a
:class:`~txresumable.ResumableFile`.

Whatever happens to it settles its state first; whom that concerns is notified afterwards, by the
engine's turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python.failure import Failure

from .._runtime.observers import Signal
from .._source.source import Source
from ..errors import ResumableError
from ..file import ResumableChunk, ResumableFile
from ..states import (
    CANCELLED,
    COMPLETED,
    ENDS,
    FAILED,
    PENDING,
    READY,
    STORED,
    FileState,
)
from .flag import Flag
from .ledger import NO_CHUNKS, ChunkActivity, ChunkLedger
from .listener import TransferListener
from .observation import FileObservers
from .reasons import name_file
from .record import FileRecord

__all__ = ["Transfer"]

_HELD, _HANGS, _CROWDED, _BARRED, _PREPARED, _SHARES, _LIKE_OURS = 1, 2, 4, 8, 16, 32, 64
_HOLDS = _HELD | _HANGS | _CROWDED | _BARRED


class Transfer(FileRecord):
    """
    One file on its way.

    :ivar handle: the :class:`~txresumable.Upload` of this try; :data:`None` after its end.
    :ivar is_queued: whether it is in the queue.
    :ivar flags: the next seven.
    :ivar is_held: whether it is suspended.
    :ivar is_prepared: whether ``preprocess_file`` has done its work.
    :ivar hangs: whether opening it does.
    :ivar is_barred: whether its server cannot be reached, which one of its chunks probes.
    :ivar is_crowded: whether as many of its chunks wait as may be under way.
    :ivar shares: whether it ended as the file that was uploaded for it, and no event is about it.
    :ivar is_like_ours: whether the server has responded last as our receiver does.
    :ivar observers: those who observe it or wait for it, if there are any.
    """

    __slots__ = (
        "_listener",
        "_view",
        "flags",
        "handle",
        "is_queued",
        "observers",
    )

    is_held = Flag(_HELD)
    hangs = Flag(_HANGS)
    is_crowded = Flag(_CROWDED)
    is_barred = Flag(_BARRED)
    is_prepared = Flag(_PREPARED)
    shares = Flag(_SHARES)
    is_like_ours = Flag(_LIKE_OURS)

    def __init__(
        self,
        listener: TransferListener[Transfer],
        source: Source,
        file_name: str,
        relative_path: str,
        type: str,
        chunk_size: int,
        order: int,
    ) -> None:
        super().__init__(source, file_name, relative_path, type, chunk_size, order)
        self._listener = listener
        self.flags = 0
        self.is_queued = False
        self.handle: Deferred[ResumableFile] | None = None
        self.observers: FileObservers | None = None
        self._view: ResumableFile | None = None

    def belongs_to(self, listener: object) -> bool:
        """Whether an engine has made it."""
        return self._listener is listener

    # What users see ----------------------------------------------------------------------------

    @property
    def file(self) -> ResumableFile:
        """The view of it that users have; always the same."""
        if self._view is None:
            self._view = ResumableFile(self)
        return self._view

    def signal(self, name: str) -> Signal[...]:
        """One of its signals, made if nobody asked for it before."""
        return self._ensure_observers().signal(name)

    def when_completed(self) -> Deferred[ResumableFile]:
        """A new Deferred that fires, or fails, as the upload does."""
        result = self.result()
        if result is None:
            return self._ensure_observers().wait()
        return succeed(result) if isinstance(result, ResumableFile) else fail(result)

    def suspend(self) -> None:
        """Start no more chunks."""
        self.is_held = True

    def resume(self) -> None:
        """Go on after :meth:`suspend` or :meth:`abort`."""
        self.is_held = False
        self._listener.proceed(self)

    def abort(self) -> None:
        """Stop its requests and start no more."""
        self.is_held = True
        self._listener.stop(self)
        self._listener.proceed(self)

    def cancel(self) -> None:
        """Give it up."""
        self.end(CANCELLED, None)
        self._listener.settled()

    def bootstrap(self) -> None:
        """Start over."""
        self._listener.restart(self)
        self._listener.settled()

    def retry(self) -> None:
        """Upload it again, at once."""
        self._listener.restart(self)
        self.is_held = False
        self._listener.begin(self)

    def mark_stored(self, number: int) -> None:
        """Count the first chunks as stored without asking the server."""
        ledger = self.ensure_ledger()
        if not 0 <= number <= len(ledger.states):
            raise ValueError(f"number must be from 0 to {len(ledger.states)}, not {number}")
        for offset in range(number):
            if ledger.states[offset] == PENDING:
                ledger.count_stored(offset)
                self._notify_chunk_waiters(offset)
        self._listener.proceed(self)

    def digest(self) -> Deferred[str]:
        """The SHA-256 of its whole content, as hexadecimal."""
        return self._listener.digest(self)

    def when_chunk_completed(self, offset: int) -> Deferred[ResumableChunk]:
        """A new Deferred that fires when a chunk is stored, or fails as the file does."""
        result = self.result()
        if self.chunk_states()[offset] == STORED:
            return succeed(ResumableChunk(self, offset))
        if isinstance(result, Failure):
            return fail(result)
        return self._ensure_observers().wait_for_chunk(offset)

    def _ensure_observers(self) -> FileObservers:
        if self.observers is None:
            self.observers = FileObservers()
        return self.observers

    # What the engine does ----------------------------------------------------------------------

    @property
    def may_go(self) -> bool:
        """Whether its chunks may be sent now."""
        return self.state is READY and not self.flags & _HOLDS

    def may_send(self, offset: int) -> bool:
        """Whether a chunk has, now or later, anything to do with a request."""
        if self.state is not READY or self.flags & _HOLDS & ~_BARRED:
            return False
        return self.ensure_ledger().states[offset] != STORED

    def progress(self, offset: int, loaded: int) -> None:
        """Bytes of a chunk were handed over."""
        self.ledger.record_progress(offset, loaded)
        self._listener.progressed(self)

    def proceed(self) -> None:
        """Nothing keeps it from going on any more."""
        self._listener.proceed(self)

    def found(self, offsets: Sequence[int]) -> None:
        """The server has these chunks, which were to be sent."""
        ledger, observers = self.ledger, self.observers
        before = ledger.notified
        news = offsets if before is None else [each for each in offsets if not before[each]]
        self.chunks_found += len(news)
        for offset in offsets:
            ledger.count_stored(offset)
        if observers is not None or self._listener.hears_chunks:
            self._listener.notify(self._fire_found, news, ledger)
        for offset in observers.awaited_chunks if observers is not None else ():
            if ledger.states[offset] == STORED:
                self._notify_chunk_waiters(offset)
        self._listener.settled()

    def _fire_found(self, offsets: Sequence[int], ledger: ChunkLedger) -> None:
        for offset in offsets:
            if self.state is not COMPLETED and (
                self.ledger is not ledger or not self.is_unfinished
            ):
                return  # an observer has cancelled it, or started over
            self._fire_stored(offset, ledger.activity)

    def notify_stored(self, offset: int) -> None:
        """A chunk was stored: note whom that concerns."""
        activity, before = self.ledger.activity, self.ledger.notified
        heard = self.observers is not None or self._listener.hears_chunks
        if heard and (before is None or not before[offset]):
            self._listener.notify(self._fire_stored, offset, activity)
        elif activity is not None:
            activity.forget(offset)
        if self.observers is not None:
            self._notify_chunk_waiters(offset)

    def _fire_stored(self, offset: int, activity: ChunkActivity | None) -> None:
        chunk = ResumableChunk(self, offset)
        if self.observers is not None:
            self.observers.fire("chunk_completed", chunk)
        self._listener.chunk_stored(self, chunk)
        if activity is not None:
            activity.forget(offset)

    def _notify_chunk_waiters(self, offset: int) -> None:
        if self.observers is not None:
            waiters = self.observers.take_chunk(offset)
            if waiters is not None:
                self._listener.notify(waiters.settle, ResumableChunk(self, offset))

    def end(self, state: FileState, error: Exception | None) -> None:
        """Its end, of which there is one: state, source, signals, waiters, handle."""
        if self.state in ENDS:
            return
        self.become(state)
        self.error = error
        if error is not None:
            name_file(error, self.file_name)
        self._listener.stop(self)
        if state is COMPLETED:
            self.ledger = NO_CHUNKS
        elif self.ledger is not NO_CHUNKS:
            self.ledger.plan = None
        self.source.close()
        if state is COMPLETED and self.observers is not None:
            self._listener.notify(self.observers.fire, "completed")
        self._listener.ended(self)

    def take_waiters(self) -> Callable[[Any], None] | None:
        """
        Part with those who waited for this end.

        :returns: what notifies them of the result, if there may be any.
        """
        if self.observers is None:
            return None
        return self.observers.take_waiters(partial(ResumableChunk, self))

    def result(self) -> ResumableFile | Failure | None:
        """What whoever waits for the end gets, once it has come."""
        if self.state is COMPLETED:
            return self.file
        if self.state is CANCELLED:
            return Failure(CancelledError())
        if self.state is FAILED:
            return Failure(self.error or ResumableError("it failed"))
        return None
