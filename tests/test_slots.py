from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable._policy.slots import Slots


class SlotsTests(SynchronousTestCase):
    def test_counts(self) -> None:
        """So many can be acquired as there are, and what is released can be acquired again."""
        slots = Slots(2, 5)
        self.successResultOf(slots.acquire())
        self.successResultOf(slots.acquire())
        self.assertEqual(slots.tokens, 0)
        waiting = slots.acquire()
        self.assertNoResult(waiting)
        waiting.cancel()
        self.failureResultOf(waiting)
        slots.release()
        self.assertEqual((slots.tokens, slots.number), (1, 2))

    def test_shrinks_as_they_come_back(self) -> None:
        """Who has a slot keeps it; it is held back when it is released."""
        slots = Slots(4, 4)
        for _ in range(4):
            slots.acquire()
        slots.resize(1)
        self.assertEqual((slots.tokens, slots.number), (0, 1))
        for free in (0, 0, 0, 1):
            slots.release()
            self.assertEqual(slots.tokens, free)

    def test_no_more_than_there_can_be(self) -> None:
        """Releasing more than were acquired is an error, as with any semaphore."""
        self.assertRaises(AssertionError, Slots(2, 2).release)

    @given(st.lists(st.one_of(st.sampled_from(["acquire", "release"]), st.integers(1, 20))))
    def test_never_more_than_there_are(self, steps: list[object]) -> None:
        """In any order of acquiring, releasing and resizing, the sum is right."""
        slots, taken = Slots(3, 20), 0
        for step in steps:
            if step == "acquire" and slots.tokens:
                self.assertTrue(slots.acquire().called)
                taken += 1
            elif step == "release" and taken:
                slots.release()
                taken -= 1
            elif isinstance(step, int):
                slots.resize(step)
                self.assertEqual(slots.number, step)
            self.assertEqual(slots.tokens, max(0, slots.number - taken))
