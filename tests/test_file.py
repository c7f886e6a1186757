"""
Files and chunks: state, progress, starting over.
"""

from __future__ import annotations

import hashlib
from typing import Any
from unittest.mock import ANY

from twisted.internet.defer import Deferred

from txresumable import (
    ChunkRejected,
    ChunkState,
    FileRejected,
    FileState,
    RetriesExhausted,
)
from txresumable.file import transfer_of
from txresumable.testing import FakeResponse
from txresumable.testing.process import ProcessClock

from .uploader_rig import UploaderTestCase


class ChunkTests(UploaderTestCase):
    """
    One chunk as it is whenever it is looked at.
    """

    def setUp(self) -> None:
        super().setUp()
        self.upload = self.uploader(
            last_chunk_alone=False, test_chunks=False, simultaneous_uploads=2
        ).add_file(b"x" * 35, file_name="a")
        self.file_ = self.upload.file

    def tearDown(self) -> None:
        self.upload.cancel()
        self.upload.addErrback(lambda _: None)
        super().tearDown()

    def test_what_it_is(self) -> None:
        """Numbers count from 1, offsets and bytes from 0; the last chunk takes the rest."""
        first, *_, last = self.file_.chunks
        self.assertEqual((first.number, first.offset), (1, 0))
        self.assertEqual((first.start_byte, first.end_byte, first.size), (0, 10, 10))
        self.assertEqual((last.number, last.start_byte, last.end_byte), (3, 20, 35))
        self.assertIs(last.file, self.file_)

    def test_sequence(self) -> None:
        """The chunks are a sequence, and equal when they are the same."""
        chunks = self.file_.chunks
        self.assertEqual(len(chunks), 3)
        self.assertEqual(list(chunks), chunks[:])
        self.assertEqual(chunks[-1], chunks[2])
        self.assertNotEqual(chunks[0], chunks[1])
        self.assertNotEqual(chunks[0], 0)
        self.assertEqual(chunks[0], ANY)
        self.assertEqual(len({chunks[0], chunks[0]}), 1)
        self.assertRaises(IndexError, lambda: chunks[3])

    def test_states(self) -> None:
        """It waits, is uploading, waits to be tried again, is stored."""
        chunks = self.file_.chunks
        states = [ChunkState.UPLOADING, ChunkState.UPLOADING, ChunkState.PENDING]
        self.assertEqual([chunk.state for chunk in chunks], states)
        self.client.respond(503, b"busy")
        self.client.respond(200)
        states = [ChunkState.WAITING, ChunkState.STORED, ChunkState.UPLOADING]
        self.assertEqual([chunk.state for chunk in chunks], states)
        self.assertEqual((chunks[0].retries, chunks[0].message), (1, "busy"))
        self.assertEqual([chunk.fraction_completed for chunk in chunks[:2]], [0.0, 1.0])
        self.assertIn("waiting", repr(chunks[0]))
        self.clock.advance(1)
        self.client.waiting[1].respond(FakeResponse(200))
        self.assertIs(chunks[0].state, ChunkState.STORED)
        self.assertIs(chunks[2].state, ChunkState.UPLOADING)
        self.assertEqual((chunks[0].retries, chunks[0].message), (0, ""))
        self.answer_all()
        self.assertEqual(self.successResultOf(chunks[2].when_completed()), chunks[2])

    def test_waiters_of_a_failure(self) -> None:
        """Who waits for a chunk hears how its file failed, before and after."""
        waiting = self.file_.chunks[2].when_completed()
        self.client.respond(404)
        self.failureResultOf(waiting, ChunkRejected)
        self.failureResultOf(self.file_.chunks[1].when_completed(), ChunkRejected)
        self.failureResultOf(self.upload, ChunkRejected)


