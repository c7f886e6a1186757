"""Tests for the requests of an examination."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.http_rig import make_request_client
from txresumable import TransportError
from txresumable.doctor.wire import Reply, Wire
from txresumable.testing import FakeClient

URL = "http://server.example/upload"


class WireTests(SynchronousTestCase):
    """Requests, and what responses have besides."""

    def setUp(self) -> None:
        self.clock, self.client = Clock(), FakeClient()
        client = make_request_client(self.clock, self.clock, client=self.client)
        self.wire = Wire(client, self.clock, {"X-Key": "a"})

    def ask(self, *body: bytes) -> Deferred[Reply]:
        content = (body[0], body[1], body[2]) if body else None
        return Deferred.fromCoroutine(self.wire.ask("POST", URL, "text/plain", content))

    def tearDown(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(self.wire.close())

    def test_request(self) -> None:
        """A request has the headers that were given, and its body in one piece."""
        asked = self.ask(b"<", b"x" * 300_000, b">")
        self.clock.advance(0)
        sent = self.client.respond(200, b"two\nlines \x1b[1m")
        reply = self.successResultOf(asked)
        self.assertEqual(sent.body, b"<" + b"x" * 300_000 + b">")
        self.assertEqual((sent.method, sent.header("X-Key")), ("POST", "a"))
        self.assertEqual(sent.header("Content-Type"), "text/plain")
        self.assertEqual(reply.code, 200)
        self.assertEqual(reply.text, r"two lines \x1b[1m")

    def test_said(self) -> None:
        """A response in a few words: its status, and how its body, or a page's title, begins."""
        for body, said in (
            (b"", "200"),
            (b"done", "200 'done'"),
            (b"<html><title>Not &amp; here</title><p>more", "200 'Not & here'"),
            (b"x" * 50, f"200 '{'x' * 40}...'"),
        ):
            asked = self.ask()
            self.client.respond(200, body)
            self.assertEqual(self.successResultOf(asked).said, said)

    def assert_tries(self, status: int, headers: dict[str, str], *delays: float) -> None:
        """A request is sent once more after each of these seconds, and then no more."""
        asked = self.ask()
        for delay in delays:
            self.client.respond(status, headers=headers)
            self.clock.advance(delay - 0.1)
            self.assertEqual(self.client.waiting, [])
            self.assertNoResult(asked)
            self.clock.advance(0.1)
        self.client.respond(status, headers=headers)
        self.assertEqual(self.successResultOf(asked).code, status)

    def test_waits(self) -> None:
        """A server that is busy is asked four times, when it says, or after 1, 2 and 4 seconds."""
        for status in (429, 502, 503, 504):
            for headers, delays in (({"Retry-After": "5"}, (5, 5, 5)), ({}, (1, 2, 4))):
                self.assert_tries(status, headers, *delays)
                self.assert_tries(status, headers)
                self.assert_tries(200, headers)
        self.assert_tries(503, {"Retry-After": "60"}, 60, 60, 60)

    def test_stays_busy(self) -> None:
        """A server that still was busy in the end is asked once by each request that follows."""
        self.assert_tries(502, {}, 1, 2, 4)
        for _ in range(3):
            self.assert_tries(502, {})
        self.assert_tries(404, {})
        self.assert_tries(502, {}, 1, 2, 4)

    def test_gets_through(self) -> None:
        """What comes of it in the end is what counts."""
        asked = self.ask()
        self.client.respond(503)
        self.clock.advance(1)
        self.client.respond(200)
        self.assertEqual(self.successResultOf(asked).code, 200)

    def test_does_not_wait(self) -> None:
        """It is not waited for longer than a minute, nor because of other statuses."""
        self.assert_tries(503, {"Retry-After": "61"})
        self.assert_tries(500, {"Retry-After": "5"})

    def test_fails(self) -> None:
        """No response is an error."""
        asked = self.ask()
        self.client.fail(ConnectionResetError())
        self.failureResultOf(asked, TransportError)

    def test_notes(self) -> None:
        """Cookies and redirects are noted, each once, and without what may be a secret."""
        for _ in range(2):
            for status, headers in (
                (200, {"Set-Cookie": "session=SECRET; Path=/"}),
                (302, {"Location": "/login?next=SECRET", "Set-Cookie": "other=1"}),
                (307, {}),
                (200, {"Location": "/files/1"}),
            ):
                asked = self.ask()
                self.client.respond(status, headers=headers)
                self.successResultOf(asked)
        self.assertEqual(self.wire.cookies, ["session", "other"])
        self.assertEqual(self.wire.redirects, [(302, "/login"), (307, "")])

    def test_stored(self) -> None:
        """A file keeps the last URL that it was given when it was created."""
        for status, headers, expected in (
            (200, {"Location": "/a"}, None),
            (201, {"Location": "/b"}, "/b"),
            (201, {}, "/b"),
            (201, {"Location": "/c"}, "/c"),
        ):
            asked = self.ask()
            self.client.respond(status, headers=headers)
            self.wire.note_stored("one", self.successResultOf(asked))
            self.assertEqual(self.wire.stored, {"one": expected})
