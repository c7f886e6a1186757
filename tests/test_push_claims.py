"""Tests for claims: for how long jobs are a process's own."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.push import JobLost, NewJob
from txresumable.push.delivery.claims import Claimed, Claims
from txresumable.testing import MemoryJobs

LEASE = 30.0
TICK = LEASE / 3


class ClaimsTests(SynchronousTestCase):
    """Claims, and other ones."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.jobs = MemoryJobs(self.clock)
        self.claims = Claims(self.jobs, LEASE, self.clock)
        self.addCleanup(self.claims.close)
        new = [NewJob(folder="scans", path=name) for name in (b"a", b"b")]
        self.successResultOf(self.jobs.add(new))
        self.jobs.asked.clear()

    def take(self, count: int = 2) -> list[Claimed]:
        taking = Deferred.fromCoroutine(self.claims.take(["scans"], count))
        taken = self.successResultOf(taking)
        assert taken is not None
        self.stopped: list[Claimed] = []
        for each in taken:
            each.halt = lambda each=each: self.stopped.append(each)  # type: ignore[misc]
        return taken

    def begin(self, work: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(work)

    def steal(self) -> None:
        """Another process claims what it can."""
        self.successResultOf(self.jobs.another().claim(["scans"], 9, LEASE))

    def test_renewed(self) -> None:
        """They are renewed at a third of the lease, together, for as long as there are any."""
        one, other = self.take()
        self.clock.pump([TICK] * 9)
        self.assertEqual(self.jobs.asked, ["claim", *["renew"] * 9])
        self.steal()
        self.assertFalse(one.is_lost or other.is_lost)
        self.claims.let_go(one)
        self.claims.let_go(other)
        self.assertEqual((self.claims.claimed, self.clock.getDelayedCalls()), ({}, []))

    def test_taken(self) -> None:
        """What another process has is lost, and what is done for it is stopped, once."""
        one, _other = self.take()
        self.clock.advance(TICK)
        self.jobs.trouble = "away"
        for _ in range(2):
            self.clock.advance(TICK)
        self.assertEqual(self.stopped, [])
        self.jobs._table.rows[one.job.id].claim += 7
        self.jobs.trouble = ""
        self.clock.advance(0.9 * TICK)
        self.clock.advance(0.1 * TICK)
        self.assertIn(one, self.stopped)
        self.clock.pump([TICK] * 3)
        self.assertEqual(self.stopped.count(one), 1)

    def test_not_renewed(self) -> None:
        """What could not be renewed in time may be with another, and is lost; not before."""
        one, _ = self.take()
        self.jobs.trouble = "away"
        self.clock.pump([TICK] * 2)
        self.assertEqual(
            (self.stopped, self.claims.trouble), ([], "the queue is not available: away")
        )
        self.clock.pump([TICK] * 2)
        self.assertEqual(len(self.stopped), 2)
        self.assertTrue(one.is_lost)

    def test_claimed_anew(self) -> None:
        """What was lost, and is claimed anew before it was let go, is still renewed after that."""
        before = self.take()
        self.jobs.trouble = "away"
        self.clock.pump([TICK] * 4)
        self.jobs.trouble = ""
        after = self.take()
        self.assertEqual([each.job.id for each in after], [each.job.id for each in before])
        for each in before:
            self.claims.let_go(each)
        self.clock.pump([TICK] * 9)
        self.steal()
        self.assertEqual((self.stopped, [each.is_lost for each in after]), ([], [False, False]))
        for each in after:
            self.claims.let_go(each)
        self.assertEqual((self.claims.claimed, self.clock.getDelayedCalls()), ({}, []))

    def test_hanging(self) -> None:
        """A renewal that has no response delays no other thing, and is not piled up."""
        self.take()
        hanging: Deferred[Any] = Deferred()
        self.jobs.renew = lambda *_: hanging  # type: ignore[method-assign, assignment]
        self.clock.pump([TICK] * 4)
        self.assertEqual(len(self.stopped), 2)

    def test_noted(self) -> None:
        """Progress is written down, and the claim renewed with it."""
        one, _ = self.take()
        self.clock.advance(0.5 * TICK)
        self.successResultOf(self.begin(self.claims.note(one, a=1)))
        self.successResultOf(self.begin(self.claims.note(one, b=2)))
        self.assertEqual(dict(one.job.progress), {"a": 1, "b": 2})
        self.assertEqual(self.jobs.rows()[0]["progress"], {"a": 1, "b": 2})
        self.assertEqual(one.until, 0.5 * TICK + LEASE)

    def test_noted_later(self) -> None:
        """However long that takes; unless the claim is lost meanwhile."""
        one, other = self.take()
        self.jobs.trouble = "away"
        noting = [self.begin(self.claims.note(each, a=1)) for each in (one, other)]
        self.clock.advance(5.0)
        self.assertNoResult(noting[0])
        self.jobs.trouble = ""
        self.clock.advance(5.0)
        for each in noting:
            self.successResultOf(each)
        self.jobs.trouble = "away"
        late = self.begin(self.claims.note(one, a=2))
        self.clock.pump([TICK] * 6)
        self.failureResultOf(late, JobLost)

    def test_noted_in_vain(self) -> None:
        """What another process has is not written down, and is lost."""
        one, _ = self.take()
        self.clock.pump([LEASE * 2])
        self.jobs._table.rows[one.job.id].due = 0.0
        self.steal()
        self.failureResultOf(self.begin(self.claims.note(one, a=1)), JobLost)
        self.assertEqual(self.jobs.rows()[0]["progress"], {})
        self.assertTrue(one.is_lost)

    def test_ends(self) -> None:
        """Ends are written down, however long that takes, and if the response was lost."""
        one, other = self.take()
        self.jobs.loses = True
        ends = [
            self.begin(self.claims.done(one)),
            self.begin(self.claims.failed(other, "no", None, attempts=4, progress={"a": 1})),
        ]
        self.clock.advance(5.0)
        self.jobs.loses = False
        self.clock.advance(5.0)
        for end in ends:
            self.successResultOf(end)
        done, failed = self.jobs.rows()
        self.assertEqual((done["state"], failed["state"]), ("done", "failed"))
        self.assertEqual((failed["attempts"], failed["progress"]), (4, {"a": 1}))

    def test_ending(self) -> None:
        """What is at its end is not renewed, nor stopped."""
        one, other = self.take()
        self.jobs.trouble = "away"
        end = self.begin(self.claims.done(one))
        self.clock.pump([TICK] * 6)
        self.assertEqual(self.stopped, [other])
        self.jobs.trouble = ""
        self.clock.advance(5.0)
        self.successResultOf(end)

    def test_ended_by_another(self) -> None:
        """The end of what another process has is not written down."""
        one, _ = self.take()
        self.jobs._table.rows[one.job.id].claim += 7
        self.failureResultOf(self.begin(self.claims.done(one)), JobLost)

    def test_away(self) -> None:
        """Of a source that is away nothing is taken."""
        self.jobs.trouble = "away"
        taking = self.begin(self.claims.take(["scans"], 1))
        self.assertIsNone(self.successResultOf(taking))
        self.assertIn("away", self.claims.trouble)
        self.jobs.trouble = ""
        self.take(1)
        self.assertEqual(self.claims.trouble, "")

    def test_closed(self) -> None:
        """When it is closed, it insists no more."""
        one, other = self.take()
        self.jobs.trouble = "away"
        noting = self.begin(self.claims.note(one, a=1))
        ending = self.begin(self.claims.done(other))
        self.claims.close()
        self.failureResultOf(noting, JobLost)
        self.successResultOf(ending)
        self.assertEqual(self.clock.getDelayedCalls(), [])
