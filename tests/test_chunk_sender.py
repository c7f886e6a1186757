"""
One attempt at one chunk: test, read, send, judge.
"""

from __future__ import annotations

import base64
import hashlib
import os
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost, ConnectionRefusedError

from txresumable import (
    ChunkRejected,
    InsecureCredentials,
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
from txresumable.uploader import engine_of

from .uploader_rig import UploaderTestCase


class TestingTests(UploaderTestCase):
    """
    Whether a chunk is there.
    """

    def test_statuses(self) -> None:
        """200 and 201 mean that a chunk is there; anything else, that it is to be sent."""
        for status in (200, 201, 202, 204, 301, 404, 400, 403, 500, 503):
            upload = self.uploader().add_file(b"x", file_name="a")
            before = len(self.client.uploads)
            self.client.answer(status)
            self.answer_all()
            self.successResultOf(upload)
            there = status in (200, 201)
            self.assertEqual(len(self.client.uploads) - before, int(not there))
            self.assertEqual(upload.file.chunks_found, int(there))

    def test_broken(self) -> None:
        """A test without an answer means that the chunk is sent; without a connection it waits."""
        upload = self.uploader().add_file(b"x", file_name="a")
        self.client.fail(ConnectionLost())
        self.assertEqual(len(self.client.uploads), 1)
        self.client.answer(200)
        self.successResultOf(upload)
        upload = self.uploader().add_file(b"x", file_name="b")
        self.client.fail(ConnectionRefusedError())
        self.assertEqual(self.client.waiting, [])
        self.clock.advance(1)
        self.assertEqual(self.client.answer(200).method, "GET")
        self.successResultOf(upload)

    def test_once(self) -> None:
        """What was asked once is not asked again, though the upload was held up after it."""
        for answer in (lambda: self.client.answer(404), lambda: self.client.fail(ConnectionLost())):
            held: list[Deferred[dict[str, str]]] = []

            def headers(file: Any, chunk: Any, held: Any = held) -> Any:
                held.append(Deferred())
                return held[-1]

            uploader = self.uploader(headers=headers)
            upload = uploader.add_file(b"x", file_name="a")
            held[0].callback({})
            answer()
            uploader.pause()
            uploader.resume()
            held[2].callback({})
            self.assertEqual(self.client.answer(200).method, "POST")
            self.successResultOf(upload)

    def test_not_before_a_retry(self) -> None:
        """A chunk that the server refused for now is not tested before the next attempt."""
        self.uploader().add_file(b"x", file_name="a")
        self.client.answer(404)
        self.client.answer(503)
        self.clock.advance(1)
        self.assertEqual(self.client.answer(200).method, "POST")

    def test_before_a_retry_whose_answer_was_lost(self) -> None:
        """A chunk that was refused for now, and then may have arrived, is asked about."""
        upload = self.uploader(simultaneous_uploads=1).add_file(b"x" * 20, file_name="a")
        for answer in (200, 404, 503):
            self.client.answer(answer)
        self.clock.advance(1)
        self.client.fail(ConnectionLost())
        self.clock.advance(1)
        self.assertEqual(self.client.answer(200).method, "GET")
        self.successResultOf(upload)

    def test_off(self) -> None:
        """Without test_chunks nothing is tested, a lost answer neither."""
        self.uploader(test_chunks=False).add_file(b"x", file_name="a")
        self.client.fail(ConnectionLost())
        self.clock.advance(1)
        self.client.answer(200)
        self.assertEqual(self.client.tests, [])

    def test_elsewhere(self) -> None:
        """Tests have a method and a target of their own, which may be a function."""
        uploader = self.uploader(
            test_method="HEAD", test_target=lambda pairs: "http://other.example/?" + pairs[0]
        )
        uploader.add_file(b"x", file_name="a")
        request = self.client.answer(200)
        expected = ("HEAD", "http://other.example/?resumableChunkNumber=1")
        self.assertEqual((request.method, request.url), expected)
        uploader = self.uploader(test_target="/")
        uploader.add_file(b"x", file_name="a")
        self.assertTrue(self.client.answer(200).url.startswith("http://receiver.example/upload?"))

    def test_appended(self) -> None:
        """flow.js appends parameters to what a function returns: of tests, and of bare chunks."""
        for dialect, octet, test, upload in (
            ("resumable", False, "x?a=1", "x?a=1"),
            ("flow", False, "x?a=1&flowChunkNumber=1&", "x?a=1"),
            ("flow", True, "x?a=1&flowChunkNumber=1&", "x?a=1&flowChunkNumber=1&"),
            ("simple", True, "x?a=1&chunkNumber=1&", "x?a=1&chunkNumber=1&"),
        ):
            uploader = self.uploader(
                target=lambda pairs: "http://other.example/x?a=1",
                dialect=dialect,
                method="octet" if octet else "multipart",
            )
            sending = uploader.add_file(b"x", file_name="a")
            for url, status in ((test, 204), (upload, 200)):
                asked = self.client.answer(status).url.removeprefix("http://other.example/")
                self.assertEqual(asked[: len(url)], url, (dialect, octet))
                self.assertEqual(asked == url, not url.endswith("&"))
            self.successResultOf(sending)

    def test_type_of_a_form(self) -> None:
        """A hook cannot replace the type of a form either, which nobody could divide then."""
        for method, completes in (("multipart", False), ("octet", True)):
            uploader = self.uploader(
                headers=lambda *_: {"Content-Type": "text/plain"}, method=method, test_chunks=False
            )
            upload = uploader.add_file(b"x", file_name="a")
            if completes:
                request = self.client.answer(200)
                self.assertEqual(request.header("Content-Type"), "text/plain")
                self.successResultOf(upload)
            else:
                error = self.failureResultOf(upload, InvalidOption).value
                self.assertEqual((error.option, error.value), ("headers", "Content-Type"))

    def test_no_url(self) -> None:
        """A function that gives no URL fails the file, by its option, and nothing is sent."""
        for option in ("target", "test_target"):
            for given in ("http://a.example/a b", "http://a.example/\x7f", "http://é.example/"):
                uploader = self.uploader(**{option: lambda _, given=given: given})
                upload = uploader.add_file(b"x", file_name="a")
                error = self.failureResultOf(upload, InvalidOption).value
                self.assertEqual((error.option, error.value), (option, given))
        for signed in ("http://a.example/ ?secret=1", b"http://a.example/?secret=1", 5):
            uploader = self.uploader(target=lambda _, signed=signed: signed, test_chunks=False)
            upload = uploader.add_file(b"x", file_name="a")
            error = self.failureResultOf(upload, InvalidOption).value
            self.assertEqual(error.option, "target")
            self.assertNotIn("secret", str(error) + repr(error))
        self.assertEqual(self.client.sent, [])

    def test_refused_before_it_is_sent(self) -> None:
        """A request that must not go out fails its file, and holds no slot."""
        for tests in (True, False):
            uploader = self.uploader(
                test_chunks=tests,
                headers={"Authorization": "secret"},
                insecure_credentials="refuse",
            )
            upload = uploader.add_file(b"x", file_name="a")
            self.failureResultOf(upload, InsecureCredentials)
        self.assertEqual(self.client.sent, [])

    def test_request_that_cannot_be_made(self) -> None:
        """Neither does it hold a slot if a later chunk's request turns out to be impossible."""

        def exchange(*_: Any, **__: Any) -> Any:
            raise MemoryError("no room for it")

        uploader = self.uploader(test_chunks=False, simultaneous_uploads=1)
        upload = uploader.add_file(b"x" * 40, file_name="a")
        self.patch(engine_of(uploader).client, "exchange", exchange)
        self.client.answer(200)
        self.failureResultOf(upload, MemoryError)
        self.assertEqual(len(self.client.sent), 1)

    def test_permanent_in_flow(self) -> None:
        """In flow.js's dialect a test can fail the file."""
        upload = self.uploader(dialect="flow").add_file(b"x", file_name="a")
        self.client.answer(404, b"who?")
        error = self.failureResultOf(upload, ChunkRejected).value
        self.assertEqual((error.status, error.body), (404, "who?"))
        self.assertEqual(self.client.uploads, [])

    def test_absent_as_one_likes(self) -> None:
        """permanent_errors is about tests too there, so that 404 may mean that it is absent."""
        for dialect in ("flow", "simple"):
            uploader = self.uploader(dialect=dialect, permanent_errors=[415, 500])
            upload = uploader.add_file(b"x", file_name="a")
            self.client.answer(404)
            self.assertEqual(self.client.answer(200).method, "POST")
            self.successResultOf(upload)
            refused = uploader.add_file(b"x", file_name="b")
            self.client.answer(415)
            self.assertTrue(self.failureResultOf(refused, ChunkRejected).value.of_test)

    def test_tests_do_not_fail(self) -> None:
        """In resumable.js's dialect permanent_errors is about uploads only."""
        upload = self.uploader(permanent_errors=[404]).add_file(b"x", file_name="a")
        self.client.answer(404)
        self.client.answer(200)
        self.successResultOf(upload)

    def test_on(self) -> None:
        """Each chunk is tested, however many are absent."""
        upload = self.uploader(simultaneous_uploads=1).add_file(b"x" * 400, file_name="a")
        self.answer_all_but_tests()
        self.successResultOf(upload)
        self.assertEqual(len(self.client.tests), 40)

    def test_adaptive(self) -> None:
        """After enough misses in a row the rest is sent without tests; a hit starts anew."""
        uploader = self.uploader(test_chunks="adaptive", simultaneous_uploads=1)
        upload = uploader.add_file(b"x" * 400, file_name="a")
        for _ in range(8):
            self.client.answer(404)
            self.client.answer(200)
        self.client.answer(200)
        self.answer_all_but_tests()
        self.successResultOf(upload)
        self.assertEqual(len(self.client.tests), 8 + 1 + 16)

    def test_adaptive_from_the_beginning(self) -> None:
        """Sixteen misses are enough, or twice as many as there are slots if that is more."""
        for slots, tests in ((1, 16), (8, 16), (20, 40)):
            before = len(self.client.tests)
            uploader = self.uploader(test_chunks="adaptive", simultaneous_uploads=slots)
            upload = uploader.add_file(b"x" * 1000, file_name="a")
            self.answer_all_but_tests()
            self.successResultOf(upload)
            # Those under way as the last miss comes are asked as well.
            asked = len(self.client.tests) - before
            self.assertTrue(tests <= asked < tests + slots, (slots, asked))

    def answer_all_but_tests(self) -> None:
        while self.client.waiting:
            self.client.answer(200 if self.client.waiting[0].is_upload else 404)

    def test_whole_answer(self) -> None:
        """With adaptive tests a receiver can say of all chunks at once what it has."""
        uploader, heard = self.uploader(test_chunks="adaptive", simultaneous_uploads=1), []
        upload = uploader.add_file(b"x" * 60, file_name="a")
        upload.chunk_completed.register(lambda chunk: heard.append(chunk.number))
        self.client.answer(404, headers={"Resumable-Stored": "2-4,6"})
        self.assertEqual(heard, [2, 3, 4, 6])
        self.answer_all()
        self.successResultOf(upload)
        sent = [each.parameters["resumableChunkNumber"] for each in self.client.sent]
        self.assertEqual(sent, ["1", "1", "5"])
        self.assertEqual(upload.file.chunks_found, 4)

    def test_whole_answer_cut_short(self) -> None:
        """Chunks that a list had no room for are tested one by one."""
        upload = self.uploader(test_chunks="adaptive", simultaneous_uploads=1).add_file(
            b"x" * 60, file_name="a"
        )
        self.client.answer(404, headers={"Resumable-Stored": "2-4,..."})
        self.client.answer(200)
        self.answer_all()
        self.successResultOf(upload)
        sent = [(each.method, each.parameters["resumableChunkNumber"]) for each in self.client.sent]
        self.assertEqual(sent, [("GET", "1"), ("POST", "1"), ("GET", "5"), ("GET", "6")])

    def test_whole_answer_that_ends_it(self) -> None:
        """A receiver that has all of a file needs one test to say so."""
        upload = self.uploader(test_chunks="adaptive").add_file(b"x" * 60, file_name="a")
        self.client.answer(200, headers={"Resumable-Stored": "1-6"})
        self.answer_all()
        self.successResultOf(upload)
        self.assertEqual(len(self.client.sent), 3)

    def test_whole_answer_not_taken(self) -> None:
        """It is not believed where it makes no sense, nor with digests, nor unasked."""
        for options, said in (
            ({"test_chunks": "adaptive"}, "1-7"),
            ({"test_chunks": "adaptive"}, "all"),
            ({"test_chunks": "adaptive", "checksum": "sha256"}, "1-6"),
            ({}, "1-6"),
        ):
            uploads = len(self.client.uploads)
            upload = self.uploader(**options).add_file(b"x" * 60, file_name="a")
            while self.client.waiting:
                if self.client.waiting[0].is_upload:
                    self.client.answer(200)
                else:
                    self.client.answer(404, headers={"Resumable-Stored": said})
            self.successResultOf(upload)
            self.assertEqual(len(self.client.uploads) - uploads, 6)

    def test_cancelled_by_who_hears(self) -> None:
        """Cancelled by an observer of the first of many chunks, a file tells no more of them."""
        uploader, heard = self.uploader(test_chunks="adaptive", simultaneous_uploads=1), []
        upload = uploader.add_file(b"x" * 60, file_name="a")
        upload.chunk_completed.register(lambda chunk: heard.append(chunk) or upload.cancel())
        self.client.answer(404, headers={"Resumable-Stored": "2-6"})
        self.assert_cancelled(upload)
        self.assertEqual((len(heard), self.client.waiting), (1, []))


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
            self.client.answer(200)
            self.successResultOf(upload)
        upload = self.uploader(
            test_chunks=False, chunk_size=PIECE, simultaneous_uploads=1
        ).add_file(b"x" * 4 * PIECE, file_name="b")
        for fraction in (0.0, 0.25, 0.5, 0.75):
            self.assertEqual(upload.file.fraction_completed, fraction)
            self.client.answer(200)
        self.successResultOf(upload)

    def test_digests_are_taken_once(self) -> None:
        """A chunk that is tried again carries the digest that was taken before."""
        upload = self.uploader(checksum="sha256").add_file(self.file(b"x" * 10), file_name="a")
        self.client.answer(404)
        self.client.answer(503)
        self.clock.advance(1)
        self.client.answer(200)
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
        self.client.answer(200)
        self.assertEqual(set(transfer_of(upload).ledger.plan.digests), {1})
        self.client.answer(404)
        self.client.answer(200)
        self.assertEqual(set(transfer_of(upload).ledger.plan.digests), {2})
        self.client.answer(200)
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
            request = self.client.answer(status)
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
        self.client.answer(404)
        self.client.answer(503)
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
            self.client.answer(status)
            self.failureResultOf(upload, ChunkRejected)
        upload = self.uploader(test_chunks=False, permanent_errors=[]).add_file(b"x", file_name="a")
        self.client.answer(404)
        self.clock.advance(1)
        self.client.answer(201)
        self.successResultOf(upload)

    def test_success_statuses(self) -> None:
        """What means that a chunk is stored may be chosen, for tests and uploads."""
        uploader = self.uploader(success_statuses=[200, 204, 409])
        upload = uploader.add_file(b"x", file_name="a")
        self.client.answer(404)
        self.client.answer(409)
        self.assertEqual(self.successResultOf(upload).chunks_found, 0)
        upload = uploader.add_file(b"x", file_name="b")
        self.client.answer(204)
        self.assertEqual(self.successResultOf(upload).chunks_found, 1)
        upload = uploader.add_file(b"x", file_name="c")
        self.client.answer(404)
        self.client.answer(201)
        self.assertNoResult(upload)
        upload.cancel()
        self.failureResultOf(upload, CancelledError)

    def test_received_before(self) -> None:
        """A receiver that had the file before fails it, in a test as in an upload."""
        for options in ({}, {"test_chunks": False}, {"permanent_errors": []}):
            upload = self.uploader(**options).add_file(b"x", file_name="a")
            self.client.answer(410, headers={"Resumable-Received": "before"})
            error = self.failureResultOf(upload, ReceivedBefore).value
            self.assertIn("received before, taken since", str(error))
            self.assertIn("--again", str(error))

    def test_gone(self) -> None:
        """The 410 of another server is tried again."""
        upload = self.uploader(test_chunks=False).add_file(b"x", file_name="a")
        self.client.answer(410)
        self.clock.advance(1)
        self.client.answer(200)
        self.successResultOf(upload)

    def test_again(self) -> None:
        """Each request says that the file is to be received again, if it is."""

        def headers(file: object, chunk: object) -> dict[str, str]:
            return {"A": "b"}

        for given in ({}, {"A": "b"}, headers):
            uploader = self.uploader(again=True, headers=given)
            upload = uploader.add_file(b"x", file_name="a")
            self.client.answer(404)
            self.client.answer(200)
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
            self.client.answer(status, headers=headers)
            error = self.failureResultOf(upload, Redirected).value
            place = headers.get("Location", "").replace("u:p@", "").partition("?")[0]
            self.assertEqual((error.status, error.location, error.chunk_number), (status, place, 1))
        upload = self.uploader(test_chunks=False, permanent_errors=[299]).add_file(
            b"x", file_name="a"
        )
        self.client.answer(299)
        self.assertNotIsInstance(self.failureResultOf(upload, ChunkRejected).value, Redirected)

    def test_errors(self) -> None:
        """An error has the status, the answer, which chunk, and where it was sent."""
        upload = self.uploader(test_chunks=False, simultaneous_uploads=1).add_file(
            b"x" * 20, file_name="a"
        )
        self.client.answer(200)
        self.client.answer(400, b"no")
        error = self.failureResultOf(upload, ChunkRejected).value
        self.assertIs(type(error), ChunkRejected)
        found = (error.status, error.body, error.url, error.chunk_number)
        self.assertEqual(found, (400, "no", "http://receiver.example/upload", 2))

    def test_others_stop(self) -> None:
        """A permanent error aborts the file's other chunks, and the next file runs."""
        uploader = self.uploader(test_chunks=False)
        first = uploader.add_file(b"x" * 100, file_name="a")
        second = uploader.add_file(b"y", file_name="b")
        self.client.answer(403)
        self.failureResultOf(first, ChunkRejected)
        self.assertEqual(len(self.client.waiting), 1)
        self.client.answer(200)
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
        self.client.answer(200)
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
        self.client.answer(200)
        self.successResultOf(upload)

    def test_asks_first(self) -> None:
        """With tests the server is asked if the chunk came; if it did, that is all."""
        upload = self.uploader().add_file(b"x", file_name="a")
        self.client.answer(404)
        self.client.fail(StaleConnection())
        self.assertEqual(self.methods(), "GET POST GET")
        self.client.answer(200)
        self.assertEqual(self.successResultOf(upload).chunks[0].retries, 0)

    def test_sent_again(self) -> None:
        """If it did not, it is sent again, as a retry only if that fails as well."""
        upload = self.uploader().add_file(b"x", file_name="a")
        self.client.answer(404)
        self.client.fail(StaleConnection())
        self.client.answer(404)
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
        self.client.answer(200)
        self.assertEqual(self.client.sent[-1].header("Authorization"), "Bearer new")
        headers["Authorization"] = "Bearer newest\r\nX-Injected: yes"
        self.client.answer(200)
        error = self.failureResultOf(upload, InvalidOption).value
        self.assertNotIn("newest", str(error))
        self.assertEqual(len(self.client.sent), 2)
