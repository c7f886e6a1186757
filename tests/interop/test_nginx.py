"""The command, and our receiver behind nginx."""

from __future__ import annotations

import re
import socket
from base64 import b64encode
from typing import Any, ClassVar
from urllib.parse import urlsplit

import treq
from twisted.web.server import Request

from tests.examples import ROOT, examples
from tests.processes import Ended, reactor, until
from txresumable.receiver import ReceiverResource, Refused, Store, make_site

from .web_servers import CommandTestCase, WebServer, nginx

_BEGINNING = (
    b"POST /upload?resumableChunkNumber=1&resumableChunkSize=1000&resumableTotalSize=1000"
    b"&resumableIdentifier=begun&resumableFilename=begun HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\nthe beginning"
)
"""A request whose body does not come."""


class BehindNginx(CommandTestCase):
    """
    A file, and the receiver behind a location of nginx.
    """

    parts = ("nginx",)
    timeout = 120

    async def before(self, location: str = "", http: str = "", server: str = "") -> WebServer:
        """nginx before the receiver, with directives."""
        proxied = f"location / {{ proxy_pass {self.target}; {location} }}"
        return await nginx(self, f"{server}\n{proxied}", http)

    def assert_complete(self, ended: Ended, content: bytes, said: str) -> None:
        """The command ended well, and the file arrived as it is."""
        self.assertEqual((ended.status, ended.output), (0, f"1 of 1 files uploaded: {said}\n"))
        self.assertEqual(self.received("some.bin"), content)


class LimitTests(BehindNginx):
    """``client_max_body_size``, which is 1 MiB unless nginx is told otherwise."""

    options: ClassVar[dict[str, str]] = {"server": "nginx"}

    async def test_default_chunks(self) -> None:
        """Chunks of the default size are too large; that is said after three tries, with advice."""
        self.file("some.bin", 3_000_000)
        server = await self.before()
        url = f"{server.url}/upload"
        ended = await self.upload(url, "some.bin", "--simultaneous-uploads", "1").ended
        self.assertEqual(
            (ended.status, ended.output), (1, "0 of 1 files uploaded: 0 chunks sent\n")
        )
        self.assertEqual(
            ended.errors.splitlines()[-1],
            "some.bin: chunk 1 failed 3 times, the last time: "
            f"chunk 1 was refused with 413 by {url}: "
            "413 Request Entity Too Large (the server takes smaller requests than this one with "
            "1048576 bytes of the file: lower chunk_size (--chunk-size))",
        )
        self.assertEqual(server.statuses("POST"), [413] * 3)

    async def test_last_chunk(self) -> None:
        """The last chunk, which may have nearly twice the size, is what counts."""
        self.file("some.bin", 2_399_999)
        server = await self.before()
        chunks = ("--chunk-size", "600000", "--simultaneous-uploads", "1")
        ended = await self.upload(f"{server.url}/upload", "some.bin", *chunks).ended
        self.assertEqual(
            (ended.status, ended.output), (1, "0 of 1 files uploaded: 2 chunks sent\n")
        )
        self.assertIn("this one with 1199999 bytes of the file", ended.errors)
        self.assertEqual(server.statuses("POST"), [200, 200, 413, 413, 413])

    async def test_half(self) -> None:
        """Chunks of less than half the limit fit, and so do whole ones of equal size."""
        content = self.file("some.bin", 2_399_999)
        server = await self.before()
        known = ("--server", self.options["server"])
        ended = await self.upload(f"{server.url}/", "some.bin", *known).ended
        self.assert_complete(ended, content, "4 chunks sent")
        content = self.file("some.bin", 2_399_999)
        (self.folder / "received" / "some.bin").unlink()
        equal = ("--chunk-size", "1000000", "--force-chunk-size")
        ended = await self.upload(f"{server.url}/", "some.bin", *equal).ended
        self.assert_complete(ended, content, "3 chunks sent")