class FileTests(UploaderTestCase):
    """
    A file from its adding to its end, and back.
    """

    def test_before_it_is_looked_at(self) -> None:
        """What is not known yet is nothing."""
        waiting: Deferred[str] = Deferred()
        upload = self.uploader(generate_unique_identifier=lambda _: waiting).add_file(
            b"", file_name="a", type="x/y", relative_path="b/a"
        )
        file = upload.file
        self.assertEqual((file.relative_path, file.type), ("b/a", "x/y"))
        self.assertEqual((file.unique_identifier, file.is_completed), ("", False))
        self.assertEqual((file.fraction_completed, file.is_uploading), (0.0, False))
        self.failureResultOf(upload, FileRejected)

    def test_as_it_is_looked_at(self) -> None:
        """Until a file was looked at it has no size."""
        clock, self.clock = self.clock, ProcessClock(self.clock, lambda: 1.0)
        upload = self.uploader(self.receiver).add_file(b"x" * 10, file_name="a")
        file = upload.file
        self.assertEqual((file.size, file.fingerprint.size, len(file.chunks)), (0, 0, 0))
        self.assertEqual((file.chunks_found, file.response, file.error), (0, "", None))
        clock.pump([0.5] * 8)
        self.assertEqual(self.successResultOf(upload).size, 10)

    def test_progress(self) -> None:
        """The fraction never falls, and is 1 only when all is stored."""
        upload = self.uploader(
            in_order=False,
            last_chunk_alone=False,
            test_chunks=False,
            chunk_size=200_000,
            simultaneous_uploads=1,
        ).add_file(b"x" * 400_000, file_name="a")
        file = upload.file
        sending = file.fraction_completed
        self.assertGreater(sending, 0.2)
        self.assertLess(sending, 0.5)
        self.assertGreater(file.chunks[0].fraction_completed, 0.9)
        self.client.respond(503)
        self.assertEqual(file.chunks[0].fraction_completed, 0.0)
        self.assertEqual(file.fraction_completed, max(sending, 0.475))
        self.client.respond(200)
        self.clock.advance(1)
        self.client.respond(200)
        self.assertEqual(file.fraction_completed, 1.0)
        self.assertEqual((file.is_completed, file.response), (True, ""))
        self.successResultOf(upload)

    def test_fraction_of_a_chunk(self) -> None:
        """Bytes that are sent count for a little less than all of it; stored, it is all."""
        uploader = self.uploader(
            in_order=False,
            last_chunk_alone=False,
            test_chunks=False,
            simultaneous_uploads=1,
            chunk_size=200_000,
            min_file_size=0,
        )
        upload = uploader.add_file(b"x" * 400_000, file_name="b")
        first, second = upload.file.chunks
        self.assertEqual((first.fraction_completed, second.fraction_completed), (0.95, 0.0))
        self.client.respond(503)
        self.assertEqual((first.retries, second.retries), (1, 0))
        self.assertEqual((first.fraction_completed, second.fraction_completed), (0.0, 0.95))
        self.client.respond(200)
        self.assertEqual((first.fraction_completed, second.fraction_completed), (0.0, 1.0))
        self.assertEqual(upload.file.fraction_completed, 0.5)
        self.clock.advance(1)
        self.answer_all()
        self.assertEqual(self.successResultOf(upload).chunks[0].fraction_completed, 1.0)
        empty = uploader.add_file(b"", file_name="c")
        self.assertEqual(empty.file.chunks[0].fraction_completed, 0.0)
        self.assertEqual(empty.file.fraction_completed, 0.0)
        self.client.respond(503)
        self.assertEqual(empty.file.chunks[0].fraction_completed, 0.0)
        self.clock.advance(1)
        self.answer_all()
        self.assertEqual(self.successResultOf(empty).chunks[0].fraction_completed, 1.0)

    def test_almost_done(self) -> None:
        """As long as a byte is missing, the fraction is not one that could be shown as all."""
        uploader = self.uploader(chunk_size=2_000_000, force_chunk_size=True)
        uploader.pause()
        upload = uploader.add_file(b"x" * 2_000_001, file_name="a")
        upload.file.mark_chunks_completed(1)
        self.assertEqual(upload.file.fraction_completed, 0.999999)
        upload.file.mark_chunks_completed(2)
        self.assertEqual(self.successResultOf(upload).fraction_completed, 1.0)

    def test_marked_is_waited_for(self) -> None:
        """Who waits for a chunk hears that it is marked as stored."""
        uploader = self.uploader(test_chunks=False, simultaneous_uploads=1)
        upload = uploader.add_file(b"x" * 40, file_name="a")
        waiting = [chunk.when_completed() for chunk in upload.file.chunks]
        upload.file.mark_chunks_completed(3)
        self.assertNoResult(waiting[0])  # it is on its way
        for number in (1, 2):
            self.assertEqual(self.successResultOf(waiting[number]), upload.file.chunks[number])
        self.assertNoResult(waiting[3])
        self.answer_all()
        self.successResultOf(upload)

    def test_nothing_moves_after_the_end(self) -> None:
        """No chunk of a file that failed is said to be on its way."""
        uploader = self.uploader(test_chunks=False)
        upload = uploader.add_file(b"x" * 30, file_name="a")
        self.client.respond(404)
        self.failureResultOf(upload, ChunkRejected)
        self.assertFalse(upload.file.is_uploading)
        self.assertEqual({chunk.state for chunk in upload.file.chunks}, {ChunkState.PENDING})

    def test_what_is_held_has_to_be_sent_again(self) -> None:
        """Of a chunk that was under way as all was paused, nothing counts as sent."""
        uploader = self.uploader(test_chunks=False, chunk_size=200_000)
        upload = uploader.add_file(b"x" * 200_000, file_name="a")
        [chunk] = upload.file.chunks
        self.assertEqual(chunk.fraction_completed, 0.95)
        uploader.pause()
        self.assertEqual(chunk.fraction_completed, 0.0)
        uploader.resume()
        self.answer_all()
        self.successResultOf(upload)

    def test_retry_of_what_is_suspended(self) -> None:
        """A file that is tried again is not suspended any more."""
        upload = self.uploader(test_chunks=False).add_file(b"x", file_name="a")
        upload.file.suspend()
        self.client.respond(404)
        self.failureResultOf(upload, ChunkRejected)
        upload.file.retry()
        self.assertFalse(upload.file.is_suspended)
        self.client.respond(200)
        self.successResultOf(upload.file.when_completed())

    def test_suspend(self) -> None:
        """Suspended, the chunks under way go on and no other starts."""
        uploader = self.uploader(test_chunks=False, simultaneous_uploads=2)
        first = uploader.add_file(b"x" * 40, file_name="a")
        second = uploader.add_file(b"y" * 10, file_name="b")
        first.file.suspend()
        self.assertTrue(first.file.is_suspended)
        self.client.respond(200)
        self.client.respond(503)
        self.answer_all()
        self.successResultOf(second)
        self.clock.advance(10)
        self.assertEqual(self.client.waiting, [])
        first.file.resume()
        self.answer_all()
        self.successResultOf(first)

    def test_abort(self) -> None:
        """Aborted, the chunks under way stop, and others get their slots."""
        uploader = self.uploader(test_chunks=False, simultaneous_uploads=2)
        first = uploader.add_file(b"x" * 40, file_name="a")
        second = uploader.add_file(b"y" * 10, file_name="b")
        self.client.respond(503)
        first.file.abort()
        self.assertEqual([each.given_up for each in self.client.sent[1:]], [True, True, False])
        self.answer_all()
        self.successResultOf(second)
        self.clock.advance(10)
        self.assertEqual(self.client.waiting, [])
        first.file.resume()
        self.answer_all()
        self.successResultOf(first)
        self.assertEqual(len(self.client.sent), 3 + 1 + 4)

    def test_bootstrap(self) -> None:
        """Started over, all chunks are sent once more, and everyone who waits still does."""
        upload = self.uploader(
            last_chunk_alone=False, test_chunks=False, simultaneous_uploads=2
        ).add_file(b"x" * 40, file_name="a")
        waiting = upload.file.chunks[0].when_completed()
        last = upload.file.chunks[3].when_completed()
        self.client.respond(200)
        self.client.respond(503)
        upload.file.bootstrap()
        self.successResultOf(waiting)
        self.assertEqual(len(self.client.waiting), 2)
        self.answer_all()
        self.successResultOf(upload)
        self.successResultOf(last)
        sent = [each.parameters["resumableChunkNumber"] for each in self.client.sent]
        self.assertEqual(sent, ["1", "2", "3", "4", "1", "2", "3", "4"][: len(sent)])

    def test_bootstrap_while_paused(self) -> None:
        """Started over while all is paused, nothing is sent until that ends."""
        uploader = self.uploader(test_chunks=False)
        upload = uploader.add_file(b"x" * 40, file_name="a")
        uploader.pause()
        upload.file.bootstrap()
        self.assertEqual(self.client.waiting, [])
        uploader.resume()
        self.answer_all()
        self.successResultOf(upload)

    def test_retry(self) -> None:
        """A file that failed can be tried again, and again; each try has its own waiters."""
        uploader, completed = self.uploader(simultaneous_uploads=1), []
        uploader.completed.register(completed.append)
        upload = uploader.add_file(b"x" * 20, file_name="a")
        for status in (404, 415):
            self.client.respond(404)
            self.client.respond(status)
            if status == 404:
                self.failureResultOf(upload, ChunkRejected)
                upload.file.retry()
                waiting = upload.when_completed()
        self.failureResultOf(waiting, ChunkRejected)
        self.assertIs(upload.file.state, FileState.FAILED)
        upload.file.retry()
        waiting = upload.when_completed()
        self.answer_all(201)
        self.assertIs(self.successResultOf(waiting), upload.file)
        self.assertEqual(completed, [[upload.file], [upload.file], []])

    def test_retry_of_what_was_not_let_in(self) -> None:
        """A file that was missing can be tried again when it is there."""
        path = self.mktemp()
        uploader = self.uploader(self.receiver)
        upload = uploader.add_file(path)
        self.failureResultOf(upload, FileNotFoundError)
        with open(path, "wb") as file:
            file.write(b"there")
        upload.file.retry()
        self.assertEqual(self.successResultOf(upload.file.when_completed()).size, 5)

    def test_retry_of_a_twin(self) -> None:
        """A file that is tried again while another is uploaded under its identifier shares that."""
        uploader = self.uploader(test_chunks=False)
        first = uploader.add_file(b"x", file_name="a")
        self.client.respond(404)
        self.failureResultOf(first, ChunkRejected)
        second = uploader.add_file(b"x", file_name="a")
        first.file.retry()
        again = first.when_completed()
        self.assertNoResult(again)
        self.assertEqual(len(self.client.waiting), 1)
        self.answer_all()
        self.successResultOf(second)
        self.successResultOf(again)

    def test_retry_of_what_is_under_way(self) -> None:
        """To retry a file that is under way, or still looked at, does no harm."""
        waiting: Deferred[str] = Deferred()
        uploader = self.uploader(
            last_chunk_alone=False,
            test_chunks=False,
            generate_unique_identifier=lambda file: waiting,
        )
        upload = uploader.add_file(b"x" * 30, file_name="a")
        upload.file.retry()
        waiting.callback("a")
        self.client.respond(200)
        upload.file.retry()
        self.assertEqual(len(self.client.waiting), 3)
        self.answer_all()
        self.assertEqual(len(self.client.uploads), 3 + 3)
        self.successResultOf(upload)

    def test_bootstrap_forgets(self) -> None:
        """Nothing of the try before is left: no retries, no words of the server, no progress."""
        uploader = self.uploader(simultaneous_uploads=1)
        added: list[Any] = []
        uploader.file_added.register(added.append)
        upload = uploader.add_file(b"x" * 20, file_name="a")
        file = upload.file
        for status in (404, 200, 404, 503):
            self.client.respond(status, b"busy")
        self.assertEqual((file.fraction_completed, file.chunks[1].retries), (0.5, 1))
        self.assertEqual(file.chunks[1].message, "busy")
        file.bootstrap()
        self.assertEqual((file.fraction_completed, file.chunks_found, file.response), (0.0, 0, ""))
        self.assertEqual([(chunk.retries, chunk.message) for chunk in file.chunks], [(0, "")] * 2)
        self.assertEqual(self.client.waiting[0].method, "GET")
        self.answer_all()
        self.successResultOf(upload)
        self.assertEqual((file.chunks_found, added), (2, [file]))

    def test_is_uploading(self) -> None:
        """It is while any chunk is under way or waits to be tried again."""
        uploader = self.uploader(test_chunks=False, simultaneous_uploads=1)
        upload = uploader.add_file(b"x" * 10, file_name="a")
        other = uploader.add_file(b"x" * 10, file_name="b")
        self.assertEqual((upload.file.is_uploading, other.file.is_uploading), (True, False))
        self.client.respond(503)
        self.assertEqual((upload.file.is_uploading, other.file.is_uploading), (True, True))
        self.client.respond(200)
        self.assertEqual((upload.file.is_uploading, other.file.is_uploading), (True, False))
        self.clock.advance(1)
        self.client.respond(200)
        self.assertFalse(upload.file.is_uploading)
        self.successResultOf(upload)
        self.successResultOf(other)

    def test_bounds_of_marks(self) -> None:
        """No chunk at all up to every chunk can be marked, and no more."""
        upload = self.uploader(test_chunks=False, simultaneous_uploads=1).add_file(
            b"x" * 20, file_name="a"
        )
        for number in (-1, 3):
            error = self.assertRaises(ValueError, upload.file.mark_chunks_completed, number)
            self.assertEqual(str(error), f"number must be from 0 to 2, not {number}")
        upload.file.mark_chunks_completed(0)
        self.assertEqual(upload.file.fraction_completed, 0.0)
        upload.file.mark_chunks_completed(2)
        self.answer_all()
        self.successResultOf(upload)
        self.assertEqual(len(self.client.sent), 1)

    def test_mark_chunks_completed(self) -> None:
        """Chunks that are known to be there are not sent."""
        uploader = self.uploader(test_chunks=False)
        uploader.file_added.register(lambda file: file.mark_chunks_completed(2))
        upload = uploader.add_file(b"x" * 30, file_name="a")
        self.assertRaises(ValueError, upload.file.mark_chunks_completed, 4)
        self.assertRaises(ValueError, upload.file.mark_chunks_completed, -1)
        self.client.respond(200)
        self.successResultOf(upload)
        self.assertEqual(len(self.client.sent), 1)

    def test_all_chunks_marked(self) -> None:
        """A file whose chunks are all known to be there is complete, whenever that is said."""
        uploader = self.uploader()
        uploader.file_added.register(lambda file: file.mark_chunks_completed(3))
        upload = uploader.add_file(b"x" * 30, file_name="a")
        self.successResultOf(upload)
        later = self.uploader()
        later.pause()
        upload = later.add_file(b"x" * 30, file_name="b")
        waiting = upload.file.chunks[1].when_completed()
        upload.file.mark_chunks_completed(3)
        self.successResultOf(upload)
        self.successResultOf(waiting)
        self.assertEqual(self.client.sent, [])

    def test_content_digest(self) -> None:
        """The SHA-256 of the whole can be had, open or not."""
        uploader = self.uploader(self.receiver)
        file = self.successResultOf(uploader.add_file(self.file(b"x" * 3000)))
        digest = self.successResultOf(file.content_digest())
        self.assertEqual(digest, hashlib.sha256(b"x" * 3000).hexdigest())

    def test_content_digest_before_it_is_looked_at(self) -> None:
        """The SHA-256 of a file that was cancelled before its size was known is that of all."""
        clock, self.clock = self.clock, ProcessClock(self.clock, lambda: 1.0)
        upload = self.uploader(self.receiver).add_file(self.file(b"x" * 3000))
        upload.cancel()
        self.failureResultOf(upload)
        digesting = upload.file.content_digest()
        clock.advance(1.0)
        digest = self.successResultOf(digesting)
        self.assertEqual(digest, hashlib.sha256(b"x" * 3000).hexdigest())

    def test_no_chunks_until_it_is_added(self) -> None:
        """A file that found no identifier has no chunks either when it is tried again."""

        def identify(_: object) -> str:
            raise ValueError("no name")

        clock, self.clock = self.clock, ProcessClock(self.clock, lambda: 1.0)
        uploader = self.uploader(self.receiver, generate_unique_identifier=identify)
        upload = uploader.add_file(b"x" * 30, file_name="a")
        clock.advance(1.0)
        self.failureResultOf(upload, ValueError)
        upload.file.retry()
        self.assertEqual((len(upload.file.chunks), upload.file.size), (0, 0))
        self.assertRaises(ValueError, upload.file.mark_chunks_completed, 1)
        upload.file.cancel()
        clock.advance(1.0)

    def test_many_waiters(self) -> None:
        """when_completed() is new each time, before the end and after it."""
        upload = self.uploader().add_file(b"x", file_name="a")
        before = [upload.file.when_completed() for _ in range(2)]
        self.answer_all()
        for waiting in (*before, upload.file.when_completed(), upload.file.when_completed()):
            self.assertIs(self.successResultOf(waiting), upload.file)

    def test_holds_nothing_afterwards(self) -> None:
        """A file at its end has let go of its requests, whatever the end was."""
        for status in (200, 404):
            upload = self.uploader(test_chunks=False).add_file(b"x", file_name="a")
            self.client.respond(503)
            self.clock.advance(1)
            self.assertIsNotNone(transfer_of(upload).ledger.plan)
            self.assertIsNotNone(transfer_of(upload).ledger.activity)
            self.client.respond(status)
            upload.addErrback(lambda _: None)
            self.assertIsNone(transfer_of(upload).ledger.plan)
            # Of one that failed, who asks is told how often each chunk was tried.
            self.assertEqual(transfer_of(upload).ledger.activity is None, status == 200)

    def test_repr(self) -> None:
        """It says which file it is and how far."""
        upload = self.uploader(self.receiver).add_file(b"x", file_name="a")
        self.assertEqual(repr(upload.file), "<ResumableFile 'a' completed 100.0%>")

    def test_several_failures(self) -> None:
        """The first of several failures ends the file, and nothing after it counts."""
        errors: list[Any] = []
        uploader = self.uploader(test_chunks=False, max_chunk_retries=0)
        uploader.file_error.register(lambda file, failure: errors.append(failure.value))
        upload = uploader.add_file(b"x" * 30, file_name="a")
        self.client.respond(503)
        self.failureResultOf(upload, RetriesExhausted)
        self.assertEqual((len(errors), self.client.waiting), (1, []))
        self.assertIs(upload.file.error, errors[0])
