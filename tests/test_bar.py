"""Tests for the progress bar."""

from __future__ import annotations

from io import StringIO
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable import Resumable
from txresumable._cli.bar import Bar
from txresumable.testing import FakeClient, ScriptedReceiver

TARGET = "http://127.0.0.1/upload"
CONTENT = bytes(range(65, 65 + 25))


def make(client: Any, **options: Any) -> Resumable:
    """An uploader whose chunks have ten bytes."""
    options = {"chunk_size": 10, "force_chunk_size": True, **options}
    return Resumable(TARGET, client=client, reactor=Clock(), **options)


class BarTests(SynchronousTestCase):
    """The bar."""

    def bar(self, uploader: Resumable, **options: Any) -> Bar:
        """A bar that is drawn at every change."""
        self.stream = StringIO()
        options = {"disable": False, "mininterval": 0, "miniters": 1, **options}
        bar = Bar(uploader, self.stream, **options)
        self.addCleanup(bar._meter.close)
        return bar

    def test_drawn(self) -> None:
        """It shows the file, how much of it is done, and at the end all of it."""
        client = FakeClient()
        uploader = make(client, test_chunks=False)
        bar = self.bar(uploader)
        uploader.add_file(CONTENT, file_name="a.dat")
        client.answer(200)
        self.assertIn("a.dat  40%|", self.stream.getvalue())
        client.answer(200)
        client.answer(200)
        bar.close()
        last = self.stream.getvalue().strip().rpartition("\r")[2]
        self.assertIn("a.dat 100%|", last)
        self.assertIn("25.0/25.0", last)

    def test_harmless(self) -> None:
        """A name does not control the terminal, nor does a reason to wait."""
        client = FakeClient()
        uploader = make(client, test_chunks=False)
        self.bar(uploader)
        uploader.add_file(CONTENT, file_name="a\x1b]0;owned\x07")
        client.fail(ConnectionError("\x1b[31m"))
        self.assertIn("a\\x1b]0;owned\\x07 ", self.stream.getvalue())
        self.assertNotIn("\x1b", self.stream.getvalue())

    def test_goes_on(self) -> None:
        """What was there counts as done, but not for the rate."""
        receiver = ScriptedReceiver()
        make(receiver).add_file(CONTENT, file_name="a")
        again = make(receiver)
        bar = self.bar(again)
        again.add_file(CONTENT, file_name="a")
        self.assertEqual(bar._meter.n, 25)
        self.assertEqual(bar._meter.initial, 25)
        bar.close()
        self.assertIn("3 chunks found there", self.stream.getvalue())
        self.assertRegex(self.stream.getvalue(), r"100%.*[ ?0.]+B/s")

    def test_retries(self) -> None:
        """It says when a chunk has to be tried again, until it goes on."""
        client = FakeClient()
        uploader = make(client, test_chunks=False, retry_policy=lambda *_: 0.0)
        bar = self.bar(uploader)
        uploader.add_file(CONTENT, file_name="a")
        client.answer(503)
        self.assertIn("trying again in 0.0 s, refused with 503", self.stream.getvalue())
        for _ in range(3):
            client.answer(200)
        bar.close()
        self.assertNotIn("trying", self.stream.getvalue().strip().rpartition("\r")[2])

    def test_many_files(self) -> None:
        """Of many files it shows how many."""
        uploader = make(ScriptedReceiver())
        bar = self.bar(uploader)
        for name in ("a", "b"):
            uploader.add_file(CONTENT, file_name=name)
        bar.close()
        self.assertIn("2 files 100%|", self.stream.getvalue())

    def test_no_terminal(self) -> None:
        """Where nobody looks nothing is drawn, but lines are written."""
        uploader = make(ScriptedReceiver())
        bar = self.bar(uploader, disable=None)
        uploader.add_file(CONTENT, file_name="a")
        bar.write("a line")
        bar.close()
        self.assertEqual(self.stream.getvalue(), "a line\n")
