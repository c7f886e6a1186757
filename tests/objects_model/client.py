"""
Who sends a file.
"""

from __future__ import annotations

from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING, Any

from attrs import evolve
from twisted.internet.defer import Deferred, TimeoutError, gatherResults
from twisted.internet.error import ConnectionLost
from twisted.internet.task import deferLater

from txresumable.receiver import Chunk, ReceivedFile, Refused
from txresumable.receiver.objects.store import ObjectStore
from txresumable.receiver.store.names import key_of

from .plan import ClientPlan

if TYPE_CHECKING:
    from .world import World

__all__ = ["Client"]

_PATIENCE = 120.0


class _Ended(Exception):
    """It gives up, for a reason that is right."""


class Client:
    """
    Sends the chunks of a file to any receiver, until each was acknowledged, and judges the
    responses by what is in the bucket.

    :ivar end: how it ended.
    """

    def __init__(self, world: World, number: int, plan: ClientPlan, random: Random) -> None:
        self.plan = plan
        self.end = ""
        self._world = world
        self._number = number
        self._random = random
        layout = plan.file.layout
        self.chunk = Chunk(
            identifier=plan.file.identifier, offset=0, layout=layout, file_name="a file.dat"
        )
        self.key = key_of("", plan.file.identifier, layout)
        self._acknowledged: dict[int, set[str]] = {}
        self._is_complete = False
        self._abandons = plan.abandons

    async def run(self) -> None:
        """Send all of it."""
        try:
            await deferLater(self._world.clock, self.plan.at)
            while not (self._is_complete and self._all_acknowledged()):
                await self._send_all()
                self._judge_acknowledged()
            self.end = "complete"
        except _Ended as error:
            self.end = str(error)
        self._say(f"ends: {self.end}")

    # Sending.

    async def _send_all(self) -> None:
        offsets = [o for o in range(self.plan.file.layout.count) if o not in self._acknowledged]
        offsets += [o for o in offsets if self._random.random() < 0.1]
        if not offsets:
            offsets = [self._random.randrange(self.plan.file.layout.count)]
        self._random.shuffle(offsets)
        left = iter(offsets)
        ended: list[_Ended] = []

        async def send_some() -> None:
            for offset in left:
                if ended:
                    return
                try:
                    await self._send(offset)
                except _Ended as error:
                    ended.append(error)

        sending = [Deferred.fromCoroutine(send_some()) for _ in range(self.plan.breadth)]
        await gatherResults(sending)
        if ended:
            raise ended[0]

    async def _send(self, offset: int) -> None:
        while True:
            if self._abandons is not None and len(self._acknowledged) >= self._abandons:
                self._abandons = None
                await self._abandon()
            started = self._world.clock.seconds()
            try:
                response = await self._request(offset)
            except (ConnectionLost, TimeoutError) as error:
                self._say(f"{offset}: {type(error).__name__}")
                await deferLater(self._world.clock, self._random.random() * 3)
            except Refused as error:
                self._say(f"{offset}: {error.status} {error}")
                self._refused(error, offset, started)
                await deferLater(
                    self._world.clock, (error.retry_after or 1) + self._random.random()
                )
            else:
                self._say(f"{offset}: {(response and (response.id, response.path)) or 'stored'}")
                self._respond(offset, started, response)
                await deferLater(self._world.clock, self._random.random() * self.plan.pace)
                return

    async def _request(self, offset: int) -> ReceivedFile | None:
        start, end = self.plan.file.layout.range(offset)
        data = self.plan.content[start:end]
        chunk = evolve(
            self.chunk,
            offset=offset,
            checksum=sha256(data).hexdigest() if self.plan.digests else "",
        )

        async def test(store: ObjectStore) -> tuple[bool, ReceivedFile | None]:
            entry = await store.find("", chunk)
            if entry is None:
                return False, None
            with entry:
                if not await entry.holds(chunk):
                    return False, None
                return True, await entry.finish() if entry.full else None

        async def upload(store: ObjectStore) -> ReceivedFile | None:
            with await store.begin("", chunk) as entry:
                sink = await entry.claim(chunk)
                try:
                    for piece in (data[:2], data[2:]):
                        held = sink.write(piece)
                        if held is not None:
                            await held
                        if self._random.random() < 0.1:
                            await deferLater(self._world.clock, self._random.random() * 5)
                    await sink.commit()
                finally:
                    sink.abandon()
                return await entry.finish() if entry.full else None

        if self.plan.tests:
            found, file = await self._ask(test)
            if found:
                return file
        return await self._ask(upload)

    async def _abandon(self) -> None:
        self._say("abandons")
        while True:
            try:
                await self._ask(lambda store: store.abandon("", self.chunk))
            except (ConnectionLost, TimeoutError):
                await deferLater(self._world.clock, 1.0)
            except Refused as error:
                if error.status == 409:
                    return
                await deferLater(self._world.clock, 1.0)
            else:
                self._say("has abandoned")
                self._acknowledged.clear()
                self._is_complete = False
                return

    async def _ask(self, request: Any) -> Any:
        life = await self._world.any_receiver(self._random)
        return await life.serve(request).addTimeout(_PATIENCE, self._world.clock)

    # Judging.

    def _respond(self, offset: int, started: float, file: ReceivedFile | None) -> None:
        start, end = self.plan.file.layout.range(offset)
        data, bucket = self.plan.content[start:end], self._world.bucket
        ids = {record.id for record in bucket.during(self.key, started)}
        # A test without a digest says only that the chunk is there.
        named = {id for id in ids if bucket.chunks.get((self.key, id, offset)) == data}
        if not named and self.plan.tests and not self.plan.digests:
            others = {id for id in ids if (self.key, id, offset) in bucket.chunks}
            if others:
                raise _Ended("somebody sent other bytes")
        if not named:
            self._wrong(f"chunk {offset} was acknowledged, and is not there: {ids}")
        self._acknowledged[offset] = named
        if file is None:
            return
        self._is_complete = True
        found = bucket.objects.get(file.path)
        whole = bucket.whole(self.key, file.id)
        record = bucket.record(self.key)
        if found is None and record is not None and record.id == file.id:
            self._wrong(f"{file.path} is complete, and not there")
        if found is not None and found.content != whole:
            self._wrong(f"{file.path} has other bytes")
        if file.sha256 != sha256(whole).hexdigest() or file.size != len(whole):
            self._wrong(f"{file.path} was told with another digest")
        if file.id not in self._world.told:
            self._wrong(f"{file.id} is complete, and nobody was told")

    def _all_acknowledged(self) -> bool:
        return len(self._acknowledged) == self.plan.file.layout.count

    def _judge_acknowledged(self) -> None:
        """When all are acknowledged, and belong to one upload, one of them said so."""
        if not self._all_acknowledged():
            return
        common = set.intersection(*self._acknowledged.values())
        record = self._world.bucket.record(self.key)
        current = set() if record is None or record.is_gone else {record.id}
        if common & current:
            if not self._is_complete:
                self._wrong("all chunks are acknowledged, and none with the end")
            if self._world.bucket.whole(self.key, record.id) != self.plan.content:
                self._wrong("all chunks are acknowledged, and the file has others")
            return
        # It was abandoned meanwhile, or expired.
        self._is_complete = False
        for offset, ids in list(self._acknowledged.items()):
            if not ids & current:
                del self._acknowledged[offset]

    def _refused(self, error: Refused, offset: int, started: float) -> None:
        records = self._world.bucket.during(self.key, started)
        if error.status == 409:
            start, end = self.plan.file.layout.range(offset)
            data, bucket = self.plan.content[start:end], self._world.bucket
            stored = [bucket.chunks.get((self.key, record.id, offset), data) for record in records]
            if all(each == data for each in stored):
                self._wrong(f"chunk {offset} was refused, and nobody sent another")
            raise _Ended("somebody sent other bytes")
        if error.status == 422:
            if not self.plan.file.is_rejected:
                self._wrong("it was rejected")
            raise _Ended("rejected")
        if error.status == 500:
            if not any(record.is_gone for record in records) and len(records) < 2:
                self._wrong(f"500 without a reason: {error}")
            return
        if error.status != 503:
            self._wrong(f"refused: {error.status} {error}")
            raise _Ended("refused")

    def _wrong(self, what: str) -> None:
        self._say(f"WRONG: {what}")
        self._world.wrong.append(f"client {self._number}: {what}")

    def _say(self, what: str) -> None:
        self._world.say(f"client {self._number}: {what}")
