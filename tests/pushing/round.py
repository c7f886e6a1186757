"""
One round: a service that is killed again and again, a receiver likewise, and what came of it.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from tests.ports import is_listening, unused_port

from .producer import Producer
from .verdict import Verdict

__all__ = ["Round"]

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST_LIFE = 5.0
"""Seconds until a service is killed that has not come by the point at which it is to be."""
PATIENCE = 120.0
"""Seconds until all is done when nobody is killed any more."""
CONFIG = """\
state = "{base}/state"
[[rate]]
max = "3M"
[target.lab]
url = "http://127.0.0.1:{port}/"
chunk_size = "16K"
chunk_retry_interval = "0.1s"
max_chunk_retries = 5
"""
FOLDER = """\
[folder.{name}]
path = "{base}/{name}"
target = "lab"
settle = "0.7s"
rescan = "1s"
again = "0.5s"
attempts = 1000
after = "{after}"
failed = "{base}/failed"
on_sent = ["/bin/sh", "-c", "cat >> '{base}/hooks'"]
"""


class Process(ProcessProtocol):
    """
    A process.

    :ivar pid: its number.
    :ivar ended: fires when it is gone.
    :ivar output: what it has written.
    """

    def __init__(self, reactor: Any, *arguments: str) -> None:
        self.ended: Deferred[None] = Deferred()
        self.output = b""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
        command = [sys.executable, *arguments]
        given = {"env": environment, "path": str(ROOT)}
        self.pid = reactor.spawnProcess(self, command[0], command, **given).pid

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self.output += data

    def processEnded(self, reason: Failure) -> None:
        self.status = reason.value.exitCode  # type: ignore[attr-defined]
        self.signal = reason.value.signal  # type: ignore[attr-defined]
        self.ended.callback(None)

    def end(self, signal: str) -> Deferred[None]:
        """Send it a signal. :returns: fires when it is gone."""
        if not self.ended.called:
            assert self.transport is not None
            self.transport.signalProcess(signal)
        return self.ended


@define
class Round:
    """
    A round.

    :ivar base: a new folder, for everything.
    :ivar points: where the service is killed, life by life; an empty one is at random.
    :ivar files: how many files there are.
    :ivar receiver_kills: how many times the receiver is killed.
    :ivar journal_faults: after how many lives the journal is deleted or damaged, in turn.
    :ivar counts: what has happened.
    :ivar last_words: what the last service has logged.
    """

    reactor: Any
    random: Random
    base: Path
    points: Sequence[str]
    files: int
    receiver_kills: int
    journal_faults: int = 0
    longest: int = 100_000
    counts: Counter[str] = field(factory=Counter)
    last_words: str = ""
    _receiver: Process | None = None
    _service: Process | None = None
    _port: int = 0
    _is_over: bool = False

    async def run(self) -> Verdict:
        """Run it. :returns: what is to be said of it."""
        self._prepare()
        began = time.monotonic()
        producer = Producer(
            self.reactor,
            self.random,
            [self.base / "deleted", self.base / "moved"],
            self.base / "drafts",
            self.longest,
        )
        try:
            receiving = Deferred.fromCoroutine(self._receive())
            await self._live(producer)
            self._is_over = True
            await receiving
            await self._finish()
        finally:
            for process in self._service, self._receiver:
                if process is not None:
                    await process.end("KILL")
        self.counts["seconds"] = int(time.monotonic() - began)
        self.counts["files"] = len(producer.final)
        return Verdict(self.base, producer, is_journal_whole=not self.journal_faults)

    def _prepare(self) -> None:
        for name in ("deleted", "moved", "drafts", "sent", "failed", "received"):
            (self.base / name).mkdir(parents=True)
        self._port = unused_port()
        config = CONFIG.format(base=self.base, port=self._port)
        for name, after in ("deleted", "delete"), ("moved", f"move:{self.base}/sent"):
            config += FOLDER.format(base=self.base, name=name, after=after)
        (self.base / "config.toml").write_text(config)

    async def _pause(self, seconds: float) -> None:
        await deferLater(self.reactor, seconds)

    # Lives -------------------------------------------------------------------------------------

    async def _live(self, producer: Producer) -> None:
        """The lives of the service, during which files come."""
        numbers = iter(range(self.files))
        each = max(1, int(self.files / len(self.points) / 1.3))  # some for points that are missed
        producing: list[Deferred[None]] = []

        def produce(count: int | None) -> None:
            for number in islice(numbers, count):
                producing.append(Deferred.fromCoroutine(producer.produce(number)))

        points = deque(self.points)
        while points:
            produce(each)
            point = points.popleft()
            if not await self._live_once(point) and not point.endswith(":1"):
                points.append(f"{point.rpartition(':')[0]}:1")  # the next one will do
            if len(points) < self.journal_faults:
                self._spoil_journal(is_deleted=len(points) % 2 == 0)
        produce(None)
        await gatherResults(producing)

    async def _live_once(self, point: str) -> bool:
        """One life. :returns: whether it ended where it was to end."""
        service = self._start_service(point)
        limit = LONGEST_LIFE if point else self.random.uniform(0.4, 2.5)
        timer = self.reactor.callLater(limit, service.end, "KILL")
        await service.ended
        if timer.active():
            timer.cancel()
            assert service.signal == 9, service.output.decode(errors="replace")
            self.counts["kills at transitions"] += 1
            return True
        self.counts["kills at random"] += 1
        return not point

    def _spoil_journal(self, *, is_deleted: bool) -> None:
        journal = self.base / "state" / "journal"
        if is_deleted:
            for path in self.base.glob("state/journal*"):
                path.unlink()
            self.counts["journals deleted"] += 1
        elif journal.exists():
            with journal.open("r+b") as file:
                for at in range(0, journal.stat().st_size, 4096):
                    file.seek(at)
                    file.write(self.random.randbytes(300))
            self.counts["journals damaged"] += 1

    def _start_service(self, point: str) -> Process:
        config = str(self.base / "config.toml")
        arguments = ["-n", "--pidfile=", "resumable-upload", "--config", config]
        self._service = Process(self.reactor, "-m", "tests.pushing.killed", point, *arguments)
        return self._service

    async def _receive(self) -> None:
        """The lives of the receiver."""
        while True:
            received = str(self.base / "received")
            own = ["-n", "--pidfile=", "resumable-receive", "-p", str(self._port), "-d", received]
            script = "from twisted.scripts.twistd import run; run()"
            self._receiver = Process(self.reactor, "-c", script, *own)
            if self._is_over or self.counts["kills of the receiver"] >= self.receiver_kills:
                return
            # Over the lives of the service, each of which takes longer than a second.
            spread = 1.2 * len(self.points) / self.receiver_kills
            await self._pause(0.5 + self.random.uniform(0.0, spread))
            assert not self._receiver.ended.called, self._receiver.output.decode()
            await self._receiver.end("KILL")
            self.counts["kills of the receiver"] += 1

    async def _finish(self) -> None:
        """Nobody is killed any more: all is done, and the service stops when it is asked to."""
        deadline = time.monotonic() + PATIENCE
        # Else the service would leave it alone for a while.
        while not is_listening(self._port) and time.monotonic() < deadline:
            await self._pause(0.1)
        service = self._start_service("")
        while self._files_left() and time.monotonic() < deadline and not service.ended.called:
            await self._pause(0.2)
        await self._pause(2.5)  # what was taken out last is written down; and nothing else comes
        await service.end("TERM")
        self.counts["status"] = service.status or 0
        self.last_words = service.output.decode(errors="replace")[-5000:]

    def _files_left(self) -> int:
        folders = (os.fsencode(self.base / name) for name in ("deleted", "moved"))
        return sum(len(files) for folder in folders for _, _, files in os.walk(folder))
