"""Tests for how the chunks that are stored are told."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.ranges import parse_ranges
from txresumable.receiver.store.entry import spans


class SpansTests(SynchronousTestCase):
    """Ranges of chunks."""

    def test_spans(self) -> None:
        """Chunks that follow one another are told as one range, counted from 1."""
        for present, told in (
            (b"", ""),
            (b"\0", ""),
            (b"\1", "1"),
            (b"\0\1", "2"),
            (b"\1\1", "1-2"),
            (b"\1\1\1\0\1\0\1\1", "1-3,5,7-8"),
        ):
            self.assertEqual(spans(bytearray(present)), told)

    @given(st.lists(st.booleans(), min_size=1, max_size=300))
    def test_understood(self, present: list[bool]) -> None:
        """What is told is what a client reads."""
        told = spans(bytearray(present))
        read = [False] * len(present)
        for each in parse_ranges(told, len(present)) if told else []:
            for offset in each:
                read[offset] = True
        self.assertEqual(read, present)

    def test_too_long(self) -> None:
        """A list that would be longer than 3 KiB is cut short, and says so."""

        def chunks(*numbers: Iterable[int]) -> bytearray:
            present = bytearray(10000)
            for each in numbers:
                for number in each:
                    present[number - 1] = 1
            return present

        # Of five bytes each with the comma, and of four.
        longest = chunks(range(1001, 1001 + 2 * 613, 2), (101, 103))
        self.assertEqual(len(spans(longest)), 3072)
        longer = chunks(range(1001, 1001 + 2 * 614, 2), (101,))
        told = spans(longer)
        self.assertEqual((told[:12], told[-9:]), ("101,1001,100", ",2225,..."))
        self.assertEqual(len(told), 3072)
