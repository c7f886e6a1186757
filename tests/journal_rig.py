"""
A journal in simulated time, and what lies in a folder.
"""

from __future__ import annotations

import os
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txresumable.push import Entry, Journal, JournalUnavailable, PushState, Seen, Version
from txresumable.push.state import UPLOADING

TODAY = 1_800_000_000.0

_T = TypeVar("_T")


def seen(path: str, size: int = 1, *, inode: int = 1, mtime_ns: int = 1, **marked: bool) -> Seen:
    """A file in the folder."""
    return Seen(os.fsencode(path), Version(inode, size, mtime_ns), **marked)


class JournalTestCase(SynchronousTestCase):
    """
    Tests of a journal without threads.

    ``clock`` is monotonic time, and ``today`` what is to be added to it for the clock on the wall.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.today = TODAY
        self.state = self.mktemp()
        self.changes: list[tuple[PushState | None, PushState]] = []
        self.notified: dict[int, Entry] = {}
        self.journal = self.open()

    def tearDown(self) -> None:
        """What is there is what was notified."""
        listed = self.journal.entries(limit=1_000_000)
        if isinstance(listed.result, Failure):
            self.failureResultOf(listed, JournalUnavailable)
        else:
            for entry in self.result(listed):
                self.assertEqual(entry, self.notified[entry.id])
        self.journal.close()

    def everything(self) -> list[Entry]:
        """All entries, however many."""
        return self.result(self.journal.entries(limit=1_000_000))

    def now(self) -> float:
        """The clock on the wall."""
        return self.today + self.clock.seconds()

    def open(self) -> Journal:
        """Open the journal."""
        journal = self.result(Journal.open(self.state, reactor=self.clock, now=self.now))
        journal.changed.register(self.noted)
        return journal

    def noted(self, before: Entry | None, after: Entry) -> None:
        """An entry has changed."""
        self.changes.append((before and before.state, after.state))
        if before is not None:
            assert before == self.notified[before.id]
        self.notified[after.id] = after

    def restart(self) -> None:
        """Close the journal and open it again."""
        self.result(self.journal.close())
        self.journal = self.open()
        for entry in self.everything():
            if self.notified[entry.id].state is UPLOADING:
                self.notified[entry.id] = entry  # it is queued, before anybody could be notified

    def result(self, deferred: Deferred[_T]) -> _T:
        """What it has fired with."""
        return self.successResultOf(deferred)

    def observe(self, *files: Seen, folder: str = "scans") -> Any:
        """Have files observed."""
        return self.result(self.journal.observe(folder, files))

    def queued(self, *paths: str, folder: str = "scans") -> list[Entry]:
        """Files that have settled."""
        self.observe(*(seen(path, is_marked=True) for path in paths), folder=folder)
        return self.entries()

    def entries(self, *states: PushState) -> list[Entry]:
        """Entries in some states, or all."""
        return self.result(self.journal.entries(states or None))

    def states(self) -> dict[str, str]:
        """The state of each path; of several versions, of all of them."""
        found: dict[str, str] = {}
        for entry in self.entries():
            known = found.get(entry.name)
            found[entry.name] = f"{known} {entry.state.value}" if known else entry.state.value
        return found

    def bring(self, id: int, *states: PushState) -> Entry:
        """Bring an entry from state to state."""
        entry = self.result(self.journal.entry(id))
        for state in states:
            entry = self.result(self.journal.move(id, state))
        return entry

    def scan(self, *files: Seen, folder: str = "scans") -> int:
        """A whole scan of a folder. :returns: how many vanished."""
        self.clock.advance(0.001)
        began = self.journal.seconds()
        self.observe(*files, folder=folder)
        return self.result(self.journal.vanished(folder, began))
