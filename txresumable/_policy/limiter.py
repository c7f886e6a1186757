"""
A limit in bytes per second, which several uploaders may share.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred

from .._runtime.clock import steady
from .._runtime.reactor import Reactor
from ..errors import InvalidOption

__all__ = ["RateLimiter", "check_rate"]

BURST = 0.05
"""The longest burst, in seconds of the rate."""
TOLERANCE = 1e-3
"""Less than a byte: what rounding may leave of a debt when it should be paid."""
LONGEST = 3600.0
"""Seconds to sleep at most, however long the next piece has to wait."""
FASTEST = 1e18
"""Faster than any network; beyond this, sums of floats lose bytes and become infinite."""


def check_rate(rate: Any) -> None:
    """
    Check a rate.

    :param rate: any value.
    :raises InvalidOption: unless it is a number of bytes a second.
    """
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate <= FASTEST:
        reason = "must be a number of bytes a second above 0, or None for no limit"
        raise InvalidOption("max_rate", rate, reason)


class RateLimiter:
    """
    Lets bytes through at a given rate, first come, first served.

    :param rate: bytes a second, above 0; :data:`None` for no limit.
    :param reactor: for timers; the installed one by default.
    """

    def __init__(self, rate: float | None, *, reactor: Reactor | None = None) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self._clock = steady(reactor)
        self._queue: deque[tuple[int, Deferred[None]]] = deque()
        self._rate: float | None = None
        self._credit = 0.0
        self._counted = self._clock.seconds()
        self._wake: Any = None
        self.rate = rate

    def __repr__(self) -> str:
        rate = "unlimited" if self._rate is None else f"{self._rate:g} bytes/s"
        return f"<RateLimiter {rate}>"

    @property
    def rate(self) -> float | None:
        """Bytes a second; may be set while uploads run."""
        return self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        if rate is not None:
            check_rate(rate)
        self._count()
        self._rate = rate
        self._serve()

    @property
    def quantum(self) -> int:
        """How many bytes to reserve at a time for an even rate."""
        return 1 << 30 if self._rate is None else max(1024, int(self._rate * BURST))

    def reserve(self, size: int) -> Deferred[None] | None:
        """
        Reserve bytes.

        :param size: how many.
        :returns: :data:`None` if they may be sent now, else a Deferred that fires when they may.
            Cancelling it withdraws the reservation.
        """
        self._count()
        if not self._queue and self._take(size):
            return None
        waiting: Deferred[None] = Deferred(self._withdraw)
        self._queue.append((size, waiting))
        self._serve()
        return waiting

    def _count(self) -> None:
        """Earn credit for the time that has passed, up to a short burst."""
        now = self._clock.seconds()
        if self._rate is not None:
            earned = self._credit + (now - self._counted) * self._rate
            self._credit = min(earned, self._rate * BURST)
        self._counted = now

    def _take(self, size: int) -> bool:
        """A piece may be sent as soon as there is any credit, and may leave a debt."""
        if self._rate is None:
            return True
        if self._credit < -TOLERANCE:
            return False
        self._credit -= size
        return True

    def _serve(self) -> None:
        if self._wake is not None and self._wake.active():
            self._wake.cancel()
        self._wake = None
        self._count()
        while self._queue and self._take(self._queue[0][0]):
            self._queue.popleft()[1].callback(None)
        if self._queue and self._wake is None and self._rate is not None:
            wait = min(-self._credit / self._rate, LONGEST)
            self._wake = self._clock.callLater(wait, self._serve)

    def _withdraw(self, waiting: Deferred[None]) -> None:
        self._queue = deque(entry for entry in self._queue if entry[1] is not waiting)
        if not self._queue and self._wake is not None and self._wake.active():
            self._wake.cancel()
            self._wake = None
