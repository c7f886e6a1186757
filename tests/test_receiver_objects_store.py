from __future__ import annotations

from hashlib import sha256
from typing import Any, NoReturn

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import AnnouncedFile, ObjectStore, ReceivedFile, Refused
from txresumable.receiver.objects.interface import Conflict, Unavailable
from txresumable.receiver.objects.record import UploadRecord
from txresumable.receiver.objects.state import State
from txresumable.receiver.store.writer import ChunkSink
from txresumable.testing import Bucket, FakeObjects, StorageFault, StorageForecast, UploadStoreTests

from .object_store_rig import CONTENT, SIZES, FleetTestCase, InBucket


class ObjectStoreConformanceTests(InBucket, UploadStoreTests, TestCase):
    """What every store has to do, in object storage."""


class FleetTests(FleetTestCase):
    """Several receivers over one bucket."""

    def test_any_takes_any(self) -> None:
        """Each chunk may go to another receiver, and whoever gets the last one has the file."""
        receivers = [self.open() for _ in range(3)]
        found = [
            self.wait(self.send(receiver, number))
            for number, receiver in zip((2, 3, 1), receivers, strict=True)
        ]
        self.assertEqual(found[:2], [None, None])
        file = found[2]
        assert file is not None
        self.assertEqual(self.bucket.objects[file.path].content, CONTENT)
        self.assertEqual(self.names("files/"), [file.path])
        self.assertEqual(file.location, file.path)
        for receiver in receivers:
            self.assertEqual(self.wait(self.send(receiver, 2)), file)

    def test_at_once(self) -> None:
        """So it is if all come at the same time, and one of the responses says so."""
        told: list[ReceivedFile] = []
        receivers = [self.open(on_complete=told.append, seed=seed) for seed in range(3)]
        sending = [
            Deferred.fromCoroutine(self.send(receiver, number))
            for number, receiver in enumerate(receivers, 1)
        ]
        found = self.wait(gatherResults(sending))
        self.assertEqual(len(told), 1)
        self.assertIn(told[0], found)

    def test_memory(self) -> None:
        """A chunk that arrives slowly, and keeps others waiting for memory, is refused for now."""
        store = self.open(memory=32)
        told: list[Refused] = []
        sinks = [self.wait(self.claim(store, number)) for number in (1, 2, 3)]
        for sink in sinks:
            sink.cut_off = told.append
        self.assertEqual([sinks[0].write(b"A"), sinks[1].write(b"KL")], [None, None])
        self.clock.advance(60)
        waiting = sinks[2].write(b"U")
        assert waiting is not None
        self.clock.advance(1)
        self.assertEqual([(each.status, each.retry_after) for each in told], [(503, 10)])
        self.assertEqual(told[0].about, "chunk")
        sinks[0].abandon()
        self.successResultOf(waiting)
        for sink in sinks:
            sink.abandon()
        self.wait(self.send(store, 1))

    async def claim(self, store: ObjectStore, number: int) -> ChunkSink:
        """Where a chunk goes."""
        chunk = self.chunk(number)
        with await store.begin("", chunk) as entry:
            return await entry.claim(chunk)

    def test_away(self) -> None:
        """While the storage is away each request is held for five seconds, and then refused."""
        store = self.open()
        self.wait(self.send(store, 1))
        entry, sink = self.wait(store.begin("", self.chunk(2))), self.wait(self.claim(store, 2))
        sink.write(CONTENT[10:20])
        again = self.wait(self.claim(store, 1))
        again.write(CONTENT[:10])
        self.leave()
        for work in (
            lambda: store.begin("", self.chunk(1, identifier="other")),
            lambda: store.find("", self.chunk(1)),
            lambda: store.abandon("", self.chunk(1)),
            lambda: entry.holds(self.chunk(3)),
            sink.commit,
            again.commit,
            entry.finish,
        ):
            began = self.clock.seconds()
            error = self.refused(work())
            self.assertEqual((error.status, error.reason.split()[-1]), (503, "respond"))
            took = self.clock.seconds() - began
            self.assertTrue(5 <= took < 12, took)

    def test_away_without_memory(self) -> None:
        """Who is held leaves the memory for chunks to others."""
        store = self.open(memory=16)
        sink, other = self.wait(self.claim(store, 1)), self.wait(self.claim(store, 2))
        sink.write(CONTENT[:10])
        self.leave()
        committed = Deferred.fromCoroutine(sink.commit())
        self.clock.pump([0.1] * 40)
        self.assertNoResult(committed)
        self.assertIsNone(other.write(b"K"))
        other.abandon()
        self.refused(committed)

    def leave(self) -> None:
        """From now on the storage does not respond."""

        def fails(*given: Any, **named: Any) -> NoReturn:
            raise Unavailable("it is away")

        for name in ("put", "get", "head", "list"):
            self.patch(Bucket, name, fails)

    def test_away_and_closed(self) -> None:
        """Nothing is held once the store closes."""
        store = self.open()
        self.leave()
        asked = Deferred.fromCoroutine(store.find("", self.chunk(1)))
        self.clock.pump([0.1] * 40)
        self.assertNoResult(asked)
        closed = store.close()
        error = self.failureResultOf(asked, Refused).value
        self.assertIn("respond", error.reason)
        self.wait(closed)

    def test_chunks_go(self) -> None:
        """The chunks of a file that is finished are removed."""
        store = self.open()
        self.send_all(store)
        self.wait(store.sweep())
        self.assertEqual(self.names("u/c/"), [])

    def test_partial_knowledge(self) -> None:
        """A response to a chunk says that others may be stored; one to a test has looked."""
        one, two = self.open(), self.open()
        self.wait(self.send(one, 1))
        self.wait(self.send(two, 2))

        async def ranges() -> list[str]:
            told = [(await two.begin("", self.chunk())).ranges()]
            found = await two.find("", self.chunk())
            assert found is not None
            return [*told, found.ranges()]

        self.assertEqual(self.wait(ranges()), ["...,2", "1-2"])

    def test_last(self) -> None:
        """The response to the last chunk of a file has looked as well: it says what is lost."""
        one, two = self.open(), self.open()
        self.wait(self.send(one, 1))
        self.assertTrue(self.wait(two.abandon("", self.chunk())))

        async def ranges(number: int) -> str:
            chunk = self.chunk(number)
            with await two.begin("", chunk) as entry:
                sink = await entry.claim(chunk)
                start, end = chunk.layout.range(chunk.offset)
                sink.write(CONTENT[start:end])
                await sink.commit()
                return entry.ranges()

        self.assertEqual(self.wait(ranges(2)), "...,2")
        self.assertEqual(self.wait(ranges(3)), "2-3")

    def test_abandoned_elsewhere(self) -> None:
        """What a receiver does not know to be abandoned takes no chunks for the next upload."""
        one, two = self.open(), self.open()
        self.wait(self.send(one, 1))
        self.assertTrue(self.wait(two.abandon("", self.chunk())))
        self.wait(self.send(two, 2))
        error = self.refused(self.send(one, 3))
        self.assertEqual((error.status, error.about), (503, "chunk"))
        self.wait(self.send(one, 1))
        self.assertEqual(len(self.names("u/c/")), 2 + 1)  # one is left of the first
        file = self.wait(self.send(one, 3))
        assert file is not None
        self.assertEqual(self.bucket.objects[file.path].content, CONTENT)
        self.wait(one.sweep())
        self.assertEqual(self.names("u/c/"), [])

    def test_forgotten_elsewhere(self) -> None:
        """Nor does what it does not know to be forgotten, even if its record has begun anew."""
        day = 86400.0
        one, two = self.open(expire=day), self.open(expire=day)
        self.wait(self.send(two, 1))
        self.clock.advance(0.7 * day)
        self.wait(self.send(two, 1))
        self.assertEqual(self.record().version, 2)
        self.clock.advance(1.1 * day)
        self.wait(one.sweep())
        self.clock.advance(400)
        self.wait(one.sweep())
        self.assertEqual(self.names(""), [])
        self.wait(self.send(one, 1))
        self.assertEqual(self.record().version, 1)
        error = self.refused(self.send(two, 2))
        self.assertEqual((error.status, error.about), (503, "chunk"))
        self.wait(self.send(two, 2))
        file = self.wait(self.send(two, 3))
        assert file is not None
        self.assertEqual(self.bucket.objects[file.path].content, CONTENT)

    def test_abandoned_before_it_was_known(self) -> None:
        """What began unnoticed and was abandoned begins anew under another id, as all does."""
        other = self.open()

        class Hesitant(FakeObjects):
            """What the first record is put with is lost, and the upload is abandoned meanwhile."""

            first: str = ""

            async def put(self, key: str, body: Any, **given: Any) -> Any:
                put = await super().put(key, body, **given)
                if not self.first and key.startswith("u/r/"):
                    self.first = UploadRecord.decode(body).id
                    await other.abandon("", chunk)
                    raise Conflict("412")
                return put

        chunk, objects = self.chunk(), Hesitant(self.bucket)
        store = ObjectStore(objects, reactor=self.clock, _sizes=SIZES)
        self.wait(store.begin("", chunk))
        self.assertIs(self.record().state, State.OPEN)
        self.assertNotEqual(self.record().id, objects.first)
        self.wait(store.close())

    def test_failed_meanwhile(self) -> None:
        """That a file could not be finished is no reason to forget what has arrived."""

        def tell(file: ReceivedFile) -> None:
            raise Refused(503, "not now", 1)

        store = self.open(on_complete=tell)
        chunk = self.chunk(content=b"0123456789")

        async def send() -> bool:
            with await store.begin("", chunk) as entry, await store.begin("", chunk) as other:
                sink = await entry.claim(chunk)
                sink.write(b"0123456789")
                await sink.commit()
                try:
                    await entry.finish()
                except Refused:
                    return other.full
            return False

        self.assertTrue(self.wait(send()))

    def test_taken_away(self) -> None:
        """A file that was taken away is received anew, under another id."""
        store = self.open()
        first = self.send_all(store)
        del self.bucket.objects[first.path]
        second = self.send_all(store)
        self.assertNotEqual(first.id, second.id)
        self.assertEqual(self.names("files/"), [second.path])

    def test_received_once(self) -> None:
        """Or it is refused, unless it is wanted again."""
        store = self.open(received_once=True)
        del self.bucket.objects[self.send_all(store).path]
        self.assertEqual(self.refused(store.begin("", self.chunk())).status, 410)
        self.assertEqual(self.refused(store.find("", self.chunk())).status, 410)
        self.wait(store.begin("", self.chunk(), again=True))

    def test_rejected(self) -> None:
        """A file that the application does not want is removed, and each request is told so."""

        def reject(file: ReceivedFile) -> None:
            raise Refused(422, "no dogs")

        one, two = self.open(on_complete=reject), self.open()
        for number in (1, 2):
            self.wait(self.send(one, number))
        self.assertEqual(self.refused(self.send(one, 3)).reason, "no dogs")
        self.assertEqual(self.names("files/"), [])
        self.assertEqual(self.refused(two.begin("", self.chunk())).status, 422)
        self.assertEqual(self.refused(two.find("", self.chunk())).status, 422)
        with self.wait(two.begin("", self.chunk(), again=True)) as entry:
            self.assertFalse(entry.full)

    def test_not_now(self) -> None:
        """If it cannot say, it is asked again, with the same id."""
        told: list[str] = []

        def tell(file: ReceivedFile) -> None:
            told.append(file.id)
            if len(told) == 1:
                raise Refused(503, "not now", 1)

        store = self.open(on_complete=tell)
        for number in (1, 2):
            self.wait(self.send(store, number))
        self.assertEqual(self.refused(self.send(store, 3)).status, 503)
        self.assertIs(self.record().state, State.OPEN)
        file = self.wait(self.send(store, 3))
        assert file is not None
        self.assertEqual(told, [file.id] * 2)

    def test_started(self) -> None:
        """The application is asked once when an upload begins, and may refuse it."""
        asked: list[str] = []

        def start(file: AnnouncedFile) -> None:
            asked.append(file.file_name)
            if file.file_name == "no.dat":
                raise Refused(422, "no")

        store = self.open(on_started=start)
        beginning = [Deferred.fromCoroutine(store.begin("", self.chunk(n))) for n in (1, 2, 3)]
        self.wait(gatherResults(beginning))
        self.assertEqual(asked, ["file.dat"])
        refused = store.begin("", self.chunk(file_name="no.dat", identifier="other"))
        self.assertEqual(self.refused(refused).status, 422)
        self.assertEqual(len(self.names("u/r/")), 1)

    def test_closed_before_asked(self) -> None:
        """A store that closes asks no application any more, which might never say anything."""
        asked: list[AnnouncedFile] = []

        def start(file: AnnouncedFile) -> Deferred[None]:
            asked.append(file)
            return Deferred()

        store = self.open(on_started=start)
        beginning = Deferred.fromCoroutine(store.begin("", self.chunk()))
        self.wait(store.close())
        self.assertEqual(self.failureResultOf(beginning, Refused).value.status, 503)
        self.assertEqual(asked, [])

    def test_limits(self) -> None:
        """Files that are too large, or too many, are refused."""
        store = self.open(memory=40, max_file_size=1000, max_chunks=50, max_unfinished=1)
        for chunk, status in (
            (self.chunk(layout=ChunkLayout(1001, 40)), 413),
            (self.chunk(layout=ChunkLayout(1000, 10)), 400),
            (self.chunk(layout=ChunkLayout(75, 40)), 413),  # its last chunk has 75
        ):
            self.assertEqual(self.refused(store.begin("", chunk)).status, status)
        self.wait(store.begin("", self.chunk()))
        self.wait(store.begin("", self.chunk()))
        self.assertEqual(self.refused(store.begin("", self.chunk(identifier="b"))).status, 507)
        self.wait(store.begin("other", self.chunk()))
        self.assertEqual(store.unfinished, 2)

    def test_refused_storage(self) -> None:
        """What the storage cannot do is refused with 503, and may work later."""
        always = StorageForecast(rate=1.0, weights={StorageFault.REFUSED: 1.0})
        store = self.open(forecast=always)
        error = self.refused(store.begin("", self.chunk()))
        self.assertEqual((error.status, error.about), (503, ""))
        self.assertIsNotNone(error.retry_after)
        self.assertEqual(self.refused(store.check()).status, 503)

    def test_digest_not_wanted(self) -> None:
        """Chunks that the storage copies need not be read."""
        store = self.open(digest=False)
        file = self.send_all(store)
        self.assertEqual((file.sha256, self.bucket.objects[file.path].content), ("", CONTENT))

    def test_digests_of_all(self) -> None:
        """Whether it is copied, regrouped or put as it is, the digest is that of the whole."""
        store = self.open()
        for number, (size, chunk_size) in enumerate(((100, 3), (100, 10), (9, 3), (12, 12))):
            content, layout = bytes(range(size)), ChunkLayout(size, chunk_size)
            file = None
            for offset in range(layout.count):
                sending = self.send(
                    store, offset + 1, content, identifier=str(number), layout=layout
                )
                file = self.wait(sending)
            assert file is not None
            self.assertEqual(file.sha256, sha256(content).hexdigest())
            self.assertEqual(self.bucket.objects[file.path].content, content)

    def test_closed_while_finishing(self) -> None:
        """A store that closes while it finishes a file leaves that to others, who need not wait."""
        hanging: Deferred[None] = Deferred()
        one, two = self.open(on_complete=lambda _: hanging), self.open()
        for number in (1, 2):
            self.wait(self.send(one, number))
        sending = self.ended(self.send(one, 3), 3.0)
        self.wait(one.close())
        self.assertEqual(self.failureResultOf(sending, Refused).value.status, 503)
        self.assertIs(self.record().state, State.OPEN)
        began = self.clock.seconds()
        self.assertIsNotNone(self.wait(self.send(two, 3)))
        self.assertLess(self.clock.seconds() - began, 5.0)


