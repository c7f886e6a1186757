"""The command, and our receiver behind squid."""

from __future__ import annotations

from tests.processes import reactor, until

from .web_servers import CommandTestCase, squid


class SquidTests(CommandTestCase):
    """squid as an accelerator: it stands before the receiver, and clients do not know."""

    parts = ("squid",)
    timeout = 120
    options = ("--chunk-size", "50000", "--max-chunk-retries", "8")

    async def test_arrives(self) -> None:
        """Forty chunks arrive, each of them sent once; sent again, all of them are there."""
        content = self.file("some.bin", 40 * 50_000)
        server = await squid(self)
        for said in ("40 chunks sent", "0 chunks sent, 40 were already stored"):
            ended = await self.upload(f"{server.url}/upload", "some.bin", *self.options).ended
            self.assertEqual(ended.status, 0, ended.errors)
            self.assertEqual(ended.output, f"1 of 1 files uploaded: {said}\n")
            self.assertEqual(self.received("some.bin"), content)
        self.assertEqual(server.statuses("POST"), [200] * 40)

    async def test_too_large(self) -> None:
        """A request that is above squid's limit is refused with advice."""
        self.file("some.bin", 3_000_000)
        server = await squid(self, "request_body_max_size 500 KB")
        ended = await self.upload(f"{server.url}/upload", "some.bin").ended
        self.assertEqual(
            (ended.status, ended.output), (1, "0 of 1 files uploaded: 0 chunks sent\n")
        )
        self.assertIn("bytes of the file: lower chunk_size (--chunk-size))", ended.errors)

    async def test_away(self) -> None:
        """While the receiver is away squid says so, and the upload goes on when it is back."""
        content = self.file("some.bin", 20 * 50_000)
        port = reactor.listenTCP(0, self.site, interface="127.0.0.1")
        number = port.getHost().port
        self.target = f"http://127.0.0.1:{number}/"
        server = await squid(self)
        uploading = self.upload(
            f"{server.url}/upload", "some.bin", *self.options, "--max-rate", "200000"
        )
        await until(lambda: server.statuses("POST").count(200) >= 3)
        await port.stopListening()
        self.site.drop_connections()
        await until(lambda: {502, 503} & set(server.statuses("POST")))
        port = reactor.listenTCP(number, self.site, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        ended = await uploading.ended
        self.assertEqual(ended.status, 0, ended.errors)
        self.assertEqual(self.received("some.bin"), content)

    async def test_forbidden(self) -> None:
        """What squid does not let through is refused at once, with the title of its page."""
        self.file("some.bin", 100_000)
        server = await squid(self, "http_access deny all")
        ended = await self.upload(f"{server.url}/upload", "some.bin").ended
        self.assertEqual(ended.status, 4)
        self.assertRegex(
            ended.errors,
            rf"^some\.bin: chunk 1 was refused with 403 by {server.url}/upload: ERROR: .+\n$",
        )
