"""
The receivers that other people wrote: what starts each, and one that runs.

What a host prints and where it stores is said in ``hosts/README.rst``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IReactorProcess, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from .install import NODE, NODE_MODULES, PHP, python_of

__all__ = [
    "DASH_FLOW",
    "DASH_RESUMABLE",
    "DASH_UPLOADER",
    "DASH_UPLOADER_06",
    "DASH_UPLOADER_07",
    "DJANGO_ASYNC",
    "DJANGO_RESUMABLE",
    "FLASK_ALL",
    "FLASK_LAST",
    "FLASK_RENAMING",
    "FLOWJS_NODE",
    "FLOWJS_TORNADO",
    "RESUMABLEJS_JAVA",
    "RESUMABLEJS_NODE",
    "RESUMABLEJS_PHP",
    "SIMPLE_UPLOADER",
    "Receiver",
    "RunningReceiver",
    "sha256_of",
    "start",
]

HOSTS: Final = Path(__file__).parent / "hosts"

START_TIMEOUT: Final = 60.0
STOP_TIMEOUT: Final = 10.0


@frozen
class Receiver:
    """
    What starts a receiver.

    :ivar part: what has to be installed.
    :ivar script: the host's file.
    :ivar path: where it takes uploads.
    :ivar flags: what the host is told besides the folder to work in.
    :ivar also: what else has to be installed.
    """

    part: str
    script: str
    path: str
    flags: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    def command(self, root: Path) -> list[str]:
        """
        The command line.

        :param root: the folder that is the receiver's own.
        """
        interpreter = {
            NODE: shutil.which("node") or "node",
            PHP: sys.executable,
            "java": sys.executable,
        }
        program = interpreter.get(self.part) or str(python_of(self.part))
        return [program, str(HOSTS / self.script), str(root), *self.flags]


RESUMABLEJS_PHP: Final = Receiver(
    PHP, "php_server.py", "/upload", ("resumablejs/samples/Backend on PHP.md",), (NODE,)
)
RESUMABLEJS_JAVA: Final = Receiver("java", "java_sample.py", "/upload", also=("jetty", NODE))
RESUMABLEJS_NODE: Final = Receiver(NODE, "node_samples.js", "/upload", ("resumable",))
FLOWJS_NODE: Final = Receiver(NODE, "node_samples.js", "/upload", ("flow",))
DJANGO_ASYNC: Final = Receiver("django-async", "django_async.py", "/upload/")
DJANGO_RESUMABLE: Final = Receiver("django-resumable", "django_resumable.py", "/upload/")
FLOWJS_TORNADO: Final = Receiver("flowjs", "flowjs_tornado.py", "/upload")
FLASK_ALL: Final = Receiver("flask", "flask_sample.py", "/upload", ("all",))
FLASK_LAST: Final = Receiver("flask", "flask_sample.py", "/upload", ("last",))
FLASK_RENAMING: Final = Receiver("flask", "flask_sample.py", "/upload", ("renaming",))
DASH_RESUMABLE: Final = Receiver("dash-uploader", "dash_gunicorn.py", "/upload", ("resumable",))
DASH_FLOW: Final = Receiver("dash-uploader-0.7", "dash_gunicorn.py", "/upload", ("flow",))
DASH_UPLOADER: Final = Receiver("dash", "dash_ng.py", "/upload")
DASH_UPLOADER_06: Final = Receiver("dash-uploader", "dash_original.py", "/upload")
DASH_UPLOADER_07: Final = Receiver("dash-uploader-0.7", "dash_original.py", "/upload")
SIMPLE_UPLOADER: Final = Receiver("flowjs", "simple_uploader.py", "/upload")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal, read piece by piece."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


class _Host(ProcessProtocol):
    """What a host says; ``ready`` fires with its first line and ``ended`` when it is gone."""

    def __init__(self) -> None:
        self.ready: Deferred[dict[str, Any]] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self.said: list[dict[str, Any]] = []
        self._is_ready = False
        self._errors = b""
        self._rest = b""

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._heard(json.loads(line))

    def _heard(self, fields: dict[str, Any]) -> None:
        if self._is_ready:
            self.said.append(fields)
        else:
            self._is_ready = True
            self.ready.callback(fields)

    def errReceived(self, data: bytes) -> None:
        self._errors += data

    def processEnded(self, reason: Failure) -> None:
        if not self._is_ready:
            self._is_ready = True
            self.ready.errback(AssertionError(f"it did not start:\n{self.errors}"))
        self.ended.callback(None)

    @property
    def errors(self) -> str:
        """What it wrote to standard error."""
        return self._errors.decode("utf-8", "replace")


class RunningReceiver:
    """
    A receiver that takes uploads.

    :ivar url: the target of uploads.
    :ivar headers: what clients have to send: a session, a token.
    :ivar query: parameters that clients have to send.
    """

    def __init__(self, host: _Host, process: Any, root: Path, clock: IReactorTime) -> None:
        self._host = host
        self._process = process
        self._root = root
        self._clock = clock
        self.url = ""
        self.headers: dict[str, str] = {}
        self.query: dict[str, str] = {}

    def listens(self, path: str, ready: dict[str, Any]) -> None:
        """Take what the host said when it was ready."""
        self.url = f"http://127.0.0.1:{ready['port']}{path}"
        self.headers = ready.get("headers", {})
        self.query = ready.get("query", {})

    async def stop(self) -> None:
        """
        End the process, and wait until it is gone and all that it said has been heard.  To call it
        again does nothing.
        """
        if not self._host.ended.called:
            self._signal("TERM")
            kill = self._clock.callLater(STOP_TIMEOUT, self._signal, "KILL")
            await self._host.ended
            if kill.active():
                kill.cancel()

    def _signal(self, name: str) -> None:
        with contextlib.suppress(ProcessExitedAlready):
            self._process.signalProcess(name)

    @property
    def errors(self) -> str:
        """What it wrote to standard error."""
        return self._host.errors

    def stored(self) -> dict[str, str]:
        """The SHA-256 of each finished file, by its name."""
        files = (path for path in (self._root / "stored").iterdir() if path.is_file())
        return {path.name: sha256_of(path) for path in files}

    def requests(self, method: str) -> Counter[int]:
        """How often each chunk was asked for; complete once the receiver has been stopped."""
        return Counter(said["chunk"] for said in self._host.said if said["method"] == method)

    def sent_again(self) -> set[str]:
        """The names of files of which a chunk was sent more than once, likewise."""
        sent = Counter(
            (said["file_name"], said["chunk"])
            for said in self._host.said
            if said["method"] == "POST"
        )
        return {name for (name, _), count in sent.items() if count > 1}

    def found(self) -> set[int]:
        """The chunks that a test was told are there."""
        return {
            said["chunk"]
            for said in self._host.said
            if said["method"] == "GET" and said["status"] == 200
        }

    def statuses(self, method: str) -> set[int]:
        """Every status that requests with a method were answered."""
        return {said["status"] for said in self._host.said if said["method"] == method}

    def texts(self) -> list[str]:
        """What it wrote in the body of each reply, where the host tells."""
        return [said.get("text", "") for said in self._host.said]

    def file_names(self) -> set[str]:
        """The file names that it was told in requests."""
        return {said["file_name"] for said in self._host.said}


async def start(receiver: Receiver, root: Path, reactor: Any) -> RunningReceiver:
    """
    Start a receiver, and wait until it listens.

    :param root: a folder for it alone; one that a stopped receiver left is gone on with.
    :param reactor: runs the process and keeps the time.
    :raises AssertionError: with what the host wrote when it ended instead.
    """
    assert IReactorProcess.providedBy(reactor) and IReactorTime.providedBy(reactor)
    root.mkdir(parents=True, exist_ok=True)
    host = _Host()
    command = receiver.command(root.resolve())
    environment = dict(os.environ, NODE_PATH=str(NODE_MODULES), PYTHONUTF8="1")
    environment.pop("PYTHONPATH", None)
    process = reactor.spawnProcess(host, command[0], command, env=environment)
    running = RunningReceiver(host, process, root, reactor)
    impatience = reactor.callLater(START_TIMEOUT, running._signal, "KILL")
    try:
        running.listens(receiver.path, await host.ready)
    finally:
        if impatience.active():
            impatience.cancel()
    return running
