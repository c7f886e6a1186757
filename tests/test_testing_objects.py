"""Tests for object storage in memory."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.objects_rig import ObjectsTests
from txresumable.receiver.objects.interface import (
    Conflict,
    Objects,
    Rejected,
    Stat,
    StorageError,
    Unavailable,
)
from txresumable.testing import Bucket, FakeObjects, StorageFault, StorageForecast


class BucketTests(ObjectsTests, TestCase):
    """The bucket in memory does what object storage has to."""

    async def make_objects(self) -> Objects:
        return FakeObjects(Bucket(reactor), forecast=StorageForecast(latency=0.001))


def only(fault: StorageFault, **other: Any) -> StorageForecast:
    """Nothing but one fault."""
    return StorageForecast(rate=1.0, weights={fault: 1.0}, **other)


class FaultTests(SynchronousTestCase):
    """What may happen to requests."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.bucket = Bucket(self.clock)

    def client(self, fault: StorageFault | None = None, seed: int = 0) -> FakeObjects:
        forecast = StorageForecast() if fault is None else only(fault)
        return FakeObjects(self.bucket, seed=seed, forecast=forecast)

    def put(self, client: FakeObjects, **given: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(client.put("k", b"content", **given))

    def outcome(self, waiting: Deferred[Any], seconds: int = 100) -> Any:
        """What comes of it in time: a result, or an exception."""
        found: list[Any] = []
        waiting.addErrback(lambda failure: failure.value).addCallback(found.append)
        for _ in range(seconds):
            self.clock.advance(1)
        self.assertEqual(len(found), 1)
        return found[0]

    def test_takes_its_time(self) -> None:
        """Nothing is there before the storage's clock says so."""
        waiting = self.put(self.client())
        self.assertNoResult(waiting)
        self.assertEqual(self.bucket.objects, {})
        self.clock.pump([0.05] * 2)
        self.assertEqual(self.successResultOf(waiting).size, 7)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_refused(self) -> None:
        """A request that is refused does nothing."""
        self.assertIsInstance(
            self.outcome(self.put(self.client(StorageFault.REFUSED))), Unavailable
        )
        self.assertEqual(self.bucket.objects, {})

    def test_lost(self) -> None:
        """A response that is lost tells nothing of a write that was carried out."""
        self.assertIsInstance(self.outcome(self.put(self.client(StorageFault.LOST))), Unavailable)
        self.assertIn("k", self.bucket.objects)

    def test_late(self) -> None:
        """A write that failed may be carried out later."""
        waiting = self.put(self.client(StorageFault.LATE))
        self.assertIsInstance(self.outcome(waiting, 1), Unavailable)
        self.assertEqual(self.bucket.objects, {})
        self.clock.advance(60)
        self.assertIn("k", self.bucket.objects)

    def test_conflicts(self) -> None:
        """A condition may seem to be unmet: by a race, or by what the write itself has done."""
        client = self.client(StorageFault.CONFLICT)
        self.assertIsInstance(self.outcome(self.put(client, absent=True)), Conflict)
        self.assertEqual(self.bucket.objects, {})
        self.assertNotIsInstance(self.outcome(self.put(client)), StorageError)
        self.bucket.delete("k")
        client = self.client(StorageFault.ECHO)
        self.assertIsInstance(self.outcome(self.put(client, absent=True)), Conflict)
        self.assertIn("k", self.bucket.objects)

    def test_slow(self) -> None:
        """Nothing takes longer than the deadline, whether it is carried out or not."""
        seen = Counter()
        for seed in range(40):
            self.bucket.delete("k")
            outcome = self.outcome(self.put(self.client(StorageFault.SLOW, seed)), 31)
            seen[isinstance(outcome, Unavailable), "k" in self.bucket.objects] += 1
            self.clock.advance(60)
        self.assertEqual(set(seen), {(True, True), (True, False), (False, True)})

    def test_stale(self) -> None:
        """A listing may be of a while ago."""
        for key in ("a", "b"):
            self.bucket.put(key, b"1")
        self.clock.advance(10)
        self.bucket.put("a", b"2" * 9)
        self.bucket.put("c", b"3")
        self.bucket.delete("b")
        seen = set()
        for seed in range(20):
            client = self.client(StorageFault.STALE, seed)
            waiting = Deferred.fromCoroutine(client.list(""))
            self.clock.pump([0.03] * 4)
            seen.add(tuple((each.key, each.size) for each in self.successResultOf(waiting).objects))
            if self.clock.seconds() > 11:
                break
        self.assertEqual(seen, {(("a", 1), ("b", 1)), (("a", 9), ("c", 1))})

    def test_cut(self) -> None:
        """What is read may end too early."""
        self.bucket.put("k", bytes(1000))
        read: list[bytes] = []
        client = self.client(StorageFault.CUT)
        waiting = Deferred.fromCoroutine(client.read("k", 0, 1000, read.append))
        self.assertIsInstance(self.outcome(waiting), Unavailable)
        self.assertLess(len(b"".join(read)), 1000)

    def test_truncated(self) -> None:
        """If that is asked for, an object of parts lacks some, and all seems well."""
        bucket = self.bucket
        id = bucket.begin_multipart("k")
        part = bucket.put_part("k", id, 1, b"content")
        client = self.client(StorageFault.TRUNCATED)
        waiting = Deferred.fromCoroutine(client.complete_multipart("k", id, [part]))
        self.assertIsNone(self.outcome(waiting))
        self.assertLess(len(bucket.objects["k"].content), 7)
        self.assertEqual(StorageForecast().weights[StorageFault.TRUNCATED], 0)

    def test_clears(self) -> None:
        """Faults end when the forecast says so."""
        forecast = only(StorageFault.REFUSED, clears=50.0)
        client = FakeObjects(self.bucket, forecast=forecast)
        self.assertIsInstance(self.outcome(self.put(client), 50), Unavailable)
        self.assertNotIsInstance(self.outcome(self.put(client)), Exception)

    def test_same_seed(self) -> None:
        """The same seed gives the same."""

        def run() -> list[str]:
            self.setUp()
            client = FakeObjects(self.bucket, seed=7, forecast=StorageForecast(rate=0.5))
            return [repr(self.outcome(self.put(client, absent=True))) for _ in range(30)]

        self.assertEqual(run(), run())

    def test_cancelled(self) -> None:
        """What was cancelled may have been carried out, and fails at once."""
        seen = set()
        for seed in range(20):
            self.bucket.delete("k")
            waiting = self.put(self.client(seed=seed))
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
            self.clock.advance(1)
            seen.add("k" in self.bucket.objects)
        self.assertEqual(seen, {True, False})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_crash(self) -> None:
        """A process that ends notifies nobody, and its writes may arrive."""
        seen = set()
        for seed in range(20):
            self.bucket.delete("k")
            client = self.client(seed=seed)
            waiting = self.put(client)
            client.crash()
            self.clock.advance(100)
            self.assertNoResult(waiting)
            seen.add("k" in self.bucket.objects)
        self.assertEqual(seen, {True, False})

    def test_order(self) -> None:
        """What is under way ends in the order in which it was begun: each run is the same."""
        client, ended = self.client(), list[int]()
        for number in range(40):
            self.put(client).addErrback(lambda _, number=number: ended.append(number))
        self.successResultOf(Deferred.fromCoroutine(client.close()))
        self.assertEqual(ended, list(range(40)))

    def test_ignores(self) -> None:
        """A bad imitation of the semantics can be had as well."""
        ignored = frozenset({"If-None-Match", "If-Match", "Content-MD5"})
        bucket = Bucket(self.clock, ignores=ignored)
        for _ in range(2):
            bucket.put("k", b"1", absent=True)
            bucket.put("k", b"1", match="other", md5=b"wrong")
        with self.assertRaises(Rejected):
            Bucket(self.clock).put("k", b"1", md5=b"wrong")

    def test_sha256(self) -> None:
        """One that is wrong is refused, where they are checked."""
        right, wrong = (sha256(each).hexdigest() for each in (b"content", b"other"))
        client = self.client()
        self.assertIsInstance(self.outcome(self.put(client, sha256=wrong)), Stat)
        client.checks_sha256 = True
        self.assertIsInstance(self.outcome(self.put(client, sha256=wrong)), Rejected)
        self.assertIsInstance(self.outcome(self.put(client, sha256=right)), Stat)

    def test_whole_seconds(self) -> None:
        """The storage's clock is told in whole seconds."""
        self.clock.advance(1.7)
        stat = self.bucket.put("k", b"1")
        self.clock.advance(2.5)
        found = self.bucket.head("k")
        assert found is not None
        self.assertEqual((found.modified - stat.modified, found.now - stat.now), (0, 3))
        self.assertEqual(found.now % 1, 0)
