"""
The world around the processes, and what must hold in it.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.task import Clock
from twisted.python.failure import Failure

from txresumable.push import Entry, PushState
from txresumable.push.journal.queue import ORDERS

from .folder import Folder, Ledger, Wrong
from .life import Life, check_transition

__all__ = ["Simulation", "Wrong", "simulate"]

TODAY = 1_800_000_000.0
PATHS = (b"a", b"b", b"c\xff\n", b"d/e")
OPERATOR = (PushState.HELD, PushState.QUEUED, PushState.FAILED)
LONGEST = 7200.0
"""Simulated seconds within which everything is done once nothing goes wrong any more."""


def simulate(seed: int, state: str, note: Callable[[str], None] | None = None) -> Counter[str]:
    """
    Run a simulation.

    :param seed: what it follows from.
    :param state: a folder for the journal, which does not exist.
    :param note: told line by line what happens.
    :returns: what happened how often.
    :raises Wrong: if something happened that must not.
    """
    return Simulation(seed, state, note).run()


class Simulation:
    """
    The world of a seed.

    :ivar random: where all that happens comes from.
    :ivar folder: what is watched.
    :ivar ledger: what was done.
    :ivar is_full: whether the journal's disk is full.
    """

    def __init__(self, seed: int, state: str, note: Callable[[str], None] | None) -> None:
        self.random = random = Random(seed)
        self.clock = Clock()
        self.state = state
        self.ledger = Ledger()
        self.folder = Folder(random, self.ledger.returned)
        self.is_full = False
        self.counted: Counter[str] = Counter()
        self.settle = random.choice((0.0, 2.0, 10.0))
        self.after = random.choice(("keep", "delete"))
        self.has_aside = random.random() < 0.5
        self.window = random.choice((1, 2, 4))
        self.order = random.choice(list(ORDERS))
        self._kills = random.choice((0.0, 0.02, 0.05, 0.1))
        self._failures = random.choice((0.0, 0.2, 0.5))
        self._today = TODAY
        self._note = note
        self._wrong: list[str] = []
        self._is_calm = False
        self._were_away: set[Any] = set()
        self._life: Life | None = None

    # For the processes -------------------------------------------------------------------------

    def now(self) -> float:
        """The clock on the wall."""
        return self._today + self.clock.seconds()

    def say(self, line: str) -> None:
        """Tell what happens."""
        if self._note is not None:
            self._note(f"{self.clock.seconds():9.3f}  {line}")

    def chance(self, where: str, weight: float = 1.0) -> bool:
        """Whether the process is killed here."""
        return not self._is_calm and self.random.random() < self._kills * weight

    def fails(self) -> bool:
        """Whether the server, or a hook, fails."""
        return not self._is_calm and self.random.random() < self._failures

    def failed(self, failure: Failure) -> None:
        """Something in a process failed."""
        self._wrong.append(
            failure.getTraceback() if not failure.check(Wrong) else str(failure.value)
        )

    def killed(self, where: str, at_work: set[int]) -> None:
        """The process was killed: what it had done and not written down is done again."""
        self.say(f"killed {where}")
        self.counted["kills"] += 1
        self.counted[f"kills {where}"] += 1
        for id in at_work:
            entry = self.ledger.states.get(id)
            if entry is not None and entry.state is PushState.UPLOADING:
                self.ledger.excuse(entry)
            elif entry is not None and entry.state is PushState.HOOK:
                self.ledger.excuse_hook(entry)
        self.clock.callLater(self.random.choice((0.0, 1.0, 30.0)), self._begin)

    def note_change(self, before: Entry | None, after: Entry) -> None:
        """The journal has made something durable."""
        check_transition(before, after)
        known = self.ledger.states.get(after.id)
        if known != before:
            raise Wrong(f"the journal goes from {before} and was at {known}")
        self.ledger.states[after.id] = after
        key = after.path, after.version
        self.say(f"{after.name} {after.version.size} is {after.state.value} {after.why}")
        if after.state is PushState.STORED:
            self.ledger.durable.add(key)
        if before is not None and before.state is not after.state:
            self.counted["transitions"] += 1
            if before.state in (PushState.DONE, PushState.FAILED):
                self._allow_again(after)
            elif before.state is PushState.UPLOADING and after.state is not PushState.STORED:
                self.ledger.excuse(after)  # an operator took it away from its upload

    def compare(self, life: Life) -> None:
        """A process has opened the journal: what was durable is in it, and nothing else."""
        connection = life.journal._possession.database._connection
        assert connection is not None
        rows = dict(connection.execute("SELECT id, state FROM entries").fetchall())
        for id, entry in list(self.ledger.states.items()):
            state = "queued" if entry.state is PushState.UPLOADING else entry.state.value
            if id not in rows and entry.state in ENDS:
                del self.ledger.states[id]  # forgotten
            elif rows.pop(id, None) != state:
                raise Wrong(f"{entry} was durable, and is {rows.get(id)} after a restart")
        if rows:
            raise Wrong(f"nobody was notified of {rows}")
        for entry in life.journal._possession.database.write([_everything]).results[0]:
            self.ledger.states[entry.id] = entry

    def _allow_again(self, entry: Entry) -> None:
        key = entry.path, entry.version
        self.ledger.durable.discard(key)
        self.ledger.excuse(entry)

    # What happens ------------------------------------------------------------------------------

    def run(self) -> Counter[str]:
        """All of it."""
        self._begin()
        for _ in range(self.random.choice((5, 15, 30))):
            self._advance(self.random.choice((0.0, 0.5, 3.0, 10.0)))
            self.random.choice(self._acts)(self, self.random.choice(PATHS))
        self._calm()
        began = self.clock.seconds()
        while not self._is_done():
            if self.clock.seconds() - began > LONGEST:
                raise Wrong(f"stuck: {self._rows()}, {self.folder.files}")
            self._release()
            self._advance(10.0)
        self._check_end()
        self.counted["schedules"] += 1
        return self.counted

    def _begin(self) -> None:
        self._life = Life(self)

    def _advance(self, seconds: float) -> None:
        until = self.clock.seconds() + seconds
        while True:
            calls = self.clock.getDelayedCalls()
            if not calls or calls[0].getTime() > until:
                break
            self.clock.advance(max(0.0, calls[0].getTime() - self.clock.seconds()))
            if self._wrong:
                raise Wrong(self._wrong[0])
        self.clock.advance(until - self.clock.seconds())

    def _create(self, path: bytes) -> None:
        self.say(f"{path!r} is created")
        self.folder.create(path)

    def _grow(self, path: bytes) -> None:
        self._create(path)
        for number in range(1, 4):
            self.clock.callLater(number * 1.5, self.folder.write, path)

    def _rename_in(self, path: bytes) -> None:
        self._create(path)
        if self._life is not None and not self._life.is_over:
            self._life.notice(path)

    def _write(self, path: bytes) -> None:
        self.say(f"{path!r} is written to")
        self.folder.write(path)

    def _delete(self, path: bytes) -> None:
        self.say(f"{path!r} is deleted by somebody")
        self.folder.delete(path)

    def _rename(self, path: bytes) -> None:
        new_path = self.random.choice(PATHS)
        self.say(f"{path!r} is renamed to {new_path!r}")
        self.folder.rename(path, new_path)
        self._were_away |= self.ledger.returned

    def _away(self, path: bytes) -> None:
        self.say(f"{path!r} is moved away")
        self.folder.move_away(path)
        self._were_away |= self.ledger.returned
        self.clock.callLater(self.random.choice((1.0, 15.0)), self.folder.move_back, path)

    def _operate(self, path: bytes) -> None:
        known = list(self.ledger.states)
        if known and self._life is not None and not self._life.is_over:
            what = self.random.choice(OPERATOR)
            self._life.spawn(self._life.operate(self.random.choice(known), what))

    def _set_clock(self, path: bytes) -> None:
        self._today += self.random.choice((-3600.0, 3600.0))
        self.say("the clock is set")

    def _fill(self, path: bytes) -> None:
        self.is_full = True
        self.say("the disk is full")
        self.clock.callLater(self.random.choice((0.2, 5.0)), self._make_room)

    def _make_room(self) -> None:
        self.is_full = False

    def _kill(self, path: bytes) -> None:
        if self._life is not None and not self._life.is_over and self._kills:
            self._life.kill("at some time")

    _acts: tuple[Callable[[Simulation, bytes], None], ...] = (
        *(_create,) * 5,
        *(_grow,) * 3,
        *(_rename_in,) * 3,
        *(_write,) * 3,
        _delete,
        _rename,
        _away,
        *(_operate,) * 4,
        _set_clock,
        _fill,
        *(_kill,) * 2,
    )

    # How it ends -------------------------------------------------------------------------------

    def _calm(self) -> None:
        self.say("nothing goes wrong any more")
        self._is_calm = True
        self.is_full = False
        self._advance(30.0)

    def _rows(self) -> list[Entry]:
        assert self._life is not None
        return self._life.journal._possession.database.write([_everything]).results[0]

    def _release(self) -> None:
        """Operators let go of what they hold, and have what failed tried again."""
        assert self._life is not None
        for entry in self._rows():
            if entry.state in (PushState.HELD, PushState.FAILED):
                self._life.spawn(self._life.operate(entry.id, PushState.QUEUED))

    def _is_done(self) -> bool:
        rows = self._rows()
        if any(entry.state not in ENDS or entry.state is PushState.FAILED for entry in rows):
            return False
        done = {(each.path, each.version) for each in rows if each.state is PushState.DONE}
        left = {(path, file.version) for path, file in self.folder.files.items()}
        if self.after == "delete":
            # What was away as it was to be deleted stays: it is known, and was stored.
            return left <= done & self._were_away
        return left <= done

    def _check_end(self) -> None:
        for path, file in self.folder.files.items():
            if self.ledger.stored.get((path, file.version)) != file.content:
                raise Wrong(f"{path!r} is not at the server")
        rows = self._rows()
        for entry in rows:
            if entry.state is PushState.DONE and not self.ledger.hooks.get(entry.event_id):
                raise Wrong(f"{entry.name} was never reported")
        if len({entry.event_id for entry in rows}) < len(rows):
            raise Wrong("two entries have the same event id")
        assert self._life is not None
        self._life._possession.drop()
        self._life.is_over = True
        with sqlite3.connect(os.path.join(self.state, "journal")) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
        connection.close()
        if verdict != "ok":
            raise Wrong(f"the journal is damaged: {verdict}")
        self.counted["uploads"] += sum(self.ledger.sent.values())
        self.counted["repeated uploads"] += sum(number - 1 for number in self.ledger.sent.values())
        self.counted["reports"] += sum(self.ledger.hooks.values())
        self.counted["deletions"] += self.ledger.deleted


ENDS = {PushState.DONE, PushState.CHANGED, PushState.GONE, PushState.FAILED}


def _everything(transaction: Any) -> list[Entry]:
    from txresumable.push.journal.listing import list_entries

    return list_entries(transaction, None, None, 0, 100_000)
