from __future__ import annotations

from random import Random

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.objects.memory import Holding, Memory


class MemoryTests(SynchronousTestCase):
    """Chunks that arrive at the same time stay within a bound, and none waits for ever."""

    def waits(self, holding: Holding) -> Deferred[None]:
        """Begin a chunk that there is no room for."""
        waiting = holding.begin()
        assert waiting is not None
        self.assertNoResult(waiting)
        return waiting

    def test_below(self) -> None:
        """While there is room for all of a chunk nobody waits."""
        memory = Memory(20)
        first, second = memory.hold(10), memory.hold(10)
        self.assertIsNone(first.begin())
        self.assertIsNone(second.begin())
        self.assertIsNone(first.begin())
        self.assertEqual(memory.taken, 20)
        first.release()
        first.release()
        self.assertEqual(memory.taken, 10)

    def test_nothing_arrives(self) -> None:
        """A chunk of which nothing arrives takes no room."""
        memory = Memory(10)
        idle = memory.hold(10)
        self.assertIsNone(memory.hold(10).begin())
        idle.release()
        self.assertEqual(memory.taken, 10)

    def test_above(self) -> None:
        """Others wait for it, in their order, and those that began go on."""
        memory = Memory(10)
        chunks = [memory.hold(size) for size in (4, 6, 6, 4)]
        self.assertIsNone(chunks[0].begin())
        self.assertIsNone(chunks[1].begin())
        third, fourth = map(self.waits, chunks[2:])
        chunks[0].release()
        self.assertNoResult(third)
        self.assertNoResult(fourth)
        chunks[1].release()
        self.successResultOf(third)
        self.successResultOf(fourth)
        self.assertEqual(memory.taken, 10)

    def test_larger(self) -> None:
        """A chunk that is larger than all of the memory is alone."""
        memory = Memory(10)
        first, large, last = memory.hold(1), memory.hold(30), memory.hold(1)
        first.begin()
        waiting, behind = self.waits(large), self.waits(last)
        first.release()
        self.successResultOf(waiting)
        self.assertNoResult(behind)
        large.release()
        self.successResultOf(behind)

    def test_abandoned(self) -> None:
        """Who waits and is abandoned waits no more, and holds nothing; the next one is next."""
        memory = Memory(10)
        first, second, third = memory.hold(5), memory.hold(8), memory.hold(5)
        first.begin()
        waiting, behind = self.waits(second), self.waits(third)
        second.release()
        self.successResultOf(waiting)
        self.successResultOf(behind)
        self.assertEqual(memory.taken, 10)
        self.assertIsNone(third.begin())

    def test_slow(self) -> None:
        """Slow clients, however many there are, are served as many at a time as there is room."""
        memory = Memory(8)
        chunks = [memory.hold(2) for _ in range(20)]
        waiting = [chunk.begin() for chunk in chunks]
        for at in range(4, 20, 4):
            self.assertEqual(sum(each is None or each.called for each in waiting), at)
            for chunk in chunks[at - 4 : at]:
                chunk.release()

    def test_any_order(self) -> None:
        """Whatever arrives in which order, all end, and never more than there is room for."""
        for seed in range(200):
            random = Random(seed)
            memory, most = Memory(40), 0
            left = {memory.hold(size): size for size in random.choices((0, 5, 20, 60), k=10)}
            waiting: dict[Holding, Deferred[None] | None] = {}
            for _ in range(10_000):
                able = [each for each in left if (held := waiting.get(each)) is None or held.called]
                if not able:
                    break
                holding = random.choice(able)
                if not left[holding] or random.random() < 0.02:
                    holding.release()
                    del left[holding]
                    continue
                left[holding] -= 5
                waiting[holding] = holding.begin()
                most = max(most, memory.taken)
            self.assertEqual((left, memory.taken), ({}, 0), seed)
            self.assertLessEqual(most, 60)
