import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable.retry import FailedAttempt, fixed_interval, full_jitter, retry_after


def failed(attempts: int, requested: float | None = None) -> FailedAttempt:
    """So many attempts have failed."""
    file: Any = None
    return FailedAttempt(
        error=ValueError(), attempts=attempts, requested=requested, file=file, chunk_number=1
    )


class FullJitterTests(SynchronousTestCase):
    @given(st.integers(1, 10**6), st.randoms(use_true_random=False))
    def test_is_bounded(self, attempt: int, chance: random.Random) -> None:
        """However often it failed, nobody waits longer than the cap."""
        policy = full_jitter(uniform=chance.uniform)
        self.assertTrue(0 <= policy(failed(attempt)) <= 60)

    def test_bound_doubles(self) -> None:
        """The bound is 0.5 s after the first failure and doubles up to 60 s."""
        policy = full_jitter(uniform=lambda low, high: high)
        waits = [policy(failed(attempt)) for attempt in range(1, 10)]
        self.assertEqual(waits, [0.5, 1, 2, 4, 8, 16, 32, 60, 60])

    def test_may_be_nothing(self) -> None:
        """Full jitter begins at no wait at all."""
        bounds: list[float] = []
        self.assertEqual(full_jitter(uniform=lambda *each: bounds.extend(each) or 0)(failed(5)), 0)
        self.assertEqual(bounds, [0, 8])

    def test_honours_the_server(self) -> None:
        """Nobody comes back before the server said, up to five minutes."""
        policy = full_jitter(uniform=lambda low, high: low)
        self.assertEqual(policy(failed(1, 7.0)), 7.0)
        self.assertEqual(policy(failed(1, 1e9)), 300)

    def test_server_does_not_shorten(self) -> None:
        """A small Retry-After does not undo the back-off."""
        self.assertEqual(full_jitter(uniform=lambda low, high: high)(failed(4, 1.0)), 4.0)


class FixedIntervalTests(SynchronousTestCase):
    def test_is_fixed(self) -> None:
        """The wait is the same each time, unless the server asks for more."""
        policy = fixed_interval(0.3)
        waits = [policy(each) for each in (failed(1), failed(50), failed(2, 2.0))]
        self.assertEqual(waits, [0.3, 0.3, 2.0])


class RetryAfterTests(SynchronousTestCase):
    def test_seconds(self) -> None:
        """A number is seconds."""
        self.assertEqual(retry_after(" 120 ", 0), 120)
        self.assertEqual(retry_after("0", 5), 0)
        self.assertEqual(retry_after("999999999", 0), 999999999)

    def test_ages(self) -> None:
        """What has more than nine digits is some thirty years, however many there are."""
        for value in ("1000000001", "9" * 10, "9" * 11, "9" * 5000):
            self.assertEqual(retry_after(value, 0), 1e9)

    def test_date(self) -> None:
        """A date is seconds from now, and none if it is past."""
        date = "Fri, 31 Dec 1999 23:59:59 GMT"
        self.assertEqual(retry_after(date, 946684799 - 30), 30)
        self.assertEqual(retry_after(date, 946684799 + 30), 0)

    def test_nonsense(self) -> None:
        """What says nothing usable is as good as nothing."""
        for value in (None, "", "soon", "-1", "1.5", "٣", "Fri, 99 Foo 1999 23:59:59 GMT"):
            self.assertIsNone(retry_after(value, 0), value)

    @given(st.text())
    def test_is_total(self, value: str) -> None:
        """No header raises."""
        result = retry_after(value, 1e9)
        self.assertTrue(result is None or result >= 0)
