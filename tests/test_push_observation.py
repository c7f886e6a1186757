"""
Comparing what lies in a folder with what is known.
"""

from __future__ import annotations

import os
from unittest.mock import patch

from attrs import evolve

from tests.journal_rig import JournalTestCase, seen
from txresumable.push import Observation, PushState, Seen, Version
from txresumable.push.entry import HANDED_OVER
from txresumable.push.state import (
    CHANGED,
    DONE,
    FAILED,
    GONE,
    HELD,
    HOOK,
    MOVING,
    QUEUED,
    STORED,
    UPLOADING,
    WAITING,
)

#: From QUEUED to each state in which a version of a file is on its way, or has ended.
REACH = {
    UPLOADING: (UPLOADING,),
    STORED: (UPLOADING, STORED),
    HOOK: (UPLOADING, STORED, HOOK),
    MOVING: (UPLOADING, STORED, HOOK, MOVING),
    DONE: (UPLOADING, STORED, HOOK, MOVING, DONE),
    FAILED: (FAILED,),
}


class SettlingTests(JournalTestCase):
    """From SEEN to QUEUED."""

    def test_settles(self) -> None:
        """A file is queued once whoever looks says that it is complete, however long that takes."""
        self.assertEqual(self.observe(seen("a")), Observation(new=1, unsettled=(b"a",)))
        self.clock.advance(1e6)
        self.assertEqual(self.observe(seen("a")), Observation(unsettled=(b"a",)))
        self.assertEqual(self.states(), {"a": "seen"})
        self.assertEqual(self.observe(seen("a", is_marked=True)), Observation(queued=1))
        self.assertEqual(self.observe(seen("a", is_marked=True)), Observation())
        self.assertEqual(self.states(), {"a": "queued"})

    def test_no_wait(self) -> None:
        """One that is complete when it is seen is queued as it is seen."""
        self.assertEqual(self.observe(seen("b", is_marked=True)), Observation(new=1, queued=1))

    def test_grows(self) -> None:
        """A growing file is one entry, whatever it is that changes."""
        self.observe(seen("a"))
        first = self.entries()[0]
        for change in (
            seen("a", 2),
            seen("a", 2, mtime_ns=2),
            seen("a", 2, mtime_ns=2, inode=2),
            seen("a", 1),
        ):
            self.clock.advance(1)
            self.assertEqual(self.observe(change), Observation(1, 1, 0, (b"a",)))
            (entry,) = self.entries()
            self.assertEqual((entry.id, entry.version), (first.id, change.version))
            self.assertEqual((entry.state, entry.changed), (PushState.SETTLING, self.now()))
            self.assertEqual(entry.seen, first.seen)
        self.observe(evolve(change, is_marked=True))
        self.assertEqual(self.states(), {"a": "queued"})

    def test_any_version(self) -> None:
        """A version may have any inode of 64 bits, and times before 1970."""
        for inode in (0, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1):
            version = Version(inode, 1 << 62, -5)
            for _ in range(2):
                self.result(self.journal.observe("scans", [Seen(b"\xff", version, True)]))
                entry = self.entries()[-1]
                self.assertEqual((entry.version, entry.path), (version, b"\xff"))
        self.assertEqual(len(self.entries()), 5)

    def test_twice_at_once(self) -> None:
        """Of one path that is given twice, the last counts."""
        self.observe(seen("a"), seen("a", 2))
        self.assertEqual([entry.version.size for entry in self.entries()], [2])

    def test_many(self) -> None:
        """Any number of files may be observed at once, in small transactions."""
        files = [seen(f"{number}") for number in range(1234)]
        found = self.observe(*files)
        self.assertEqual((found.new, len(set(found.unsettled))), (1234, 1234))
        files = [evolve(each, is_marked=True) for each in files]
        self.assertEqual(self.observe(*files), Observation(queued=1234))
        with patch.object(
            self.journal._commits, "_write", side_effect=self.journal._commits._write
        ) as write:
            self.assertEqual(self.observe(*files), Observation())
        self.assertEqual(write.call_count, 3)
        self.assertEqual(self.observe(), Observation())


