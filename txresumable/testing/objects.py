"""
Object storage in memory that may respond ambiguously.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any, Generic, TypeVar

from attrs import field, frozen
from twisted.internet.defer import Deferred

from ..receiver.objects.interface import (
    Body,
    Conflict,
    Contended,
    Listing,
    Multipart,
    Part,
    Stat,
    StorageError,
    Unavailable,
)
from ..receiver.objects.metadata import check_metadata
from .bucket import Bucket

__all__ = ["FakeObjects", "StorageFault", "StorageForecast"]

_T = TypeVar("_T")


class StorageFault(enum.Enum):
    """What may happen to a request."""

    REFUSED = "503, and nothing is done"
    LOST = "it is carried out, and the response is lost"
    SLOW = "it takes long, perhaps longer than the deadline"
    LATE = "a write fails, and is carried out later"
    CONFLICT = "409 for a write with a condition, and nothing is done"
    ECHO = "a write with a condition is carried out, and met by itself: 412"
    STALE = "a listing of some time ago"
    CUT = "what is read ends too early"
    TRUNCATED = "an object that was put in parts lacks the last one, and all seems well"


_ANYWHERE = (StorageFault.REFUSED, StorageFault.LOST, StorageFault.SLOW)


def _weights() -> Mapping[StorageFault, float]:
    return {each: 0.0 if each is StorageFault.TRUNCATED else 1.0 for each in StorageFault}


@frozen(kw_only=True)
class StorageForecast:
    """
    What may be expected of the storage.

    :ivar latency: seconds from a request to its response, on average; what is under way at the
        same time is carried out in any order.
    :ivar rate: how likely a fault is, for each request.
    :ivar weights: how often each fault is the one; each 1 unless said, but ``TRUNCATED``, which
        no storage may do, 0.
    :ivar clears: from which second of the clock on there are no faults.
    :ivar stale: how many seconds old a listing may be.
    :ivar late: how many seconds after it failed a write may be carried out.
    """

    latency: float = 0.05
    rate: float = 0.0
    weights: Mapping[StorageFault, float] = field(factory=_weights)
    clears: float = float("inf")
    stale: float = 2.0
    late: float = 60.0


class FakeObjects:
    """
    A client of a :class:`~txresumable.testing.Bucket`: what a receiver is given as its object
    storage.  Each receiver has one of its own; they share the bucket.

    Nothing happens but when the bucket's clock advances.

    :param bucket: what it is a client of.
    :param seed: of delays and faults; the same seed and calls give the same.
    :param forecast: what may be expected.
    :param deadline: after how many seconds a request fails.
    :ivar quotes: whether ETags are compared in quotes; of no effect here.
    :ivar checks_sha256: whether the SHA-256 that goes with a body is compared with it.
    :ivar requests: how many there were, by method.
    """

    def __init__(
        self,
        bucket: Bucket,
        *,
        seed: int = 0,
        forecast: StorageForecast | None = None,
        deadline: float = 30.0,
    ) -> None:
        self.bucket = bucket
        self.quotes = True
        self.checks_sha256 = False
        self.requests: dict[str, int] = {}
        self._random = Random(seed)
        self._forecast = StorageForecast() if forecast is None else forecast
        self._deadline = deadline
        self._waiting: dict[_Request[Any], None] = {}  # in their order

    async def head(self, key: str) -> Stat | None:
        return await self._send("head", partial(self.bucket.head, key), self._fault())

    async def get(self, key: str) -> tuple[Stat, bytes] | None:
        return await self._send("get", partial(self.bucket.get, key), self._fault())

    async def read(self, key: str, start: int, end: int, write: Callable[[bytes], object]) -> None:
        fault = self._fault(StorageFault.CUT)
        content = await self._send("read", partial(self.bucket.part_of, key, start, end), fault)
        arrives = len(content)
        if fault is StorageFault.CUT:
            arrives = self._random.randint(0, arrives)
        piece = max(1, len(content) // self._random.randint(1, 4))
        for at in range(0, arrives, piece):
            write(content[at : min(at + piece, arrives)])
        if fault is StorageFault.CUT:
            raise Unavailable("the response was cut")

    async def put(
        self,
        key: str,
        body: Body,
        *,
        absent: bool = False,
        match: str | None = None,
        metadata: Mapping[str, str] | None = None,
        type: str = "",
        md5: bytes | None = None,
        sha256: str = "",
    ) -> Stat:
        if absent and match is not None:
            raise ValueError("absent and match exclude each other")
        check_metadata(metadata or {})
        act = partial(
            self.bucket.put,
            key,
            _joined(body),
            absent=absent,
            match=match,
            metadata=metadata,
            type=type,
            md5=md5,
            sha256=sha256 if self.checks_sha256 else "",
        )
        may = [StorageFault.LATE]
        if absent or match is not None:
            may += [StorageFault.CONFLICT, StorageFault.ECHO]
        return await self._send("put", act, self._fault(*may))

    async def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> Listing:
        fault = self._fault(StorageFault.STALE)
        ago = 0.0
        if fault is StorageFault.STALE:
            ago = self._random.uniform(0.0, self._forecast.stale)
        act = partial(self.bucket.list, prefix, after=after, limit=limit, ago=ago)
        return await self._send("list", act, fault)

    async def delete(self, key: str) -> None:
        fault = self._fault(StorageFault.LATE)
        await self._send("delete", partial(self.bucket.delete, key), fault)

    async def begin_multipart(
        self, key: str, *, metadata: Mapping[str, str] | None = None, type: str = ""
    ) -> str:
        check_metadata(metadata or {})
        act = partial(self.bucket.begin_multipart, key, metadata=metadata, type=type)
        return await self._send("begin_multipart", act, self._fault(StorageFault.LATE))

    async def put_part(
        self, key: str, multipart: str, number: int, body: Body, *, md5: bytes | None = None
    ) -> Part:
        act = partial(self.bucket.put_part, key, multipart, number, _joined(body), md5=md5)
        return await self._send("put_part", act, self._fault(StorageFault.LATE))

    async def copy_part(
        self, key: str, multipart: str, number: int, source: str, start: int, end: int
    ) -> Part:
        def act() -> Part:
            content = self.bucket.part_of(source, start, end)
            return self.bucket.put_part(key, multipart, number, content)

        return await self._send("copy_part", act, self._fault(StorageFault.LATE))

    async def complete_multipart(self, key: str, multipart: str, parts: Sequence[Part]) -> None:
        fault = self._fault(StorageFault.LATE, StorageFault.TRUNCATED)

        def act() -> None:
            self.bucket.complete_multipart(key, multipart, parts)
            if fault is StorageFault.TRUNCATED:
                self.bucket.truncate(key, len(self.bucket.objects[key].content) // 2)

        await self._send("complete_multipart", act, fault)

    async def abort_multipart(self, key: str, multipart: str) -> None:
        act = partial(self.bucket.abort_multipart, key, multipart)
        await self._send("abort_multipart", act, self._fault(StorageFault.LATE))

    async def list_multiparts(self, prefix: str, *, limit: int = 1000) -> Sequence[Multipart]:
        act = partial(self.bucket.list_multiparts, prefix, limit=limit)
        return await self._send("list_multiparts", act, self._fault())

    async def close(self) -> None:
        for request in list(self._waiting):
            request.response.cancel()

    def crash(self) -> None:
        """
        End as a process that is killed: nobody is notified any more, and what was under way may
        have been carried out, or may yet be.
        """
        for request in list(self._waiting):
            request.forget(arrives=self._random.random() < 0.5)

    def _fault(self, *may: StorageFault) -> StorageFault | None:
        forecast, random = self._forecast, self._random
        if random.random() >= forecast.rate or self.bucket.clock.seconds() >= forecast.clears:
            return None
        possible = [*_ANYWHERE, *may]
        weights = [forecast.weights.get(each, 0.0) for each in possible]
        return random.choices(possible, weights)[0] if any(weights) else None

    def _send(self, name: str, act: Callable[[], _T], fault: StorageFault | None) -> Deferred[_T]:
        self.requests[name] = self.requests.get(name, 0) + 1
        there, back, deadline = self._delay(), self._delay(), self._deadline
        if fault is StorageFault.SLOW:
            if self._random.random() < 0.5:
                there += self._random.uniform(0.0, 2 * deadline)
            else:
                back += self._random.uniform(0.0, 2 * deadline)
        elif fault is StorageFault.LATE:
            deadline = there
            there += self._random.uniform(0.0, self._forecast.late)
        reaches = self._random.random() < 0.5
        request: _Request[_T] = _Request(self.bucket.clock, act, fault, self._waiting, reaches)
        request.begin(there, back, deadline)
        return request.response

    def _delay(self) -> float:
        """For one way."""
        return self._random.uniform(0.0, self._forecast.latency)


class _Request(Generic[_T]):
    """
    A request that is under way.

    :param reaches: whether the storage carries it out although it was cancelled before.
    :ivar response: fires with what it returns.
    """

    def __init__(
        self,
        clock: Any,
        act: Callable[[], _T],
        fault: StorageFault | None,
        waiting: dict[_Request[Any], None],
        reaches: bool,
    ) -> None:
        self.response: Deferred[_T] = Deferred(lambda _: self.forget(arrives=reaches))
        self._clock = clock
        self._act = act
        self._fault = fault
        self._waiting = waiting
        self._calls: list[Any] = []
        self._arrival: Any = None

    def begin(self, there: float, back: float, deadline: float) -> None:
        """Have it carried out, responded to, and given up, after so many seconds."""
        self._waiting[self] = None
        self._arrival = self._clock.callLater(there, self._arrive, back)
        late = Unavailable("there was no response in time")
        self._calls.append(self._clock.callLater(deadline, self._respond, late))

    def forget(self, *, arrives: bool) -> None:
        """Notify nobody any more."""
        self._waiting.pop(self, None)
        if not arrives and self._arrival.active():
            self._arrival.cancel()
        for call in self._calls:
            if call.active():
                call.cancel()

    def _arrive(self, back: float) -> None:
        outcome = self._carry_out()
        if self in self._waiting:
            self._calls.append(self._clock.callLater(back, self._respond, outcome))

    def _carry_out(self) -> _T | StorageError:
        if self._fault is StorageFault.REFUSED:
            return Unavailable("503", retry_after=1.0)
        if self._fault is StorageFault.CONFLICT:
            return Contended("409")
        try:
            result = self._act()
        except StorageError as error:
            return error
        if self._fault is StorageFault.LOST:
            return Unavailable("the response was lost")
        return Conflict("412") if self._fault is StorageFault.ECHO else result

    def _respond(self, outcome: _T | StorageError) -> None:
        self.forget(arrives=True)
        if isinstance(outcome, StorageError):
            self.response.errback(outcome)
        else:
            self.response.callback(outcome)


def _joined(body: Body) -> bytes:
    return bytes(body) if isinstance(body, (bytes, bytearray, memoryview)) else b"".join(body)
