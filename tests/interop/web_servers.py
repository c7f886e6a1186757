"""
Web servers that others wrote and that are no receivers, or stand before one: each a process of its
own, on a free port of the loopback interface, with a configuration of its own in a test's folder.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from attrs import frozen

from tests.ports import is_listening, unused_port
from tests.processes import ProcessTestCase, Running, until

from .install import program, why_not_installed
from .scenarios import require

__all__ = ["CommandTestCase", "Logged", "WebServer", "file_server", "nginx", "squid"]

_ATTEMPTS = 5

_NGINX = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {{ }}
http {{
    log_format lines '$request_method $request_uri $status';
    access_log requests.log lines;
    client_body_temp_path bodies;
    proxy_temp_path proxied;
    fastcgi_temp_path fastcgi;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    {http}
    server {{
        listen 127.0.0.1:{port};
        {server}
    }}
}}
"""

_SQUID = """
http_port 127.0.0.1:{port} accel defaultsite=uploads.example.com no-vhost
cache_peer 127.0.0.1 parent {origin} 0 no-query no-digest originserver name=origin
{more}
http_access allow all
pid_filename none
cache_log /dev/null
logformat lines %rm %ru %>Hs
strip_query_terms off
acl uploads method GET POST
access_log stdio:{folder}/requests.log lines uploads
coredump_dir {folder}
shutdown_lifetime 0 seconds
pinger_enable off
"""


@frozen
class Logged:
    """
    A request that a web server has written down.

    :ivar method: of the request.
    :ivar chunk: the number of the chunk, or 0.
    :ivar status: of the response.
    """

    method: str
    chunk: int
    status: int


@frozen
class WebServer:
    """
    A server that runs until the test ends.

    :ivar url: where it is, without a path.
    :ivar process: that it is.
    """

    url: str
    process: Running
    _log: Path

    def requests(self, method: str) -> list[Logged]:
        """The requests with a method, in the order of their ends."""
        lines = (line.split() for line in self._log.read_text("utf-8").splitlines())
        logged = (Logged(line[0], _chunk(line[1]), int(line[2])) for line in lines)
        return [each for each in logged if each.method == method]

    def statuses(self, method: str) -> list[int]:
        """Their statuses."""
        return [each.status for each in self.requests(method)]


def _chunk(url: str) -> int:
    return int(parse_qs(urlsplit(url).query).get("resumableChunkNumber", ["0"])[0])


class CommandTestCase(ProcessTestCase):
    """
    The command, and a receiver in this process that web servers may stand before.

    :cvar parts: what has to be installed.
    """

    parts: tuple[str, ...] = ()

    def setUp(self) -> None:
        require(self, why_not_installed(*self.parts))
        super().setUp()

    @property
    def origin(self) -> int:
        """The port of the receiver."""
        return int(self.target.rstrip("/").rpartition(":")[2])

    def upload(self, url: str, *arguments: str) -> Running:
        """Start ``txresumable upload``; files and options come after the URL."""
        return self.python("-m", "txresumable", "upload", url, *arguments)


async def nginx(case: CommandTestCase, server: str, http: str = "") -> WebServer:
    """
    Start nginx.

    :param server: directives of its only server.
    :param http: directives beside that.
    """
    folder = Path(case.mktemp()).absolute()
    folder.mkdir()

    def command(port: int) -> tuple[str, ...]:
        configuration = _NGINX.format(port=port, server=server, http=http)
        (folder / "nginx.conf").write_text(configuration, "utf-8")
        return (_program("nginx"), "-e", "stderr", "-p", str(folder), "-c", "nginx.conf")

    return await _start(case, command, folder / "requests.log")


async def squid(case: CommandTestCase, more: str = "") -> WebServer:
    """
    Start squid as an accelerator before the receiver.

    :param more: directives besides.
    """
    # Started by root it goes on as somebody who may not look into the test's folder.
    folder = Path(tempfile.mkdtemp())
    case.addCleanup(shutil.rmtree, folder)
    folder.chmod(0o777)

    def command(port: int) -> tuple[str, ...]:
        configuration = _SQUID.format(port=port, origin=case.origin, folder=folder, more=more)
        (folder / "squid.conf").write_text(configuration, "utf-8")
        return (_program("squid"), "-N", "-d", "1", "-f", str(folder / "squid.conf"))

    return await _start(case, command, folder / "requests.log")


async def file_server(case: CommandTestCase, folder: Path) -> WebServer:
    """Start Python's own server of files; it writes nothing down."""

    def command(port: int) -> tuple[str, ...]:
        own = ("--bind", "127.0.0.1", "--directory", str(folder))
        return (sys.executable, "-m", "http.server", str(port), *own)

    return await _start(case, command, folder)


def _program(name: str) -> str:
    path = program(name)
    assert path is not None
    return path


async def _start(
    case: CommandTestCase, command: Callable[[int], tuple[str, ...]], log: Path
) -> WebServer:
    """Start a server on a port that was free a moment before, and wait until it listens."""
    for _ in range(_ATTEMPTS):
        port = unused_port()
        process = Running(case, command(port), case.folder)
        await until(lambda port=port, process=process: process.ended.called or is_listening(port))
        if not process.ended.called:
            return WebServer(f"http://127.0.0.1:{port}", process, log)
    raise AssertionError(f"it did not start:\n{process.written}")
