from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable import Resumable
from txresumable._policy.limiter import RateLimiter
from txresumable.errors import InvalidOption
from txresumable.testing import ScriptedReceiver


class RateLimiterTests(SynchronousTestCase):
    def run_for(self, seconds: float, clock: Clock, *limited: RateLimiter, size: int) -> int:
        """Ask without pause, for each limiter given, and count what went through."""
        passed = 0

        def ask(limiter: RateLimiter) -> None:
            nonlocal passed
            while True:
                waiting = limiter.reserve(size)
                if waiting is not None:
                    waiting.addCallback(lambda _: go(limiter))
                    return
                passed += size

        def go(limiter: RateLimiter) -> None:
            nonlocal passed
            passed += size
            ask(limiter)

        for limiter in limited:
            ask(limiter)
        for _ in range(int(seconds * 1000)):
            clock.advance(0.001)
        return passed

    def test_repr(self) -> None:
        """It is shown with its rate."""
        self.assertEqual(repr(RateLimiter(5e6, reactor=Clock())), "<RateLimiter 5e+06 bytes/s>")
        self.assertEqual(repr(RateLimiter(None, reactor=Clock())), "<RateLimiter unlimited>")

    def test_is_accurate(self) -> None:
        """Over ten seconds the rate is kept within 2%."""
        for rate, size in ((1e6, 120 * 1024), (1e8, 120 * 1024), (5e4, 2500)):
            clock = Clock()
            passed = self.run_for(10, clock, RateLimiter(rate, reactor=clock), size=size)
            self.assertApproximates(passed / (rate * 10), 1.0, 0.02)

    def test_is_exact(self) -> None:
        """The first piece goes at once; the next when the first is paid for, and not before."""
        clock = Clock()
        limiter = RateLimiter(10.0, reactor=clock)
        self.assertIsNone(limiter.reserve(100))
        waiting = [limiter.reserve(50), limiter.reserve(20)]
        fired: list[float] = []
        for each in waiting:
            assert each is not None
            each.addCallback(lambda _: fired.append(clock.seconds()))
        for _ in range(2000):
            clock.advance(1 / 128)
        self.assertEqual(fired, [10.0, 15.0])
        clock.advance(16.95 - clock.seconds())
        waited = limiter.reserve(10)
        assert waited is not None
        self.assertNoResult(waited)
        clock.advance(0.05)
        self.successResultOf(waited)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_idle_time_is_not_saved_up(self) -> None:
        """After any pause no more goes at once than a twentieth of a second's worth."""
        clock = Clock()
        limiter = RateLimiter(1000.0, reactor=clock)
        for pause in (100.0, 0.06, 0.05, 1e6):
            clock.advance(pause)
            passed = 0
            while (waiting := limiter.reserve(10)) is None:
                passed += 10
            self.assertEqual(passed, 60, pause)  # the last on credit
            clock.advance(0.05)
            self.successResultOf(waiting)

    def test_quantum(self) -> None:
        """Pieces are a twentieth of a second's worth, but for very small rates and for none."""
        clock = Clock()
        for rate, quantum in ((1e6, 50_000), (20_500, 1025), (20_460, 1024), (1, 1024)):
            self.assertEqual(RateLimiter(rate, reactor=clock).quantum, quantum)
        self.assertEqual(RateLimiter(None, reactor=clock).quantum, 1 << 30)

    def test_a_new_rate_is_not_for_the_past(self) -> None:
        """What was earned before is earned at the old rate."""
        clock = Clock()
        limiter = RateLimiter(1000.0, reactor=clock)
        limiter.reserve(1000)
        waiting = limiter.reserve(10)
        assert waiting is not None
        clock.advance(0.5)
        limiter.rate = 100
        self.assertEqual(limiter.rate, 100)
        clock.advance(4.99)
        self.assertNoResult(waiting)
        clock.advance(0.01)
        self.successResultOf(waiting)

    def test_is_shared(self) -> None:
        """Two users of one limiter have one rate between them."""
        clock = Clock()
        limiter = RateLimiter(1e6, reactor=clock)
        passed = self.run_for(10, clock, limiter, limiter, size=limiter.quantum)
        self.assertApproximates(passed / 1e7, 1.0, 0.02)

    def test_no_limit(self) -> None:
        """Without a rate nobody waits, and no call is left to make."""
        clock = Clock()
        limiter = RateLimiter(None, reactor=clock)
        self.assertIsNone(limiter.reserve(1 << 40))
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_changes_while_it_runs(self) -> None:
        """A new rate holds at once, also for those who wait already."""
        clock = Clock()
        limiter = RateLimiter(1.0, reactor=clock)
        self.assertIsNone(limiter.reserve(1000))
        waiting = limiter.reserve(1000)
        assert waiting is not None
        clock.advance(1)
        self.assertNoResult(waiting)
        limiter.rate = None
        self.successResultOf(waiting)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_cancel_gives_up_the_place(self) -> None:
        """Who cancels takes nothing, and leaves no timer."""
        clock = Clock()
        limiter = RateLimiter(10.0, reactor=clock)
        limiter.reserve(100)
        first, second = limiter.reserve(50), limiter.reserve(60)
        assert first is not None and second is not None
        first.addErrback(lambda _: None)
        first.cancel()
        clock.advance(10)
        self.successResultOf(second)
        third = limiter.reserve(10)
        assert third is not None
        third.addErrback(lambda _: None)
        third.cancel()
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_refuses_what_is_no_rate(self) -> None:
        """The option is named."""
        for rate in (0, -1, "fast", True, float("nan"), float("inf"), 10**400):
            self.assertRaises(InvalidOption, RateLimiter, rate, reactor=Clock())

    def test_extremes(self) -> None:
        """The fastest that can be asked for does not wait, and the slowest asks for no wait that
        a reactor cannot keep."""
        clock = Clock()
        fast = RateLimiter(1e18, reactor=clock)
        self.assertIsNone(fast.reserve(fast.quantum))
        slow = RateLimiter(1e-320, reactor=clock)
        slow.reserve(1 << 20)
        waiting = slow.reserve(1)
        assert waiting is not None
        for _ in range(3):
            for call in clock.getDelayedCalls():
                self.assertLessEqual(call.getTime() - clock.seconds(), 3600)
            clock.advance(3600)
        self.assertNoResult(waiting)


class EmptyChunkTests(SynchronousTestCase):
    def test_does_not_wait(self) -> None:
        """A chunk of nothing asks for nothing, and leaves nobody waiting."""
        clock, receiver = Clock(), ScriptedReceiver()
        uploader = Resumable(
            "https://receiver.example/upload",
            client=receiver,
            reactor=clock,
            max_rate=1000,
            method="octet",
            min_file_size=0,
            test_chunks=False,
        )
        uploads = [uploader.add_file(each, file_name=str(len(each))) for each in (b"x" * 1000, b"")]
        for upload in uploads:
            self.successResultOf(upload)
        self.assertEqual(clock.getDelayedCalls(), [])
