"""
One chunk on its way to the disk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Protocol

from .chunk import Chunk
from .refused import Refused

__all__ = ["ChunkComparison", "ChunkSink", "ChunkWriter"]


class ChunkSink(Protocol):
    """Takes the bytes of one chunk in their order."""

    def write(self, data: bytes) -> None:
        """
        Take some bytes.

        :raises Refused: with 400 if the chunk is longer than it may be.
        :raises OSError: if they cannot be written.
        """

    async def commit(self, checksum: str = "") -> None:
        """
        Return when the chunk is durable.

        :param checksum: the digest that it must have, if that was not known when it began.
        :raises Refused: if it is not what was announced.
        :raises OSError: if the disk fails.
        """

    def abandon(self) -> None:
        """Release the chunk; for use instead of :meth:`commit`, or after."""


class _Sink:
    """A chunk whose bytes are counted, and which is released once."""

    def __init__(self, chunk: Chunk, release: Callable[[], None]) -> None:
        self._chunk = chunk
        self._left = chunk.length
        self._release: Callable[[], None] | None = release

    def _count(self, data: bytes) -> None:
        """:raises Refused: if the chunk is longer than it may be."""
        if len(data) > self._left:
            raise Refused(400, f"the chunk is longer than {self._chunk.length} bytes")
        self._left -= len(data)

    def _check_length(self) -> None:
        """:raises Refused: if the chunk is shorter than it has to be."""
        if self._left:
            raise Refused(400, f"the chunk is shorter than {self._chunk.length} bytes")

    def abandon(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            release()


class ChunkWriter(_Sink):
    """
    Writes a chunk that is not stored yet.

    :param chunk: which.
    :param write: writes bytes at an offset of the file.
    :param digest: gives the SHA-256 of a range of the file.
    :param commit: makes the chunk durable.
    :param release: called once at the end, however it comes.
    """

    def __init__(
        self,
        chunk: Chunk,
        write: Callable[[bytes, int], None],
        digest: Callable[[int, int], Awaitable[str]],
        commit: Callable[[], Awaitable[None]],
        release: Callable[[], None],
    ) -> None:
        super().__init__(chunk, release)
        self._start, self._end = chunk.layout.range(chunk.offset)
        self._write = write
        self._digest = digest
        self._commit = commit

    def write(self, data: bytes) -> None:
        at = self._end - self._left
        self._count(data)
        self._write(data, at)

    async def commit(self, checksum: str = "") -> None:
        try:
            self._check_length()
            wanted = checksum or self._chunk.checksum
            if wanted and await self._digest(self._start, self._end) != wanted:
                raise Refused(422, "the chunk arrived with another digest")
            await self._commit()
        finally:
            self.abandon()


class ChunkComparison(_Sink):
    """
    Compares a chunk that is sent again with the one that is stored, by digest; writes nothing.

    :param chunk: which.
    :param digest: gives the SHA-256 of the chunk that is stored.
    :param release: called once at the end, however it comes.
    """

    def __init__(
        self,
        chunk: Chunk,
        digest: Callable[[], Awaitable[str]],
        release: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(chunk, release)
        self._stored = digest
        self._arrived = sha256()

    def write(self, data: bytes) -> None:
        self._count(data)
        self._arrived.update(data)

    async def commit(self, checksum: str = "") -> None:
        try:
            self._check_length()
            arrived = self._arrived.hexdigest()
            if (checksum or self._chunk.checksum) not in ("", arrived):
                raise Refused(422, "the chunk arrived with another digest")
            if await self._stored() != arrived:
                raise Refused(409, "this chunk is already stored, with other bytes")
        finally:
            self.abandon()
