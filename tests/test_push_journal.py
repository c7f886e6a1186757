"""
The journal of watched folders.
"""

from __future__ import annotations

import os

from tests.journal_rig import JournalTestCase, seen
from txresumable.push import (
    NEXT_PUSH_STATES,
    AlreadyRunning,
    ImpossibleTransition,
    Journal,
    JournalUnavailable,
    PushState,
    UnknownEntry,
)
from txresumable.push.state import (
    CHANGED,
    DONE,
    FAILED,
    GONE,
    HELD,
    HOOK,
    MOVING,
    QUEUED,
    SEEN,
    SETTLING,
    STORED,
    UPLOADING,
    WAITING,
)

#: A way to each state, from QUEUED.
REACH = {
    QUEUED: (),
    UPLOADING: (UPLOADING,),
    STORED: (UPLOADING, STORED),
    HOOK: (UPLOADING, STORED, HOOK),
    MOVING: (UPLOADING, STORED, HOOK, MOVING),
    DONE: (UPLOADING, STORED, HOOK, MOVING, DONE),
    WAITING: (UPLOADING, WAITING),
    CHANGED: (CHANGED,),
    FAILED: (FAILED,),
    HELD: (HELD,),
    GONE: (GONE,),
    SEEN: (GONE, SEEN),
    SETTLING: (GONE, SEEN, SETTLING),
}


class MoveTests(JournalTestCase):
    """Transitions."""

    def test_table(self) -> None:
        """An entry becomes what the table allows; anything else fails and changes nothing."""
        for number, (state, way) in enumerate(REACH.items()):
            for following in PushState:
                name = f"{number}-{following.value}"
                entry = self.queued(name)[-1]
                self.bring(entry.id, *way)
                moved = self.journal.move(entry.id, following)
                if following in NEXT_PUSH_STATES[state]:
                    self.assertIs(self.result(moved).state, following)
                else:
                    error = self.failureResultOf(moved, ImpossibleTransition).value
                    self.assertEqual((error.entry.id, error.to), (entry.id, following))
                    self.assertIn(f"{state.value} and cannot be {following.value}", str(error))
                    following = state
                self.assertIs(self.result(self.journal.entry(entry.id)).state, following)

    def test_every_state_is_reached(self) -> None:
        """The test above has a way to each state."""
        self.assertEqual(set(REACH), set(PushState))

    def test_several(self) -> None:
        """It goes through several states in one step, or, if the table has no such way, none."""
        entry = self.queued("a")[0]
        self.bring(entry.id, UPLOADING)
        self.changes.clear()
        moved = self.journal.move(entry.id, STORED, MOVING, DONE)
        error = self.failureResultOf(moved, ImpossibleTransition).value
        self.assertIs(error.to, MOVING)
        self.assertEqual(self.states(), {"a": "uploading"})
        done = self.result(self.journal.move(entry.id, STORED, HOOK, MOVING, DONE, sent=7))
        self.assertEqual((done.state, done.sent), (DONE, 7))
        self.assertEqual(self.changes, [(UPLOADING, DONE)])

    def test_facts(self) -> None:
        """What is written down with a transition is there after a restart."""
        entry = self.queued("a")[0]
        self.bring(entry.id, UPLOADING)
        self.clock.advance(5)
        facts = {
            "identifier": "x",
            "attempts": 2,
            "why": "no route",
            "until": self.now() + 60,
            "sent": 7,
            "digest": "ab",
            "note": "{}",
            "location": b"/b/\xff",
            "is_aside": True,
        }
        after = self.result(self.journal.move(entry.id, WAITING, **facts))
        self.restart()
        self.assertEqual(self.entries(), [after])
        self.assertIs(self.entries()[0].is_aside, True)
        self.assertEqual({each: getattr(after, each) for each in facts}, facts)
        self.assertEqual((after.seen, after.changed), (self.now() - 5, self.now()))

    def test_reason_is_of_the_state(self) -> None:
        """Why, and until when, is forgotten with the state; the rest stays."""
        entry = self.queued("a")[0]
        self.bring(entry.id, UPLOADING)
        until = self.now() + 60
        self.journal.move(entry.id, WAITING, why="no route", until=until, attempts=1)
        after = self.bring(entry.id, QUEUED)
        self.assertEqual((after.why, after.until, after.attempts), ("", 0, 1))

    def test_once_more(self) -> None:
        """What leaves an end has another event id, and its attempts are counted anew."""
        for end in (DONE, FAILED):
            entry = self.queued(end.value)[-1]
            self.bring(entry.id, *REACH[end])
            self.journal.note(entry.id, attempts=5, is_aside=True, location=b"/aside")
            again = self.bring(entry.id, QUEUED)
            self.assertEqual((again.attempts, again.is_aside, again.location), (0, False, b""))
            self.assertNotEqual(again.event_id, entry.event_id)
            self.assertEqual(len(again.event_id), 32)

    def test_event_id_stays(self) -> None:
        """Until its end, an entry keeps its event id, over restarts too."""
        entry = self.queued("a")[0]
        self.bring(entry.id, UPLOADING, WAITING, HELD, QUEUED, UPLOADING)
        self.restart()
        self.bring(entry.id, UPLOADING, STORED, HOOK)
        self.restart()
        after = self.bring(entry.id, MOVING, DONE)
        self.assertEqual(after.event_id, entry.event_id)

    def test_note(self) -> None:
        """A note leaves the state, and since when it is in it, as they are."""
        entry = self.queued("a")[0]
        self.clock.advance(5)
        after = self.result(self.journal.note(entry.id, why="paused"))
        self.assertEqual((after.state, after.changed, after.why), (QUEUED, entry.changed, "paused"))
        self.assertEqual(self.entries(), [after])

    def test_unknown(self) -> None:
        """Entries that are not there, and facts that there are not, are errors."""
        for deferred in (self.journal.move(7, QUEUED), self.journal.note(7), self.journal.entry(7)):
            self.assertEqual(self.failureResultOf(deferred, UnknownEntry).value.id, 7)
        entry = self.queued("a")[0]
        self.failureResultOf(self.journal.move(entry.id, UPLOADING, size=3), TypeError)
        self.failureResultOf(self.journal.note(entry.id, state="done"), TypeError)
        error = self.failureResultOf(self.journal.move(entry.id, UPLOADING, event_id=""), TypeError)
        self.assertIn("about an entry: event_id", str(error.value))
        self.assertEqual(self.entries(), [entry])

    def test_signal(self) -> None:
        """Every change is notified, with the entry before and after, and before its Deferred."""
        entry = self.queued("a")[0]
        self.assertEqual(self.changes, [(None, SEEN), (SEEN, QUEUED)])
        self.changes.clear()
        order: list[str] = []
        self.journal.changed.register(lambda before, after: order.append(after.state.value))
        self.journal.move(entry.id, UPLOADING).addCallback(lambda moved: order.append("moved"))
        self.assertEqual((self.changes, order), ([(QUEUED, UPLOADING)], ["uploading", "moved"]))
        self.failureResultOf(self.journal.move(entry.id, DONE))
        self.assertEqual(order, ["uploading", "moved"])


