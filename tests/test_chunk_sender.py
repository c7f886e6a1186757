"""
One attempt at one chunk: test, read, send, judge.
"""

from __future__ import annotations

import base64
import hashlib
import os
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from txresumable import (
    ChunkRejected,
    InvalidOption,
    ReceivedBefore,
    Redirected,
    SourceChanged,
    Upload,
)
from txresumable._engine.body import PIECE
from txresumable._source.source import PathSource
from txresumable.errors import StaleConnection
from txresumable.file import transfer_of
from txresumable.testing import ScriptedReceiver, SentRequest

from .uploader_rig import UploaderTestCase


class SendingTests(UploaderTestCase):
    """
    What an upload request is.
    """

    def send(self, **options: Any) -> None:
        upload = self.uploader(test_chunks=False, **options).add_file(
            b"x" * 35, file_name="a.png", type="image/png"
        )
        self.answer_all()
        self.successResultOf(upload)

    def test_multipart(self) -> None:
        """By default a form with the chunk as its last part."""
        self.send(file_parameter_name="data", parameter_namespace="ns_")
        part = self.client.sent[0].parts[-1]
        self.assertEqual((part.name, part.file_name), ("ns_data", "a.png"))
        self.assertEqual((part.content_type, part.content), ("application/octet-stream", b"x" * 10))
        self.assertEqual(self.client.sent[0].fields["ns_resumableTotalChunks"], "3")

    def test_octet(self) -> None:
        """method="octet" sends the bare chunk."""
        self.send(method="octet", upload_method="PUT")
        request = self.client.sent[2]
        self.assertEqual((request.method, request.body), ("PUT", b"x" * 15))
        self.assertEqual(request.header("Content-Type"), "application/octet-stream")

    def test_octets_of_a_type(self) -> None:
        """A bare chunk has its file's type in the protocol of flow.js, but not of resumable.js."""
        for options, kind in (
            ({"set_chunk_type_from_file": True}, "application/octet-stream"),
            ({"dialect": "flow"}, "image/png"),
        ):
            self.send(method="octet", **options)
            self.assertEqual(self.client.sent[-1].header("Content-Type"), kind)

    def test_base64(self) -> None:
        """chunk_format="base64" sends a data: URL in a field."""
        self.send(chunk_format="base64", set_chunk_type_from_file=True)
        value = self.client.sent[0].fields["file"]
        self.assertEqual(value, "data:image/png;base64," + base64.b64encode(b"x" * 10).decode())

    def test_base64_of_many_chunks(self) -> None:
        """Each field has its own chunk's bytes and no more."""
        content = os.urandom(100)
        upload = self.uploader(self.receiver, chunk_format="base64").add_file(
            content, file_name="a"
        )
        self.successResultOf(upload)
        self.assertEqual(self.receiver.stored("a").content, content)

    def test_base64_of_a_file(self) -> None:
        """A chunk that has to be encoded is read as exactly as any other."""
        receiver = ScriptedReceiver()
        content = os.urandom(300_000)
        upload = self.uploader(
            receiver, chunk_format="base64", chunk_size=140_000, checksum="sha256"
        ).add_file(self.file(content), file_name="a")
        self.successResultOf(upload)
        self.assertEqual(receiver.stored("a").content, content)

    def test_base64_of_a_slow_file(self) -> None:
        """A chunk that is not at hand is read by a thread, and then encoded."""
        content = os.urandom(35)
        self.patch(PathSource, "read_now", lambda source, start, size: None)
        upload = self.uploader(self.receiver, chunk_format="base64").add_file(
            self.file(content), file_name="a"
        )
        self.successResultOf(upload)
        self.assertEqual(self.receiver.stored("a").content, content)

    def test_hook_that_cannot_be_cancelled(self) -> None:
        """A chunk that was cancelled while its upload was prepared is not sent."""
        waiting: Deferred[Any] = Deferred(lambda each: each.callback({}))
        upload = self.uploader(headers=lambda *args: waiting, test_chunks=False).add_file(
            b"x", file_name="a"
        )
        upload.cancel()
        self.assert_cancelled(upload)
        self.assertEqual(self.client.sent, [])

    def test_cancelled_while_it_is_preprocessed(self) -> None:
        """For a chunk that was cancelled while it was preprocessed, no other hook is asked."""
        asked: list[Any] = []
        waiting: Deferred[Any] = Deferred(lambda each: each.callback(None))
        upload = self.uploader(
            preprocess=lambda chunk: waiting, query=lambda *args: asked.append(args) or {}
        ).add_file(b"x", file_name="a")
        upload.cancel()
        self.assert_cancelled(upload)
        self.assertEqual(asked, [])

    def test_cancelled_while_its_url_is_asked_for(self) -> None:
        """For a chunk that was cancelled before its URL was known, no other hook is asked."""
        for tests in (True, False):
            asked: list[Any] = []
            waiting: Deferred[str] = Deferred(lambda each: each.callback("http://a.example/"))
            upload = self.uploader(
                target=lambda pairs, waiting=waiting: waiting,
                headers=lambda *args, asked=asked: asked.append(args) or {},
                test_chunks=tests,
            ).add_file(b"x", file_name="a")
            upload.cancel()
            self.assert_cancelled(upload)
            self.assertEqual((asked, self.client.sent), ([], []))

    def test_big_chunks(self) -> None:
        """A chunk of many pieces arrives, and tells how far it is."""
        uploader, heard = self.uploader(self.receiver, chunk_size=10**6), []
        content = os.urandom(2_500_000)
        uploader.progress.register(lambda: heard.append(uploader.fraction_completed))
        self.successResultOf(uploader.add_file(self.file(content), file_name="a"))
        self.assertEqual(self.receiver.stored("a").content, content)
        self.assertEqual(heard, sorted(heard))
        self.assertEqual(heard[-1], 1.0)

    def test_one_piece(self) -> None:
        """A chunk of one piece is on its way or there, and nothing between."""
        for size, moves in ((PIECE, False), (PIECE + 1, True)):
            upload = self.uploader(test_chunks=False, chunk_size=size).add_file(
                b"x" * size, file_name="a"
            )
            self.assertEqual(upload.file.fraction_completed > 0, moves)
            self.client.respond(200)
            self.successResultOf(upload)
        upload = self.uploader(
            test_chunks=False, chunk_size=PIECE, simultaneous_uploads=1
        ).add_file(b"x" * 4 * PIECE, file_name="b")
        for fraction in (0.0, 0.25, 0.5, 0.75):
            self.assertEqual(upload.file.fraction_completed, fraction)
            self.client.respond(200)
        self.successResultOf(upload)

    def test_digests_are_taken_once(self) -> None:
        """A chunk that is tried again carries the digest that was taken before."""
        upload = self.uploader(checksum="sha256").add_file(self.file(b"x" * 10), file_name="a")
        self.client.respond(404)
        self.client.respond(503)
        self.clock.advance(1)
        self.client.respond(200)
        self.successResultOf(upload)
        expected = f"sha256:{hashlib.sha256(b'x' * 10).hexdigest()}"
        for request in self.client.sent:
            self.assertEqual(request.parameters["resumableChunkChecksum"], expected)

    def test_digests_are_forgotten(self) -> None:
        """Of a chunk that is stored no digest is kept, found or sent."""
        upload = self.uploader(checksum="sha256", simultaneous_uploads=1).add_file(
            b"x" * 30, file_name="a"
        )
        self.assertEqual(set(transfer_of(upload).ledger.plan.digests), {0})
        self.client.respond(200)
        self.assertEqual(set(transfer_of(upload).ledger.plan.digests), {1})
        self.client.respond(404)
        self.client.respond(200)
        self.assertEqual(set(transfer_of(upload).ledger.plan.digests), {2})
        self.client.respond(200)
        self.successResultOf(upload)

    def test_rate(self) -> None:
        """max_rate holds bytes back."""
        upload = self.uploader(
            self.receiver, chunk_size=10_000, max_rate=10_000.0, test_chunks=False
        ).add_file(b"x" * 50_000, file_name="a")
        self.clock.pump([0.1] * 30)
        self.assertNoResult(upload)
        self.assertLess(upload.fraction_completed, 0.8)
        self.clock.pump([0.1] * 40)
        self.successResultOf(upload)

    def test_headers(self) -> None:
        """Headers go with tests and uploads, and may replace the usual ones."""
        self.uploader(headers={"User-Agent": "mine", "X-A": "b"}).add_file(b"x", file_name="a")
        for status in (404, 200):
            request = self.client.respond(status)
            self.assertEqual((request.header("User-Agent"), request.header("x-a")), ("mine", "b"))
            self.assertEqual(request.header("Accept"), "*/*")

    def test_hooks_are_asked_for_each_chunk(self) -> None:
        """Without tests, too, no chunk goes out by what a hook said of another."""
        for name, given in (
            ("headers", {"X-A": "b"}),
            ("query", {"a": "b"}),
            ("target", "http://other.example/"),
            ("preprocess", None),
        ):
            asked: list[Any] = []

            def hook(*args: Any, asked: list[Any] = asked, given: Any = given) -> Any:
                asked.append(args)
                return given

            self.client.sent.clear()
            options: dict[str, Any] = {name: hook}
            self.send(simultaneous_uploads=1, **options)
            self.assertEqual((len(asked), len(self.client.sent)), (3, 3), name)

    def test_every_chunk_has_its_digest(self) -> None:
        """Without tests, too, each chunk carries the digest of its own bytes."""
        content = os.urandom(30)
        upload = self.uploader(test_chunks=False, checksum="sha256").add_file(
            content, file_name="a"
        )
        self.answer_all()
        self.successResultOf(upload)
        self.assertEqual(
            [request.parameters["resumableChunkChecksum"] for request in self.client.sent],
            [
                f"sha256:{hashlib.sha256(content[start : start + 10]).hexdigest()}"
                for start in (0, 10, 20)
            ],
        )

    def test_preprocessed_once(self) -> None:
        """preprocess sees each chunk once, before its test, and again when it starts over."""
        seen: list[int] = []
        upload = self.uploader(
            in_order=False,
            last_chunk_alone=False,
            preprocess=lambda chunk: seen.append(chunk.number),
            simultaneous_uploads=1,
        ).add_file(b"x" * 20, file_name="a")
        self.client.respond(404)
        self.client.respond(503)
        self.assertEqual(seen, [1, 2])
        self.clock.advance(1)
        self.answer_all()
        self.successResultOf(upload)
        self.assertEqual(seen, [1, 2])
        upload.file.retry()
        self.answer_all()
        self.assertEqual(seen, [1, 2, 1, 2])


