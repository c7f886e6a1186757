from collections.abc import Callable
from itertools import count, groupby

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.links import LINKS, MIB, Link, ask, upload
from txresumable._policy.concurrency import AT_FIRST, CAP, AdaptiveConcurrency

ALL = 16
"""A cap that is reached within the test."""


def chunks_for(link: Link) -> int:
    """64 MiB at least, and some seconds."""
    return max(64, int(4 * link.rate / MIB))


def fixed(link: Link, number: int) -> float:
    """Seconds for an upload, with so many chunks at once."""
    return upload(link, lambda: number, lambda *_: None, chunks=chunks_for(link))


def adapted(link: Link, seed: int = 1, looks: bool = True) -> tuple[float, int]:
    """
    Seconds for an upload, and the number that was found.

    :param looks: whether the kernel says anything of the connections.
    """
    round_trips: list[float] = []
    adaptive = AdaptiveConcurrency(round_trip=lambda: round_trips[-1] if looks else None)

    def look(now: float, round_trip: float, arrived: int) -> None:
        round_trips.append(round_trip)
        if looks or len(round_trips) == 1:
            adaptive.connected(round_trip)
        if looks:
            adaptive.look(now, arrived, MIB)

    chunks = chunks_for(link)
    seconds = upload(
        link, lambda: adaptive.number, adaptive.stored, look=look, chunks=chunks, seed=seed
    )
    return seconds, adaptive.number


def follow(
    adaptive: AdaptiveConcurrency,
    rate: Callable[[int], float],
    chunks: int,
    seconds: Callable[[int], float] | None = None,
    size: int = MIB,
) -> str:
    """
    Let chunks arrive one after another.

    :param rate: from a number of slots to chunks a second.
    :param seconds: from a number of slots to how long a chunk takes.
    :param size: bytes of a chunk.
    :returns: the numbers, one after another, each with how many chunks arrived by it.
    """
    now, numbers = 0.0, []
    for _ in range(chunks):
        number = adaptive.number
        numbers.append(number)
        now += 1 / rate(number)
        took = seconds(number) if seconds else number / rate(number)
        assert adaptive.stored(now, size, took) == adaptive.number
    return " ".join(f"{number}:{len(list(each))}" for number, each in groupby(numbers))


