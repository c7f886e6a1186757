"""
After the last chunk.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txresumable import InvalidOption, Resumable, UnexpectedResponse
from txresumable.states import READY
from txresumable.testing import FakeResponse

from .uploader_rig import UploaderTestCase


class ExpectTests(UploaderTestCase):
    """What the server has to say."""

    def send(self, *replies: bytes, **options: Any) -> Any:
        """The upload of a file of two chunks, which are responded to so."""
        upload = self.uploader(test_chunks=False, **options).add_file(b"x" * 20, file_name="a")
        for reply in replies:
            self.client.respond(200, reply)
        return upload

    def test_pattern(self) -> None:
        """A response of the file has to contain it, be it the last to arrive or not."""
        for pattern in ('"complete"', re.compile('"COMPLETE"', re.IGNORECASE)):
            for replies in ((b"{}", b'{"status":"complete"}'), (b'{"status":"complete"}', b"{}")):
                self.successResultOf(self.send(*replies, expect_response=pattern))
            upload = self.send(b"<p>Welcome", b"<p>Welcome,\n you", expect_response=pattern)
            error = self.failureResultOf(upload, UnexpectedResponse).value
            self.assertEqual((error.file_name, error.response), ("a", "<p>Welcome,\n you"))
            self.assertIn(
                "'a' was accepted with an unexpected response: <p>Welcome, you", str(error)
            )

    def test_page(self) -> None:
        """A page of HTML is no response of a receiver, unless the program says what is."""
        page = b"\n<!DOCTYPE html>\n<html><body>Please log in</body></html>"
        for reply in (page, b"<HTML lang=en>", b'\xef\xbb\xbf<?xml version="1.0"?><html>'):
            for replies in ((b"1", reply), (reply,)):
                upload = self.send(*replies)
                error = self.failureResultOf(upload, UnexpectedResponse).value
                self.assertEqual(error.file_name, "a")
                self.assertIn("as to log in: see headers", str(error))
                self.client.sent.clear()
        for reply in (b"<htmlx", b"ok <html>", b"<p>", b"<?xml version='1.0'?><ok/>"):
            self.assertEqual(self.successResultOf(self.send(b"1", reply)).response, reply.decode())
        self.successResultOf(self.send(page, page, expect_response="log in"))

    def test_page_found(self) -> None:
        """Nor does a page say that a chunk is stored, although other tests were responded to."""
        uploader = self.uploader(simultaneous_uploads=1)
        upload = uploader.add_file(b"x" * 30, file_name="a")
        self.client.respond(200, b"found")
        self.client.respond(200, b"<html>")
        self.failureResultOf(upload, UnexpectedResponse)

    def test_found(self) -> None:
        """What is said of chunks that were already stored counts as well."""
        for reply, expected in ((b"done", True), (b"", False)):
            upload = self.uploader(expect_response="done").add_file(b"x" * 10, file_name="a")
            self.client.respond(200, reply)
            if expected:
                self.successResultOf(upload)
            else:
                error = self.failureResultOf(upload, UnexpectedResponse).value
                self.assertIn("response: nothing", str(error))

    def test_hook(self) -> None:
        """A hook sees the last response, and says now or later whether that is as expected."""
        self.successResultOf(
            self.send(b"1", b"2", expect_response=lambda file: file.response == "2")
        )
        later: Deferred[bool] = Deferred()
        upload = self.send(b"1", b"2", expect_response=lambda _: later)
        self.assertNoResult(upload)
        later.callback(False)
        self.failureResultOf(upload, UnexpectedResponse)

    def test_tried_again(self) -> None:
        """A file that failed so is tried again from the start."""
        upload = self.send(b"1", b"2", expect_response="done")
        self.failureResultOf(upload, UnexpectedResponse)
        upload.file.retry()
        retried = upload.file.when_completed()
        self.client.respond(200, b"1")
        self.client.respond(200, b"done")
        self.successResultOf(retried)


class HookTests(UploaderTestCase):
    """``verify`` has the last word."""

    def begin(self) -> Any:
        """A file of which every chunk is stored, while its hook is at work."""
        self.asked: list[Deferred[None]] = []

        def verify(file: Any) -> Deferred[None]:
            self.assertEqual((file.response, file.state), ("ok", READY))
            self.asked.append(Deferred())
            return self.asked[-1]

        upload = self.uploader(test_chunks=False, verify=verify).add_file(b"x", file_name="a")
        self.client.respond(200, b"ok")
        self.assertNoResult(upload)
        self.assertEqual(len(self.asked), 1)
        return upload

    def test_completes(self) -> None:
        """The file is completed when it has fired, and it is asked once."""
        upload = self.begin()
        upload.file.suspend()
        upload.file.resume()
        self.assertEqual(len(self.asked), 1)
        self.asked[0].callback(None)
        self.successResultOf(upload)

    def test_fails(self) -> None:
        """What it fails with is what the file fails with; so is what it raises."""
        upload = self.begin()
        self.asked[0].errback(ValueError("not there"))
        self.failureResultOf(upload, ValueError)

        def verify(_: object) -> None:
            raise KeyError("a")

        upload = self.uploader(test_chunks=False, verify=verify).add_file(b"x", file_name="a")
        self.client.respond(200)
        self.failureResultOf(upload, KeyError)

    def test_cancelled(self) -> None:
        """A file that is cancelled meanwhile cancels what it waits for."""
        upload = self.begin()
        upload.cancel()
        self.assert_cancelled(upload)
        self.assertTrue(self.asked[0].called)

    def test_cancels(self) -> None:
        """It may cancel the file itself."""
        asked: list[Deferred[None]] = []

        def verify(file: Any) -> Deferred[None]:
            file.cancel()
            asked.append(Deferred())
            return asked[0]

        upload = self.uploader(test_chunks=False, verify=verify).add_file(b"x", file_name="a")
        self.client.respond(200)
        self.assert_cancelled(upload)
        self.assertTrue(asked[0].called)

    def test_starts_over(self) -> None:
        """What was asked of a file that has started over says nothing of it now."""
        upload = self.begin()
        upload.file.bootstrap()
        [again] = self.client.waiting
        self.asked[0].callback(None)
        self.assertNoResult(upload)
        again.respond(FakeResponse(200, b"ok"))
        self.assertEqual(len(self.asked), 2)
        self.asked[1].callback(None)
        self.successResultOf(upload)


class OptionTests(SynchronousTestCase):
    """What cannot be expected."""

    def test_invalid(self) -> None:
        """Only text that is a regular expression, a pattern of text or a function can."""
        for value in ("(", re.compile(b"x"), 1):
            error = self.assertRaises(
                InvalidOption, Resumable, "http://a.example/", expect_response=value
            )
            self.assertEqual(error.option, "expect_response")
