"""Faults of proxies: what they see, what they refuse, and that they are not there."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.logger import formatEvent, globalLogPublisher

from tests.authority import Authority
from tests.proxies import ProxyFactory
from txresumable import ChunkRejected, ProxyRefused, RetriesExhausted, TLSRejected
from txresumable.errors import ConnectFailed, InsecureCredentials, ResumableError

from .case import FaultCase, certified, reactor
from .server import Peer, RawServer

SECRET = b"confidential content"
BASIC = b"Basic YW5uYTpzM2NyZXQ="  # anna:s3cret


class ProxyTests(FaultCase):
    """Uploads by way of a proxy."""

    def setUp(self) -> None:
        self.authority = Authority("proxied")
        self.root = trustRootFromCertificates([Certificate.loadPEM(self.authority.certificate)])
        self.factory = ProxyFactory(reactor)
        # With its first port, Twisted keeps a descriptor back for when there is none.
        port = reactor.listenTCP(0, self.factory, interface="127.0.0.1")
        super().setUp()
        self.logged: list[str] = []
        observer: Any = lambda event: self.logged.append(f"{event} {formatEvent(event)}")  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self._closing += [self.factory.close, port.stopListening]
        self.address = f"127.0.0.1:{port.getHost().port}"
        self.proxy = f"http://anna:s3cret@{self.address}"

    async def tearDown(self) -> None:  # type: ignore[override]
        """Nothing that was logged has the password."""
        await super().tearDown()
        for said in self.logged:
            self.assertNotIn("s3cret", said)
            self.assertNotIn("YW5uYTpzM2NyZXQ", said)

    def secure(self, name: str = "receiver.example") -> tuple[RawServer, str]:
        """A server with a certificate, and its URL by a name that only the proxy knows."""
        server = self.serve(Peer.serve_all, context=certified(self.authority, name))
        return server, server.url.replace("127.0.0.1", "receiver.example")

    def assert_unsaid(self, error: BaseException) -> None:
        """Neither the error nor any that caused it has the password."""
        at: BaseException | None = error
        while at is not None:
            self.assertNotIn("s3cret", f"{at} {at!r} {vars(at)}")
            self.assertNotIn("YW5uYTpzM2NyZXQ", f"{at} {at!r}")
            at = at.__cause__

    async def test_tunnel(self) -> None:
        """C24: what is meant for TLS goes through a tunnel, and the proxy sees nothing of it."""
        server, url = self.secure()
        uploader = self.uploader(
            url,
            proxy=self.proxy,
            trust_root=self.root,
            headers={"Authorization": "Bearer of-the-server"},
            insecure_credentials="refuse",
            chunk_size=1000,
        )
        content = SECRET * 1000
        await uploader.add_file(self.file(content))
        self.assertEqual(server.content("upload.bin"), content)
        for head in self.factory.heads:
            self.assertTrue(head.startswith(b"CONNECT receiver.example:"), head)
            self.assertIn(b"Proxy-Authorization: " + BASIC, head)
            self.assertNotIn(b"Bearer", head)
        self.assertLessEqual(len(self.factory.heads), 3, "connections are used again")
        self.assertGreater(len(self.factory.seen), len(content))
        self.assertNotIn(SECRET, self.factory.seen)
        self.assertNotIn(b"of-the-server", self.factory.seen)
        for request in server.requests:
            self.assertIsNone(request.field("Proxy-Authorization"))
            self.assertIn(b"Bearer of-the-server", request.head)

    async def test_other_certificate(self) -> None:
        """C24: the certificate has to be for the server, whoever the proxy connects to."""
        for name, root in (("elsewhere.example", self.root), ("receiver.example", None)):
            server, url = self.secure(name)
            uploader = self.uploader(url, proxy=self.proxy, trust_root=root)
            await self.failure(uploader.add_file(self.file(SECRET)), TLSRejected)
            self.assertEqual(server.requests, [])

    async def test_forwarded(self) -> None:
        """What goes over plain HTTP is forwarded, and only the proxy gets its password."""
        server = self.serve(Peer.serve_all)
        url = server.url.replace("127.0.0.1", "receiver.example")
        uploader = self.uploader(f"{url}?a=1", proxy=self.proxy, chunk_size=10_000)
        content = SECRET * 2000
        await uploader.add_file(self.file(content))
        self.assertEqual(server.content("upload.bin"), content)
        origin = url.encode()
        for head in self.factory.heads:
            self.assertTrue(head.startswith(b"POST " + origin + b"?a=1&"), head)
            self.assertIn(b"\r\nHost: " + origin[7:].partition(b"/")[0] + b"\r\n", head)
            self.assertIn(b"\r\nProxy-Authorization: " + BASIC, head)

    async def test_password(self) -> None:
        """A proxy that wants another password fails files at once, and is named."""
        self.factory.refusal = (
            b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
        )
        server, url = self.secure()
        for target in (url, url.replace("https:", "http:")):
            for proxy, words in (
                (self.proxy, "does not accept this user and password"),
                (f"http://{self.address}", "requires a user and a password"),
            ):
                del self.factory.heads[:]
                uploader = self.uploader(target, proxy=proxy, test_chunks=True)
                upload = uploader.add_file(self.file(SECRET))
                error = await self.failure(upload, ProxyRefused)
                self.assertIn(f"the proxy http://{self.address} {words}", str(error))
                self.assert_unsaid(error)
                self.assertNotIn("s3cret", f"{uploader!r} {uploader.options!r}")
                self.assertEqual(len(self.factory.heads), 1)
        self.assertEqual(server.connections, 0)

    async def test_refused(self) -> None:
        """A host that the proxy does not connect to fails files at once."""
        self.factory.refusal = b"HTTP/1.1 403 Not that one\r\nContent-Length: 0\r\n\r\n"
        _, url = self.secure()
        uploader = self.uploader(url, proxy=self.proxy)
        error = await self.failure(uploader.add_file(self.file(SECRET)), ProxyRefused)
        self.assertIn("responds to CONNECT with 403 Not that one", str(error))
        self.assert_unsaid(error)

    async def test_nobody_behind(self) -> None:
        """C10: a server that the proxy cannot reach is tried again, as any that is away."""
        unused = socket.socket()
        unused.bind(("127.0.0.1", 0))
        url = f"https://receiver.example:{unused.getsockname()[1]}/"
        uploader = self.uploader(url, proxy=self.proxy)
        error = await self.failure(uploader.add_file(self.file(SECRET)), RetriesExhausted)
        unused.close()
        self.assertIsInstance(error.last, ConnectFailed)
        self.assertIn("502 Bad Gateway", str(error))
        self.assertEqual((error.attempts, len(self.factory.heads)), (4, 4))
        self.assert_unsaid(error)

    async def test_nobody_behind_what_is_forwarded(self) -> None:
        """C10: so it is where the proxy says of itself that it cannot forward."""
        for status, server, is_own in (
            ("500 Unable to connect", "tinyproxy/1.11.1", True),
            ("503 Service Unavailable", "squid/5.7", True),
            ("504 Gateway Timeout", "Squid", True),
            ("500 Of the server", "squidward/1.0", False),
            ("500 Of the server", "", False),
            ("403 Forbidden", "squid/5.7", False),
        ):
            head = f"HTTP/1.1 {status}\r\nServer: {server}\r\nContent-Length: 0\r\n\r\n"
            self.factory.refusal = head.encode()
            uploader = self.uploader("http://receiver.example/", proxy=self.proxy)
            upload = uploader.add_file(self.file(SECRET))
            error = await self.failure(upload, RetriesExhausted, ChunkRejected)
            self.assertIs(isinstance(error, RetriesExhausted), is_own, status)
            if is_own:
                self.assertIsInstance(error.last, ConnectFailed)
                said = f"the proxy http://{self.address} responds with {status}"
                self.assertIn(said, str(error))
                self.assert_unsaid(error)

    async def test_no_proxy(self) -> None:
        """C10: a proxy that is not there is tried again, and is what the error is about."""
        unused = socket.socket()
        unused.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{unused.getsockname()[1]}"
        for target in ("https://receiver.example/", "http://receiver.example/"):
            uploader = self.uploader(target, proxy=f"http://anna:s3cret@{place}")
            error = await self.failure(uploader.add_file(self.file(SECRET)), RetriesExhausted)
            self.assertIsInstance(error.last, ConnectFailed)
            self.assertIn(f"no connection to the proxy http://{place}: ", str(error))
            self.assert_unsaid(error)
        unused.close()
        self.assertTrue(any("connection to the proxy" in said for said in self.logged))

    async def test_mute(self) -> None:
        """C10: a proxy that says nothing is given up within connect_timeout, and let go."""
        mute = self.serve(Peer.ignore)
        uploader = self.uploader(
            "https://receiver.example/",
            proxy=mute.url.removesuffix("/upload"),
            connect_timeout=0.2,
            max_chunk_retries=0,
        )
        error = await self.failure(uploader.add_file(self.file(SECRET)), RetriesExhausted)
        self.assertIn("no connection within 0.2 s", str(error))
        await mute.when("left")

    async def test_chosen(self) -> None:
        """A function says which proxy a server is reached by, once for each."""
        asked = []

        def choose(origin: str) -> str | None:
            asked.append(origin)
            return self.proxy if origin.startswith("https:") else None

        server, url = self.secure()
        plain = self.serve(Peer.serve_all)
        targets = iter([plain.url, url] * 2)

        def target(pairs: list[str]) -> str:
            return f"{next(targets)}?{'&'.join(pairs)}"

        uploader = self.uploader(target, proxy=choose, trust_root=self.root)
        for name in "abcd":
            await uploader.add_file(SECRET, file_name=name)
        self.assertEqual([plain.content("a"), server.content("b")], [SECRET] * 2)
        self.assertEqual(len(self.factory.heads), 1)
        self.assertEqual(asked, [each.removesuffix("/upload") for each in (plain.url, url)])

    async def test_function_that_fails(self) -> None:
        """A function that raises, or returns no proxy, fails files at once."""

        def no_proxy(origin: str) -> Any:
            return "socks5://anna:s3cret@proxy.example"

        def fails(origin: str) -> Any:
            raise KeyError("s3cret")

        for choose, words in (
            (no_proxy, "proxy must be http://HOST:PORT or http://USER:PASSWORD@HOST:PORT"),
            (fails, "proxy raised KeyError for http://receiver.example:80"),
        ):
            uploader = self.uploader("http://receiver.example/", proxy=choose)
            error = await self.failure(uploader.add_file(self.file(SECRET)), ResumableError)
            self.assertIn(words, str(error))
            self.assertNotIn("s3cret", str(error))

    async def test_cleartext_on_the_way(self) -> None:
        """C24: credentials for this machine leave it if the proxy is another one."""
        uploader = self.uploader(
            "http://localhost/",
            proxy="http://proxy.example",
            headers={"Authorization": "Bearer of-the-server"},
            insecure_credentials="refuse",
        )
        await self.failure(uploader.add_file(self.file(SECRET)), InsecureCredentials)
