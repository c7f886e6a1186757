"""
An upload that has been received.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from attrs import define, frozen
from twisted.internet.defer import Deferred

from .chunk import Chunk
from .digest import FollowingDigest, hash_range
from .entry import ReleasedAtEnd
from .places import Place, Places
from .received import ReceivedFile
from .record import Done, Record
from .refused import Refused
from .thread import Run, while_wanted
from .usage import Usage
from .writer import ChunkComparison, ChunkSink

__all__ = ["FinishedUpload", "Shelf"]


@frozen
class Shelf:
    """
    Where finished files are.

    :ivar path: of the folder.
    :ivar places: the same, on the disk.
    :ivar run: runs blocking work.
    :ivar usage: is in use while a file is open, so that it is closed before the store is.
    """

    path: str
    places: Places
    run: Run
    usage: Usage

    async def find(self, key: str, done: Done) -> FinishedUpload | None:
        """
        A finished upload whose file is in its place with all its bytes.

        A file counts as untouched if its number, size and times are as they were at the end.  If
        only its number or its ``ctime`` is another (``chmod``, a hard link, a copy put back from
        a backup), it is read and compared by digest.

        :returns: nothing if it was taken away, replaced or edited.
        :raises OSError: if the disk fails.
        """
        place = await self.run(self.places.place_of, done)
        if place is Place.SIMILAR:
            compared = await self._compare(key, done)
            return None if compared is None else self.upload(key, compared)
        return self.upload(key, done) if place is Place.SAME else None

    def path_of(self, name: str) -> str:
        """Where a finished file is."""
        return os.path.join(self.path, name)

    def upload(self, key: str, done: Done) -> FinishedUpload:
        """A finished upload."""
        file = done.record.received_as(self.path_of(done.name), done.sha256)
        return FinishedUpload(key, done, file, self)

    async def _compare(self, key: str, done: Done) -> Done | None:
        with self.usage:
            return await self._compared(key, done)

    async def _compared(self, key: str, done: Done) -> Done | None:
        file = await self.run(self.places.open_finished, done.name)
        if file is None:
            return None
        try:
            size, found = done.size, await self.run(file.status)
            if found.st_size != size:
                return None
            # In stretches, so that one big file does not keep a thread to itself.
            digest = FollowingDigest(self.run, file, lambda: size)
            if await digest.result(size) != done.sha256:
                return None
        finally:
            file.close()
        return await self.run(self.places.adopt, key, done, found)


@define(eq=False)
class FinishedUpload(ReleasedAtEnd):
    """
    An :class:`~txresumable.receiver.store.entry.RecordedEntry` of an upload whose file was in its
    place when it was looked up.

    :ivar key: its name in the private folder.
    :ivar done: what is kept about it.
    :ivar file: the file.
    """

    key: str
    done: Done
    file: ReceivedFile
    _shelf: Shelf

    @property
    def record(self) -> Record:
        """What it was."""
        return self.done.record

    @property
    def full(self) -> bool:
        """True."""
        return True

    def ranges(self) -> str:
        """All of them."""
        count = self.record.layout.count
        return f"1-{count}" if count > 1 else "1"

    async def holds(self, chunk: Chunk) -> bool:
        """Whether the digest is right, if one is asked for."""
        return not chunk.checksum or await self._digest(chunk) == chunk.checksum

    async def claim(self, chunk: Chunk) -> ChunkSink:
        """A comparison with what is stored."""
        return ChunkComparison(chunk, lambda: self._digest(chunk))

    def finish(self) -> Deferred[ReceivedFile]:
        """Fire with the file, if it is still in its place."""
        return Deferred.fromCoroutine(self._finish())

    async def _finish(self) -> ReceivedFile:
        if await self._shelf.find(self.key, self.done) is None:
            raise _gone()
        return self.file

    def _digest(self, chunk: Chunk) -> Deferred[str]:
        return while_wanted(partial(self._read, *chunk.layout.range(chunk.offset)))

    async def _read(self, start: int, end: int, is_wanted: Callable[[], bool]) -> str:
        if end > self.done.size:
            # on_complete has cut it off.
            return ""
        run = self._shelf.run
        with self._shelf.usage:
            file = await run(self._shelf.places.open_finished, self.done.name)
            if file is None:
                raise _gone()
            try:
                return await hash_range(run, file, start, end, is_wanted)
            finally:
                file.close()


def _gone() -> Refused:
    return Refused(503, "the received file was changed or taken away just now", 1, about="upload")
