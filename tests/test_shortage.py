"""
When this process has no descriptors left.
"""

from __future__ import annotations

import errno
import os
from typing import Any

from twisted.internet.error import (
    ConnectBindError,
    ConnectError,
    ConnectionRefusedError,
    DNSLookupError,
)
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txresumable import ConnectFailed, RetriesExhausted, TLSRejected
from txresumable._engine.shortage import PAUSE, out_of_descriptors
from txresumable._runtime import descriptors
from txresumable.errors import ConnectTimeout
from txresumable.file import transfer_of
from txresumable.uploader import engine_of

from .uploader_rig import UploaderTestCase


def failed(cause: Exception, kind: type[ConnectFailed] = ConnectFailed) -> ConnectFailed:
    """An error of ours with a cause."""
    error = kind("no connection")
    error.__cause__ = cause
    return error


class CauseTests(SynchronousTestCase):
    """Which errors are those of a shortage."""

    def test_known(self) -> None:
        """An error is by its number, and a failure to connect by its cause."""
        for number, expected in (
            (errno.EMFILE, True),
            (errno.ENFILE, True),
            (errno.ENOENT, False),
        ):
            for error in (
                OSError(number, "why"),
                failed(ConnectBindError(number, "why")),
                failed(ConnectError(number, "why")),
            ):
                self.assertEqual(out_of_descriptors(error), expected, error)
        for other in (ConnectFailed(), failed(ConnectionRefusedError()), ValueError(), None):
            self.assertFalse(out_of_descriptors(other))

    def test_guessed(self) -> None:
        """What a shortage leads to is one if there are no descriptors."""
        errors = (failed(DNSLookupError()), ConnectTimeout(), TLSRejected())
        for error in errors:
            self.assertFalse(out_of_descriptors(error))

        def none() -> Any:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        self.patch(descriptors.os, "pipe", none)
        for error in errors:
            self.assertTrue(out_of_descriptors(error))
        self.assertFalse(out_of_descriptors(failed(ConnectionRefusedError())))


class ShortageTests(UploaderTestCase):
    """Uploads go on, with as many chunks at once as there are descriptors for."""

    def setUp(self) -> None:
        super().setUp()
        self.events = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)

    def lines(self) -> list[str]:
        """What was logged of it."""
        return [line for line in map(formatEvent, self.events) if "Too many" in line]

    def starve(self) -> None:
        """The request that has waited longest finds no descriptor."""
        self.client.fail(ConnectBindError(errno.EMFILE, os.strerror(errno.EMFILE)))

    def test_goes_on_with_less(self) -> None:
        """
        As many chunks as found none have to wait, for no retry; then there is one more every
        second, and that is logged once.
        """
        uploader = self.uploader(test_chunks=False, simultaneous_uploads=4, max_chunk_retries=0)
        uploads = uploader.add_files([{"source": b"x" * 100, "file_name": n} for n in "abcdefgh"])
        self.assertEqual(len(self.client.waiting), 4)
        self.starve()
        self.starve()
        self.assertEqual(len(self.client.waiting), 2)
        self.client.respond(200)
        self.assertEqual(len(self.client.waiting), 2)
        for slots in (3, 4, 4):
            self.clock.advance(PAUSE)
            self.assertEqual(len(self.client.waiting), slots)
        self.assertEqual(len(self.lines()), 1)
        self.starve()
        self.assertEqual(len(self.lines()), 2)
        self.answer_all()
        self.clock.advance(PAUSE)
        self.answer_all()
        for upload in uploads:
            self.assertEqual(self.successResultOf(upload).chunks[0].retries, 0)

    def test_none_for_anything(self) -> None:
        """Where not even one connection can be opened, one is tried every second, for ever."""
        uploader = self.uploader(test_chunks=False, max_chunk_retries=0, max_offline=0)
        upload = uploader.add_file(b"x" * 10, file_name="a")
        for second in range(100):
            self.starve()
            self.assertEqual(self.client.waiting, [])
            self.clock.advance(PAUSE)
            self.assertEqual(len(self.client.sent), second + 2)
        self.client.respond(200)
        self.successResultOf(upload)
        self.assertEqual(len(self.lines()), 1)

    def test_idle_sources(self) -> None:
        """Files that were opened before they were needed are closed, and opened again."""
        uploader = self.uploader(test_chunks=False, simultaneous_uploads=2)
        uploads = uploader.add_files([self.file(b"%d" % n * 10, str(n)) for n in range(6)])

        def are_open() -> list[bool]:
            return [transfer_of(upload.file).source.is_open for upload in uploads]

        self.assertEqual(are_open(), [True] * 6)
        self.starve()
        self.assertEqual(are_open(), [False, True, False, False, False, False])
        self.client.respond(200)
        self.assertEqual(are_open(), [False, False, True, False, False, False])
        self.starve()
        self.assertEqual(are_open(), [False] * 6)
        self.clock.advance(PAUSE)
        for _ in range(3):
            self.answer_all()
            self.clock.advance(PAUSE)
        self.answer_all()
        for number, upload in enumerate(uploads):
            self.successResultOf(upload)
            self.assertIn(b"%d" % number * 10, [each.content for each in self.client.uploads])

    def test_no_outage(self) -> None:
        """The server that cannot be reached is another matter, and counts as before."""
        uploader = self.uploader(test_chunks=False, max_chunk_retries=1, simultaneous_uploads=1)
        upload = uploader.add_file(b"x" * 10, file_name="a")
        self.client.fail(ConnectionRefusedError())
        self.clock.advance(1)
        self.starve()
        self.clock.advance(1)
        self.client.fail(ConnectionRefusedError())
        self.failureResultOf(upload, RetriesExhausted)

    def test_adaptive(self) -> None:
        """A number of slots that is found out is left alone, and comes back."""
        uploader = self.uploader(test_chunks=False, simultaneous_uploads="auto")
        uploads = uploader.add_files([{"source": b"x" * 10, "file_name": n} for n in "abcdefgh"])
        slots = engine_of(uploader).scheduler.slots
        self.starve()
        self.starve()
        self.client.respond(200)
        self.assertEqual((slots.number, slots.tokens), (1, 0))
        self.client.respond(503)
        self.assertEqual(slots.number, 1)
        for _ in range(8):
            self.clock.advance(PAUSE)
            self.answer_all()
        for upload in uploads:
            self.successResultOf(upload)
        self.assertEqual(slots.number, slots.tokens)

    def test_closed_meanwhile(self) -> None:
        """It ends with the uploader, and leaves no timer."""
        uploader = self.uploader(test_chunks=False)
        upload = uploader.add_file(b"x" * 10, file_name="a")
        self.starve()
        uploader.close()
        self.assert_cancelled(upload)
        self.assertEqual(self.clock.getDelayedCalls(), [])
