"""Tests for asking for something until it succeeds."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txresumable.push.delivery.insisting import Insisting


class InsistingTests(SynchronousTestCase):
    """It is asked again and again."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.insisting = Insisting(self.clock, LookupError, 3.0)
        self.answers: list[Exception | str] = []
        self.is_wanted = True

    async def step(self) -> str:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def ask(self, *answers: Exception | str) -> Deferred[str | None]:
        self.answers = list(answers)
        asking = self.insisting.do(self.step, lambda: self.is_wanted)
        return Deferred.fromCoroutine(asking)

    def test_at_once(self) -> None:
        """What succeeds is there at once."""
        self.assertEqual(self.successResultOf(self.ask("here")), "here")

    def test_later(self) -> None:
        """What is not available is asked again after a pause, and said once."""
        events = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        asked = self.ask(LookupError("away"), LookupError("away"), "here")
        self.clock.advance(3.0)
        self.assertEqual(self.insisting.trouble, "away")
        self.assertNoResult(asked)
        self.clock.advance(3.0)
        self.assertEqual(self.successResultOf(asked), "here")
        self.assertEqual(self.insisting.trouble, "")
        said = [formatEvent(event) for event in events]
        self.assertEqual(said, ["away; it is tried again"])

    def test_other(self) -> None:
        """Another failure is one."""
        self.failureResultOf(self.ask(ValueError()), ValueError)

    def test_unwanted(self) -> None:
        """What is wanted no more is not asked again."""
        asked = self.ask(LookupError("away"), "here")
        self.is_wanted = False
        self.clock.advance(3.0)
        self.assertIsNone(self.successResultOf(asked))
        self.assertEqual(self.answers, ["here"])

    def test_closed(self) -> None:
        """Nor is anything once it is over."""
        asked = self.ask(LookupError("away"), "here")
        self.insisting.close()
        self.assertIsNone(self.successResultOf(asked))
        self.assertIsNone(self.successResultOf(self.ask("here")))
        self.assertEqual(self.clock.getDelayedCalls(), [])
