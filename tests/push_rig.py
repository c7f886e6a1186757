"""A push service with its folder and its receiver in one place, in simulated time."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar
from unittest.mock import patch

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txresumable.push import (
    ControlSettings,
    Entry,
    FolderSettings,
    PushService,
    PushSettings,
    TargetSettings,
)
from txresumable.push.delivery import route
from txresumable.testing import ScriptedReceiver

TARGET = "http://127.0.0.1/upload"
TODAY = 1_800_000_000.0

_T = TypeVar("_T")


class FakeProcess:
    """
    A process that a test ends, if nobody kills it.

    :ivar environment: its variables.
    :ivar given: what it reads.
    """

    given = b""
    pid = None

    def __init__(self, protocol: Any, environment: dict[bytes, bytes]) -> None:
        self.environment = environment
        self._protocol = protocol
        protocol.makeConnection(self)

    def writeToChild(self, fd: int, data: bytes) -> None:
        """The facts, which are in the environment as well."""
        self.given += data

    def closeStdin(self) -> None:
        """There is no more."""

    def loseConnection(self) -> None:
        """Nobody listens any more."""

    def signalProcess(self, name: str) -> None:
        """It is killed."""
        self.end(137)

    def end(self, status: int = 0) -> None:
        """It ends."""
        protocol, self._protocol = self._protocol, None
        if protocol is None:
            raise ProcessExitedAlready()
        reason = ProcessTerminated(status) if status else ProcessDone(0)
        protocol.processEnded(Failure(reason))


class ProcessClock(Clock):
    """
    A clock that also starts processes.

    :ivar hooks: those that were started.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hooks: list[FakeProcess] = []

    def spawnProcess(self, protocol: Any, _: Any, words: Any, env: Any, path: Any) -> None:
        self.hooks.append(FakeProcess(protocol, env))


class PushTestCase(SynchronousTestCase):
    """
    A service that watches the folder ``folder`` below ``base``, and sends what is in it to a
    receiver in memory.
    """

    def setUp(self) -> None:
        self.clock = ProcessClock()
        self.base = os.path.abspath(self.mktemp())
        self.folder = os.path.join(self.base, "folder")
        os.makedirs(self.folder)
        self.receiver = ScriptedReceiver()
        self.events = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.services: list[PushService] = []
        self.changes: list[tuple[str, str]] = []
        self.skew = 0.0

    def tearDown(self) -> None:
        for service in self.services:
            stopped = service.stopService()
            self.clock.pump([1.0] * 40)
            self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def now(self) -> float:
        """The clock on the wall."""
        return TODAY + self.clock.seconds() + self.skew

    def settings(self, options: Any = (), **folder: Any) -> PushSettings:
        """Settings of one folder and one target."""
        given = {"target": TARGET, "chunk_size": 10, "retry_policy": lambda _: 1.0, **dict(options)}
        chosen = {"settle": 0.0, "rescan": 60.0, **folder}
        for name in "after", "failed":
            if name in chosen:
                chosen[name] = chosen[name].replace("BASE", self.base)
        return PushSettings(
            state=os.path.join(self.base, "state"),
            control=ControlSettings(socket=None),
            targets={"lab": TargetSettings(name="lab", options=given)},
            folders={
                "scans": FolderSettings(name="scans", path=self.folder, target="lab", **chosen)
            },
        )

    def service(self, options: Any = (), client: Any = None, **folder: Any) -> PushService:
        """A service that is not started."""
        service = PushService(
            self.settings(options, **folder),
            reactor=self.clock,
            client=client or self.receiver,
            now=self.now,
        )
        service.changed.register(self.noted)
        self.services.append(service)
        return service

    def started(self, options: Any = (), client: Any = None, **folder: Any) -> PushService:
        """A service that runs."""
        service = self.service(options, client, **folder)
        service.startService()
        self.successResultOf(service.when_started())
        return service

    def noted(self, before: Entry | None, after: Entry) -> None:
        """A file has got into another state."""
        if before is None or before.state is not after.state:
            self.changes.append((after.name, after.state.value))

    def file(self, name: str, text: str = "") -> str:
        """A new file in the folder, in the place of what is there; its path."""
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(os.path.join(self.base, "draft"), "w") as file:
            file.write(text or name)
        os.rename(os.path.join(self.base, "draft"), path)
        return path

    def entries(self, service: PushService) -> list[Entry]:
        """All that the journal knows."""
        assert service.journal is not None
        return self.successResultOf(service.journal.entries())

    def entry(self, service: PushService, name: str = "a") -> Entry:
        """The last version of one path."""
        return [each for each in self.entries(service) if each.name == name][-1]

    def states(self, service: PushService) -> dict[str, str]:
        """The state of each path."""
        return {entry.name: entry.state.value for entry in self.entries(service)}

    def rescan(self, service: PushService) -> None:
        """Have all found that is there."""
        scanned = service.rescan()
        self.clock.pump([0.1] * 3)
        self.successResultOf(scanned)

    def restarted(self, service: PushService) -> PushService:
        """The service, stopped and started."""
        self.stop(service)
        service.startService()
        self.successResultOf(service.when_started())
        return service

    def stop(self, service: PushService) -> None:
        """Stop it."""
        stopped = service.stopService()
        self.clock.pump([1.0] * 30)
        self.successResultOf(stopped)

    def hung(self, asking: Callable[[], Deferred[Any]]) -> tuple[Callable[[], None], Deferred[Any]]:
        """Ask for something while threads hang. :returns: what ends that, and the result."""
        left: list[tuple[Deferred[Any], Any, tuple[Any, ...]]] = []

        def run(_: object, work: Any, *args: Any) -> Deferred[Any]:
            left.append((Deferred(), work, args))
            return left[-1][0]

        with patch.object(route, "run_in_thread", run):
            asked = asking()

        def go_on() -> None:
            [(waiting, work, args)] = left
            maybeDeferred(work, *args).chainDeferred(waiting)

        return go_on, asked

    def stored(self) -> dict[str, bytes]:
        """What the receiver has, by its path."""
        files = self.receiver.files.values()
        return {file.relative_path: file.content for file in files if file.is_complete}

    def lines(self) -> list[str]:
        """What was logged."""
        return [formatEvent(event) or "" for event in self.events]

    def result(self, deferred: Deferred[_T]) -> _T:
        """What it has fired with."""
        return self.successResultOf(deferred)
