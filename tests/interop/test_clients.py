"""Clients that other people wrote, uploading to our receiver."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from twisted.web.server import Request

from tests.processes import Running
from txresumable.receiver import Refused

from . import client_scenarios
from .client_scenarios import EVERY, harmless, sha256
from .install import python_of
from .scenarios import AWKWARD_NAME, MIB

HERE = Path(__file__).parent


class PythonTests(client_scenarios.ClientTestCase):
    """
    PyPI's ``resumable`` 0.1.1: threads; parameters in the body only, those of its tests too; the
    ceil rule; a random identifier for each file; a path as it was given for the relative path.
    """

    parts = ("resumable",)

    def file(self, name: str, size: int) -> dict[str, str]:
        """A new file of random bytes; the result is what is to arrive."""
        content = os.urandom(size)
        (self.folder / name).write_bytes(content)
        return {name: sha256(content)}

    async def upload(self, url: str, chunk_size: int, *names: str) -> list[dict[str, Any]]:
        """Upload files; the result is what the client said of each when it was finished."""
        script = str(HERE / "clients" / "pypi_resumable.py")
        command = (str(python_of("resumable")), "-I", script, url, str(chunk_size), *names)
        ended = await Running(self, command, self.folder).ended
        self.assertEqual(ended.status, 0, ended.errors)
        return [json.loads(line) for line in ended.output.splitlines()]

    async def test_arrives(self) -> None:
        """
        A file of many chunks arrives, each of them sent once.  The tests, whose parameters are in
        the body of a GET, are answered 400, and the chunks are sent.
        """
        receiver = self.receiver()
        files = self.file("some.bin", 40 * 10_000 + 7)
        said = await self.upload(receiver.url, 10_000, "some.bin")
        self.assertEqual(receiver.stored(), files)
        self.assertEqual(said, [{"path": "some.bin", "size": 400_007, "is_completed": True}])
        self.assertEqual(receiver.requests("POST").total(), 41)
        self.assertEqual(receiver.statuses("POST"), {200})
        self.assertEqual(receiver.requests("GET").total(), 41)
        self.assertEqual(receiver.statuses("GET"), {400})

    async def test_several_to_the_service(self) -> None:
        """Files with other names and sizes, one of them with no full chunk, arrive at twistd's."""
        url = await self.twistd()
        files = self.file(AWKWARD_NAME, 3 * MIB) | self.file("one byte", 1)
        files |= self.file("even.bin", 2 * MIB)
        await self.upload(url, MIB, *files)
        self.assertEqual(self.received(), {harmless(name): files[name] for name in files})


class ResumableJsTests(client_scenarios.MoreBrowserUploads):
    """npm's ``resumablejs`` 1.1.0."""

    dialect = "resumable"
    absent = 404
    patient = {}
    patient_options = {"xhrTimeout": 2000}

    async def test_base64(self) -> None:
        """Chunks as ``data:`` URLs in a field of a form arrive."""
        receiver = self.receiver()
        said = await self.upload(receiver.url, chunkFormat="base64")
        self.assert_completed(said)
        self.assertEqual(receiver.requests("POST"), EVERY)

    async def test_empty_file(self) -> None:
        """A file without a byte arrives as one chunk, in each of the formats."""
        receiver = self.receiver()
        self.content = b""
        formats: tuple[tuple[str, dict[str, Any]], ...] = (
            ("multipart", {}),
            ("octet", {"method": "octet"}),
            ("base64", {"chunkFormat": "base64"}),
        )
        for name, options in formats:
            said = await self.upload(receiver.url, name, minFileSize=0, **options)
            self.assertEqual((said["event"], name), ("completed", name), said)
            self.assertEqual(receiver.stored()[name], sha256(b""))

    async def test_other_options(self) -> None:
        """
        The ceil rule, the last chunk second, chunks of the file's type, no tests, a namespace,
        custom parameters, and a name with a line end, which a form holds otherwise than a URL.
        """
        receiver = self.receiver(namespace="ns-")
        name = 'two\nlines & "more".txt'
        said = await self.upload(
            receiver.url + "?a=b",
            name,
            {"type": "text/plain"},
            forceChunkSize=True,
            prioritizeFirstAndLastChunk=True,
            setChunkTypeFromFile=True,
            simultaneousUploads=1,
            testChunks=False,
            parameterNamespace="ns-",
            query={"resumable": "Chunk Number", "file2": "x"},
        )
        self.assert_completed(said, name)
        chunks = [asked.chunk for asked in receiver.asked if asked.method == "POST"]
        self.assertEqual(chunks, [1, 21, *range(2, 21)])
        self.assertEqual(receiver.requests("GET").total(), 0)

    async def test_who_uploads(self) -> None:
        """A page on the list may send a header of its own and the cookies of the receiver."""

        def owner(request: Request) -> str:
            if request.getCookie(b"session") != b"some" or request.getHeader("X-Token") != "more":
                raise Refused(401, "who are you?")
            return "somebody"

        receiver = self.receiver(owner=owner)
        said = await self.upload(
            receiver.url,
            job={"cookie": "session=some"},
            headers={"X-Token": "more"},
            withCredentials=True,
            maxChunkRetries=1,
        )
        self.assert_completed(said)
        self.assertEqual(receiver.statuses("POST"), {200})


class FlowJsTests(client_scenarios.MoreBrowserUploads):
    """npm's ``@flowjs/flow.js`` 2.14.1: parameters in the URL of tests, in the body of uploads."""

    dialect = "flow"
    absent = 204


class SimpleUploaderJsTests(client_scenarios.BrowserUploads):
    """npm's ``simple-uploader.js`` 0.6.0: as flow.js, with names without a prefix."""

    dialect = "simple"
    absent = 204
