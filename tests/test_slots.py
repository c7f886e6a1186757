from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable._policy.slots import Slots


class SlotsTests(SynchronousTestCase):
    def test_counts(self) -> None:
        """So many can be taken as there are, and what is given back can be taken again."""
        slots = Slots(2)
        slots.take()
        slots.take()
        self.assertEqual(slots.free, 0)
        self.assertRaises(AssertionError, slots.take)
        slots.give_back()
        self.assertEqual((slots.free, slots.number), (1, 2))

    def test_shrinks_as_they_come_back(self) -> None:
        """Who has a slot keeps it; it goes when it is given back."""
        slots = Slots(4)
        for _ in range(4):
            slots.take()
        slots.resize(1)
        self.assertEqual((slots.free, slots.number), (0, 1))
        for free in (0, 0, 0, 1):
            slots.give_back()
            self.assertEqual(slots.free, free)

    @given(st.lists(st.one_of(st.sampled_from(["take", "give"]), st.integers(1, 20))))
    def test_never_more_than_there_are(self, steps: list[object]) -> None:
        """In any order of taking, giving back and resizing, the sum is right."""
        slots, taken = Slots(3), 0
        for step in steps:
            if step == "take" and slots.free:
                slots.take()
                taken += 1
            elif step == "give" and taken:
                slots.give_back()
                taken -= 1
            elif isinstance(step, int):
                slots.resize(step)
                self.assertEqual(slots.number, step)
            self.assertEqual(slots.free, max(0, slots.number - taken))
