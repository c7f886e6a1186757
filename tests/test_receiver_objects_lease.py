"""Tests for the right to finish an upload."""

from __future__ import annotations

from contextlib import suppress as suppressed
from inspect import CORO_CLOSED, getcoroutinestate
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.objects.interface import Stat, Unavailable
from txresumable.receiver.objects.lease import Lease, LeaseLost
from txresumable.receiver.objects.record import UploadRecord
from txresumable.receiver.objects.records import Known
from txresumable.receiver.objects.state import State

from .test_receiver_objects_records import KEY, record


class ScriptedRecords:
    """
    Records whose storage responds when a test wants.

    :ivar written: what is to be written, each with what the storage responds.
    :ivar there: the record that is there.
    """

    def __init__(self, there: Known) -> None:
        self.there: Known | None = there
        self.written: list[tuple[UploadRecord, Deferred[Known | None]]] = []
        self.reads = 0

    async def write(self, key: str, record: UploadRecord, after: Known) -> Known | None:
        assert key == KEY
        doing: Deferred[Known | None] = Deferred()
        self.written.append((record, doing))
        return await doing

    async def read(self, key: str) -> Known | None:
        assert key == KEY
        self.reads += 1
        return self.there

    def respond(self, result: Any = "written") -> UploadRecord:
        """Respond to the write that waits: it was made, or not, or it failed."""
        record, doing = self.written.pop(0)
        if isinstance(result, Exception):
            doing.errback(result)
        elif result is None:
            doing.callback(None)
        else:
            self.there = known_as(record)
            doing.callback(self.there)
        return record


def known_as(record: UploadRecord) -> Known:
    stat = Stat(key="k", etag=f"{record.version}", size=1, modified=0.0, now=0.0)
    return Known(key=KEY, record=record, stat=stat)


