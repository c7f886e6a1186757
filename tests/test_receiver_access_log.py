"""Tests for the log of requests."""

from __future__ import annotations

import os

from tests.receiver_rig import ClientFile, ReceiverTestCase, request
from txresumable.receiver.access_log import AccessLog

CONTENT = bytes(range(65, 90))  # 25 bytes: two chunks of 10 and 15


class AccessLogTests(ReceiverTestCase):
    """A log of requests."""

    def setUp(self) -> None:
        super().setUp()
        self.path = self.mktemp()
        log = AccessLog(self.path, now=lambda: 1_000_000_000.5)
        self.addCleanup(log.close)
        self.start(site={"on_response": log})

    def lines(self, path: str = "") -> list[str]:
        """What is in it."""
        with open(path or self.path, encoding="ascii") as file:
            return file.read().splitlines()

    def test_lines(self) -> None:
        """Each request has a line, without the parameters of its URL."""
        data = ClientFile(CONTENT).upload(1, user_agent="me", referer="http://here/")
        length = len(self.ask(data.replace(b"/?", b"/up?token=secret&", 1)).body)
        self.ask(request("GET", "/", {}))
        when = "[09/Sep/2001:01:46:40 +0000]"
        first, second = self.lines()
        self.assertEqual(
            first, f'192.0.2.1 - - {when} "POST /up HTTP/1.1" 200 {length} "http://here/" "me"'
        )
        self.assertTrue(second.startswith(f'192.0.2.1 - - {when} "GET / HTTP/1.1" 400 '), second)
        self.assertTrue(second.endswith(' "-" "-"'), second)

    def test_hostile(self) -> None:
        """Nothing that a client sends makes a line of its own, or ends what is quoted."""
        self.ask(request("GET", '/"x', {"user-agent": 'a"\x1b[1m\u00e9'}))
        (line,) = self.lines()
        self.assertIn('"GET /\\"x HTTP/1.1"', line)
        self.assertTrue(line.endswith('"a\\"\\u001b[1m\\u00e9"'), line)

    def test_rotated(self) -> None:
        """A file that was moved away is begun anew."""
        self.ask(request("GET", "/a", {}))
        os.rename(self.path, self.path + ".1")
        self.ask(request("GET", "/b", {}))
        self.assertEqual([len(self.lines(self.path + end)) for end in ("", ".1")], [1, 1])
        self.assertIn("/b", self.lines()[0])

    def test_cannot_be_opened(self) -> None:
        """That is an error."""
        self.assertRaises(OSError, AccessLog, self.mktemp() + "/x")
