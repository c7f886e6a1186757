"""
How many chunks are under way at once: a fixed number, or what suits the network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._http.gauge import Gauge
from .._policy.concurrency import START, AdaptiveConcurrency
from .._policy.slots import Slots
from .._protocol.dialect import STORED
from .._runtime.ticker import Ticker
from ..options import Options
from .attempt import Attempt, Result
from .loans import Loans
from .turn import Turn

__all__ = ["Breadth"]

SHORTEST = 0.01
"""Seconds at least between two looks at how fast chunks arrive."""


class Breadth:
    """
    Slots, and how many of them there should be.

    :ivar slots: of chunks under way.
    :ivar tests: of chunks that are tested, or have been and wait for a slot; :data:`None` if those
        are under way as well.
    :ivar adapts: whether the number of either is found while chunks are sent.
    :ivar is_timed: whether anybody wants to know how long attempts take.
    :ivar adapts_tests: whether that of tests is.
    :ivar loans: those of slots that only wait for responses.
    :ivar written: called when small requests were given to the kernel, if anybody wants to know.
    :ivar small_next: returns whether so many files come next that are small.
    """

    def __init__(self, options: Options, clock: Any, turn: Turn) -> None:
        """
        :param options: the options.
        :param clock: an ``IReactorTime``.
        :param turn: runs when there are more slots.
        """
        number = options.simultaneous_uploads
        self.small_next: Callable[[int], bool] = lambda count: False
        self._clock = clock
        self._turn = turn
        self._adaptive: AdaptiveConcurrency | None = None
        if isinstance(number, int):
            self.slots = Slots(number)
        else:
            cap = options.max_simultaneous_uploads
            self._adaptive = AdaptiveConcurrency(cap, self._round_trip)
            self.slots = Slots(min(START, options.max_simultaneous_uploads))
        self._fixed = self.slots.number
        self.tests: Slots | None = None
        self._testing: AdaptiveConcurrency | None = None
        tests = _tests(options)
        if isinstance(tests, int):
            self.tests = Slots(tests)
        elif tests is not None:
            self._testing = AdaptiveConcurrency(options.max_simultaneous_uploads)
            self.tests = Slots(self._testing.number)
        self._fixed_tests = 0 if self.tests is None else self.tests.number
        self.adapts_tests = self._testing is not None
        self.adapts = self._adaptive is not None or self.adapts_tests
        self.loans = Loans(options, clock, turn, self.slots)
        self.written = self.loans.written if self.loans.is_on else None
        self.is_timed = self.adapts or self.loans.is_on
        self._gauge: Gauge | None = None
        self._stored: Callable[[float], object] | None = None
        self._is_held = False
        self._chunk_size = options.chunk_size
        self._ticker: Ticker | None = None

    @property
    def number(self) -> int:
        """How many slots there should be."""
        return self._fixed if self._adaptive is None else self._adaptive.number

    @property
    def most(self) -> int:
        """How many slots there may ever be, of both kinds and lent."""
        tests = self._fixed_tests if self._testing is None else self._testing.cap
        uploads = self._fixed if self._adaptive is None else self._adaptive.cap
        return tests + (2 * uploads if self.loans.is_on else uploads)

    def use(self, gauge: Gauge | None) -> None:
        """
        Ask this from now on.

        :param gauge: how fast connections are; :data:`None` if that is not known.
        """
        self._gauge = gauge
        self.loans.use(gauge)

    def hold(self, lasts: bool) -> None:
        """
        Let something else decide how many slots there are, and have one for tests; or no more.

        :param lasts: which of it.
        """
        self._is_held = lasts
        self.loans.stop()
        if self.tests is not None:
            number = self._fixed_tests if self._testing is None else self._testing.number
            self.tests.resize(1 if lasts else number)

    def _round_trip(self) -> float | None:
        return None if self._gauge is None else self._gauge.round_trip()

    def connected(self, round_trip: float) -> None:
        """
        A connection was opened.

        :param round_trip: seconds of a round trip over it.
        """
        self.loans.connected(round_trip)
        if not self.adapts:
            return
        if self._testing is not None:
            self._resize_tests(self._testing.connected(round_trip))
        if self._adaptive is None:
            self._turn.run()
            return
        small = self._adaptive.is_fresh and self.small_next(self._adaptive.cap)
        self._resize(self._adaptive.connected(round_trip, small))
        if self._adaptive.is_fresh and self._ticker is None:
            self._ticker = Ticker(self._clock, max(round_trip, SHORTEST), self._look)
            self._ticker.start()
        self._turn.run()

    def _look(self) -> bool:
        """:returns: whether it is worth another look."""
        adaptive, gauge = self._adaptive, self._gauge
        arrived = None if gauge is None else gauge.acknowledged()
        if adaptive is None or arrived is None:
            return False
        self._resize(adaptive.look(self._clock.seconds(), arrived, self._chunk_size))
        self._turn.run()
        return adaptive.is_fresh

    def watch(self, stored: Callable[[float], object]) -> None:
        """
        Notify somebody of how long it takes to send a chunk.

        :param stored: called with seconds when a chunk that was sent is stored.
        """
        self._stored = stored
        self.is_timed = True

    def close(self) -> None:
        """Look no more."""
        if self._ticker is not None:
            self._ticker.stop()

    def delivered(self, attempt: Attempt, result: Result) -> None:
        """An attempt has a result, which says something about the network."""
        if result.verdict is STORED:
            if self._stored is not None and not result.found:
                self._stored(self._clock.seconds() - attempt.began)
            if self._adaptive is not None and not (result.found and self.adapts_tests):
                now = self._clock.seconds()
                seconds = now - attempt.began
                if result.found:
                    self._resize(self._adaptive.found(now, seconds))
                else:
                    start, end = attempt.ledger.layout.range(attempt.offset)
                    self._resize(self._adaptive.stored(now, end - start, seconds))
        elif result.answer.code in (429, 503):
            self.pushed_back()

    def tested(self, attempt: Attempt) -> None:
        """There is a response to the test of a chunk, and nothing else was waited for."""
        if self._testing is not None and attempt.slots is self.tests:
            now = self._clock.seconds()
            self._resize_tests(self._testing.found(now, now - attempt.began))

    def pushed_back(self) -> None:
        """The server asked for less, or did not respond in time."""
        self.loans.stop()
        if self._adaptive is not None:
            self._resize(self._adaptive.pushed_back())
        if self._testing is not None:
            self._resize_tests(self._testing.pushed_back())

    def _resize_tests(self, number: int) -> None:
        if self.tests is not None and not self._is_held and number != self.tests.number:
            self.tests.resize(number)

    def _resize(self, number: int) -> None:
        if not self._is_held and number != self.slots.number:
            self.slots.resize(number)


def _tests(options: Options) -> int | str | None:
    """How many slots there are for tests; a hook of chunks is called for no more than are sent."""
    if not options.test_chunks or options.preprocess is not None:
        return None
    auto = options.test_chunks == "adaptive" or options.simultaneous_uploads == "auto"
    return options.simultaneous_tests or ("auto" if auto else None)
