"""
Chunks that a receiver has lost since it confirmed them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import cycle
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher

from txresumable import ChunkState, Resumable, RetriesExhausted
from txresumable._engine.attempt import Attempt
from txresumable._engine.losses import MOST_SILENT, Losses
from txresumable._engine.queue import ChunkQueue
from txresumable._http.fields import ResponseHeaders, parse_fields
from txresumable._http.response import Response
from txresumable._policy.slots import Slots
from txresumable.file import transfer_of
from txresumable.receiver import ObjectStore, make_site
from txresumable.testing import FakeClient, FakeResponse, SentRequest
from txresumable.testing.line import Line, written
from txresumable.uploader import engine_of

from .object_store_rig import FleetTestCase
from .uploader_rig import TARGET, UploaderTestCase


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
        request = self.client.respond(200, headers=headers)
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
            self.client.respond(404)
            self.answer("3" if number == 3 else "1", number)
        self.client.respond(404, headers={"Resumable-Stored": "2-3"})
        self.answer("1-3", 1, complete=True)
        self.assertTrue(self.successResultOf(upload).is_completed)
        self.assertEqual((told, upload.file.chunks_found), ([1, 2, 3], 0))

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
            self.client.respond(404)
        self.client.respond(200)
        self.client.waiting[1].respond(FakeResponse(404))
        second, third = self.client.waiting
        headers = {"Resumable-Stored": "1-3", "Resumable-File-Checksum": "sha256:1"}
        third.respond(FakeResponse(200, b"", headers))
        second.respond(FakeResponse(200, b"", {"Resumable-Stored": "1-2"}))
        self.assertEqual(self.client.respond(200, headers=headers).method, "GET")
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
            self.client.respond(404, headers={"Resumable-Stored": "2-3"})
            self.answer("2,...", 1)
            if mode is True:
                self.client.respond(200)
                self.answer("2,...", 3)
            tests = len(self.client.tests)
            self.client.respond(404, headers={"Resumable-Stored": "2,..."})
            self.answer("1-2", 1)
            self.assertNoResult(upload)
            self.client.respond(200, headers={"Resumable-File-Checksum": "sha256:1"})
            self.assertTrue(self.successResultOf(upload).is_completed)
            self.assertEqual(len(self.client.tests) - tests, 1)

    def test_says_nothing(self) -> None:
        """A server that does not say what it has is believed."""
        upload = self.begin()
        for _ in range(3):
            self.client.respond(200)
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


class PartialTests(UploaderTestCase):
    """
    A receiver that knows only of some of the chunks, of which others may have lost the rest.
    """

    def setUp(self) -> None:
        super().setUp()
        self.told: list[int] = []

    def begin(self, *, confirmed: bool = True, **options: Any) -> Any:
        """A file of three chunks, each of which is confirmed without saying what is there."""
        options = {"simultaneous_uploads": 1, "test_chunks": False, **options}
        upload = self.uploader(**options).add_file(b"x" * 30, file_name="a")
        upload.chunk_completed.register(lambda chunk: self.told.append(chunk.number))
        for number in (1, 2, 3) if confirmed else ():
            if options["test_chunks"]:
                self.answer(404, number, "GET")
            self.answer(200, number, stored=f"...,{number}")
            self.assertNoResult(upload)
        return upload

    def answer(
        self, status: int, number: int, method: str = "POST", *, stored: str = "", end: bool = False
    ) -> None:
        """Respond to the next request, which is about a chunk."""
        headers = {"Resumable-Stored": stored} if stored else {}
        if end:
            headers["Resumable-File-Checksum"] = "sha256:1"
        body = b'{"status": "complete"}' if end else b"{}"
        request = self.client.respond(status, body, headers)
        self.assertEqual(
            (request.method, request.parameters["resumableChunkNumber"]), (method, str(number))
        )

    def assert_uploaded(self, upload: Any) -> None:
        """It is complete, and of each chunk one was notified once; none was found."""
        self.assertTrue(self.successResultOf(upload).is_completed)
        self.assertEqual((self.told, upload.file.chunks_found), ([1, 2, 3], 0))

    def test_asked(self) -> None:
        """It is asked when all are confirmed, whatever the options say of tests."""
        for mode in (False, True, "adaptive"):
            self.told = []
            logged = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
            upload = self.begin(test_chunks=mode)
            self.assertLess(upload.file.fraction_completed, 1)
            self.assertNotIn("lacks", str([formatEvent(event) for event in logged]))
            self.answer(200, 3, "GET", stored="3")
            self.assertIn("The server lacks chunks of 'a'", formatEvent(list(logged)[-1]))
            for number in (1, 2):
                if mode is True:
                    self.answer(404, number, "GET")
                self.assertNoResult(upload)
                self.answer(200, number, stored="1-3", end=number == 2)
            self.assert_uploaded(upload)

    def test_all_there(self) -> None:
        """Nothing is sent again if it has everything."""
        upload = self.begin()
        self.answer(200, 3, "GET", stored="1-3", end=True)
        self.assert_uploaded(upload)
        self.assertEqual(len(self.client.uploads), 3)

    def test_asked_in_vain(self) -> None:
        """If it does not list then either, what it does not know of is tested one by one."""
        for mode in (False, True, "adaptive"):
            self.told = []
            upload = self.begin(test_chunks=mode)
            self.answer(200, 3, "GET", stored="...,3")
            self.answer(404, 1, "GET", stored="...,3")
            self.answer(200, 1, stored="...,1,3")
            self.assertNoResult(upload)
            self.answer(200, 2, "GET", stored="1-3", end=True)
            self.assert_uploaded(upload)

    def test_not_tested(self) -> None:
        """
        If it cannot say whether that chunk is there, which is sent then, nor list, what it does not
        know of is tested one by one, and sent.
        """
        for mode in (False, True, "adaptive"):
            for error in (None, ConnectionLost()):
                self.told = []
                upload = self.begin(test_chunks=mode)
                for number, stored in ((3, "...,3"), (1, "...,1,3"), (2, "1-3")):
                    if error is None:
                        self.answer(403, number, "GET")
                    else:
                        self.client.fail(error)
                    self.answer(200, number, stored=stored, end=number == 2)
                self.assert_uploaded(upload)

    def test_for_ever(self) -> None:
        """One that never says what it has ends the file, as retries do."""
        for status in (200, 404):
            upload, asked = self.begin(max_chunk_retries=2), len(self.client.sent)
            while self.client.waiting:
                code = status if self.client.waiting[0].method == "GET" else 200
                self.client.respond(code, headers={"Resumable-Stored": "...,2"})
                self.assertLess(len(self.client.sent), asked + 20)
            error = self.failureResultOf(upload, RetriesExhausted).value
            self.assertEqual((error.attempts, error.chunk_number), (4, 1))

    def test_said_before(self) -> None:
        """Nothing is asked if a response that arrived earlier said that the file is whole."""
        for stored in ("...,2", "2"):
            self.told = []
            upload = self.begin(confirmed=False, simultaneous_uploads=3, last_chunk_alone=False)
            first, second, third = self.client.waiting
            headers = {"Resumable-Stored": "1-3", "Resumable-File-Checksum": "sha256:1"}
            first.respond(FakeResponse(200, b'{"status": "complete"}', headers))
            third.respond(FakeResponse(200, b"{}", {"Resumable-Stored": "...,3"}))
            second.respond(FakeResponse(200, b"{}", {"Resumable-Stored": stored}))
            self.assertTrue(self.successResultOf(upload).is_completed)
            self.assertEqual(self.client.tests, [])


class Balanced(FakeClient):
    """
    What is behind a load balancer: receivers that get requests in turn.

    :ivar confirmed: called with how many chunks were confirmed, before the client is notified, and
        before another request reaches a receiver.
    """

    confirmed: Callable[[int], Awaitable[None]]

    def __init__(self, clock: Any, stores: list[ObjectStore]) -> None:
        super().__init__()
        self.is_receiver = False
        self._count = 0
        self._clock = clock
        self._gate = DeferredLock()
        self._sites = cycle([make_site(store, reactor=clock) for store in stores])

    def deliver(self, request: SentRequest) -> None:
        """Give a request to a receiver, once all of it is there."""

        async def served() -> None:
            await request.produced
            line = Line(self._clock, [written(request)], True, lambda: 0.0)
            await self._gate.acquire()
            line.open(next(self._sites))
            self._gate.release()
            response = await line.replied
            assert response is not None
            if request.is_upload and response.status == 200:
                await self._gate.acquire()
                self._count += 1
                await self.confirmed(self._count)
                self._gate.release()
            request.respond(response.response())

        request.start()
        Deferred.fromCoroutine(served())


class FleetLossTests(FleetTestCase):
    """The uploader, and receivers that share object storage."""

    def test_abandoned_elsewhere(self) -> None:
        """
        What was abandoned by way of another receiver is sent again, whatever was confirmed before:
        the last chunk as well.
        """
        for mode in (False, True, "adaptive"):
            for number in range(1, 6):
                self.upload(f"{mode}-{number}", number, test_chunks=mode)

    def test_not_abandoned(self) -> None:
        """Else nothing is asked, as one of the responses says that the file is whole."""
        client = self.upload("id", 0, test_chunks=False)
        self.assertEqual((len(client.uploads), client.tests), (10, []))

    def upload(self, identifier: str, number: int, **options: Any) -> Balanced:
        """Upload a file of ten chunks, and abandon it once so many are confirmed, if any."""
        content = identifier.encode().ljust(100, b".")
        stores = [self.open(), self.open(), self.open()]
        client, abandoned = Balanced(self.clock, stores), []

        async def confirmed(count: int) -> None:
            if count == number:
                chunk = self.chunk(content=content, identifier=identifier)
                abandoned.append(await stores[-1].abandon("", chunk))

        client.confirmed = confirmed
        uploader = Resumable(
            TARGET,
            reactor=self.clock,
            client=client,
            chunk_size=10,
            simultaneous_uploads=4,
            last_chunk_alone=False,
            prioritize_first_and_last_chunk=True,
            generate_unique_identifier=lambda file: identifier,
            **options,
        )
        before = self.names("files/")
        upload = uploader.add_file(content, file_name="file.dat")
        self.wait(upload)
        (name,) = set(self.names("files/")) - set(before)
        self.assertEqual(self.bucket.objects[name].content, content)
        self.assertEqual((abandoned, upload.file.chunks_found), ([True][:number], 0))
        self.wait(uploader.close())
        return client
