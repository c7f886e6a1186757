"""
A store of uploads over object storage in memory.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import Chunk, ObjectStore, ReceivedFile, Refused
from txresumable.receiver.objects.parts import PartSizes
from txresumable.receiver.objects.record import UploadRecord
from txresumable.testing import Bucket, FakeObjects, StorageForecast

_T = TypeVar("_T")
CONTENT = bytes(range(65, 100))  # 35 bytes: three chunks of 10, 10 and 15
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
    objects.checks_sha256 = True
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


class FleetTestCase(SynchronousTestCase):
    """
    Receivers over one bucket, in simulated time.

    :ivar bucket: the bucket.
    :ivar clock: its clock, and theirs.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.bucket = Bucket(self.clock, least_part=SIZES.least)

    def open(self, **options: Any) -> ObjectStore:
        """One more receiver."""
        store = open_store(self.bucket, **options)
        self.addCleanup(lambda: self.wait(store.close()))
        return store

    def wait(self, work: Awaitable[_T], longest: float = 3600.0) -> _T:
        """What something results in, however long it takes."""
        return self.successResultOf(self.ended(work, longest))

    def refused(self, work: Awaitable[Any]) -> Refused:
        """How something is refused."""
        error = self.failureResultOf(self.ended(work, 3600.0), Refused).value
        assert isinstance(error, Refused)
        return error

    def ended(self, work: Awaitable[_T], longest: float) -> Deferred[_T]:
        """Something, once it has ended."""

        async def awaited() -> _T:
            return await work

        doing = Deferred.fromCoroutine(awaited())
        until = self.clock.seconds() + longest
        while not doing.called and self.clock.calls and self.clock.seconds() < until:
            self.step()
        return doing

    def step(self) -> None:
        """Let the next thing happen."""
        self.clock.advance(max(0.0, self.clock.calls[0].getTime() - self.clock.seconds()))

    def chunk(self, number: int = 1, content: bytes = CONTENT, **other: Any) -> Chunk:
        """A chunk of a file in chunks of ten bytes."""
        chunk = Chunk(
            identifier="id",
            offset=number - 1,
            layout=ChunkLayout(len(content), 10),
            file_name="file.dat",
        )
        return evolve(chunk, **other)

    async def send(
        self, store: ObjectStore, number: int, content: bytes = CONTENT, **other: Any
    ) -> ReceivedFile | None:
        """Send a chunk, and return what a response says: the file, if it is complete."""
        chunk = self.chunk(number, content, **other)
        start, end = chunk.layout.range(chunk.offset)
        with await store.begin("", chunk) as entry:
            sink = await entry.claim(chunk)
            try:
                sink.write(content[start:end])
                await sink.commit()
            finally:
                sink.abandon()
            return await entry.finish() if entry.full else None

    def send_all(self, store: ObjectStore, content: bytes = CONTENT) -> ReceivedFile:
        """Send a file."""
        file = None
        for number in range(1, ChunkLayout(len(content), 10).count + 1):
            file = self.wait(self.send(store, number, content))
        assert file is not None
        return file

    def record(self) -> UploadRecord:
        """What the only record says."""
        (name,) = self.names("u/r/")
        return UploadRecord.decode(self.bucket.objects[name].content)

    def names(self, prefix: str) -> list[str]:
        """The objects with a prefix."""
        return sorted(name for name in self.bucket.objects if name.startswith(prefix))
