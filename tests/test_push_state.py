"""
The states of files in watched folders.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txresumable.push.state import ENDS, NEXT_PUSH_STATES, PushState

STORED = {PushState.STORED, PushState.HOOK, PushState.MOVING, PushState.DONE}


def after(state: PushState, without: set[PushState]) -> set[PushState]:
    """The states that can be reached from one, but not by way of some."""
    reached: set[PushState] = set()
    found = {state}
    while found:
        reached |= found
        found = {
            following for each in found - without for following in NEXT_PUSH_STATES[each]
        } - reached
    return reached


class PushStateTests(SynchronousTestCase):
    """What may become of a version of a file."""

    def test_every_state(self) -> None:
        """Each state is in the table, can be reached from SEEN, and can reach DONE."""
        self.assertEqual(set(NEXT_PUSH_STATES), set(PushState))
        self.assertEqual(after(PushState.SEEN, set()), set(PushState))
        for state in PushState:
            self.assertIn(PushState.DONE, after(state, set()))

    def test_stored_only_goes_on(self) -> None:
        """Nothing that is stored gets to another state without being done first."""
        for state in STORED:
            self.assertLessEqual(after(state, {PushState.DONE}), STORED)

    def test_nothing_is_skipped(self) -> None:
        """Nothing is done that was not stored and reported, and nothing moved before."""
        for missing in (PushState.UPLOADING, PushState.STORED, PushState.HOOK, PushState.MOVING):
            self.assertNotIn(PushState.DONE, after(PushState.SEEN, {missing}))

    def test_ends(self) -> None:
        """An end is left for the beginning, or ended otherwise, and for nothing in between."""
        beginnings = {PushState.SEEN, PushState.QUEUED}
        for end in ENDS:
            self.assertLessEqual(NEXT_PUSH_STATES[end], beginnings | ENDS)

    def test_names(self) -> None:
        """States are called in the journal and for people as in the code."""
        for state in PushState:
            self.assertEqual(state.value, state.name.lower())
