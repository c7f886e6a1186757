"""
Files and chunks as users see them: views of transfers, which have a byte for each chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, Protocol, overload

from twisted.internet.defer import Deferred

from ._runtime.observers import Signal
from ._source.fingerprint import Fingerprint
from .states import STORED, ChunkState, FileState

__all__ = ["Chunks", "ResumableChunk", "ResumableFile", "Transferring", "transfer_of"]

_STATES = tuple(ChunkState)


class Transferring(Protocol):
    """What a view needs of the transfer behind it."""

    file_name: str
    relative_path: str
    type: str
    chunk_size: int
    size: int
    unique_identifier: str
    fingerprint: Fingerprint
    state: FileState
    chunks_found: int
    response: str
    error: Exception | None
    is_held: bool

    @property
    def file(self) -> ResumableFile: ...
    @property
    def is_forced(self) -> bool: ...
    @property
    def is_uploading(self) -> bool: ...
    @property
    def fraction_completed(self) -> float: ...
    def signal(self, name: str) -> Signal[...]: ...
    def when_completed(self) -> Deferred[ResumableFile]: ...
    def suspend(self) -> None: ...
    def resume(self) -> None: ...
    def abort(self) -> None: ...
    def cancel(self) -> None: ...
    def bootstrap(self) -> None: ...
    def retry(self) -> None: ...
    def mark_stored(self, number: int) -> None: ...
    def digest(self) -> Deferred[str]: ...
    def chunk_states(self) -> bytearray: ...
    def chunk_range(self, offset: int) -> tuple[int, int]: ...
    def chunk_activity(self, offset: int) -> tuple[int, int, str]: ...
    def when_chunk_completed(self, offset: int) -> Deferred[ResumableChunk]: ...


class ResumableFile:
    """A file that is uploaded.  Its attributes have the values of the moment."""

    __slots__ = ("_transfer",)

    def __init__(self, transfer: Transferring) -> None:
        self._transfer = transfer

    def __repr__(self) -> str:
        done = f"{self.fraction_completed:.1%}"
        return f"<ResumableFile {self.file_name!r} {self.state.value} {done}>"

    @property
    def file_name(self) -> str:
        """Its name, without folders."""
        return self._transfer.file_name

    @property
    def relative_path(self) -> str:
        """Its path below the folder that was added, with ``/``; its name otherwise."""
        return self._transfer.relative_path

    @property
    def type(self) -> str:
        """Its media type, or an empty text."""
        return self._transfer.type

    @property
    def size(self) -> int:
        """Bytes; 0 until ``file_added``."""
        return self._transfer.size

    @property
    def chunk_size(self) -> int:
        """The configured size of a chunk in bytes."""
        return self._transfer.chunk_size

    @property
    def force_chunk_size(self) -> bool:
        """Whether no chunk is longer than :attr:`chunk_size`."""
        return self._transfer.is_forced

    @property
    def unique_identifier(self) -> str:
        """Its identifier on the server; empty until ``file_added``."""
        return self._transfer.unique_identifier

    @property
    def fingerprint(self) -> Fingerprint:
        """Size, times and samples, for functions that compute identifiers; empty afterwards."""
        return self._transfer.fingerprint

    @property
    def state(self) -> FileState:
        """Its state."""
        return self._transfer.state

    @property
    def chunks_found(self) -> int:
        """How many of its chunks were already stored, and so were not sent."""
        return self._transfer.chunks_found

    @property
    def response(self) -> str:
        """The text of the server's response to its last chunk."""
        return self._transfer.response

    @property
    def error(self) -> Exception | None:
        """Why it failed, or :data:`None`."""
        return self._transfer.error

    @property
    def chunks(self) -> Sequence[ResumableChunk]:
        """Its chunks; none until ``file_added``."""
        return Chunks(self._transfer)

    @property
    def completed(self) -> Signal[[]]:
        """Fires without arguments when every chunk is on the server."""
        return self._transfer.signal("completed")

    @property
    def chunk_completed(self) -> Signal[[ResumableChunk]]:
        """Fires with each :class:`ResumableChunk` that is on the server."""
        return self._transfer.signal("chunk_completed")

    @property
    def progress(self) -> Signal[[]]:
        """Fires without arguments as the uploader's ``file_progress`` does for this file."""
        return self._transfer.signal("progress")

    @property
    def fraction_completed(self) -> float:
        """How much is on the server, from 0 to 1: never decreases, and is 1 only at the end."""
        return self._transfer.fraction_completed

    @property
    def is_completed(self) -> bool:
        """Whether every chunk is on the server."""
        return self._transfer.state is FileState.COMPLETED

    @property
    def is_uploading(self) -> bool:
        """Whether any chunk is being tested, sent, or waits to be retried."""
        return self._transfer.is_uploading

    @property
    def is_suspended(self) -> bool:
        """Whether it is suspended."""
        return self._transfer.is_held

    def when_completed(self) -> Deferred[ResumableFile]:
        """
        Wait for the end.

        :returns: a new Deferred each time, also after the end.  It fires with this file when every
            chunk is on the server, fails as the upload failed, and with ``CancelledError`` if it
            was cancelled.  Cancelling it detaches this waiter and nothing else.
        """
        return self._transfer.when_completed()

    def suspend(self) -> None:
        """Start no more chunks; those that are being sent finish."""
        self._transfer.suspend()

    def resume(self) -> None:
        """Continue after :meth:`suspend` or :meth:`abort`."""
        self._transfer.resume()

    def abort(self) -> None:
        """Abort its requests and start no more, until :meth:`resume` or :meth:`retry`."""
        self._transfer.abort()

    def cancel(self) -> None:
        """
        Cancel the upload: abort its requests, close the file, remove it from the list, and fail
        everyone who waits with ``CancelledError``.  After the end it does nothing.
        """
        self._transfer.cancel()

    def bootstrap(self) -> None:
        """
        Start over: abort its requests and count every chunk as absent.  If the file had ended,
        those who waited have been notified; :meth:`when_completed` is about the new attempt.  Once
        all files had ended nothing is sent before ``upload()``; :meth:`retry` begins at once.

        :raises UploaderClosed: if the uploader is closed.
        """
        self._transfer.bootstrap()

    def retry(self) -> None:
        """
        Upload it again, also after a permanent error: as :meth:`bootstrap`, but it is no longer
        suspended, and uploading begins at once.

        :raises UploaderClosed: if the uploader is closed.
        """
        self._transfer.retry()

    def mark_chunks_completed(self, number: int) -> None:
        """
        Count the first chunks as stored without asking the server.

        :param number: how many.
        :raises ValueError: if the file has fewer.
        """
        self._transfer.mark_stored(number)

    def content_digest(self) -> Deferred[str]:
        """
        The SHA-256 of its whole content.

        :returns: a Deferred that fires with it as hexadecimal, and fails if reading fails.
        """
        return self._transfer.digest()