class JudgingTests(UploaderTestCase):
    """
    What an answer means.
    """

    def test_permanent(self) -> None:
        """The protocol's permanent errors fail the file; the option's do instead."""
        for options, status in (({}, 409), ({"permanent_errors": [418]}, 418)):
            upload = self.uploader(test_chunks=False, **options).add_file(b"x", file_name="a")
            self.client.respond(status)
            self.failureResultOf(upload, ChunkRejected)
        upload = self.uploader(test_chunks=False, permanent_errors=[]).add_file(b"x", file_name="a")
        self.client.respond(404)
        self.clock.advance(1)
        self.client.respond(201)
        self.successResultOf(upload)

    def test_success_statuses(self) -> None:
        """What means that a chunk is stored may be chosen, for tests and uploads."""
        uploader = self.uploader(success_statuses=[200, 204, 409])
        upload = uploader.add_file(b"x", file_name="a")
        self.client.respond(404)
        self.client.respond(409)
        self.assertEqual(self.successResultOf(upload).chunks_found, 0)
        upload = uploader.add_file(b"x", file_name="b")
        self.client.respond(204)
        self.assertEqual(self.successResultOf(upload).chunks_found, 1)
        upload = uploader.add_file(b"x", file_name="c")
        self.client.respond(404)
        self.client.respond(201)
        self.assertNoResult(upload)
        upload.cancel()
        self.failureResultOf(upload, CancelledError)

    def test_received_before(self) -> None:
        """A receiver that had the file before fails it, in a test as in an upload."""
        for options in ({}, {"test_chunks": False}, {"permanent_errors": []}):
            upload = self.uploader(**options).add_file(b"x", file_name="a")
            self.client.respond(410, headers={"Resumable-Received": "before"})
            error = self.failureResultOf(upload, ReceivedBefore).value
            self.assertIn("received before, taken since", str(error))
            self.assertIn("--again", str(error))

    def test_gone(self) -> None:
        """The 410 of another server is tried again."""
        upload = self.uploader(test_chunks=False).add_file(b"x", file_name="a")
        self.client.respond(410)
        self.clock.advance(1)
        self.client.respond(200)
        self.successResultOf(upload)

    def test_again(self) -> None:
        """Each request says that the file is to be received again, if it is."""

        def headers(file: object, chunk: object) -> dict[str, str]:
            return {"A": "b"}

        for given in ({}, {"A": "b"}, headers):
            uploader = self.uploader(again=True, headers=given)
            upload = uploader.add_file(b"x", file_name="a")
            self.client.respond(404)
            self.client.respond(200)
            self.successResultOf(upload)
            for sent in self.client.sent[-2:]:
                self.assertEqual(sent.header("Resumable-Again"), "1")

    def test_redirects(self) -> None:
        """A redirect is permanent, with or without a place."""
        for status, headers in (
            *((301, {"Location": "/there"}), (307, {"Location": "http://u:p@h/x?token=1"})),
            *((300, {}), (304, {}), (399, {})),
        ):
            upload = self.uploader(test_chunks=False).add_file(b"x", file_name="a")
            self.client.respond(status, headers=headers)
            error = self.failureResultOf(upload, Redirected).value
            place = headers.get("Location", "").replace("u:p@", "").partition("?")[0]
            self.assertEqual((error.status, error.location, error.chunk_number), (status, place, 1))
        upload = self.uploader(test_chunks=False, permanent_errors=[299]).add_file(
            b"x", file_name="a"
        )
        self.client.respond(299)
        self.assertNotIsInstance(self.failureResultOf(upload, ChunkRejected).value, Redirected)

    def test_errors(self) -> None:
        """An error has the status, the answer, which chunk, and where it was sent."""
        upload = self.uploader(test_chunks=False, simultaneous_uploads=1).add_file(
            b"x" * 20, file_name="a"
        )
        self.client.respond(200)
        self.client.respond(400, b"no")
        error = self.failureResultOf(upload, ChunkRejected).value
        self.assertIs(type(error), ChunkRejected)
        found = (error.status, error.body, error.url, error.chunk_number)
        self.assertEqual(found, (400, "no", "http://receiver.example/upload", 2))

    def test_others_stop(self) -> None:
        """A permanent error aborts the file's other chunks, and the next file runs."""
        uploader = self.uploader(test_chunks=False)
        first = uploader.add_file(b"x" * 100, file_name="a")
        second = uploader.add_file(b"y", file_name="b")
        self.client.respond(403)
        self.failureResultOf(first, ChunkRejected)
        self.assertEqual(len(self.client.waiting), 1)
        self.client.respond(200)
        self.successResultOf(second)


