"""
A headless Chromium with a page that uploads.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import tempfile
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, ClassVar, Final

from attrs import asdict, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from tests.processes import until
from txresumable.receiver import ReceiverSite

from .install import BROWSER, NODE_MODULES, program

__all__ = ["FLAGS", "LIBRARIES", "PAGES", "Browser", "Chromium", "Job"]

PAGES: Final = Path(__file__).parent / "clients"
LIBRARIES: Final = {
    "resumable": "resumablejs/resumable.js",
    "flow": "@flowjs/flow.js/dist/flow.js",
    "simple": "simple-uploader.js/dist/uploader.js",
}
FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
)
_DEVTOOLS: Final = "--remote-debugging-port=0"


@frozen(kw_only=True)
class Job:
    """
    What the page is to upload.

    :ivar library: with which library; also the name of its dialect.
    :ivar options: what the library is given.
    :ivar file_name: the file's name.
    :ivar type: its media type, or nothing.
    :ivar stop_after: stop when so many chunks are stored; 0 for never.
    :ivar cookie: a cookie of the page's host, or nothing.
    :ivar files: into how many files the content is divided, equal parts with a number before the
        name, counted from 0; the page says ``completed`` of the last.
    :ivar patience: after how many milliseconds without progress a file is paused and resumed; 0
        for never.
    """

    library: str
    options: dict[str, Any] = field(factory=dict)
    file_name: str
    type: str = ""
    stop_after: int = 0
    cookie: str = ""
    files: int = 1
    patience: int = 0


class _Answer(Resource):
    """Something that a page asks for; ports come again, so that nothing may be kept."""

    isLeaf = True

    def __init__(self, type: str, content: bytes) -> None:
        super().__init__()
        self._type = type
        self._content = content

    def render_GET(self, request: Request) -> bytes:
        request.setHeader("Content-Type", self._type)
        request.setHeader("Cache-Control", "no-store")
        return self._content


class _Said(Resource):
    """Takes what a page has to say."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.first: Deferred[dict[str, Any]] = Deferred()

    def render_POST(self, request: Request) -> bytes:
        assert request.content is not None
        fields = json.loads(request.content.read())
        if not self.first.called:
            self.first.callback(fields)
        return b""


class Chromium:
    """
    A browser that runs until this process ends, with a profile of its own.
    """

    _last: ClassVar[Chromium | None] = None

    def __init__(self) -> None:
        chromium = program(BROWSER)
        assert chromium is not None
        # Sockets are made in there, whose paths have to be short.
        self._private = Path(tempfile.mkdtemp())
        self._profile = self._private / "profile"
        self._errors = self._private / "errors"
        own = dict.fromkeys(("HOME", "TMPDIR"), str(self._private))
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [chromium, *FLAGS, _DEVTOOLS, f"--user-data-dir={self._profile}", "about:blank"],
                env={**os.environ, **own},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        atexit.register(self._end)

    @classmethod
    def running(cls) -> Chromium:
        """The one that runs, or a new one."""
        if cls._last is None or cls._last._process.poll() is not None:
            cls._last = cls()
        return cls._last

    async def open(self, url: str) -> str:
        """Open a page; the result is what closes it."""
        await until(self._is_ready)
        answer = await deferToThread(self._ask, "PUT", f"new?{url}")
        identifier: str = json.loads(answer)["id"]
        return identifier

    async def close(self, identifier: str) -> None:
        """Close a page, whatever it is doing."""
        await deferToThread(self._ask, "GET", f"close/{identifier}")

    def _is_ready(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(self._errors.read_text("utf-8", "replace"))
        return "\n" in self._port()

    def _port(self) -> str:
        """What the browser has written about where it listens: the port, and then a path."""
        try:
            return (self._profile / "DevToolsActivePort").read_text("ascii")
        except FileNotFoundError:
            return ""

    def _ask(self, method: str, path: str) -> bytes:
        connection = HTTPConnection("127.0.0.1", int(self._port().split()[0]), timeout=30)
        with closing(connection):
            connection.request(method, f"/json/{path}")
            response = connection.getresponse()
            content = response.read()
        assert response.status == 200, content
        return content

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._private, ignore_errors=True)


class Browser:
    """
    A page's server on loopback, and the browser that shows the page.

    :param case: whose end is the server's too.
    :ivar origin: the page's.
    """

    def __init__(self, case: TestCase) -> None:
        from twisted.internet import reactor

        self._root = Resource()
        site = ReceiverSite(self._root)
        listening: Any = reactor
        port = listening.listenTCP(0, site, interface="127.0.0.1")
        case.addCleanup(site.drop_connections)
        case.addCleanup(port.stopListening)
        self.origin = f"http://127.0.0.1:{port.getHost().port}"

    async def upload(self, job: Job, content: bytes) -> dict[str, Any]:
        """
        Open the page, and close it when it has said how it went.

        :param job: what the page is to do.
        :param content: the file.
        :returns: what the page said: its ``event`` is ``completed``, ``failed`` or ``stopped``.
        """
        said = _Said()
        library = NODE_MODULES / LIBRARIES[job.library]
        for name, type, body in (
            (b"", "text/html", (PAGES / "page.html").read_bytes()),
            (b"page.js", "text/javascript", (PAGES / "page.js").read_bytes()),
            (b"library.js", "text/javascript", library.read_bytes()),
            (b"job", "application/json", json.dumps(asdict(job)).encode()),
            (b"content", "application/octet-stream", content),
        ):
            self._root.putChild(name, _Answer(type, body))
        self._root.putChild(b"said", said)
        chromium = Chromium.running()
        page = await chromium.open(f"{self.origin}/")
        try:
            answer = await said.first
        finally:
            await chromium.close(page)
        assert answer["event"] != "broken", answer
        return answer
