"""
What goes out by treq and our own agent, and what comes back.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable._http.agent import PersistentAgent
from txresumable._http.client import RequestClient

from .http_rig import OK, Endpoint, Reactor

URL = "http://receiver.example/app/upload?a=1"


class RequestClientTests(SynchronousTestCase):
    """Requests over sockets whose kernel takes everything."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.endpoint = Endpoint(self.reactor)

    def make(self, **options: Any) -> RequestClient:
        agent = PersistentAgent(self.reactor, Clock(), endpoint=lambda _: self.endpoint)
        transport = RequestClient(
            self.reactor, Clock(), agent=agent, insecure_credentials="allow", **options
        )
        self.addCleanup(transport.close)
        return transport

    def ask(self, transport: RequestClient, url: str, answer: bytes = OK, **headers: str) -> bytes:
        """:returns: the head that went out."""
        before = sum(len(each.arrived) for each in self.endpoint.sockets)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        asked = transport.exchange("GET", url, given)
        self.endpoint.protocols[-1].dataReceived(answer)
        self.assertEqual(self.successResultOf(asked).code, 200)
        return b"".join(bytes(each.arrived) for each in self.endpoint.sockets)[before:]

    def test_cookies(self) -> None:
        """A cookie goes back for the paths that it was set for, and with the same request line."""
        transport = self.make(cookies=True)
        answer = OK.replace(
            b"\r\n", b"\r\nSet-Cookie: app=1; Path=/app\r\nSet-Cookie: all=2; Path=/\r\n", 1
        )
        first = self.ask(transport, URL, answer)
        self.assertNotIn(b"Cookie", first)
        for path, cookies in (
            ("/app/upload?b=%C3%A4&c=%2f", {b"app=1", b"all=2"}),
            ("/application", {b"all=2"}),
            ("", {b"all=2"}),
        ):
            head = self.ask(transport, "http://receiver.example" + path)
            found = re.search(rb"(?i)\r\ncookie: ([^\r]*)", head)
            assert found is not None
            self.assertEqual(set(found[1].split(b"; ")), cookies, path)
            self.assertEqual(head.split(b" ")[1].decode(), path or "/")
        self.assertEqual(len(self.endpoint.sockets), 1)

    def test_no_cookies(self) -> None:
        """Without a jar none goes back."""
        transport = self.make()
        answer = OK.replace(b"\r\n", b"\r\nSet-Cookie: all=2; Path=/\r\n", 1)
        for _ in range(2):
            self.assertNotIn(b"Cookie", self.ask(transport, URL, answer))

    def test_encoding(self) -> None:
        """One Accept-Encoding is sent, which is ours, with cookies and without."""
        for cookies in (False, True):
            transport = self.make(cookies=cookies)
            head = self.ask(transport, URL, accept_ENCODING="gzip", X_Other="1")
            found = re.findall(rb"(?i)\r\naccept-encoding: ([^\r]*)", head)
            self.assertEqual(found, [b"identity"])
            self.assertIn(b"X-Other: 1", head)
