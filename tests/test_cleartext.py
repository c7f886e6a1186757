"""Tests for credentials that would go over plain HTTP."""

from __future__ import annotations

from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent, ProxyAgent, RedirectAgent

from txresumable import Resumable
from txresumable._http.cleartext import CredentialsGuard, is_loopback, strips_tls
from txresumable.errors import InsecureCredentials
from txresumable.testing import ScriptedReceiver

AWAY = "http://receiver.example/upload?token=s3cret"


class GuardTests(SynchronousTestCase):
    """Uploads of several chunks, and what is said of them."""

    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def upload(self, target: str, **options: Any) -> list[str]:
        """:returns: the warnings that two files of several chunks cost."""
        self.events.clear()
        receiver = ScriptedReceiver()
        uploader = Resumable(target, client=receiver, reactor=Clock(), chunk_size=10, **options)
        for name in "ab":
            self.successResultOf(uploader.add_file(b"x" * 50, file_name=name))
        for event in self.events:
            self.assertNotIn("s3cret", repr(event))
        return [formatEvent(each) for each in self.events if each["log_level"] is LogLevel.warn]

    def test_warns_once(self) -> None:
        """Credentials that go out unencrypted cost one warning, which says where and what to do."""
        for carrier in ("Authorization", "cookie", "Proxy-Authorization"):
            (warning,) = self.upload(AWAY, headers={carrier: "Bearer s3cret"})
            self.assertIn("Credentials go to http://receiver.example unencrypted", warning)
            self.assertIn("insecure_credentials='refuse'", warning)

    def test_cookies(self) -> None:
        """With a cookie jar any request may carry credentials."""
        guard = CredentialsGuard("warn", cookies=True)
        for _ in range(3):
            guard.check(AWAY, {})
        self.assertEqual(len(self.events), 1)
        self.assertRaises(
            InsecureCredentials, CredentialsGuard("refuse", cookies=True).check, AWAY, {}
        )

    def test_nothing_to_warn_of(self) -> None:
        """Nothing is said without credentials, over TLS, on this machine, or if it is allowed."""
        secret = {"Authorization": "Bearer s3cret"}
        self.assertEqual(self.upload(AWAY, headers={"X-Other": "x"}), [])
        self.assertEqual(self.upload(AWAY.replace("http", "https"), headers=secret), [])
        self.assertEqual(self.upload("http://localhost:8080/", headers=secret), [])
        self.assertEqual(self.upload("http://[::1]:8080/", headers=secret), [])
        self.assertEqual(self.upload(AWAY, headers=secret, insecure_credentials="allow"), [])

    def test_refused(self) -> None:
        """With ``refuse`` nothing is sent, and the error says where it would have gone."""
        receiver = ScriptedReceiver()
        uploader = Resumable(
            AWAY,
            client=receiver,
            reactor=Clock(),
            headers={"Authorization": "Bearer s3cret"},
            insecure_credentials="refuse",
        )
        upload = uploader.add_file(b"x", file_name="a")
        error = self.failureResultOf(upload, InsecureCredentials).value
        self.assertIn("http://receiver.example", str(error))
        self.assertNotIn("s3cret", f"{error} {error!r} {uploader!r} {uploader.options!r}")
        self.assertEqual(receiver.sent, [])

    def test_loopback(self) -> None:
        """This machine is what its names and addresses say, and nothing that looks like them."""
        for host in ("localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "::1"):
            self.assertTrue(is_loopback(host), host)
        for host in ("", "localhost.example", "127.0.0.1.example", "10.0.0.1", "0.0.0.0", "::2"):
            self.assertFalse(is_loopback(host), host)


class StrippedTLSTests(SynchronousTestCase):
    """Clients that take TLS away."""

    def test_refused(self) -> None:
        """What is meant for TLS is not handed to an agent that sends it without, wrapped or not."""
        reactor = MemoryReactorClock()
        agent = ProxyAgent(TCP4ClientEndpoint(reactor, "127.0.0.1", 3128), reactor)
        for client in (HTTPClient(agent), HTTPClient(RedirectAgent(agent))):
            uploader = Resumable("https://receiver.example/", client=client, reactor=Clock())
            upload = uploader.add_file(b"x", file_name="a")
            self.failureResultOf(upload, InsecureCredentials)
        self.assertEqual(reactor.tcpClients, [])

    def test_others(self) -> None:
        """Any other client, and a URL that is not meant for it, is none of this."""
        reactor = MemoryReactorClock()
        self.assertFalse(strips_tls(HTTPClient(Agent(reactor))))
        self.assertFalse(strips_tls(ScriptedReceiver()))
        agent = ProxyAgent(TCP4ClientEndpoint(reactor, "127.0.0.1", 3128), reactor)
        clock = Clock()
        uploader = Resumable("http://receiver.example/", client=HTTPClient(agent), reactor=clock)
        upload = uploader.add_file(b"x", file_name="a")
        self.assertEqual(len(reactor.tcpClients), 1)
        upload.cancel()
        self.failureResultOf(upload, CancelledError)
