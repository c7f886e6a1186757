from __future__ import annotations

from random import Random

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.objects.memory import Holding, Memory

MIB = 1 << 20


@define(eq=False)
class Client:
    """
    Sends chunks of one size at one rate, ten times a second, each anew if it is cut off.

    :ivar since: when it began to send the chunk.
    :ivar longest: how long its longest chunk took from its first bytes on.
    """

    memory: Memory
    clock: Clock
    size: int
    rate: float
    left: int = 1
    cuts: int = 0
    since: float = 0.0
    longest: float = 0.0
    holding: Holding | None = None
    held: Deferred[None] | None = None
    begins: float = 0.0
    unsent: int = field(default=0)

    def step(self) -> None:
        """Send what can be sent now."""
        now = self.clock.seconds()
        if not self.left or now < self.begins or (self.held is not None and not self.held.called):
            return
        if self.holding is None:
            self.holding = self.memory.hold(self.size, self.cut_off)
            self.since, self.unsent = now, self.size
        count = min(self.unsent, max(1, int(self.rate / 10)))
        self.unsent -= count
        self.held = self.holding.arrived(count)
        if not self.unsent and (self.held is None or self.held.called):
            self.holding.complete()
            self.clock.callLater(0.2, self.stored, self.holding)
            self.begins = now + 0.25

    def stored(self, holding: Holding) -> None:
        holding.release()
        self.longest = max(self.longest, self.clock.seconds() - self.since)
        self.left -= 1
        self.holding = self.held = None

    def cut_off(self) -> None:
        assert self.holding is not None and self.unsent
        self.cuts += 1
        self.begins = self.clock.seconds() + 10
        holding, self.holding, self.held = self.holding, None, None
        holding.release()


