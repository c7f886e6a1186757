"""Uploads by way of proxies that others wrote: Tinyproxy and Squid."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.ssl import Certificate, PrivateCertificate, trustRootFromCertificates
from twisted.python.failure import Failure

from tests.authority import Authority
from tests.ports import is_listening, unused_port
from tests.processes import ProcessTestCase, until
from txresumable import ProxyRefused, Resumable, RetriesExhausted, TLSRejected
from txresumable.errors import ConnectFailed, ResumableError

from .install import program, why_not_installed
from .scenarios import require

reactor: Any = installed
SQUID_AUTHENTICATION = "/usr/lib/squid/basic_ncsa_auth"
S3CRET = "anna:$apr1$saltsalt$64vPg1.FPS6FtcYJ7Ti1V."
"""``anna`` with the password ``s3cret``, as ``openssl passwd -apr1`` writes it."""


class Running(ProcessProtocol):
    """
    A proxy.

    :ivar written: what it wrote.
    """

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()
        self.written = b""

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self.written += data

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(None)


class ThroughProxy(ProcessTestCase):
    """
    What has to come through any proxy.

    :cvar blames_the_server: whether it says 401 to a wrong password, as if it were the server.
    :ivar log: where the proxy says what it was asked for.
    """

    program = ""
    blames_the_server = False

    async def setUp(self) -> None:  # type: ignore[override]
        require(self, why_not_installed(self.program))
        super().setUp()
        authority = Authority("proxied")
        self.root = trustRootFromCertificates([Certificate.loadPEM(authority.certificate)])
        options = PrivateCertificate.loadPEM(authority.issue("localhost")).options()
        port = reactor.listenSSL(0, self.site, options, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.secure = f"https://127.0.0.1:{port.getHost().port}/"
        (self.folder / "ca.pem").write_bytes(authority.certificate)
        # One that runs as another user can get there.
        self.own = Path(mkdtemp())
        self.addCleanup(shutil.rmtree, self.own)
        self.own.chmod(0o777)
        self.log = self.own / "log"
        self.place = unused_port()
        command = (program(self.program) or self.program, *self.configured())
        running = Running()
        process = reactor.spawnProcess(running, command[0], command, path=str(self.own))

        async def end() -> None:
            if not running.ended.called:
                process.signalProcess("KILL")
            await running.ended

        self.addCleanup(lambda: Deferred.fromCoroutine(end()))
        await until(lambda: is_listening(self.place) or running.ended.called)
        self.assertFalse(running.ended.called, running.written)
        self.proxy = f"http://anna:s3cret@127.0.0.1:{self.place}"

    def configured(self) -> tuple[str, ...]:
        """Write its configuration; :returns: its arguments."""
        raise NotImplementedError

    async def upload(self, target: str, content: bytes, **options: Any) -> None:
        """Upload a file in chunks of 10,000 bytes."""
        uploader = Resumable(target, reactor=reactor, chunk_size=10_000, **options)
        try:
            await uploader.add_file(content, file_name="a.bin")
        finally:
            await uploader.close()

    async def test_secure(self) -> None:
        """What is meant for TLS arrives through a tunnel, over few connections."""
        content = self.file("a.bin", 95_000)
        await self.upload(self.secure, content, proxy=self.proxy, trust_root=self.root)
        self.assertEqual(self.received("a.bin"), content)
        place = self.secure.removeprefix("https://").rstrip("/")
        await until(lambda: f"CONNECT {place}" in self.log.read_text())
        self.assertLessEqual(self.log.read_text().count(f"CONNECT {place}"), 3)

    async def test_plain(self) -> None:
        """What is not meant for TLS is forwarded."""
        content = self.file("a.bin", 95_000)
        await self.upload(self.target, content, proxy=self.proxy)
        self.assertEqual(self.received("a.bin"), content)
        await until(lambda: self.log.read_text().count(f"POST {self.target}") == 9)

    async def test_certificate(self) -> None:
        """The certificate is that of the server, and is verified here."""
        with self.assertRaises(TLSRejected):
            await self.upload(self.secure, b"x", proxy=self.proxy)

    async def test_password(self) -> None:
        """A wrong password, or none, fails at once, and is named but not shown."""
        for target in (self.secure, self.target):
            for user, words in (
                ("anna:wr0ng@", "does not accept this user and password"),
                ("", "requires a user and a password"),
            ):
                proxy = f"http://{user}127.0.0.1:{self.place}"
                with self.assertRaises(ResumableError) as caught:
                    await self.upload(target, b"x", proxy=proxy, trust_root=self.root)
                if user and target is self.target and self.blames_the_server:
                    self.assertEqual(getattr(caught.exception, "status", 0), 401)
                else:
                    self.assertIsInstance(caught.exception, ProxyRefused)
                    self.assertIn(words, str(caught.exception))
                self.assertNotIn("wr0ng", str(caught.exception))

    async def test_nobody_behind(self) -> None:
        """A server that the proxy cannot reach is tried again."""
        for scheme, words in (
            ("https", "responds to CONNECT with 50"),
            ("http", "responds with 50"),
        ):
            with self.assertRaises(RetriesExhausted) as caught:
                await self.upload(
                    f"{scheme}://127.0.0.1:{unused_port()}/",
                    b"x",
                    proxy=self.proxy,
                    max_chunk_retries=2,
                    chunk_retry_interval=0.01,
                )
            self.assertIsInstance(caught.exception.last, ConnectFailed)
            self.assertIn(words, str(caught.exception))

    async def test_server_that_restarts(self) -> None:
        """An upload goes on when a server that was away behind the proxy is there again."""
        content = self.file("a.bin", 95_000)
        place = unused_port()
        uploader = Resumable(
            f"http://127.0.0.1:{place}/",
            reactor=reactor,
            proxy=self.proxy,
            chunk_size=10_000,
            simultaneous_uploads=1,
            chunk_retry_interval=0.05,
            max_chunk_retries=3,
        )
        self.addCleanup(uploader.close)
        port = reactor.listenTCP(place, self.site, interface="127.0.0.1")
        upload = uploader.add_file(content, file_name="a.bin")
        await until(lambda: upload.file.fraction_completed > 0.1)
        await port.stopListening()
        self.site.drop_connections()
        failures: list[Any] = []
        uploader.chunk_retry.register(lambda *args: failures.append(args))
        await until(lambda: len(failures) > 5)
        port = reactor.listenTCP(place, self.site, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        await upload
        self.assertEqual(self.received("a.bin"), content)

    async def test_command(self) -> None:
        """The command goes by the environment, and shows no password."""
        content = self.file("a.bin", 95_000)
        command = ("-m", "txresumable", "upload", "--trust-root", "ca.pem", "-v")
        for variables, has_passed in (
            ({"HTTPS_PROXY": self.proxy, "NO_PROXY": "127.0.0.0/8"}, False),
            ({"HTTPS_PROXY": self.proxy, "HTTP_PROXY": "http://127.0.0.1:1"}, True),
        ):
            self.environment = variables
            ended = await self.python(*command, "--again", self.secure, "a.bin").ended
            self.assertEqual(ended.status, 0, ended.errors)
            self.assertNotIn("s3cret", ended.output + ended.errors)
            self.assertEqual(self.received("a.bin"), content)
            self.assertEqual("CONNECT 127" in self.log.read_text(), has_passed)
            (self.folder / "received" / "a.bin").unlink()
        self.environment = {"HTTPS_PROXY": f"http://anna:wr0ng@127.0.0.1:{self.place}"}
        ended = await self.python(*command, self.secure, "a.bin").ended
        self.assertEqual(ended.status, 4)
        self.assertIn("does not accept this user and password (40", ended.errors)
        self.assertNotIn("wr0ng", ended.output + ended.errors)

    async def test_twistd(self) -> None:
        """So does ``twistd resumable-upload``."""
        content = self.file("a.bin", 95_000)
        self.environment = {"HTTPS_PROXY": self.proxy}
        arguments = ("--trust-root", "ca.pem", "--target", self.secure, "a.bin")
        ended = await self.twistd(*arguments).ended
        self.assertEqual(ended.status, 0, ended.output)
        self.assertEqual(self.received("a.bin"), content)
        self.assertIn("CONNECT 127", self.log.read_text())
        self.assertNotIn("s3cret", ended.output + ended.errors)


class TinyproxyTests(ThroughProxy):
    """Tinyproxy, which speaks HTTP/1.0 and makes a connection for each request."""

    program = "tinyproxy"
    blames_the_server = True

    def configured(self) -> tuple[str, ...]:
        lines = (
            f"Port {self.place}",
            "Listen 127.0.0.1",
            "Timeout 30",
            "BasicAuth anna s3cret",
            f'LogFile "{self.log}"',
            "LogLevel Connect",
        )
        (self.own / "tinyproxy.conf").write_text("\n".join(lines))
        return ("-d", "-c", "tinyproxy.conf")


class SquidTests(ThroughProxy):
    """Squid, which keeps connections."""

    program = "squid"

    def configured(self) -> tuple[str, ...]:
        (self.own / "passwords").write_text(f"{S3CRET}\n")
        lines = (
            f"http_port 127.0.0.1:{self.place}",
            f"auth_param basic program {SQUID_AUTHENTICATION} {self.own}/passwords",
            "auth_param basic children 1",
            "acl known proxy_auth REQUIRED",
            "http_access allow known",
            "http_access deny all",
            "cache deny all",
            "pinger_enable off",
            "netdb_filename none",
            "pid_filename none",
            "visible_hostname localhost",
            "logformat asked %rm %ru",
            f"access_log stdio:{self.log} asked",
            f"cache_log {self.own}/cache.log",
            f"coredump_dir {self.own}",
            "buffered_logs off",
        )
        (self.own / "squid.conf").write_text("\n".join(lines) + "\n")
        return ("-N", "-f", str(self.own / "squid.conf"))


del ThroughProxy
