"""Tests for one chunk on its way to the disk."""

from __future__ import annotations

from collections.abc import Awaitable
from hashlib import sha256
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import Refused
from txresumable.receiver.store.chunk import Chunk
from txresumable.receiver.store.writer import ChunkComparison, ChunkSink, ChunkWriter

CHUNK = Chunk(identifier="i", offset=1, layout=ChunkLayout(35, 10))  # bytes 10 to 20
DATA = b"0123456789"
DIGEST, OTHER = sha256(DATA).hexdigest(), "ab" * 32


class SinkTestCase(SynchronousTestCase):
    """Tests that send chunks, and note what becomes of them."""

    def setUp(self) -> None:
        self.file = bytearray(35)
        self.done: list[str] = []

    def released(self) -> None:
        """A chunk was released."""
        self.done.append("released")

    def refused(self, sink: ChunkSink, checksum: str = "") -> int:
        """Commit a chunk, and it is refused: with which status."""
        committing = Deferred.fromCoroutine(_commit(sink, checksum))
        return self.failureResultOf(committing, Refused).value.status  # type: ignore[no-any-return]

    def commit(self, sink: ChunkSink, checksum: str = "") -> None:
        """Commit a chunk."""
        self.successResultOf(Deferred.fromCoroutine(_commit(sink, checksum)))


async def _commit(sink: ChunkSink, checksum: str) -> None:
    await (sink.commit(checksum) if checksum else sink.commit())


class WriterTests(SinkTestCase):
    """A chunk that is not stored yet."""

    def writer(self, chunk: Chunk = CHUNK) -> ChunkWriter:
        """What takes a chunk."""

        def write(data: bytes, at: int) -> None:
            self.file[at : at + len(data)] = data

        def digest(start: int, end: int) -> Awaitable[str]:
            return succeed(sha256(self.file[start:end]).hexdigest())

        def commit() -> Awaitable[Any]:
            self.done.append("committed")
            return succeed(None)

        return ChunkWriter(chunk, write, digest, commit, self.released)

    def test_in_its_place(self) -> None:
        """Its bytes go where they belong, in however many pieces they come."""
        for size in (1, 3, 10):
            sink = self.writer()
            for start in range(0, 10, size):
                sink.write(DATA[start : start + size])
            sink.write(b"")
            self.assertEqual(self.file, bytes(10) + DATA + bytes(15))
            self.commit(sink)
        self.assertEqual(self.done, ["committed", "released"] * 3)

    def test_too_long(self) -> None:
        """A byte too many is refused, and nothing of it is written; so is whatever follows."""
        sink = self.writer()
        sink.write(DATA[:9])
        before = bytes(self.file)
        for _ in range(2):
            self.assertEqual(self.assertRaises(Refused, sink.write, b"xy").status, 400)
        self.assertEqual(self.file, before)

    def test_too_short(self) -> None:
        """One that ends early is refused, and released."""
        sink = self.writer()
        sink.write(DATA[:9])
        self.assertEqual(self.refused(sink), 400)
        self.assertEqual(self.done, ["released"])

    def test_digest(self) -> None:
        """It has the digest that was announced before or after, the latter if both were."""
        for before, after, good in (
            ("", "", True),
            (DIGEST, "", True),
            ("", DIGEST, True),
            (OTHER, DIGEST, True),
            (OTHER, "", False),
            ("", OTHER, False),
            (DIGEST, OTHER, False),
        ):
            sink, self.done = self.writer(evolve(CHUNK, checksum=before)), []
            sink.write(DATA)
            if good:
                self.commit(sink, after)
                self.assertEqual(self.done, ["committed", "released"])
            else:
                self.assertEqual(self.refused(sink, after), 422)
                self.assertEqual(self.done, ["released"])

    def test_not_read_for_nothing(self) -> None:
        """Where no digest was announced nothing is read."""
        sink = ChunkWriter(
            CHUNK, lambda data, at: None, self.fail, lambda: succeed(None), self.released
        )
        sink.write(DATA)
        self.commit(sink)

    def test_released_once(self) -> None:
        """It is released once, however often it is abandoned."""
        sink = self.writer()
        self.assertEqual(self.done, [])
        sink.abandon()
        sink.abandon()
        self.assertEqual(self.done, ["released"])
        sink = self.writer()
        sink.write(DATA)
        self.commit(sink)
        sink.abandon()
        self.assertEqual(self.done, ["released", "committed", "released"])


class ComparisonTests(SinkTestCase):
    """A chunk that is sent again."""

    def comparison(self, chunk: Chunk = CHUNK, stored: str = DIGEST) -> ChunkComparison:
        """What compares a chunk with that."""
        return ChunkComparison(chunk, lambda: succeed(stored), self.released)

    def test_same(self) -> None:
        """The same bytes are accepted, in however many pieces they come."""
        for size in (1, 3, 10):
            sink = self.comparison()
            for start in range(0, 10, size):
                sink.write(DATA[start : start + size])
            self.commit(sink)
        self.assertEqual(self.done, ["released"] * 3)

    def test_other(self) -> None:
        """Other bytes are refused."""
        sink = self.comparison(stored=OTHER)
        sink.write(DATA)
        self.assertEqual(self.refused(sink), 409)
        self.assertEqual(self.done, ["released"])

    def test_other_length(self) -> None:
        """So are fewer, and more."""
        sink = self.comparison()
        sink.write(DATA[:9])
        self.assertEqual(self.assertRaises(Refused, sink.write, b"xy").status, 400)
        self.assertEqual(self.refused(sink), 400)
        self.assertEqual(self.done, ["released"])

    def test_digest(self) -> None:
        """What did not arrive as announced is no conflict: it is to be sent once more."""
        for before, after in ((OTHER, ""), ("", OTHER), (DIGEST, OTHER)):
            for stored in (DIGEST, OTHER):
                sink = self.comparison(evolve(CHUNK, checksum=before), stored)
                sink.write(DATA)
                self.assertEqual(self.refused(sink, after), 422)
        for before, after in ((DIGEST, ""), ("", DIGEST), (OTHER, DIGEST)):
            sink = self.comparison(evolve(CHUNK, checksum=before))
            sink.write(DATA)
            self.commit(sink, after)
