"""
An upload, as requests use it.
"""

from __future__ import annotations

import re
from types import TracebackType
from typing import Protocol

from twisted.internet.defer import Deferred

from ..._protocol.ranges import MORE
from .chunk import Chunk
from .received import ReceivedFile
from .record import Record
from .writer import ChunkSink

__all__ = ["Entry", "Upload", "spans"]

_RUNS = re.compile(rb"\x01+")
# nginx has 4 KiB for all headers of a response by default, and responds with 502 to more.
_LONGEST = 3072


class Upload(Protocol):
    """An upload that the store knows."""

    @property
    def record(self) -> Record:
        """What it is."""

    @property
    def full(self) -> bool:
        """Whether all chunks are durable."""

    def ranges(self) -> str:
        """The durable chunks, counted from 1, as ``1-57,60``."""

    async def holds(self, chunk: Chunk) -> bool:
        """
        Whether a chunk is durable, and has the digest that was asked for, if any.

        :raises Refused: if the store is closing.
        :raises OSError: if the disk fails.
        """

    def claim(self, chunk: Chunk) -> ChunkSink:
        """
        Where a chunk goes.

        :raises Refused: if another request is sending it, or the store is closing.
        """

    def finish(self) -> Deferred[ReceivedFile]:
        """
        Finish a full upload, once.

        :returns: a Deferred that fires for everyone who asks when the file is in its place; fails
            with :exc:`Refused` or :exc:`OSError` if that cannot be, and may be tried again.
        """


class Entry(Upload, Protocol):
    """
    A request's use of an upload that the store knows, from when it was looked up until it is
    released: while there is one, the upload is neither closed nor forgotten.

    It is a context manager that releases it at the end.
    """

    def __enter__(self) -> Entry: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def release(self) -> None:
        """Use it no more."""


def spans(present: bytearray) -> str:
    """
    The chunks that are present, counted from 1, as ``1-57,60``.

    :param present: a byte for each chunk, 1 if it is.
    :returns: text of at most 3 KiB; if that cuts it short, it ends with ``,...``.
    """
    found: list[str] = []
    length = -1
    for run in _RUNS.finditer(present):
        first, last = run.start() + 1, run.end()
        found.append(str(first) if first == last else f"{first}-{last}")
        length += len(found[-1]) + 1
        if length > _LONGEST:
            while length + len(MORE) > _LONGEST:
                length -= len(found.pop()) + 1
            return ",".join(found) + MORE
    return ",".join(found)