class RateTests(BehindNginx):
    """``limit_req``: two requests a second, and what is above that is refused."""

    async def limited(self, status: int) -> None:
        """
        An upload goes on at the pace that nginx allows, whatever is refused meanwhile: more than
        would end it if all of that were counted.
        """
        content = self.file("some.bin", 10 * 50_000)
        server = await self.before(
            f"limit_req zone=slow; limit_req_status {status};",
            "limit_req_zone $server_port zone=slow:1m rate=2r/s;",
        )
        options = ("--chunk-size", "50000", "--test-chunks", "no", "--max-chunk-retries", "15")
        ended = await self.upload(f"{server.url}/upload", "some.bin", *options).ended
        self.assert_complete(ended, content, "10 chunks sent")
        statuses = server.statuses("POST")
        self.assertEqual(statuses.count(200), 10)
        self.assertGreater(statuses.count(status), 15)

    async def test_too_many_requests(self) -> None:
        """429 holds all chunks until the time is over."""
        await self.limited(429)

    async def test_unavailable(self) -> None:
        """So does 503, which is what nginx responds with by default, without ``Retry-After``."""
        await self.limited(503)


class BufferTests(BehindNginx):
    """Requests and responses that nginx keeps, passes on, or stores."""

    async def assert_arrives(self, server: WebServer, *options: str) -> None:
        """Forty chunks arrive, each of them sent once; sent again, all of them are there."""
        content = self.file("some.bin", 40 * 50_000)
        chunks = ("--chunk-size", "50000", "--max-chunk-retries", "0", *options)
        ended = await self.upload(f"{server.url}/upload", "some.bin", *chunks).ended
        self.assert_complete(ended, content, "40 chunks sent")
        self.assertEqual(server.statuses("POST"), [200] * 40)
        ended = await self.upload(f"{server.url}/upload", "some.bin", *chunks).ended
        self.assert_complete(ended, content, "0 chunks sent, 40 were already stored")
        self.assertEqual(len(server.requests("POST")), 40)

    async def test_buffered(self) -> None:
        """By default nginx keeps a request until it is whole, in a file if it is not small."""
        await self.assert_arrives(await self.before("client_body_buffer_size 8k;"))

    async def test_unbuffered(self) -> None:
        """As the documentation has it, what arrives is passed on."""
        location = (
            "client_max_body_size 0; proxy_request_buffering off; proxy_http_version 1.1; "
            "proxy_buffering off;"
        )
        await self.assert_arrives(await self.before(location))

    async def test_few_requests_a_connection(self) -> None:
        """Connections that nginx ends after three requests are replaced without a retry."""
        await self.assert_arrives(await self.before("keepalive_requests 3;"))

    async def test_connections_end_early(self) -> None:
        """Without persistent connections each request has its own."""
        await self.assert_arrives(await self.before("keepalive_timeout 0;"))

    async def test_cache(self) -> None:
        """A cache that would keep everything for a day keeps nothing of the receiver."""
        location = "proxy_cache all; proxy_cache_valid any 1d; proxy_cache_methods GET HEAD POST;"
        cache = self.folder / "cache"
        server = await self.before(
            location, f"proxy_cache_path {cache} keys_zone=all:1m use_temp_path=off;"
        )
        await self.assert_arrives(server)
        self.assertEqual([path for path in cache.rglob("*") if path.is_file()], [])


