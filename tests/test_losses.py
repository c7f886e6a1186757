"""
Chunks that a receiver has lost since it confirmed them.
"""

from __future__ import annotations

from typing import Any

from txresumable import ChunkState, RetriesExhausted
from txresumable._engine.attempt import Attempt
from txresumable._engine.losses import MOST_SILENT, Losses
from txresumable._engine.queue import ChunkQueue
from txresumable._http.fields import ResponseHeaders, parse_fields
from txresumable._http.response import Response
from txresumable._policy.slots import Slots
from txresumable.file import transfer_of
from txresumable.testing import FakeResponse
from txresumable.uploader import engine_of

from .uploader_rig import UploaderTestCase


class LossTests(UploaderTestCase):
    """
    A receiver that lacks chunks which it has confirmed, and says so.
    """

    def begin(self, **options: Any) -> Any:
        """A file of three chunks, sent one after the other."""
        options = {"simultaneous_uploads": 1, "test_chunks": False, **options}
        return self.uploader(**options).add_file(b"x" * 30, file_name="a")

    def answer(self, stored: str, number: int, complete: bool = False) -> None:
        """Confirm a chunk, and say what is stored."""
        headers = {"Resumable-Stored": stored}
        if complete:
            headers["Resumable-File-Checksum"] = "sha256:1"
        request = self.client.answer(200, headers=headers)
        self.assertEqual(request.parameters["resumableChunkNumber"], str(number))

    def test_sent_again(self) -> None:
        """They are sent again, and the file is complete when the receiver has all."""
        upload, told = self.begin(), []
        upload.chunk_completed.register(lambda chunk: told.append(chunk.number))
        for stored, number in (("1", 1), ("1-2", 2), ("3", 3), ("1,3", 1)):
            self.answer(stored, number)
            self.assertNoResult(upload)
        self.answer("1-3", 2, complete=True)
        self.assertTrue(self.successResultOf(upload).is_completed)
        self.assertEqual(told, [1, 2, 3])

    def test_found_again(self) -> None:
        """Those that are found when others are tested are told of once as well."""
        upload, told = self.begin(test_chunks="adaptive"), []
        upload.chunk_completed.register(lambda chunk: told.append(chunk.number))
        for number in (1, 2, 3):
            self.client.answer(404)
            self.answer("3" if number == 3 else "1", number)
        self.client.answer(404, headers={"Resumable-Stored": "2-3"})
        self.answer("1-3", 1, complete=True)
        self.assertTrue(self.successResultOf(upload).is_completed)
        self.assertEqual(told, [1, 2, 3])

    def test_progress(self) -> None:
        """Chunks that are to be sent again are not counted as sent."""
        upload = self.begin()
        for stored, number in (("1", 1), ("1-2", 2), ("3", 3)):
            self.answer(stored, number)
        states = [chunk.state for chunk in upload.file.chunks]
        self.assertEqual(states[1:], [ChunkState.PENDING, ChunkState.STORED])
        self.assertLess(upload.file.fraction_completed, 1)
        self.answer("1,3", 1)
        self.answer("1-3", 2, complete=True)
        self.assertEqual(self.successResultOf(upload).fraction_completed, 1)

    def test_overtaken(self) -> None:
        """A response that was overtaken by the last one costs a question, and no retry."""
        upload = self.begin(
            last_chunk_alone=False, simultaneous_uploads=2, max_chunk_retries=0, test_chunks=True
        )
        for _ in range(2):
            self.client.answer(404)
        self.client.answer(200)
        self.client.waiting[1].respond(FakeResponse(404))
        second, third = self.client.waiting
        headers = {"Resumable-Stored": "1-3", "Resumable-File-Checksum": "sha256:1"}
        third.respond(FakeResponse(200, b"", headers))
        second.respond(FakeResponse(200, b"", {"Resumable-Stored": "1-2"}))
        self.assertEqual(self.client.answer(200, headers=headers).method, "GET")
        self.assertTrue(self.successResultOf(upload).is_completed)

    def test_for_ever(self) -> None:
        """One that loses them again and again ends the file, as retries do."""
        upload = self.begin(max_chunk_retries=1)
        for number in (1, 2, 3, 1, 2, 1, 2):
            self.answer("3", number)
        error = self.failureResultOf(upload, RetriesExhausted).value
        self.assertEqual((error.attempts, error.chunk_number), (3, 1))

    def test_cut_short(self) -> None:
        """Of what a list has no room for, each chunk is tested and those that are lost are sent."""
        for mode in ("adaptive", True):
            upload = self.begin(test_chunks=mode)
            self.client.answer(404, headers={"Resumable-Stored": "2-3"})
            self.answer("2,...", 1)
            if mode is True:
                self.client.answer(200)
                self.answer("2,...", 3)
            tests = len(self.client.tests)
            self.client.answer(404, headers={"Resumable-Stored": "2,..."})
            self.answer("1-2", 1)
            self.assertNoResult(upload)
            self.client.answer(200, headers={"Resumable-File-Checksum": "sha256:1"})
            self.assertTrue(self.successResultOf(upload).is_completed)
            self.assertEqual(len(self.client.tests) - tests, 1)

    def test_says_nothing(self) -> None:
        """A server that does not say what it has is believed."""
        upload = self.begin()
        for _ in range(3):
            self.client.answer(200)
        self.assertTrue(self.successResultOf(upload).is_completed)

    def test_silence(self) -> None:
        """Whether a server says what it has is seen from each response, known ones as well."""
        uploader = self.uploader(test_chunks=False)
        transfer = transfer_of(uploader.add_file(b"x", file_name="a").file)
        listener: Any = engine_of(uploader)
        attempt = Attempt(transfer, 0, transfer.ensure_ledger(), listener, Slots(1), 0.0)
        losses = Losses(2, ChunkQueue())

        def is_like_ours(headers: ResponseHeaders) -> bool:
            response = Response((b"HTTP", 1, 1), 200, b"OK", headers)
            self.assertFalse(losses.any(attempt, response))
            return transfer.is_like_ours

        silent, says = parse_fields([]), parse_fields([b"Resumable-Stored: 1"])
        said = [is_like_ours(each) for each in (silent, says, silent, silent, says)]
        self.assertEqual(said, [False, True, False, False, True])
        for _ in range(MOST_SILENT + 1):  # of many connections, or of many seconds
            self.assertFalse(is_like_ours(parse_fields([])))
        said = [is_like_ours(each) for each in (silent, says, silent)]
        self.assertEqual(said, [False, True, False])
        self.answer_all()
