"""
Chunks through slots: how many at once, what is told, and what is logged.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.logger import LogLevel, globalLogPublisher

from txresumable import (
    ChunkRejected,
    ChunkState,
    ConnectFailed,
    RetriesExhausted,
    TransportError,
)
from txresumable._source.source import PathSource
from txresumable.file import transfer_of
from txresumable.testing import Response
from txresumable.uploader import engine_of

from .uploader_rig import UploaderTestCase

_LARGE = 24 * 1024
"""Of chunks of so many bytes, more than two are not too little to be worth a thought."""


class AutoTests(UploaderTestCase):
    """
    ``simultaneous_uploads="auto"``.
    """

    def rounds(self, number: int, status: int = 200) -> list[int]:
        """
        Let all that is under way take a second, and then be answered.

        :returns: how many were under way, again and again.
        """
        found = []
        for _ in range(number):
            found.append(len(self.client.waiting))
            self.clock.advance(1)
            for _ in list(self.client.waiting):
                self.client.respond(status)
        return found

    def test_grows(self) -> None:
        """It begins with three, and takes more where that pays."""
        self.clock.advance(1000)
        uploader = self.uploader(simultaneous_uploads="auto", test_chunks=False, chunk_size=_LARGE)
        upload = uploader.add_file(bytes(200 * _LARGE), file_name="a")
        self.assertEqual(self.rounds(9), [3, 3, 3, 6, 6, 6, 12, 12, 12])
        self.assertEqual(len(self.client.waiting), 24)
        upload.file.cancel()
        self.assert_cancelled(upload)

    def test_a_full_link(self) -> None:
        """Where three chunks a second arrive, however many are sent, it stays at a few."""
        self.clock.advance(1000)
        uploader = self.uploader(simultaneous_uploads="auto", test_chunks=False, chunk_size=_LARGE)
        upload = uploader.add_file(bytes(200 * _LARGE), file_name="a")
        found = set()
        for _ in range(30):
            found.add(len(self.client.waiting))
            self.clock.advance(1)
            for _ in range(3):
                self.client.respond(200)
        self.assertLessEqual(max(found), 6)
        upload.file.cancel()
        self.assert_cancelled(upload)

    def test_what_was_there(self) -> None:
        """A test takes a round trip: once chunks are found, many are tested at once."""
        uploader = self.uploader(last_chunk_alone=False, simultaneous_uploads="auto")
        upload = uploader.add_file(b"x" * 1000, file_name="a")
        self.assertEqual(self.rounds(5), [3, 32, 32, 32, 1])
        self.successResultOf(upload)
        self.assertEqual(upload.file.chunks_found, 100)

    def test_a_cap(self) -> None:
        """There are never more than the option says, with which it may begin."""
        options = {"simultaneous_uploads": "auto", "test_chunks": False}
        for cap, found in ((5, [3, 3, 3, 5]), (2, [2, 2, 2, 2])):
            uploader = self.uploader(max_simultaneous_uploads=cap, **options)
            upload = uploader.add_file(b"x" * 2000, file_name="a")
            self.assertEqual(self.rounds(4), found)
            upload.file.cancel()
            self.assert_cancelled(upload)

    def test_a_server_that_pushes_back(self) -> None:
        """429 and 503 halve the number of slots; another status does not."""
        for status, number in ((429, 1), (503, 1), (502, 3)):
            uploader = self.uploader(simultaneous_uploads="auto", test_chunks=False)
            upload = uploader.add_file(b"x" * 300, file_name="a")
            self.assertEqual(self.rounds(1, status), [3])
            self.clock.advance(1)
            self.assertEqual(len(self.client.waiting), number, status)
            upload.file.cancel()
            self.assert_cancelled(upload)

    def test_an_answer_that_never_comes(self) -> None:
        """A time-out halves it as well; a connection that breaks does not."""

        def wait() -> None:
            self.clock.advance(10)

        def lose() -> None:
            for _ in list(self.client.waiting):
                self.client.fail(ConnectionLost())

        events: tuple[tuple[Callable[[], None], dict[str, float], int], ...] = (
            (wait, {"chunk_timeout": 10}, 1),
            (wait, {"stall_timeout": 10}, 1),
            (lose, {}, 3),
        )
        for happen, options, number in events:
            uploader = self.uploader(simultaneous_uploads="auto", test_chunks=False, **options)
            upload = uploader.add_file(b"x" * 300, file_name="a")
            happen()
            self.assertEqual(len(self.client.waiting), number, options)
            upload.file.cancel()
            self.assert_cancelled(upload)

    def test_fixed(self) -> None:
        """A number that was given stays, whatever the server answers."""
        uploader = self.uploader(simultaneous_uploads=2, test_chunks=False)
        upload = uploader.add_file(b"x" * 1000, file_name="a")
        self.assertEqual(self.rounds(20), [2] * 20)
        self.rounds(1, 503)
        self.clock.advance(1)
        self.assertEqual(len(self.client.waiting), 2)
        upload.file.cancel()
        self.assert_cancelled(upload)


class AheadTests(UploaderTestCase):
    """
    Tests with slots of their own.
    """

    def counts(self) -> tuple[int, int]:
        """How many uploads and how many tests are under way."""
        uploads = sum(request.is_upload for request in self.client.waiting)
        return uploads, len(self.client.waiting) - uploads

    def answer_to(self, is_upload: bool, status: int) -> None:
        """Answer all requests of a kind that are under way now."""
        for request in list(self.client.waiting):
            if request.is_upload is is_upload:
                request.respond(Response(status).response())

    def test_run_ahead(self) -> None:
        """
        There are as many chunks ahead as there are slots for tests, whether they are being tested
        or wait until they can be sent.
        """
        uploader = self.uploader(simultaneous_uploads=2, simultaneous_tests=3)
        upload = uploader.add_file(b"x" * 100, file_name="a")
        self.assertEqual(self.counts(), (0, 3))
        self.answer_to(False, 404)
        self.assertEqual(self.counts(), (2, 2))
        self.answer_to(False, 404)
        self.assertEqual(self.counts(), (2, 0))
        self.client.respond(200)
        self.assertEqual(self.counts(), (2, 1))
        while self.client.waiting:
            self.client.respond(200 if self.client.waiting[0].is_upload else 404)
        self.successResultOf(upload)
        numbers = [each.parameters["resumableChunkNumber"] for each in self.client.uploads]
        self.assertEqual(numbers, [str(number) for number in range(1, 11)])
        self.assertEqual(len(self.client.tests), 10)

    def test_found_while_others_are_sent(self) -> None:
        """What is there is found, however long an upload takes."""
        uploader = self.uploader(
            simultaneous_uploads=1, in_order=False, last_chunk_alone=False, simultaneous_tests=2
        )
        upload = uploader.add_file(b"x" * 100, file_name="a")
        self.client.respond(404)
        while self.counts()[1]:
            self.answer_to(False, 200)
        self.assertEqual((self.counts(), upload.file.chunks_found), ((1, 0), 9))
        self.client.respond(200)
        self.successResultOf(upload)

    def test_stopped_ahead(self) -> None:
        """Chunks that wait to be sent are given up with their file, and their slots are free."""
        uploader = self.uploader(simultaneous_uploads=1, in_order=False, simultaneous_tests=4)
        upload = uploader.add_file(b"x" * 100, file_name="a")
        self.answer_to(False, 404)
        self.assertEqual(self.counts(), (1, 1))
        other = uploader.add_file(b"x" * 20, file_name="b")
        upload.file.cancel()
        self.assert_cancelled(upload)
        self.assertEqual(self.counts(), (0, 1))
        while self.client.waiting:
            self.client.respond(200 if self.client.waiting[0].is_upload else 404)
        self.successResultOf(other)

    def test_paused_ahead(self) -> None:
        """After a pause, what was absent is sent without another test."""
        uploader = self.uploader(simultaneous_uploads=1, in_order=False, simultaneous_tests=4)
        upload = uploader.add_file(b"x" * 40, file_name="a")
        self.answer_to(False, 404)
        uploader.pause()
        self.assertEqual(self.counts(), (0, 0))
        uploader.upload()
        while self.client.waiting:
            self.client.respond(200 if self.client.waiting[0].is_upload else 404)
        self.successResultOf(upload)
        self.assertEqual(len(self.client.tests), 5)  # that of the chunk that was being sent, anew

    def test_shared(self) -> None:
        """Without such slots, a chunk that is tested has a slot of uploads."""
        upload = self.uploader().add_file(b"x" * 100, file_name="a")
        self.assertEqual(self.counts(), (0, 3))
        self.answer_to(False, 404)
        self.assertEqual(self.counts(), (3, 0))
        upload.file.cancel()
        self.assert_cancelled(upload)


class TellingTests(UploaderTestCase):
    """
    What is told and logged while chunks go their way.
    """

    def setUp(self) -> None:
        super().setUp()
        self.logged: list[Any] = []
        globalLogPublisher.addObserver(self.logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.logged.append)

    def lines(self) -> list[tuple[LogLevel, str]]:
        """What the library logged so far, without what it was filled in with."""
        return [
            (event["log_level"], event["log_format"])
            for event in self.logged
            if event.get("log_namespace", "").startswith("txresumable")
        ]

    def test_logs_a_retry(self) -> None:
        """A retry is logged with its chunk, its file, and when it will be."""
        upload = self.uploader(test_chunks=False).add_file(b"x" * 10, file_name="a")
        self.client.respond(503)
        self.clock.advance(1)
        self.client.respond(200)
        self.successResultOf(upload)
        [event] = [event for event in self.logged if "is tried again" in event["log_format"]]
        self.assertEqual(event["log_level"], LogLevel.info)
        self.assertEqual((event["chunk"], event["name"], event["delay"]), (1, "a", 1.0))
        self.assertEqual(event["error"].status, 503)

    def test_logs_an_outage(self) -> None:
        """That the server cannot be reached, and that it answers again, is logged."""
        upload = self.uploader(test_chunks=False).add_file(b"x" * 10, file_name="a")
        self.client.fail(ConnectionRefusedError())
        self.clock.advance(1)
        self.client.respond(200)
        self.successResultOf(upload)
        levels, texts = zip(*self.lines(), strict=True)
        self.assertEqual(set(levels), {LogLevel.info})
        self.assertTrue(texts[0].startswith("The server cannot be reached"), texts)
        self.assertEqual(texts[1], "The server responds again")

    def test_logs_refusals_of_the_server(self) -> None:
        """A server that refuses is worth a line at first, whenever that doubles, and at its end."""
        upload = self.uploader(test_chunks=False).add_file(b"x" * 60, file_name="a")
        for _ in range(9):
            while self.client.waiting:
                self.client.respond(429)
            self.clock.advance(1)
        self.answer_all()
        self.successResultOf(upload)
        _, texts = zip(*self.lines(), strict=True)
        refuses = "The server refuses for now; next try in {delay:.1f} s: {error}"
        self.assertEqual(texts, (*[refuses] * 4, "The server responds again"))

    def test_logs_a_failure(self) -> None:
        """A file that fails is warned of; one that arrives is not worth a line."""
        uploader = self.uploader(test_chunks=False)
        self.successResultOf(self.arrived(uploader.add_file(b"x", file_name="a")))
        self.assertEqual(self.lines(), [])
        upload = uploader.add_file(b"x", file_name="b")
        self.client.respond(404)
        self.failureResultOf(upload, ChunkRejected)
        [(level, text)] = self.lines()
        self.assertEqual((level, text), (LogLevel.warn, "{name!r} failed: {error}"))

    def arrived(self, upload: Deferred[Any]) -> Deferred[Any]:
        self.answer_all()
        return upload

    def test_progress_of_small_chunks(self) -> None:
        """file_progress fires as a chunk begins and when it is stored, before it is told of."""
        uploader, heard = self.uploader(test_chunks=False, simultaneous_uploads=1), []
        uploader.file_progress.register(
            lambda file: heard.append(("progress", file.fraction_completed))
        )
        uploader.chunk_completed.register(lambda file, chunk: heard.append(("chunk", chunk.number)))
        uploader.add_file(b"x" * 20, file_name="a")
        self.answer_all()
        self.assertEqual(
            heard,
            [
                *(("progress", 0.0), ("progress", 0.5), ("chunk", 1)),
                *(("progress", 0.5), ("progress", 1.0), ("chunk", 2)),
            ],
        )

    def test_progress_for_others(self) -> None:
        """progress and catch_all follow file_progress, also if nobody listens to that."""
        for name in ("progress", "catch_all"):
            heard: list[tuple[Any, ...]] = []
            uploader = self.uploader(test_chunks=False)
            upload = uploader.add_file(b"x" * 10, file_name="a")
            getattr(uploader, name).register(lambda *args, heard=heard: heard.append(args))
            self.client.respond(200)
            self.successResultOf(upload)
            self.assertIn(() if name == "progress" else ("file_progress", upload.file), heard)

    def test_retries_are_told(self) -> None:
        """chunk_retry fires for each chunk that will be tried again, and for each failed probe."""
        uploader, heard = self.uploader(last_chunk_alone=False, test_chunks=False), []

        @uploader.chunk_retry.register
        def retried(file: Any, chunk: Any, failure: Any, delay: float) -> None:
            heard.append((file, chunk.number, chunk.state, failure.type, delay))

        upload = uploader.add_file(b"x" * 20, file_name="a")
        self.client.respond(503)
        self.client.fail(ConnectionLost())
        state = ChunkState.WAITING
        self.assertEqual(
            heard,
            [
                (upload.file, 1, state, ChunkRejected, 1.0),
                (upload.file, 2, state, TransportError, 1.0),
            ],
        )
        self.assertEqual([chunk.retries for chunk in upload.file.chunks], [1, 1])
        self.clock.advance(1)
        self.client.fail(ConnectionRefusedError())
        self.client.fail(ConnectionRefusedError())
        self.assertEqual(heard[2:], [(upload.file, 1, state, ConnectFailed, 1.0)])
        self.clock.advance(1)
        self.answer_all()
        self.successResultOf(upload)

    def test_what_the_server_said_last(self) -> None:
        """A chunk keeps the server's last word while it waits; the file has the last one."""
        uploader = self.uploader(last_chunk_alone=False, test_chunks=False, max_chunk_retries=1)
        upload = uploader.add_file(b"x" * 20, file_name="a")
        self.client.respond(503, b"not now")
        self.client.respond(200, b"thanks")
        file = upload.file
        self.assertEqual([chunk.message for chunk in file.chunks], ["not now", ""])
        self.assertEqual(file.response, "thanks")
        self.clock.advance(1)
        self.client.respond(503, b"not ever")
        error = self.failureResultOf(upload, RetriesExhausted).value
        self.assertEqual((error.attempts, error.chunk_number), (2, 1))
        self.assertEqual(file.chunks[0].message, "not ever")
        rejected = uploader.add_file(b"x", file_name="b")
        self.client.respond(400, b"never")
        self.failureResultOf(rejected, ChunkRejected)
        self.assertEqual(rejected.file.chunks[0].message, "never")

    def test_never_reached(self) -> None:
        """If no connection can ever be made, the error has the chunk that tried, and how often."""
        uploader = self.uploader(test_chunks=False, max_chunk_retries=1)
        upload = uploader.add_file(b"x", file_name="a")
        self.client.fail(ConnectionRefusedError())
        self.clock.advance(1)
        self.client.fail(ConnectionRefusedError())
        error = self.failureResultOf(upload, RetriesExhausted).value
        self.assertEqual((error.attempts, error.chunk_number), (2, 1))

    def test_offline_since(self) -> None:
        """How long the server may be away counts from when it went."""
        self.clock.advance(5000)
        uploader = self.uploader(test_chunks=False, max_offline=10, simultaneous_uploads=1)
        upload = uploader.add_file(b"x" * 20, file_name="a")
        self.client.respond(200)
        for _ in range(10):
            self.client.fail(ConnectionRefusedError())
            self.assertNoResult(upload)
            self.clock.advance(1)
        self.client.fail(ConnectionRefusedError())
        self.failureResultOf(upload, RetriesExhausted)

    def test_all_go_on(self) -> None:
        """After an outage every chunk goes that was under way as it began."""
        uploader = self.uploader(test_chunks=False)
        uploads = [uploader.add_file(b"x", file_name=name) for name in "abc"]
        for _ in uploads:
            self.client.fail(ConnectionRefusedError())
        self.clock.advance(1)
        self.assertEqual(len(self.client.waiting), 1)
        self.client.respond(200)
        self.assertEqual(len(self.client.waiting), 2)
        self.answer_all()
        for upload in uploads:
            self.successResultOf(upload)

    def test_no_descriptors(self) -> None:
        """A file that cannot be opened for want of descriptors waits a second, and for free."""
        path, original, tries = self.file(b"x" * 10), PathSource._open, []

        def open_or_not(source: PathSource, *seen: Any) -> Any:
            tries.append(self.clock.seconds())
            if len(tries) in (2, 3):
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return original(source, *seen)

        uploader = self.uploader(test_chunks=False)
        uploader.file_added.register(lambda file: transfer_of(file).source.close())
        self.patch(PathSource, "_open", open_or_not)
        upload = uploader.add_file(path)
        for _ in range(8):
            self.clock.advance(0.25)
        self.assertEqual(tries, [0.0, 0.0, 1.0, 2.0])
        self.client.respond(200)
        self.assertEqual(self.successResultOf(upload).chunks[0].retries, 0)
        [(level, line)] = self.lines()
        self.assertEqual((level, line[:19]), (LogLevel.warn, "Too many open files"))

    def test_cancelled_as_it_starts(self) -> None:
        """Nothing is sent of a file that is cancelled by who hears that uploading starts."""
        uploader = self.uploader()
        uploader.upload_start.register(lambda: [file.cancel() for file in uploader.files])
        self.assert_cancelled(uploader.add_file(b"x", file_name="a"))
        self.assertEqual(self.client.sent, [])

    def test_an_interval_of_nothing(self) -> None:
        """Without a wait a chunk is tried again at once, and no timer is made."""
        uploader = self.uploader(test_chunks=False, chunk_retry_interval=0)
        upload = uploader.add_file(b"x", file_name="a")
        for _ in range(3):
            self.client.respond(503)
            self.assertEqual(len(self.client.waiting), 1)
            self.assertEqual(engine_of(uploader).scheduler._timers, {})
        self.client.respond(200)
        self.successResultOf(upload)

    def test_a_failure_is_told_before_others_begin(self) -> None:
        """The slots of a file that fails are filled when all have been told of it."""
        uploader, heard = (
            self.uploader(last_chunk_alone=False, test_chunks=False, simultaneous_uploads=2),
            [],
        )
        failing = uploader.add_file(b"x" * 20, file_name="a")
        upload = uploader.add_file(b"x" * 10, file_name="b")
        uploader.file_error.register(lambda file, failure: heard.append("a failed"))
        uploader.file_progress.register(lambda file: heard.append(f"{file.file_name} begins"))
        self.client.respond(404)
        self.failureResultOf(failing, ChunkRejected)
        self.assertEqual(heard, ["a failed", "b begins"])
        self.answer_all()
        self.successResultOf(upload)

    def test_what_was_stopped_is_not_sent(self) -> None:
        """A chunk that was under way as its file failed counts as not begun."""
        uploader = self.uploader(last_chunk_alone=False, test_chunks=False, chunk_size=200_000)
        upload = uploader.add_file(b"x" * 400_000, file_name="a")
        self.assertEqual(upload.file.chunks[1].fraction_completed, 0.95)
        self.client.respond(404)
        self.failureResultOf(upload, ChunkRejected)
        self.assertEqual(upload.file.chunks[1].fraction_completed, 0.0)
        self.assertIs(upload.file.chunks[1].state, ChunkState.PENDING)

    def test_the_last_try_is_not_told_as_a_retry(self) -> None:
        """chunk_retry does not fire for a chunk or a probe that is given up."""
        for fail in (
            lambda: self.client.respond(503),
            lambda: self.client.fail(ConnectionRefusedError()),
        ):
            uploader, heard = self.uploader(test_chunks=False, max_chunk_retries=1), []
            uploader.chunk_retry.register(lambda file, *_, heard=heard: heard.append(file))
            upload = uploader.add_file(b"x", file_name="a")
            fail()
            self.clock.advance(1)
            fail()
            self.failureResultOf(upload, RetriesExhausted)
            self.assertEqual(heard, [upload.file])

    def test_who_hears_of_a_retry_steps_in(self) -> None:
        """A file that is cancelled or started over, as a retry is told of, does not wait for it."""
        for error in (ConnectionLost(), ConnectionRefusedError()):
            uploader = self.uploader(test_chunks=False)
            upload = uploader.add_file(b"x", file_name="a")
            uploader.chunk_retry.register(lambda file, *_: file.cancel())
            self.client.fail(error)
            self.assert_cancelled(upload)
            self.assertEqual(self.clock.getDelayedCalls(), [])
        uploader = self.uploader(test_chunks=False)
        upload = uploader.add_file(b"x", file_name="b")
        uploader.chunk_retry.register(lambda file, *_: file.bootstrap())
        self.client.respond(503)
        self.assertEqual(len(self.client.waiting), 1)
        self.client.respond(200)
        self.successResultOf(upload)

    def test_counts_what_is_under_way(self) -> None:
        """How many chunks are under way; one that waits for its next try is not."""
        uploader = self.uploader(last_chunk_alone=False, test_chunks=False)
        upload = uploader.add_file(b"x" * 20, file_name="a")
        self.assertEqual((uploader.chunks_under_way, uploader.is_uploading), (2, True))
        self.client.respond(503)
        self.client.respond(503)
        self.assertEqual((uploader.chunks_under_way, uploader.is_uploading), (0, True))
        self.assertEqual({chunk.state for chunk in upload.file.chunks}, {ChunkState.WAITING})
        self.clock.advance(1)
        self.answer_all()
        self.successResultOf(upload)
        self.assertEqual((uploader.chunks_under_way, uploader.is_uploading), (0, False))


