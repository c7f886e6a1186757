from twisted.trial.unittest import SynchronousTestCase

from benchmarks.links import LINKS, Link, goodput
from txresumable.concurrency import CAP, AdaptiveConcurrency


def fixed(link: Link, number: int) -> float:
    return goodput(link, lambda: number, lambda now, size, seconds: None)


def adapted(link: Link, seed: int = 1) -> tuple[float, int]:
    """Bytes a second, and the number that was found."""
    adaptive = AdaptiveConcurrency()
    found = goodput(link, lambda: adaptive.number, adaptive.stored, seed=seed)
    return found, adaptive.number


class AdaptiveConcurrencyTests(SynchronousTestCase):
    def test_fits_the_link(self) -> None:
        """On each emulated link it comes close to the best of the fixed numbers."""
        for link in LINKS:
            best = max(fixed(link, number) for number in (1, 3, 8, 16))
            for seed in range(1, 6):
                found, _ = adapted(link, seed)
                self.assertGreater(found / best, 0.85, f"{link.name}, seed {seed}")

    def test_is_no_worse_than_three(self) -> None:
        """Nobody loses by it against the default."""
        for link in LINKS:
            found, _ = adapted(link)
            self.assertGreater(found / fixed(link, 3), 0.97, link.name)

    def test_spares_a_full_link(self) -> None:
        """Where more slots bring nothing, few are used."""
        link = next(link for link in LINKS if link.name == "dsl")
        self.assertLessEqual(adapted(link)[1], 5)

    def test_halves_when_pushed_back(self) -> None:
        """A burst of refusals halves once; if they go on, again, down to one."""
        adaptive = AdaptiveConcurrency()
        adaptive.number = 16
        now = 0.0
        seen = []
        for _ in range(5):
            for _ in range(adaptive.number + 1):
                now += 0.1
                adaptive.stored(now, 1000, 0.1)
            seen.append(adaptive.pushed_back())
            self.assertEqual(adaptive.pushed_back(), seen[-1])
        self.assertEqual(seen[-1], 1)
        self.assertEqual(seen, sorted(seen, reverse=True))

    def test_stays_within_its_bounds(self) -> None:
        """However well it goes, there is a cap; however badly, there is one slot."""
        adaptive = AdaptiveConcurrency()
        now = 0.0
        for round in range(2000):
            now += 1.0 / adaptive.number**2
            adaptive.stored(now, 1 << 20, 0.1)
            self.assertTrue(1 <= adaptive.number <= CAP, round)