class DocumentedTests(BehindNginx):
    """What the page on security has nginx do."""

    async def as_documented(self, **options: Any) -> tuple[WebServer, str]:
        """nginx, and its URL by name."""
        resource = self.site.resource
        assert isinstance(resource, ReceiverResource)
        assert isinstance(resource.store, Store)
        self.store = resource.store
        site = make_site(self.store, hosts="localhost", max_connections=0, **options)
        port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(site.drop_connections)
        self.addCleanup(port.stopListening)
        page = ROOT / "docs" / "receiver-security.rst"
        (shown,) = (each.code for each in examples(page) if each.language == "nginx")
        shown = shown.replace("127.0.0.1:8080", f"127.0.0.1:{port.getHost().port}")
        http, _, directives = shown.rpartition("}")[0].partition("server {")
        server = await nginx(
            self, re.sub(r"^ *(listen|ssl_\w+) .*\n", "", directives, flags=re.M), http
        )
        return server, server.url.replace("127.0.0.1", "localhost")

    async def test_chunks(self) -> None:
        """Chunks of the default size arrive, and are passed on before they are whole."""
        server, named = await self.as_documented()
        content = self.file("some.bin", 3_000_000)
        ended = await self.upload(f"{named}/upload", "some.bin").ended
        self.assert_complete(ended, content, "2 chunks sent")
        with socket.create_connection(("127.0.0.1", urlsplit(server.url).port)) as connection:
            connection.sendall(_BEGINNING)
            await until(lambda: self.store.unfinished == 1)

    async def test_names(self) -> None:
        """The receiver knows its name: pages from there may upload, and others may not."""
        server, named = await self.as_documented()
        for url, origin, status in (
            (named, named, 204),
            (named, "http://pages.example", 403),
            (server.url, server.url, 421),
        ):
            response = await treq.request(
                "OPTIONS", f"{url}/upload", headers={"Origin": origin}, persistent=False
            )
            self.assertEqual(response.code, status, (url, origin))

    async def test_refused(self) -> None:
        """What the receiver refuses before it has arrived is no 502: the client hears why."""

        def nobody(request: Request) -> str:
            raise Refused(401, "log in")

        server, named = await self.as_documented(owner=nobody)
        self.file("some.bin", 20_000_000)
        options = ("--chunk-size", "8000000", "--test-chunks", "no")
        ended = await self.upload(f"{named}/upload", "some.bin", *options).ended
        self.assertIn("was refused with 401", ended.errors)
        self.assertEqual(set(server.statuses("POST")) - {499}, {401})


class AwayTests(BehindNginx):
    """A receiver that is away for a while, and nginx that says so."""

    async def test_comes_back(self) -> None:
        """While nginx says 502 no retries are used up; the upload goes on when that is over."""
        content = self.file("some.bin", 20 * 50_000)
        port = reactor.listenTCP(0, self.site, interface="127.0.0.1")
        number = port.getHost().port
        self.target = f"http://127.0.0.1:{number}/"
        server = await self.before()
        options = ("--chunk-size", "50000", "--max-chunk-retries", "8", "--max-rate", "200000")
        uploading = self.upload(f"{server.url}/upload", "some.bin", *options)
        await until(lambda: server.statuses("POST").count(200) >= 3)
        await port.stopListening()
        self.site.drop_connections()
        await until(lambda: 502 in server.statuses("POST"))
        port = reactor.listenTCP(number, self.site, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        ended = await uploading.ended
        self.assert_complete(ended, content, "20 chunks sent")
        self.assertEqual(server.statuses("POST").count(200), 20)


class AccessTests(BehindNginx):
    """Who is let in, and where."""

    async def test_password(self) -> None:
        """Without a password the upload is refused, with advice; with one it arrives."""
        content = self.file("some.bin", 100_000)
        passwords = self.folder / "passwords"
        passwords.write_text("somebody:{PLAIN}hunter2\n", "utf-8")
        location = f"auth_basic uploads; auth_basic_user_file {passwords};"
        url = f"{(await self.before(location)).url}/upload"
        ended = await self.upload(url, "some.bin").ended
        self.assertEqual(ended.status, 4)
        self.assertEqual(
            ended.errors,
            f"some.bin: chunk 1 was refused with 401 by {url}: 401 Authorization Required "
            "(headers can have credentials)\n",
        )
        secret = b64encode(b"somebody:hunter2").decode()
        header = ("--header", f"Authorization: Basic {secret}")
        ended = await self.upload(url, "some.bin", *header).ended
        self.assert_complete(ended, content, "1 chunks sent")

    async def test_moved(self) -> None:
        """A redirect, as to https, is not followed, and its end is what to set the target to."""
        self.file("some.bin", 100_000)
        server = await self.before(server="location /upload { return 301 https://$host/upload; }")
        ended = await self.upload(f"{server.url}/upload", "some.bin").ended
        self.assertEqual(ended.status, 4)
        self.assertIn("https://127.0.0.1/upload", ended.errors)
        self.assertEqual(server.statuses("POST"), [301])
