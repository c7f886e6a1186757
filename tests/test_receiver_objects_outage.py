from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver import Refused
from txresumable.receiver.objects.outage import Outage
from txresumable.receiver.objects.refusing import StorageAway
from txresumable.receiver.objects.running import Running


class OutageTests(SynchronousTestCase):
    """Requests that the storage is away for are held, for some time."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.running = Running()
        self.outage = Outage(self.running, self.clock)

    def ask(self, error: Exception | None) -> Deferred[int]:
        """Do something that fails, or succeeds."""

        async def work() -> int:
            if error is not None:
                raise error
            return 1

        return Deferred.fromCoroutine(self.outage.patiently(work()))

    def away(self) -> Deferred[int]:
        """Find that the storage is away."""
        return self.ask(StorageAway(503, "away", 2))

    def test_others(self) -> None:
        """What succeeds, or is refused for another reason, is not held."""
        self.assertEqual(self.successResultOf(self.ask(None)), 1)
        self.failureResultOf(self.ask(Refused(503, "no", 2)), Refused)

    def test_away(self) -> None:
        """That the storage is away is said after five seconds, with what it was."""
        asked = self.away()
        self.clock.advance(4.9)
        self.assertNoResult(asked)
        self.clock.advance(0.1)
        self.assertEqual(self.failureResultOf(asked, StorageAway).value.retry_after, 2)

    def test_many(self) -> None:
        """So many wait and no more; who comes later has room when they have gone."""
        for _ in range(2):
            held = [self.away() for _ in range(256)]
            self.assertNoResult(held[-1])
            self.failureResultOf(self.away(), StorageAway)
            self.clock.advance(5)
            for each in held:
                self.failureResultOf(each, StorageAway)

    def test_closing(self) -> None:
        """A store that closes, or has, holds nobody."""
        asked = self.away()
        closed = Deferred.fromCoroutine(self.running.close())
        self.failureResultOf(asked, StorageAway)
        self.successResultOf(closed)
        self.failureResultOf(self.away(), StorageAway)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelled(self) -> None:
        """Who does not wait any more is not held."""
        asked = self.away()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
