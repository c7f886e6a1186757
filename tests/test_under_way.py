"""Tests for which files of an uploader are under way."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable import Resumable
from txresumable._cli.under_way import FilesUnderWay
from txresumable._engine.totals import ProgressTotals
from txresumable.testing import FakeClient, ScriptedReceiver

TARGET = "http://127.0.0.1/upload"
CONTENT = bytes(range(65, 65 + 25))


class UnderWayTests(SynchronousTestCase):
    """What is shown of an uploader."""

    def make(self, client: Any, **options: Any) -> Resumable:
        """An uploader whose chunks have ten bytes."""
        options = {"chunk_size": 10, "force_chunk_size": True, **options}
        uploader = Resumable(TARGET, client=client, reactor=Clock(), **options)
        self.under_way = FilesUnderWay(uploader, ProgressTotals(uploader))
        return uploader

    def test_files(self) -> None:
        """Files that have begun are shown with what is done of them, until they end."""
        client = FakeClient()
        uploader = self.make(client, test_chunks=False, simultaneous_uploads=2)
        uploads = [uploader.add_file(CONTENT[count:], file_name=str(count)) for count in range(2)]
        client.respond(200)
        picture = self.under_way.picture(1)
        [line] = picture.files
        self.assertEqual((line.name, line.size, line.found), ("0", 25, 0))
        self.assertAlmostEqual(line.done, 10)
        self.assertEqual((picture.total.name, picture.total.size), ("0 of 2 files", 49))
        while not uploads[0].called:
            client.respond(200)
        self.assertEqual([line.name for line in self.under_way.picture(9).files], ["1"])
        self.assertEqual(self.under_way.picture(0).more, 1)
        client.respond(400)
        self.failureResultOf(uploads[1])
        picture = self.under_way.picture(9)
        self.assertEqual((picture.files, picture.total.name), ([], "1 of 2 files"))

    def test_nothing(self) -> None:
        """Nothing is not all of it."""
        self.make(FakeClient())
        total = self.under_way.picture(9).total
        self.assertEqual((total.name, total.size), ("no files yet", None))

    def test_found(self) -> None:
        """What was there does not count for the rate."""
        receiver = ScriptedReceiver()
        self.make(receiver).add_file(CONTENT, file_name="a")
        self.make(receiver).add_file(CONTENT, file_name="a")
        picture = self.under_way.picture(9)
        self.assertEqual((picture.total.done, picture.total.found), (25, 25))
        self.assertEqual(
            (picture.total.name, picture.note), ("1 file", "3 chunks were found there")
        )

    def test_retries(self) -> None:
        """It says when a chunk has to be tried again, until it goes on."""
        client = FakeClient()
        uploader = self.make(client, test_chunks=False, retry_policy=lambda *_: 0.0)
        uploader.add_file(CONTENT, file_name="a")
        client.respond(503)
        note = self.under_way.picture(9).note
        self.assertIn("trying again in 0.0 s, refused with 503", note)
        client.respond(200)
        self.assertEqual(self.under_way.picture(9).note, "")
