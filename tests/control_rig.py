"""
The control of a service in memory: a journal in simulated time, an operator, requests as bytes.
"""

from __future__ import annotations

import json
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.testing import StringTransport

from tests.journal_rig import JournalTestCase
from txresumable import Signal
from txresumable.errors import InvalidOption
from txresumable.push import Entry, FolderSettings, PushSettings, PushState, TargetSettings
from txresumable.push.control.events import EventLog
from txresumable.push.control.guard import OWN_HEADER, Guard
from txresumable.push.control.metrics import Metrics
from txresumable.push.control.root import make_root
from txresumable.push.control.site import ControlSite
from txresumable.push.control.traffic import Traffic

OWN = {OWN_HEADER: "1"}


class FakeService:
    """A service that only moves entries of its journal, and notes what it is asked for."""

    def __init__(self, case: JournalTestCase) -> None:
        self.journal: Any = case.journal
        self.changed: Any = case.journal.changed
        self.settings = settings()
        self.reloaded: Any = Signal("reloaded")
        self.chunk_sent: Any = Signal("chunk_sent")
        self.calls: list[tuple[Any, ...]] = []
        self.trouble = ""
        self.running = True
        self.rate: float | None = None
        self.sending: dict[str, float] = {}
        self.is_paused = False
        self.up: bool | None = True
        self.queue: dict[str, Any] | None = None

    def status(self) -> Deferred[dict[str, Any]]:
        return Deferred.fromCoroutine(self._status())

    async def _status(self) -> dict[str, Any]:
        counts = {} if self.journal is None else await self.journal.counts()
        return {
            "version": "1.0",
            "pid": 7,
            "running": self.running,
            "paused": self.is_paused,
            "rate": self.rate,
            "trouble": self.trouble,
            "was_damaged": False,
            "folders": {
                "scans": {
                    "path": "/srv/scans",
                    "target": "lab",
                    "files": {state.value: n for state, n in counts.get("scans", {}).items()},
                    "sending": self.sending,
                    "scanning": False,
                    "last_scan": 0.0,
                    "problem": "",
                }
            },
            "targets": {
                "lab": {"url": "https://lab.example", "up": self.up, "why": "", "until": 0.0}
            },
            "queue": self.queue,
        }

    def retry(self, id: int) -> Deferred[Entry]:
        return self.journal.move(id, PushState.QUEUED)

    release = again = retry

    def hold(self, id: int) -> Deferred[Entry]:
        return self.journal.move(id, PushState.HELD, why="held by an operator")

    def cancel(self, id: int) -> Deferred[Entry]:
        return self.journal.move(id, PushState.FAILED, why="cancelled by an operator")

    def retry_all(self, state: PushState | str) -> Deferred[int]:
        self.calls.append(("retry_all", state))
        return succeed(3)

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False

    def set_rate(self, *rate: float | None) -> None:
        self.calls.append(("set_rate", *rate))

    def set_concurrency(self, number: int | str) -> None:
        if number != "auto" and (not isinstance(number, int) or number < 1):
            raise InvalidOption("simultaneous_uploads", number, "must be at least 1")
        self.calls.append(("set_concurrency", number))

    def rescan(self, folder: str | None = None) -> Deferred[None]:
        self.calls.append(("rescan", folder))
        return succeed(None)

    def reload(self) -> Deferred[None]:
        return fail(InvalidOption("path", "/x", "must be a folder"))

    def add(self, folder: str, path: str) -> Deferred[Entry | None]:
        self.calls.append(("add", folder, path))
        if path == "missing":
            raise FileNotFoundError(2, "No such file or directory")
        return succeed(None)


def settings() -> PushSettings:
    """Those of one folder."""
    return PushSettings(
        state="/srv/state",
        targets={"lab": TargetSettings(name="lab", options={"target": "https://lab.example"})},
        folders={"scans": FolderSettings(name="scans", path="/srv/scans", target="lab")},
    )


@frozen
class Answer:
    """A response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Transport(StringTransport):
    """A connection that can be aborted."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        self.disconnecting = True


class ControlTestCase(JournalTestCase):
    """Tests of the control of a fake service, by requests."""

    token: str | None = None

    def setUp(self) -> None:
        super().setUp()
        self.service = FakeService(self)
        self.log = EventLog(self.clock, "boot")
        self.addCleanup(self.log.close)
        self.metrics = Metrics(self.service)
        self.traffic = Traffic()
        for listener in (self.log, self.metrics, self.traffic):
            self.journal.changed.register(listener.changed)
        self.service.chunk_sent.register(self.metrics.chunk_sent)
        guard = Guard(self.token, frozenset({"push.example"}))
        metrics = self.metrics.resource(guard)
        root = make_root(self.service, guard, self.log, self.traffic, metrics=metrics, page=True)
        self.site = ControlSite(root, self.clock)

    def connect(self) -> tuple[Any, Transport]:
        """A new connection."""
        channel: Any = self.site.buildProtocol(None)
        transport = Transport()
        channel.makeConnection(transport)
        return channel, transport

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[Any, Transport]:
        """Send a request on a new connection."""
        channel, transport = self.connect()
        content = body if isinstance(body, bytes) else b"" if body is None else _encoded(body)
        fields = {"Host": "localhost", "Content-Length": str(len(content)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        channel.dataReceived(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content)
        return channel, transport

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send a request, and read the response."""
        _, transport = self.send(method, path, body, headers)
        return answer(transport.value())

    def post(self, path: str, body: Any = None) -> Answer:
        """Have something done."""
        return self.ask("POST", path, body, OWN)


def _encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


def answer(received: bytes) -> Answer:
    """Read a response."""
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Answer(int(first.split()[1]), headers, body)