class StepTests(SynchronousTestCase):
    """
    Its steps, one by one.

    A window is twice as many chunks as there are slots, but 8 at least; after each but the first,
    as many as there are slots are not looked at: three times the number in all, or 8 and it.
    """

    def test_doubles_up_to_the_cap(self) -> None:
        """
        While that pays it doubles; at the cap, now and then it tries if one less would do.  The
        first time that is after the window of the last trial and six quiet ones, later after six
        quiet ones, one that finds no room for more, and six more.
        """
        self.assertEqual(
            follow(AdaptiveConcurrency(ALL), lambda number: 10.0 * number, 1500),
            "3:8 6:18 12:36 16:384 15:45 16:672 15:45 16:292",
        )

    def test_finds_the_least_that_is_enough(self) -> None:
        """
        Where more than four bring nothing: it goes back to six, tries seven, waits, then goes
        down; three are too few.  From then on it tries five and three, in turns.
        """
        self.assertEqual(
            follow(AdaptiveConcurrency(ALL), lambda number: 10.0 * min(number, 4), 576),
            "3:8 6:18 12:36 7:21 6:126 5:15 4:12 3:11 4:84 5:15 4:84 3:11 4:84 5:15 4:36",
        )

    def test_flees_from_a_queue(self) -> None:
        """Where more slots bring nothing but longer times, it goes down by a quarter at once."""
        self.assertEqual(
            follow(
                AdaptiveConcurrency(ALL),
                lambda number: 10.0 * min(number, 4),
                600,
                lambda number: 0.1 if number <= 3 else number / 10,
            ),
            "3:8 6:18 12:36 7:21 4:84 3:11 4:84 5:15 3:77 2:10 3:77 4:12 5:15 3:77 2:10 3:45",
        )

    def test_flees_from_three(self) -> None:
        """Of three a quarter is one as well; two are few enough to stay."""
        chunk = count()
        self.assertEqual(
            follow(
                AdaptiveConcurrency(ALL),
                lambda number: 10.0 * min(number, 2),
                400,
                lambda number: 0.01 if next(chunk) == 0 else number / 10,
            ),
            "3:8 6:18 4:12 2:70 1:9 2:70 3:11 2:70 1:9 2:70 3:11 2:42",
        )

    def test_what_is_a_queue(self) -> None:
        """Chunks that take more than four times the shortest time, and not less than that."""
        for longer, fewer in ((0.39, 6), (0.41, 4)):
            seconds = {3: 0.1}
            found = follow(
                AdaptiveConcurrency(ALL),
                lambda number: 10.0 * min(number, 4),
                84,
                lambda number, seconds=seconds, longer=longer: seconds.get(number, longer),
            )
            self.assertEqual(found, f"3:8 6:18 12:36 7:21 {fewer}:1")

    def test_small_chunks(self) -> None:
        """How long a chunk takes is seen by the byte: a small one that is done early is no hint."""
        for size, seconds in ((MIB // 10, 0.01), (MIB // 1000, 3e-5)):
            adaptive = AdaptiveConcurrency(ALL)
            adaptive.stored(seconds, size, seconds)
            found = follow(adaptive, lambda number: 10.0 * min(number, 6), 83, lambda number: 0.1)
            self.assertEqual(found, "3:7 6:18 12:36 7:21 6:1", size)

    def test_little_is_under_way(self) -> None:
        """
        Of chunks of 4 KiB there are 16 slots at once, though they bring nothing and one less would
        do; of less than 5 KiB twelve, and one may try more; of 20 KiB three, which may be too many.
        """
        for size, numbers in (
            (64 * 1024 // 16, "3:8 16:492"),
            (64 * 1024 // 13 + 1, "3:8 12:36 16:48 13:39 12:369"),
            (20 * 1024, "3:8 6:18 4:12 3:154 4:12 3:154 4:12 3:130"),
            (0, "3:8 16:492"),
        ):
            found = follow(
                AdaptiveConcurrency(ALL),
                lambda number: 10.0,
                500,
                lambda number: 0.1,
                size=size,
            )
            self.assertEqual(found, numbers, size)

    def test_little_is_under_way_among_much(self) -> None:
        """That goes by the chunks that came last: among large ones as many as they need."""
        adaptive = AdaptiveConcurrency(ALL)
        follow(adaptive, lambda number: 10.0, 100, size=4096)
        self.assertEqual(adaptive.number, 16)
        follow(adaptive, lambda number: 10.0, 3000)
        self.assertLessEqual(adaptive.number, 2)

    def test_little_is_too_much_for_some(self) -> None:
        """A server that pushes back wants fewer, however small chunks are."""
        adaptive = AdaptiveConcurrency(ALL)
        follow(adaptive, lambda number: 10.0, 100, size=4096)
        self.assertEqual(adaptive.pushed_back(), 8)
        follow(adaptive, lambda number: 10.0, 3000, size=4096)
        self.assertLessEqual(adaptive.number, 2)

    def test_goes_down_to_one(self) -> None:
        """Where one is enough, it stays at one and tries two now and then."""
        self.assertEqual(
            follow(AdaptiveConcurrency(ALL), lambda number: 10.0, 550),
            "3:8 6:18 4:12 5:15 4:84 3:11 2:10 1:72 2:10 1:126 2:10 1:126 2:10 1:38",
        )

    def test_caps(self) -> None:
        """A cap below the number that it begins with, and one that doubling would exceed."""
        self.assertEqual(
            follow(AdaptiveConcurrency(2), lambda number: 10.0 * number, 300),
            "2:78 1:9 2:140 1:9 2:64",
        )
        self.assertEqual(
            follow(AdaptiveConcurrency(4), lambda number: 10.0 * number, 60), "3:8 4:52"
        )

    def test_goes_by_how_it_is_now(self) -> None:
        """Where two are enough, that is found while the network becomes slower, too."""
        chunk = count()
        self.assertEqual(
            follow(
                AdaptiveConcurrency(4),
                lambda number: 10.0 * min(number, 2) * 0.9995 ** next(chunk),
                600,
            ),
            "3:8 4:96 3:11 2:10 1:9 2:70 4:12 3:11 2:70 1:9 2:70 3:11 2:70 1:9 2:70 3:11 2:53",
        )

    def test_after_a_push(self) -> None:
        """Half of it, once for chunks that were under way together; then quiet; then one more."""
        adaptive = AdaptiveConcurrency(ALL)
        follow(adaptive, lambda number: 10.0 * number, 80)
        self.assertEqual((adaptive.number, adaptive.pushed_back()), (16, 8))
        self.assertEqual(adaptive.pushed_back(), 8)
        self.assertEqual(
            follow(adaptive, lambda number: 10.0 * number, 300),
            "8:168 9:27 10:30 11:33 12:36 13:6",
        )

    def test_forgets_the_rate_after_a_push(self) -> None:
        """What is tried after a push is judged by what was measured after it, and that alone."""
        for ninth, stays in ((0.995, False), (1.005, True)):
            adaptive = AdaptiveConcurrency(ALL)
            follow(adaptive, lambda number: 10.0 * number, 80)
            adaptive.pushed_back()
            least = 0.01 * (1 + 0.35 / 8)
            rates = {8: 0.01, 9: least * ninth, 10: 1.0}
            found = follow(adaptive, rates.__getitem__, 196, lambda number: 0.1)
            self.assertEqual(found, "8:168 9:27 10:1" if stays else "8:168 9:27 8:1")

    def test_pushed_back_at_once(self) -> None:
        """A push before anything arrived counts as well."""
        adaptive = AdaptiveConcurrency(ALL)
        self.assertEqual((adaptive.pushed_back(), adaptive.pushed_back()), (1, 1))

    def test_no_time(self) -> None:
        """Chunks that take no time, or have no bytes, do not count as infinitely fast."""
        adaptive = AdaptiveConcurrency(ALL)
        for _ in range(100):
            self.assertEqual(adaptive.stored(0.0, 0, 0.0), 3)
        for _ in range(8):
            adaptive.stored(1.0, 0, 0.0)
        self.assertEqual(adaptive.number, ALL)


class AdaptiveConcurrencyTests(SynchronousTestCase):
    """Whole uploads over emulated lines; the emulation does not know of numbers that do harm."""

    def test_fits_the_link(self) -> None:
        """On each line it is at most a twentieth behind the best fixed number."""
        for link in LINKS[2:]:
            best = min(fixed(link, number) for number in (1, 3, 6, 8, 12, 16))
            for seed in range(1, 4):
                found, _ = adapted(link, seed)
                self.assertLess(found / best, 1.05, f"{link.name}, seed {seed}")

    def test_without_the_kernel(self) -> None:
        """Where the kernel says nothing, the time that it took to connect is enough for that."""
        for link in LINKS[2:]:
            best = min(fixed(link, number) for number in (1, 3, 6, 8, 12, 16))
            self.assertLess(adapted(link, looks=False)[0] / best, 1.12, link.name)

    def test_is_no_worse_than_three(self) -> None:
        """Nobody loses by it against the default."""
        for link in LINKS:
            found, _ = adapted(link)
            self.assertLess(found / fixed(link, 3), 1.03, link.name)

    def test_spares_a_full_link(self) -> None:
        """Where more slots bring nothing, few are used."""
        for name in ("office", "10 Mbit, 30 ms"):
            link = next(link for link in LINKS if link.name == name)
            self.assertLessEqual(adapted(link)[1], 6)

    def test_small_requests(self) -> None:
        """Requests that take a round trip and no more: there are soon as many as there may be."""
        for link in LINKS[2:]:
            adaptive = AdaptiveConcurrency()

            seconds = ask(link, lambda adaptive=adaptive: adaptive.number, adaptive.found)
            self.assertEqual(adaptive.number, CAP)
            self.assertLess(seconds, (500 / CAP + 6) * (link.delay + link.server), link.name)

    def test_how_many_to_begin_with(self) -> None:
        """The more the longer a round trip is; twenty-four at the most."""
        for round_trip, number in ((0.0001, 3), (0.015, 4), (0.03, 5), (0.08, 13), (0.6, 24)):
            self.assertEqual(AdaptiveConcurrency().connected(round_trip), number)
        self.assertEqual(AdaptiveConcurrency(5).connected(0.6), 5)

    def test_only_the_first_connection_says_how_many(self) -> None:
        """Later ones can say that a round trip is shorter, which is no reason for more."""
        adaptive = AdaptiveConcurrency()
        self.assertEqual(adaptive.connected(0.05), 8)
        self.assertEqual((adaptive.connected(0.6), adaptive.connected(0.04)), (8, 8))

    def test_a_look_adds_slots(self) -> None:
        """What arrives in a round trip, sixteen times, is to be under way at once, up to 24."""
        adaptive = AdaptiveConcurrency()
        adaptive.connected(0.1)
        self.assertEqual(adaptive.look(1.0, 0, MIB), 17)
        self.assertEqual(adaptive.look(1.1, 11 * MIB // 8, MIB), 22)
        self.assertEqual(adaptive.look(1.2, 10 * MIB, MIB), 22)
        first = AdaptiveConcurrency()
        first.connected(0.1)
        first.look(1.0, 0, MIB)
        self.assertEqual(first.look(1.1, 10 * MIB, MIB), AT_FIRST)

    def test_only_waiting(self) -> None:
        """
        Requests that take hardly more than a round trip have as many slots as there are; those that
        take twice that have only more if it is by far.
        """
        for seconds, number in ((0.65, CAP), (1.2, AT_FIRST)):
            adaptive = AdaptiveConcurrency()
            self.assertEqual(adaptive.connected(0.6), 24)
            for _ in range(24):
                adaptive.found(10.0 + seconds, seconds)
            self.assertEqual(adaptive.number, number)

    def test_a_look_at_a_full_line(self) -> None:
        """While packets wait for each other on the line, nothing is added."""
        adaptive = AdaptiveConcurrency(round_trip=lambda: 0.13)
        adaptive.connected(0.1)
        adaptive.look(1.0, 0, MIB)
        self.assertEqual(adaptive.look(1.1, 10 * MIB, MIB), 17)

    def test_a_look_after_the_first_response(self) -> None:
        """Then the responses say how fast it is."""
        adaptive = AdaptiveConcurrency()
        adaptive.connected(0.1)
        adaptive.look(1.0, 0, MIB)
        adaptive.stored(1.05, MIB, 0.5)
        self.assertEqual(adaptive.look(1.1, 10 * MIB, MIB), 17)

    def test_nothing_is_added_after_a_push(self) -> None:
        """A server that pushes back is the limit, and not the line."""
        adaptive = AdaptiveConcurrency()
        adaptive.connected(0.1)
        self.assertEqual(adaptive.pushed_back(), 8)
        adaptive.look(1.0, 0, MIB)
        self.assertEqual(adaptive.look(1.1, 10 * MIB, MIB), 8)
        self.assertEqual(adaptive.connected(0.05), 8)
        for _ in range(8):
            self.assertEqual(adaptive.stored(1.2, MIB, 0.1), 8)

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
