"""
One round: workers that are killed again and again, a database that is restarted, and what came of
it.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from attrs import define, field
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from tests.ports import is_listening, unused_port
from tests.postgres import Database
from tests.pushing.content import content_of, digest_of
from tests.pushing.round import Process
from txresumable.push.jobs.schema import MIGRATIONS, migrate

__all__ = ["WORKERS", "Round"]

WORKERS = 3
CHUNK = 16 << 10
LONGEST = 200_000
"""Bytes of a file at most."""
AT_ONCE = 3
"""Chunks under way at a time: so many may be sent in vain when a worker is killed."""
PATIENCE = 120.0
"""Seconds until all is done when nobody is killed any more."""
CONFIG = """\
state = "{base}/state-{number}"
[queue]
postgresql_file = "{base}/database"
lease = "2s"
poll = "200ms"
at_once = 4
watch = {watch}
[[rate]]
max = "{rate}"
[target.lab]
url = "http://127.0.0.1:{port}/"
chunk_size = {chunk}
simultaneous_uploads = {at_once}
chunk_retry_interval = "0.1s"
[folder.scans]
path = "{base}/scans"
target = "lab"
settle = "0.2s"
rescan = "1s"
again = "0.5s"
attempts = 1000
after = "move:{base}/sent"
on_sent = ["/bin/sh", "-c", "cat >> '{base}/hooks'"]
"""


@define
class Round:
    """
    A round.

    :ivar base: a new folder, for everything.
    :ivar server: the database.
    :ivar files: how many files there are.
    :ivar kills: how many times a worker is killed.
    :ivar counts: what has happened.
    :ivar last_words: what the workers have logged last.
    """

    reactor: Any
    random: Random
    base: Path
    server: Database
    files: int
    kills: int
    counts: Counter[str] = field(factory=Counter)
    last_words: str = ""
    _place: str = ""
    _port: int = 0
    _chunks: int = 0
    _contents: dict[str, int] = field(factory=dict)
    _workers: list[Process] = field(factory=list)

    async def run(self) -> list[str]:
        """Run it. :returns: what is wrong."""
        self._prepare()
        began = time.monotonic()
        receiver = self._receive()
        try:
            while not is_listening(self._port):
                await self._pause(0.1)
            self._workers = [self._work(number) for number in range(WORKERS)]
            await self._kill_some()
            deadline = time.monotonic() + PATIENCE
            while self._left() and time.monotonic() < deadline:
                await self._pause(0.3)
            self.counts["seconds"] = int(time.monotonic() - began)
            for worker in self._workers:
                await worker.end("TERM")
                self.counts["workers that stopped when asked to"] += worker.signal == 15
        finally:
            for process in *self._workers, receiver:
                await process.end("KILL")
        said = [worker.output.decode(errors="replace")[-2000:] for worker in self._workers]
        self.last_words = "\n".join(said)
        return self._faults()

    def _prepare(self) -> None:
        for name in ("scans", "sent", "received"):
            (self.base / name).mkdir()
        for number in range(self.files):
            content = content_of(number, 1, self.random.randrange(LONGEST))
            (self.base / "scans" / f"{number}.dat").write_bytes(content)
            self._contents[digest_of(content)] = number
            self._chunks += max(1, len(content) // CHUNK)
        self._port = unused_port()
        self._place = self.server.new_place()
        (self.base / "database").write_text(self._place)
        with psycopg.connect(self._place, autocommit=True) as connection:
            migrate(connection, MIGRATIONS)
        # So that it takes longer than killing does.
        rate = self._chunks * CHUNK / WORKERS / (self.kills + 3)
        for number in range(WORKERS):
            config = CONFIG.format(
                base=self.base,
                number=number,
                watch=str(number < 2).lower(),
                rate=int(rate),
                port=self._port,
                chunk=CHUNK,
                at_once=AT_ONCE,
            )
            (self.base / f"worker-{number}.toml").write_text(config)

    async def _pause(self, seconds: float) -> None:
        await deferLater(self.reactor, seconds)

    def _work(self, number: int) -> Process:
        config = str(self.base / f"worker-{number}.toml")
        return Process(self.reactor, "-m", "txresumable", "push", "--config", config)

    def _receive(self) -> Process:
        script = "from twisted.scripts.twistd import run; run()"
        own = ["-n", "--pidfile=", "resumable-receive", "-p", str(self._port)]
        own += ["-d", str(self.base / "received"), "--access-log", str(self.base / "requests")]
        return Process(self.reactor, "-c", script, *own)

    async def _kill_some(self) -> None:
        """Workers are killed and begin again; in between the database is restarted, and crashes."""
        ends = {self.kills // 3: self.server.shut_down, 2 * self.kills // 3: self.server.kill}
        for kill in range(self.kills):
            await self._pause(self.random.uniform(0.1, 1.0))
            if kill in ends:
                await deferToThread(self._restart, ends[kill])
                self.counts["restarts of the database"] += 1
            worker = await self._any_at_work()
            number = self._workers.index(worker)
            await worker.end("KILL")
            self.counts["kills"] += 1
            self._workers[number] = self._work(number)

    async def _any_at_work(self) -> Process:
        """One that has claimed something some time ago."""
        claimed = (
            "SELECT DISTINCT worker FROM txresumable_jobs WHERE state = 'claimed' "
            "AND due > now() AND changed < now() - interval '0.3 seconds'"
        )
        while True:
            for worker in self._workers:
                assert not worker.ended.called, worker.output.decode(errors="replace")
            names = [name for (name,) in self._rows(claimed)]
            at_work = [
                worker
                for worker in self._workers
                if any(name.endswith(f":{worker.pid}") for name in names)
            ]
            if at_work:
                return self.random.choice(at_work)
            await self._pause(0.1)

    def _restart(self, end: Callable[[], None]) -> None:
        end()
        time.sleep(0.5)
        self.server.start()

    def _left(self) -> int:
        counts = self._rows("SELECT count(*) FROM txresumable_jobs WHERE state = 'done'")
        return self.files - int(counts[0][0])

    def _rows(self, statement: str) -> list[Any]:
        return self.server.rows(statement, place=self._place)

    # What came of it ---------------------------------------------------------------------------

    def _faults(self) -> list[str]:
        faults = []
        states = dict(self._rows("SELECT state, count(*) FROM txresumable_jobs GROUP BY state"))
        if states != {"done": self.files}:
            faults.append(f"the jobs are {states}")
        received = Counter(
            digest_of(Path(folder, name).read_bytes())
            for folder, _, names in os.walk(self.base / "received")
            for name in names
            if name.endswith(".dat")
        )
        if received != Counter(self._contents.keys()):
            missing = len(self._contents.keys() - received.keys())
            more = sum(received.values()) - len(self._contents) + missing
            faults.append(f"{missing} files have not arrived, and {more} more have")
        if os.listdir(self.base / "scans") or len(os.listdir(self.base / "sent")) != self.files:
            faults.append("not all files were moved")
        hooks = [json.loads(line) for line in (self.base / "hooks").read_text().splitlines()]
        events = {(each["id"], each["name"]) for each in hooks}
        if len(events) != self.files:
            faults.append(f"{len(events)} files were reported")
        posts = sum('"POST ' in line for line in (self.base / "requests").open())
        self._count(posts, len(hooks))
        # Those under way when a worker was killed, and twice those when it was stopped by a lease.
        most = self._chunks + (self.kills + 3 * 2 * WORKERS) * AT_ONCE
        if posts > most:
            faults.append(f"{posts} chunks were sent, {self._chunks} are all, and {most} the most")
        if self.counts["workers that stopped when asked to"] != WORKERS:
            faults.append("not all workers have stopped when they were asked to")
        if not self.counts["files that were gone on with elsewhere"]:
            faults.append("no file was gone on with")
        return faults

    def _count(self, posts: int, hooks: int) -> None:
        [(claims,)] = self._rows("SELECT last_value FROM txresumable_claims")
        [(resumed,)] = self._rows(
            "SELECT count(*) FROM txresumable_jobs WHERE "
            "(progress->>'sent')::bigint < split_part(progress->>'version', '-', 1)::bigint"
        )
        self.counts["files"] = self.files
        self.counts["chunks"] = self._chunks
        self.counts["chunks that were sent again"] = posts - self._chunks
        self.counts["claims beyond the first"] = claims - self.files
        self.counts["files that were gone on with elsewhere"] = resumed
        self.counts["commands run again"] = hooks - self.files
