"""
One chunk on its way to the disk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .chunk import Chunk
from .claims import Claim, sent_again
from .refused import Refused
from .unwritten import Unwritten
from .usage import Usage
from .work import closing

__all__ = ["ChunkComparison", "ChunkSink", "ChunkWriter", "Sink"]

# To have a thread do something costs as much as to write some 100 KiB.
_WORTH_A_THREAD = 512 * 1024


class ChunkSink(Protocol):
    """
    Takes the bytes of one chunk in their order.

    :ivar cut_off: to be set by the request; called with the reason if others cannot wait for the
        rest of the chunk, as a newer request sends it and nothing of it has come for a second: the
        request should end, and abandon the chunk.
    """

    cut_off: Callable[[Refused], None]

    def write(self, data: bytes) -> Deferred[None] | None:
        """
        Take some bytes.

        :returns: a Deferred that fires when more can be taken, or nothing if it can at once.
        :raises Refused: with 400 if the chunk is longer than it may be.
        :raises OSError: if what was taken before cannot be written.
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


class Sink:
    """
    A chunk whose bytes are counted, and which is released once.

    :ivar chunk: which.
    """

    def __init__(self, chunk: Chunk, release: Callable[[], None]) -> None:
        self.cut_off: Callable[[Refused], None] = lambda error: None
        self.chunk = chunk
        self._left = chunk.length
        self._release: Callable[[], None] | None = release

    def count(self, data: bytes) -> None:
        """:raises Refused: if the chunk is longer than it may be."""
        if len(data) > self._left:
            raise Refused(400, f"the chunk is longer than {self.chunk.length} bytes")
        self._left -= len(data)

    def check_length(self) -> None:
        """:raises Refused: if the chunk is shorter than it has to be."""
        if self._left:
            raise Refused(400, f"the chunk is shorter than {self.chunk.length} bytes")

    def abandon(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            release()


class ChunkWriter(Sink):
    """
    Writes a chunk that is not stored yet, in a thread.

    What arrives is kept until it is worth the thread's while, and no more is taken while as much
    again waits for the disk.  What is left at the end is written by the thread that makes the
    chunk durable.

    :param chunk: which.
    :param claim: to the chunk; released at the end, however it comes, once nothing is written.
    :param write: writes some of it.
    :param digest: gives the SHA-256 of a range of the file.
    :param commit: writes the rest, and makes the chunk durable.
    """

    def __init__(
        self,
        chunk: Chunk,
        claim: Claim,
        write: Callable[[Unwritten], Awaitable[None]],
        digest: Callable[[int, int], Awaitable[str]],
        commit: Callable[[Unwritten], Awaitable[None]],
    ) -> None:
        super().__init__(chunk, claim.release)
        self._start, self._end = chunk.layout.range(chunk.offset)
        self._claim = claim
        self._write = write
        self._digest = digest
        self._commit = commit
        self._unwritten = Unwritten(self._start)
        self._writing = Usage()
        self._failure: Failure | None = None
        claim.cut_off = lambda: self.cut_off(sent_again())

    def write(self, data: bytes) -> Deferred[None] | None:
        self.count(data)
        self._raise_failure()
        self._claim.progress()
        self._unwritten.append(data)
        if self._unwritten.size < _WORTH_A_THREAD:
            return None
        if self._writing.count:
            self._claim.hold()
            return self._writing.idle().addCallback(lambda _: self._claim.progress())
        self._begin_to_write()
        return None

    async def commit(self, checksum: str = "") -> None:
        try:
            self.check_length()
            self._claim.hold()
            await self._writing.idle()
            wanted = checksum or self.chunk.checksum
            if wanted:
                self._begin_to_write()
                await self._writing.idle()
            self._raise_failure()
            if wanted and await self._digest(self._start, self._end) != wanted:
                raise Refused(422, "the chunk arrived with another digest")
            await self._commit(self._unwritten)
        finally:
            self.abandon()

    def abandon(self) -> None:
        self._unwritten = Unwritten(self._end)
        self._claim.hold()
        self._writing.idle().addCallback(lambda _: super(ChunkWriter, self).abandon())

    def _begin_to_write(self) -> None:
        unwritten = self._unwritten
        self._unwritten = Unwritten(unwritten.at + unwritten.size)
        Deferred.fromCoroutine(self._write_some(unwritten))

    async def _write_some(self, unwritten: Unwritten) -> None:
        with self._writing:
            try:
                await self._write(unwritten)
            except GeneratorExit:
                # It is collected half-way, and was not written.
                self._failure = Failure(closing())
                raise
            except BaseException:
                self._failure = Failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            self._failure.raiseException()


class ChunkComparison(Sink):
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
        self.count(data)
        self._arrived.update(data)

    async def commit(self, checksum: str = "") -> None:
        try:
            self.check_length()
            arrived = self._arrived.hexdigest()
            if (checksum or self.chunk.checksum) not in ("", arrived):
                raise Refused(422, "the chunk arrived with another digest")
            if await self._stored() != arrived:
                raise Refused(409, "this chunk is already stored, with other bytes")
        finally:
            self.abandon()
