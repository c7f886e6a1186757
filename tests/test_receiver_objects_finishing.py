"""Tests for the end of an upload in object storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver import ObjectStore, ReceivedFile, Refused
from txresumable.receiver.objects.assembly import Draft
from txresumable.receiver.objects.finishing import Finishing, Times
from txresumable.receiver.objects.interface import Stat, StorageError, Unavailable
from txresumable.receiver.objects.record import UploadRecord
from txresumable.receiver.objects.records import Known
from txresumable.receiver.objects.state import State
from txresumable.receiver.store.refused import FilesRemoved
from txresumable.receiver.store.rejection import Rejected, Rejection
from txresumable.testing import FakeObjects

from .object_store_rig import SIZES, FleetTestCase
from .test_receiver_objects_records import KEY, record


class Table:
    """
    Records in memory, a tenth of a second away.

    :ivar there: the record that is there.
    :ivar reads: how often it was read.
    :ivar before: called before each change is looked at.
    :ivar fails: how changes fail from now on.
    """

    def __init__(self, clock: Clock, there: UploadRecord, key: str = KEY) -> None:
        self.key = key
        self._clock = clock
        self.put(there)
        self.reads = 0
        self.before: Callable[[], object] = lambda: None
        self.fails: StorageError | None = None

    def put(self, record: UploadRecord | None) -> None:
        """Somebody else writes it, or removes it."""
        self.there, self.at = record, self._clock.seconds()

    def known(self) -> Known | None:
        if self.there is None:
            return None
        now = self._clock.seconds()
        stat = Stat(key="k", etag=self.there.nonce, size=1, modified=self.at, now=now)
        return Known(key=self.key, record=self.there, stat=stat)

    async def read(self, key: str) -> Known | None:
        self.reads += 1
        await deferLater(self._clock, 0.1)
        return self.known()

    async def write(self, key: str, record: UploadRecord, after: Known) -> Known | None:
        await deferLater(self._clock, 0.1)
        self.before()
        if self.fails is not None:
            raise self.fails
        if self.there is None or self.there.nonce != after.record.nonce:
            return None
        self.put(record)
        return self.known()

    async def change(self, known: Known, made: Callable[[UploadRecord], UploadRecord]) -> Any:
        return await self.write(known.key, made(known.record), known)


class Tables(dict[str, Table]):
    """Several records."""

    def __init__(self, tables: Iterable[Table]) -> None:
        super().__init__({table.key: table for table in tables})

    async def read(self, key: str) -> Known | None:
        return await self[key].read(key)

    async def write(self, key: str, record: UploadRecord, after: Known) -> Known | None:
        return await self[key].write(key, record, after)

    async def change(self, known: Known, made: Callable[[UploadRecord], UploadRecord]) -> Any:
        return await self[known.key].change(known, made)


class Maker:
    """
    Makes files, as an assembly does.

    :ivar did: what it did.
    :ivar lasts: how many seconds each step takes.
    :ivar fails: how it fails at which step.
    :ivar most: how many files it made at once at most.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.did: list[str] = []
        self.lasts = 0.0
        self.fails: dict[str, Exception] = {}
        self.in_memory = False
        self.most = self._making = 0

    def name_of(self, known: Known) -> str:
        return f"files/{known.record.id}"

    def needs_memory(self, known: Known) -> bool:
        return self.in_memory

    async def prepare(self, known: Known) -> Draft:
        self._making += 1
        self.most = max(self.most, self._making)
        try:
            await self._do("prepare")
        finally:
            self._making -= 1
        return Draft(name=self.name_of(known), size=35, sha256="ab")

    async def publish(self, draft: Draft) -> None:
        await self._do("publish")

    async def discard(self, draft: Draft) -> None:
        await self._do("discard")

    async def abort_stale(self, known: Known) -> None:
        await self._do("abort_stale")

    async def remove(self, known: Known) -> None:
        await self._do("remove")

    async def _do(self, what: str) -> None:
        self.did.append(what)
        if self.lasts:
            await deferLater(self._clock, self.lasts)
        if what in self.fails:
            raise self.fails[what]


