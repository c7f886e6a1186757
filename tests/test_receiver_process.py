"""Tests for a receiver that is a process of its own."""

from __future__ import annotations

import re
import signal
import socket
from contextlib import closing
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from tests.ports import is_listening
from tests.processes import Ended, ProcessTestCase, Running, until
from tests.receiver_rig import ClientFile

reactor: Any = installed
CONTENT = bytes(range(65, 90))


class StopTests(ProcessTestCase):
    """SIGTERM."""

    async def start(self, *options: str) -> tuple[Running, int]:
        """A receiver. :returns: it, and its port."""
        running = self.receiver("--port", "0", "--directory", "files", *options)
        await running.has_said("Receiving at http://127.0.0.1:")
        found = re.search(r"Receiving at http://127.0.0.1:(\d+)/", running.written)
        assert found is not None
        return running, int(found[1])

    async def test_drains(self) -> None:
        """A chunk that arrives is taken, nobody else gets in, and then the process ends."""
        running, port = await self.start()
        data = ClientFile(CONTENT, chunk_size=25).upload(1)
        with closing(_connect(port)) as busy, closing(_connect(port)) as begun:
            busy.sendall(data[:-5])
            begun.sendall(data[:20])
            with closing(_connect(port)) as idle:
                idle.sendall(ClientFile(CONTENT, "other", "other").test(1))
                # Once it has responded to this, it has read what was sent before.
                self.assertIn(b" 404 ", await deferToThread(idle.recv, 65536))
                running.signal("TERM")
                self.assertEqual(await deferToThread(_rest_of, idle), b"")
            await until(lambda: not is_listening(port))
            begun.sendall(data[20:])
            refused = await deferToThread(_rest_of, begun)
            self.assertTrue(refused.startswith(b"HTTP/1.1 503 "), refused)
            self.assertIn(b"\r\nRetry-After: 1\r\n", refused)
            self.assertFalse(running.ended.called)
            busy.sendall(data[-5:])
            taken = await deferToThread(_rest_of, busy)
        self.assertTrue(taken.startswith(b"HTTP/1.1 200 "), taken)
        for response in refused, taken:
            self.assertIn(b"\r\nConnection: close\r\n", response)
        ended = await running.ended
        self.assertEqual((ended.status, ended.signal), (None, signal.SIGTERM))
        self.assertEqual((self.folder / "files" / "file.dat").read_bytes(), CONTENT)

    async def end_amid_a_request(
        self, running: Running, slow: socket.socket, idle: socket.socket
    ) -> None:
        """Send SIGTERM while a chunk is missing its end, and another connection is between two."""
        slow.sendall(ClientFile(CONTENT, chunk_size=25).upload(1)[:-5])
        idle.sendall(ClientFile(CONTENT, "other", "other").test(1))
        self.assertIn(b" 404 ", await deferToThread(idle.recv, 65536))
        running.signal("TERM")

    async def test_grace(self) -> None:
        """What takes longer than it may is cut."""
        running, port = await self.start("--grace", "1s")
        with closing(_connect(port)) as slow, closing(_connect(port)) as idle:
            await self.end_amid_a_request(running, slow, idle)
            self.assertEqual(await deferToThread(_rest_of, slow), b"")
        ended = await running.ended
        self.assertEqual((ended.status, ended.signal), (None, signal.SIGTERM))
        self.assertIn("aborting 1 connection with unfinished requests", ended.output)

    async def test_second_signal(self) -> None:
        """What is under way is cut at once, and nobody complains."""
        running, port = await self.start("--grace", "50s")
        with closing(_connect(port)) as slow, closing(_connect(port)) as idle:
            await self.end_amid_a_request(running, slow, idle)
            self.assertEqual(await deferToThread(_rest_of, idle), b"")
            running.signal("INT")
            self.assertEqual(await deferToThread(_rest_of, slow), b"")
        ended = await running.ended
        self.assertEqual((ended.status, ended.signal), (None, signal.SIGTERM))
        self.assertIn("SIGINT: stopping at once", ended.output)
        self.assertIn("aborting 1 connection with unfinished requests", ended.output)
        self.assertNotIn("Traceback", ended.output + ended.errors)


