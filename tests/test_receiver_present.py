"""Tests for which chunks of an upload are durable."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.layout import ChunkLayout
from txresumable._protocol.ranges import parse_ranges
from txresumable.receiver.store.present import Present


class RangesTests(SynchronousTestCase):
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
            self.assertEqual(Present.decode(bytes(present)).ranges(), told)

    @given(st.lists(st.booleans(), min_size=1, max_size=300))
    def test_understood(self, present: list[bool]) -> None:
        """What is told is what a client reads."""
        told = Present.decode(bytes(present)).ranges()
        read = [False] * len(present)
        for each in parse_ranges(told, len(present)) if told else []:
            for offset in each:
                read[offset] = True
        self.assertEqual(read, present)

    def test_too_long(self) -> None:
        """A list that would be longer than 3 KiB is cut short, and says so."""

        def chunks(*numbers: Iterable[int]) -> Present:
            present = bytearray(10000)
            for each in numbers:
                for number in each:
                    present[number - 1] = 1
            return Present.decode(bytes(present))

        # Of five bytes each with the comma, and of four.
        longest = chunks(range(1001, 1001 + 2 * 613, 2), (101, 103))
        self.assertEqual(len(longest.ranges()), 3072)
        longer = chunks(range(1001, 1001 + 2 * 614, 2), (101,))
        told = longer.ranges()
        self.assertEqual((told[:12], told[-9:]), ("101,1001,100", ",2225,..."))
        self.assertEqual(len(told), 3072)


class PresentTests(SynchronousTestCase):
    """A set of chunks."""

    @given(st.integers(1, 40), st.data())
    def test_same_as_a_set(self, count: int, data: st.DataObject) -> None:
        """It has the chunks that were added, in whatever order, and is written as it is read."""
        numbers = st.lists(st.integers(0, count - 1))
        before, after = set(data.draw(numbers)), data.draw(numbers)
        written = bytes(offset in before for offset in range(count))
        present, wanted, size = Present.decode(written), set(before), 3 * count + 2
        layout = ChunkLayout(size, 3)
        for offset in [*after, *after[:2]]:
            wanted.add(offset)
            present.add(offset)
            missing = set(range(count)) - wanted
            self.assertEqual(
                [each in present for each in range(count)],
                [each in wanted for each in range(count)],
            )
            self.assertEqual(present.first_missing, min(missing, default=count))
            self.assertEqual(present.last_missing, max(missing, default=-1))
            self.assertEqual(
                present.missing_size(layout),
                sum(layout.range(each)[1] - layout.range(each)[0] for each in missing),
            )
            written = bytes(each in wanted for each in range(count))
            self.assertEqual(present.encode(), written)
            self.assertEqual(present.ranges(), Present.decode(written).ranges())
            self.assertEqual(present.memory, Present.decode(written).memory)

    def test_none(self) -> None:
        """None may be there."""
        for present in (Present(3), Present.decode(bytes(3))):
            self.assertEqual((bool(present), present.first_missing, present.memory), (False, 0, 0))
            self.assertEqual((present.ranges(), present.encode()), ("", bytes(3)))
            self.assertEqual(present.missing_size(ChunkLayout(35, 10)), 35)

    def test_many(self) -> None:
        """Chunks in order need the memory of one, however many there are."""
        present = Present(4 * 1024 * 1024)
        for offset in range(2000):
            present.add(offset)
        self.assertEqual((present.memory, present.ranges()), (16, "1-2000"))
        present.add(4 * 1024 * 1024 - 1)
        self.assertEqual((present.memory, present.ranges()), (32, "1-2000,4194304"))

    def test_damaged(self) -> None:
        """A byte of a record that is none of ours is an absent chunk."""
        self.assertEqual(Present.decode(b"\1\2\xff\1").encode(), b"\1\0\0\1")
