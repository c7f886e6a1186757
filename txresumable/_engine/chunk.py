"""
One chunk of a file, as it is whenever somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, overload

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .._runtime.observers import OneShotObserver

if TYPE_CHECKING:
    from .file import ResumableFile

__all__ = ["ChunkState", "Chunks", "ResumableChunk"]


class ChunkState(Enum):
    """How far a chunk is."""

    PENDING = 0
    """It waits for its turn."""
    UPLOADING = 1
    """It is being tested or sent."""
    WAITING = 2
    """It failed and waits to be tried again."""
    STORED = 3
    """It is on the server."""


_STATES = tuple(ChunkState)


class ResumableChunk:
    """
    One chunk of a file, as it is whenever it is looked at.

    :ivar file: the file.
    :ivar offset: which, counted from 0.
    """

    __slots__ = ("file", "offset")

    def __init__(self, file: ResumableFile, offset: int) -> None:
        self.file = file
        self.offset = offset

    def __repr__(self) -> str:
        return (
            f"<ResumableChunk {self.number} of {self.file.file_name!r} {self.state.name.lower()}>"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ResumableChunk):
            return NotImplemented
        return self.file is other.file and self.offset == other.offset

    def __hash__(self) -> int:
        return hash((id(self.file), self.offset))

    @property
    def number(self) -> int:
        """Which, counted from 1."""
        return self.offset + 1

    @property
    def start_byte(self) -> int:
        """Its first byte."""
        return self.file._set_out().layout.range(self.offset)[0]

    @property
    def end_byte(self) -> int:
        """The byte after its last."""
        return self.file._set_out().layout.range(self.offset)[1]

    @property
    def size(self) -> int:
        """Bytes."""
        start, end = self.file._set_out().layout.range(self.offset)
        return end - start

    @property
    def state(self) -> ChunkState:
        """How far it is."""
        return _STATES[self.file._set_out().states[self.offset]]

    @property
    def retries(self) -> int:
        """How often it failed and was, or will be, tried again."""
        in_hand = self.file._course.in_hand
        return in_hand.retries.get(self.offset, 0) if in_hand is not None else 0

    @property
    def message(self) -> str:
        """The text of the server's last answer, while the chunk is not yet done with."""
        in_hand = self.file._course.in_hand
        return in_hand.messages.get(self.offset, "") if in_hand is not None else ""

    @property
    def fraction_completed(self) -> float:
        """How much of it is sent, from 0 to 1; 1 only when it is stored."""
        if self.state is ChunkState.STORED:
            return 1.0
        in_hand = self.file._course.in_hand
        if in_hand is None or not self.size:
            return 0.0
        return 0.95 * in_hand.loaded.get(self.offset, 0) / self.size

    def when_completed(self) -> Deferred[ResumableChunk]:
        """
        Be told when it is on the server.

        :returns: a new Deferred each time, that fires with this chunk, now if it is there, and
            fails as the file fails.  Cancelling it detaches this waiter and nothing else.
        """
        file = self.file
        outcome: OneShotObserver[ResumableChunk] = OneShotObserver()
        result = file._result()
        if self.state is ChunkState.STORED:
            outcome.settle(self)
        elif isinstance(result, Failure):
            outcome.settle(result)
        else:
            if file._chunk_outcomes is None:
                file._chunk_outcomes = {}
            outcome = file._chunk_outcomes.setdefault(self.offset, outcome)
        return outcome.wait()


class Chunks(Sequence[ResumableChunk]):
    """The chunks of a file, made when they are looked at."""

    __slots__ = ("_file",)

    def __init__(self, file: ResumableFile) -> None:
        self._file = file

    def __len__(self) -> int:
        return len(self._file._set_out().states)

    @overload
    def __getitem__(self, index: int) -> ResumableChunk: ...
    @overload
    def __getitem__(self, index: slice) -> list[ResumableChunk]: ...
    def __getitem__(self, index: int | slice) -> ResumableChunk | list[ResumableChunk]:
        if isinstance(index, slice):
            return [ResumableChunk(self._file, at) for at in range(len(self))[index]]
        return ResumableChunk(self._file, range(len(self))[index])

    def __iter__(self) -> Iterator[ResumableChunk]:
        return (ResumableChunk(self._file, offset) for offset in range(len(self)))
