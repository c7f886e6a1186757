"""
What is known of one file, and of its chunks.
"""

from __future__ import annotations

from .._protocol.layout import ChunkLayout
from .._source.fingerprint import UNSEEN
from .._source.source import Source
from ..states import ADDED, BEGINNINGS, COMPLETED, NEXT_FILE_STATES, PENDING, FileState
from .ledger import NO_CHUNKS, ChunkLedger

__all__ = ["FileRecord"]


class FileRecord:
    """
    What is known of one file.

    :ivar source: its bytes.
    :ivar order: its place among all files of the uploader.
    :ivar ledger: its chunks, once there are any.

    The other attributes are those of :class:`~txresumable.ResumableFile`.
    """

    __slots__ = (
        "_force",
        "chunk_size",
        "chunks_found",
        "error",
        "file_name",
        "fingerprint",
        "ledger",
        "order",
        "relative_path",
        "response",
        "size",
        "source",
        "state",
        "type",
        "unique_identifier",
    )

    def __init__(
        self,
        source: Source,
        file_name: str,
        relative_path: str,
        type: str,
        chunk_size: int,
        order: int,
    ) -> None:
        self.source = source
        self.order = order
        self.file_name = file_name
        self.relative_path = relative_path
        self.type = type
        self.chunk_size = chunk_size
        self.fingerprint = UNSEEN
        self.state = ADDED
        self.size = self.chunks_found = 0
        self.unique_identifier = self.response = ""
        self.error: Exception | None = None
        self.ledger = NO_CHUNKS
        self._force: bool | None = None  # what it is laid out by, once it is

    @property
    def is_forced(self) -> bool:
        """Whether no chunk is longer than ``chunk_size``."""
        return bool(self._force)

    @property
    def is_uploading(self) -> bool:
        """Whether any chunk is being tested, sent, or waits to be retried."""
        return self.ledger.is_active

    @property
    def fraction_completed(self) -> float:
        """How much is on the server, from 0 to 1: never falls, and is 1 only when all is stored."""
        if self.all_stored:
            return 1.0
        if self.ledger is NO_CHUNKS or not self.size:
            return 0.0
        return self.ledger.fraction(self.size)

    @property
    def known_size(self) -> int | None:
        """Its size, once it is laid out."""
        return None if self._force is None else self.size

    def chunk_states(self) -> bytearray:
        """A byte for each chunk."""
        return self.ensure_ledger().states

    def chunk_range(self, offset: int) -> tuple[int, int]:
        """The bytes of a chunk: the first, and the one after the last."""
        return self.ensure_ledger().layout.range(offset)

    def chunk_activity(self, offset: int) -> tuple[int, int, str]:
        """Of a chunk that is not stored: its retries, bytes sent, and the server's last word."""
        activity = self.ledger.activity
        return (0, 0, "") if activity is None else activity.of(offset)

    @property
    def is_unfinished(self) -> bool:
        """Whether it is not at its end."""
        return self.state in BEGINNINGS

    @property
    def all_stored(self) -> bool:
        """Whether every chunk is stored."""
        if self.ledger is NO_CHUNKS:
            return self.state is COMPLETED
        return self.ledger.all_stored

    def is_pending(self, offset: int) -> bool:
        """Whether a chunk waits for its turn."""
        return self.ensure_ledger().states[offset] == PENDING

    def become(self, state: FileState) -> None:
        """Change the state; see :data:`~txresumable.states.NEXT_FILE_STATES`."""
        if state not in NEXT_FILE_STATES[self.state]:
            raise AssertionError(f"a file that is {self.state.value} becomes {state.value}")
        self.state = state

    def lay_out(self, size: int, force: bool = False) -> None:
        """Its size is known, and so are its chunks."""
        self.size, self._force = size, force
        self.forget()

    def unlay(self) -> None:
        """It is looked at anew: neither its size is known, nor its chunks."""
        self.size, self._force = 0, None

    def forget(self) -> None:
        """Nothing was sent, and nothing was said."""
        self.response, self.error, self.chunks_found = "", None, 0
        self.ledger = NO_CHUNKS

    def ensure_ledger(self) -> ChunkLedger:
        """Its ledger, made if it has none; that of a file not yet looked at has no chunks."""
        if self.ledger is NO_CHUNKS and self._force is not None:
            layout = ChunkLayout(self.size, self.chunk_size, self._force)
            self.ledger = ChunkLedger(layout)
            if self.state is COMPLETED:
                self.ledger.count_all_stored()
        return self.ledger
