"""
What vanished, and what need not be known any longer.
"""

from __future__ import annotations

from functools import partial

from tests.journal_rig import JournalTestCase, seen
from txresumable.push.entry import HANDED_OVER
from txresumable.push.journal import journal as module
from txresumable.push.journal.housekeeping import prune
from txresumable.push.state import (
    CHANGED,
    DONE,
    FAILED,
    GONE,
    HELD,
    HOOK,
    MOVING,
    STORED,
    UPLOADING,
    WAITING,
)

DAY = 86400.0


class VanishedTests(JournalTestCase):
    """What a whole scan has not seen."""

    def test_gone(self) -> None:
        """What was not sent and is not there any more is gone; what is on its way is not."""
        ways = {
            "queued": (),
            "waiting": (UPLOADING, WAITING),
            "held": (HELD,),
            "uploading": (UPLOADING,),
            "stored": (UPLOADING, STORED),
            "hook": (UPLOADING, STORED, HOOK),
            "done": (UPLOADING, STORED, HOOK, MOVING, DONE),
            "failed": (FAILED,),
        }
        for path, way in ways.items():
            self.bring(self.queued(path)[-1].id, *way)
        self.observe(seen("seen"), seen("settling"), seen("there"))
        self.observe(seen("settling", 2))
        self.clock.advance(1)
        self.assertEqual(self.scan(seen("there")), 5)
        self.assertEqual(
            self.states(),
            {
                **dict.fromkeys(("queued", "waiting", "held", "seen", "settling"), "gone"),
                **{path: path for path in ("uploading", "stored", "hook", "done", "failed")},
                "there": "seen",
            },
        )
        self.clock.advance(1)
        self.assertEqual(self.scan(seen("there")), 0)

    def test_of_the_folder(self) -> None:
        """Only files of the folder that was scanned are gone, and not those seen meanwhile."""
        self.queued("a", folder="other")
        self.queued("a", "b")
        self.clock.advance(1)
        began = self.journal.seconds()
        self.clock.advance(1)
        self.observe(seen("new"))
        self.clock.advance(1)
        self.observe(seen("b"))
        self.assertEqual(self.result(self.journal.vanished("scans", began)), 1)
        self.assertEqual([entry.state for entry in self.entries()].count(GONE), 1)

    def test_after_restart(self) -> None:
        """What vanished while nobody watched is gone after the first scan."""
        self.queued("a", "b")
        self.restart()
        self.assertEqual(self.scan(seen("b")), 1)
        self.assertEqual(self.states(), {"a": "gone", "b": "queued"})

    def test_many(self) -> None:
        """However many vanish, transactions are small."""
        self.queued(*(f"{number}" for number in range(25)))
        self.patch(module, "LARGEST", 10)
        self.clock.advance(1)
        self.assertEqual(self.scan(), 25)
        self.assertEqual(set(self.states().values()), {"gone"})

    def test_bounded(self) -> None:
        """A transaction has no more changes than it may have, whatever states vanish."""
        for number in range(8):
            self.bring(self.queued(f"{number}")[-1].id, *((HELD,) if number % 2 else ()))
        self.patch(module, "LARGEST", 3)
        sizes: list[int] = []
        notify = self.journal._commits._notify
        self.journal._commits._notify = lambda changes: (
            sizes.append(len(changes)) or notify(changes)
        )
        self.assertEqual(self.scan(), 8)
        self.assertEqual(sizes, [3, 3, 2])

    def test_unread(self) -> None:
        """What could not be looked at, or lies below, is taken to be there."""
        self.queued("a", "a/b", "a/b/c", "a.b", "a0", "b")
        began = self.journal.seconds() + 1
        self.clock.advance(2)
        gone = self.result(self.journal.vanished("scans", began, [b"a"]))
        self.assertEqual(gone, 3)
        self.assertEqual(
            sorted(name for name, state in self.states().items() if state == "gone"),
            ["a.b", "a0", "b"],
        )

    def test_memory(self) -> None:
        """Of what vanished, and of what was dropped once more, nothing is kept in memory."""
        connection = self.journal._possession.database._connection
        assert connection is not None

        def kept() -> tuple[list[int], list[int]]:
            found = (connection.execute(f"SELECT id FROM {each}") for each in ("present", "met"))
            present, met = (sorted(id for (id,) in rows) for rows in found)
            return present, met

        for entry in self.queued("a", "b"):
            self.bring(entry.id, UPLOADING, STORED, HOOK, MOVING, DONE)
            self.result(self.journal.note(entry.id, is_aside=True))
        self.observe(seen("a"), seen("b"))
        self.assertEqual(kept(), ([1, 2], [1, 2]))
        self.scan()
        self.assertEqual(kept(), ([], []))
        self.observe(seen("b"))
        self.assertEqual(kept(), ([2], [2]))
        self.observe(seen("b", is_marked=True))
        self.assertEqual((kept(), self.states()), (([2], []), {"a": "done", "b": "queued"}))

    def test_away(self) -> None:
        """What was handed over is aside once a scan has missed it; what was sent here is not."""
        self.patch(module, "LARGEST", 3)
        for number, entry in enumerate(self.queued(*"abcdefgh")):
            self.bring(entry.id, UPLOADING, STORED, HOOK, MOVING, DONE)
            self.result(self.journal.note(entry.id, note=HANDED_OVER if number < 6 else ""))
        self.clock.advance(1)
        began = self.journal.seconds()
        self.observe(seen("a"))
        self.assertEqual(self.result(self.journal.vanished("other", began)), 0)
        self.assertEqual([each.name for each in self.entries() if each.is_aside], [])
        self.assertEqual(self.result(self.journal.vanished("scans", began)), 0)
        self.assertEqual([each.name for each in self.entries() if each.is_aside], [*"bcdef"])

    def test_wrong_clock(self) -> None:
        """A scan that has not begun yet, by the journal's clock, is an error."""
        self.assertRaises(ValueError, self.journal.vanished, "scans", self.now())


