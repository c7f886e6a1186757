"""Hostile names and headers, and secrets that are to stay where they are."""

from __future__ import annotations

import os
import re
from email import message_from_bytes
from typing import Any

from twisted.logger import globalLogPublisher

from txresumable import FileRejected, InvalidOption, ResumableError, RetriesExhausted
from txresumable.errors import InsecureCredentials

from .case import FaultCase, or_serve
from .server import Peer, RawServer, Request, reply

HOSTILE = {
    'a"b': "a%22b",
    "a\rb": "a%0Db",
    "a\nb": "a%0Ab",
    "a\r\nX-Injected: yes\r\n\r\nb": "a%0D%0AX-Injected: yes%0D%0A%0D%0Ab",
    "a\\b": "a\\b",
    "a%22b": "a%22b",
    "a; filename=b": "a; filename=b",
    "\udc80\udcff": "\N{REPLACEMENT CHARACTER}" * 2,
    "\N{SNOWMAN}é日🎉": "\N{SNOWMAN}é日🎉",
    "\x7f\x01\t": "\x7f\x01\t",
    "..": "..",
    " ": " ",
    "x" * 10_000: "x" * 10_000,
}
"""File names, and how they stand in a multipart body."""


class NameTests(FaultCase):
    """C16: names that would become something else."""

    def receive(self) -> RawServer:
        self.bodies: list[Request] = []

        def script(peer: Peer) -> None:
            while True:
                request = peer.request()
                self.bodies.append(request)
                peer.send(reply(200))

        return self.serve(script)

    async def test_hostile_names(self) -> None:
        """C16: whatever a file is called, one request comes, of one file, by that name."""
        server = self.receive()
        uploader = self.uploader(server.url)
        for name, sent in HOSTILE.items():
            await uploader.add_file(b"content", file_name=name)
            request = self.bodies.pop()
            self.assertEqual(self.bodies, [], name)
            self.assertTrue(re.fullmatch(r"[!-~]+", request.target), name)
            self.assertNotIn("\nX-Injected", request.head.decode("latin-1"))
            disposition = f'form-data; name="file"; filename="{sent}"\r\n'.encode()
            self.assertEqual(request.body.count(disposition), 1, name)
            self.assertEqual(request.chunk, b"content", name)
            plain = name.encode("utf-8", "replace").decode().replace("??", "\ufffd\ufffd")
            self.assertEqual(request.name, sent if "\udc80" in name else plain)

    async def test_hostile_paths(self) -> None:
        """C16: files whose names on disk are hostile are sent under what is left of them."""
        server = self.receive()
        uploader = self.uploader(server.url)
        for name in (b"\xff\xfe.bin", b"a\nb", b'"', b"-rf", b"%00", b"\\"):
            path = os.path.join(os.getcwdb(), name)
            with open(path, "wb") as file:
                file.write(b"content")
            await uploader.add_file(os.fsdecode(path))
            request = self.bodies.pop()
            self.assertEqual(request.chunk, b"content")
            self.assertEqual(request.name, name.decode("utf-8", "replace"))

    async def test_null(self) -> None:
        """C16: a NUL in a name or an identifier is refused, and nothing is sent."""
        server = self.receive()
        uploader = self.uploader(server.url)
        await self.failure(uploader.add_file(b"x", file_name="a\0b"), FileRejected)
        await self.failure(
            uploader.add_file(b"x", file_name="a", relative_path="a\0/b"), FileRejected
        )
        naming = self.uploader(server.url, generate_unique_identifier=lambda file: "a\0b")
        await self.failure(naming.add_file(b"x", file_name="a"), InvalidOption)
        self.assertEqual(self.bodies, [])

    async def test_hostile_identifiers(self) -> None:
        """C16: an identifier is sent as a value, whatever is in it."""
        server = self.receive()
        for identifier in ("a\r\nX-Injected: yes", 'a"&b=c#d', "\udcff", "../../etc/passwd"):
            uploader = self.uploader(
                server.url, generate_unique_identifier=lambda file, name=identifier: name
            )
            await uploader.add_file(b"content", file_name="a")
            request = self.bodies.pop()
            self.assertNotIn("\nX-Injected", request.head.decode("latin-1"))
            self.assertEqual(
                request.query["resumableIdentifier"], identifier.replace("\udcff", "\ufffd")
            )
            self.assertEqual(request.chunk, b"content")

    async def test_hostile_parameters(self) -> None:
        """C16: a custom query cannot end a field, a URL or a request."""
        server = self.receive()
        query = {'a"\r\n\r\nb': "c\r\n--boundary--\r\n", "d&e=f": "#?&"}
        uploader = self.uploader(server.url, query=query)
        await uploader.add_file(b"content", file_name="a")
        request = self.bodies.pop()
        self.assertEqual(request.query, {**request.query, **query})
        kind = (request.field("content-type") or "").encode()
        message: Any = message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + request.body)
        self.assertEqual(len(message.get_payload()), 9 + 2 + 1)

    async def test_hostile_headers(self) -> None:
        """C16: header names and values that would be more than one header are refused."""
        server = self.receive()
        for name, value in (
            ("X", "a\r\nY: b"),
            ("X", "a\nY: b"),
            ("X", "a\0"),
            ("X\r\nY", "a"),
            ("X Y", "a"),
            ("", "a"),
            ("X:", "a"),
            ("Content-Length", "0"),
            ("transfer-encoding", "chunked"),
            ("Host", "elsewhere"),
            ("X", "\udcff"),
        ):
            with self.assertRaises(InvalidOption, msg=(name, value)):
                self.uploader(server.url, headers={name: value})
            later = self.uploader(server.url, headers=lambda *_, it=(name, value): dict([it]))
            await self.failure(later.add_file(b"x", file_name="a"), InvalidOption)
        self.assertEqual(self.bodies, [])

    async def test_hostile_targets(self) -> None:
        """C16: a function that gives what is no URL fails the upload, and nothing is sent."""
        server = self.receive()
        for target in (
            f"{server.url} HTTP/1.1\r\nX: y\r\n\r\n",
            f"{server.url}/a b",
            f"{server.url}/é",
            "ftp://127.0.0.1/",
            "http://",
            "http:///upload",
            "//127.0.0.1/",
            f"http://user:password@127.0.0.1:{server.port}/",
            "",
            None,
        ):
            uploader = self.uploader(lambda pairs, target=target: target)
            error = await self.failure(uploader.add_file(b"x", file_name="a"), InvalidOption)
            self.assertNotIn("password", f"{error} {error!r}")
        self.assertEqual(self.bodies, [])