class LeaseTests(SynchronousTestCase):
    """A lease of thirty seconds, asked for two seconds ago."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        known = known_as(record().changed(State.FINISHING, by="me"))
        self.records: Any = ScriptedRecords(known)
        self.lease = Lease(self.records, known, self.clock, 30.0, 998.0)
        self.addCleanup(lambda: self.assertEqual(self.clock.getDelayedCalls(), []))
        self.addCleanup(self.lease.end)

    async def work(self, until: Deferred[Any]) -> Any:
        return await until

    def hold(self) -> tuple[Deferred[Any], Deferred[Any]]:
        """Hold it for something. :returns: what that waits for, and what comes of it."""
        waiting: Deferred[Any] = Deferred()
        return waiting, Deferred.fromCoroutine(self.lease.hold(self.work(waiting)))

    def assert_lost(self, doing: Deferred[Any]) -> None:
        error = self.failureResultOf(doing, LeaseLost).value
        shown = (error.status, error.retry_after, error.about, error.reason)
        self.assertEqual(shown, (503, 2, "upload", "another receiver finishes this file"))

    def change(self, state: State = State.FINISHING, **changes: Any) -> Deferred[Known]:
        return Deferred.fromCoroutine(self.lease.change(state, **changes))

    def another(self, by: str = "other", state: State = State.FINISHING) -> None:
        """Somebody else writes the record."""
        self.records.there = known_as(self.records.there.record.changed(state, by=by))

    def test_held(self) -> None:
        """What is done meanwhile has its result, and fails as it does."""
        waiting, doing = self.hold()
        waiting.callback("done")
        self.assertEqual(self.successResultOf(doing), "done")
        waiting, doing = self.hold()
        waiting.errback(ZeroDivisionError())
        self.failureResultOf(doing, ZeroDivisionError)

    def test_cancelled(self) -> None:
        """Who gives up what is done ends it, and has lost nothing by that."""
        waiting, doing = self.hold()
        doing.cancel()
        self.failureResultOf(doing, CancelledError)
        self.assertTrue(waiting.called)
        waiting, doing = self.hold()
        waiting.callback(1)
        self.assertEqual(self.successResultOf(doing), 1)

    def test_renewed(self) -> None:
        """It is renewed after a third, each time from when that was begun."""
        waiting, doing = self.hold()
        before = self.lease.known
        self.clock.advance(9.9)
        self.assertEqual(self.records.written, [])
        self.clock.advance(0.2)
        self.assertEqual(len(self.records.written), 1)
        self.clock.advance(2)
        renewed = self.records.respond()
        self.assertEqual((renewed.state, renewed.by), (State.FINISHING, "me"))
        self.assertEqual(renewed.version, before.record.version + 1)
        self.assertIs(self.lease.known.record, renewed)
        for _ in range(10):
            self.clock.advance(7.9)  # two of the ten have gone by
            self.assertEqual(self.records.written, [])
            self.clock.advance(0.2)
            self.clock.advance(2)
            self.records.respond()
        waiting.callback("done")
        self.assertEqual(self.successResultOf(doing), "done")

    def test_renewal_that_fails(self) -> None:
        """A renewal that fails is tried again soon, and in the end the work ends with the lease."""
        waiting, doing = self.hold()
        self.clock.advance(10)  # twelve of its seconds are over
        self.records.respond(Unavailable("503"))
        self.clock.advance(2.4)
        self.assertEqual(self.records.written, [])
        self.clock.advance(0.2)
        self.records.respond(Unavailable("503"))
        self.clock.advance(2.5)
        self.assertEqual(len(self.records.written), 1)  # which gets no response
        ((_, renewing),) = self.records.written
        self.clock.advance(7.4)
        self.assertFalse(renewing.called)
        self.clock.advance(0.2)
        self.assertTrue(renewing.called)  # it was given up after a quarter of the lease
        self.clock.advance(2.2)
        self.assertNoResult(doing)
        self.clock.advance(0.4)  # 27 of its seconds are over, so it is not renewed once more
        self.assert_lost(doing)
        self.assertTrue(waiting.called)
        self.clock.advance(100)
        self.assertEqual(len(self.records.written), 1)

    def test_stalled(self) -> None:
        """After it has stalled for nine tenths nothing is begun any more, nor later."""
        self.clock.rightNow += 25.1  # no timer has fired
        work = self.work(Deferred())
        self.assert_lost(Deferred.fromCoroutine(self.lease.hold(work)))
        self.assertEqual(getcoroutinestate(work), CORO_CLOSED)
        self.clock.rightNow -= 25.1
        _, doing = self.hold()
        self.assert_lost(doing)
        self.assert_lost(self.change())
        self.assertEqual(self.records.written, [])

    def test_nearly_stalled(self) -> None:
        """Before that something is."""
        self.clock.rightNow += 24.9
        waiting, doing = self.hold()
        waiting.callback(1)
        self.assertEqual(self.successResultOf(doing), 1)

    def test_stalled_at_renewal(self) -> None:
        """Who wakes up after that, and is to renew it, ends the work instead."""
        waiting, doing = self.hold()
        self.clock.advance(25.1)
        self.assert_lost(doing)
        self.assertTrue(waiting.called)
        self.assertEqual(self.records.written, [])

    def test_taken_over(self) -> None:
        """Whoever has it instead is found at the next renewal, and the work ends."""
        for by, state in (("other", State.FINISHING), ("me", State.DONE)):
            self.setUp()
            waiting, doing = self.hold()
            self.clock.advance(10)
            self.another(by, state)
            self.records.respond(None)
            self.assert_lost(doing)
            self.assertTrue(waiting.called)
            self.clock.advance(100)
            self.assertEqual(self.records.written, [])
            self.assert_lost(self.change())
            self.lease.end()

    def test_taken_over_between(self) -> None:
        """So is a change, with nothing that is done meanwhile."""
        changing = self.change(State.DONE)
        self.another()
        self.records.respond(None)
        self.assert_lost(changing)
        self.assertEqual((self.records.written, self.records.reads), ([], 1))

    def test_removed(self) -> None:
        """So it is if the record is gone."""
        _, doing = self.hold()
        self.clock.advance(10)
        self.records.there = None
        self.records.respond(None)
        self.assert_lost(doing)

    def test_ended_meanwhile(self) -> None:
        """What ends well, though the lease was lost meanwhile, does not count."""

        async def uncancellable() -> str:
            with suppressed(CancelledError):
                await Deferred()
            return "done"

        doing = Deferred.fromCoroutine(self.lease.hold(uncancellable()))
        self.clock.advance(25.1)
        self.assert_lost(doing)

    def test_changed(self) -> None:
        """A change is written, with what it is to say, and the lease goes on from there."""
        changing = self.change(State.DONE, sha256="ab")
        written = self.records.respond()
        self.assertEqual((written.state, written.sha256, written.by), (State.DONE, "ab", "me"))
        self.assertIs(self.successResultOf(changing), self.lease.known)
        self.assertIs(self.lease.known.record, written)

    def test_change_counts_as_renewal(self) -> None:
        """From a change on, it lasts anew."""
        self.clock.rightNow += 20
        changing = self.change(sha256="ab")
        self.clock.rightNow += 3
        self.records.respond()
        self.successResultOf(changing)
        self.clock.rightNow += 23.9
        waiting, doing = self.hold()
        waiting.callback(1)
        self.assertEqual(self.successResultOf(doing), 1)
        self.clock.rightNow += 0.2
        self.assert_lost(self.hold()[1])

    def test_renewal_unheard_of(self) -> None:
        """A change that meets a renewal of which nothing was heard is made after it."""
        changing = self.change(State.DONE)
        self.another("me")
        renewed = self.records.there
        self.records.respond(None)
        self.assertIs(self.lease.known, renewed)
        self.assertEqual(self.records.respond().version, renewed.record.version + 1)
        self.successResultOf(changing)
        self.assertEqual(self.records.reads, 1)

    def test_changes_all_the_time(self) -> None:
        """After five times it is given up."""
        changing = self.change(State.DONE)
        for _ in range(5):
            self.assertNoResult(changing)
            self.another("me")
            self.records.respond(None)
        error = self.failureResultOf(changing, Unavailable).value
        self.assertEqual(error.reason, "the record changes all the time")
        self.assertEqual(self.records.written, [])

    def test_one_after_the_other(self) -> None:
        """A change waits for a renewal that is under way."""
        self.clock.advance(10)
        changing = self.change(State.DONE)
        self.assertEqual(len(self.records.written), 1)
        renewed = self.records.respond()
        self.assertEqual(self.records.respond().version, renewed.version + 1)
        self.successResultOf(changing)

    def test_ended(self) -> None:
        """Once it is at its end it is not renewed, and what waits for that is given up."""
        self.lease.end()
        self.lease.end()
        self.clock.advance(100)
        self.assertEqual(self.records.written, [])
        self.assert_lost(self.change())
        self.setUp()
        self.clock.advance(10)
        ((_, renewing),) = self.records.written
        self.lease.end()
        self.assertTrue(renewing.called)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.setUp()
        self.clock.advance(10)
        self.records.respond(Unavailable("503"))
        self.lease.end()
        self.assertEqual(self.clock.getDelayedCalls(), [])
