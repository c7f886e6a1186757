"""Tests for doing one thing after the other."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txresumable.push.one_by_one import OneByOne


class OneByOneTests(SynchronousTestCase):
    """What is asked for is done in order."""

    def test_in_order(self) -> None:
        """The next begins when the one before is done, also if that failed."""
        one_by_one, begun = OneByOne(), []
        works: list[Deferred[None]] = [Deferred() for _ in range(3)]

        def work(number: int) -> Deferred[None]:
            begun.append(number)
            return works[number]

        done = [one_by_one.do(lambda number=number: work(number)) for number in range(3)]
        idle = one_by_one.idle()
        self.assertEqual(begun, [0])
        works[0].callback(None)
        self.assertIsNone(self.successResultOf(done[0]))
        self.assertEqual(begun, [0, 1])
        works[1].errback(ValueError())
        self.failureResultOf(done[1], ValueError)
        self.assertEqual(begun, [0, 1, 2])
        self.assertNoResult(idle)
        works[2].callback(None)
        self.assertIsNone(self.successResultOf(idle))

    def test_raises(self) -> None:
        """What cannot even begin has failed."""

        def fail() -> None:
            raise ValueError()

        self.failureResultOf(OneByOne().do(fail), ValueError)