class LeaseTests(FleetTestCase):
    """One receiver at a time finishes a file."""

    def setUp(self) -> None:
        super().setUp()
        self.told: list[str] = []
        self.hanging: Deferred[None] = Deferred()

    def hang(self, file: ReceivedFile) -> Deferred[None]:
        self.told.append(file.id)
        return self.hanging

    def tell(self, file: ReceivedFile) -> None:
        self.told.append(file.id)

    def test_others_wait(self) -> None:
        """A request that comes meanwhile is held for some time, then it is told to wait."""
        one, two = self.open(on_complete=self.hang), self.open(on_complete=self.tell)
        for number in (1, 2):
            self.wait(self.send(one, number))
        sending = self.ended(self.send(one, 3), 3.0)
        began = self.clock.seconds()
        error = self.refused(self.send(two, 3))
        self.assertEqual((error.status, error.about), (503, "upload"))
        self.assertIsNotNone(error.retry_after)
        self.assertGreater(self.clock.seconds() - began, 15.0)
        again = self.ended(self.send(two, 3), 3.0)
        self.assertNoResult(again)
        self.hanging.callback(None)
        file = self.wait(sending)
        self.assertEqual(self.wait(again), file)
        self.assertEqual(len(self.told), 1)

    def test_given_back(self) -> None:
        """That all has arrived is not forgotten when who finishes a file gives it back."""
        one, two = self.open(on_complete=self.hang), self.open()
        for number in (1, 2):
            self.wait(self.send(one, number))
        sending = self.ended(self.send(one, 3), 3.0)
        entry = self.wait(two.begin("", self.chunk()))
        self.assertTrue(entry.full)
        self.hanging.errback(Refused(503, "not now", 1))
        self.refused(sending)
        sink = self.wait(entry.claim(self.chunk()))
        sink.write(CONTENT[:10])
        self.wait(sink.commit())
        self.assertTrue(entry.full)

    def test_renewed(self) -> None:
        """However long it takes, nobody else does as long as the receiver lives."""
        one, two = self.open(on_complete=self.hang), self.open(on_complete=self.tell)
        for number in (1, 2):
            self.wait(self.send(one, number))
        sending = self.ended(self.send(one, 3), 3.0)
        for _ in range(6):
            self.assertEqual(self.refused(self.send(two, 3)).status, 503)
        self.assertGreater(self.clock.seconds(), 100.0)
        self.hanging.callback(None)
        self.wait(sending)
        self.assertEqual(len(self.told), 1)

    def test_taken_over(self) -> None:
        """Once it is dead, another one does, with the same id."""
        one = FakeObjects(self.bucket)
        dead = ObjectStore(one, reactor=self.clock, _sizes=SIZES, on_complete=self.hang)
        two = self.open(on_complete=self.tell)
        for number in (1, 2):
            self.wait(self.send(dead, number))
        self.ended(self.send(dead, 3), 3.0)
        one.crash()
        for call in self.clock.getDelayedCalls():
            call.cancel()
        began, file = self.clock.seconds(), None
        while file is None:
            sending = self.ended(self.send(two, 3), 60.0)
            sending.addErrback(lambda failure: failure.trap(Refused) and None)
            file = self.successResultOf(sending)
        self.assertLess(self.clock.seconds() - began, 45.0)
        self.assertEqual(self.told, [file.id] * 2)
        self.assertEqual(self.names("files/"), [file.path])
