"""
One round: receivers, filers and gateways that are killed again and again, and what came of it.
"""

from __future__ import annotations

import re
import signal
import time
import traceback
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from tests.interop.seaweedfs import FILERS, GATEWAYS, KEY, SECRET, SeaweedFS
from tests.ports import is_listening, unused_ports

from .front import Front
from .killed import LEASE
from .plan import WAYS, File, jobs
from .receiver import Receiver
from .senders import Senders
from .told import Listener
from .verdict import Bucket, judge

__all__ = ["SETTINGS", "Round", "Setting"]

RECEIVERS: Final = 3
LONGEST_LIFE: Final = 4.0
"""Seconds until a receiver is killed that has not come by the point at which it is to be."""
WORKERS: Final = 8
PREFIX: Final = "some/where/"


@frozen
class Setting:
    """
    What a round takes place in.

    :ivar balancer: ``nginx`` or ``haproxy``.
    :ivar most_down: how many of the receivers may be away at a time.
    :ivar ways: who uploads, of :mod:`tests.fleet.plan`.
    :ivar page_options: of resumable.js.
    """

    balancer: str
    most_down: int
    ways: Sequence[str]
    page_options: Mapping[str, Any] = {}


# resumable.js and PyPI's resumable retry at once, a hundred times: somebody has to be there.  The
# latter gives up if a connection ends, as HAProxy ends it when a receiver has.
SETTINGS: Final = (
    Setting("nginx", 2, WAYS),
    Setting("haproxy", 3, [way for way in WAYS if way != "python"], {"chunkRetryInterval": 200}),
)


