"""Tests for one chunk on its way to the disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Sequence
from gc import collect
from hashlib import sha256

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import FailTest, SynchronousTestCase

from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import Refused
from txresumable.receiver.store.chunk import Chunk
from txresumable.receiver.store.claims import Claim
from txresumable.receiver.store.unwritten import Unwritten
from txresumable.receiver.store.writer import ChunkComparison, ChunkSink, ChunkWriter

CHUNK = Chunk(identifier="i", offset=1, layout=ChunkLayout(35, 10))  # bytes 10 to 20
DATA = b"0123456789"
BIG = 2 * 1024 * 1024
DIGEST, OTHER = sha256(DATA).hexdigest(), "ab" * 32


class SinkTestCase(SynchronousTestCase):
    """Tests that send chunks, and note what becomes of them."""

    def setUp(self) -> None:
        self.file = bytearray(35)
        self.done: list[str] = []
        self.clock = Clock()
        self.claims: list[Claim] = []

    def claim(self) -> Claim:
        """A claim to a chunk."""
        self.claims.append(Claim(self.clock, self.released))
        return self.claims[-1]

    def write_pieces(self, pieces: Sequence[bytes], at: int) -> None:
        """Write into the file, as a descriptor does."""
        data = b"".join(pieces)
        self.file[at : at + len(data)] = data

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

        async def write(unwritten: Unwritten) -> None:
            unwritten.write_to(self)  # type: ignore[arg-type]

        async def commit(unwritten: Unwritten) -> None:
            await write(unwritten)
            self.done.append("committed")

        return ChunkWriter(chunk, self.claim(), write, self.digest, commit)

    def digest(self, start: int, end: int) -> Awaitable[str]:
        """The digest of a range of the file."""
        return succeed(sha256(self.file[start:end]).hexdigest())

    def test_in_its_place(self) -> None:
        """Its bytes go where they belong, in however many pieces they come."""
        for size in (1, 3, 10):
            sink = self.writer()
            for start in range(0, 10, size):
                sink.write(DATA[start : start + size])
            sink.write(b"")
            self.commit(sink)
            self.assertEqual(self.file, bytes(10) + DATA + bytes(15))
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
        sink = ChunkWriter(CHUNK, self.claim(), self.fail, self.fail, lambda rest: succeed(None))
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

    def big_writer(self, checksum: str = "") -> ChunkWriter:
        """What takes a chunk of 2 MiB, on a disk that does what it is told to later."""
        self.file = bytearray(BIG)
        self.disk: list[tuple[Unwritten, Deferred[None]]] = []
        chunk = Chunk(identifier="i", offset=0, layout=ChunkLayout(BIG, BIG), checksum=checksum)

        def write(unwritten: Unwritten) -> Deferred[None]:
            done: Deferred[None] = Deferred()
            self.disk.append((unwritten, done))
            return done

        return ChunkWriter(chunk, self.claim(), write, self.digest, write)

    def work(self, error: OSError | None = None) -> int:
        """Let the disk do one thing, or fail; how many bytes it was."""
        unwritten, done = self.disk.pop(0)
        if error is None:
            unwritten.write_to(self)  # type: ignore[arg-type]
            done.callback(None)
        else:
            done.errback(error)
        return unwritten.size

    def test_waits_for_the_disk(self) -> None:
        """It takes as much as the disk is worth while that is at work, and then no more."""
        sink, data = self.big_writer(), os.urandom(BIG)
        pieces = [data[at : at + 131072] for at in range(0, BIG, 131072)]
        self.assertEqual([sink.write(piece) for piece in pieces[:7]], [None] * 7)
        held = sink.write(pieces[7])
        assert held is not None
        self.assertNoResult(held)
        self.assertEqual((len(self.disk), self.work()), (1, 512 * 1024))
        self.successResultOf(held)
        for piece in pieces[8:]:
            while held is not None and not held.called:
                self.work()
            held = sink.write(piece)
        committing = Deferred.fromCoroutine(_commit(sink, ""))
        while self.disk:
            self.assertNoResult(committing)
            self.assertEqual(self.done, [])
            self.work()
        self.successResultOf(committing)
        self.assertEqual((self.file, self.done), (data, ["released"]))

    def test_digest_of_what_is_written(self) -> None:
        """A digest is taken once all is written, and what is left is nothing."""
        data = os.urandom(BIG)
        for end in (BIG, 600_000):
            sink = self.big_writer(sha256(data).hexdigest())
            for start, stop in ((0, end), (end, BIG)):
                sink.write(data[start:stop])
            committing = Deferred.fromCoroutine(_commit(sink, ""))
            sizes = []
            while self.disk:
                sizes.append(self.work())
            self.successResultOf(committing)
            self.assertEqual((sum(sizes), sizes[-1]), (BIG, 0))

    def test_disk_that_fails(self) -> None:
        """What the disk says of one piece, the next one hears, and the end."""
        error = OSError(errno.ENOSPC, "full")
        for next_one in (lambda sink: sink.write(b"x"), lambda sink: self.commit(sink)):
            sink = self.big_writer()
            sink.write(bytes(BIG - 1))
            self.work(error)
            self.assertRaises((OSError, FailTest), next_one, sink)
            sink.abandon()
            self.assertEqual((self.done.pop(), self.disk), ("released", []))

    def test_collected(self) -> None:
        """What was collected while it was written, with its process, was not written."""
        sink = self.big_writer()
        sink.write(bytes(600_000))
        sink.write(bytes(BIG - 600_000))
        committing = Deferred.fromCoroutine(_commit(sink, ""))
        self.disk.clear()
        collect()
        self.assertEqual(self.failureResultOf(committing, Refused).value.status, 503)
        self.assertEqual(self.done, ["released"])

    def test_released_once_nothing_is_written(self) -> None:
        """One that is abandoned is released when the disk has done what it was given."""
        for error in (None, OSError(errno.EIO, "broken")):
            sink = self.big_writer()
            sink.write(bytes(600_000))
            sink.write(bytes(1000))
            sink.abandon()
            self.assertEqual(self.done, [])
            self.work(error)
            self.assertEqual((self.done.pop(), self.disk), ("released", []))

    def test_cut_off(self) -> None:
        """One that has stalled is asked to end, and one that waits for the disk is not."""
        for size, is_slow, cuts in ((1000, False, 1), (BIG // 2, False, 1), (BIG // 2, True, 0)):
            sink = self.big_writer()
            cut: list[Refused] = []
            sink.cut_off = cut.append
            sink.write(bytes(size // 2))
            held = sink.write(bytes(size // 2))
            if held is not None and not is_slow:
                self.work()
            self.claims[-1].wait()
            self.clock.advance(0.9)
            self.assertEqual(cut, [])
            self.clock.advance(0.1)
            self.assertEqual(len(cut), cuts)
            while self.disk:
                self.work()
            sink.abandon()
            self.done.clear()
        self.assertEqual(self.clock.getDelayedCalls(), [])


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