class KnownTests(JournalTestCase):
    """Versions that are known, and others of the same path."""

    def test_once(self) -> None:
        """A version that is on its way, or has ended, is left alone, after a restart as well."""
        for state, way in REACH.items():
            self.bring(self.queued(state.value)[-1].id, *way)
        known = self.states()
        files = [seen(state.value) for state in REACH]
        for _ in range(2):
            self.assertEqual(self.observe(*files), Observation())
        self.assertEqual(self.states(), known)
        self.restart()
        self.assertEqual(self.observe(*files), Observation())
        self.assertEqual(self.states(), {**known, "uploading": "queued"})

    def test_taken_away(self) -> None:
        """What was deleted, moved or put aside and lies there again was dropped once more."""
        for state, facts in (
            (DONE, {"is_aside": True}),
            (DONE, {"is_aside": True, "location": b"/sent/a"}),
            (FAILED, {"location": b"/failed/a"}),
        ):
            path = f"{state.value}{len(facts)}"
            before = self.bring(self.queued(path)[-1].id, *REACH[state])
            self.result(self.journal.note(before.id, **facts))
            late = self.observe(seen(path, is_marked=True))  # looked at before it was taken away
            self.assertEqual(late, Observation(unsettled=(os.fsencode(path),)))
            self.assertIs(self.entries()[-1].state, state)
            again = self.observe(seen(path))
            self.assertEqual(again, Observation(unsettled=(os.fsencode(path),)))
            found = self.observe(seen(path, is_marked=True))
            self.assertEqual(found, Observation(queued=1))
            after = self.entries()[-1]
            self.assertEqual((after.id, after.state), (before.id, QUEUED))
            self.assertEqual((after.is_aside, after.location), (False, b""))
            self.assertNotEqual(after.event_id, before.event_id)

    def test_moved_back(self) -> None:
        """What was handed over, and is renamed to its place, may have been missed meanwhile."""
        for note, ends in ((HANDED_OVER, QUEUED), ("", DONE)):
            path = f"a{note}"
            before = self.bring(self.queued(path)[-1].id, *REACH[DONE])
            self.result(self.journal.note(before.id, note=note))
            self.observe(seen(path, is_marked=True))
            self.assertIs(self.entries()[-1].state, DONE)
            self.observe(seen(path, 2, is_moved=True))
            self.result(self.journal.vanished("scans", self.journal.seconds()))
            [first, *_] = [each for each in self.entries() if each.id == before.id]
            self.assertIs(first.is_aside, False)
            self.observe(seen(path, is_moved=True))
            self.observe(seen(path, is_marked=True))
            [first, *_] = [each for each in self.entries() if each.id == before.id]
            self.assertIs(first.state, ends)

    def test_another_version(self) -> None:
        """Another version of such a path is an entry of its own."""
        for state, way in REACH.items():
            self.bring(self.queued(state.value)[-1].id, *way)
        files = [seen(state.value, 2) for state in REACH]
        found = self.observe(*files)
        self.assertEqual(
            found, Observation(len(REACH), 0, 0, tuple(sorted(each.path for each in files)))
        )
        self.assertEqual(self.states(), {each.value: f"{each.value} seen" for each in REACH})

    def test_changed_before_its_turn(self) -> None:
        """What is not sent yet has changed, and what it became is new."""
        self.queued("queued", "waiting")
        self.bring(2, UPLOADING, WAITING)
        found = self.observe(seen("queued", 2), seen("waiting", 2))
        self.assertEqual(found, Observation(2, 2, 0, (b"queued", b"waiting")))
        self.assertEqual(self.states(), {"queued": "changed seen", "waiting": "changed seen"})
        self.assertIn("before it was sent", self.entries()[0].why)

    def test_held(self) -> None:
        """A path that is held stays so, whatever it becomes."""
        self.bring(self.queued("a")[0].id, UPLOADING)
        self.journal.move(1, HELD, identifier="x", digest="y")
        self.assertEqual(self.observe(seen("a", 2)), Observation(new=1, changed=1))
        (entry,) = self.entries()
        self.assertEqual((entry.state, entry.version.size), (HELD, 2))
        self.assertEqual((entry.identifier, entry.digest), ("", ""))
        self.assertEqual(self.observe(seen("a", 2, is_marked=True)), Observation())

    def test_back_again(self) -> None:
        """A version that had changed or vanished and is there again is seen anew."""
        for state in (CHANGED, GONE):
            path = state.value
            entry = self.bring(self.queued(path)[-1].id, state)
            self.assertEqual(self.observe(seen(path)).unsettled, (os.fsencode(path),))
            found = self.observe(seen(path, is_marked=True))
            self.assertEqual(found, Observation(queued=1))
            after = self.entries()[-1]
            self.assertEqual((after.id, after.state), (entry.id, QUEUED))

    def test_back_and_forth(self) -> None:
        """A file that becomes what it was is not sent twice at once, and nothing is left over."""
        self.queued("a")
        self.observe(seen("a", 2))
        self.scan(seen("a", 1))
        self.assertEqual(self.states(), {"a": "seen gone"})
        self.scan(seen("a", 2))
        self.assertEqual(self.states(), {"a": "gone seen"})

    def test_folders(self) -> None:
        """The same path in another folder is another file."""
        self.observe(seen("a"), folder="one")
        self.assertEqual(self.observe(seen("a"), folder="two").new, 1)
        self.assertEqual([entry.folder for entry in self.entries()], ["one", "two"])
