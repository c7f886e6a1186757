"""
Slots of small chunks that only wait for their responses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import Mock

from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable import Resumable
from txresumable._engine import client
from txresumable._engine.loans import LARGEST, PAUSE, SMALL, Loans
from txresumable._engine.turn import Turn
from txresumable._http.gauge import Gauge
from txresumable._policy.slots import Slots
from txresumable.options import Options
from txresumable.testing import Response
from txresumable.testing.gauge import RequestGauge
from txresumable.uploader import engine_of

from .uploader_rig import UploaderTestCase

FAR, NEAR = 0.1, 0.0005


class FakeGauge(Gauge):
    """
    Connections as a test says.

    :ivar trips: seconds of a round trip, of each.
    :ivar began: when the requests began that wait for responses.
    :ivar lasted: seconds of the last request of each.
    :ivar lost: how many segments were sent again.
    :ivar looks: how often it was asked how long round trips take.
    """

    def __init__(self) -> None:
        super().__init__(())
        self.trips = [FAR]
        self.began = [0.0] * 9
        self.lasted = [FAR] * 9
        self.looks = self.lost = 0

    def round_trips(self) -> list[float]:
        self.looks += 1
        return self.trips

    def repeated(self) -> int:
        return self.lost

    def waiting(self, most: int) -> Iterator[float]:
        assert most == LARGEST
        return iter(self.began)

    def took(self) -> list[float]:
        return self.lasted


class LoansTests(SynchronousTestCase):
    """
    Of four slots that are all taken.
    """

    def loans(self, gauge: bool = True, **options: Any) -> Loans:
        self.clock, self.slots, self.gauge = Clock(), Slots(4), FakeGauge()
        self.turn = Mock(Turn)
        self.slots.tokens = 0
        options = {"simultaneous_uploads": "auto", "target": "http://h", **options}
        loans = Loans(Options(**options), self.clock, self.turn, self.slots)
        loans.use(self.gauge if gauge else None)
        return loans

    def lent(self, loans: Loans) -> int:
        """How many are lent now."""
        while loans.any():
            self.slots.borrow()
        number, self.slots.tokens = -self.slots.tokens, 0
        return number

    def test_which_options(self) -> None:
        """With a number only if that is asked for, and never where it matters what begins."""
        for options, is_on in (
            ({}, True),
            ({"lend_slots": False}, False),
            ({"lend_slots": True}, True),
            ({"simultaneous_uploads": 4}, False),
            ({"simultaneous_uploads": 4, "lend_slots": True}, True),
            ({"simultaneous_uploads": 1, "lend_slots": True}, False),
            ({"in_order": True, "lend_slots": True}, False),
            ({"prioritize_first_and_last_chunk": True, "lend_slots": True}, False),
            ({"preprocess": len, "lend_slots": True}, False),
            ({"max_rate": 1000, "lend_slots": True}, False),
        ):
            loans = self.loans(**options)
            self.assertEqual((loans.is_on, loans.is_open), (is_on, is_on), options)

    def test_nobody_knows(self) -> None:
        """Nothing is lent if the client cannot say which requests are written."""
        for option in (None, True):
            loans = self.loans(gauge=False, lend_slots=option)
            self.assertFalse(loans.is_open)
            loans.connected(FAR)
            self.assertFalse(loans.is_open)
            self.assertEqual(self.lent(loans), 0)

    def test_as_many_as_wait(self) -> None:
        """As many as wait for responses and are slots, if as many came soon before."""
        numbers = ((9, 9, 4), (2, 9, 2), (9, 4, 4), (9, 3, 0), (0, 9, 0), (9, 0, 0))
        for waiting, before, lent in numbers:
            loans = self.loans()
            self.gauge.began, self.gauge.lasted = [0.0] * waiting, [FAR] * before
            self.assertEqual(self.lent(loans), lent, (waiting, before))

    def test_fewer_slots(self) -> None:
        """Those that are in use beyond a number that was reduced count as lent."""
        loans = self.loans()
        self.slots.resize(2)
        self.assertFalse(loans.any())

    def test_a_slow_server(self) -> None:
        """Nothing is lent if more than a quarter of the responses take longer than the line."""
        for late, lent in ((0, 4), (3, 4), (4, 0), (9, 0)):
            loans = self.loans()
            self.gauge.lasted = [2 * FAR] * late + [FAR] * (12 - late)
            self.assertEqual(self.lent(loans), lent, late)

    def test_responses_that_do_not_come(self) -> None:
        """What waits for longer than a round trip is as late as what took longer."""
        loans = self.loans()
        self.clock.advance(2 * FAR)
        self.gauge.began = [0.0] * 4
        self.assertEqual(self.lent(loans), 0)
        self.gauge.began = [0.0] * 3 + [FAR] * 4
        self.clock.advance(FAR / 4)
        self.assertEqual(self.lent(loans), 4)

    def test_a_full_line(self) -> None:
        """Nothing is lent while packets wait for each other."""
        loans = self.loans()
        self.assertEqual(self.lent(loans), 4)
        self.gauge.trips = [FAR, 1.5 * FAR]
        self.assertEqual(self.lent(loans), 4)  # that was seen a moment ago
        self.clock.advance(FAR)
        self.gauge.began = [FAR] * 9
        self.assertEqual(self.lent(loans), 0)
        self.gauge.trips = [FAR]
        self.assertEqual(self.lent(loans), 0)
        self.clock.advance(FAR / 4)
        self.assertEqual(self.lent(loans), 4)

    def test_losses(self) -> None:
        """Where segments are lost, nothing is lent for some round trips."""
        loans = self.loans()
        self.gauge.lost = 1
        self.assertEqual(self.lent(loans), 0)
        self.clock.advance(3.9 * FAR)
        self.gauge.began = [4 * FAR] * 9
        self.assertEqual(self.lent(loans), 0)
        self.clock.advance(FAR / 5)
        self.assertEqual(self.lent(loans), 4)

    def test_few_looks(self) -> None:
        """All connections are looked at once in a round trip."""
        loans = self.loans()
        for _ in range(3):
            self.lent(loans)
        self.assertEqual(self.gauge.looks, 1)

    def test_near(self) -> None:
        """Near the server there is nothing to gain: it is not asked again, until one is far."""
        loans = self.loans()
        self.gauge.trips = [NEAR]
        self.assertEqual((self.lent(loans), loans.is_open), (0, False))
        loans.connected(NEAR)
        self.assertFalse(loans.is_open)
        loans.connected(FAR)
        self.assertTrue(loans.is_open)

    def test_off(self) -> None:
        """A connection to somewhere far opens nothing where nothing is to be lent."""
        loans = self.loans(lend_slots=False)
        loans.connected(FAR)
        self.assertFalse(loans.is_open)

    def test_unknown_round_trips(self) -> None:
        """Where the kernel does not say how long they take, only what was asked for is lent."""
        for option, lent in ((None, 0), (True, 4)):
            loans = self.loans(lend_slots=option)
            self.gauge.trips = []
            self.assertEqual((self.lent(loans), loans.is_open), (lent, bool(option)))

    def test_no_request_yet(self) -> None:
        """Before the first request nothing is known, and nothing lent, which may change."""
        loans = self.loans()
        self.gauge.trips, self.gauge.lasted = [], []
        self.assertEqual((self.lent(loans), loans.is_open), (0, True))
        self.gauge.trips, self.gauge.lasted = [FAR], [FAR] * 4
        self.assertEqual(self.lent(loans), 4)

    def test_stopped(self) -> None:
        """After the server pushed back, nothing for a minute."""
        loans = self.loans()
        loans.stop()
        self.assertEqual(self.lent(loans), 0)
        self.clock.advance(PAUSE - 1)
        self.assertEqual(self.lent(loans), 0)
        self.clock.advance(1)
        self.gauge.began = [PAUSE] * 9
        self.assertEqual(self.lent(loans), 4)

    def test_written(self) -> None:
        """What the kernel has now lends at once, unless nothing is lent here."""
        for option, runs in ((None, 1), (False, 0)):
            loans = self.loans(lend_slots=option)
            loans.written()
            self.assertEqual(self.turn.run.call_count, runs)


class ClientTests(SynchronousTestCase):
    """
    What a client of our own is asked to say.
    """

    def test_asked(self) -> None:
        """It says when requests were written, if that matters to anybody."""
        for options, is_on in (({"simultaneous_uploads": "auto"}, True), ({}, False)):
            agent = Mock(gauge=FakeGauge())
            made = Mock(return_value=agent)
            self.patch(client, "PersistentAgent", made)
            chosen: Any = options
            uploader = Resumable("http://h", reactor=Clock(), **chosen)
            loans = engine_of(uploader).breadth.loans
            written = made.call_args.kwargs["written"]
            self.assertEqual((written, loans.is_open), (loans.written if is_on else None, is_on))


class BorrowingTests(UploaderTestCase):
    """
    Chunks that begin in slots of others.
    """

    def lending(self, **options: Any) -> Resumable:
        """An uploader with two slots, which it lends."""
        chosen = {"simultaneous_uploads": 2, "lend_slots": True, "test_chunks": False, **options}
        uploader = self.uploader(**chosen)
        engine_of(uploader).breadth.use(RequestGauge(lambda: self.client.waiting))
        return uploader

    def add(self, uploader: Resumable, files: int, size: int = 10) -> list[Any]:
        """Add so many files."""
        return [uploader.add_file(b"x" * size, file_name=f"{each}") for each in range(files)]

    def finish(self, uploads: list[Any]) -> None:
        """All are stored, each once."""
        while self.client.waiting:
            self.client.respond(200)
        for upload in uploads:
            self.successResultOf(upload)

    def test_twice_as_many(self) -> None:
        """Twice as many as there are slots are under way, and no more."""
        uploader = self.lending()
        uploads = self.add(uploader, 9)
        self.assertEqual((len(self.client.waiting), uploader.chunks_under_way), (4, 4))
        self.client.respond(200)
        self.assertEqual(len(self.client.waiting), 4)
        self.finish(uploads)
        self.assertEqual(len(self.client.sent), 9)

    def test_not_asked_for(self) -> None:
        """A number is meant as it is."""
        uploads = self.add(self.lending(lend_slots=None), 9)
        self.assertEqual(len(self.client.waiting), 2)
        self.finish(uploads)

    def test_of_one_file(self) -> None:
        """The chunks of one file borrow from each other."""
        uploads = self.add(self.lending(), 1, 90)
        self.assertEqual(len(self.client.waiting), 4)
        self.finish(uploads)
        self.assertEqual(len(self.client.sent), 9)

    def test_what_is_not_written(self) -> None:
        """A request whose body waits for room lends nothing until the kernel has it."""
        self.patch(self.client, "deliver", bool)
        uploader = self.lending()
        uploads = self.add(uploader, 9)
        self.assertEqual(len(self.client.waiting), 2)
        self.client.waiting[0].start()
        engine_of(uploader).breadth.loans.written()
        self.assertEqual(len(self.client.waiting), 3)
        while self.client.waiting:
            if not self.client.waiting[0].is_started:
                self.client.waiting[0].start()
            self.client.respond(200)
        for upload in uploads:
            self.successResultOf(upload)

    def test_large_chunks(self) -> None:
        """Those that fill a line themselves neither lend nor borrow."""
        for size, number in ((SMALL, 4), (SMALL + 1, 2)):
            uploads = self.add(self.lending(chunk_size=size, force_chunk_size=True), 9, size)
            self.assertEqual(len(self.client.waiting), number)
            self.finish(uploads)

    def test_a_retry(self) -> None:
        """What has to be sent again waits for a slot, though its own was lent."""
        uploader = self.lending(simultaneous_uploads=1, in_order=False, chunk_retry_interval=1)
        uploads = self.add(uploader, 3)
        self.assertEqual(len(self.client.waiting), 2)
        self.client.respond(408)
        self.clock.advance(1)
        names = [each.parameters["resumableFilename"] for each in self.client.waiting]
        self.assertEqual(names, ["1", "2"])
        self.client.respond(200)
        names = [each.parameters["resumableFilename"] for each in self.client.waiting]
        self.assertEqual(names, ["2", "0"])
        self.finish(uploads)

    def test_signs_of_trouble(self) -> None:
        """After any of them there are only as many as there are slots, for a minute."""
        troubles: tuple[Callable[[], object], ...] = (
            lambda: self.client.fail(ConnectionLost()),
            lambda: self.client.fail(ConnectionRefusedError()),
            lambda: self.client.respond(503),
            lambda: self.client.respond(429),
        )
        for trouble in troubles:
            uploads = self.add(self.lending(stall_timeout=1000), 60)
            self.assertEqual(len(self.client.waiting), 4)
            trouble()
            self.assertEqual(self.rounds(20)[4:], [2] * 16)
            self.clock.advance(PAUSE)
            self.assertEqual(self.rounds(9)[-5:], [4] * 5)
            self.rounds(60)
            for upload in uploads:
                self.successResultOf(upload)

    def rounds(self, number: int) -> list[int]:
        """Have requests end, one at a time. :returns: how many were under way after each."""
        under_way = []
        for _ in range(number):
            if not self.client.waiting:
                self.clock.advance(1)
            if self.client.waiting:
                self.client.respond(200)
            under_way.append(len(self.client.waiting))
        return under_way

    def test_pause_and_cancel(self) -> None:
        """Borrowers are stopped as all others are, and nothing is left of them."""
        uploader = self.lending()
        uploads = self.add(uploader, 9)
        uploader.pause()
        self.assertEqual((self.client.waiting, uploader.chunks_under_way), ([], 0))
        uploader.upload()
        self.assertEqual(len(self.client.waiting), 4)
        uploads[0].cancel()
        self.assert_cancelled(uploads[0])
        self.assertEqual(len(self.client.waiting), 4)
        uploader.cancel()
        for upload in uploads[1:]:
            self.assert_cancelled(upload)

    def test_tested_ahead(self) -> None:
        """What was tested in a slot of its own borrows one to be sent, if it is small."""
        for size, number in ((SMALL, 4), (SMALL + 1, 2)):
            uploader = self.lending(
                test_chunks=True, simultaneous_tests=9, chunk_size=size, force_chunk_size=True
            )
            uploads = self.add(uploader, 9, size)
            self.assertEqual((len(self.client.waiting), self.uploading), (9, 0))
            for request in self.client.waiting:
                request.respond(Response(404).response())
            self.assertEqual(self.uploading, number)
            self.finish(uploads)

    @property
    def uploading(self) -> int:
        """How many chunks are being sent."""
        return sum(each.is_upload for each in self.client.waiting)

    def test_no_descriptors(self) -> None:
        """While descriptors are short, nothing is lent."""
        uploader = self.lending()
        engine_of(uploader).breadth.hold(True)
        uploads = self.add(uploader, 9)
        self.assertEqual(len(self.client.waiting), 2)
        engine_of(uploader).breadth.hold(False)
        self.finish(uploads)
