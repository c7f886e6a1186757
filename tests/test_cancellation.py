"""
Cancelling, at any moment: nothing is left, nothing more is sent, and nobody else notices.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txresumable import ResumableFile
from txresumable.file import transfer_of
from txresumable.testing import Schedule, Simulation
from txresumable.testing.process import ProcessClock
from txresumable.uploader import engine_of

from .figures import note
from .uploader_rig import UploaderTestCase

POINTS = 1000
BATCHES = 5
KINDS = ("file", "handle", "uploader", "waiter", "chunk's waiter")


class Canceller:
    """
    Cancels one thing at one moment of a simulation, and looks at what follows.

    :param simulation: the simulation.
    :param random: decides what and when.
    """

    def __init__(self, simulation: Simulation, random: Random) -> None:
        self.simulation = simulation
        self.random = random
        self.moment = int(random.expovariate(1 / 25))
        self.what = random.choice(KINDS)
        self.waiting: list[Deferred[Any]] = []
        self.told: list[Any] = []
        self.sent = 0
        self.cancelled: list[ResumableFile] = []
        self.wrong: list[str] = []
        self.was_in_time = False

    def __call__(self, step: int) -> None:
        process = self.simulation.process
        if step == 0:
            for upload in process.uploads:
                self.waiting.append(upload.when_completed())
                self.waiting[-1].addErrback(lambda failure: failure)
                self.waiting[-1].addBoth(self.told.append)
        if step == self.moment:
            self.was_in_time = not process.is_over
            self.cancel(process)

    def cancel(self, process: Any) -> None:
        """Do it, and see that it is done when this returns."""
        index = self.random.randrange(len(process.uploads))
        upload = process.uploads[index]
        before = [each.file for each in process.uploads if transfer_of(each).is_unfinished]
        if self.what == "uploader":
            process.uploader.cancel()
            self.cancelled = before
        elif self.what in ("file", "handle"):
            (upload.file if self.what == "file" else upload).cancel()
            self.cancelled = [file for file in before if file is upload.file]
        elif self.what == "waiter":
            waiter = upload.when_completed()
            waiter.addErrback(lambda failure: None)
            waiter.cancel()
        elif len(upload.file.chunks):
            waiter = self.random.choice(upload.file.chunks).when_completed()
            waiter.addErrback(lambda failure: None)
            waiter.cancel()
        else:
            self.was_in_time = False  # there was nothing yet
        for each, other in enumerate(process.uploads):
            if other.file in self.cancelled:
                self.simulation.uploading.cancelled.add(each)
        self.sent = len(process.network.sent)
        self.look(process)

    def look(self, process: Any) -> None:
        """Nothing of what was cancelled may be left, and those who wait have been told."""
        engine = engine_of(process.uploader)
        scheduler = engine.scheduler
        places = [*scheduler._jobs, *(transfer for transfer, _ in scheduler._timers)]
        listed = [*engine.roster.transfers, *engine.admission.transfers]
        for file in self.cancelled:
            index = [upload.file for upload in process.uploads].index(file)
            end = process.ends[index]
            if not isinstance(end, Failure) or not end.check(CancelledError):
                self.wrong.append(f"{file}: not told at once: {end}")
            transfer = transfer_of(file)
            if transfer.source.is_open:
                self.wrong.append(f"{file}: open")
            if transfer in places:
                self.wrong.append(f"{file}: jobs")
            if transfer in listed or transfer.handle:
                self.wrong.append(f"{file}: on a list")
        attempts = [each for jobs in scheduler._jobs.values() for each in jobs.values()]
        lent = sum(scheduler._lending.lent.values())
        if lent != sum(each.has_lent for each in attempts):
            self.wrong.append(f"{lent} slots are lent")
        for what, slots in (("uploads", scheduler.slots), ("tests", scheduler.tests)):
            if slots is None:
                continue
            used = sum(each.slots is slots and not each.has_lent for each in attempts)
            if slots.tokens + used != slots.number:
                self.wrong.append(f"slots of {what}: {slots.tokens} free, {used} used")
        under_way = scheduler.under_way
        if len(process.network.waiting) > under_way:
            self.wrong.append(f"requests: {process.network.waiting}")

    def finish(self) -> list[str]:
        """What turned out to be wrong when all was over."""
        process = self.simulation.process
        names = {file.file_name for file in self.cancelled}
        name = self.simulation.receiver.names.file_name
        for request in process.network.sent[self.sent :] if self.cancelled else ():
            if request.parameters.get(name) in names:
                self.wrong.append(f"sent afterwards: {request}")
        if len(self.told) != len(self.waiting):
            self.wrong.append("somebody who waits was not told")
        for upload, end in zip(process.uploads, process.ends, strict=True):
            cancelled = isinstance(end, Failure) and bool(end.check(CancelledError))
            if cancelled != (upload.file in self.cancelled):
                self.wrong.append(f"{upload.file}: {end}")
        return [f"{self.what} at {self.moment}: {line}" for line in self.wrong]


class RandomPointTests(SynchronousTestCase):
    """
    A thousand moments at which something is cancelled on a bad network.
    """


def _batch(first: int) -> Callable[[RandomPointTests], None]:
    def test(self: RandomPointTests) -> None:
        folder = self.mktemp()
        os.mkdir(folder)
        wrong, points = [], 0
        kinds: Counter[str] = Counter()
        for seed in count(first, BATCHES):
            if points == POINTS // BATCHES:
                break
            schedule = evolve(Schedule.of(seed), acts=())
            simulation = Simulation(schedule, folder)
            canceller = Canceller(simulation, Random(seed))
            simulation.run(canceller)
            points += canceller.was_in_time
            kinds[canceller.what.replace("'s ", "_")] += canceller.was_in_time
            wrong += [f"{seed}: {line}" for line in canceller.finish()]
            for name in os.listdir(folder):
                os.remove(os.path.join(folder, name))
        self.assertEqual(wrong, [], "\n".join(wrong))
        self.assertEqual(len(kinds), len(KINDS))
        note("cancellations", points=points, left_behind=0, **kinds)

    test.__doc__ = f"Nothing is left of what is cancelled: every {BATCHES}th schedule from {first}."
    return test


for _first in range(BATCHES):
    setattr(RandomPointTests, f"test_batch_{_first}", _batch(_first))


class CancellationTests(UploaderTestCase):
    """
    Who cancels what.
    """

    def test_handle(self) -> None:
        """Cancelling the handle cancels the file: request, timer, source, and all who wait."""
        upload = self.uploader(test_chunks=False, simultaneous_uploads=2).add_file(
            self.file(b"x" * 50)
        )
        file = upload.file
        waiting = [upload.when_completed(), file.chunks[4].when_completed()]
        self.client.respond(503)
        self.assertTrue(transfer_of(file).source.is_open)
        upload.cancel()
        self.assertFalse(transfer_of(file).source.is_open)
        self.assertEqual((self.client.waiting, self.clock.getDelayedCalls()), ([], []))
        self.assert_cancelled(upload, *waiting, file.when_completed())
        self.assert_cancelled(file.chunks[2].when_completed())

    def test_twice_and_after_the_end(self) -> None:
        """Cancelling is idempotent, and does nothing after the end."""
        uploader = self.uploader(self.receiver)
        upload = uploader.add_file(b"x", file_name="a")
        for _ in range(2):
            upload.cancel()
            upload.file.cancel()
        self.successResultOf(upload)
        self.assertTrue(upload.file.is_completed)
        self.assertEqual(uploader.files, [upload.file])
        other = self.uploader().add_file(b"y", file_name="b")
        other.cancel()
        other.cancel()
        other.file.cancel()
        self.assert_cancelled(other)

    def test_waiters_detach(self) -> None:
        """Cancelling one who waits detaches that one only."""
        upload = self.uploader().add_file(b"x", file_name="a")
        waiting = [upload.when_completed() for _ in range(3)]
        chunk = upload.file.chunks[0]
        chunk_waiting = [chunk.when_completed() for _ in range(2)]
        waiting[1].cancel()
        chunk_waiting[0].cancel()
        self.answer_all()
        self.assert_cancelled(waiting[1], chunk_waiting[0])
        for each in (waiting[0], waiting[2]):
            self.assertIs(self.successResultOf(each), upload.file)
        self.assertEqual(self.successResultOf(chunk_waiting[1]), chunk)

    def test_neighbours(self) -> None:
        """What was cancelled makes room for its neighbours."""
        uploader = self.uploader(simultaneous_uploads=2, test_chunks=False)
        first = uploader.add_file(b"x" * 100, file_name="a")
        second = uploader.add_file(b"y" * 40, file_name="b")
        first.cancel()
        self.assert_cancelled(first)
        self.assertEqual(len(self.client.waiting), 2)
        self.answer_all()
        self.successResultOf(second)

    def test_what_the_handle_waits_for(self) -> None:
        """After the end, cancelling the handle cancels what its callbacks wait for."""
        upload = self.uploader(self.receiver).add_file(b"x", file_name="a")
        inner: Deferred[None] = Deferred()
        upload.addCallback(lambda _: inner)
        upload.cancel()
        self.assert_cancelled(upload)

    def test_by_a_waiting_coroutine(self) -> None:
        """Cancelling a coroutine that awaits the upload cancels the upload."""
        uploader = self.uploader()

        async def main() -> None:
            await uploader.add_file(b"x", file_name="a")

        running = Deferred.fromCoroutine(main())
        running.cancel()
        self.assert_cancelled(running)
        self.assertTrue(self.client.sent[0].given_up)


class ThreadTests(UploaderTestCase):
    """
    Cancelling what threads are busy with.
    """

    def setUp(self) -> None:
        super().setUp()
        self.clock = ProcessClock(self.clock, lambda: 1.0)

    def test_while_a_folder_is_read(self) -> None:
        """A folder that is still being read when everything is cancelled adds nothing."""
        top = self.mktemp()
        os.mkdir(top)
        with open(os.path.join(top, "a"), "wb") as file:
            file.write(b"x")
        for how in ("cancel", "close"):
            uploader = self.uploader()
            adding, joined = uploader.add_directory(top), uploader.join()
            self.assertNoResult(joined)
            getattr(uploader, how)()
            self.assert_cancelled(adding)
            self.assertIsNone(self.successResultOf(joined))
            self.clock._clock.advance(1)
            self.assertEqual(uploader.files, [])

    def test_while_it_is_looked_at_or_opened(self) -> None:
        """A file that a thread opens after its end is closed again, and nothing is sent."""
        for step in range(2):
            upload = self.uploader().add_file(self.file(b"x"))
            for _ in range(step):
                self.clock._clock.advance(1)
            source = transfer_of(upload).source
            upload.cancel()
            self.assert_cancelled(upload)
            self.clock._clock.pump([1, 1, 1])
            self.assertFalse(source.is_open)
            self.assertEqual(self.client.sent, [])

    def test_while_paused(self) -> None:
        """A file that is opened for two attempts, one after the other, is opened once."""
        uploader = self.uploader(test_chunks=False)
        upload = uploader.add_file(self.file(b"x"))
        self.clock._clock.advance(1)
        uploader.pause()
        uploader.resume()
        self.clock._clock.pump([1, 1])
        self.answer_all()
        self.successResultOf(upload)
        self.assertEqual(len(self.client.sent), 1)