class ListTests(JournalTestCase):
    """Reading."""

    def test_pages(self) -> None:
        """Entries are listed in the order of their numbers, a page at a time."""
        for folder in ("b", "a"):
            self.queued(*(f"{number}" for number in range(5)), folder=folder)
        every = self.entries()
        self.assertEqual([entry.id for entry in every], list(range(1, 11)))
        self.bring(2, FAILED)
        self.bring(7, FAILED)
        self.bring(8, UPLOADING)
        listed = self.journal.entries
        self.assertEqual(
            [entry.id for entry in self.result(listed({FAILED, UPLOADING}))], [2, 7, 8]
        )
        self.assertEqual([entry.id for entry in self.result(listed(None, "a", 7))], [8, 9, 10])
        self.assertEqual([entry.id for entry in self.result(listed(None, "b"))], [1, 2, 3, 4, 5])
        self.assertEqual(
            [entry.id for entry in self.result(listed({QUEUED}, None, 3, 4))], [4, 5, 6, 9]
        )
        self.assertEqual([entry.id for entry in self.result(listed(limit=2, after=8))], [9, 10])
        self.assertEqual(self.result(listed(())), [])

    def test_counts(self) -> None:
        """Each folder's entries are counted by state."""
        self.assertEqual(self.result(self.journal.counts()), {})
        self.queued("a", "b", "c", folder="one")
        self.queued("a", folder="two")
        self.bring(1, FAILED)
        self.assertEqual(
            self.result(self.journal.counts()), {"one": {QUEUED: 2, FAILED: 1}, "two": {QUEUED: 1}}
        )

    def test_names(self) -> None:
        """A path may have any bytes; its name is printable."""
        path = b"new\nline\xff\xc3\xa4"
        self.observe(seen(os.fsdecode(path)))
        (entry,) = self.entries()
        self.assertEqual((entry.path, entry.name), (path, "new\\nline\\xffä"))


class OwnerTests(JournalTestCase):
    """Opening and closing."""

    def test_one_owner(self) -> None:
        """A second owner is told the first one's process; after close() it may open it."""
        second = Journal.open(self.state, reactor=self.clock)
        error = self.failureResultOf(second, AlreadyRunning).value
        self.assertEqual(error.pid, os.getpid())
        self.assertIn(f"pid {os.getpid()}", str(error))
        self.restart()

    def test_private(self) -> None:
        """Nobody else may read the journal."""
        modes = {
            name: os.stat(os.path.join(self.state, name)).st_mode & 0o777
            for name in ("", *os.listdir(self.state))
        }
        self.assertEqual(modes.pop(""), 0o700)
        self.assertEqual(set(modes), {"journal", "journal-wal", "journal-shm", "lock"})
        self.assertEqual(set(modes.values()), {0o600})

    def test_closed(self) -> None:
        """A journal that is closed is not available; what was asked for before is done."""
        entry = self.queued("a")[0]
        moved = self.journal.move(entry.id, UPLOADING)
        self.result(self.journal.close())
        self.result(moved)
        for deferred in (
            self.journal.entry(entry.id),
            self.journal.checkpoint(),
            self.journal.observe("scans", [seen("b")]),
        ):
            self.failureResultOf(deferred, JournalUnavailable)
        self.result(self.journal.close())

    def test_nothing_uploads_at_first(self) -> None:
        """What was being uploaded when the journal was closed is queued when it is opened."""
        self.queued("a", "b")
        self.result(self.journal.take("scans", 1))
        self.assertEqual(self.states(), {"a": "uploading", "b": "queued"})
        self.clock.advance(9)
        self.restart()
        self.assertEqual(self.states(), {"a": "queued", "b": "queued"})
        self.assertEqual(self.entries()[0].changed, self.now())
