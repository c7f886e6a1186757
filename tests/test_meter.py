"""Tests for how fast something gets on."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txresumable._cli.meter import Meter


class MeterTests(SynchronousTestCase):
    """Rates."""

    def test_rate(self) -> None:
        """That of the last ten seconds counts; before there is a second look, there is none."""
        meter = Meter()
        self.assertIsNone(meter.rate(0, 500))
        self.assertEqual(meter.rate(1, 600), 100)
        self.assertEqual(meter.rate(10, 1500), 100)
        for second in range(11, 31):
            rate = meter.rate(second, 1500)
        self.assertEqual(rate, 0)

    def test_back(self) -> None:
        """What begins anew has no negative rate."""
        meter = Meter()
        meter.rate(0, 500)
        self.assertEqual(meter.rate(1, 0), 0)
