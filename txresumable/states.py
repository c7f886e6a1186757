"""
How far files and chunks are, and what may follow upon what.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["BEGINNINGS", "ENDS", "NEXT_CHUNK_STATES", "NEXT_FILE_STATES", "ChunkState", "FileState"]


class FileState(Enum):
    """How far a file is."""

    ADDED = "added"
    """It is being opened and looked at."""
    PREPARING = "preparing"
    """``preprocess_file`` is at work on it."""
    READY = "ready"
    """Its chunks are waiting or being sent."""
    COMPLETED = "completed"
    """Every chunk is on the server."""
    FAILED = "failed"
    """It was given up; :attr:`ResumableFile.error` says why."""
    CANCELLED = "cancelled"
    """Somebody cancelled it."""


# Before Python 3.12, looking a member up in its class costs as much as calling a function.
ADDED, PREPARING, READY, COMPLETED, FAILED, CANCELLED = FileState

BEGINNINGS = frozenset((ADDED, PREPARING, READY))
ENDS = frozenset((COMPLETED, FAILED, CANCELLED))
NEXT_FILE_STATES: dict[FileState, frozenset[FileState]] = {
    ADDED: ENDS | {PREPARING, READY},
    PREPARING: ENDS | {READY},
    READY: ENDS,
    # Retried, it goes on where it was accepted, and never past preprocess_file.
    COMPLETED: BEGINNINGS,
    FAILED: BEGINNINGS,
    CANCELLED: BEGINNINGS,
}
"""What may follow upon each state of a file."""


class ChunkState(Enum):
    """How far a chunk is."""

    PENDING = 0
    """It waits for its turn."""
    UPLOADING = 1
    """It is being tested or sent."""
    WAITING = 2
    """It failed and waits to be retried."""
    STORED = 3
    """It is on the server."""


# A byte for each chunk of a file says its state.
PENDING, UPLOADING, WAITING, STORED = (state.value for state in ChunkState)

NEXT_CHUNK_STATES: dict[ChunkState, frozenset[ChunkState]] = {
    # Found by the test of another chunk, or marked by the application, it is never sent.
    ChunkState.PENDING: frozenset((ChunkState.UPLOADING, ChunkState.STORED)),
    ChunkState.UPLOADING: frozenset((ChunkState.PENDING, ChunkState.WAITING, ChunkState.STORED)),
    ChunkState.WAITING: frozenset((ChunkState.PENDING, ChunkState.STORED)),
    # A receiver may lose what it confirmed.
    ChunkState.STORED: frozenset((ChunkState.PENDING,)),
}
"""What may follow upon each state of a chunk; a file that starts over has new chunks."""
