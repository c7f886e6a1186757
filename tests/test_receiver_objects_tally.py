from __future__ import annotations

from random import Random
from weakref import ref

from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import Chunk
from txresumable.receiver.objects.tally import Tally
from txresumable.receiver.store.record import Record


class _Key(str):
    """A text of which it is known when nobody needs it any more."""


def record(owner: str, size: int) -> Record:
    layout = ChunkLayout(size, 10)
    return Record.of(
        owner, Chunk(identifier="id", offset=0, layout=layout, file_name="file"), "file"
    )


class TallyTests(SynchronousTestCase):
    """How many uploads an owner has that are not finished."""

    def test_of(self) -> None:
        """Each owner's are counted, without the one that is asked for."""
        tally = Tally()
        for key, owner, size in (("a", "x", 1), ("b", "x", 20), ("c", "y", 300)):
            tally.add(key, record(owner, size))
        self.assertEqual((len(tally), tally.of("x", ""), tally.of("y", "")), (3, (2, 21), (1, 300)))
        self.assertEqual((tally.of("x", "a"), tally.of("x", "c")), ((1, 20), (2, 21)))
        tally.add("a", record("y", 4000))
        tally.forget("c")
        tally.forget("c")
        self.assertEqual((tally.of("x", ""), tally.of("y", "")), ((1, 20), (1, 4000)))

    def test_recount(self) -> None:
        """What is found counts, and what began or ended meanwhile does as well."""
        tally = Tally()
        tally.add("elsewhere", record("x", 1))
        tally.add("still", record("x", 2))
        with tally.recount() as found:
            found["still"] = found["over"] = ("x", 30)
            found["others"] = ("x", 400)
            tally.forget("over")
            tally.add("new", record("x", 5000))
            self.assertEqual(len(tally), 3)
        self.assertEqual(tally.of("x", ""), (3, 5430))

    def test_failed(self) -> None:
        """A count that fails changes nothing; nor does it the one that is under way."""
        tally = Tally()
        with tally.recount() as found:
            with self.assertRaises(ZeroDivisionError), tally.recount():
                tally.add("a", record("x", 1))
                tally.add("b", record("x", 2))
                raise ZeroDivisionError
            self.assertEqual(tally.of("x", ""), (2, 3))
            tally.forget("b")
            found["b"] = ("x", 2)
        self.assertEqual(tally.of("x", ""), (1, 1))

    def test_forgotten(self) -> None:
        """What is over is not kept, whether they are ever counted anew or not."""
        tally = Tally()
        with tally.recount():
            pass
        key = _Key("key")
        tally.add(key, record("x", 1))
        tally.forget(key)
        known = ref(key)
        del key
        self.assertIsNone(known())

    def test_any_order(self) -> None:
        """Whatever begins and ends, the totals are those of what is there."""
        random, tally, there = Random(1), Tally(), dict[str, tuple[str, int]]()
        for _ in range(2000):
            key, owner = random.choice("abcdef"), random.choice("xyz")
            if random.random() < 0.5:
                tally.forget(key)
                there.pop(key, None)
            else:
                there[key] = (owner, random.randrange(1, 100))
                tally.add(key, record(*there[key]))
            sizes = [size for whose, size in there.values() if whose == owner]
            self.assertEqual(tally.of(owner, ""), (len(sizes), sum(sizes)))