class StubbornTests(UploaderTestCase):
    """
    Hooks that go on though they are cancelled: nobody waits for them.
    """

    def setUp(self) -> None:
        super().setUp()
        self.gates: list[Deferred[None]] = []

    async def hook(self, *_: object) -> dict[str, str]:
        gate: Deferred[None] = Deferred()
        self.gates.append(gate)
        waiting: Deferred[None] = Deferred()
        gate.addCallback(lambda _: waiting.called or waiting.callback(None))
        with contextlib.suppress(CancelledError):
            await waiting
        await gate
        return {}

    def test_its_file_is_cancelled(self) -> None:
        """Its slot is another file's at once, and nothing is sent of the file."""
        uploader = self.uploader(test_chunks=False, simultaneous_uploads=1, headers=self.hook)
        uploads = [uploader.add_file(b"x", file_name=name) for name in "ab"]
        uploads[0].cancel()
        self.assert_cancelled(uploads[0])
        self.assertEqual(len(self.gates), 2)
        self.gates[0].callback(None)
        self.assertEqual((self.client.sent, uploader.chunks_under_way), ([], 1))
        self.gates[1].callback(None)
        self.client.respond(200)
        self.assertEqual(self.successResultOf(uploads[1]).file_name, "b")
        self.assertEqual(len(self.client.sent), 1)

    def test_its_chunk_begins_anew(self) -> None:
        """Of a chunk that begins anew meanwhile, only the new attempt sends anything."""
        uploader = self.uploader(test_chunks=False, simultaneous_uploads=1, headers=self.hook)
        upload = uploader.add_file(b"x", file_name="a")
        upload.file.abort()
        upload.file.resume()
        self.assertEqual(len(self.gates), 2)
        self.gates[0].callback(None)
        self.assertEqual(self.client.sent, [])
        self.gates[1].callback(None)
        self.client.respond(200)
        self.successResultOf(upload)
        self.assertEqual(len(self.client.sent), 1)


