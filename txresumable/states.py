"""
The states of files and chunks, and their transitions.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["BEGINNINGS", "ENDS", "NEXT_CHUNK_STATES", "NEXT_FILE_STATES", "ChunkState", "FileState"]


class FileState(Enum):
    """The state of a file."""

    __hash__ = object.__hash__  # that of Enum is a call, and each file is looked up eight times

    ADDED = "added"
    """It is being opened and examined."""
    PREPARING = "preparing"
    """``preprocess_file`` is running for it."""
    READY = "ready"
    """Its chunks are waiting or being sent."""
    COMPLETED = "completed"
    """Every chunk is on the server."""
    FAILED = "failed"
    """It failed; :attr:`ResumableFile.error` is the reason."""
    CANCELLED = "cancelled"
    """It was cancelled."""


# Before Python 3.12, looking a member up in its class costs as much as calling a function.
ADDED, PREPARING, READY, COMPLETED, FAILED, CANCELLED = FileState

BEGINNINGS = frozenset((ADDED, PREPARING, READY))
ENDS = frozenset((COMPLETED, FAILED, CANCELLED))
NEXT_FILE_STATES: dict[FileState, frozenset[FileState]] = {
    ADDED: ENDS | {PREPARING, READY},
    # A file that has changed may wait, and is looked at anew.
    PREPARING: ENDS | {ADDED, READY},
    READY: ENDS | {ADDED},
    # A retry begins with admission or after it, and never skips preprocess_file.
    COMPLETED: BEGINNINGS,
    FAILED: BEGINNINGS,
    CANCELLED: BEGINNINGS,
}
"""The states that may follow each state of a file."""


class ChunkState(Enum):
    """The state of a chunk."""

    PENDING = 0
    """It waits to be sent."""
    UPLOADING = 1
    """It is being tested or sent."""
    WAITING = 2
    """It failed and waits to be retried."""
    STORED = 3
    """It is on the server."""


# Each chunk of a file has a byte with its state.
PENDING, UPLOADING, WAITING, STORED = (state.value for state in ChunkState)

NEXT_CHUNK_STATES: dict[ChunkState, frozenset[ChunkState]] = {
    # Found by the test of another chunk, or marked by the application, it is never sent.
    ChunkState.PENDING: frozenset((ChunkState.UPLOADING, ChunkState.STORED)),
    ChunkState.UPLOADING: frozenset((ChunkState.PENDING, ChunkState.WAITING, ChunkState.STORED)),
    ChunkState.WAITING: frozenset((ChunkState.PENDING, ChunkState.STORED)),
    # A receiver may lose what it confirmed.
    ChunkState.STORED: frozenset((ChunkState.PENDING,)),
}
"""The states that may follow each state of a chunk; a file that starts over has new chunks."""