@define
class Round:
    """
    A round.

    :ivar case: has ``addCleanup``; all ends with it.
    :ivar base: a new folder, for everything.
    :ivar setting: how receivers stand.
    :ivar points: where receivers are killed, life by life; an empty one is at random.
    :ivar files: how many files there are at least.
    :ivar storage_kills: how many times a filer, and how many times a gateway is killed.
    :ivar patience: how many seconds one upload may take.
    :ivar counts: what has happened.
    :ivar faults: what should not have.
    """

    reactor: Any
    case: Any
    random: Random
    seed: int
    base: Path
    setting: Setting
    points: Sequence[str]
    files: int
    storage_kills: int
    patience: float = 150.0
    counts: Counter[str] = field(factory=Counter)
    faults: list[str] = field(factory=list)
    _left: deque[str] = field(init=False, factory=deque)
    _uploaded: list[File] = field(init=False, factory=list)
    _is_over: bool = field(init=False, default=False)

    async def run(self) -> None:
        """Run it."""
        began = time.monotonic()
        self._left.extend(self.points)
        storage = await deferToThread(SeaweedFS.running)
        bucket = f"fleet-{self.seed}-{self.setting.balancer}"
        await deferToThread(storage.make_bucket, bucket)
        listener = Listener(self.reactor, self.case)
        senders = Senders(self.reactor, self.case, self.base, self.patience)
        senders.page_options.update(self.setting.page_options)
        self.case.addCleanup(senders.close)
        port, *ports = unused_ports(1 + RECEIVERS)
        receivers = []
        for number, each in enumerate(ports):
            endpoint = storage.endpoints[number % len(storage.endpoints)]
            own = ["-n", "--pidfile=", "resumable-receive", "--port", str(each)]
            own += ["--store", f"s3://{bucket}/{PREFIX}", "--s3-endpoint", endpoint]
            own += ["--s3-region", "us-east-1", "--on-complete-url", listener.url]
            own += ["--origin", senders.origin, "--max-connections", "0"]
            known = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
            receivers.append(Receiver(self.reactor, self.base / f"log-{number}", own, known))
            self.case.addCleanup(receivers[-1].close)
        balancer = self.setting.balancer
        front = Front(balancer, self.base / balancer, port, ports)
        self.case.addCleanup(front.close)
        senders.target = f"http://127.0.0.1:{port}/upload"
        turns = DeferredSemaphore(self.setting.most_down)
        lives = zip(receivers, ports, strict=True)
        living = [Deferred.fromCoroutine(self._live(*each, turns)) for each in lives]
        for each in port, *ports:
            await self._until_listening(each)
        self.counts["seconds until all listen, times ten"] = int(10 * (time.monotonic() - began))
        began = time.monotonic()
        striking = Deferred.fromCoroutine(self._strike(storage))
        await self._upload(senders)
        self._is_over = True
        await gatherResults([*living, striking], consumeErrors=True)
        assert front.is_running
        self.counts.update(senders.counts)
        self.counts["seconds"] = int(time.monotonic() - began)
        reader = await deferToThread(Bucket, storage.endpoints[0], bucket)
        judged = deferToThread(judge, reader, PREFIX, self._uploaded, listener.notices)
        faults, counts = await judged
        self.faults += faults
        self.counts.update(counts)
        self.faults += self._tracebacks()

    async def _upload(self, senders: Senders) -> None:
        """By several workers, until there were enough files and nobody is left to be killed."""
        first = 0
        waiting: deque[Any] = deque()

        async def work() -> None:
            nonlocal first
            while True:
                if not waiting:
                    if first >= self.files and not self._left:
                        return
                    count = self.files if first == 0 else max(1, self.files // 4)
                    waiting.extend(jobs(self.random, self.setting.ways, self.seed, first, count))
                    first += count
                job = waiting.popleft()
                self._uploaded.extend(job.files)
                try:
                    await senders.send(job)
                except Exception as error:
                    names = ", ".join(file.name for file in job.files)
                    text = f"{names}, {job.way}, of {job.files[0]}: {error!r}"
                    self.faults.append(text if str(error) else text + traceback.format_exc())

        await gatherResults([Deferred.fromCoroutine(work()) for _ in range(WORKERS)])

    async def _live(self, receiver: Receiver, port: int, turns: DeferredSemaphore) -> None:
        """The lives of a receiver; the last one lasts until all is uploaded."""
        has_turn = False
        while self._left and not self._is_over:
            point = self._left.popleft()
            ended = await receiver.start(point)
            await self._until_listening(port, ended)
            if has_turn:
                turns.release()
            await turns.acquire()
            has_turn = True
            limit = LONGEST_LIFE if point else self.random.uniform(0.0, LONGEST_LIFE / 2)
            receiver.signal(signal.SIGUSR2)
            timer = self.reactor.callLater(limit, self._end, receiver)
            await ended
            if timer.active():
                timer.cancel()
                self.counts[f"killed at {point.rpartition(':')[0]}"] += 1
                self.counts["kills of receivers at points"] += 1
            else:
                self.counts["kills of receivers at random"] += 1
                if point and self.counts["points tried again"] < len(self.points) // 2:
                    self.counts["points tried again"] += 1
                    self._left.append(f"{point.rpartition(':')[0]}:1")
            await deferLater(self.reactor, self.random.uniform(0.0, 0.3))
        await receiver.start()
        if has_turn:
            turns.release()

    def _end(self, receiver: Receiver) -> None:
        """End one that is still there; one that stalls first goes on, with its lease lost."""
        if receiver.is_stopped:
            self.counts["receivers that stalled, and went on"] += 1
            self.reactor.callLater(LEASE + 2, receiver.signal, signal.SIGCONT)
            self.reactor.callLater(LEASE + 4, receiver.signal)
        else:
            receiver.signal()

    async def _strike(self, storage: SeaweedFS) -> None:
        """Kill filers and gateways, spread over the lives of receivers."""
        for number in range(self.storage_kills):
            for names in FILERS, GATEWAYS:
                share = (number + self.random.random()) / (self.storage_kills + 1)
                while len(self._left) > (1 - share) * len(self.points) and not self._is_over:
                    await deferLater(self.reactor, 0.1)
                name = self.random.choice(names)
                await deferToThread(storage.kill, name)
                await deferLater(self.reactor, self.random.expovariate(1.0))
                await deferToThread(storage.restart, name)
                self.counts[f"kills of {name.partition('-')[0]}s"] += 1

    async def _until_listening(self, port: int, ended: Deferred[None] | None = None) -> None:
        end = self.reactor.seconds() + 60
        while not await deferToThread(is_listening, port):
            if self.reactor.seconds() > end or (ended is not None and ended.called):
                raise AssertionError(f"nobody listens: {self.last_words()}")
            await deferLater(self.reactor, 0.05)

    def _tracebacks(self) -> list[str]:
        """What receivers have logged that nobody has thought of."""
        found = []
        for log in sorted(self.base.glob("log-*")):
            blocks = re.findall(r"\tTraceback .*?\n(?=\S)", log.read_text("utf-8", "replace"), re.S)
            found += [f"{log.name}: {block}" for block in blocks if "Refused: " not in block]
        return found[:3]

    def last_words(self) -> str:
        """What receivers have logged."""
        logs = sorted(self.base.glob("log-*"))
        return "\n".join(log.read_text("utf-8", "replace")[-5000:] for log in logs)