class ProgressTests(UploaderTestCase):
    """
    What is told while a chunk of many pieces is on its way.
    """

    def times(self, name: str, throttle: float) -> list[float]:
        """When an event fired in the first two seconds of five that a chunk takes."""
        uploader = self.uploader(
            test_chunks=False,
            chunk_size=1_000_000,
            max_rate=200_000,
            throttle_progress_callbacks=throttle,
        )
        upload = uploader.add_file(b"x" * 1_000_000, file_name="a")
        began, heard = self.clock.seconds(), []
        getattr(uploader, name).register(lambda *_: heard.append(self.clock.seconds() - began))
        self.clock.pump([1 / 8] * 16)
        upload.file.cancel()
        self.assert_cancelled(upload)
        return [each for each in heard if each <= 2]

    def test_is_throttled(self) -> None:
        """A file tells at most twice a second, or as often as is wanted, that it moves."""
        for name in ("file_progress", "progress"):
            self.assertEqual(self.times(name, 0.5), [0.125, 0.625, 1.125, 1.625])
            self.assertEqual(self.times(name, 1), [0.125, 1.125])
        self.assertEqual(set(self.times("file_progress", 0)), {each / 8 for each in range(1, 17)})
        self.assertEqual(len(set(self.times("catch_all", 0.25))), 8)
