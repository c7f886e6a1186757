from twisted.trial.unittest import SynchronousTestCase

from txresumable._policy.filling import ROUND_TRIPS, Filling


def over(round_trip: float) -> Filling:
    """Of a line of which that is known."""
    filling = Filling()
    filling.round_trip = round_trip
    return filling


class FillingTests(SynchronousTestCase):
    """
    How many requests fill a line.
    """

    def test_how_many_end_in_a_round_trip(self) -> None:
        """Three in a second, with a tenth of a second: sixteen times 0.3, rounded up."""
        filling = over(0.1)
        self.assertFalse(filling.ended(10.8, 0.8, 3))
        self.assertFalse(filling.ended(10.9, 0.9, 3))
        self.assertTrue(filling.ended(11.0, 1.0, 3))
        self.assertEqual((ROUND_TRIPS, filling.wanted), (16.0, 5))

    def test_no_less_time_than_the_longest(self) -> None:
        """Those that end together are measured over as long as the longest of them took."""
        filling = over(0.1)
        for _ in range(3):
            filling.ended(11.0, 1.0, 3)
        self.assertFalse(any(filling.ended(11.1, 1.0, 3) for _ in range(5)))
        self.assertTrue(filling.ended(12.0, 0.5, 3))
        self.assertEqual(filling.wanted, 10)  # six in a second

    def test_pauses_do_not_count(self) -> None:
        """The time in which nothing was under way says nothing."""
        filling = over(0.1)
        for _ in range(3):
            filling.ended(11.0, 1.0, 3)
        filling.ended(1000.0, 1.0, 3)
        filling.ended(1000.0, 1.0, 3)
        self.assertTrue(filling.ended(1000.0, 1.0, 3))
        self.assertEqual(filling.wanted, 5)

    def test_an_unknown_round_trip(self) -> None:
        """Without it, nothing is known."""
        filling = Filling()
        self.assertFalse(any(filling.ended(11.0, 1.0, 1) for _ in range(3)))
        self.assertEqual(filling.wanted, 0)
        self.assertFalse(filling.has_queue(0.1))

    def test_no_time(self) -> None:
        """What takes no time is no reason to divide by it."""
        filling = over(0.1)
        self.assertFalse(any(filling.ended(0.0, 0.0, 1) for _ in range(3)))
        self.assertFalse(filling.look(0.0, 0, 1))
        self.assertFalse(filling.look(0.0, 1, 1))

    def test_small_requests(self) -> None:
        """Those that carry hardly anything are as many as fit into a round trip."""
        for round_trip, number in ((0.0001, 3), (0.01, 8), (0.08, 43), (0.6, 303)):
            self.assertEqual(over(round_trip).guess(3, small=True), number)
        self.assertEqual(over(0.08).guess(3), 13)

    def test_a_queue(self) -> None:
        """A round trip that is a quarter longer, and two thousandths of a second."""
        filling = over(0.1)
        for round_trip, queue in ((0.12, False), (0.1269, False), (0.1271, True), (None, False)):
            self.assertEqual(filling.has_queue(round_trip), queue)
        self.assertFalse(over(0.0001).has_queue(0.002))

    def test_looks(self) -> None:
        """What arrives between two looks says how many would end; it is never taken back."""
        filling = over(0.1)
        self.assertFalse(filling.look(1.0, 500, 1000))
        self.assertTrue(filling.look(1.1, 1500, 1000))
        self.assertEqual(filling.wanted, 16)
        self.assertFalse(filling.look(1.2, 1600, 1000))
        self.assertEqual(filling.wanted, 16)
