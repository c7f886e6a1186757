"""Tests for what is remembered of records."""

from __future__ import annotations

from inspect import signature

from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.objects.summaries import Summaries


class SummariesTests(SynchronousTestCase):
    """A number for each record with a certain ETag."""

    def test_found(self) -> None:
        """What was put is found, for that record with that ETag, as it was put last."""
        known = Summaries()
        self.assertIsNone(known.find("a", "1"))
        for key, etag, kind in (("a", "1", 1), ("a", "2", 2), ("b", "1", 3), ("b", "1", 1)):
            known.put(key, etag, kind)
            self.assertEqual(known.find(key, etag), kind)
        self.assertEqual(known.find("a", "1"), 1)
        self.assertIsNone(known.find("b", "2"))
        self.assertIsNone(known.find("a1", ""))
        self.assertEqual(len(known), 3)

    def test_many(self) -> None:
        """Of many, all but one in a hundred are known, in 16 to 32 bytes each."""
        known = Summaries()
        for number in range(50_000):
            known.put(f"{number:064x}", f"{number}", 1 + number % 3)
        found = [known.find(f"{number:064x}", f"{number}") for number in range(50_000)]
        right = sum(kind == 1 + number % 3 for number, kind in enumerate(found))
        self.assertGreater(right, 49_500)
        self.assertEqual(right, 50_000 - found.count(None))
        self.assertEqual(known.memory, 131_072 * 8)
        self.assertEqual(len(known), right)
        self.assertEqual([known.find(f"{n:064x}", "other") for n in range(1000)], [None] * 1000)

    def test_sizes(self) -> None:
        """It has 8 KiB at first, and 16 MiB at most."""
        self.assertEqual(Summaries().memory, 8192)
        self.assertEqual(signature(Summaries).parameters["most"].default * 8, 16 << 20)

    def test_bounded(self) -> None:
        """Beyond its places some are forgotten, the last one is known, and none is wrong."""
        known = Summaries(most=64)
        for number in range(1000):
            known.put("key", f"{number}", 1 + number % 3)
            self.assertEqual(known.find("key", f"{number}"), 1 + number % 3)
        self.assertEqual(known.memory, 512)
        found = [(number, known.find("key", f"{number}")) for number in range(1000)]
        left = [(number, kind) for number, kind in found if kind is not None]
        self.assertTrue(all(kind == 1 + number % 3 for number, kind in left))
        self.assertEqual(len(left), len(known))
        self.assertLessEqual(len(left), 64)
        self.assertGreater(len(left), 48)
