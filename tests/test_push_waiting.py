"""
What ends by itself after a while.
"""

from __future__ import annotations

from tests.journal_rig import JournalTestCase
from txresumable.push.journal import journal as module
from txresumable.push.state import HELD, UPLOADING, WAITING


class WaitingTests(JournalTestCase):
    """Waiting for another attempt."""

    def wait(self, path: str, pause: float) -> None:
        """An attempt has failed."""
        entry = self.queued(path)[-1]
        self.bring(entry.id, UPLOADING)
        self.result(self.journal.move(entry.id, WAITING, until=self.now() + pause, why="no"))

    def due(self) -> list[str]:
        """The names of what has waited long enough."""
        return [entry.name for entry in self.result(self.journal.due())]

    def test_due(self) -> None:
        """What has waited long enough is queued, the first one first."""
        self.assertIsNone(self.result(self.journal.wake_at()))
        self.wait("a", 100)
        self.wait("b", 50)
        self.wait("c", 200)
        self.assertEqual(self.result(self.journal.wake_at()), self.now() + 50)
        self.clock.advance(49.9)
        self.assertEqual(self.due(), [])
        self.clock.advance(50.1)
        self.assertEqual(self.due(), ["b", "a"])
        self.assertEqual(self.states(), {"a": "queued", "b": "queued", "c": "waiting"})
        self.restart()
        self.assertEqual(self.result(self.journal.wake_at()), self.now() + 100)

    def test_held(self) -> None:
        """What is held does not wait any more."""
        self.wait("a", 100)
        self.bring(1, HELD)
        self.assertIsNone(self.result(self.journal.wake_at()))
        self.clock.advance(100)
        self.assertEqual(self.due(), [])

    def test_clock_set_back(self) -> None:
        """Though the clock is set back, nothing waits longer than it was to, over restarts too."""
        self.wait("a", 100)
        self.clock.advance(30)
        self.today -= 3600
        self.restart()
        self.assertEqual(self.result(self.journal.wake_at()), self.now() + 100)
        self.clock.advance(99)
        self.assertEqual(self.due(), [])
        self.clock.advance(1)
        self.assertEqual(self.due(), ["a"])

    def test_due_after_clock_set_back(self) -> None:
        """So it is for who asks only for what is due."""
        self.wait("a", 100)
        self.today -= 3600
        self.assertEqual(self.due(), [])
        self.assertEqual(self.entries()[0].until, self.now() + 100)
        self.clock.advance(100)
        self.assertEqual(self.due(), ["a"])

    def test_clock_set_forward(self) -> None:
        """If the clock is set forward, it is tried again at once, and not lost."""
        self.wait("a", 100)
        self.today += 3600
        self.assertEqual(self.due(), ["a"])

    def test_many(self) -> None:
        """Some hundred are due at once, and then the others."""
        for number in range(3):
            self.wait(f"{number}", 1)
        self.clock.advance(1)
        self.patch(module, "LARGEST", 2)
        self.assertEqual([self.due(), self.due(), self.due()], [["0", "1"], ["2"], []])