class SecretTests(FaultCase):
    """What must not be told."""

    def test_refused_target(self) -> None:
        """A target that is refused for the password in it is shown without."""
        for target in ("http://user:s3cret@host/", "http://host/\n?s3cret"):
            with self.assertRaises(InvalidOption) as caught:
                self.uploader(target)
            self.assertNotIn("s3cret", str(caught.exception))

    async def test_nothing_secret_is_told(self) -> None:
        """Tokens in headers, in the query and in the target are in no log, error or repr."""

        def fault(peer: Peer, request: Request) -> None:
            peer.body(request)
            number = len(server.requests)
            if number == 1:
                peer.send(b"nonsense\r\n\r\n")
            elif number == 2:
                peer.reset()
            elif number < 5:
                peer.send(reply(503, b"busy", "Retry-After: 0"))
            else:
                peer.send(reply(302, b"", "Location: /there?token=s3cret"))

        server = self.serve(or_serve(fault))
        said: list[str] = []

        def hear(event: dict[str, Any]) -> None:
            said.append(repr(event))

        observer: Any = hear
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        uploader = self.uploader(
            f"{server.url}?token=s3cret",
            headers={"Authorization": "Bearer s3cret"},
            query={"key": "s3cret"},
            max_chunk_retries=10,
        )
        upload = uploader.add_file(b"x", file_name="a")
        error = await self.failure(upload, ResumableError)
        said += [repr(each) for each in (uploader, upload, upload.file, upload.file.chunks[0])]
        said += [str(error), repr(error), repr(uploader.options)]
        for url in ("http://127.0.0.1:1/?s3cret", "http://nowhere.invalid/?s3cret"):
            later = self.uploader(url, headers={"Cookie": "s3cret"}, max_chunk_retries=0)
            error = await self.failure(later.add_file(b"x", file_name="a"), RetriesExhausted)
            said += [str(error), repr(error)]
        self.assertTrue(any("tried again" in each for each in said))
        self.assertEqual([each for each in said if "s3cret" in each], [])

    async def test_unencrypted(self) -> None:
        """Credentials over plain HTTP to another machine are refused, or cost one warning."""
        for headers in ({"Authorization": "Bearer s3cret"}, {"cookie": "s3cret"}):
            for target in ("http://nowhere.invalid/", "HTTP://nowhere.invalid/"):
                uploader = self.uploader(target, headers=headers, insecure_credentials="refuse")
                error = await self.failure(
                    uploader.add_file(b"x", file_name="a"), InsecureCredentials
                )
                self.assertNotIn("s3cret", str(error))
