"""Tests for the start-up self-test of object storage."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.objects.interface import (
    Conflict,
    Contended,
    Forbidden,
    Listing,
    Part,
    Rejected,
    Unavailable,
)
from txresumable.receiver.objects.probe import Unfit, probe
from txresumable.testing import Bucket, FakeObjects, StorageFault, StorageForecast


class ProbeTests(SynchronousTestCase):
    """What storage is asked, and what is left of it."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.bucket = Bucket(self.clock)
        self.bucket.put("uploads/k", b"1")

    def run_probe(self, objects: FakeObjects) -> Deferred[None]:
        probing = Deferred.fromCoroutine(probe(objects, "uploads/"))
        for _ in range(200):
            self.clock.advance(0.1)
        return probing

    def found(self, **changed: Any) -> str:
        """What is found wrong with something that is otherwise right."""
        kind = type("Changed", (FakeObjects,), changed)
        failure = self.failureResultOf(self.run_probe(kind(self.bucket)), Unfit)
        self.assertEqual((list(self.bucket.objects), self.bucket.unfinished), (["uploads/k"], []))
        return failure.value.reason

    def test_fit(self) -> None:
        """Storage that does all of it passes, and nothing is left there."""
        objects = FakeObjects(self.bucket)
        self.assertIsNone(self.successResultOf(self.run_probe(objects)))
        self.assertEqual((list(self.bucket.objects), self.bucket.unfinished), (["uploads/k"], []))
        self.assertTrue(objects.quotes)

    def test_ignored(self) -> None:
        """Storage that ignores something is refused, with a sentence that says what."""
        for name in ("If-None-Match", "If-Match", "Content-MD5"):
            self.bucket.ignores = frozenset({name})
            self.assertIn(f"ignores {name}:", self.found())

    def test_late(self) -> None:
        """Storage is fit that does not list yet what was put, but lists it another time."""

        class Late(FakeObjects):
            listings = 0

            async def list(self, prefix: str, **given: Any) -> Listing:
                self.listings += 1
                found = await super().list(prefix, **given)
                return found if self.listings > 2 else Listing(objects=[])

        objects = Late(self.bucket)
        self.assertIsNone(self.successResultOf(self.run_probe(objects)))
        self.assertEqual((list(self.bucket.objects), self.bucket.unfinished), (["uploads/k"], []))

    def test_quotes(self) -> None:
        """Where ETags are only compared without quotes, they are from now on."""

        class Unquoted(FakeObjects):
            async def put(self, key: str, body: Any, **given: Any) -> Any:
                if given.get("match") is not None and self.quotes:
                    raise Conflict("it is another")
                return await super().put(key, body, **given)

        objects = Unquoted(self.bucket)
        self.assertIsNone(self.successResultOf(self.run_probe(objects)))
        self.assertFalse(objects.quotes)

    def test_sha256(self) -> None:
        """A SHA-256 goes with bodies only where wrong ones, and no others, are refused."""
        objects = FakeObjects(self.bucket)
        self.assertFalse(objects.checks_sha256)
        self.assertIsNone(self.successResultOf(self.run_probe(objects)))
        self.assertTrue(objects.checks_sha256)
        self.bucket.ignores = frozenset({"x-amz-checksum-sha256"})
        self.assertIsNone(self.successResultOf(self.run_probe(objects)))
        self.assertFalse(objects.checks_sha256)

    def test_sha256_unknown(self) -> None:
        """Nor where no field of that name is taken; a storage that fails meanwhile says nothing."""
        for error, fits in (
            (Rejected("501", "NotImplemented"), True),
            (Forbidden("403 SignatureDoesNotMatch"), True),
            (Unavailable("503"), False),
        ):

            class Older(FakeObjects):
                async def put(self, key: str, body: Any, **given: Any) -> Any:
                    if "sha256" in given:
                        raise error  # noqa: B023
                    return await super().put(key, body, **given)

            objects = Older(self.bucket)
            probing = self.run_probe(objects)
            if fits:
                self.assertIsNone(self.successResultOf(probing))
            else:
                self.failureResultOf(probing, Unavailable)
            self.assertFalse(objects.checks_sha256)

    def test_contended(self) -> None:
        """That another write is under way (409) says nothing: it is tried again."""

        class Busy(FakeObjects):
            times = left = 3

            async def put(self, key: str, body: Any, **given: Any) -> Any:
                if (given.get("absent") or given.get("match")) and self.left:
                    self.left -= 1
                    raise Contended("409")
                self.left = self.times
                return await super().put(key, body, **given)

        objects = Busy(self.bucket)
        self.assertIsNone(self.successResultOf(self.run_probe(objects)))
        self.assertTrue(objects.quotes)
        objects.left = 100
        self.failureResultOf(self.run_probe(objects), Unavailable)
        self.bucket.ignores = frozenset({"If-Match"})
        failure = self.failureResultOf(self.run_probe(Busy(self.bucket)), Unfit)
        self.assertIn("ignores If-Match:", failure.value.reason)

    def test_wrong(self) -> None:
        """So is storage that does not show what was put."""

        async def never(self: FakeObjects, key: str, body: Any, **given: Any) -> Any:
            if given.get("match") is not None:
                raise Conflict("it is another")
            return await FakeObjects.put(self, key, body, **given)

        async def empty(self: FakeObjects, prefix: str) -> Listing:
            return Listing(objects=[])

        async def nothing(self: FakeObjects, key: str) -> None:
            return None

        async def bare(self: FakeObjects, key: str) -> Any:
            stat = self.bucket.head(key)
            if stat is None:
                return None
            return Bucket(self.bucket.clock).put(key, b"1")

        async def anything(self: FakeObjects, key: str) -> Any:
            return self.bucket.get("uploads/k")

        async def anywhere(self: FakeObjects, key: str) -> Any:
            return self.bucket.head("uploads/k")

        async def sizeless(self: FakeObjects, key: str) -> Any:
            stat = self.bucket.head(key)
            return stat and evolve(stat, size=0)

        async def lost(self: FakeObjects, key: str, id: str, parts: list[Part]) -> None:
            self.bucket.abort_multipart(key, id)

        self.assertIn("If-Match the ETag", self.found(put=never))
        self.assertIn("list", self.found(list=empty))
        self.assertIn("return", self.found(get=nothing))
        self.assertIn("metadata", self.found(head=bare))
        self.assertIn("size", self.found(head=sizeless))
        self.assertIn("never put", self.found(get=anything))
        self.assertIn("never put", self.found(head=anywhere))
        self.assertIn("parts", self.found(complete_multipart=lost))

    def test_unavailable(self) -> None:
        """What cannot be found out now is not held against it."""
        forecast = StorageForecast(rate=1.0, weights={StorageFault.REFUSED: 1.0})
        probing = self.run_probe(FakeObjects(self.bucket, forecast=forecast))
        self.failureResultOf(probing, Unavailable)
