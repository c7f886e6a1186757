"""
A store of uploads over object storage in memory.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.task import Clock

from txresumable.receiver import ReceivedFile
from txresumable.receiver.objects.parts import PartSizes
from txresumable.receiver.objects.store import ObjectStore
from txresumable.testing import Bucket, FakeObjects, StorageForecast

SIZES = PartSizes(least=8, usual=12, most=10_000)


class HurriedClock(Clock):
    """A clock whose time goes by as soon as nothing else happens."""

    _is_pumping = False

    def callLater(self, when: float, what: Any, *a: Any, **kw: Any) -> Any:
        call = super().callLater(when, what, *a, **kw)
        if not self._is_pumping:
            self._is_pumping = True
            reactor.callLater(0, self._pump)
        return call

    def _pump(self) -> None:
        if not self.calls:
            self._is_pumping = False
            return
        reactor.callLater(0, self._pump)
        self.advance(max(0.0, self.calls[0].getTime() - self.seconds()))


def open_store(
    bucket: Bucket, *, seed: int = 0, forecast: Any = None, **options: Any
) -> ObjectStore:
    """A receiver's store over a bucket, with parts of a few bytes."""
    objects = FakeObjects(bucket, seed=seed, forecast=forecast or StorageForecast())
    return ObjectStore(objects, reactor=bucket.clock, _sizes=SIZES, **options)


def new_bucket() -> Bucket:
    """An empty one, with a clock that goes by itself."""
    return Bucket(HurriedClock(), least_part=SIZES.least)


class InBucket:
    """Tests of a store that is over a bucket."""

    def setUp(self) -> Any:
        self.bucket = new_bucket()
        return super().setUp()

    async def make_store(self) -> ObjectStore:
        return open_store(self.bucket)

    async def content_of(self, file: ReceivedFile) -> bytes:
        return self.bucket.objects[file.path].content
