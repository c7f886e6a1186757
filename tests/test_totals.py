"""Tests for the numbers of all uploads together."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable import Resumable
from txresumable._engine.totals import ProgressTotals
from txresumable.testing import FakeClient, ScriptedReceiver

TARGET = "http://127.0.0.1/upload"
CONTENT = bytes(range(65, 65 + 25))


def make(client: Any, **options: Any) -> Resumable:
    """An uploader whose chunks have ten bytes."""
    options = {"chunk_size": 10, "force_chunk_size": True, **options}
    return Resumable(TARGET, client=client, reactor=Clock(), **options)


def numbers(totals: ProgressTotals) -> tuple[int, ...]:
    """Bytes: all, done, found; chunks: sent, found."""
    return (totals.total, totals.done, totals.found, totals.chunks_sent, totals.chunks_found)


class TotalsTests(SynchronousTestCase):
    """The numbers."""

    def test_sent(self) -> None:
        """What is sent is counted chunk by chunk, over all files."""
        client = FakeClient()
        uploader = make(client, last_chunk_alone=False, test_chunks=False)
        totals = ProgressTotals(uploader)
        uploader.add_file(CONTENT, file_name="a")
        uploader.add_file(b"more", file_name="b")
        self.assertEqual(numbers(totals), (29, 0, 0, 0, 0))
        for done in (10, 20, 25, 29):
            client.respond(200)
            self.assertEqual(totals.done, done)
        self.assertEqual(numbers(totals), (29, 29, 0, 4, 0))
        self.assertEqual((totals.files, totals.files_completed), (2, 2))

    def test_found(self) -> None:
        """What was there is told apart, by tests as by a receiver that says it all at once."""
        for mode in (True, "adaptive"):
            receiver = ScriptedReceiver()
            first = make(receiver)
            first.add_file(CONTENT, file_name="a")
            (stored,) = receiver.files.values()
            del stored.chunks[2]
            again = make(receiver, test_chunks=mode)
            totals = ProgressTotals(again)
            file = self.successResultOf(again.add_file(CONTENT, file_name="a"))
            self.assertEqual(numbers(totals), (25, 25, 15, 1, 2))
            self.assertEqual(file.chunks_found, 2)

    def test_changes(self) -> None:
        """It tells of each change, and what it tells at that moment is consistent."""
        receiver = ScriptedReceiver()
        make(receiver).add_file(CONTENT, file_name="a")
        again = make(receiver)
        totals = ProgressTotals(again)
        told: list[tuple[int, ...]] = []
        totals.changed.register(lambda: told.append(numbers(totals)))
        again.add_file(CONTENT, file_name="a")
        self.assertEqual(told[-1], (25, 25, 25, 0, 3))
        for _, done, found, _, _ in told:
            self.assertEqual(done, found)

    def test_starts_over(self) -> None:
        """A file that starts over is counted back, and what is found then is found again."""
        receiver = ScriptedReceiver()
        make(receiver).add_file(CONTENT, file_name="a")
        (stored,) = receiver.files.values()
        del stored.chunks[2], stored.chunks[3]
        receiver.rule = lambda request: 403 if request.is_upload else None
        uploader = make(receiver, simultaneous_uploads=1)
        totals = ProgressTotals(uploader)
        upload = uploader.add_file(CONTENT, file_name="a")
        self.failureResultOf(upload)
        self.assertEqual(numbers(totals), (25, 10, 10, 0, 1))
        receiver.rule = None
        upload.file.retry()
        self.successResultOf(upload.when_completed())
        self.assertEqual(numbers(totals), (25, 25, 20, 2, 2))

    def test_retried_after_its_end(self) -> None:
        """A file that was completed and is uploaded again is not counted twice."""
        uploader = make(ScriptedReceiver())
        totals = ProgressTotals(uploader)
        upload = uploader.add_file(CONTENT, file_name="a")
        upload.file.retry()
        self.assertEqual((totals.total, totals.done, totals.files_completed), (25, 25, 1))
