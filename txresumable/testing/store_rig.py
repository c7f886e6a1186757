"""
A store under test, and what tests do with it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from attrs import evolve

from .._protocol.layout import ChunkLayout
from ..receiver import Chunk, ChunkSink, Entry, ReceivedFile, Refused, UploadStore

__all__ = ["CONTENT", "StoreTestCase"]

if TYPE_CHECKING:
    # Trial's assertions have no types.
    from unittest import TestCase as _TestCase
else:
    _TestCase = object

CONTENT = bytes(range(65, 100))  # 35 bytes: three chunks of 10, 10 and 15


class StoreTestCase(_TestCase):
    """
    What the tests of a store are made from.

    :ivar store: the store that is open.
    """

    store: UploadStore

    def make_store(self) -> Awaitable[UploadStore]:
        """
        A store over the test's own place; called again, after the one before was closed, to see
        what is still there.
        """
        raise NotImplementedError

    async def content_of(self, file: ReceivedFile) -> bytes:
        """The content of a finished file; here it is read from its path."""
        with open(file.path, "rb") as opened:
            return opened.read()

    async def setUp(self) -> None:  # type: ignore[override]
        """Open the store."""
        self.store = await self.make_store()
        self.addCleanup(lambda: self.store.close())

    async def reopen(self) -> None:
        """Close the store, and open it anew."""
        await self.store.close()
        self.store = await self.make_store()

    def chunk(self, number: int = 1, content: bytes = CONTENT, **other: str) -> Chunk:
        """A chunk of a file in chunks of ten bytes."""
        chunk = Chunk(
            identifier="id",
            offset=number - 1,
            layout=ChunkLayout(len(content), 10),
            file_name="file.dat",
            parameters={"album": "summer"},
        )
        changes: dict[str, Any] = {**other}
        return evolve(chunk, **changes)

    async def send(
        self, number: int, content: bytes = CONTENT, *, owner: str = "", **other: str
    ) -> None:
        """Send a chunk, as a request does."""
        chunk = self.chunk(number, content, **other)
        with await self.store.begin(owner, chunk) as entry:
            start, end = chunk.layout.range(chunk.offset)
            await self.write(entry, chunk, content[start:end])

    async def write(self, entry: Entry, chunk: Chunk, data: bytes) -> None:
        """Write a chunk in two pieces."""
        sink = await entry.claim(chunk)
        try:
            for piece in (data[:3], data[3:]):
                await self.write_piece(sink, piece)
            await sink.commit()
        finally:
            sink.abandon()

    async def write_piece(self, sink: ChunkSink, data: bytes) -> None:
        """Write some bytes, and wait until more can be taken."""
        held = sink.write(data)
        if held is not None:
            await held

    async def receive(self, content: bytes = CONTENT, **given: str) -> ReceivedFile:
        """Send a whole file, and finish it."""
        for number in range(1, ChunkLayout(len(content), 10).count + 1):
            await self.send(number, content, **given)
        return await self.finish(content, **given)

    async def finish(
        self, content: bytes = CONTENT, *, owner: str = "", **other: str
    ) -> ReceivedFile:
        """Finish a file that was sent."""
        entry = await self.store.find(owner, self.chunk(1, content, **other))
        assert entry is not None
        with entry:
            return await entry.finish()

    async def held(self, *, owner: str = "", **other: str) -> list[int]:
        """The chunks that a test finds."""
        found = []
        for number in (1, 2, 3):
            chunk = self.chunk(number, CONTENT, **other)
            entry = await self.store.find(owner, chunk)
            if entry is not None:
                with entry:
                    if await entry.holds(chunk):
                        found.append(number)
        return found

    async def refused(self, *statuses: int, waiting: Awaitable[object]) -> None:
        """Assert that something is refused."""
        try:
            await waiting
        except Refused as error:
            self.assertIn(error.status, statuses)
        else:
            self.fail("it was not refused")

    async def check(self, file: ReceivedFile, content: bytes) -> None:
        """Assert what a file has in it, and that its facts say so."""
        self.assertEqual(await self.content_of(file), content)
        facts = (len(content), sha256(content).hexdigest())
        self.assertEqual((file.size, file.sha256), facts)
