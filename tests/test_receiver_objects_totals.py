from __future__ import annotations

from random import Random
from weakref import ref

from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import Chunk
from txresumable.receiver.objects.totals import UnfinishedTotals
from txresumable.receiver.store.record import Record


class _Key(str):
    """A text of which it is known when nobody needs it any more."""


def record(owner: str, size: int) -> Record:
    layout = ChunkLayout(size, 10)
    return Record.of(
        owner, Chunk(identifier="id", offset=0, layout=layout, file_name="file"), "file"
    )


class TotalsTests(SynchronousTestCase):
    """How many uploads an owner has that are not finished."""

    def test_of(self) -> None:
        """Each owner's are counted, without the one that is asked for."""
        totals = UnfinishedTotals()
        for key, owner, size in (("a", "x", 1), ("b", "x", 20), ("c", "y", 300)):
            totals.add(key, record(owner, size))
        self.assertEqual(
            (len(totals), totals.of("x", ""), totals.of("y", "")), (3, (2, 21), (1, 300))
        )
        self.assertEqual((totals.of("x", "a"), totals.of("x", "c")), ((1, 20), (2, 21)))
        totals.add("a", record("y", 4000))
        totals.forget("c")
        totals.forget("c")
        self.assertEqual((totals.of("x", ""), totals.of("y", "")), ((1, 20), (1, 4000)))

    def test_recount(self) -> None:
        """What is found counts, and what began or ended meanwhile does as well."""
        totals = UnfinishedTotals()
        totals.add("elsewhere", record("x", 1))
        totals.add("still", record("x", 2))
        with totals.recount() as found:
            found["still"] = found["over"] = ("x", 30)
            found["others"] = ("x", 400)
            totals.forget("over")
            totals.add("new", record("x", 5000))
            self.assertEqual(len(totals), 3)
        self.assertEqual(totals.of("x", ""), (3, 5430))

    def test_failed(self) -> None:
        """A count that fails changes nothing; nor does it the one that is under way."""
        totals = UnfinishedTotals()
        with totals.recount() as found:
            with self.assertRaises(ZeroDivisionError), totals.recount():
                totals.add("a", record("x", 1))
                totals.add("b", record("x", 2))
                raise ZeroDivisionError
            self.assertEqual(totals.of("x", ""), (2, 3))
            totals.forget("b")
            found["b"] = ("x", 2)
        self.assertEqual(totals.of("x", ""), (1, 1))

    def test_forgotten(self) -> None:
        """What is over is not kept, whether they are ever counted anew or not."""
        totals = UnfinishedTotals()
        with totals.recount():
            pass
        key = _Key("key")
        totals.add(key, record("x", 1))
        totals.forget(key)
        known = ref(key)
        del key
        self.assertIsNone(known())

    def test_any_order(self) -> None:
        """Whatever begins and ends, the totals are those of what is there."""
        random, totals, there = Random(1), UnfinishedTotals(), dict[str, tuple[str, int]]()
        for _ in range(2000):
            key, owner = random.choice("abcdef"), random.choice("xyz")
            if random.random() < 0.5:
                totals.forget(key)
                there.pop(key, None)
            else:
                there[key] = (owner, random.randrange(1, 100))
                totals.add(key, record(*there[key]))
            sizes = [size for whose, size in there.values() if whose == owner]
            self.assertEqual(totals.of(owner, ""), (len(sizes), sum(sizes)))
