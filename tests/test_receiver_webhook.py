"""Tests for requests that are sent for each file."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionRefusedError

from tests.receiver_rig import ReceiverTestCase, connecting_reactor
from tests.test_receiver_command import FILE
from txresumable.receiver import Refused, Webhook
from txresumable.receiver.webhook import secret_of
from txresumable.testing import FakeClient, FakeResponse

URL = "https://example.com/received"


class WebhookTests(ReceiverTestCase):
    """A webhook."""

    def setUp(self) -> None:
        super().setUp()
        self.client = FakeClient()
        self.hook = self.make()

    def make(self, **options: Any) -> Webhook:
        """A webhook."""
        client: Any = self.client
        return Webhook(URL, client=client, reactor=self.clock, now=lambda: 1234.5, **options)

    def test_sent(self) -> None:
        """It is a POST request with all that is known of the file."""
        result = self.hook(FILE)
        (sent,) = self.client.sent
        self.assertEqual((sent.method, sent.url), ("POST", URL))
        self.assertEqual(json.loads(sent.body), FILE.facts())
        headers = {name.decode().lower(): value for name, value in sent.headers.getAllRawHeaders()}
        self.assertEqual(headers["content-type"], [b"application/json"])
        self.assertEqual(headers["webhook-id"], [b"1f"])
        self.assertEqual(headers["webhook-timestamp"], [b"1234"])
        self.assertNotIn("webhook-signature", headers)
        self.assertNoResult(result)
        self.client.respond(204)
        self.assertIsNone(self.successResultOf(result))

    def test_signed(self) -> None:
        """With a secret it is signed, with its id and time."""
        self.make(secret=b"a-secret")(FILE)
        (sent,) = self.client.sent
        digest = hmac.digest(b"a-secret", b"1f.1234." + sent.body, "sha256")
        signature = sent.headers.getRawHeaders("webhook-signature")
        self.assertEqual(signature, ["v1," + b64encode(digest).decode()])
        self.client.respond(200)

    def test_rejects(self) -> None:
        """422 rejects the file, and its first line says why."""
        for body, why in (
            (b" a virus\nmore", "a virus"),
            (b"", "this file is rejected"),
            (b"x" * 10_000, "x" * 4096),
        ):
            result = self.hook(FILE)
            self.client.respond(422, body)
            error = self.failureResultOf(result, Refused).value
            self.assertEqual((error.status, error.reason), (422, why))

    def test_statuses(self) -> None:
        """2xx accepts the file, and nothing beside it; each wait has its time."""
        for status in (200, 299):
            result = self.hook(FILE)
            self.client.respond(status)
            self.assertIsNone(self.successResultOf(result))
        for status in (199, 300):
            before = len(self.client.sent)
            result = self.hook(FILE)
            self.client.respond(status)
            for count, delay in enumerate((1, 5, 20), 1):
                self.clock.advance(delay - 0.5)
                self.assertEqual(len(self.client.sent), before + count)
                self.clock.advance(0.5)
                self.client.respond(status)
            self.failureResultOf(result, Refused)

    def test_whole_response(self) -> None:
        """A response counts when it has arrived, and one that does not end is given up."""
        result = self.hook(FILE)
        response = FakeResponse(422)
        response.hold()
        self.client.sent[0].respond(response)
        self.assertNoResult(result)
        response.give(b"a vir")
        response.give(b"us\nmore")
        response.end()
        error = self.failureResultOf(result, Refused).value
        self.assertEqual(error.reason, "a virus")
        result = self.hook(FILE)
        response = FakeResponse(200)
        response.hold()
        self.client.sent[1].respond(response)
        self.clock.advance(14.5)
        self.clock.advance(0.5)
        self.clock.advance(1)
        self.assertEqual(len(self.client.sent), 3)
        self.client.respond(200)
        self.assertIsNone(self.successResultOf(result))

    def test_sent_again(self) -> None:
        """After any other response, or none, it is sent again, with the same id."""
        result = self.hook(FILE)
        self.client.respond(500)
        self.clock.advance(0.9)
        self.assertEqual(len(self.client.sent), 1)
        self.clock.advance(0.1)
        self.client.fail(ConnectionRefusedError())
        self.clock.advance(5)
        self.client.respond(302)
        self.clock.advance(20)
        self.client.respond(200)
        self.assertIsNone(self.successResultOf(result))
        ids = [sent.headers.getRawHeaders("webhook-id") for sent in self.client.sent]
        self.assertEqual(ids, [["1f"]] * 4)

    def test_not_now(self) -> None:
        """Then it is not decided, and the client comes again."""
        result = self.hook(FILE)
        for delay in (1, 5, 20, 0):
            self.client.respond(404)
            self.clock.advance(delay)
        error = self.failureResultOf(result, Refused).value
        self.assertEqual((error.status, error.retry_after), (503, 30))

    def test_patience(self) -> None:
        """It is not sent again for longer than that, wherever it is."""
        for elapsed in (0, 2):
            result = self.make(patience=10)(FILE)
            if elapsed:
                self.client.respond(500)
            self.clock.advance(elapsed)
            self.clock.advance(9.9 - elapsed)
            self.assertNoResult(result)
            self.clock.advance(0.1)
            self.assertEqual(self.failureResultOf(result, Refused).value.status, 503)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_silence(self) -> None:
        """One that is not responded to in time is given up and sent again."""
        result = self.hook(FILE)
        logged = self.log()
        self.clock.advance(14.5)
        self.assertFalse(self.client.sent[0].given_up)
        self.clock.advance(0.5)
        self.assertTrue(self.client.sent[0].given_up)
        self.clock.advance(1)
        self.assertEqual(len(self.client.sent), 2)
        self.client.respond(200)
        self.successResultOf(result)
        self.assertIn("TimeoutError", logged()[0][1])

    def test_cancelled(self) -> None:
        """Cancelling gives it up, while it is sent and while it waits."""
        result = self.hook(FILE)
        result.cancel()
        self.assertTrue(self.client.sent[0].given_up)
        self.failureResultOf(result, CancelledError)
        result = self.hook(FILE)
        self.client.respond(500)
        result.cancel()
        self.failureResultOf(result, CancelledError)

    def test_own_client(self) -> None:
        """Without a client it connects itself."""
        memory = connecting_reactor()
        result = Webhook("http://127.0.0.1:8000/", reactor=memory)(FILE)
        self.assertEqual(memory.tcpClients[0][:2], ("127.0.0.1", 8000))
        result.cancel()
        self.failureResultOf(result, CancelledError)

    def test_secret(self) -> None:
        """A secret is text, or base64 as others give it out; one that can be guessed is refused."""
        self.assertEqual(secret_of(b" " + b"x" * 16 + b"\n"), b"x" * 16)
        self.assertEqual(secret_of(b"whsec_" + b64encode(b"\xff" * 24)), b"\xff" * 24)
        for text in (b"", b"x" * 15, b"whsec_" + b64encode(b"x" * 15)):
            error = self.assertRaises(ValueError, secret_of, text)
            self.assertIn("less than 16 bytes", str(error))
        for text in (b"whsec_!", b"whsec_" + b"!" + b64encode(b"x" * 24)):
            error = self.assertRaises(ValueError, secret_of, text)
            self.assertEqual(str(error), "has no base64 after whsec_")
