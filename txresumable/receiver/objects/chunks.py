"""
Chunks as objects.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from twisted.internet.task import deferLater

from .interface import Conflict, Objects, Rejected, StorageError, Unavailable
from .keys import Keys
from .pages import pages
from .together import each

__all__ = ["Chunks"]

_ATTEMPTS = 3
_PAUSE = 0.3
_REMOVED_AT_ONCE = 8
_DIGEST = "sha256"


class Chunks:
    """
    The chunks of all uploads.  One is stored once, with its SHA-256, and never changed.

    :param objects: the storage.
    :param keys: what they are called.
    :param clock: the time, as a reactor has it.
    """

    def __init__(self, objects: Objects, keys: Keys, clock: Any) -> None:
        self._objects = objects
        self._keys = keys
        self._clock = clock

    async def store(
        self, key: str, id: str, offset: int, pieces: Sequence[bytes], sha256: str
    ) -> str:
        """
        Store a chunk, unless it is there.

        :param pieces: its bytes.
        :param sha256: their digest.
        :returns: the digest of the bytes that are there: another one if it was stored before, with
            other bytes.
        :raises StorageError: if that cannot be found out; it may be stored later.
        """
        name, problem = self._keys.chunk(key, id, offset), StorageError()
        for attempt in range(_ATTEMPTS):
            if attempt:
                await deferLater(self._clock, _PAUSE * attempt)
            try:
                await self._objects.put(
                    name, pieces, absent=True, metadata={_DIGEST: sha256}, sha256=sha256
                )
                return sha256
            except (Conflict, Unavailable, Rejected) as error:
                problem = error
            stored = await self.digest(key, id, offset)
            if stored is not None:
                return stored
        raise problem

    async def digest(self, key: str, id: str, offset: int) -> str | None:
        """The SHA-256 of a chunk that is there; nothing if it is not."""
        stat = await self._objects.head(self._keys.chunk(key, id, offset))
        return None if stat is None else stat.metadata.get(_DIGEST, "")

    async def read(
        self, key: str, id: str, offset: int, start: int, end: int, write: Callable[[bytes], None]
    ) -> None:
        """
        Read bytes of a chunk.

        :raises Missing: if it is not there.
        """
        if start < end:
            await self._objects.read(self._keys.chunk(key, id, offset), start, end, write)

    async def listed(self, key: str, id: str) -> AsyncIterator[int]:
        """Those that are there; a listing may lack some of the last moment."""
        async for page in pages(self._objects, self._keys.chunks_of(key, id)):
            for stat in page:
                yield self._keys.offset_of(stat.key)

    async def remove(self, key: str, id: str) -> None:
        """Remove those that are listed."""
        async for page in pages(self._objects, self._keys.chunks_of(key, id)):
            await each([stat.key for stat in page], self._objects.delete, _REMOVED_AT_ONCE)

    async def uploads(self) -> AsyncIterator[tuple[str, str]]:
        """
        The uploads that have chunks, and their ids.

        Each costs one listing, however many chunks it has.
        """
        after, last = "", ("", "")
        while True:
            page = await self._objects.list(self._keys.chunks, after=after, limit=1)
            if not page.objects:
                return
            after = page.objects[0].key
            found = self._keys.upload_of_chunk(after)
            if found is not None and found != last:
                yield found
                last = found
                after = self._keys.chunks_of(*found) + "~"  # after all digits
