"""Tests for chunks in object storage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from hashlib import sha256
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.objects.chunks import Chunks
from txresumable.receiver.objects.interface import (
    Conflict,
    Forbidden,
    Missing,
    Rejected,
    StorageError,
    Unavailable,
)
from txresumable.receiver.objects.keys import Keys
from txresumable.testing import Bucket, FakeObjects, StorageForecast

KEY, OTHER = "ab" * 32, "cd" * 32
ID, LATER = "01" * 16, "02" * 16


class ScriptedObjects(FakeObjects):
    """
    Storage some of whose writes fail.

    :ivar failures: how the next writes fail; at the end they do not.
    :ivar puts: when something was put.
    :ivar most: how many deletions there were at once at most.
    """

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(bucket, forecast=StorageForecast(latency=0.01, stale=0.0))
        self.failures: list[StorageError] = []
        self.puts: list[float] = []
        self.lists: list[dict[str, Any]] = []
        self.most = self._deleting = 0
        self._now = bucket.clock.seconds

    async def put(self, key: str, body: Any, **given: Any) -> Any:
        self.puts.append(self._now())
        if self.failures:
            raise self.failures.pop(0)
        return await super().put(key, body, **given)

    async def list(self, prefix: str, **given: Any) -> Any:
        self.lists.append(given)
        return await super().list(prefix, **given)

    async def delete(self, key: str) -> None:
        self._deleting += 1
        self.most = max(self.most, self._deleting)
        try:
            await super().delete(key)
        finally:
            self._deleting -= 1


class ChunksTests(SynchronousTestCase):
    """Each is stored once."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.bucket = Bucket(self.clock)
        self.objects = ScriptedObjects(self.bucket)
        self.chunks = Chunks(self.objects, Keys("p"), self.clock)

    def do(self, work: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        doing = Deferred.fromCoroutine(work)
        self.clock.pump([0.01] * 2000)
        return doing

    def result(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.successResultOf(self.do(work))

    def store(self, offset: int, data: bytes = b"abc", digest: str = "d", **where: str) -> Any:
        key, id = where.get("key", KEY), where.get("id", ID)
        return self.do(self.chunks.store(key, id, offset, [data[:1], data[1:]], digest))

    def all(self, found: AsyncIterator[Any]) -> list[Any]:
        async def collected() -> list[Any]:
            return [each async for each in found]

        result: list[Any] = self.result(collected())
        return result

    def test_stored_once(self) -> None:
        """The first bytes stay, and whoever sends others is told their digest."""
        self.assertEqual(self.successResultOf(self.store(7)), "d")
        self.assertEqual(self.successResultOf(self.store(7, b"xyz", "e")), "d")
        name = f"p/u/c/{KEY}/{ID}/00000007"
        self.assertEqual(self.bucket.objects[name].content, b"abc")
        self.assertEqual(self.result(self.chunks.digest(KEY, ID, 7)), "d")
        self.assertIsNone(self.result(self.chunks.digest(KEY, ID, 8)))
        self.assertIsNone(self.result(self.chunks.digest(KEY, LATER, 7)))

    def test_damaged(self) -> None:
        """One that arrives changed is not stored, where the storage checks its digest."""
        self.objects.checks_sha256 = True
        self.failureResultOf(self.store(7, b"abc", sha256(b"abd").hexdigest()), Rejected)
        self.assertEqual(self.bucket.objects, {})
        digest = sha256(b"abc").hexdigest()
        self.assertEqual(self.successResultOf(self.store(7, b"abc", digest)), digest)

    def test_tried_again(self) -> None:
        """What fails for now is tried again, after pauses; and fails if that goes on."""
        for error in (Conflict("409"), Unavailable("503"), Rejected("400")):
            self.setUp()
            self.objects.failures = [error] * 2
            began = self.clock.seconds()
            self.assertEqual(self.successResultOf(self.store(1)), "d")
            pauses = [at - began for at in self.objects.puts]
            self.assertEqual(len(pauses), 3)
            self.assertTrue(0.0 == pauses[0] < pauses[1] < pauses[2], pauses)
            self.assertGreater(pauses[2] - pauses[1], pauses[1])
            self.assertLess(pauses[2], 1.3)
            self.objects.failures = [error] * 100
            self.assertIs(self.failureResultOf(self.store(2)).value, error)
            self.assertEqual(100 - len(self.objects.failures), 3)

    def test_not_tried_again(self) -> None:
        """What is refused for good is not."""
        self.objects.failures = [Forbidden("403")]
        self.failureResultOf(self.store(1), Forbidden)
        self.assertEqual(len(self.objects.puts), 1)

    def test_no_digest(self) -> None:
        """One that somebody else has put, without a digest, is there with none."""
        self.bucket.put(f"p/u/c/{KEY}/{ID}/00000003", b"other")
        self.assertEqual(self.successResultOf(self.store(3)), "")

    def test_read(self) -> None:
        """Some of its bytes are read, and none are if there are none to be."""
        self.store(0, b"abcdef")
        for start, end, expected in ((0, 6, b"abcdef"), (2, 3, b"c"), (2, 2, b"")):
            read = bytearray()
            self.result(self.chunks.read(KEY, ID, 0, start, end, read.extend))
            self.assertEqual(read, expected)
        self.result(self.chunks.read(KEY, ID, 1, 0, 0, bytearray().extend))
        self.failureResultOf(self.do(self.chunks.read(KEY, ID, 1, 0, 1, bytes)), Missing)

    def test_listed(self) -> None:
        """Those of one beginning are listed, however many, and removed, few at a time."""
        for offset in range(1100):
            self.bucket.put(f"p/u/c/{KEY}/{ID}/{offset:08d}", b"x")
        self.store(5, id=LATER)
        self.store(6, key=OTHER)
        self.assertEqual(self.all(self.chunks.listed(KEY, ID)), list(range(1100)))
        self.result(self.chunks.remove(KEY, ID))
        self.assertEqual(self.all(self.chunks.listed(KEY, ID)), [])
        self.assertEqual(self.all(self.chunks.listed(KEY, LATER)), [5])
        self.assertEqual(self.all(self.chunks.listed(OTHER, ID)), [6])
        self.assertEqual(self.objects.most, 8)

    def test_uploads(self) -> None:
        """Uploads that have chunks are found by one listing each, and what is none is not."""
        for key, id in ((KEY, ID), (KEY, LATER), (OTHER, ID)):
            for offset in (0, 99_999_999, 123_456_789):
                self.bucket.put(f"p/u/c/{key}/{id}/{offset:08d}", b"x")
        for name in ("a", f"{KEY}/readme", "zzz"):
            self.bucket.put(f"p/u/c/{name}", b"x")
        found = self.all(self.chunks.uploads())
        self.assertEqual(found, [(KEY, ID), (KEY, LATER), (OTHER, ID)])
        self.assertEqual([each["limit"] for each in self.objects.lists], [1] * 7)
