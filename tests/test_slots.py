from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable._policy.slots import Slots


class SlotsTests(SynchronousTestCase):
    def test_counts(self) -> None:
        """So many can be acquired as there are, and what is released can be acquired again."""
        slots = Slots(2)
        slots.acquire()
        slots.acquire()
        self.assertEqual(slots.tokens, 0)
        self.assertRaises(AssertionError, slots.acquire)
        slots.release()
        self.assertEqual((slots.tokens, slots.number), (1, 2))

    def test_shrinks_as_they_come_back(self) -> None:
        """Who has a token keeps it; none is free until fewer are in use than there are."""
        slots = Slots(4)
        for _ in range(4):
            slots.acquire()
        slots.resize(1)
        self.assertEqual((slots.tokens, slots.number), (-3, 1))
        for tokens in (-2, -1, 0, 1):
            self.assertRaises(AssertionError, slots.acquire)
            slots.release()
            self.assertEqual(slots.tokens, tokens)

    def test_no_more_than_there_are(self) -> None:
        """Releasing more than were acquired is an error."""
        self.assertRaises(AssertionError, Slots(2).release)

    @given(st.lists(st.one_of(st.sampled_from(["acquire", "release"]), st.integers(1, 20))))
    def test_never_more_than_there_are(self, steps: list[object]) -> None:
        """In any order of acquiring, releasing and resizing, the sum is right."""
        slots, taken = Slots(3), 0
        for step in steps:
            if step == "acquire" and slots.tokens > 0:
                slots.acquire()
                taken += 1
            elif step == "release" and taken:
                slots.release()
                taken -= 1
            elif isinstance(step, int):
                slots.resize(step)
                self.assertEqual(slots.number, step)
            self.assertEqual(slots.tokens, slots.number - taken)