class SourceTests(UploaderTestCase):
    """
    Files that change, or cannot be read.
    """

    def start(self, change: Any) -> Any:
        """
        Change a file between its first chunk and the second.
        """
        self.path = self.file(b"x" * 30)
        changes = [change]

        def rule(request: SentRequest) -> None:
            while changes:
                changes.pop()(self.path)

        self.receiver.rule = rule
        uploader = self.uploader(self.receiver, simultaneous_uploads=1, test_chunks=False)
        return uploader.add_file(self.path, file_name="a")

    def test_changes(self) -> None:
        """However a file changes, what is sent after it is not."""

        def rewrite(path: str) -> None:
            with open(path, "r+b") as file:
                file.write(b"y" * 30)
            os.utime(path, (1, 1))

        def replace(path: str) -> None:
            os.rename(self.file(b"x" * 30, "new"), path)

        for change in (
            lambda path: os.truncate(path, 29),
            lambda path: os.truncate(path, 31),
            rewrite,
            replace,
            os.remove,
        ):
            self.receiver.files.clear()
            upload = self.start(change)
            error = self.failureResultOf(upload, SourceChanged).value
            self.assertEqual(error.path, self.path)
            self.assertEqual(self.receiver.stored("a").content, b"x" * 10)

    def test_gone_before_its_turn(self) -> None:
        """A file that is gone when its turn comes fails with an OSError."""
        waiting: Deferred[Any] = Deferred()
        path = self.file(b"x")
        upload = self.uploader(preprocess=lambda chunk: waiting).add_file(path)
        os.remove(path)
        waiting.callback(None)
        self.failureResultOf(upload, FileNotFoundError)

    def assert_stops_when_written_to(self, path: str, upload: Upload) -> None:
        """Write to a file of 20 bytes after its first request: nothing else is sent."""
        with open(path, "r+b") as file:
            file.write(b"y" * 20)
        os.utime(path, (1, 1))
        self.client.respond(200)
        self.failureResultOf(upload, SourceChanged)
        self.assertEqual(len(self.client.sent), 1)

    def test_changed_while_encoded(self) -> None:
        """What is encoded before it is sent is looked at after it was read, too."""
        path = self.file(b"x" * 20)
        upload = self.uploader(
            chunk_format="base64", simultaneous_uploads=1, test_chunks=False
        ).add_file(path)
        self.assert_stops_when_written_to(path, upload)

    def test_changed_before_a_digest(self) -> None:
        """Nobody is asked about a chunk of what a file has become."""
        path = self.file(b"x" * 20)
        upload = self.uploader(checksum="sha256", simultaneous_uploads=1).add_file(path)
        self.assert_stops_when_written_to(path, upload)


