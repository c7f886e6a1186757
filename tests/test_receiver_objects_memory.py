from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.objects.memory import Holding, Memory


class MemoryTests(SynchronousTestCase):
    """Chunks that arrive at the same time stay within a bound, and none waits for ever."""

    def test_below(self) -> None:
        """Below the bound nobody waits."""
        memory = Memory(20)
        first, second = memory.hold(10), memory.hold(10)
        self.assertIsNone(first.add(10))
        self.assertIsNone(second.add(10))
        first.release()
        first.release()
        self.assertEqual(memory.used, 10)

    def test_above(self) -> None:
        """Above it one goes on to its end, and the others wait until there is room."""
        memory = Memory(10)
        first, second, third = (memory.hold(20) for _ in range(3))
        self.assertIsNone(first.add(11))
        waiting = second.add(1)
        assert waiting is not None
        self.assertNoResult(waiting)
        self.assertIsNone(first.add(9))
        first.release()
        self.successResultOf(waiting)
        self.assertIsNone(third.add(5))

    def test_halves(self) -> None:
        """If all wait with halves of chunks, the one that lacks the least goes on."""
        memory = Memory(10)
        favoured, far, near = memory.hold(30), memory.hold(30), memory.hold(6)
        self.assertIsNone(favoured.add(11))
        waits = far.add(5), near.add(5)
        assert waits[0] is not None and waits[1] is not None
        favoured.release()
        self.assertEqual(memory.used, 10)
        self.assertNoResult(waits[0])
        self.successResultOf(waits[1])
        self.assertIsNone(near.add(1))
        near.release()
        self.successResultOf(waits[0])

    def test_abandoned(self) -> None:
        """Who waits and is abandoned waits no more, and holds nothing."""
        memory = Memory(10)
        first, second = memory.hold(30), memory.hold(30)
        first.add(20)
        waiting = second.add(5)
        assert waiting is not None
        second.release()
        self.successResultOf(waiting)
        self.assertEqual(memory.used, 20)

    def test_any_order(self) -> None:
        """Whatever arrives in which order, all end, and no more than one goes above the bound."""
        for seed in range(200):
            random = Random(seed)
            memory, most = Memory(40), 0
            chunks: list[tuple[Holding, int]] = []
            for _ in range(10):
                size = random.choice((5, 20, 60))
                chunks.append((memory.hold(size), size))
            waiting: dict[Holding, object] = {}
            arrived = dict.fromkeys((holding for holding, _ in chunks), 0)
            left = dict(chunks)
            for _ in range(10_000):
                able = [
                    each
                    for each in left
                    if each not in waiting or waiting[each].called  # type: ignore[attr-defined]
                ]
                if not able:
                    break
                holding = random.choice(able)
                waiting.pop(holding, None)
                if arrived[holding] == left[holding]:
                    holding.release()
                    del left[holding]
                    continue
                held = holding.add(5)
                arrived[holding] += 5
                most = max(most, memory.used)
                if held is not None:
                    waiting[holding] = held
            self.assertEqual((left, memory.used), ({}, 0), seed)
            self.assertLessEqual(most, 40 + 60 + 10 * 5)
