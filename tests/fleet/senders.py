"""
Who uploads.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, DeferredLock, gatherResults
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool

from tests.interop import browser
from tests.interop.install import python_of
from txresumable import Resumable

from .plan import File, Job
from .shuffled import Shuffled

__all__ = ["Senders"]

SCRIPT = Path(browser.__file__).parent / "clients" / "pypi_resumable.py"


class _Script(ProcessProtocol):
    """A process that is waited for."""

    def __init__(self) -> None:
        self.written = b""
        self.status: int | None = None
        self.ended: Deferred[None] = Deferred()

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self.written += data

    def processEnded(self, reason: Failure) -> None:
        self.status = reason.value.exitCode  # type: ignore[attr-defined]
        self.ended.callback(None)


class Senders:
    """
    All ways to upload, see :mod:`tests.fleet.plan`.

    :param case: has ``addCleanup``.
    :ivar counts: what happened.
    :ivar origin: of the browser's page.
    :ivar page_options: of resumable.js.
    """

    def __init__(self, reactor: Any, case: Any, folder: Path, patience: float) -> None:
        self.counts: Counter[str] = Counter()
        self._reactor = reactor
        self._case = case
        self._folder = folder
        self._patience = patience
        self._pool = HTTPConnectionPool(reactor, persistent=True)
        self._pool.maxPersistentPerHost = 32
        self._pool.retryAutomatically = False
        self._client = HTTPClient(Agent(reactor, pool=self._pool, connectTimeout=10))
        self._browser = browser.Browser(case)
        self._page = DeferredLock()
        self.origin = self._browser.origin
        self.target = ""
        self.page_options: dict[str, Any] = {}

    async def send(self, job: Job) -> None:
        """
        Upload files to :attr:`target`.

        :raises AssertionError: if they are not uploaded in time, or anything is said that must not.
        """
        ways = {
            "shuffled": self._shuffled,
            "pair": self._pair,
            "ours": self._ours,
            "mixed": self._mixed,
            "python": self._python,
            "browser": self._in_browser,
        }
        sending = Deferred.fromCoroutine(ways[job.way](job))
        sending.addTimeout(self._patience + 10, self._reactor)
        await sending
        self.counts[f"files {job.way}"] += len(job.files)

    async def close(self) -> None:
        """End all connections."""
        await self._pool.closeCachedConnections()

    async def _shuffled(self, job: Job, seed: int = 0) -> None:
        [file] = job.files
        client = Shuffled(self._reactor, self._client, self.target, file, job.seed + seed)
        try:
            await client.send(self._patience)
        finally:
            self.counts.update(client.counts)
        assert client.completed is not None
        self._check(file, client.completed["sha256"])

    async def _pair(self, job: Job) -> None:
        await self._together(self._shuffled(job), self._shuffled(job, 1))

    async def _mixed(self, job: Job) -> None:
        await self._together(self._shuffled(job), self._ours(job))

    async def _together(self, *clients: Any) -> None:
        await gatherResults([Deferred.fromCoroutine(each) for each in clients], consumeErrors=True)

    async def _ours(self, job: Job) -> None:
        [file] = job.files
        uploader = Resumable(
            self.target,
            reactor=self._reactor,
            chunk_size=file.chunk_size,
            simultaneous_uploads=3,
            generate_unique_identifier=lambda made: f"{made.size}-{made.file_name}",
        )
        retries = 0

        def count(*_: object) -> None:
            nonlocal retries
            retries += 1

        uploader.chunk_retry.register(count)
        await uploader.add_file(file.content(), file_name=file.name)
        await uploader.close()
        self.counts["retries of our client"] += retries

    async def _python(self, job: Job) -> None:
        folder = self._folder / f"python-{job.files[0].number}"
        folder.mkdir()
        for file in job.files:
            (folder / file.name).write_bytes(file.content())
        names = [file.name for file in job.files]
        own = [self.target, str(job.files[0].chunk_size), *names]
        command = [str(python_of("resumable")), "-I", str(SCRIPT), *own]
        script = _Script()
        process = self._reactor.spawnProcess(
            script, command[0], command, env=dict(os.environ), path=str(folder)
        )
        timer = self._reactor.callLater(self._patience, process.signalProcess, "KILL")
        await script.ended
        if timer.active():
            timer.cancel()
        told = script.written.count(b'"is_completed": true')
        assert (script.status, told) == (0, len(names)), script.written.decode()

    async def _in_browser(self, job: Job) -> None:
        """By the library's defaults, with a hundred retries of each chunk, unless said."""
        first, files = job.files[0], len(job.files)
        work = browser.Job(
            library="resumable",
            options={"target": self.target, "chunkSize": first.chunk_size, **self.page_options},
            file_name=first.name.rpartition("-")[2],
            files=files,
        )
        content = b"".join(file.content() for file in job.files)
        await self._page.acquire()  # there is one at a time
        try:
            said = await self._browser.upload(work, content)
        finally:
            self._page.release()
        assert said["event"] == "completed", said

    def _check(self, file: File, digest: str) -> None:
        if digest != file.digest():
            raise AssertionError(f"{file.name}: the receiver has {digest}")
