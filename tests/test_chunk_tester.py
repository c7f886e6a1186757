"""
Whether chunks are on the server already.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost, ConnectionRefusedError

from txresumable import (
    ChunkRejected,
    InsecureCredentials,
    InvalidOption,
    ReceivedBefore,
)
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
            self.client.respond(status)
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
        self.client.respond(200)
        self.successResultOf(upload)
        upload = self.uploader().add_file(b"x", file_name="b")
        self.client.fail(ConnectionRefusedError())
        self.assertEqual(self.client.waiting, [])
        self.clock.advance(1)
        self.assertEqual(self.client.respond(200).method, "GET")
        self.successResultOf(upload)

    def test_once(self) -> None:
        """What was asked once is not asked again, though the upload was held up after it."""
        for answer in (
            lambda: self.client.respond(404),
            lambda: self.client.fail(ConnectionLost()),
        ):
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
            self.assertEqual(self.client.respond(200).method, "POST")
            self.successResultOf(upload)

    def test_not_before_a_retry(self) -> None:
        """A chunk that the server refused for now is not tested before the next attempt."""
        self.uploader().add_file(b"x", file_name="a")
        self.client.respond(404)
        self.client.respond(503)
        self.clock.advance(1)
        self.assertEqual(self.client.respond(200).method, "POST")

    def test_before_a_retry_whose_answer_was_lost(self) -> None:
        """A chunk that was refused for now, and then may have arrived, is asked about."""
        upload = self.uploader(simultaneous_uploads=1).add_file(b"x" * 20, file_name="a")
        for answer in (200, 404, 503):
            self.client.respond(answer)
        self.clock.advance(1)
        self.client.fail(ConnectionLost())
        self.clock.advance(1)
        self.assertEqual(self.client.respond(200).method, "GET")
        self.successResultOf(upload)

    def test_off(self) -> None:
        """Without test_chunks nothing is tested, a lost answer neither."""
        self.uploader(test_chunks=False).add_file(b"x", file_name="a")
        self.client.fail(ConnectionLost())
        self.clock.advance(1)
        self.client.respond(200)
        self.assertEqual(self.client.tests, [])

    def test_elsewhere(self) -> None:
        """Tests have a method and a target of their own, which may be a function."""
        uploader = self.uploader(
            test_method="HEAD", test_target=lambda pairs: "http://other.example/?" + pairs[0]
        )
        uploader.add_file(b"x", file_name="a")
        request = self.client.respond(200)
        expected = ("HEAD", "http://other.example/?resumableChunkNumber=1")
        self.assertEqual((request.method, request.url), expected)
        uploader = self.uploader(test_target="/")
        uploader.add_file(b"x", file_name="a")
        self.assertTrue(self.client.respond(200).url.startswith("http://receiver.example/upload?"))

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
                asked = self.client.respond(status).url.removeprefix("http://other.example/")
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
                request = self.client.respond(200)
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
        self.client.respond(200)
        self.failureResultOf(upload, MemoryError)
        self.assertEqual(len(self.client.sent), 1)

    def test_permanent_in_flow(self) -> None:
        """In flow.js's dialect a test can fail the file."""
        upload = self.uploader(dialect="flow").add_file(b"x", file_name="a")
        self.client.respond(404, b"who?")
        error = self.failureResultOf(upload, ChunkRejected).value
        self.assertEqual((error.status, error.body), (404, "who?"))
        self.assertEqual(self.client.uploads, [])

    def test_absent_as_one_likes(self) -> None:
        """permanent_errors is about tests too there, so that 404 may mean that it is absent."""
        for dialect in ("flow", "simple"):
            uploader = self.uploader(dialect=dialect, permanent_errors=[415, 500])
            upload = uploader.add_file(b"x", file_name="a")
            self.client.respond(404)
            self.assertEqual(self.client.respond(200).method, "POST")
            self.successResultOf(upload)
            refused = uploader.add_file(b"x", file_name="b")
            self.client.respond(415)
            self.assertTrue(self.failureResultOf(refused, ChunkRejected).value.of_test)

    def test_tests_do_not_fail(self) -> None:
        """In resumable.js's dialect permanent_errors is about uploads only."""
        upload = self.uploader(permanent_errors=[404]).add_file(b"x", file_name="a")
        self.client.respond(404)
        self.client.respond(200)
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
            self.client.respond(404)
            self.client.respond(200)
        self.client.respond(200)
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
            self.client.respond(200 if self.client.waiting[0].is_upload else 404)

    def test_whole_answer(self) -> None:
        """With adaptive tests a receiver can say of all chunks at once what it has."""
        uploader, heard = self.uploader(test_chunks="adaptive", simultaneous_uploads=1), []
        upload = uploader.add_file(b"x" * 60, file_name="a")
        upload.chunk_completed.register(lambda chunk: heard.append(chunk.number))
        self.client.respond(404, headers={"Resumable-Stored": "2-4,6"})
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
        self.client.respond(404, headers={"Resumable-Stored": "2-4,..."})
        self.client.respond(200)
        self.answer_all()
        self.successResultOf(upload)
        sent = [(each.method, each.parameters["resumableChunkNumber"]) for each in self.client.sent]
        self.assertEqual(sent, [("GET", "1"), ("POST", "1"), ("GET", "5"), ("GET", "6")])

    def test_whole_answer_that_ends_it(self) -> None:
        """A receiver that has all of a file needs one test to say so."""
        upload = self.uploader(test_chunks="adaptive").add_file(b"x" * 60, file_name="a")
        self.client.respond(200, headers={"Resumable-Stored": "1-6"})
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
                    self.client.respond(200)
                else:
                    self.client.respond(404, headers={"Resumable-Stored": said})
            self.successResultOf(upload)
            self.assertEqual(len(self.client.uploads) - uploads, 6)

    def test_cancelled_by_who_hears(self) -> None:
        """Cancelled by an observer of the first of many chunks, a file tells no more of them."""
        uploader, heard = self.uploader(test_chunks="adaptive", simultaneous_uploads=1), []
        upload = uploader.add_file(b"x" * 60, file_name="a")
        upload.chunk_completed.register(lambda chunk: heard.append(chunk) or upload.cancel())
        self.client.respond(404, headers={"Resumable-Stored": "2-6"})
        self.assert_cancelled(upload)
        self.assertEqual((len(heard), self.client.waiting), (1, []))


