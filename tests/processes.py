"""Processes of this package, run for real against a receiver on loopback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import frozen
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from txresumable.receiver import Store, make_site

__all__ = ["Ended", "Holding", "ProcessTestCase", "Running", "until"]

reactor: Any = installed
_ROOT = Path(__file__).resolve().parent.parent
_TWISTD = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()")


async def until(happened: Callable[[], object], written: Callable[[], str] = str) -> None:
    """
    Wait for something that another process does, for less than a test may take.

    :param written: what the process has written, for when it does not happen.
    """
    end = reactor.seconds() + 50
    while not happened():
        if reactor.seconds() > end:
            raise AssertionError(f"it does not happen: {written()}")
        await deferLater(reactor, 0.02, lambda: None)


@frozen
class Ended:
    """
    How a process ended.

    :ivar status: its exit status.
    :ivar signal: the signal that ended it, or :data:`None`.
    :ivar output: what it wrote to standard output.
    :ivar errors: what it wrote to standard error.
    """

    status: int | None
    signal: int | None
    output: str
    errors: str


class Running(ProcessProtocol):
    """A process.  It ends with the test."""

    def __init__(self, case: TestCase, arguments: tuple[str, ...], folder: Path) -> None:
        self.ended: Deferred[Ended] = Deferred()
        self._written: dict[int, bytes] = {1: b"", 2: b""}
        environment = {**os.environ, "PYTHONPATH": str(_ROOT), "TOKEN": "in the environment"}
        environment.pop("PYTHONUNBUFFERED", None)  # what is still in a buffer at the end counts
        environment.update(case.environment if isinstance(case, ProcessTestCase) else {})
        reactor.spawnProcess(self, arguments[0], arguments, env=environment, path=str(folder))
        case.addCleanup(self._kill)

    async def has_said(self, text: str) -> None:
        """Wait until it has written something."""

        def has() -> bool:
            if self.ended.called and text not in self.written:
                raise AssertionError(f"it ended without {text!r}:\n{self.written}")
            return text in self.written

        await until(has, lambda: f"{text!r} in what was written:\n{self.written}")

    def signal(self, name: str) -> None:
        """Send it a signal."""
        assert self.transport is not None
        self.transport.signalProcess(name)

    def close_output(self) -> None:
        """Read no more of what it writes: its pipes are broken."""
        assert self.transport is not None
        self.transport.closeStdout()
        self.transport.closeStderr()

    @property
    def written(self) -> str:
        """All that it has written so far."""
        return b"".join(self._written.values()).decode()

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self._written[childFD] += data

    def processEnded(self, reason: Any) -> None:
        status, signal = reason.value.exitCode, reason.value.signal
        output, errors = (data.decode() for data in self._written.values())
        self.ended.callback(Ended(status, signal, output, errors))

    def _kill(self) -> Deferred[Ended] | None:
        if self.ended.called:
            return None
        self.signal("KILL")
        return self.ended


class Holding(Resource):
    """
    A server that answers nothing until it is told to.

    :ivar target: where it is.
    :ivar count: how many requests it got.
    """

    isLeaf = True
    target = ""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._held: list[Request] = []

    def render(self, request: Request) -> int:
        self.count += 1
        request.notifyFinish().addErrback(lambda _: self._held.remove(request))
        self._held.append(request)
        return NOT_DONE_YET

    async def has(self, count: int, by: Running | None = None) -> None:
        """Wait until so many requests are there, which a process makes."""
        written = str if by is None else lambda: f"{self.count} requests\n{by.written}"
        await until(lambda: len(self._held) >= count, written)

    def release(self) -> None:
        """Answer 200 to all that are there."""
        while self._held:
            self._held.pop().finish()


class ProcessTestCase(TestCase):
    """
    A receiver in this process, and a folder for others to run in.

    :ivar target: where the receiver is.
    :ivar site: the receiver.
    :ivar environment: more variables for the processes.
    """

    timeout = 180
    environment: Mapping[str, str] = MappingProxyType({})

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        store = Store(self.folder / "received", reactor=reactor)
        site = self.site = make_site(store, reactor=reactor, owner=self.owner)
        port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(store.close)
        self.addCleanup(site.drop_connections)
        self.addCleanup(port.stopListening)
        self.target = f"http://127.0.0.1:{port.getHost().port}/"

    def owner(self, request: Request) -> str:
        """Whose a request is."""
        return ""

    def holding(self) -> Holding:
        """A server that holds requests."""
        holding = Holding()
        port = reactor.listenTCP(0, Site(holding), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        holding.target = f"http://127.0.0.1:{port.getHost().port}/"
        return holding

    def file(self, name: str, size: int) -> bytes:
        """A new file of random bytes."""
        content = os.urandom(size)
        (self.folder / name).write_bytes(content)
        return content

    def received(self, name: str) -> bytes:
        """What arrived."""
        return (self.folder / "received" / name).read_bytes()

    def run_process(self, *arguments: str) -> Running:
        """Start a process."""
        return Running(self, arguments, self.folder)

    def python(self, *arguments: str) -> Running:
        """Start Python."""
        return self.run_process(sys.executable, *arguments)

    def twistd(self, *arguments: str) -> Running:
        """Start ``twistd -n resumable-upload``."""
        own = ("-n", "--pidfile=", "resumable-upload")
        return self.run_process(*_TWISTD, *own, *arguments)

    def receiver(self, *arguments: str) -> Running:
        """Start ``twistd -n resumable-receive``."""
        return self.run_process(*_TWISTD, "-n", "--pidfile=", "resumable-receive", *arguments)

    def daemon(self, *arguments: str) -> Running:
        """Start ``twistd resumable-upload``, that goes to the background."""
        return self.run_process(*_TWISTD, "resumable-upload", *arguments)
