"""
A monotonic clock.

Twisted's reactors schedule by the wall clock: if that is set back by an hour, every timer is an
hour late; if it is set forward, all are early.  :func:`steady` makes a clock that is not affected,
for everything in this package that waits.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorFromThreads, IReactorTime
from twisted.internet.task import Clock
from twisted.logger import Logger
from zope.interface import implementer

__all__ = ["SteadyClock", "steady"]

PULSE = 0.5
"""Seconds between two wake-ups of a reactor that may be late."""
FARTHEST = 3600.0
"""Seconds that a reactor is asked to wait at most: it does not accept infinity."""
_log = Logger()


def steady(reactor: Any) -> Any:
    """
    A clock that keeps monotonic time.

    :param reactor: a reactor, or a fake one.
    :returns: an ``IReactorTime``, always the same one for a reactor; a
        :class:`~twisted.internet.task.Clock`, or what has no threads, as it is.
    """
    if isinstance(reactor, Clock) or not IReactorFromThreads.providedBy(reactor):
        return reactor
    clock = _clocks.get(id(reactor))
    if clock is None:
        clock = _clocks[id(reactor)] = SteadyClock(reactor)
    return clock


@implementer(IDelayedCall)
class SteadyCall:
    """A delayed call."""

    __slots__ = ("_clock", "cancelled", "due", "run")

    def __init__(self, clock: SteadyClock, due: float, run: Callable[[], object]) -> None:
        self._clock = clock
        self.due = due
        self.run: Callable[[], object] | None = run
        self.cancelled = False

    def active(self) -> bool:
        return self.run is not None

    def getTime(self) -> float:
        return self.due

    def cancel(self) -> None:
        self._check()
        self.run = None
        self.cancelled = True
        self._clock.tidy()

    def delay(self, seconds: float) -> None:
        self._move(self.due + seconds)

    def reset(self, seconds: float) -> None:
        self._move(self._clock.seconds() + seconds)

    def _move(self, due: float) -> None:
        self._check()
        run, self.run = self.run, None
        assert run is not None
        self.due, self.run = due, run
        self._clock.push(self)

    def _check(self) -> None:
        if self.cancelled:
            raise AlreadyCancelled()
        if self.run is None:
            raise AlreadyCalled()


@implementer(IReactorTime)
class SteadyClock:
    """
    Monotonic time over a reactor.

    The reactor is asked to wake us at the next deadline.  As it may be late by as much as the
    wall clock was set back, a thread also wakes it twice a second as long as anybody waits.
    """

    def __init__(self, reactor: Any, seconds: Callable[[], float] = time.monotonic) -> None:
        self._reactor = reactor
        self.seconds = seconds
        self._order = count()
        self._heap: list[tuple[float, int, SteadyCall]] = []
        self._wake: Any = None
        self._wake_at = 0.0
        self._pulse: _Pulse | None = None

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: Any, **kwargs: Any
    ) -> SteadyCall:
        if delay < 0:
            raise ValueError(f"delay must be 0 or more, not {delay}")
        later = SteadyCall(self, self.seconds() + delay, lambda: callable(*args, **kwargs))
        self.push(later)
        return later

    def getDelayedCalls(self) -> list[SteadyCall]:
        return [call for due, _, call in self._heap if call.active() and call.due == due]

    def push(self, call: SteadyCall) -> None:
        """Have a call made when it is due."""
        heapq.heappush(self._heap, (call.due, next(self._order), call))
        self._schedule()

    def tidy(self) -> None:
        """Drop cancelled calls from the front; when no call is left, stop waking the reactor."""
        while self._heap and not self._lives(self._heap[0]):
            heapq.heappop(self._heap)
        if len(self._heap) > 64 and not any(map(self._lives, self._heap[:8])):
            self._heap = [entry for entry in self._heap if self._lives(entry)]
            heapq.heapify(self._heap)
        if not self._heap:
            self._unwake()

    @staticmethod
    def _lives(entry: tuple[float, int, SteadyCall]) -> bool:
        return entry[2].active() and entry[2].due == entry[0]

    def _schedule(self) -> None:
        self.tidy()
        if not self._heap:
            return
        due = self._heap[0][0]
        if self._wake is None or not self._wake.active() or due < self._wake_at:
            self._unwake()
            self._wake_at = due
            wait = min(max(0.0, due - self.seconds()), FARTHEST)
            self._wake = self._reactor.callLater(wait, self._run)
        pulse = self._pulse
        if pulse is None or not pulse.is_alive():  # a forked process has no other threads
            self._pulse = pulse = _Pulse(self._reactor, self._beat)
            pulse.start()

    def _beat(self) -> None:
        self._run()
        if not self._heap:
            self._stop()

    def _run(self) -> None:
        now = self.seconds()
        while self._heap and (self._heap[0][0] <= now or not self._lives(self._heap[0])):
            entry = heapq.heappop(self._heap)
            if self._lives(entry):
                run, entry[2].run = entry[2].run, None
                assert run is not None
                try:
                    run()
                except BaseException:  # as in the reactor: it concerns no other call
                    _log.failure("A delayed call raised")
        if self._wake_at <= now:
            self._unwake()  # it is late by as much as the wall clock was set back, or done
        self._schedule()

    def _unwake(self) -> None:
        if self._wake is not None and self._wake.active():
            self._wake.cancel()
        self._wake = None

    def _stop(self) -> None:
        self._unwake()
        if self._pulse is not None:
            self._pulse.stop()
            self._pulse = None


class _Pulse(threading.Thread):
    """
    Wakes a reactor twice a second.

    It does not end as soon as no call is left, but at its next beat, so that a series of requests
    needs only one thread.
    """

    def __init__(self, reactor: Any, beat: Callable[[], object]) -> None:
        super().__init__(name="txresumable pulse", daemon=True)
        self._reactor = reactor
        self._beat = beat
        self._stopped = threading.Event()
        self._heard = True

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        while not self._stopped.wait(PULSE):
            if self._heard:  # calls do not pile up in a reactor that is not running
                self._heard = False
                self._reactor.callFromThread(self._deliver)

    def _deliver(self) -> None:
        self._heard = True
        if not self._stopped.is_set():
            self._beat()


_clocks: WeakValueDictionary[int, SteadyClock] = WeakValueDictionary()
"""By the id of their reactor, which each of them keeps alive."""
