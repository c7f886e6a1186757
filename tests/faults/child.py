"""
Uploads in a process of their own, for faults of a whole process: its memory, its descriptors, its
clock.

``python -m tests.faults.child NAME URL [ARGUMENT ...]`` does one of them and tells, as JSON, what
came of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import blockingCallFromThread
from twisted.internet.utils import getProcessOutputAndValue
from twisted.logger import globalLogBeginner

from txresumable import Resumable, RetriesExhausted
from txresumable.uploader import engine_of

from .server import Peer, RawServer, reply

__all__ = ["run_child"]

reactor: Any = installed
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


async def run_child(name: str, *arguments: object) -> dict[str, Any]:
    """
    Have a child do something.

    :returns: what it told.
    """
    told, errors, code = await getProcessOutputAndValue(
        sys.executable,
        ["-m", __name__, name, *map(str, arguments)],
        {**os.environ, "PYTHONPATH": ROOT},
        reactor=reactor,
    )
    if code or errors:
        raise AssertionError(f"{name} ended with {code}: {errors.decode()}")
    result: dict[str, Any] = json.loads(told)
    return result


def uploader(url: str, **options: Any) -> Resumable:
    given: dict[str, Any] = {
        "reactor": reactor,
        "test_chunks": False,
        "chunk_retry_interval": 0,
        "max_chunk_retries": 1,
        **options,
    }
    return Resumable(url, **given)


def peak() -> float:
    """The most memory that this process had so far, in MiB."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


async def many(url: str, number: str) -> dict[str, Any]:
    """Many uploads at once, to a server that answers as it likes: how much memory they take."""
    before = peak()
    resumable = uploader(
        url, simultaneous_uploads=int(number), stall_timeout=20, max_chunk_retries=0
    )
    uploads = [
        resumable.add_file(b"x" * 1000, file_name=f"{each}.bin") for each in range(int(number))
    ]
    results: Any = await DeferredList(uploads, consumeErrors=True)
    kinds = sorted({type(failure.value.last).__name__ for done, failure in results if not done})
    await resumable.close()
    return {"before": before, "peak": peak(), "failed": kinds, "open": descriptors()}


async def large(url: str, path: str) -> dict[str, Any]:
    """One large upload, by large chunks: how much memory it takes."""
    before = peak()
    resumable = uploader(url, chunk_size=64 << 20)
    await resumable.add_file(path)
    await resumable.close()
    return {"before": before, "peak": peak(), "open": descriptors()}


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


class Starvation:
    """Takes every descriptor there is, and gives them back when somebody says that he waits."""

    def __init__(self) -> None:
        self._taken: list[int] = []
        self.waited = 0

    def begin(self, spare: int) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._taken.append(os.open("/dev/null", os.O_RDONLY))
        for _ in range(spare):
            os.close(self._taken.pop())

    def end(self) -> None:
        while self._taken:
            os.close(self._taken.pop())

    def hear(self, event: dict[str, Any]) -> None:
        """Hear what is logged."""
        form = str(event.get("log_format"))
        if "Too many open files" in form:
            self.waited += 1
            reactor.callLater(0, self.end)


async def starved(url: str, folder: str) -> dict[str, Any]:
    """Uploads while there are no descriptors: as files are added, and later once more."""
    import resource

    before = descriptors()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, limit))
    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    starvation = Starvation()
    observer: Any = starvation.hear
    globalLogBeginner.beginLoggingTo([observer], discardBuffer=True, redirectStandardIO=False)
    resumable = uploader(url, simultaneous_uploads=6, chunk_retry_interval=0.05, connect_timeout=1)
    failed: list[str] = []
    waits: list[int] = []
    for spare in (0, 1):  # not even a file can be opened; or one, and then no socket
        waited = starvation.waited
        starvation.begin(spare)
        uploads = [resumable.add_file(path) for path in paths]
        results: Any = await DeferredList(uploads, consumeErrors=True)
        failed += [repr(value) for done, value in results if not done]
        waits.append(starvation.waited - waited)
        await engine_of(resumable).client.close()
    await resumable.close()
    starvation.end()
    await settled(before)
    return {
        "failed": failed,
        "waits": waits,
        "before": before,
        "open": descriptors(),
    }


