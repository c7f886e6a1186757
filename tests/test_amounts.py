"""Tests for bytes and times as people read them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txresumable._cli.amounts import duration, size


class AmountsTests(SynchronousTestCase):
    """Texts."""

    def test_size(self) -> None:
        """Bytes are whole, and what is more has a unit."""
        counts = (0, 1023, 1024, 3 << 19, 5 << 30, 7 << 40)
        shown = ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "5.0 GiB", "7.0 TiB"]
        self.assertEqual([size(count) for count in counts], shown)

    def test_duration(self) -> None:
        """Seconds are rounded; days are for what takes many hours."""
        seconds = (0, 59.6, 3599, 3600, 100 * 3600)
        self.assertEqual(list(map(duration, seconds)), ["0:00", "1:00", "59:59", "1:00:00", "4 d"])