class MemoryTests(SynchronousTestCase):
    """Chunks that arrive at the same time stay within a bound, and none waits for ever."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.cut: list[int] = []

    def memory(self, limit: int) -> Memory:
        """One."""
        return Memory(limit, self.clock)

    def hold(self, memory: Memory, size: int) -> Holding:
        """Begin a chunk that is released when it is cut off."""

        def cut_off() -> None:
            self.cut.append(size)
            holding.release()

        holding = memory.hold(size, cut_off)
        return holding

    def waits(self, holding: Holding) -> Deferred[None]:
        """Begin a chunk that there is no room for."""
        waiting = holding.arrived(1)
        assert waiting is not None
        self.assertNoResult(waiting)
        return waiting

    def run_all(self, memory: Memory, clients: list[Client], seconds: float) -> int:
        """Have all of them send; returns how many bytes were taken at most."""
        most = 0
        while any(each.left for each in clients) and self.clock.seconds() < seconds:
            for each in clients:
                each.step()
                most = max(most, memory.taken)
            self.clock.advance(0.1)
        return most

    def test_below(self) -> None:
        """While there is room for all of a chunk nobody waits."""
        memory = self.memory(23)
        first, second = self.hold(memory, 10), self.hold(memory, 10)
        self.assertIsNone(first.arrived(5))
        self.assertIsNone(second.arrived(5))
        self.assertIsNone(first.arrived(5))
        self.assertEqual((memory.taken, first.left, second.left), (20, 0, 5))
        first.release()
        first.release()
        self.assertEqual(memory.taken, 10)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing_arrives(self) -> None:
        """A chunk of which nothing arrives takes no room."""
        memory = self.memory(10)
        idle = self.hold(memory, 10)
        self.assertIsNone(self.hold(memory, 10).arrived(1))
        idle.release()
        self.assertEqual(memory.taken, 10)

    def test_above(self) -> None:
        """Others wait for it, in their order, and those that began go on."""
        memory = self.memory(11)
        chunks = [self.hold(memory, size) for size in (4, 6, 6, 6)]
        self.assertIsNone(chunks[0].arrived(1))
        self.assertIsNone(chunks[1].arrived(1))
        third, fourth = map(self.waits, chunks[2:])
        chunks[0].release()
        self.assertNoResult(third)
        chunks[1].release()
        self.successResultOf(third)
        self.assertNoResult(fourth)
        chunks[2].release()
        self.successResultOf(fourth)
        self.assertEqual(memory.taken, 6)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_larger(self) -> None:
        """A chunk that is larger than all of the memory is alone, and has its turn."""
        memory = self.memory(10)
        first, large, last = (self.hold(memory, size) for size in (1, 30, 1))
        first.arrived(1)
        waiting, behind = self.waits(large), self.waits(last)
        first.release()
        self.successResultOf(waiting)
        self.assertNoResult(behind)
        large.release()
        self.successResultOf(behind)

    def test_smaller(self) -> None:
        """Small chunks pass large ones that wait, into the eighth that those leave, and no more."""
        memory = self.memory(80)
        larges = [self.hold(memory, 35) for _ in range(3)]
        self.assertEqual([each.arrived(1) for each in larges[:2]], [None, None])
        third = self.waits(larges[2])
        smalls = [self.hold(memory, 1) for _ in range(7)]
        self.assertEqual([each.arrived(1) for each in smalls[:6]], [None] * 6)
        late = self.waits(smalls[6])
        smalls[0].release()
        self.successResultOf(late)
        for _ in range(20):
            smalls.pop().release()
            smalls.append(self.hold(memory, 1))
            self.assertIsNone(smalls[-1].arrived(1))
        self.assertNoResult(third)
        larges[0].release()
        self.successResultOf(third)

    def test_large_has_its_turn(self) -> None:
        """Small chunks, however many come, do not keep a large one waiting."""
        memory = self.memory(80)
        smalls = [self.hold(memory, 5) for _ in range(30)]
        begun = [small.arrived(1) for small in smalls]
        self.assertEqual((memory.taken, sum(each is None for each in begun)), (70, 14))
        large = self.waits(self.hold(memory, 60))
        for each in list(smalls):
            self.assertNoResult(large)
            each.release()
            following = self.hold(memory, 4)
            following.arrived(1)
            if large.called:
                break
        self.successResultOf(large)

    def test_all_of_it(self) -> None:
        """So has one that needs all there is, though small ones come and go all the time."""
        memory = self.memory(80)
        smalls = [self.hold(memory, 1)]
        smalls[0].arrived(1)
        large = self.waits(self.hold(memory, 80))
        for _ in range(20):
            smalls.append(self.hold(memory, 1))
            smalls[-1].arrived(1)
            smalls.pop(0).release()
        self.successResultOf(large)
        self.assertEqual(memory.taken, 80)

    def test_abandoned(self) -> None:
        """Who waits and is abandoned waits no more, and holds nothing; the next one is next."""
        memory = self.memory(11)
        first, second, third = (self.hold(memory, size) for size in (5, 5, 5))
        first.arrived(1)
        self.assertIsNone(second.arrived(1))
        waiting = self.waits(third)
        fourth = self.waits(self.hold(memory, 6))
        third.release()
        self.successResultOf(waiting)
        self.assertNoResult(fourth)
        first.release()
        second.release()
        self.successResultOf(fourth)
        self.assertEqual(memory.taken, 6)

    def test_cut_off(self) -> None:
        """
        Chunks that have not arrived in ten seconds keep half of the room while others wait; of
        more, those that will take longest are cut off, as many as are in the way.
        """
        memory = self.memory(100)
        chunks = [self.hold(memory, size) for size in (20, 21, 22, 23)]
        for chunk, count in zip(chunks, (3, 1, 2, 23), strict=True):
            self.assertIsNone(chunk.arrived(count))
        self.clock.advance(60)
        waiting = self.waits(self.hold(memory, 24))
        self.clock.advance(0.9)
        self.assertEqual(self.cut, [])
        self.clock.advance(0.1)
        self.assertEqual(self.cut, [21])
        self.successResultOf(waiting)
        self.waits(self.hold(memory, 24))
        self.clock.advance(1)
        self.assertEqual(self.cut, [21, 22])
        self.waits(self.hold(memory, 24))
        chunks[3].complete()
        self.clock.pump([1] * 8)
        self.assertEqual(self.cut, [21, 22])

    def test_half(self) -> None:
        """Slow chunks keep half of the room, or one does that has more, whoever waits."""
        for sizes, cut in (((25, 25, 25), 1), ((30, 30), 1), ((60,), 0), ((10, 20, 20), 0)):
            memory = self.memory(100)
            self.cut.clear()
            slow = [self.hold(memory, size) for size in sizes]
            for chunk in slow:
                self.assertIsNone(chunk.arrived(1))
            waiting = self.waits(self.hold(memory, 100))
            self.clock.advance(9.9)
            self.assertEqual(self.cut, [])
            self.clock.pump([1] * 30)
            self.assertEqual(len(self.cut), cut)
            for chunk in slow:
                chunk.release()
            self.successResultOf(waiting)

    def test_not_cut_off(self) -> None:
        """Those that are quick, whole, or alone are not."""
        memory = self.memory(100)
        quick, whole = self.hold(memory, 40), self.hold(memory, 40)
        for each in (quick, whole):
            self.assertIsNone(each.arrived(1))
        whole.complete()
        waiting = self.waits(self.hold(memory, 40))
        self.clock.pump([1] * 60)
        self.assertEqual(self.cut, [])
        quick.release()
        self.successResultOf(waiting)

    def test_small_beside_slow(self) -> None:
        """A chunk of 100 KB takes no two seconds beside twelve of 8 MiB that trickle."""
        memory = self.memory(64 * MIB)
        slow = [Client(memory, self.clock, 8 * MIB, 20_000.0) for _ in range(12)]
        small = Client(memory, self.clock, 100_000, 1e6, left=40, begins=20.0)
        most = self.run_all(memory, [*slow, small], 300.0)
        self.assertEqual(small.left, 0)
        self.assertLess(small.longest, 2.0)
        self.assertLessEqual(most, memory.limit)

    def test_quick_beside_slow(self) -> None:
        """A large one over a quick line waits for some seconds, and the slow ones arrive too."""
        memory = self.memory(64 * MIB)
        slow = [Client(memory, self.clock, 8 * MIB, 40_000.0) for _ in range(12)]
        quick = Client(memory, self.clock, 8 * MIB, 1e7, left=20, begins=20.0)
        self.run_all(memory, [*slow, quick], 3600.0)
        self.assertLess(quick.longest, 45.0)
        self.assertEqual([each.left for each in [*slow, quick]], [0] * 13)
        self.assertEqual(quick.cuts, 0)

    def test_any_mix(self) -> None:
        """Whatever comes how fast, all arrive, and never more than there is room for."""
        for seed in range(150):
            random = Random(seed)
            self.clock = Clock()
            memory = self.memory(random.choice((30, 100, 1000)))
            clients = [
                Client(
                    memory,
                    self.clock,
                    random.choice((1, 5, 20, 30, memory.limit // 2, memory.limit)),
                    random.choice((10, 20, 50, 1000)),
                    left=random.randint(1, 4),
                    begins=random.uniform(0, 10),
                )
                for _ in range(random.randint(1, 16))
            ]
            most = self.run_all(memory, clients, 20_000.0)
            self.assertEqual(([each.left for each in clients if each.left], memory.taken), ([], 0))
            self.assertLessEqual(most, memory.limit, seed)
            self.assertEqual(self.clock.getDelayedCalls(), [], seed)