async def few(url: str, folder: str) -> dict[str, Any]:
    """Uploads many files through many slots, with fewer descriptors than that takes."""
    import resource

    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    before = descriptors()
    resource.setrlimit(resource.RLIMIT_NOFILE, (24, 64))
    logged: list[str] = []

    def observe(event: dict[str, Any]) -> None:
        logged.append(str(event["log_format"]))

    observer: Any = observe
    globalLogBeginner.beginLoggingTo([observer], discardBuffer=True, redirectStandardIO=False)
    resumable = uploader(url, simultaneous_uploads=30)
    results: Any = await DeferredList(resumable.add_files(paths), consumeErrors=True)
    await resumable.close()
    await settled(before)
    return {
        "failed": [repr(value) for done, value in results if not done],
        "logged": [line for line in logged if "Too many open files" in line],
        "before": before,
        "open": descriptors(),
    }


async def settled(number: int) -> None:
    """Wait until no more descriptors are open than that, or for a second."""
    until = time.monotonic() + 1
    while descriptors() > number and time.monotonic() < until:
        await deferLater(reactor, 0.01)


async def stepped(hours: str) -> dict[str, Any]:
    """Uploads while the wall clock is set: how long their limits take then."""
    seconds, shift = reactor.seconds, [0.0]
    reactor.seconds = lambda: seconds() + shift[0]

    begun: list[float] = []

    def step() -> None:
        shift[0] += 3600 * float(hours)
        begun.append(time.monotonic())

    cases = ("connect", "send", "answer", "read", "trickle", "total", "retry", "idle")
    # When all have come so far that something is waited for.
    ready = threading.Barrier(len(cases), lambda: blockingCallFromThread(reactor, step))
    waiting = [ensureDeferred(_stepped(ready, case, begun)) for case in cases]
    return dict(zip(cases, await gatherResults(waiting, consumeErrors=True), strict=True))


async def _stepped(
    ready: threading.Barrier, case: str, begun: list[float]
) -> tuple[str, float, float]:
    """
    :returns: what one upload failed with, if it did, how many seconds it took, and how many it
        was since the clock was set.
    """

    def script(peer: Peer) -> None:
        if case == "connect":
            ready.wait()
            peer.ignore()
        while True:
            request = peer.head()
            if case == "send":
                ready.wait()
                peer.ignore()
            peer.body(request)
            if len(server.requests) == 1:
                ready.wait()
            if case == "retry" and len(server.requests) < 3:
                peer.send(reply(503))
            elif case == "read":
                peer.send(reply(200, b"half", length=9))
            elif case == "trickle":
                peer.trickle(reply(200, b"x" * 9000), 0.02)
            elif case not in ("answer", "total"):
                peer.send(reply(200))

    server = RawServer(script).start()
    target = server.url.replace("http:", "https:") if case == "connect" else server.url
    resumable = uploader(
        target,
        stall_timeout=30 if case == "total" else 0.5,
        chunk_timeout=0.5 if case == "total" else None,
        connect_timeout=0.5,
        chunk_size=64 << 20,
        chunk_retry_interval=0.5,
        max_chunk_retries=3 if case == "retry" else 0,
    )
    began = time.monotonic()
    error = ""
    try:
        content = b"x" * (16 << 20 if case == "send" else 1)
        await resumable.add_file(content, file_name="upload.bin")
    except RetriesExhausted as failure:
        error = type(failure.last).__name__
    if case == "idle":
        await idle(resumable)
    now = time.monotonic()
    await resumable.close()
    server.stop()
    return error, now - began, now - begun[0]


def idle(resumable: Resumable) -> Deferred[None]:
    """Wait until the one connection that an uploader keeps is closed."""
    gone: Deferred[None] = Deferred()
    agent: Any = engine_of(resumable).client._agent
    (connection,) = agent._connector.connections
    told = connection._listener.connection_lost

    def tell(*arguments: object) -> None:
        told(*arguments)
        gone.callback(None)

    connection._listener.connection_lost = tell
    return gone


TASKS: dict[str, Callable[..., Any]] = {
    "many": many,
    "large": large,
    "few": few,
    "starved": starved,
    "stepped": stepped,
}


def main(name: str, *arguments: str) -> None:
    told: list[Any] = []

    def start() -> None:
        done = ensureDeferred(TASKS[name](*arguments))
        done.addBoth(told.append).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(start)
    reactor.run()
    if not isinstance(told[0], dict):
        sys.exit(told[0].getTraceback())
    print(json.dumps(told[0]))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
