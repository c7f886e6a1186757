"""
What every store of a receiver has to do, as tests.
"""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress
from hashlib import sha256
from random import Random

from twisted.internet.defer import Deferred, gatherResults

from .._protocol.layout import ChunkLayout
from ..receiver import ChunkSink, Refused, UploadStore
from .store_rig import CONTENT, StoreTestCase

__all__ = ["UploadStoreTests"]


class UploadStoreTests(StoreTestCase):
    """
    Tests that a :class:`~txresumable.receiver.UploadStore` has to pass, to be mixed into a
    ``TestCase`` of trial's with a :meth:`make_store`:

    .. code-block:: python

        class MyStoreTests(UploadStoreTests, TestCase):
            async def make_store(self):
                return MyStore("a-place")
    """

    async def test_is_a_store(self) -> None:
        """It has the methods of a store."""
        self.assertIsInstance(self.store, UploadStore)
        await self.store.check()

    async def test_absent(self) -> None:
        """What was not begun is not found, and looking for it makes nothing."""
        self.assertIsNone(await self.store.find("", self.chunk()))
        self.assertIsNone(await self.store.find("", self.chunk()))

    async def test_begun(self) -> None:
        """What was begun is found, with nothing in it."""
        with await self.store.begin("", self.chunk()) as entry:
            self.assertFalse(entry.full)
            self.assertEqual(entry.ranges(), "")
        self.assertEqual(await self.held(), [])

    async def test_chunks(self) -> None:
        """A chunk that was sent is there, and no other is."""
        await self.send(2)
        self.assertEqual(await self.held(), [2])
        await self.send(3)
        entry = await self.store.find("", self.chunk())
        assert entry is not None
        with entry:
            self.assertEqual((entry.full, entry.ranges()), (False, "2-3"))

    async def test_file(self) -> None:
        """A file whose chunks are all there can be finished, and is what was sent."""
        given: dict[str, str] = {
            "file_name": "file.dat",
            "relative_path": "a/file.dat",
            "type": "text/plain",
        }
        file = await self.receive(CONTENT, owner="alice", identifier="id", **given)
        await self.check(file, CONTENT)
        self.assertEqual((file.owner, file.identifier), ("alice", "id"))
        self.assertEqual(file.parameters, {"album": "summer"})
        facts = (file.file_name, file.relative_path, file.type)
        self.assertEqual(facts, tuple(given.values()))

    async def test_empty(self) -> None:
        """So can one without any bytes, which has one chunk."""
        await self.check(await self.receive(b""), b"")

    async def test_at_once(self) -> None:
        """Chunks may be sent at once, and in any order."""
        content = Random(1).randbytes(2005)
        numbers = list(range(1, ChunkLayout(len(content), 10).count + 1))
        Random(2).shuffle(numbers)
        await gatherResults(
            [Deferred.fromCoroutine(self.send(number, content)) for number in numbers],
            consumeErrors=True,
        )
        await self.check(await self.finish(content), content)

    async def test_finished_once(self) -> None:
        """Everyone who finishes an upload gets the same file, also later."""
        file = await self.receive()
        again = await gatherResults([Deferred.fromCoroutine(self.finish()) for _ in range(3)])
        self.assertEqual(again, [file] * 3)
        self.assertEqual(await self.held(), [1, 2, 3])

    async def test_not_full(self) -> None:
        """An upload that is not full is not said to be."""
        for number in (1, 3):
            await self.send(number)
        entry = await self.store.find("", self.chunk())
        assert entry is not None
        with entry:
            self.assertFalse(entry.full)
            self.assertEqual(entry.ranges(), "1,3")

    async def test_owners(self) -> None:
        """The uploads of different owners never meet, nor do those of different identifiers."""
        mine: dict[str, str] = {"owner": "a", "identifier": "bc"}
        others: list[dict[str, str]] = [
            {"owner": "ab", "identifier": "c"},
            {"owner": "a", "identifier": "BC"},
        ]
        await self.send(1, CONTENT, **mine)
        for other in others:
            self.assertEqual(await self.held(**other), [])
        for number, other in enumerate(others):
            content = bytes([number]) * 35
            await self.check(await self.receive(content, **other), content)
        for number in (2, 3):
            await self.send(number, CONTENT, **mine)
        await self.check(await self.finish(CONTENT, **mine), CONTENT)

    async def test_names(self) -> None:
        """Files of one name do not overwrite each other."""
        files = []
        for number in range(3):
            content = bytes([number]) * 35
            files.append((await self.receive(content, identifier=str(number)), content))
        for file, content in files:
            await self.check(file, content)

    async def test_other_layout(self) -> None:
        """Another file, or one in other chunks, with the same identifier does it no harm."""
        await self.send(1)
        with suppress(Refused):
            await self.send(2, b"-" * 36)
        self.assertEqual(await self.held(), [1])
        await self.check(await self.receive(), CONTENT)

    async def test_length(self) -> None:
        """A chunk that is too long, or too short, is refused and not stored."""
        for data in (b"123456789", b"12345678901"):
            with await self.store.begin("", self.chunk()) as entry:
                await self.refused(400, waiting=self.write(entry, self.chunk(), data))
        self.assertEqual(await self.held(), [])
        await self.check(await self.receive(), CONTENT)

    async def test_checksum(self) -> None:
        """A chunk with another digest than it was announced with is refused and not stored."""
        right = sha256(CONTENT[:10]).hexdigest()
        await self.refused(422, waiting=self.send(1, checksum="0" * 64))
        self.assertEqual(await self.held(), [])
        await self.send(1, checksum=right)
        await self.refused(422, waiting=self.send(1, checksum="0" * 64))
        self.assertEqual(await self.held(checksum=right), [1])

    async def test_late_checksum(self) -> None:
        """So is one whose digest is only known at its end."""
        with await self.store.begin("", self.chunk()) as entry:
            sink = await entry.claim(self.chunk())
            await self.write_piece(sink, CONTENT[:10])
            await self.refused(422, waiting=sink.commit("0" * 64))
            sink.abandon()
        self.assertEqual(await self.held(), [])

    async def test_again(self) -> None:
        """A chunk that is sent again has to be the same, before the file is finished and after."""
        content = b"-" * 35
        await self.send(1)
        await self.send(1)
        await self.refused(409, waiting=self.send(1, content))
        await self.check(await self.receive(), CONTENT)
        await self.send(1)
        await self.refused(409, waiting=self.send(1, content))
        await self.check(await self.finish(), CONTENT)

    async def test_abandoned(self) -> None:
        """A chunk that was abandoned is not stored, and can be sent again."""
        with await self.store.begin("", self.chunk()) as entry:
            sink = await entry.claim(self.chunk())
            await self.write_piece(sink, b"-" * 10)
            sink.abandon()
            sink.abandon()
        self.assertEqual(await self.held(), [])
        await self.check(await self.receive(), CONTENT)

    async def test_forgotten(self) -> None:
        """An upload that its client abandons is gone, and no other is; it can begin anew."""
        for owner in ("a", "b"):
            await self.send(1, owner=owner)
        self.assertTrue(await self.store.abandon("a", self.chunk()))
        self.assertFalse(await self.store.abandon("a", self.chunk()))
        self.assertEqual((await self.held(owner="a"), await self.held(owner="b")), ([], [1]))
        await self.check(await self.receive(b"-" * 35, owner="a"), b"-" * 35)

    async def test_arrived(self) -> None:
        """A file that has arrived as a whole is not abandoned."""
        file = await self.receive()
        await self.refused(409, waiting=self.store.abandon("", self.chunk()))
        self.assertEqual(await self.held(), [1, 2, 3])
        await self.check(file, CONTENT)

    async def test_two_senders(self) -> None:
        """The bytes of two requests with one chunk are not mixed, and one of them is stored."""
        with await self.store.begin("", self.chunk()) as entry:
            sink = await entry.claim(self.chunk())
            try:
                await self.write_piece(sink, b"a" * 5)
                other = Deferred.fromCoroutine(self.write(entry, self.chunk(), b"b" * 10))
                ends: list[Awaitable[None]] = [self._end(sink, b"a" * 5), other]
                stored = sum([await self._is_stored(each) for each in ends])
            finally:
                sink.abandon()
        self.assertGreater(stored, 0)
        content = b""
        for letter in (b"a", b"b"):
            digest = sha256(letter * 10).hexdigest()
            if await self.held(checksum=digest) == [1]:
                content = letter * 10 + CONTENT[10:]
        self.assertNotEqual(content, b"")
        await self.check(await self.receive(content), content)

    async def _end(self, sink: ChunkSink, data: bytes) -> None:
        """Send the end of a chunk."""
        await self.write_piece(sink, data)
        await sink.commit()

    async def _is_stored(self, sending: Awaitable[None]) -> bool:
        """Whether a chunk is stored, or refused."""
        try:
            await sending
        except Refused:
            return False
        return True

    async def test_sent_anew(self) -> None:
        """A chunk that was begun by a request that ends is stored when another one sends it."""
        with await self.store.begin("", self.chunk()) as entry:
            sink = await entry.claim(self.chunk())
            await self.write_piece(sink, b"a" * 5)
            other = Deferred.fromCoroutine(self.write(entry, self.chunk(), CONTENT[:10]))
            sink.abandon()
            try:
                await other
            except Refused:
                await self.write(entry, self.chunk(), CONTENT[:10])
        self.assertEqual(await self.held(checksum=sha256(CONTENT[:10]).hexdigest()), [1])

    async def test_durable(self) -> None:
        """What was stored is there when the store is opened anew."""
        for number in (1, 3):
            await self.send(number)
        await self.reopen()
        self.assertEqual(await self.held(), [1, 3])
        await self.send(2)
        file = await self.finish()
        await self.check(file, CONTENT)
        await self.reopen()
        await self.check(await self.finish(), CONTENT)
        self.assertEqual(await self.held(), [1, 2, 3])

    async def test_recovers(self) -> None:
        """An upload that is full but not finished is finished at the next start."""
        for number in (1, 2, 3):
            await self.send(number)
        await self.reopen()
        await self.store.recover()
        await self.check(await self.finish(), CONTENT)

    async def test_sweeps(self) -> None:
        """What is under way is not forgotten."""
        await self.send(1)
        self.assertEqual(await self.store.sweep(), 0)
        self.assertEqual(await self.held(), [1])

    async def test_closed(self) -> None:
        """A store that is closed refuses requests."""
        await self.send(1)
        await self.store.close()
        await self.refused(503, waiting=self.store.check())
        await self.refused(503, waiting=self.store.begin("", self.chunk()))
        await self.refused(503, waiting=self.store.find("", self.chunk(identifier="other")))
