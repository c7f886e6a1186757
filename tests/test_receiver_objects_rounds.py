from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.objects.rounds import Rounds


class RoundsTests(SynchronousTestCase):
    """Who asks is told what was seen afterwards."""

    def setUp(self) -> None:
        self.begun: list[Deferred[None]] = []

        async def look() -> None:
            looking: Deferred[None] = Deferred()
            self.begun.append(looking)
            await looking

        self.rounds = Rounds(look)

    def test_next_round(self) -> None:
        """Those who ask during a round share the next."""
        first = self.rounds.join()
        others = [self.rounds.join() for _ in range(3)]
        self.assertEqual(len(self.begun), 1)
        self.begun[0].callback(None)
        self.successResultOf(first)
        self.assertEqual(len(self.begun), 2)
        for each in others:
            self.assertNoResult(each)
        self.begun[1].callback(None)
        for each in others:
            self.successResultOf(each)
        self.assertEqual(len(self.begun), 2)

    def test_fails(self) -> None:
        """A round that fails fails for all of its own, and not for the next."""
        first, second = self.rounds.join(), self.rounds.join()
        self.begun[0].errback(ValueError("no"))
        self.failureResultOf(first, ValueError)
        self.begun[1].callback(None)
        self.successResultOf(second)

    def test_cancelled(self) -> None:
        """Who waits no more does not keep others from it."""
        first, second = self.rounds.join(), self.rounds.join()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.begun[0].callback(None)
        self.begun[1].callback(None)
        self.successResultOf(second)
