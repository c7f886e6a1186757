"""
Whether a server is up: the states of the breaker.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txresumable._policy.probing import Outage


class StateTests(SynchronousTestCase):
    """
    What is remembered of an outage.
    """

    def setUp(self) -> None:
        self.outage: Outage[object] = Outage()
        self.first, self.second = object(), object()

    def test_begins_and_ends(self) -> None:
        """It begins with the first failure, and an answer ends it."""
        outage = self.outage
        self.assertFalse(outage.responded())
        self.assertTrue(outage.failed(self.first, 3, 50.0))
        self.assertTrue(outage.failed(self.first, 3, 60.0))
        self.assertEqual((outage.lasts, outage.failures, outage.since), (True, 2, 50.0))
        self.assertTrue(outage.responded())
        self.assertFalse(outage.responded())
        self.assertEqual((outage.lasts, outage.failures, outage.probe), (False, 0, None))
        self.assertTrue(outage.failed(self.second, 0, 70.0))
        self.assertEqual((outage.failures, outage.since), (1, 70.0))

    def test_one_counts(self) -> None:
        """Only the failures of the chunk that probes are counted."""
        outage = self.outage
        outage.failed(self.first, 3, 1.0)
        for file, offset in ((self.first, 2), (self.second, 3)):
            self.assertFalse(outage.failed(file, offset, 2.0))
        self.assertEqual((outage.failures, outage.probe), (1, (self.first, 3)))

    def test_leaving(self) -> None:
        """Only the file that probes can stop probing; the outage goes on."""
        self.outage.leave(self.first)
        self.outage.failed(self.first, 0, 1.0)
        self.outage.leave(self.second)
        self.assertEqual(self.outage.probe, (self.first, 0))
        self.outage.leave(self.first)
        self.assertEqual((self.outage.probe, self.outage.lasts), (None, True))

    def test_least_delay(self) -> None:
        """Nobody tries more often than once a second for long, however often it failed."""
        delays = []
        for _ in range(6):
            self.outage.failed(self.first, 0, 1.0)
            delays.append(self.outage.least_delay)
        self.assertEqual(delays, [0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
        self.outage.failures = 10**6
        self.assertEqual(self.outage.least_delay, 1.0)
        self.outage.give_up()
        self.assertFalse(self.outage.lasts)

    def test_refuses(self) -> None:
        """What cannot be reached and what refuses are counted apart; what was tried is known."""
        outage, now = self.outage, 1.0
        for _ in range(3):
            outage.failed(self.first, 0, now)
        self.assertTrue(outage.failed(self.first, 0, 9.0, refused=True))
        self.assertFalse(outage.failed(self.second, 0, 9.0, refused=True))
        self.assertEqual((outage.refuses, outage.failures, outage.since), (True, 1, now))
        outage.probe = (self.second, 4)
        outage.failed(self.second, 4, 9.0, refused=True)
        self.assertEqual(outage.tried, {(self.first, 0), (self.second, 4)})
        outage.failed(self.second, 4, 9.0)
        self.assertEqual((outage.refuses, outage.failures, outage.tried), (False, 1, set()))
        outage.failed(self.second, 4, 9.0, refused=True)
        self.assertTrue(outage.responded())
        self.assertEqual((outage.refuses, outage.lasts, outage.tried), (False, False, set()))

    def test_lines(self) -> None:
        """The log has the first failure and each time their number has doubled."""
        worth = []
        for number in range(1, 20):
            self.outage.failed(self.first, 0, 1.0)
            if self.outage.is_worth_a_line:
                worth.append(number)
        self.assertEqual(worth, [1, 2, 4, 8, 16])
