from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.strategies import chunk_sizes
from txresumable._protocol.layout import ChunkLayout, chunk_count


class ChunkCountTests(SynchronousTestCase):
    def test_rounds_down_by_default(self) -> None:
        """The last chunk takes the rest, so 1999 bytes at 1000 are one chunk."""
        self.assertEqual([chunk_count(n, 1000) for n in (0, 1, 999, 1999, 2000)], [1, 1, 1, 1, 2])

    def test_rounds_up_when_forced(self) -> None:
        """With force_chunk_size no chunk is longer than the chunk size."""
        counts = [chunk_count(n, 1000, True) for n in (0, 1, 1000, 1001, 2000)]
        self.assertEqual(counts, [1, 1, 1, 2, 2])

    def test_refuses_what_cannot_be(self) -> None:
        """A chunk of no bytes would never get to the end of a file."""
        error = self.assertRaises(ValueError, chunk_count, 10, 0)
        self.assertEqual(str(error), "chunk_size must be 1 or more, not 0")
        error = self.assertRaises(ValueError, chunk_count, -1, 5)
        self.assertEqual(str(error), "size must be 0 or more, not -1")


class ChunkLayoutTests(SynchronousTestCase):
    @given(st.integers(0, 5000), st.integers(1, 700), st.booleans())
    def test_tiles_the_file(self, size: int, chunk_size: int, force: bool) -> None:
        """The chunks cover every byte once and in order."""
        layout = ChunkLayout(size, chunk_size, force)
        at = 0
        for offset in range(layout.count):
            start, end = layout.range(offset)
            self.assertEqual(start, at)
            self.assertTrue(end > start or size == 0)
            at = end
        self.assertEqual(at, size)

    @given(st.integers(1, 1 << 50), chunk_sizes)
    def test_last_chunk_is_bounded(self, size: int, chunk_size: int) -> None:
        """By the floor rule no chunk reaches two chunk sizes; when forced, none exceeds one."""
        start, end = (layout := ChunkLayout(size, chunk_size)).range(layout.count - 1)
        self.assertLess(end - start, 2 * chunk_size)
        start, end = (layout := ChunkLayout(size, chunk_size, True)).range(layout.count - 1)
        self.assertTrue(0 < end - start <= chunk_size)

    def test_rounds_down_by_default(self) -> None:
        """The number of chunks follows from the rest, by the floor rule if not told otherwise."""
        self.assertEqual(ChunkLayout(1999, 1000).count, 1)
        self.assertEqual(ChunkLayout(1999, 1000, True).count, 2)
        self.assertRaises(TypeError, ChunkLayout, 1999, 1000, False, 3)

    def test_knows_its_bounds(self) -> None:
        """There is no chunk before the first nor after the last."""
        layout = ChunkLayout(3000, 1000)
        self.assertRaises(IndexError, layout.range, 3)
        self.assertRaises(IndexError, layout.range, -1)
        self.assertEqual(layout.range(2), (2000, 3000))
