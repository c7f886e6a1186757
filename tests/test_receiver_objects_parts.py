from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver.objects.parts import PartSizes, parts_of

MIB = 1 << 20


class PartsTests(SynchronousTestCase):
    """Parts are every byte of a file once, in its order."""

    @given(st.integers(1, 500), st.integers(1, 70), st.booleans(), st.integers(0, 100))
    def test_all(self, size: int, chunk_size: int, force: bool, part: int) -> None:
        """Whatever the chunks are; and all but the last part have their size."""
        layout = ChunkLayout(size, chunk_size, force)
        parts = list(parts_of(layout, part))
        self.assertEqual([each.number for each in parts], list(range(1, len(parts) + 1)))
        covered = []
        for each in parts:
            for span in each.spans:
                start, end = layout.range(span.offset)
                self.assertTrue(0 <= span.start < span.end <= end - start)
                covered += range(start + span.start, start + span.end)
        self.assertEqual(covered, list(range(size)))
        if part:
            sizes = [sum(span.size for span in each.spans) for each in parts]
            self.assertEqual(set(sizes[:-1]) - {part}, set())
        else:
            self.assertEqual([len(each.spans) for each in parts], [1] * layout.count)

    def test_sizes(self) -> None:
        """Large chunks are copied, small ones regrouped, and never into more than 10,000 parts."""
        sizes = PartSizes()
        self.assertTrue(sizes.copies(ChunkLayout(100 * MIB, 8 * MIB)))
        self.assertFalse(sizes.copies(ChunkLayout(100 * MIB, MIB)))
        self.assertFalse(sizes.copies(ChunkLayout(100_000 * MIB, 5 * MIB)))
        self.assertEqual(sizes.regrouped(100 * MIB), 8 * MIB)
        self.assertEqual(sizes.regrouped(100_000 * MIB), 10 * MIB)
        self.assertTrue(sizes.is_single(ChunkLayout(8 * MIB, MIB)))
        self.assertFalse(sizes.is_single(ChunkLayout(8 * MIB + 1, MIB)))
