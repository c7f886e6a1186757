"""
Changes that are made durable together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.trial.unittest import SynchronousTestCase

from txresumable.push.journal.database import Round
from txresumable.push.journal.group_commit import LARGEST, GroupCommit


class GroupCommitTests(SynchronousTestCase):
    """Rounds."""

    def setUp(self) -> None:
        self.rounds: list[tuple[list[Any], Deferred[Round]]] = []
        self.log: list[Any] = []
        self.commits = GroupCommit(self.write, lambda changes: self.log.append(list(changes)))

    def write(self, works: Sequence[Any]) -> Deferred[Round]:
        """A round begins."""
        self.rounds.append((list(works), Deferred()))
        return self.rounds[-1][1]

    def add(self, name: Any, size: int = 1) -> Deferred[Any]:
        """Have a part made; what becomes of it is logged."""
        return self.commits.add(name, size).addBoth(lambda result: self.log.append((name, result)))

    def end(self, *changes: Any) -> list[Any]:
        """The round that is being written ends. :returns: its parts."""
        works, done = self.rounds.pop(0)
        done.callback(Round([f"{work} done" for work in works], changes))
        return works

    def test_together(self) -> None:
        """What is asked for while a round is written is in the next one, in order."""
        for name in "abc":
            self.add(name)
        self.assertEqual(self.end(), ["a"])
        self.assertEqual(self.log, [("a", "a done")])
        self.add("d")
        self.assertEqual(self.end(), ["b", "c"])
        self.assertEqual(self.end(), ["d"])
        self.assertEqual([name for name, _ in self.log], ["a", "b", "c", "d"])
        self.assertEqual(self.rounds, [])

    def test_changes_first(self) -> None:
        """Changes are notified before those who wait for them; no changes are not."""
        self.add("a")
        self.end("x", "y")
        self.add("b")
        self.end()
        self.assertEqual(self.log, [["x", "y"], ("a", "a done"), ("b", "b done")])

    def test_size(self) -> None:
        """A round is not larger than one turn of the reactor takes, but a part is not divided."""
        self.add("first")
        self.add("large", LARGEST - 1)
        self.add("small")
        self.add("more")
        self.add("too large", LARGEST + 1)
        self.add("last")
        found = [self.end() for _ in range(5)]
        self.assertEqual(found, [["first"], ["large", "small"], ["more"], ["too large"], ["last"]])

    def test_failed(self) -> None:
        """If a round fails as a whole, so do its parts, and the next one is written."""
        self.add("a")
        self.add("b")
        self.rounds.pop(0)[1].errback(ReactorNotRunning())
        self.log[0][1].trap(ReactorNotRunning)
        self.assertEqual(self.end(), ["b"])

    def test_asked_from_inside(self) -> None:
        """Who is notified may ask for more, which comes after what was there."""
        self.commits.add("a", 1).addCallback(lambda _: self.add("c"))
        self.add("b")
        self.end()
        self.assertEqual(self.end(), ["b", "c"])

    def test_cancelled(self) -> None:
        """A part whose waiter has cancelled it is written all the same."""
        self.add("a")
        self.add("b").cancel()
        self.add("c")
        self.end()
        self.assertEqual(self.end(), ["b", "c"])
        self.assertEqual([name for name, _ in self.log], ["b", "a", "c"])

    def test_idle(self) -> None:
        """It is idle when nothing waits; at once, if nothing does."""
        self.successResultOf(self.commits.idle())
        self.add("a")
        self.add("b")
        idle = self.commits.idle()
        self.end()
        self.assertNoResult(idle)
        self.end()
        self.successResultOf(idle)
        self.assertEqual([name for name, _ in self.log], ["a", "b"])
