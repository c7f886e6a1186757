"""
What is read and written together, durably.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Union
from uuid import uuid4

from attrs import define, evolve, field

from ..entry import Entry, Version
from ..errors import ImpossibleTransition, UnknownEntry
from ..state import ENDS, NEXT_PUSH_STATES, SEEN, SETTLING, PushState
from .rows import COLUMNS, FACTS, entry_of, key_of

__all__ = ["Change", "Transaction", "new_event_id"]

Change = tuple[Union[Entry, None], Entry]
"""An entry before, or nothing, and after."""

_QUEUED_AGAIN: Mapping[str, Any] = {"attempts": 0, "is_aside": False, "location": b""}


@define
class Transaction:
    """
    A transaction of the database.

    What is done in one checks all that it can before it writes: an exception of its own, such as
    :exc:`ImpossibleTransition`, means that it has written nothing.

    :ivar connection: where to execute statements.
    :ivar now: seconds since 1970.
    :ivar seconds: monotonic time.
    :ivar changes: what has changed so far.
    """

    connection: sqlite3.Connection
    now: float
    seconds: float
    changes: list[Change] = field(factory=list)

    def entry(self, id: int) -> Entry:
        """
        An entry.

        :raises UnknownEntry: if there is none with that number.
        """
        found = self.connection.execute(f"SELECT {COLUMNS} FROM entries WHERE id = ?", (id,))
        row = found.fetchone()
        if row is None:
            raise UnknownEntry(id)
        return entry_of(row)

    def move(
        self,
        before: Entry,
        to: PushState,
        facts: Mapping[str, Any],
        way: tuple[PushState, ...] = (),
    ) -> Entry:
        """
        Bring an entry into another state.  Why it was in the old one, and until when, is
        forgotten; one that leaves an end gets new event ids, and its attempts are counted anew.

        :param before: the entry.
        :param to: the state.
        :param facts: what else to write down: :data:`FACTS`.
        :param way: the states that it goes through, in which nothing is to be done.
        :raises ImpossibleTransition: if one cannot follow the other.
        """
        _check(facts)
        at = before.state
        for state in (*way, to):
            if state not in NEXT_PUSH_STATES[at]:
                raise ImpossibleTransition(before, state)
            at = state
        values = {"state": to, "changed": self.now, "why": "", "until": 0.0, **facts}
        if before.state in ENDS:
            values = {"event_id": new_event_id(), **_QUEUED_AGAIN, **values}
        return self._write(before, values)

    def note(self, before: Entry, facts: Mapping[str, Any]) -> Entry:
        """
        Write down facts about an entry.

        :param before: the entry.
        :param facts: :data:`FACTS`.
        """
        _check(facts)
        return self._write(before, dict(facts))

    def insert(self, folder: str, path: bytes, version: Version) -> Entry:
        """
        Add an entry, which was seen just now.

        :param folder: the name of the folder's settings.
        :param path: of the file, relative to the folder.
        :param version: which one.
        """
        event_id, now, key = new_event_id(), self.now, key_of(version)
        added = self.connection.execute(_INSERT, (folder, path, *key, event_id, now, now))
        facts = (SEEN.value, "", event_id, 0, "", 0.0, now, now, 0, "", "", b"", 0)
        entry = entry_of((added.lastrowid, folder, path, *key, *facts))
        self.changes.append((None, entry))
        return entry

    def grow(self, before: Entry, version: Version) -> Entry:
        """
        Give an entry of which nothing was sent yet, or which is held, another version.

        :param before: the entry.
        :param version: what its path is now.
        """
        state = SETTLING if before.state is SEEN else before.state
        key = key_of(version)
        self.connection.execute(_GROW, (*key, state.value, self.now, before.id))
        after = evolve(
            before, version=version, state=state, changed=self.now, identifier="", digest=""
        )
        self.changes.append((before, after))
        return after

    def _write(self, before: Entry, values: dict[str, Any]) -> Entry:
        after = evolve(before, **values)
        if "until" in values:
            # It never ends later than this from now, however the clock is set meanwhile.
            values["pause"] = max(0.0, after.until - self.now)
        if "state" in values:
            values["state"] = after.state.value
        columns = " = ?, ".join(values)
        self.connection.execute(
            f"UPDATE entries SET {columns} = ? WHERE id = ?", (*values.values(), before.id)
        )
        self.changes.append((before, after))
        return after


_INSERT = """
    INSERT INTO entries (folder, path, inode, size, mtime_ns, state, event_id, seen, changed)
    VALUES (?, ?, ?, ?, ?, 'seen', ?, ?, ?)
"""
_GROW = """
    UPDATE entries SET inode = ?, size = ?, mtime_ns = ?, state = ?, changed = ?,
    identifier = '', digest = '' WHERE id = ?
"""


def new_event_id() -> str:
    """What hooks know one delivery by."""
    return uuid4().hex


def _check(facts: Mapping[str, Any]) -> None:
    if not FACTS.issuperset(facts):
        raise TypeError(f"no facts about an entry: {', '.join(sorted(facts.keys() - FACTS))}")
