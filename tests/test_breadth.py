"""
How many chunks are under way at once.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable._engine.attempt import Result
from txresumable._engine.breadth import Breadth
from txresumable._engine.turn import Turn
from txresumable._protocol.dialect import RETRY, STORED
from txresumable.options import MIB, Options


class FakeGauge:
    """
    Connections that are as fast as a test says.

    :ivar arrived: bytes that have arrived, if that is known.
    :ivar trip: seconds of a round trip.
    """

    def __init__(self) -> None:
        self.arrived: int | None = 0
        self.trip: float | None = 0.1

    def round_trip(self) -> float | None:
        return self.trip

    def acknowledged(self) -> int | None:
        return self.arrived


class BreadthTests(SynchronousTestCase):
    """
    Slots, as connections are opened and bytes arrive.
    """

    def breadth(self, **options: Any) -> Breadth:
        self.clock, self.gauge, turn = Clock(), FakeGauge(), Turn()
        turn.begin_next = lambda: False
        breadth = Breadth(Options(target="http://h", **options), self.clock, turn)
        gauge: Any = self.gauge
        breadth.use(gauge)
        return breadth

    def auto(self, **options: Any) -> Breadth:
        return self.breadth(simultaneous_uploads="auto", **options)

    def test_fixed(self) -> None:
        """A number that was given stays."""
        breadth = self.breadth(simultaneous_uploads=5)
        breadth.connected(0.5)
        breadth.pushed_back()
        self.assertEqual((breadth.number, breadth.most, breadth.slots.number), (5, 5, 5))
        self.assertEqual((breadth.adapts, self.clock.getDelayedCalls()), (False, []))
        self.assertEqual((breadth.is_timed, breadth.written), (False, None))

    def test_lent(self) -> None:
        """Where slots are lent, as many connections are kept as that needs."""
        breadth = self.breadth(simultaneous_uploads=5, lend_slots=True)
        self.assertEqual((breadth.most, breadth.slots.number, breadth.is_timed), (10, 5, True))
        self.assertEqual(breadth.written, breadth.loans.written)
        breadth.connected(0.0001)
        self.assertFalse(breadth.adapts)

    def test_watched(self) -> None:
        """Whoever wants to know is notified of how long a chunk took that was sent."""
        breadth, seconds = self.breadth(), []
        self.assertFalse(breadth.is_timed)
        breadth.watch(seconds.append)
        self.assertEqual((breadth.is_timed, breadth.adapts), (True, False))
        self.clock.advance(7)
        attempt: Any = Mock(began=5.0)
        for verdict, found in (STORED, False), (STORED, True), (RETRY, False):
            breadth.delivered(attempt, Result(verdict, Mock(), None, found))
        self.assertEqual(seconds, [2.0])

    def test_a_connection_is_opened(self) -> None:
        """The longer a round trip is, the more slots there are to begin with."""
        breadth = self.auto()
        self.assertEqual((breadth.number, breadth.most, breadth.slots.number), (3, 96, 3))
        breadth.connected(0.05)
        self.assertEqual((breadth.number, breadth.slots.number), (8, 8))
        breadth.close()

    def test_small_files(self) -> None:
        """Of requests that carry hardly anything there are more, if there are enough of them."""
        for small, trip, number in ((True, 0.05, 28), (True, 0.1, 32), (False, 0.05, 8)):
            breadth, small_next = self.auto(), Mock(return_value=small)
            breadth.small_next = small_next
            breadth.connected(trip)
            breadth.connected(trip / 2)
            assert breadth.tests is not None
            self.assertEqual((breadth.number, breadth.slots.number), (number, number))
            self.assertLess(breadth.tests.number, 18)
            small_next.assert_called_with(32)
            breadth.close()

    def test_looks(self) -> None:
        """Once in a round trip it sees what has arrived; a second connection changes nothing."""
        breadth = self.auto()
        breadth.connected(0.1)
        breadth.connected(0.2)
        self.clock.advance(0.1)
        self.gauge.arrived = 3 * MIB // 2
        self.clock.advance(0.1)
        self.assertEqual(breadth.slots.number, 24)
        breadth.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_short_round_trip(self) -> None:
        """It does not look more often than a hundred times a second."""
        breadth = self.auto()
        breadth.connected(0.0001)
        (call,) = self.clock.getDelayedCalls()
        self.assertEqual(call.getTime(), 0.01)
        breadth.close()

    def test_nothing_to_look_at(self) -> None:
        """Where the kernel says nothing it does not look again."""
        breadth = self.auto()
        breadth.connected(0.1)
        self.gauge.arrived = None
        self.clock.advance(0.1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_held(self) -> None:
        """While something else decides how many slots there are, only the number is known."""
        breadth = self.auto()
        breadth.hold(True)
        breadth.connected(0.1)
        assert breadth.tests is not None
        self.assertEqual((breadth.number, breadth.slots.number, breadth.tests.number), (17, 3, 1))
        breadth.hold(False)
        self.assertEqual(breadth.tests.number, 17)
        breadth.close()

    def test_slots_of_tests(self) -> None:
        """They have slots of their own if that is said, or if it is adaptive or auto."""
        for options, number in (
            ({}, None),
            ({"simultaneous_tests": 7}, 7),
            ({"simultaneous_tests": "auto"}, 3),
            ({"test_chunks": "adaptive"}, 3),
            ({"test_chunks": "adaptive", "simultaneous_tests": 2}, 2),
            ({"simultaneous_uploads": "auto"}, 3),
            ({"simultaneous_uploads": "auto", "test_chunks": False}, None),
            ({"simultaneous_tests": 7, "test_chunks": False}, None),
            ({"simultaneous_uploads": "auto", "preprocess": len}, None),
        ):
            tests = self.breadth(**options).tests
            self.assertEqual(None if tests is None else tests.number, number, options)

    def test_fixed_uploads(self) -> None:
        """A round trip that is long means more tests, even if the number of uploads is given."""
        breadth = self.breadth(test_chunks="adaptive")
        breadth.connected(0.05)
        assert breadth.tests is not None
        self.assertEqual((breadth.tests.number, breadth.slots.number, breadth.most), (8, 3, 35))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        breadth.pushed_back()
        self.assertEqual((breadth.tests.number, breadth.slots.number), (4, 3))

    def test_a_fixed_number_of_tests(self) -> None:
        """It stays, and there are as many connections as both numbers."""
        breadth = self.breadth(simultaneous_tests=7)
        breadth.connected(0.5)
        breadth.hold(True)
        breadth.hold(False)
        assert breadth.tests is not None
        self.assertEqual((breadth.tests.number, breadth.most), (7, 10))
