"""
A request's use of an upload that is being received.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from .chunk import Chunk
from .entry import RecordedUpload, ReleasedAtEnd
from .received import ReceivedFile
from .record import Record
from .writer import ChunkSink

__all__ = ["Use"]


class Use(ReleasedAtEnd):
    """
    An :class:`~txresumable.receiver.store.entry.RecordedEntry` of an unfinished upload.

    :param upload: the upload.
    :param release: called with this each time that it is released.
    """

    __slots__ = ("__weakref__", "_release", "_upload")

    def __init__(self, upload: RecordedUpload, release: Callable[[Use], None]) -> None:
        self._upload = upload
        self._release = release

    def release(self) -> None:
        self._release(self)

    @property
    def record(self) -> Record:
        return self._upload.record

    @property
    def full(self) -> bool:
        return self._upload.full

    def ranges(self) -> str:
        return self._upload.ranges()

    async def holds(self, chunk: Chunk) -> bool:
        return await self._upload.holds(chunk)

    async def claim(self, chunk: Chunk) -> ChunkSink:
        return await self._upload.claim(chunk)

    def finish(self) -> Deferred[ReceivedFile]:
        return self._upload.finish()
