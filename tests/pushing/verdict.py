"""
What came of a round.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from pathlib import Path

from .content import digest_of
from .producer import KINDS, Producer

__all__ = ["Verdict"]


class Verdict:
    """
    Looks at what is left when all processes have ended.

    :ivar faults: what is not as it should be.
    :ivar counts: figures.
    """

    def __init__(self, base: Path, producer: Producer, *, is_journal_whole: bool) -> None:
        self.faults: list[str] = []
        self.counts: Counter[str] = Counter()
        self._base = base
        self._producer = producer
        received = self._digests("received")
        self._look_at_received(received)
        self._look_at_folders(received)
        self._look_at_journal(is_journal_whole)

    def _digests(self, name: str) -> Counter[str]:
        """What lies in a folder, by content."""
        found: Counter[str] = Counter()
        for folder, folders, files in os.walk(os.fsencode(self._base / name)):
            if name == "received":  # what is the receiver's own
                folders[:] = [each for each in folders if not each.startswith(b".")]
            for file in files:
                with open(os.path.join(folder, file), "rb") as opened:
                    found[digest_of(opened.read())] += 1
        return found

    def _look_at_received(self, received: Counter[str]) -> None:
        """Every file is there as it was at last, once, and nothing that never was."""
        producer = self._producer
        for number, digest in producer.final.items():
            kind = KINDS[number % len(KINDS)]
            times = received[digest]
            # One that is written over just as it is taken away is there twice.
            if times != 1 and (times == 0 or kind != "rewritten"):
                self.faults.append(f"file {number}, {kind}, was received {times} times")
        known = {*producer.final.values(), *producer.passing}
        unknown = [digest for digest in received if digest not in known]
        if unknown:
            self.faults.append(f"{len(unknown)} files were received that never were")
        self.counts["versions received"] = sum(received.values())
        passing = sum(received[digest] for digest in producer.passing)
        self.counts["of these, versions that were replaced after that"] = passing

    def _look_at_folders(self, received: Counter[str]) -> None:
        """Nothing is left, and what was moved is at the receiver."""
        for name in ("deleted", "moved", "failed"):
            left = sum(self._digests(name).values())
            if left:
                self.faults.append(f"{left} files are left in {name!r}")
        moved = self._digests("sent")
        for digest in moved:
            if digest not in received:
                self.faults.append("a file was moved that was not received")
        for number, digest in self._producer.final.items():
            if number % 2 == 1 and not moved[digest]:
                self.faults.append(f"file {number} was not moved")
        self.counts["files moved"] = sum(moved.values())

    def _look_at_journal(self, is_whole: bool) -> None:
        """
        Each version has come to an end, and each that was sent was reported by one id; one of which
        the journal lost what it knew may be reported again, by another.
        """
        with sqlite3.connect(self._base / "state" / "journal") as journal:
            [[verdict]] = journal.execute("PRAGMA integrity_check").fetchall()
            if verdict != "ok":
                self.faults.append(f"the journal is damaged: {verdict}")
            rows = journal.execute("SELECT state, event_id FROM entries").fetchall()
        states = Counter(state for state, _ in rows)
        for state in states:
            if state not in ("done", "changed", "gone"):
                self.faults.append(f"{states[state]} versions are {state}")
        reported = Counter(
            json.loads(line)["id"] for line in (self._base / "hooks").read_text().splitlines()
        )
        sent = {event for state, event in rows if state == "done"}
        if len(sent) != states["done"]:
            self.faults.append("two versions have one id")
        if not sent <= set(reported) or (is_whole and sent != set(reported)):
            count, more = len(sent - set(reported)), len(set(reported) - sent)
            self.faults.append(f"{count} versions were not reported, and {more} wrongly")
        self.counts["versions sent"] = states["done"]
        self.counts["versions that changed before they were sent"] = states["changed"]
        self.counts["hooks run again"] = sum(reported.values()) - len(reported)
