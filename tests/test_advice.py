"""
What no retry changes, and what may help.
"""

from __future__ import annotations

from twisted.web.http_headers import Headers

from txresumable import ChunkRejected, MalformedResponse, RetriesExhausted
from txresumable._engine.advice import HOPELESS
from txresumable._http.coding import check_coding
from txresumable._protocol.dialect import DIALECTS

from .uploader_rig import UploaderTestCase


class HopelessTests(UploaderTestCase):
    """
    What is refused in the same way a few times ends soon, and says what may help.
    """

    def refused(self, status: int, **options: object) -> RetriesExhausted:
        """Why a file failed of which each request was refused; it has one chunk."""
        upload = self.uploader(test_chunks=False, **options).add_file(b"x" * 10, file_name="a")
        for _ in range(3):
            self.assertNoResult(upload)
            self.client.respond(status)
            self.clock.advance(1)
        return self.failureResultOf(upload, RetriesExhausted).value

    def test_few(self) -> None:
        """The third time is the last, with each status of that kind."""
        for dialect in DIALECTS:
            usual = DIALECTS[dialect].permanent | DIALECTS[dialect].stored
            for status in sorted(HOPELESS - usual):
                error = self.refused(status, dialect=dialect)
                self.assertEqual((error.attempts, error.last.status), (3, status))

    def test_what_a_server_needs(self) -> None:
        """Statuses that a server needs, or that are advised for tests, are no choice against it."""
        for options in (
            {"server": "flask-sample"},
            {"server": "dash-uploader-0.7", "dialect": "resumable"},
            {"dialect": "simple", "permanent_errors": [415, 500, 501]},
            {"dialect": "simple", "permanent_errors": [404, 415, 501]},
        ):
            status = 405 if "dash" in str(options) else 413
            self.assertEqual(self.refused(status, **options).attempts, 3)

    def test_too_large(self) -> None:
        """413 names the size, and what makes it smaller."""
        self.assertIn("with 10 bytes of the file: lower chunk_size", str(self.refused(413)))

    def test_other_success(self) -> None:
        """A success that is none by the options is not tried for long, and says how it would be."""
        for status in (203, 204, 206):
            error = self.refused(status)
            self.assertEqual((error.attempts, error.last.status), (3, status))
            self.assertIn(
                f"success_statuses with it (--success-statuses 200,201,{status})", str(error)
            )

    def test_advice(self) -> None:
        """Others name the option that is wrong, permanent ones at once as well."""
        self.assertIn("takes no PUT there", str(self.refused(405, upload_method="PUT")))
        self.assertIn("see proxy", str(self.refused(407)))
        for status, part in (
            *((404, "target"), (401, "headers"), (415, "method")),
            (501, "takes no POST there"),
        ):
            upload = self.uploader(test_chunks=False).add_file(b"x", file_name="a")
            self.client.respond(status)
            error = self.failureResultOf(upload, ChunkRejected).value
            self.assertIn(part, error.advice)
            self.assertTrue(str(error).endswith(f"({error.advice})"))
        self.assertNotIn("(", str(self.refused(451)))

    def test_counted_by_chunk(self) -> None:
        """What is refused once between other failures has all its retries."""
        upload = self.uploader(test_chunks=False).add_file(b"x" * 30, file_name="a")
        for status in (413, 413, 413, 413, 520, 520, 520, 520):
            self.client.respond(status)
            self.clock.advance(0 if len(self.client.waiting) else 1)
        self.answer_all()
        self.successResultOf(upload)

    def test_another_protocol(self) -> None:
        """What has never sent a response that is HTTP is no web server; what has may yet again."""
        for first in (None, 200, 404):
            tests = first == 404
            uploader = self.uploader(test_chunks=tests, simultaneous_uploads=1)
            upload = uploader.add_file(b"x" * 20, file_name="a")
            if first:
                self.client.respond(first)
            for _ in range(3):
                self.assertNoResult(upload)
                self.client.fail(MalformedResponse("SSH-2.0"))
                self.clock.advance(1)
                if tests:
                    self.client.respond(404)
            if first:
                self.answer_all()
                self.successResultOf(upload)
            else:
                error = self.failureResultOf(upload, RetriesExhausted).value
                self.assertIsInstance(error.last, MalformedResponse)

    def test_encoded(self) -> None:
        """A server that sends nothing but encoded bodies speaks HTTP all the same."""
        uploader = self.uploader(test_chunks=False, simultaneous_uploads=1)
        upload = uploader.add_file(b"x" * 20, file_name="a")
        for _ in range(5):
            with self.assertRaises(MalformedResponse) as raised:
                check_coding(Headers({"Content-Encoding": ["gzip"]}))
            self.client.fail(raised.exception)
            self.clock.advance(1)
        self.answer_all()
        self.successResultOf(upload)

    def test_by_choice(self) -> None:
        """With permanent_errors of one's own nothing else ends a file so; nor 422 with digests."""
        usual = DIALECTS["resumable"].permanent
        for status, options in (
            (413, {"permanent_errors": [404]}),
            (413, {"permanent_errors": {*usual, 418}}),
            (401, {"permanent_errors": usual - {401}}),
            (422, {"checksum": "sha256"}),
        ):
            uploader = self.uploader(test_chunks=False, **options)
            upload = uploader.add_file(b"x", file_name="a")
            for _ in range(10):
                self.client.respond(status)
                self.clock.advance(1)
            self.answer_all()
            self.successResultOf(upload)


class SentenceTests(UploaderTestCase):
    """
    What people read.
    """

    def test_a_test(self) -> None:
        """The error of a test says that it was one, and how to do without."""
        upload = self.uploader(dialect="flow").add_file(b"x", file_name="a")
        self.client.respond(404)
        error = self.failureResultOf(upload, ChunkRejected).value
        self.assertTrue(error.of_test)
        text = str(error)
        self.assertTrue(text.startswith("the test of chunk 1 of 'a' was refused with 404"), text)
        self.assertIn("permanent_errors without it (--permanent-errors 413,415,500,501)", text)
        self.assertIn("test_chunks=False (--test-chunks no)", text)
        for status, options in ((500, {}), (404, {"permanent_errors": [404]})):
            upload = self.uploader(dialect="flow", **options).add_file(b"x", file_name="a")
            self.client.respond(status)
            text = str(self.failureResultOf(upload, ChunkRejected).value)
            self.assertNotIn("--permanent-errors", text)
            self.assertIn("test_chunks=False (--test-chunks no)", text)

    def test_a_test_that_has_to_wait(self) -> None:
        """Of a test that is refused for a time nothing is said about doing without."""
        upload = self.uploader(max_chunk_retries=0).add_file(b"x", file_name="a")
        self.client.respond(429)
        error = self.failureResultOf(upload, RetriesExhausted).value.last
        self.assertTrue(error.of_test)
        self.assertTrue(str(error).endswith("/upload"), error)

    def test_a_page(self) -> None:
        """Of a page the title is shown, of a text the beginning; no control characters are."""
        for body, shown in (
            (
                b"<html><head>\n<TITLE lang=en>Not\n here &amp; gone</title>x",
                ": Not here & gone (",
            ),
            (b"no  such\nplace", ": no such place ("),
            (b"y" * 300, ": " + "y" * 200 + " ("),
            (b"", "upload ("),
            (b"\x1b[31mred", ": \\x1b[31mred ("),
        ):
            upload = self.uploader(test_chunks=False).add_file(b"x", file_name="a")
            self.client.respond(404, body)
            self.assertIn(shown, str(self.failureResultOf(upload, ChunkRejected).value))
