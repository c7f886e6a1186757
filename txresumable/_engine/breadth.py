"""
How many chunks are under way at once: a fixed number, or what suits the network.
"""

from __future__ import annotations

from typing import Any

from .._http.gauge import Gauge
from .._policy.concurrency import START, AdaptiveConcurrency
from .._policy.slots import Slots
from .._protocol.dialect import STORED
from .._runtime.ticker import Ticker
from ..options import Options
from .attempt import Attempt, Result
from .turn import Turn

__all__ = ["Breadth"]

SHORTEST = 0.01
"""Seconds at least between two looks at how fast chunks arrive."""


class Breadth:
    """
    Slots, and how many of them there should be.

    :ivar slots: of chunks under way.
    :ivar adapts: whether their number is found while chunks are sent.
    :ivar gauge: how fast connections are, if that is known.
    :ivar is_held: whether something else decides how many there are, for now.
    """

    gauge: Gauge | None = None

    def __init__(self, options: Options, clock: Any, turn: Turn) -> None:
        """
        :param options: the options.
        :param clock: an ``IReactorTime``.
        :param turn: runs when there are more slots.
        """
        number = options.simultaneous_uploads
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
        self.adapts = self._adaptive is not None
        self.is_held = False
        self._chunk_size = options.chunk_size
        self._ticker: Ticker | None = None

    @property
    def number(self) -> int:
        """How many slots there should be."""
        return self._fixed if self._adaptive is None else self._adaptive.number

    @property
    def most(self) -> int:
        """How many slots there may ever be."""
        return self._fixed if self._adaptive is None else self._adaptive.cap

    def _round_trip(self) -> float | None:
        return None if self.gauge is None else self.gauge.round_trip()

    def connected(self, round_trip: float) -> None:
        """
        A connection was opened.

        :param round_trip: seconds of a round trip over it.
        """
        if self._adaptive is None:
            return
        self._resize(self._adaptive.connected(round_trip))
        if self._adaptive.is_fresh and self._ticker is None:
            self._ticker = Ticker(self._clock, max(round_trip, SHORTEST), self._look)
            self._ticker.start()
        self._turn.run()

    def _look(self) -> bool:
        """:returns: whether it is worth another look."""
        adaptive, gauge = self._adaptive, self.gauge
        arrived = None if gauge is None else gauge.acknowledged()
        if adaptive is None or arrived is None:
            return False
        self._resize(adaptive.look(self._clock.seconds(), arrived, self._chunk_size))
        self._turn.run()
        return adaptive.is_fresh

    def close(self) -> None:
        """Look no more."""
        if self._ticker is not None:
            self._ticker.stop()

    def delivered(self, attempt: Attempt, result: Result) -> None:
        """An attempt has a result, which says something about the network."""
        adaptive = self._adaptive
        if adaptive is None:
            return
        now = self._clock.seconds()
        if result.verdict is STORED:
            seconds = now - attempt.began
            if result.found:
                self._resize(adaptive.found(now, seconds))
            else:
                start, end = attempt.ledger.layout.range(attempt.offset)
                self._resize(adaptive.stored(now, end - start, seconds))
        elif result.answer.code in (429, 503):
            self._resize(adaptive.pushed_back())

    def timed_out(self) -> None:
        """There was no response in time."""
        if self._adaptive is not None:
            self._resize(self._adaptive.pushed_back())

    def _resize(self, number: int) -> None:
        if not self.is_held and number != self.slots.number:
            self.slots.resize(number)