class StaleTests(UploaderTestCase):
    """
    A kept connection turns out to be closed as a chunk goes out.
    """

    def methods(self) -> str:
        """What was sent so far."""
        return " ".join(request.method for request in self.client.sent)

    def test_without_tests(self) -> None:
        """The chunk is sent once more, at once and for free; the second time it is a retry."""
        upload = self.uploader(test_chunks=False).add_file(b"x", file_name="a")
        self.client.fail(StaleConnection())
        self.assertEqual(len(self.client.waiting), 1)
        self.client.fail(StaleConnection())
        self.assertEqual(self.client.waiting, [])
        self.assertEqual(upload.file.chunks[0].retries, 1)
        self.clock.advance(1)
        self.client.respond(200)
        self.successResultOf(upload)

    def test_asks_first(self) -> None:
        """With tests the server is asked if the chunk came; if it did, that is all."""
        upload = self.uploader().add_file(b"x", file_name="a")
        self.client.respond(404)
        self.client.fail(StaleConnection())
        self.assertEqual(self.methods(), "GET POST GET")
        self.client.respond(200)
        self.assertEqual(self.successResultOf(upload).chunks[0].retries, 0)

    def test_sent_again(self) -> None:
        """If it did not, it is sent again, as a retry only if that fails as well."""
        upload = self.uploader().add_file(b"x", file_name="a")
        self.client.respond(404)
        self.client.fail(StaleConnection())
        self.client.respond(404)
        self.assertEqual(self.methods(), "GET POST GET POST")
        self.client.fail(StaleConnection())
        self.assertEqual(self.client.waiting, [])
        self.assertEqual(upload.file.chunks[0].retries, 1)
        self.clock.advance(1)
        self.assertEqual(self.methods(), "GET POST GET POST GET")
        self.answer_all()
        self.successResultOf(upload)


class ChangedHeadersTests(UploaderTestCase):
    """
    Headers in a mapping that is written into later.
    """

    def test_are_looked_at_again(self) -> None:
        """What is written in goes out with the next request, if it is a header at all."""
        headers = {"Authorization": "Bearer old"}
        uploader = self.uploader(headers=headers, test_chunks=False, simultaneous_uploads=1)
        upload = uploader.add_file(b"x" * 30, file_name="a")
        headers["Authorization"] = "Bearer new"
        self.client.respond(200)
        self.assertEqual(self.client.sent[-1].header("Authorization"), "Bearer new")
        headers["Authorization"] = "Bearer newest\r\nX-Injected: yes"
        self.client.respond(200)
        error = self.failureResultOf(upload, InvalidOption).value
        self.assertNotIn("newest", str(error))
        self.assertEqual(len(self.client.sent), 2)
