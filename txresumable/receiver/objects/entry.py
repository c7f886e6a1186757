"""
An upload in object storage, as one request uses it.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from ..._protocol.ranges import OTHERS
from ..store.chunk import Chunk
from ..store.entry import ReleasedAtEnd
from ..store.received import ReceivedFile
from ..store.writer import ChunkSink
from .upload import ObjectUpload

__all__ = ["ObjectEntry"]


class ObjectEntry(ReleasedAtEnd):
    """
    A request's use of an upload.

    :param upload: which.
    :param listed: whether all of its chunks were listed for the request; else other receivers may
        have stored more than this one knows.
    """

    __slots__ = ("_listed", "_upload")

    def __init__(self, upload: ObjectUpload, *, listed: bool) -> None:
        self._upload = upload
        self._listed = listed

    @property
    def full(self) -> bool:
        return self._upload.full

    def ranges(self) -> str:
        ranges = self._upload.ranges()
        return ranges if self._listed or self.full or not ranges else OTHERS + ranges

    async def holds(self, chunk: Chunk) -> bool:
        return await self._upload.holds(chunk)

    async def claim(self, chunk: Chunk) -> ChunkSink:
        return await self._upload.claim(chunk, self._was_listed)

    def _was_listed(self) -> None:
        self._listed = True

    def finish(self) -> Deferred[ReceivedFile]:
        return self._upload.finish()
