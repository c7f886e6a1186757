"""Lists of chunks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.ranges import gaps, is_cut_short, parse_ranges


class RangesTests(SynchronousTestCase):
    def test_reads_spans(self) -> None:
        """Numbers and spans from 1 become ranges from 0."""
        self.assertEqual(parse_ranges("1-3, 5", 5), [range(3), range(4, 5)])

    def test_cut_short(self) -> None:
        """A list that was cut short is read as far as it goes; the rest may be stored or not."""
        self.assertEqual(parse_ranges("1-3,5,...", 9), [range(3), range(4, 5)])
        self.assertEqual(gaps("1-3,5,...", 9), [range(3, 4), range(5, 9)])
        self.assertEqual((is_cut_short("1,3,..."), is_cut_short("1,3")), (True, False))
        for text in ("...", ",...", "1,...,2", "1,..."[:-1]):
            self.assertEqual(parse_ranges(text, 5), [], text)

    def test_refuses_all_of_what_is_malformed(self) -> None:
        """One bad span makes the whole list worthless."""
        for text in (
            "",
            "0",
            "3-2",
            "1-6",
            "1,,2",
            "1-",
            "-1",
            "x",
            "\uff11",
            "1-3;5",
            "+1",
            "1_0",
        ):
            self.assertEqual(parse_ranges(text, 5), [], text)

    @given(st.text(alphabet="0123456789-, x"), st.integers(1, 50))
    def test_stays_within_the_file(self, text: str, limit: int) -> None:
        """No list names a chunk that the file has not."""
        for span in parse_ranges(text, limit):
            self.assertTrue(0 <= span.start < span.stop <= limit)

    @given(st.lists(st.integers(1, 20), min_size=1), st.integers(20, 25))
    def test_gaps(self, numbers: list[int], limit: int) -> None:
        """What is not in a list is all the rest, in order."""
        left_out = [offset for gap in gaps(",".join(map(str, numbers)), limit) for offset in gap]
        self.assertEqual(left_out, sorted({*range(limit)} - {number - 1 for number in numbers}))

    def test_no_gaps(self) -> None:
        """A list that is whole, or that cannot be read, leaves nothing out."""
        self.assertEqual(gaps("1-5", 5), [])
        self.assertEqual(gaps("...,2-3", 5), [])
        self.assertEqual(gaps("1-3,x", 5), [])

    def test_of_one_of_several(self) -> None:
        """What one receiver of several knows is read, and says nothing of the others."""
        self.assertEqual(parse_ranges("...,2-3,5", 5), [range(1, 3), range(4, 5)])
        self.assertTrue(is_cut_short("...,2-3"))
        self.assertFalse(is_cut_short("2-3"))
