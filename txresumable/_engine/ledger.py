"""
What a file knows of its chunks: the state of each, in a byte.

:data:`~txresumable.states.NEXT_CHUNK_STATES` says what may follow upon what; the methods here are
the only ones that change a state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._protocol.layout import ChunkLayout
from ..states import PENDING, STORED, UPLOADING, WAITING

__all__ = ["NO_CHUNKS", "ChunkActivity", "ChunkLedger"]


class ChunkActivity:
    """What is remembered of the chunks of a file until they are stored."""

    __slots__ = ("loaded", "messages", "retries")

    def __init__(self) -> None:
        self.loaded: dict[int, int] = {}
        self.retries: dict[int, int] = {}
        self.messages: dict[int, str] = {}

    def of(self, offset: int) -> tuple[int, int, str]:
        """Of one chunk: how often it failed, bytes sent, and what the server said last."""
        return (
            self.retries.get(offset, 0),
            self.loaded.get(offset, 0),
            self.messages.get(offset, ""),
        )

    def forget(self, offset: int) -> None:
        """
        A chunk is stored.

        :param offset: which, counted from 0.
        """
        self.retries.pop(offset, None)
        self.messages.pop(offset, None)


class ChunkLedger:
    """
    The chunks of a file: made when the first begins, or when somebody looks, and parted with when
    all are stored.  A file that waits, or is at its end, has none.

    :ivar layout: which bytes are which chunk's.
    :ivar states: a byte for each chunk.
    :ivar activity: more about those that are not stored; :data:`None` if there is nothing.
    :ivar plan: what is remembered of its requests.
    :ivar notified: a byte for each chunk, 1 for those that were stored once and had to be sent
        again; :data:`None` if there are none.
    :ivar cursor: before it, no chunk is pending.
    :ivar stored_count: how many are stored.
    :ivar stored_bytes: bytes of these.
    :ivar best: the largest fraction that was reported.
    """

    __slots__ = (
        "activity",
        "best",
        "cursor",
        "layout",
        "notified",
        "plan",
        "states",
        "stored_bytes",
        "stored_count",
    )

    def __init__(self, layout: ChunkLayout, chunks: int | None = None) -> None:
        """
        :param layout: which bytes are which chunk's.
        :param chunks: how many there are, if not as many as laid out.
        """
        self.layout = layout
        self.states = bytearray(layout.count if chunks is None else chunks)
        self.activity: ChunkActivity | None = None
        self.plan: Any = None
        self.notified: bytearray | None = None
        self.cursor = self.stored_count = self.stored_bytes = 0
        self.best = 0.0

    @property
    def all_stored(self) -> bool:
        """Whether every chunk is stored."""
        return self.stored_count == len(self.states)

    @property
    def is_active(self) -> bool:
        """Whether any chunk is being tested, sent, or waits to be retried."""
        return UPLOADING in self.states or WAITING in self.states

    def fraction(self, size: int) -> float:
        """
        How much is stored or sent, from 0 to 1: never falls.

        :param size: bytes of the file.
        """
        self.best = max(self.best, min(self.sent_bytes / size, 0.999999))
        return self.best

    @property
    def sent_bytes(self) -> float:
        """The same in bytes; it falls when a chunk is refused."""
        # As in resumable.js, bytes that are sent count for a little less than bytes that arrived.
        loaded = sum(self.activity.loaded.values()) if self.activity is not None else 0
        return self.stored_bytes + 0.95 * loaded

    def ensure_activity(self) -> ChunkActivity:
        """Its :attr:`activity`, made if there is none."""
        if self.activity is None:
            self.activity = ChunkActivity()
        return self.activity

    def next_pending(self) -> int:
        """The first chunk that waits for its turn, or -1."""
        found = self.states.find(PENDING, self.cursor)
        self.cursor = len(self.states) if found < 0 else found
        return found

    def next_but_last(self) -> int:
        """As :meth:`next_pending`; the last chunk waits until all others are stored."""
        if self.stored_count >= len(self.states) - 1:
            return self.next_pending()
        found = self.states.find(PENDING, self.cursor, -1)
        if found >= 0:
            self.cursor = found
        return found

    def next_in_order(self) -> int:
        """The first chunk that is not stored, or -1 if it is under way or waits for a retry."""
        found = self.states.find(PENDING, self.cursor)
        if found >= 0:
            for active in (UPLOADING, WAITING):
                if self.states.find(active, self.cursor, found) >= 0:
                    return -1
            self.cursor = found
        return found

    def begin(self, offset: int) -> None:
        """A chunk is being tested or sent."""
        self.states[offset] = UPLOADING

    def record_progress(self, offset: int, loaded: int) -> None:
        """
        Bytes of a chunk were handed over.

        :param loaded: how many, so far.
        """
        counts = self.ensure_activity().loaded
        counts[offset] = max(loaded, counts.get(offset, 0))

    def clear_progress(self, offset: int) -> None:
        """Nothing of a chunk counts as sent any more."""
        if self.activity is not None:
            self.activity.loaded.pop(offset, None)

    def record_message(self, offset: int, message: str) -> None:
        """Keep what the server said of a chunk."""
        self.ensure_activity().messages[offset] = message

    def count_retry(self, offset: int) -> int:
        """:returns: how often the chunk failed, with this time."""
        counts = self.ensure_activity().retries
        counts[offset] = retries = counts.get(offset, 0) + 1
        return retries

    def wait(self, offset: int) -> None:
        """A chunk failed and waits to be retried."""
        self.states[offset] = WAITING
        self.clear_progress(offset)

    def put_back(self, offset: int) -> None:
        """A chunk that is not stored waits for its turn again."""
        if self.states[offset] in (UPLOADING, WAITING):
            self.states[offset] = PENDING
            self.cursor = min(self.cursor, offset)
        self.clear_progress(offset)

    def count_stored(self, offset: int) -> None:
        """A chunk is on the server; once more changes nothing."""
        if self.states[offset] == STORED:
            return
        start, end = self.layout.range(offset)
        self.states[offset] = STORED
        self.stored_count += 1
        self.stored_bytes += end - start
        if self.activity is not None:
            self.activity.loaded.pop(offset, None)

    def count_all_stored(self) -> None:
        """Every chunk is on the server."""
        self.states = bytearray((STORED,)) * self.layout.count
        self.stored_count, self.stored_bytes = self.layout.count, self.layout.size

    def put_back_stored(self, spans: Sequence[range]) -> None:
        """Stored chunks wait for their turn again; nobody is notified of them twice."""
        self.notified = self.notified or bytearray(len(self.states))
        for span in spans:
            self.notified[span.start : span.stop] = b"\1" * len(span)
            self.states[span.start : span.stop] = bytes((PENDING,)) * len(span)
            self.stored_count -= len(span)
            (start, _), (_, end) = (self.layout.range(each) for each in (span[0], span[-1]))
            self.stored_bytes -= end - start
        self.cursor = min(self.cursor, spans[0].start)


class _NoChunks(ChunkLedger):
    """One that cannot be written into, as all files share it."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        if hasattr(self, "best"):  # the last that is set as it is made
            raise AttributeError(f"{name} of a file that has no chunks yet")
        super().__setattr__(name, value)


NO_CHUNKS: ChunkLedger = _NoChunks(ChunkLayout(0, 1), chunks=0)
"""That of a file that has none."""
