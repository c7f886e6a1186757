"""Tests for what stands on the receiver's command line."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.values import lasting, number, octal, size, span


class ValueTests(SynchronousTestCase):
    """Values."""

    def test_read(self) -> None:
        """They are read as people write them."""
        self.assertEqual(
            [size(text) for text in ("1", "2k", "3M", "4GiB")], [1, 2048, 3 << 20, 4 << 30]
        )
        self.assertEqual(
            [span(text) for text in ("1", "2s", "3m", "4h", "5d")], [1, 2, 180, 14400, 432000]
        )
        self.assertEqual([number(text) for text in ("0", "12")], [0, 12])
        self.assertEqual([octal(text) for text in ("640", "0640", "0o640")], [0o640] * 3)
        self.assertEqual(lasting("2m"), 120)
        self.assertRaises(ValueError, lasting, "0")
        self.assertEqual([size("0"), span("0")], [None, None])

    def test_bad(self) -> None:
        """What is none is refused with an example."""
        for read, why in ((size, "20M"), (span, "15m"), (number, "whole"), (octal, "0640")):
            for text in ("", "-1", "1.5", "x", "1 0", "\u0663"):
                error = self.assertRaises(ValueError, read, text)
                self.assertIn(why, str(error))
        for text in ("64", "0888", "00640"):
            self.assertRaises(ValueError, octal, text)
