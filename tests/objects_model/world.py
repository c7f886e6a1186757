"""
All of it together.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from random import Random
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from txresumable.receiver import ReceivedFile, Refused
from txresumable.receiver.objects.parts import PartSizes
from txresumable.receiver.objects.state import State
from txresumable.receiver.objects.store import ObjectStore
from txresumable.testing import FakeObjects
from txresumable.testing.collection import uncollected

from .client import Client
from .life import Life
from .plan import Act, Plan
from .watched import KEYS, WatchedBucket

__all__ = ["ModelFailed", "World", "run"]

SIZES = PartSizes(least=8, usual=12, most=10_000)
_LONGEST = 20_000.0
_TOKENS = ("store.record", "objects.record", "objects.finishing")


class ModelFailed(Exception):
    """What must hold does not."""


def run(plan: Plan, note: Callable[[str], None] | None = None) -> Counter[str]:
    """
    Let a schedule happen.

    :returns: what was counted.
    :raises ModelFailed: if anything does not hold.
    """
    with ExitStack() as stack:
        stack.enter_context(uncollected())
        random = Random(f"tokens {plan.seed}")
        for module in _TOKENS:
            name = f"txresumable.receiver.{module}.token_hex"
            stack.enter_context(patch(name, lambda size: random.randbytes(size).hex()))
        world = World(plan, note)
        wrong = world.run()
        if wrong:
            shown = "\n  ".join(wrong[:10])
            raise ModelFailed(f"python -m tests.objects_model {plan.seed} shows:\n  {shown}")
        return world.counted


class World:
    """
    A schedule while it happens.

    :ivar told: the files that the application was notified of, by id.
    :ivar wrong: what does not hold.
    """

    def __init__(self, plan: Plan, note: Callable[[str], None] | None) -> None:
        self.plan = plan
        self.clock = Clock()
        self.bucket = WatchedBucket(self.clock, least_part=SIZES.least)
        self.told: dict[str, ReceivedFile] = {}
        self.wrong = self.bucket.wrong
        self.counted: Counter[str] = Counter()
        self._note = note
        self._random = Random(f"objects world {plan.seed}")
        self._lives: list[Life | None] = [None] * plan.receivers
        self._clients = [
            Client(self, number, each, Random(f"client {number} {plan.seed}"))
            for number, each in enumerate(plan.clients)
        ]
        self._rejected = {each.file.identifier for each in plan.clients if each.file.is_rejected}

    def say(self, what: str) -> None:
        if self._note is not None:
            self._note(f"{self.clock.seconds():9.2f} {what}")

    def run(self) -> list[str]:
        """Let it happen, and say what is wrong."""
        for number in range(self.plan.receivers):
            self._start(number)
        running = [Deferred.fromCoroutine(each.run()) for each in self._clients]
        for each in running:
            each.addErrback(lambda failure: self.wrong.append(failure.getTraceback()))
        for act in self.plan.acts:
            self.clock.callLater(act.at, self._act, act)
        self._until(lambda: all(each.called for each in running))
        if not all(each.called for each in running):
            self.wrong.append("clients do not end")
            return self.wrong
        self._end()
        self.counted["schedules"] += 1
        self.counted["uploads"] += len(self._clients)
        self.counted["complete"] += [each.end for each in self._clients].count("complete")
        return self.wrong

    async def any_receiver(self, random: Random) -> Life:
        """One that runs, as a load balancer finds it."""
        while True:
            living = [each for each in self._lives if each is not None]
            if living:
                return random.choice(living)
            await deferLater(self.clock, 0.5)

    def _start(self, number: int) -> None:
        plan, seed = self.plan, self._random.randrange(1 << 32)
        objects = FakeObjects(self.bucket, seed=seed, forecast=plan.forecast)
        objects.checks_sha256 = True

        def killed() -> None:
            self.counted["kills"] += 1
            self.say(f"receiver {number} is killed")
            self._lives[number] = None
            self.clock.callLater(self._random.choice((0.1, 1.0, 40.0)), self._start, number)

        life = self._lives[number] = Life(self.clock, objects, killed)
        life.store = ObjectStore(
            life,  # type: ignore[arg-type]
            reactor=life,
            memory=plan.memory,
            expire=plan.expire,
            on_complete=lambda file: self._tell(life, file),
            on_complete_timeout=100.0,
            _sizes=SIZES,
        )
        life.store.recover().addErrback(lambda failure: failure.trap(Refused) and None)

    def _tell(self, life: Life, file: ReceivedFile) -> Deferred[None]:
        return Deferred.fromCoroutine(self._told(life, file))

    async def _told(self, life: Life, file: ReceivedFile) -> None:
        self.say(f"{file.id} is told")
        self.counted["told"] += 1
        found = self.bucket.objects.get(file.path)
        if found is None:
            self.wrong.append(f"{file.path} was told, and is not there")
        known = self.told.setdefault(file.id, file)
        if (known.path, known.sha256, known.size) != (file.path, file.sha256, file.size):
            self.wrong.append(f"{file.id} was told twice, and differs")
        if self.plan.hook:
            await deferLater(life, self._random.random() * self.plan.hook)
        if file.identifier in self._rejected:
            raise Refused(422, "not wanted")
        if self._random.random() < self.plan.hook_fails and self._is_stormy():
            raise Refused(503, "not now", 1)

    def _is_stormy(self) -> bool:
        return self.clock.seconds() < self.plan.forecast.clears

    def _act(self, act: Act) -> None:
        life = self._lives[act.receiver]
        if life is None:
            return
        self.say(f"{act}")
        if act.what == "kill":
            life.kill_at(act.calls)
        elif act.what == "stall":
            life.stall(act.seconds)
        elif act.what == "stop":
            life.store.close().addCallback(lambda _: life.kill())
        else:
            life.store.sweep().addErrback(lambda failure: failure.trap(Refused) and None)

    def _until(self, over: Callable[[], bool]) -> None:
        clock = self.clock
        until = clock.seconds() + _LONGEST
        while not over() and clock.calls and clock.seconds() < until:
            clock.advance(max(0.0, clock.calls[0].getTime() - clock.seconds()))

    def _wait(self, waiting: Deferred[object]) -> None:
        """Let one thing end."""
        failures: list[str] = []
        waiting.addErrback(lambda failure: failures.append(failure.getTraceback()))
        self._until(lambda: bool(waiting.called))
        if not waiting.called:
            failures.append("a receiver does not end")
        self.wrong += failures

    def _end(self) -> None:
        """All calms down; receivers sweep some times, and close."""
        self._wait(
            deferLater(self.clock, max(0.0, self.plan.forecast.clears - self.clock.seconds()) + 200)
        )
        for life in [each for each in self._lives if each is not None]:
            life.kill_at(None)
        for _ in range(3):
            for life in [each for each in self._lives if each is not None]:
                self._wait(life.store.sweep())
                self._wait(deferLater(self.clock, 700.0))
        self._wait(deferLater(self.clock, 4000.0))
        survivor = next(each for each in self._lives if each is not None)
        self._wait(survivor.store.sweep())
        for life in [each for each in self._lives if each is not None]:
            self._wait(life.store.close())
            if life.open_calls:
                self.wrong.append("requests to the storage are left")
        if self.clock.calls:
            left = [str(each) for each in self.clock.calls]
            self.wrong.append(f"timers are left: {left}")
        self._judge()

    def _judge(self) -> None:
        bucket = self.bucket
        if bucket.unfinished:
            self.wrong.append(f"multipart uploads are left: {bucket.unfinished}")
        for name in bucket.objects:
            if name.startswith(KEYS.chunks):
                named = KEYS.upload_of_chunk(name)
                record = bucket.record(named[0]) if named else None
                if record is None or record.id != named[1] or record.state is State.DONE:
                    self.wrong.append(f"{name} is left: {record and record.state}")
            elif name.startswith(KEYS.files):
                key, id = KEYS.upload_of_file(name)
                if id not in self.told:
                    self.wrong.append(f"{name} is there, and nobody was told")
                record = bucket.record(key)
                if record is not None and record.id == id and record.state is State.REJECTED:
                    self.wrong.append(f"{name} was rejected, and is there")
        for key in bucket.history:
            record = bucket.record(key)
            if record is not None and record.state is State.FINISHING:
                self.wrong.append(f"{key} is still being finished")
            if record is not None and record.state is State.OPEN:
                count = record.upload.layout.count
                names = [KEYS.chunk(key, record.id, offset) for offset in range(count)]
                if all(name in bucket.objects for name in names):
                    self.wrong.append(f"{key} is whole, and not finished")
            ids = {each.id for _, each in bucket.history[key] if each is not None}
            for id in ids:
                prefix = KEYS.file(key, id, "")
                names = [name for name in bucket.objects if name.startswith(prefix)]
                if len(names) > 1:
                    self.wrong.append(f"{key}: several files {names}")
            if record is not None and record.state is State.DONE:
                if record.id not in self.told:
                    self.wrong.append(f"{key} is done, and nobody was told")
                if KEYS.file(key, record.id, record.upload.path) not in bucket.objects:
                    self.wrong.append(f"{key} is done, and its file is not there")
        for client in self._clients:
            if client.end == "complete" and self.plan.expire is None:
                record = bucket.record(client.key)
                if record is None or (record.state is not State.DONE and not _abandoned(self.plan)):
                    self.wrong.append(f"{client.key} is complete, and {record and record.state}")


def _abandoned(plan: Plan) -> bool:
    return any(each.abandons is not None for each in plan.clients)


def collect() -> None:
    """Collect what the killed have left."""
    for _ in range(3):
        gc.collect()
