"""
A file on its way: state, progress, signals.

A chunk costs one byte of its file's state; :class:`ResumableChunk` is made when somebody looks.
What happens to a file is decided elsewhere: its owner, the uploader, calls the methods that begin
with an underscore and is told what users ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from .._protocol.layout import ChunkLayout
from .._runtime.observers import OneShotObserver, Signal
from .._source.fingerprint import UNSEEN
from ..errors import ResumableError
from .chunk import Chunks, ChunkState, ResumableChunk
from .ledger import NOWHERE, Course, InHand

if TYPE_CHECKING:
    from .handle import Upload

__all__ = ["FileState", "ResumableFile"]


class FileState(Enum):
    """How far a file is."""

    ADDED = "added"
    """It is being opened and looked at."""
    PREPARING = "preparing"
    """``preprocess_file`` is at work on it."""
    READY = "ready"
    """Its chunks are waiting or on their way."""
    COMPLETED = "completed"
    """Every chunk is on the server."""
    FAILED = "failed"
    """It was given up; :attr:`ResumableFile.error` says why."""
    CANCELLED = "cancelled"
    """Somebody cancelled it."""


# Before Python 3.12, looking a member up in its class costs as much as calling a function.
ADDED, PREPARING, READY, COMPLETED, FAILED, CANCELLED = FileState

_ENDS = frozenset((COMPLETED, FAILED, CANCELLED))
_BEGINNINGS = frozenset((ADDED, PREPARING, READY))
_NEXT = {
    ADDED: _ENDS | {PREPARING, READY},
    PREPARING: _ENDS | {READY},
    READY: _ENDS,
    # Tried again, it goes on where it was let in, and never past preprocess_file.
    COMPLETED: _BEGINNINGS,
    FAILED: _BEGINNINGS,
    CANCELLED: _BEGINNINGS,
}
"""What may follow upon each state."""

PENDING, UPLOADING, WAITING, STORED = (state.value for state in ChunkState)


class Owner(Protocol):
    """What a file asks of the uploader that it belongs to."""

    @property
    def hears_chunks(self) -> bool: ...
    def chunk_stored(self, file: ResumableFile, chunk: ResumableChunk) -> None: ...
    def file_ended(self, file: ResumableFile) -> None: ...
    def progressed(self, file: ResumableFile) -> None: ...
    def notify(self, notify: Callable[..., object], *args: Any) -> None: ...
    def settled(self) -> None: ...
    def stop(self, file: ResumableFile) -> None: ...
    def proceed(self, file: ResumableFile) -> None: ...
    def restart(self, file: ResumableFile) -> None: ...
    def upload(self) -> None: ...
    def digest(self, file: ResumableFile) -> Deferred[str]: ...


class ResumableFile:
    """
    A file on its way to a server.

    :ivar file_name: its name, without folders.
    :ivar relative_path: its path below the folder that was added, with ``/``; its name otherwise.
    :ivar type: its media type, or an empty text.
    :ivar size: bytes; 0 until ``file_added``.
    :ivar chunk_size: the configured size of a chunk in bytes.
    :ivar unique_identifier: what the server knows it by; empty until ``file_added``.
    :ivar fingerprint: what it looks like, for who gives it its identifier; empty after that.
    :ivar state: how far it is.
    :ivar chunks_found: how many of its chunks the server had already, so that they were not sent.
    :ivar reply: the text of the server's answer to its last chunk.
    :ivar error: why it failed, or :data:`None`.
    """

    __slots__ = (
        "_barred",
        "_chunk_outcomes",
        "_course",
        "_crowded",
        "_force",
        "_handle",
        "_hangs",
        "_held",
        "_order",
        "_outcome",
        "_owner",
        "_prepared",
        "_queued",
        "_signals",
        "_source",
        "chunk_size",
        "chunks_found",
        "error",
        "file_name",
        "fingerprint",
        "relative_path",
        "reply",
        "size",
        "state",
        "type",
        "unique_identifier",
    )

    def __init__(
        self,
        owner: Owner,
        source: Any,
        file_name: str,
        relative_path: str,
        type: str,
        chunk_size: int,
        order: int,
    ) -> None:
        self._owner = owner
        self._source = source
        self._order = order
        self.file_name = file_name
        self.relative_path = relative_path
        self.type = type
        self.chunk_size = chunk_size
        self.unique_identifier = ""
        self.fingerprint = UNSEEN
        self.state = ADDED
        self.chunks_found = 0
        self.reply = ""
        self.error: Exception | None = None
        self.size = 0
        self._held = False
        self._barred = False  # whether its server cannot be reached, which one chunk tries
        self._hangs = False  # whether opening it does
        self._crowded = False  # whether as many of its chunks wait as may be under way
        self._prepared = False  # preprocess_file has done its work
        self._force: bool | None = None  # what it is laid out by, once it is
        self._course = NOWHERE
        self._outcome: OneShotObserver[ResumableFile] | None = None
        self._chunk_outcomes: dict[int, OneShotObserver[ResumableChunk]] | None = None
        self._signals: dict[str, Signal] | None = None
        self._handle: Upload | None = None
        self._queued = False

    def __repr__(self) -> str:
        return (
            f"<ResumableFile {self.file_name!r} {self.state.value} {self.fraction_completed:.1%}>"
        )

    # What users see ----------------------------------------------------------------------------

    @property
    def chunks(self) -> Sequence[ResumableChunk]:
        """Its chunks; none until ``file_added``."""
        return Chunks(self)

    @property
    def force_chunk_size(self) -> bool:
        """Whether no chunk is longer than ``chunk_size``."""
        return bool(self._force)

    @property
    def completed(self) -> Signal:
        """Fires without arguments when every chunk is on the server."""
        return self._signal("completed")

    @property
    def chunk_completed(self) -> Signal:
        """Fires with each :class:`ResumableChunk` that is on the server."""
        return self._signal("chunk_completed")

    @property
    def fraction_completed(self) -> float:
        """How much is on the server, from 0 to 1: never falls, and is 1 only when all is stored."""
        if self._all_stored:
            return 1.0
        course = self._course
        if course is NOWHERE or not self.size:
            return 0.0
        # As in resumable.js, bytes on their way count for a little less than bytes that arrived.
        moving = sum(course.in_hand.loaded.values()) if course.in_hand is not None else 0
        sent = course.stored_bytes + 0.95 * moving
        course.best = max(course.best, min(sent / self.size, 0.999999))
        return course.best

    @property
    def is_completed(self) -> bool:
        """Whether every chunk is on the server."""
        return self.state is COMPLETED

    @property
    def is_uploading(self) -> bool:
        """Whether any chunk is being tested, sent, or waits to be tried again."""
        states = self._course.states
        return UPLOADING in states or WAITING in states

    @property
    def is_suspended(self) -> bool:
        """Whether :meth:`suspend` holds it."""
        return self._held

    def when_completed(self) -> Deferred[ResumableFile]:
        """
        Be told of the end.

        :returns: a new Deferred each time, after the end too.  It fires with this file when every
            chunk is on the server, fails as the upload failed, and with ``CancelledError`` if it
            was cancelled.  Cancelling it detaches this waiter and nothing else.
        """
        result = self._result()
        if result is not None:
            ended: OneShotObserver[ResumableFile] = OneShotObserver()
            ended.settle(result)
            return ended.wait()
        if self._outcome is None:
            self._outcome = OneShotObserver()
        return self._outcome.wait()

    def suspend(self) -> None:
        """Start no more chunks; those under way go on."""
        self._held = True

    def resume(self) -> None:
        """Go on after :meth:`suspend` or :meth:`abort`."""
        self._held = False
        self._owner.proceed(self)

    def abort(self) -> None:
        """Stop the chunks under way and start no more, until :meth:`resume` or :meth:`retry`."""
        self._held = True
        self._owner.stop(self)
        self._owner.proceed(self)

    def cancel(self) -> None:
        """
        Give the file up: stop what is under way, close the file, take it off the list, and tell
        everyone who waits ``CancelledError``.  After the end it does nothing.
        """
        self._end(CANCELLED, None)
        self._owner.settled()

    def bootstrap(self) -> None:
        """
        Start over: stop what is under way and count every chunk as absent.  What waited for a
        file that was at its end has been told; :meth:`when_completed` tells of the new try.

        :raises ResumableError: if the uploader is closed.
        """
        self._owner.restart(self)
        self._owner.settled()

    def retry(self) -> None:
        """
        Upload it again, after a permanent error too: :meth:`bootstrap`, after which it is not
        suspended and uploading begins at once.

        :raises ResumableError: if the uploader is closed.
        """
        self._owner.restart(self)
        self._held = False
        self._owner.proceed(self)
        self._owner.upload()

    def mark_chunks_completed(self, number: int) -> None:
        """
        Count the first chunks as stored without asking the server.

        :param number: how many.
        :raises ValueError: if the file has not so many.
        """
        states = self._set_out().states
        if not 0 <= number <= len(states):
            raise ValueError(f"number must be from 0 to {len(states)}, not {number}")
        for offset in range(number):
            if states[offset] == PENDING:
                self._count_stored(offset)
                self._tell_waiters(offset)
        self._owner.proceed(self)

    def content_digest(self) -> Deferred[str]:
        """
        The SHA-256 of its whole content.

        :returns: a Deferred that fires with it as hexadecimal and fails as reading fails.
        """
        return self._owner.digest(self)

    # What the uploader does --------------------------------------------------------------------

    @property
    def _unfinished(self) -> bool:
        return self.state in _BEGINNINGS

    def _become(self, state: FileState) -> None:
        if state not in _NEXT[self.state]:
            raise AssertionError(f"a file that is {self.state.value} becomes {state.value}")
        self.state = state

    def _lay_out(self, size: int, force: bool = False) -> None:
        self.size, self._force = size, force
        self._forget()

    def _forget(self) -> None:
        self.reply, self.error, self.chunks_found = "", None, 0
        self._course = NOWHERE

    def _set_out(self) -> Course:
        """Its course, made if it has none; that of a file not yet looked at has no chunks."""
        if self._course is NOWHERE and self._force is not None:
            layout = ChunkLayout(self.size, self.chunk_size, self._force)
            course = self._course = Course(layout)
            if self.state is COMPLETED:
                course.store_all()
        return self._course

    def _next_pending(self) -> int:
        """The first chunk that waits for its turn, or -1."""
        course = self._set_out()
        found = course.states.find(PENDING, course.cursor)
        course.cursor = len(course.states) if found < 0 else found
        return found

    def _is_pending(self, offset: int) -> bool:
        return self._set_out().states[offset] == PENDING

    def _may_send(self, offset: int) -> bool:
        """Whether it has, now or later, anything to do with a request."""
        if self.state is not READY or self._held or self._hangs or self._crowded:
            return False
        return self._set_out().states[offset] != STORED

    def _begin(self, offset: int) -> Course:
        course = self._set_out()
        course.states[offset] = UPLOADING
        return course

    def _progress(self, offset: int, loaded: int) -> None:
        moving = self._hand().loaded
        moving[offset] = max(loaded, moving.get(offset, 0))
        self._owner.progressed(self)

    def _hand(self) -> InHand:
        course = self._set_out()
        if course.in_hand is None:
            course.in_hand = InHand()
        return course.in_hand

    def _stand_still(self, offset: int) -> None:
        in_hand = self._course.in_hand
        if in_hand is not None:
            in_hand.loaded.pop(offset, None)

    def _hear(self, offset: int, message: str) -> None:
        self._hand().messages[offset] = message

    def _wait(self, offset: int) -> None:
        self._set_out().states[offset] = WAITING
        self._stand_still(offset)

    def _put_back(self, offset: int) -> None:
        """It waits for its turn again."""
        course = self._set_out()
        if course.states[offset] in (UPLOADING, WAITING):
            course.states[offset] = PENDING
            course.cursor = min(course.cursor, offset)
        self._stand_still(offset)

    def _count_retry(self, offset: int) -> int:
        counts = self._hand().retries
        counts[offset] = retries = counts.get(offset, 0) + 1
        return retries

    def _count_stored(self, offset: int) -> bool:
        course = self._course
        if course.states[offset] == STORED:
            return False
        start, end = course.layout.range(offset)
        course.states[offset] = STORED
        course.stored_count += 1
        course.stored_bytes += end - start
        self._stand_still(offset)
        return True

    def _put_back_stored(self, spans: Sequence[range]) -> None:
        """These chunks were stored, and wait for their turn again; nobody is told twice."""
        course = self._course
        course.told = course.told or bytearray(len(course.states))
        for span in spans:
            course.told[span.start : span.stop] = b"\1" * len(span)
            course.states[span.start : span.stop] = bytes((PENDING,)) * len(span)
            course.stored_count -= len(span)
            (start, _), (_, end) = (course.layout.range(each) for each in (span[0], span[-1]))
            course.stored_bytes -= end - start
        course.cursor = min(course.cursor, spans[0].start)

    @property
    def _all_stored(self) -> bool:
        course = self._course
        if course is NOWHERE:
            return self.state is COMPLETED
        return course.stored_count == len(course.states)

    def _found(self, offsets: Sequence[int]) -> None:
        """The server has these chunks, which were to be sent."""
        self.chunks_found += len(offsets)
        for offset in offsets:
            self._count_stored(offset)
        if self._signals is not None or self._owner.hears_chunks:
            told = self._course.told
            news = offsets if told is None else [each for each in offsets if not told[each]]
            self._owner.notify(self._fire_found, news, self._course)
        for offset in list(self._chunk_outcomes or ()):
            if self._course.states[offset] == STORED:
                self._tell_waiters(offset)
        self._owner.settled()

    def _fire_found(self, offsets: Sequence[int], course: Course) -> None:
        for offset in offsets:
            if self.state is not COMPLETED and (self._course is not course or not self._unfinished):
                return  # whoever was told has cancelled it, or started over
            self._fire_stored(offset, course.in_hand)

    def _tell_stored(self, offset: int) -> None:
        """A chunk was stored: whom that concerns."""
        in_hand, told = self._course.in_hand, self._course.told
        news = told is None or not told[offset]
        if news and (self._signals is not None or self._owner.hears_chunks):
            self._owner.notify(self._fire_stored, offset, in_hand)
        elif in_hand is not None:
            in_hand.forget(offset)
        if self._chunk_outcomes is not None:
            self._tell_waiters(offset)

    def _fire_stored(self, offset: int, in_hand: InHand | None) -> None:
        chunk = ResumableChunk(self, offset)
        self._fire("chunk_completed", chunk)
        self._owner.chunk_stored(self, chunk)
        if in_hand is not None:
            in_hand.forget(offset)

    def _tell_waiters(self, offset: int) -> None:
        if self._chunk_outcomes is not None:
            outcome = self._chunk_outcomes.pop(offset, None)
            if outcome is not None:
                self._owner.notify(outcome.settle, ResumableChunk(self, offset))

    def _end(self, state: FileState, error: Exception | None) -> None:
        """The file's end, of which there is one: state, source, signals, waiters, handle."""
        if not self._unfinished:
            return
        self._become(state)
        self.error = error
        self._owner.stop(self)
        if state is COMPLETED:
            self._course = NOWHERE
        elif self._course is not NOWHERE:
            self._course.plan = None
        self._source.close()
        if state is COMPLETED and self._signals is not None:
            self._owner.notify(self._fire, "completed")
        self._owner.file_ended(self)

    def _take_waiters(self) -> Callable[[], None] | None:
        """
        Part with those who waited for this end.

        :returns: what tells them, if there are any.
        """
        if self._outcome is None and not self._chunk_outcomes:
            return None
        result = self._result()
        assert result is not None
        chunks, self._chunk_outcomes = self._chunk_outcomes or {}, None
        outcome, self._outcome = self._outcome, None

        def tell() -> None:
            for offset, each in chunks.items():
                each.settle(result if isinstance(result, Failure) else ResumableChunk(self, offset))
            if outcome is not None:
                outcome.settle(result)

        return tell

    def _result(self) -> ResumableFile | Failure | None:
        if self.state is COMPLETED:
            return self
        if self.state is CANCELLED:
            return Failure(CancelledError())
        if self.state is FAILED:
            return Failure(self.error or ResumableError("it failed"))
        return None

    def _signal(self, name: str) -> Signal:
        if self._signals is None:
            self._signals = {}
        return self._signals.setdefault(name, Signal())

    def _fire(self, name: str, *args: object) -> None:
        if self._signals is not None and name in self._signals:
            self._signals[name].fire(*args)
