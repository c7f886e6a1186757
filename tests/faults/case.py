"""
A test case that leaves nothing behind, and says so if it does.
"""

from __future__ import annotations

import gc
import os
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.filepath import FilePath
from twisted.trial.unittest import TestCase

from tests.authority import Authority
from tests.figures import note
from tests.http_rig import make_agent, make_request_client
from txresumable import Resumable, Upload
from txresumable._http.client import RequestClient
from txresumable._runtime.clock import steady

from .server import Peer, RawServer, Request, Script

__all__ = ["FaultCase", "certified", "open_descriptors", "or_serve", "reactor"]

reactor: Any = installed

NEIGHBOUR = "neighbour.bin"


@cache
def _leave_modules_alone() -> None:
    """Looking through all that was ever imported is most of what a collection costs."""
    gc.freeze()


def open_descriptors() -> dict[int, str]:
    """What this process has open: by number, what it is."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the folder itself, open only while it was read
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def or_serve(fault: Callable[[Peer, Request], object]) -> Script:
    """A script that serves the neighbour well, and does something else to everybody else."""

    def script(peer: Peer) -> None:
        while True:
            request = peer.head()
            if request.name == NEIGHBOUR:
                peer.serve(request)
            else:
                fault(peer, request)

    return script


def certified(authority: Authority, name: str = "localhost") -> ssl.SSLContext:
    """TLS for a server whose certificate an authority has issued."""
    path = FilePath(f"{name}.pem")
    path.setContent(authority.issue(name))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path.path)
    return context


class FaultCase(TestCase):
    """
    Afterwards no file that was uploaded may be open, even before the uploaders are closed; and once
    they are, no descriptor that was not open before, no call may be delayed, and no error may be in
    the log.
    """

    timeout = 20

    def setUp(self) -> None:
        _leave_modules_alone()
        gc.collect()
        self._descriptors = open_descriptors()
        self._servers: list[RawServer] = []
        self._closing: list[Callable[[], Deferred[None]]] = []

    async def tearDown(self) -> None:  # type: ignore[override]
        left: dict[str, Any] = {"files that are open": await self._settled(self.open_files)}
        for close in reversed(self._closing):
            await close()
        await deferLater(reactor, 0)  # Twisted flushes what it writes over TLS a turn later
        own = "TestCase._run.<locals>.onTimeout"
        left["calls still to come"] = [
            call for call in reactor.getDelayedCalls() if own not in repr(call)
        ]
        for server in self._servers:
            server.stop()
        left["descriptors that are open"] = await self._settled(self.left_open)
        gc.collect()
        left["errors in the log"] = [each.getTraceback() for each in self.flushLoggedErrors()]
        note("faults", tests=1, leaks=sum(map(len, left.values())))
        self.assertEqual({what: each for what, each in left.items() if each}, {})

    async def _settled(self, left: Callable[[], Any]) -> Any:
        """
        Sockets that were aborted are closed by the reactor's next turns; what a thread was just
        opening is closed when it is through.

        :returns: what is left nevertheless.
        """
        deadline = reactor.seconds() + 2
        while left() and reactor.seconds() < deadline:
            await deferLater(reactor, 0.001)
        return left()

    def left_open(self) -> dict[int, str]:
        """What is open and was not before."""
        own = (f"/proc/{os.getpid()}/fd", "pipe:")  # of the listing, and the reactor's
        return {
            number: what
            for number, what in open_descriptors().items()
            if self._descriptors.get(number) != what and not what.startswith(own)
        }

    def open_files(self) -> list[str]:
        """The files that are open and were not before."""
        return [what for what in self.left_open().values() if what.startswith(os.getcwd())]

    # What a test needs -------------------------------------------------------------------------

    def serve(self, script: Script, **options: Any) -> RawServer:
        server = RawServer(script, **options).start()
        self._servers.append(server)
        return server

    def uploader(self, target: Any, **options: Any) -> Resumable:
        """An uploader without patience, which is closed in the end."""
        given: dict[str, Any] = {
            "reactor": reactor,
            "chunk_retry_interval": 0,
            "max_chunk_retries": 3,
            "test_chunks": False,
            **options,
        }
        uploader = Resumable(target, **given)
        self._closing.append(uploader.close)
        return uploader

    def transport(self, stall_timeout: float = 5.0, **options: Any) -> RequestClient:
        """A transport over an agent of our own, which is closed in the end."""
        clock = steady(reactor)
        limits = {
            name: options.pop(name)
            for name in (
                "connect_timeout",
                "max_idle",
                "trust_root",
                "client_certificate",
                "endpoint",
            )
            if name in options
        }
        agent = make_agent(reactor, clock, stall_timeout=stall_timeout, **limits)
        client = make_request_client(
            reactor, clock, agent=agent, stall_timeout=stall_timeout, **options
        )
        self._closing.append(client.close)
        return client

    def file(self, content: bytes, name: str = "upload.bin") -> str:
        """The path of a file with this content."""
        path = os.path.abspath(name)
        with open(path, "wb") as written:
            written.write(content)
        return path

    def neighbour(self, uploader: Resumable, size: int = 300_000) -> Upload:
        """Another file of the same uploader, which nothing is wrong with."""
        content = bytes(at * 7 % 251 for at in range(1000)) * (size // 1000)
        upload = uploader.add_file(self.file(content, NEIGHBOUR))
        self.neighbour_content = content
        return upload

    async def check_neighbour(self, upload: Upload, server: RawServer) -> None:
        await upload
        self.assertEqual(server.content(NEIGHBOUR), self.neighbour_content)

    async def failure(self, waiting: Deferred[Any], *kinds: type[BaseException]) -> Any:
        """What something fails with, which must be one of these kinds."""
        try:
            result = await waiting
        except kinds as error:
            return error
        raise self.failureException(f"there was no failure, but {result!r}")
