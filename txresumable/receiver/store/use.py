"""
A request's use of an upload that is being received.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from ..web.parameters import Parameters
from .received import ReceivedFile
from .record import Record
from .writer import ChunkSink

if TYPE_CHECKING:
    from .unfinished import UnfinishedUpload

__all__ = ["Use"]


class Use:
    """
    An :class:`~txresumable.receiver.store.entry.Entry` of an unfinished upload.

    :param upload: the upload, which knows its uses.
    """

    __slots__ = ("__weakref__", "_upload")

    def __init__(self, upload: UnfinishedUpload) -> None:
        self._upload = upload

    def __enter__(self) -> Use:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        self._upload.release(self)

    @property
    def record(self) -> Record:
        return self._upload.record

    @property
    def full(self) -> bool:
        return self._upload.full

    def ranges(self) -> str:
        return self._upload.ranges()

    async def holds(self, given: Parameters) -> bool:
        return await self._upload.holds(given)

    def claim(self, given: Parameters) -> ChunkSink:
        return self._upload.claim(given)

    def conclude(self) -> Deferred[ReceivedFile]:
        return self._upload.conclude()