class ResumableChunk:
    """
    One chunk of a file.

    :ivar offset: its number, counted from 0.
    :ivar refused: 401 or 403 if a hook is called again because of that status; 0 otherwise.
    """

    __slots__ = ("_transfer", "offset", "refused")

    def __init__(self, transfer: Transferring, offset: int, refused: int = 0) -> None:
        self._transfer = transfer
        self.offset = offset
        self.refused = refused

    def __repr__(self) -> str:
        name = self._transfer.file_name
        return f"<ResumableChunk {self.number} of {name!r} {self.state.name.lower()}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ResumableChunk):
            return NotImplemented
        return self.offset == other.offset and self.file is other.file

    def __hash__(self) -> int:
        return hash((id(self._transfer), self.offset))

    @property
    def file(self) -> ResumableFile:
        """The file."""
        return self._transfer.file

    @property
    def number(self) -> int:
        """Its number, counted from 1."""
        return self.offset + 1

    @property
    def start_byte(self) -> int:
        """Its first byte."""
        return self._transfer.chunk_range(self.offset)[0]

    @property
    def end_byte(self) -> int:
        """The byte after its last."""
        return self._transfer.chunk_range(self.offset)[1]

    @property
    def size(self) -> int:
        """Bytes."""
        start, end = self._transfer.chunk_range(self.offset)
        return end - start

    @property
    def state(self) -> ChunkState:
        """Its state."""
        return _STATES[self._transfer.chunk_states()[self.offset]]

    @property
    def retries(self) -> int:
        """How often it failed and was retried, or will be."""
        return self._transfer.chunk_activity(self.offset)[0]

    @property
    def message(self) -> str:
        """The text of the server's last response, until the chunk is stored."""
        return self._transfer.chunk_activity(self.offset)[2]

    @property
    def fraction_completed(self) -> float:
        """How much of it is sent, from 0 to 1; 1 only when it is stored."""
        if self._transfer.chunk_states()[self.offset] == STORED:
            return 1.0
        return 0.95 * self._transfer.chunk_activity(self.offset)[1] / max(self.size, 1)

    def when_completed(self) -> Deferred[ResumableChunk]:
        """
        Wait until it is on the server.

        :returns: a new Deferred each time, which fires with this chunk, at once if it is stored,
            and fails as the file fails.  Cancelling it detaches this waiter and nothing else.
        """
        return self._transfer.when_chunk_completed(self.offset)


class Chunks(Sequence[ResumableChunk]):
    """The chunks of a file, created on access."""

    __slots__ = ("_transfer",)

    def __init__(self, transfer: Transferring) -> None:
        self._transfer = transfer

    def __len__(self) -> int:
        return len(self._transfer.chunk_states())

    @overload
    def __getitem__(self, index: int) -> ResumableChunk: ...
    @overload
    def __getitem__(self, index: slice) -> list[ResumableChunk]: ...
    def __getitem__(self, index: int | slice) -> ResumableChunk | list[ResumableChunk]:
        if isinstance(index, slice):
            return [ResumableChunk(self._transfer, at) for at in range(len(self))[index]]
        return ResumableChunk(self._transfer, range(len(self))[index])

    def __iter__(self) -> Iterator[ResumableChunk]:
        return (ResumableChunk(self._transfer, offset) for offset in range(len(self)))


transfer_of: Any = attrgetter("_transfer")
"""From a view to the transfer behind it: for the engine."""
