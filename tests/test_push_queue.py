"""
Which entry is next.
"""

from __future__ import annotations

from attrs import evolve

from tests.journal_rig import JournalTestCase, seen
from txresumable.push.entry import BEGUN
from txresumable.push.state import HELD, QUEUED, STORED, UPLOADING, WAITING


class TakeTests(JournalTestCase):
    """Taking entries from the queue."""

    def take(self, count: int = 9, order: str = "oldest", folder: str = "scans") -> list[str]:
        """The names of what is taken."""
        return [entry.name for entry in self.result(self.journal.take(folder, count, order))]

    def test_orders(self) -> None:
        """Entries are taken in the order that was asked for, so many at most."""
        for name, size, mtime_ns in (("b", 3, 3), ("c", 1, 1), ("a", 2, 2), ("d", 3, 3)):
            self.observe(seen(name, size, mtime_ns=mtime_ns, is_marked=True))
        for order, first in (
            ("oldest", "cabd"),
            ("newest", "dbac"),
            ("smallest", "cabd"),
            ("largest", "dbac"),
            ("name", "abcd"),
        ):
            self.assertEqual(self.take(3, order), list(first[:3]))
            self.assertEqual(self.take(3, order), [first[3]])
            self.assertEqual(self.take(3, order), [])
            self.restart()

    def test_taken(self) -> None:
        """What is taken is being uploaded; what is not queued, or another's, is not taken."""
        self.queued("a", "b", "c", "d", folder="other")
        self.queued("a", "b", "c")
        self.bring(5, HELD)
        self.bring(6, UPLOADING, WAITING)
        self.observe(seen("new"))
        (entry,) = self.result(self.journal.take("scans", 9))
        self.assertEqual((entry.name, entry.state), ("c", UPLOADING))
        self.assertEqual(self.entries(UPLOADING), [evolve(entry, note=BEGUN)])
        self.assertEqual(self.take(), [])
        self.assertEqual(self.take(0, folder="other"), [])
        self.assertEqual(len(self.take(folder="other")), 4)

    def test_taken_before(self) -> None:
        """Whether an entry was taken before is known from its note, also after a restart."""
        self.queued("a", "b")
        self.result(self.journal.note(2, note="{}"))
        for notes in (["", "{}"], [BEGUN, "{}"]):
            taken = self.result(self.journal.take("scans", 9))
            self.assertEqual([entry.note for entry in taken], notes)
            self.restart()

    def test_one_version_at_once(self) -> None:
        """A version waits while another one of its path is being uploaded, and no longer."""
        self.queued("a", "b")
        self.assertEqual(self.take(1), ["a"])
        self.observe(seen("a", 2, is_marked=True))
        self.assertEqual(self.take(), ["b"])
        self.bring(1, STORED)
        self.assertEqual(self.take(), ["a"])

    def test_two_versions(self) -> None:
        """Of two versions of a path that are queued, one is taken."""
        self.queued("a")
        self.bring(1, HELD)
        self.bring(1, QUEUED)
        self.bring(1, UPLOADING)
        self.observe(seen("a", 2, is_marked=True))
        self.bring(1, QUEUED)
        self.assertEqual(self.take(), ["a"])
        self.assertEqual(self.take(), [])

    def test_unknown_order(self) -> None:
        """An order that there is not is an error."""
        self.failureResultOf(self.journal.take("scans", 1, "random"), KeyError)