class BeatTests(JournalTestCase):
    """Whether it can be written."""

    def test_beats(self) -> None:
        """Each time something is written, and there is no more of it."""
        connection = self.journal._possession.database._connection
        assert connection is not None
        for _ in range(2):
            self.clock.advance(5)
            self.assertIsNone(self.result(self.journal.beat()))
            beats = connection.execute("SELECT at FROM beat").fetchall()
            self.assertEqual(beats, [(self.now(),)])


class PruneTests(JournalTestCase):
    """Forgetting."""

    def setUp(self) -> None:
        super().setUp()
        for end in (DONE, CHANGED, FAILED, GONE):
            way = (UPLOADING, STORED, HOOK, MOVING, DONE) if end is DONE else (end,)
            self.bring(self.queued(end.value)[-1].id, *way)
        self.queued("queued")

    def prune(self) -> int:
        """Forget what ended a day ago."""
        return self.result(self.journal.prune(DAY))

    def test_old(self) -> None:
        """What has ended long ago and is not there any more is forgotten, and nothing else."""
        self.clock.advance(DAY - 0.5)
        self.scan(seen("queued"))
        self.assertEqual(self.prune(), 0)
        self.clock.advance(1)
        self.assertEqual(self.prune(), 4)
        self.assertEqual(self.states(), {"queued": "queued"})
        self.assertEqual(self.prune(), 0)

    def test_still_there(self) -> None:
        """What still lies in its folder is known for ever: it would be taken for new."""
        self.clock.advance(2 * DAY)
        self.scan(seen("done"), seen("failed"), seen("queued"))
        self.assertEqual(self.prune(), 2)
        self.assertEqual(self.states(), {"done": "done", "failed": "failed", "queued": "queued"})
        self.clock.advance(1)
        self.scan(seen("queued"), seen("failed"))
        self.assertEqual(self.prune(), 1)

    def test_not_scanned(self) -> None:
        """Before a folder was scanned, nobody knows what lies there."""
        self.clock.advance(2 * DAY)
        self.assertEqual(self.prune(), 0)
        self.scan(seen("queued"))
        self.restart()
        self.assertEqual(self.prune(), 0)
        self.scan(folder="other")
        self.assertEqual(self.prune(), 0)
        self.scan(seen("queued"))
        self.assertEqual(self.prune(), 4)

    def test_numbers_are_not_used_again(self) -> None:
        """A new entry has a number that none had before, though that one is forgotten."""
        self.clock.advance(2 * DAY)
        self.bring(5, GONE)
        self.clock.advance(2 * DAY)
        self.scan()
        self.assertEqual(self.prune(), 5)
        self.restart()
        self.assertEqual(self.queued("new")[0].id, 6)

    def test_many(self) -> None:
        """However many are forgotten, transactions are small."""
        self.clock.advance(2 * DAY)
        self.scan()
        self.patch(module, "LARGEST", 3)
        sizes: list[int] = []
        for _ in range(2):
            work = partial(prune, scanned=self.journal._scanned, keep=DAY, limit=3)
            sizes.append(self.result(self.journal._commits.add(work, 3)))
        self.assertEqual(sizes, [3, 1])
        self.assertEqual(self.prune(), 0)
