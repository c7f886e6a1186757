"""Tests for room that is promised."""

from __future__ import annotations

from random import Random

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.store.room import Room


class RoomTests(SynchronousTestCase):
    """Promises."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.room = Room(self.clock.seconds)

    def test_promises(self) -> None:
        """What was promised and is not written yet counts, until it is forgotten."""
        self.room.promise("a", 10)
        self.room.promise("b", 20)
        self.room.written("a", 4)
        self.assertEqual(self.room.promised(), 26)
        self.room.promise("a", 1)
        self.assertEqual(self.room.promised(), 21)
        self.room.forget("b")
        self.room.forget("c")
        self.room.written("c", 5)
        self.assertEqual(self.room.promised(), 1)
        self.room.written("a", 1)
        self.assertEqual(self.room.promised(), 0)

    def test_not_added_up_anew(self) -> None:
        """It takes as long to ask what is promised to many as to few."""
        added: list[int] = []

        class Size(int):
            def __radd__(self, other: int) -> int:
                added.append(other)
                return int(self) + other

        for number in range(100):
            self.room.promise(f"{number}", Size(number))
        added.clear()
        self.assertEqual(self.room.promised(), 4950)
        self.assertEqual(added, [])

    def test_any_order(self) -> None:
        """Whatever comes in whatever order, those count that were active lately."""
        random = Random(1)
        promises: dict[str, tuple[int, float]] = {}
        for _ in range(5000):
            key, size, now = random.choice("abcdefgh"), random.randrange(100), self.clock.seconds()
            act = random.choice(("promise", "written", "forget", "wait"))
            if act == "promise":
                self.room.promise(key, size)
                promises[key] = size, now
            elif act == "written":
                self.room.written(key, size)
                if key in promises:
                    promises[key] = promises[key][0] - size, now
            elif act == "forget":
                self.room.forget(key)
                promises.pop(key, None)
            else:
                self.clock.advance(size * 5)
            now = self.clock.seconds()
            wanted = sum(left for left, since in promises.values() if now - since <= 900)
            self.assertEqual(self.room.promised(), wanted)

    def test_idle(self) -> None:
        """A promise to one that was idle for more than a quarter of an hour does not count."""
        self.room.promise("a", 10)
        self.clock.advance(600)
        self.room.written("a", 1)
        self.clock.advance(900)
        self.assertEqual(self.room.promised(), 9)
        self.clock.advance(1)
        self.assertEqual(self.room.promised(), 0)
        self.room.written("a", 1)
        self.assertEqual(self.room.promised(), 8)

    def test_clock_set_back(self) -> None:
        """A clock that is set back prolongs a promise by no more than its time."""
        self.room.promise("a", 10)
        self.clock.rightNow -= 500
        self.assertEqual(self.room.promised(), 10)
        self.clock.advance(901)
        self.assertEqual(self.room.promised(), 0)
