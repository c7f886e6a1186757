from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from txresumable.receiver import ObjectStore, ReceivedFile, Refused
from txresumable.receiver.objects.state import State
from txresumable.testing import FakeObjects, StorageForecast

from .object_store_rig import CONTENT, FleetTestCase

DAY = 86400.0


class SweepTests(FleetTestCase):
    """Any receiver does what is due for the uploads of all."""

    def test_expired(self) -> None:
        """What got nothing for long is forgotten: its chunks, and in the end its record."""
        one, two = self.open(expire=DAY), self.open(expire=DAY)
        self.wait(self.send(one, 1))
        self.clock.advance(DAY - 100)
        self.assertEqual(self.wait(two.sweep()), 0)
        self.clock.advance(200)
        self.assertEqual(self.wait(two.sweep()), 1)
        self.assertIs(self.record().state, State.DEAD)
        self.assertEqual(self.names("u/c/"), [])
        self.assertIsNone(self.wait(one.find("", self.chunk())))
        self.clock.advance(200)
        self.assertEqual(self.wait(two.sweep()), 0)
        self.clock.advance(200)
        self.assertEqual(self.wait(two.sweep()), 0)
        self.assertEqual(self.names(""), [])

    def test_renewed(self) -> None:
        """What gets a chunk now and then is not forgotten, however old it is."""
        store = self.open(expire=DAY)
        for number in (1, 2, 1, 2):
            self.wait(self.send(store, number))
            self.clock.advance(DAY * 0.7)
            self.assertEqual(self.wait(store.sweep()), 0)
        self.assertIsNotNone(self.wait(self.send(store, 3)))

    def test_whole(self) -> None:
        """What is whole does not expire, and is finished though its client is gone."""
        told: list[ReceivedFile] = []
        store = self.open(expire=DAY, on_complete=told.append)
        for number in (1, 2, 3):
            self.wait(self._store(store, number))
        self.assertEqual(told, [])
        self.clock.advance(2 * DAY)
        self.assertEqual(self.wait(store.sweep()), 0)
        self.assertEqual(self.bucket.objects[told[0].path].content, CONTENT)
        self.assertIs(self.record().state, State.DONE)

    async def _store(self, store, number) -> None:
        """Send a chunk, and do not finish."""
        chunk = self.chunk(number)
        start, end = chunk.layout.range(chunk.offset)
        with await store.begin("", chunk) as entry:
            sink = await entry.claim(chunk)
            sink.write(CONTENT[start:end])
            await sink.commit()

    def test_remembered(self) -> None:
        """That a file was received is forgotten later, and the file stays."""
        store = self.open(expire=DAY, remember=3 * DAY)
        file = self.send_all(store)
        self.clock.advance(2 * DAY)
        self.assertEqual(self.wait(store.sweep()), 0)
        self.clock.advance(2 * DAY)
        self.assertEqual(self.wait(store.sweep()), 1)
        self.assertEqual(self.names("files/"), [file.path])
        with self.wait(store.begin("", self.chunk())) as entry:
            self.assertFalse(entry.full)

    def test_leaving(self) -> None:
        """While a record is being removed the upload does not begin anew, and later it does."""
        one, two = self.open(), self.open()
        self.wait(self.send(one, 1))
        self.wait(one.abandon("", self.chunk()))
        self.clock.advance(400)
        swept = Deferred.fromCoroutine(_awaited(two.sweep()))
        while self.record().state is State.DEAD:
            self.step()
        self.assertIs(self.record().state, State.LEAVING)
        error = self.refused(self.open().begin("", self.chunk()))
        self.assertEqual((error.status, error.about), (503, "upload"))
        self.wait(swept)
        self.assertEqual(self.names(""), [])
        self.wait(one.begin("", self.chunk()))

    def test_leaving_takes_long(self) -> None:
        """A removal that has to wait for its turn is given up before the upload may begin anew."""
        clock = self.clock

        class Busy(FakeObjects):
            async def delete(self, key: str) -> None:
                await deferLater(clock, 400.0)
                await super().delete(key)

        one, two = self.open(), ObjectStore(Busy(self.bucket, deadline=600.0), reactor=clock)
        self.wait(self.send(one, 1))
        (record,) = self.names("u/r/")
        self.wait(one.abandon("", self.chunk()))
        self.clock.advance(400)
        swept = two.sweep()
        while self.record().state is not State.LEAVING:
            self.step()
        self.clock.pump([1.0] * 310)
        self.wait(self.send(one, 1))
        self.wait(swept)
        self.clock.pump([1.0] * 200)
        self.assertEqual(self.names("u/r/"), [record])
        self.assertIs(self.record().state, State.OPEN)
        self.wait(two.close())

    def test_orphans(self) -> None:
        """Chunks, and parts, of uploads that are not there any more are removed."""
        store = self.open()
        self.wait(self.send(store, 1))
        (name,) = self.names("u/c/")
        key = name.split("/")[2]
        self.bucket.put(f"u/c/{key}/{'0' * 32}/00000000", b"late")
        self.bucket.put(f"u/c/{'0' * 64}/{'0' * 32}/00000000", b"late")
        self.bucket.begin_multipart(f"files/{key}/{'0' * 32}/file.dat")
        self.bucket.begin_multipart("files/of/others")
        self.wait(store.sweep())
        self.assertEqual(self.names("u/c/"), [name])
        self.assertEqual(len(self.bucket.unfinished), 2)
        self.clock.advance(4000)
        self.wait(store.sweep())
        self.assertEqual([key for key, _ in self.bucket.unfinished], ["files/of/others"])

    def test_many(self) -> None:
        """However many there are, no more are kept in memory than a listing has."""
        asked: list[str] = []

        class Noting(FakeObjects):
            async def list(self, prefix: str, **given: Any) -> Any:
                asked.append(f"list {prefix[:4]}")
                return await super().list(prefix, **given)

            async def get(self, key: str) -> Any:
                asked.append(f"get {key[:4]}")
                return await super().get(key)

            async def delete(self, key: str) -> None:
                asked.append(f"delete {key[:4]}")
                await super().delete(key)

        for number in range(1001):
            self.bucket.put(f"u/r/{number:064d}", b"damaged")
            self.bucket.put(f"u/c/{'f' * 64}/{'0' * 32}/{number:08d}", b"orphan")
        for number in range(257):
            self.bucket.put(f"u/c/{number:064d}/{'0' * 32}/00000000", b"orphan")
        objects = Noting(self.bucket, forecast=StorageForecast(latency=0.0))
        store = ObjectStore(objects, reactor=self.clock)
        self.wait(store.sweep())
        pages = [at for at, each in enumerate(asked) if each == "list u/r/"]
        self.assertEqual((len(pages), asked[pages[0] + 1 : pages[1]]), (2, ["get u/r/"] * 1000))
        groups = asked[pages[1] + 2 :]
        self.assertEqual(groups[:257], ["list u/c/"] * 256 + ["get u/r/"])
        pages = [at for at, each in enumerate(asked) if each == "list u/c/"]
        self.assertEqual(asked[pages[-2] + 1 : pages[-1]], ["delete u/c/"] * 1000)
        self.assertEqual(len(self.names("u/c/")), 257)  # whose records are damaged
        self.wait(store.close())

    def test_counts(self) -> None:
        """What others have begun counts for the limits from then on, and no more when it ends."""
        one, two = self.open(), self.open(max_unfinished=1)
        self.wait(self.send(one, 1))
        other = self.chunk(identifier="other")
        self.wait(two.sweep())
        self.assertEqual(two.unfinished, 1)
        self.assertEqual(self.refused(two.begin("", other)).status, 507)
        self.wait(one.abandon("", self.chunk()))
        self.wait(two.sweep())
        self.wait(two.begin("", other))

    def test_one_that_fails(self) -> None:
        """One upload that cannot be seen to does not keep the others waiting."""
        store = self.open()
        for number in (1, 2, 3):
            self.wait(self._store(store, number))
        self.bucket.put("u/r/" + "0" * 64, b"damaged")
        self.bucket.put(f"u/c/{'0' * 64}/{'0' * 32}/00000000", b"its chunk")
        self.wait(store.sweep())
        self.assertEqual(len(self.names("files/")), 1)
        self.wait(store.sweep())
        self.assertEqual(len(self.names("u/c/")), 1)

    def test_rejected(self) -> None:
        """What is left of a file that was rejected is removed."""

        def reject(file: ReceivedFile) -> None:
            raise Refused(422, "no")

        store = self.open(on_complete=reject)
        for number in (1, 2):
            self.wait(self.send(store, number))
        self.refused(self.send(store, 3))
        (record,) = self.names("u/r/")
        name = f"files/{record[4:]}/{self.record().id}/file.dat"
        self.bucket.put(name, CONTENT)
        self.wait(store.sweep())
        self.assertEqual(self.names("files/"), [])
        self.assertIs(self.record().state, State.REJECTED)


async def _awaited(work):
    return await work
