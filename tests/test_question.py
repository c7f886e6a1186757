"""Tests for the doctor's first question."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.doctor import ask
from txresumable.options import Options
from txresumable.testing import FakeClient


class QuestionTests(SynchronousTestCase):
    """Asking for a chunk that cannot be there."""

    def test_ask(self) -> None:
        """One request is made as those of uploads are, and its response is returned."""
        client = FakeClient()
        options = Options(target="http://server.example/upload", test_method="HEAD")
        asked = ask(options, {"X-Token": "x"}, Clock(), client)
        [request] = client.sent
        self.assertEqual(request.method, "HEAD")
        self.assertIn("http://server.example/upload?resumableChunkNumber=1&", request.url)
        client.respond(404)
        self.assertEqual(self.successResultOf(asked).code, 404)
        self.assertEqual(len(client.sent), 1)