class BelievedTests(UploaderTestCase):
    """
    The tests of a server that is believed, which wait for nothing but its response.
    """

    def setUp(self) -> None:
        super().setUp()
        uploader = self.uploader(simultaneous_uploads=1, max_chunk_retries=2)
        self.upload = uploader.add_file(b"x" * 30, file_name="a")
        self.assertEqual(self.client.respond(200).method, "GET")
        self.assertEqual(self.upload.file.chunks_found, 1)

    def complete(self, found: int) -> None:
        """Let the rest be found, or stored."""
        self.answer_all()
        self.successResultOf(self.upload)
        self.assertEqual(self.upload.file.chunks_found, found)

    def test_there(self) -> None:
        """What is there is not sent."""
        self.complete(3)
        self.assertEqual(self.client.uploads, [])

    def test_absent(self) -> None:
        """What is absent is sent."""
        self.client.respond(404)
        self.assertEqual(self.client.respond(200).method, "POST")
        self.complete(2)

    def test_broken(self) -> None:
        """Without a response the chunk is sent."""
        self.client.fail(ConnectionLost())
        self.assertEqual(self.client.respond(200).method, "POST")
        self.complete(2)

    def test_refused(self) -> None:
        """Without a connection it waits, and is tested again."""
        self.client.fail(ConnectionRefusedError())
        self.assertEqual(self.client.waiting, [])
        self.clock.advance(1)
        self.assertEqual(self.client.respond(200).method, "GET")
        self.complete(3)

    def test_received_before(self) -> None:
        """A server that has finished with the file fails it."""
        self.client.respond(410, headers={"Resumable-Received": "before"})
        self.failureResultOf(self.upload, ReceivedBefore)

    def test_cancelled(self) -> None:
        """Cancelling aborts the test."""
        asked = self.client.waiting[0]
        self.upload.cancel()
        self.assertTrue(asked.given_up)
        self.assert_cancelled(self.upload)
        self.assertEqual(self.client.uploads, [])
