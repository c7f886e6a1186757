from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import Chunk, Refused
from txresumable.receiver.objects.interface import Conflict, Unavailable
from txresumable.receiver.objects.keys import Keys
from txresumable.receiver.objects.record import UploadRecord
from txresumable.receiver.objects.records import Records
from txresumable.receiver.objects.state import TRANSITIONS, State, advance
from txresumable.receiver.store.record import Record
from txresumable.receiver.store.rejection import Rejection
from txresumable.testing import Bucket, FakeObjects, StorageFault, StorageForecast

KEY = "ab" * 32
CHUNK = Chunk(identifier="id", offset=0, layout=ChunkLayout(35, 10), file_name="file.dat")


def record() -> UploadRecord:
    return UploadRecord(upload=Record.of("somebody", CHUNK, "file.dat"))


class UploadRecordTests(SynchronousTestCase):
    """What is written down is read back."""

    def test_read_back(self) -> None:
        """All of it, in every state."""
        one = record()
        two = one.changed(State.FINISHING, by="me", sha256="ab")
        three = two.changed(State.REJECTED, rejection=Rejection(422, "no"))
        for each in (one, two, three):
            self.assertEqual(UploadRecord.decode(each.encode()), each)
        self.assertEqual([one.version, two.version, three.version], [1, 2, 3])
        self.assertEqual(len({one.nonce, two.nonce, three.nonce}), 3)
        self.assertEqual((three.is_whole, three.is_gone, one.is_whole), (True, False, False))

    def test_damaged(self) -> None:
        """What is none is not taken for one."""
        good = record().encode()
        for written in (b"", b"[]", b"{}", b"null", good[:-1], good.replace(b'"open"', b'"x"')):
            self.assertRaises(ValueError, UploadRecord.decode, written)

    def test_states(self) -> None:
        """Only what the table says can follow."""
        for state in State:
            for following in State:
                if following in TRANSITIONS[state]:
                    self.assertIs(advance(state, following), following)
                else:
                    self.assertRaises(RuntimeError, advance, state, following)

    def test_anew(self) -> None:
        """One that begins anew has another id, and goes on counting its versions."""
        dead = record().changed(State.DEAD)
        anew = dead.anew(Record.of("somebody", CHUNK, "file.dat"))
        self.assertEqual((anew.version, anew.state), (3, State.OPEN))
        self.assertNotEqual(anew.id, dead.id)


class RecordsTests(SynchronousTestCase):
    """A record is only changed from what it was known as."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.bucket = Bucket(self.clock)
        self.records = self.client()

    def client(self, fault: StorageFault | None = None, clears: float = 1e9) -> Records:
        forecast = StorageForecast(
            rate=0.0 if fault is None else 1.0,
            weights={} if fault is None else {fault: 1.0},
            clears=clears,
            latency=0.01,
        )
        return Records(FakeObjects(self.bucket, forecast=forecast), Keys("p"), self.clock)

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        doing = Deferred.fromCoroutine(work)
        self.clock.pump([0.005] * 1000)
        return doing

    def result(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.successResultOf(self.do(work))

    def test_one_begins(self) -> None:
        """Of two that begin an upload one does, and the other is told so."""
        one, two = record(), record()
        known = self.result(self.records.write(KEY, one, None))
        self.assertEqual(known.record, one)
        self.assertIsNone(self.result(self.records.write(KEY, two, None)))
        self.assertEqual(self.result(self.records.read(KEY)).record, one)

    def test_one_changes(self) -> None:
        """Of two that change a record one does."""
        known = self.result(self.records.write(KEY, record(), None))
        changed = self.result(self.records.change(known, lambda r: r.changed(State.OPEN)))
        self.assertEqual(changed.record.version, 2)
        lost = self.result(self.records.change(known, lambda r: r.changed(State.DEAD)))
        self.assertIsNone(lost)

    def test_no_response(self) -> None:
        """A write of which the response was lost, or that was met by itself, has been made."""
        for fault in (StorageFault.LOST, StorageFault.ECHO):
            self.setUp()
            known = self.result(self.records.write(KEY, record(), None))
            at = self.clock.seconds() + 0.02
            doubtful = self.client(fault, clears=at)
            changed = self.result(doubtful.change(known, lambda r: r.changed(State.OPEN)))
            self.assertEqual(changed.record.version, 2, fault)

    def test_refused(self) -> None:
        """One that was not made is made again; and it fails if that is never possible."""
        known = self.result(self.records.write(KEY, record(), None))
        doubtful = self.client(StorageFault.CONFLICT, clears=self.clock.seconds() + 0.1)
        known = self.result(doubtful.change(known, lambda r: r.changed(State.OPEN)))
        self.assertEqual(known.record.version, 2)
        doing = self.do(
            self.client(StorageFault.CONFLICT).change(known, lambda r: r.changed(State.OPEN))
        )
        self.failureResultOf(doing, Conflict)
        doing = self.do(self.client(StorageFault.REFUSED).read(KEY))
        self.failureResultOf(doing, Unavailable)

    def test_tried(self) -> None:
        """A write is tried three times, after a pause that becomes longer."""
        clock, puts = self.clock, list[float]()

        class Refusing(FakeObjects):
            async def put(self, key: str, body: Any, **given: Any) -> Any:
                puts.append(clock.seconds())
                raise Conflict("409")

        objects = Refusing(self.bucket, forecast=StorageForecast(latency=0.0))
        began = clock.seconds()
        records = Records(objects, Keys("p"), clock)
        self.failureResultOf(self.do(records.write(KEY, record(), None)), Conflict)
        self.assertEqual([round(at - began, 1) for at in puts], [0.0, 0.2, 0.6])

    def test_damaged(self) -> None:
        """One that is damaged is not taken for none."""
        self.bucket.put("p/u/r/" + KEY, b"what?")
        logged = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        doing = self.do(self.records.read(KEY))
        self.assertEqual(self.failureResultOf(doing, Refused).value.status, 500)
        self.assertEqual(
            [formatEvent(each) for each in logged],
            [f"the record of an upload is damaged: {KEY}"],
        )


class KeysTests(SynchronousTestCase):
    """Names say what they are of."""

    def test_back(self) -> None:
        """They are read back, under any prefix."""
        id = "cd" * 16
        for prefix, folder in (("", ""), ("a", "a/"), ("a/b/", "a/b/")):
            keys = Keys(prefix)
            self.assertEqual(keys.record(KEY), f"{folder}u/r/{KEY}")
            self.assertEqual(keys.upload_of_record(keys.record(KEY)), KEY)
            chunk = keys.chunk(KEY, id, 123_456_789)
            self.assertEqual(chunk, f"{folder}u/c/{KEY}/{id}/123456789")
            self.assertEqual(keys.upload_of_chunk(chunk), (KEY, id))
            self.assertEqual(keys.offset_of(chunk), 123_456_789)
            self.assertEqual(keys.upload_of_file(keys.file(KEY, id, "a/b")), (KEY, id))
            self.assertIsNone(keys.upload_of_chunk(keys.chunks + "something else"))