class FinishingTests(SynchronousTestCase):
    """One receiver finishes an upload, and others wait for it."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.table = Table(self.clock, record())
        self.maker = Maker(self.clock)
        self.told: list[ReceivedFile] = []
        self.answers: list[Any] = []
        self.finishing = self.receiver()
        self.addCleanup(lambda: self.assertEqual(self.clock.getDelayedCalls(), []))

    def receiver(self, records: Any = None) -> Finishing:
        parts: Any = (records or self.table, self.maker, self)
        return Finishing(*parts, lambda name: f"s3://b/{name}", self.check, self.clock, Times())

    def check(self) -> None:
        """The store does not close."""

    async def notify(self, file: ReceivedFile) -> None:
        """Be on_complete."""
        self.told.append(file)
        if self.answers:
            raise self.answers.pop(0)

    def finish(self, seconds: float, *, id: str = "", patiently: bool = True) -> Deferred[Known]:
        """Finish it, and let time pass."""
        id = id or record_id(self.table)
        doing = Deferred.fromCoroutine(self.finishing.finish(KEY, id, patiently=patiently))
        self.pass_time(seconds)
        return doing

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([0.05] * int(seconds * 20))

    def another(self, by: str = "other", **changes: Any) -> None:
        """Another receiver begins to finish it, or goes on with that."""
        assert self.table.there is not None
        self.table.put(self.table.there.changed(State.FINISHING, by=by, **changes))

    def refused(self, doing: Deferred[Any]) -> tuple[int, int | None, str, str]:
        error = self.failureResultOf(doing, Refused).value
        return error.status, error.retry_after, error.about, error.reason

    def test_finished(self) -> None:
        """The file is made, told, and its end written down, with a line in the log."""
        logged = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        known = self.successResultOf(self.finish(2.0))
        self.assertEqual((known.record.state, known.record.sha256), (State.DONE, "ab"))
        self.assertEqual(self.maker.did, ["prepare", "publish"])
        ((location, id),) = [(file.location, file.id) for file in self.told]
        self.assertEqual((location, id), (f"s3://b/files/{known.record.id}", known.record.id))
        self.assertIn("received file.dat (35 bytes)", [formatEvent(each) for each in logged])
        self.assertEqual(self.successResultOf(self.finish(2.0)).record, known.record)
        self.assertEqual(len(self.told), 1)

    def test_gone(self) -> None:
        """What is not there any more, or has begun anew, is not finished."""
        id = record_id(self.table)
        assert self.table.there is not None
        dead = self.table.there.changed(State.DEAD)
        for there in (None, dead, record()):
            self.table.put(there)
            self.failureResultOf(self.finish(2.0, id=id), FilesRemoved)
        self.assertEqual(self.maker.did, [])

    def test_rejected_before(self) -> None:
        """What was rejected stays so."""
        self.another()
        assert self.table.there is not None
        no = Rejection(422, "no dogs")
        self.table.put(self.table.there.changed(State.REJECTED, rejection=no))
        self.assertEqual(self.failureResultOf(self.finish(2.0), Rejected).value.status, 422)

    def test_rejected(self) -> None:
        """What is rejected now is removed, and that it was is written down."""
        for status in (422, 499):
            self.setUp()
            self.answers.append(Refused(status, "no dogs"))
            self.maker.fails["remove"] = Unavailable("503")
            error = self.failureResultOf(self.finish(2.0), Rejected).value
            self.assertEqual((error.status, error.reason), (status, "no dogs"))
            assert self.table.there is not None
            self.assertEqual(self.table.there.state, State.REJECTED)
            self.assertEqual(self.table.there.rejection, Rejection(status, "no dogs"))
            self.assertEqual(self.maker.did, ["prepare", "publish", "remove"])

    def test_not_now(self) -> None:
        """What on_complete wants later is given back, and told again."""
        self.answers.append(Refused(500, "later", 30))
        self.assertEqual(self.refused(self.finish(2.0)), (500, 30, "", "later"))
        assert self.table.there is not None
        self.assertEqual((self.table.there.state, self.table.there.by), (State.OPEN, ""))
        self.successResultOf(self.finish(2.0))
        self.assertEqual(len({file.id for file in self.told}), 1)
        self.assertEqual(len(self.told), 2)
        self.assertNotIn("abort_stale", self.maker.did)

    def test_another_finishes(self) -> None:
        """While another receiver does it a request is held for twenty seconds, and then refused."""
        self.another()
        doing = self.finish(19.9)
        self.assertNoResult(doing)
        self.assertIn(self.table.reads, range(17, 21))
        self.pass_time(1.5)
        shown = (503, 2, "upload", "another receiver finishes this file")
        self.assertEqual(self.refused(doing), shown)
        self.assertEqual(self.maker.did, [])
        self.assertEqual(self.refused(self.finish(0.3, patiently=False)), shown)
        # A request waits unless it is said otherwise.
        self.another()
        doing = Deferred.fromCoroutine(self.finishing.finish(KEY, record_id(self.table)))
        self.pass_time(15.0)
        self.assertNoResult(doing)
        self.pass_time(7.0)
        self.assertEqual(self.refused(doing), shown)

    def test_another_has_finished(self) -> None:
        """It is notified soon after the other one has finished."""
        self.another()
        doing = self.finish(5.0)
        assert self.table.there is not None
        self.table.put(self.table.there.changed(State.DONE, sha256="cd"))
        self.pass_time(1.5)
        self.assertEqual(self.successResultOf(doing).record.sha256, "cd")
        self.assertEqual(self.told, [])

    def test_another_has_given_up(self) -> None:
        """What the other one gives back is finished here, and what it has begun is kept."""
        self.another()
        doing = self.finish(5.0)
        assert self.table.there is not None
        self.table.put(self.table.there.changed(State.OPEN, by=""))
        self.pass_time(2.5)
        self.successResultOf(doing)
        self.assertEqual(self.maker.did, ["prepare", "publish"])

    def test_removed_meanwhile(self) -> None:
        """What is gone meanwhile is not waited for."""
        for there in (None, record()):
            self.setUp()
            self.another()
            doing = self.finish(5.0)
            self.table.put(there)
            self.pass_time(1.5)
            self.failureResultOf(doing, FilesRemoved)

    def test_taken_over(self) -> None:
        """After thirty seconds without a sign of life another one does it."""
        self.another()
        self.table.at -= 12
        doing = self.finish(17.0)
        self.assertEqual(self.maker.did, [])
        self.pass_time(3.0)
        self.assertEqual(self.successResultOf(doing).record.state, State.DONE)
        self.assertEqual(self.maker.did, ["abort_stale", "prepare", "publish"])

    def test_times(self) -> None:
        """The seconds are those that the pages say."""
        self.assertEqual(Times(), Times(lease=30.0, patience=20.0, settled=300.0))

    def test_alive(self) -> None:
        """With one it does not."""
        self.another()
        self.table.at -= 12
        doing = self.finish(10.0)
        self.another()
        self.pass_time(12.0)
        self.assertEqual(self.refused(doing)[0], 503)
        self.assertEqual(self.maker.did, [])

    def test_several(self) -> None:
        """Of those that always come too late each gives up, after eight times."""
        tries = []

        def change() -> None:
            tries.append(self.clock.seconds())
            assert self.table.there is not None
            self.table.there = evolve(self.table.there, nonce=f"{len(tries)}")

        self.table.before = change
        shown = (503, 2, "upload", "several receivers finish this file")
        self.assertEqual(self.refused(self.finish(10.0)), shown)
        self.assertEqual(len(tries), 8)

    def test_lost(self) -> None:
        """Whoever has lost it meanwhile waits for the other one."""
        self.maker.lasts = 25.0
        doing = self.finish(9.0)
        self.another("another")
        self.pass_time(3.0)
        self.assertNoResult(doing)
        assert self.table.there is not None
        self.table.put(self.table.there.changed(State.DONE, sha256="cd"))
        self.pass_time(2.0)
        self.assertEqual(self.successResultOf(doing).record.sha256, "cd")
        self.assertEqual((self.maker.did, self.told), (["prepare"], []))

    def test_lost_at_its_end(self) -> None:
        """A file that is made by then is discarded, and not published."""
        self.maker.lasts = 5.0
        doing = self.finish(4.0)
        self.another("another")
        self.pass_time(7.0)
        self.assertEqual(self.maker.did, ["prepare", "discard"])
        self.pass_time(15.0)
        self.assertEqual(self.refused(doing)[0], 503)

    def test_fails(self) -> None:
        """What cannot be made is given back at once, and refused for now."""
        for step, did in (
            ("prepare", ["prepare"]),
            ("publish", ["prepare", "publish", "discard"]),
        ):
            self.setUp()
            self.maker.fails[step] = Unavailable("503")
            self.assertEqual(self.refused(self.finish(2.0))[0], 503)
            assert self.table.there is not None
            self.assertEqual((self.table.there.state, self.table.there.by), (State.OPEN, ""))
            self.assertEqual((self.maker.did, self.told), (did, []))

    def test_cannot_give_back(self) -> None:
        """That it cannot be given back hides nothing, and is not waited for long."""
        self.maker.fails["prepare"] = Unavailable("the first")
        self.maker.lasts = 1.0
        doing = self.finish(0.5)
        self.table.fails = Unavailable("the second")
        self.pass_time(2.0)
        self.assertEqual(self.refused(doing)[0], 503)
        self.assertEqual(len(self.flushLoggedErrors()), 0)
        self.setUp()
        self.maker.fails["prepare"] = Unavailable("the first")
        self.maker.lasts = 1.0
        doing = self.finish(0.5)

        async def for_ever(*_: Any) -> None:
            await Deferred()

        self.table.write = for_ever  # type: ignore[assignment,method-assign]
        self.pass_time(10.4)
        self.assertNoResult(doing)
        self.pass_time(0.8)
        self.assertEqual(self.refused(doing)[0], 503)

    def test_room(self) -> None:
        """Four at once are made in memory; any number, if the storage makes them."""
        for in_memory, most in ((True, 4), (False, 6)):
            self.setUp()
            self.maker.in_memory, self.maker.lasts = in_memory, 2.0
            tables = Tables(Table(self.clock, record(), f"{number}") for number in range(6))
            finishing = self.receiver(tables)
            doing = [
                Deferred.fromCoroutine(finishing.finish(key, record_id(table)))
                for key, table in tables.items()
            ]
            self.pass_time(20.0)
            self.assertEqual(self.maker.most, most)
            for each in doing:
                self.assertEqual(self.successResultOf(each).record.state, State.DONE)


def record_id(table: Table) -> str:
    assert table.there is not None
    return table.there.id


class Lasting(FakeObjects):
    """A client of the bucket that takes for ever to remove a file."""

    async def delete(self, key: str) -> None:
        if key.startswith("files/"):
            await Deferred()
        await super().delete(key)


class RejectedTests(FleetTestCase):
    """What the application does not want stays rejected."""

    def test_closed_meanwhile(self) -> None:
        """A store that closes while it removes the file leaves that to the sweep of another."""

        def reject(file: ReceivedFile) -> None:
            raise Refused(422, "no dogs")

        one = ObjectStore(
            Lasting(self.bucket), reactor=self.clock, _sizes=SIZES, on_complete=reject
        )
        two = self.open()
        for number in (1, 2):
            self.wait(self.send(one, number))
        sending = self.ended(self.send(one, 3), 5.0)
        self.assertNoResult(sending)
        self.assertEqual(len(self.names("files/")), 1)
        self.wait(one.close())
        self.failureResultOf(sending, Refused)
        self.assertIs(self.record().state, State.REJECTED)
        self.wait(two.sweep())
        self.assertEqual(self.names("files/"), [])
