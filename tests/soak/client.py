"""
A client: ``python -m tests.soak.client NUMBER LIFE FOLDER TARGET``.

It uploads what its plan says and does to its uploads what its plan says, and writes each beginning
and each end into its journal.  What it leaves behind at its end, and what it logs, it writes there
as well.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.internet.task import Clock, deferLater
from twisted.logger import LogLevel, eventAsText, globalLogBeginner, textFileLogObserver
from twisted.python.failure import Failure
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool

from txresumable import ChunkState, Resumable
from txresumable.retry import fixed_interval
from txresumable.testing import ScriptedReceiver

from .content import give
from .journal import Journal, read
from .plan import LONGEST, ClientPlan, Plan, UploadPlan
from .process import peak_of

__all__ = ["main"]

_PAUSES = (0.0, 0.2, 1.5)


class Client:
    """
    One uploader in one reactor.

    :param numbers: which of the plan's uploads are its own.
    :param limit: after how many seconds without progress what has not ended will not.
    """

    def __init__(
        self,
        reactor: Any,
        plan: ClientPlan,
        numbers: list[int],
        random: Random,
        folder: Path,
        target: str,
        journal: Journal,
        limit: float,
    ) -> None:
        self._reactor = reactor
        self._plan = plan
        self._limit = limit
        self._numbers = numbers
        self._random = random
        self._folder = folder
        self._journal = journal
        self._waiting: dict[int, Any] = dict.fromkeys(numbers)
        self._acts: list[_Acts] = []
        self._files: dict[int, Any] = {}
        self._pool: HTTPConnectionPool | None = None
        root = _trust_root(folder)
        options = {**plan.options, "trust_root": root}
        if plan.given:
            for of_our_own in ("trust_root", "connect_timeout", "with_credentials"):
                options.pop(of_our_own, None)
            options["client"] = self._given(root)
        self._uploader = Resumable(
            target,
            reactor=reactor,
            retry_policy=fixed_interval(0.05, longest_request=0.5),
            **options,
        )

    def _given(self, root: Any) -> HTTPClient:
        pool = self._pool = HTTPConnectionPool(self._reactor, persistent=self._plan.persistent)
        policy = BrowserLikePolicyForHTTPS(root)
        return HTTPClient(Agent(self._reactor, policy, connectTimeout=2, pool=pool))

    async def run(self) -> None:
        """From the first file to the end of all, or until nothing comes on any more."""
        for number in self._numbers:
            deferLater(self._reactor, self._plan.uploads[number].at, self._add, number)
        seconds = self._reactor.seconds
        until, last = seconds() + self._limit, self._fractions()
        end = seconds() + LONGEST * self._limit
        while self._waiting and seconds() < min(until, end):
            await deferLater(self._reactor, 0.05)
            if self._fractions() != last:
                until, last = seconds() + self._limit, self._fractions()
        for file in self._waiting.values():
            self._journal.write("stuck", why=f"{file!r} {_states(file)}")
        for acts in self._acts:
            acts.stop()
        await self._uploader.close()
        if self._pool is not None:
            await self._pool.closeCachedConnections()
        for each in self._files.values():
            each.close()

    def _fractions(self) -> list[float]:
        """How far the files are: on a busy machine many chunks just take their time."""
        return [0 if file is None else file.fraction_completed for file in self._waiting.values()]

    def _add(self, number: int) -> None:
        upload = self._plan.uploads[number]
        source = self._files.get(number - 1) if upload.shares else None
        if source is None:
            source = give(upload, self._folder)
        if hasattr(source, "read"):
            self._files[number] = source
        self._journal.write("began", upload=number)
        adding = self._uploader.add_file(source, file_name=upload.name)
        self._waiting[number] = adding.file
        adding.addBoth(partial(self._ended, number))
        retried = partial(self._retried, number)
        acts = _Acts(self._reactor, self._uploader, adding.file, upload, self._random, retried)
        self._acts.append(acts)

    def _retried(self, number: int, again: Deferred[Any]) -> None:
        self._waiting[number] = self._waiting.get(number)
        again.addBoth(partial(self._ended, number))

    def _ended(self, number: int, result: Any) -> None:
        self._waiting.pop(number, None)
        if not isinstance(result, Failure):
            self._journal.write("completed", upload=number)
        elif result.check(CancelledError):
            self._journal.write("cancelled", upload=number)
        else:
            self._journal.write("failed", upload=number, why=repr(result.value))


def _states(file: Any) -> list[str]:
    """How far those chunks are that are not stored, for who looks into it."""
    unfinished = [each for each in file.chunks if each.state is not ChunkState.STORED]
    return [
        f"{each.number} {each.state.name} {each.retries} {each.message!r}"
        for each in unfinished[:5]
    ]


class _Acts:
    """What somebody does to an upload while it is on its way."""

    def __init__(
        self,
        reactor: Any,
        uploader: Resumable,
        file: Any,
        upload: UploadPlan,
        random: Random,
        retried: Callable[[Deferred[Any]], None],
    ) -> None:
        self._random = random
        self._reactor = reactor
        self._uploader = uploader
        self._file = file
        self._retried = retried
        self._events = 0
        self._calls: list[Any] = []
        self._inside = [(name, -when) for name, when in upload.acts if when < 0]
        for name, when in upload.acts:
            if when >= 0:
                self._later(when, partial(self._do, name))
        if self._inside:
            uploader.file_progress.register(self._progressed)

    def stop(self) -> None:
        """Do no more."""
        for call in self._calls:
            if call.active():
                call.cancel()

    def _later(self, delay: float, function: Callable[[], None]) -> None:
        self._calls.append(self._reactor.callLater(delay, function))

    def _progressed(self, file: Any) -> None:
        if file is not self._file:
            return
        self._events += 1
        for name, count in self._inside:
            if count == self._events:
                self._do(name)

    def _do(self, name: str) -> None:
        if self._file.error is not None and name != "retry":
            return
        if name == "pause":
            self._uploader.pause()
            self._later(self._random.choice(_PAUSES), self._uploader.resume)
        elif name in ("abort", "suspend"):
            getattr(self._file, name)()
            self._later(self._random.choice(_PAUSES), self._file.resume)
        elif name == "cancel":
            self._file.cancel()
        elif not self._file.is_completed:
            self._file.retry()
            self._retried(self._file.when_completed())


def _trust_root(folder: Path) -> Any:
    certificate = folder / "authority.pem"
    if not certificate.exists():
        return None
    return trustRootFromCertificates([Certificate.loadPEM(certificate.read_bytes())])


def _open(folder: Path) -> list[str]:
    """The sockets and the sources that are open in this process."""
    links = []
    for fd in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            links.append(os.readlink(f"/proc/self/fd/{fd}"))
    return [each for each in links if each.startswith("socket:") or str(folder) in each]


async def _until_closed(reactor: Any, folder: Path) -> None:
    for _ in range(60):
        if not _open(folder):
            break
        await deferLater(reactor, 0.05)


def _run(reactor: Any, make: Callable[[Any], Client], folder: Path, journal: Journal) -> None:
    """Run a reactor for one client."""

    async def all_of_it() -> None:
        await make(reactor).run()
        await _until_closed(reactor, folder)

    def begin() -> None:
        running = Deferred.fromCoroutine(all_of_it())
        running.addErrback(lambda failure: journal.write("traceback", why=failure.getTraceback()))
        running.addCallback(lambda _: ended())

    def ended() -> None:
        calls = [str(call) for call in reactor.getDelayedCalls()]
        if calls:
            journal.write("delayed", why=calls[:5])
        reactor.stop()

    reactor.callWhenRunning(begin)
    reactor.run(installSignalHandlers=False)


def _use() -> None:
    """Use what processes are going to be forked from: an upload in memory."""
    receiver = ScriptedReceiver()
    uploader = Resumable("https://example.com/", client=receiver, reactor=Clock())
    with open(__file__, "rb") as file:
        uploader.add_file(file)


def _fork(work: Callable[[int], None]) -> None:
    _use()
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=work, args=(part,)) for part in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    if any(child.exitcode for child in children):
        sys.exit(1)


def _threads(work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(part,)) for part in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _own_reactor() -> Any:
    """A reactor for this thread: the installed one belongs to the first."""
    from twisted.internet.epollreactor import EPollReactor

    return EPollReactor()


def _observe(journal: Journal, event: Any) -> None:
    if event["log_level"] >= LogLevel.error:
        journal.write("traceback", why=eventAsText(event))


def _log_to(path: Path) -> Any:
    """All that is logged, for who looks into it."""
    return textFileLogObserver(path.open("a", buffering=1))


def main(number: str, life: str, where: str, target: str) -> None:
    """Be a client."""
    folder = Path(where)
    whole = Plan.load(folder)
    plan = whole.clients[int(number)]
    path = folder / f"client-{number}.jsonl"
    done = {line["upload"] for line in read(path) if line["what"] == "completed"}
    journal = Journal(path)
    observers: list[Any] = [partial(_observe, journal), _log_to(path.with_suffix(".txt"))]
    globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False, discardBuffer=True)
    random = Random(f"{whole.seed} {number} {life}")
    wanted = [
        each
        for each in range(len(plan.uploads))
        if each not in done or random.random() < plan.again
    ]

    def work(part: int, parts: int = 2) -> None:
        mine = wanted[part::parts]
        make = partial(
            Client,
            plan=plan,
            numbers=mine,
            random=random,
            folder=folder / "sources",
            target=target,
            journal=journal,
            limit=whole.limit,
        )
        if plan.manner == "threads":
            reactor = _own_reactor()
        else:
            from twisted.internet import reactor
        _run(reactor, make, folder / "sources", journal)

    journal.write("life", life=int(life))
    {"one": lambda work: work(0, 1), "forked": _fork, "threads": _threads}[plan.manner](work)
    gc.collect()
    if _open(folder / "sources"):
        journal.write("left", why=_open(folder / "sources"))
    forked = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    journal.write("end", memory=max(peak_of("self"), forked))


if __name__ == "__main__":
    main(*sys.argv[1:])