class CredentialsTests(ProcessTestCase):
    """Those of object storage."""

    def start(self, **environment: str) -> Running:
        """A receiver whose credentials are looked for in a folder."""
        self.environment = {
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(self.folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "shared"),
            **environment,
        }
        storage = ("--store", "s3://bucket/a", "--s3-endpoint", "http://127.0.0.1:1")
        return self.receiver("--port", "0", *storage)

    async def test_mistaken(self) -> None:
        """Those that cannot be loaded end the process with 1, and a line says where they were."""
        (self.folder / "fails").write_text("[default]\ncredential_process = false\n", "utf-8")
        fails = str(self.folder / "fails")
        for expected, environment in (
            ("there are no credentials, neither AWS_ACCESS_KEY_ID", {}),
            ("(nope)", {"AWS_PROFILE": "nope", "AWS_REGION": "us-east-1"}),
            ("custom-process", {"AWS_CONFIG_FILE": fails}),
        ):
            ended = await self.start(**environment).ended
            self.assertEqual(ended.status, 1)
            self.check(ended, expected)

    async def test_mistaken_profile(self) -> None:
        """One that should name the region, and is not there, is an error in the options."""
        # Whether the status is 1 then depends on Twisted.
        self.check(await self.start(AWS_PROFILE="nope").ended, "(nope)")

    def check(self, ended: Ended, expected: str) -> None:
        """A line says what is wrong, and where credentials were looked for."""
        output = ended.output + ended.errors
        self.assertNotIn("Traceback", output)
        (line,) = [line for line in output.splitlines() if expected in line]
        self.assertIn("--s3-endpoint http://127.0.0.1:1: ", line)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            self.assertIn(self.environment[name], line)

    async def test_service_away(self) -> None:
        """A service of the network that has them, and is away, is waited for."""
        running = self.start(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://127.0.0.1:1/")
        await running.has_said("waiting for the storage: no credentials: ")
        self.assertFalse(running.ended.called)
        running.signal("TERM")
        self.assertEqual((await running.ended).signal, signal.SIGTERM)


class StorageTests(ProcessTestCase):
    """What is given as object storage."""

    environment = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}

    async def test_web_site(self) -> None:
        """A web site that turns it away ends the process with 1, and with a line that names it."""
        for status, page in (
            (403, Page(403, b"<html>no</html>")),
            (301, Page(301, b"<html>there</html>", "https://www.example.com/")),
        ):
            port = reactor.listenTCP(0, Site(page), interface="127.0.0.1")
            self.addCleanup(port.stopListening)
            endpoint = f"http://127.0.0.1:{port.getHost().port}"
            ended = await self.receiver(
                *("--port", "0", "--store", "s3://bucket/a", "--s3-endpoint", endpoint)
            ).ended
            self.assertEqual(ended.status, 1)
            self.assertNotIn("Traceback", ended.output + ended.errors)
            [line] = [each for each in ended.output.splitlines() if "does not start" in each]
            self.assertIn(f"does not start: --s3-endpoint {endpoint}: GET a/probe-", line)
            self.assertIn(f": {status} with a page that is no error of S3", line)
            self.assertEqual("at https://www.example.com/" in line, status == 301)


class Page(Resource):
    """A page of a web site, whatever is asked for."""

    isLeaf = True

    def __init__(self, status: int, body: bytes, location: str = "") -> None:
        super().__init__()
        self._status, self._body, self._location = status, body, location

    def render(self, request: Request) -> bytes:
        request.setResponseCode(self._status)
        if self._location:
            request.setHeader("Location", self._location)
        return self._body


def _connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=40)


def _rest_of(connection: socket.socket) -> bytes:
    """All that arrives until the end of a connection."""
    data = bytearray()
    try:
        while piece := connection.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return bytes(data)
