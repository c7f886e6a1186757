"""
How many concurrent chunks suit the network: ``simultaneous_uploads="auto"``.

Over a long line there are as many as fill it: see :mod:`txresumable._policy.filling`.  What else
limits throughput (loss, the windows of connections, the time that the server takes) is found by
trial: throughput is measured over windows of some chunks.  At first the number is doubled for as
long as that pays; then one more slot is kept if it brought enough of what it could bring.  If it
did not, the number goes back; one slot more is tried again later, and so is one less, since a slot
that adds nothing costs the server memory.

A server that pushes back (429, 503), or that does not respond in time, halves the number.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from .filling import Filling

__all__ = ["AdaptiveConcurrency"]

START = 3
"""resumable.js's default."""
CAP = 32
"""Each slot costs a connection, and memory on both sides."""
NEARLY, NEARLY_AT_FIRST = 1.5, 1.2
"""
So many times the number has to be wanted for slots to be added at once.  Connections that are
opened later have to fight for their part of the line.
"""
WAITING = 12
"""
So many times the number are wanted if requests do hardly anything but wait for their responses:
then each slot more is worth having.
"""
AT_FIRST = 24
"""
As many are soon enough for any line.  More windows that all double in each round trip overflow its
queue, and those that lose most are late with the last chunks.
"""
ENOUGH = 0.35
"""The part of a new slot's possible gain that makes it worth keeping."""
SAME = 0.97
"""The part of the rate that must remain for a slot to be given up."""
QUIET = 6
"""Windows between two trials when the last one changed nothing."""
LITTLE = 64 * 1024
"""
So many bytes under way at once cost neither end anything worth mentioning: of small chunks there
are as many as that, whatever they bring.
"""
SLOWER = 4.0
"""Chunks that take this many times the shortest time seen indicate a queue somewhere."""


class _Trial(Enum):
    NONE = "none"
    MORE = "more"
    LESS = "less"


class AdaptiveConcurrency:
    """
    Finds a number of slots.

    :param cap: the most.
    :param round_trip: returns how many seconds a round trip takes now, if that is known.
    :ivar is_fresh: whether it does not know yet how fast chunks are stored.
    :ivar number: how many chunks may be under way now, from 1 to ``cap``.
    """

    def __init__(
        self, cap: int = CAP, round_trip: Callable[[], float | None] = lambda: None
    ) -> None:
        self.cap = cap
        self.number = min(START, cap)
        self._round_trip = round_trip
        self._filling: Filling | None = Filling()
        self._rate = 0.0
        self._step = 1
        self.is_fresh = True
        self._climbing = True
        self._trial = _Trial.NONE
        self._next = _Trial.MORE
        self._quiet = 0
        self._cheap = 0
        self._fastest = float("inf")
        self._begin(0.0, fresh=True)

    def _begin(self, now: float, *, fresh: bool = False) -> None:
        self._since = now
        self._bytes = self._chunks = 0
        self._times = 0.0
        # Chunks that were under way when the number changed were sent at the old number.
        self._skip = 0 if fresh else self.number

    def connected(self, round_trip: float, small: bool = False) -> int:
        """
        A connection was opened.

        :param round_trip: seconds of a round trip over it.
        :param small: whether the next requests carry hardly anything.
        :returns: :attr:`number`.
        """
        filling = self._filling
        if filling is not None and round_trip < filling.round_trip:
            is_first, filling.round_trip = filling.round_trip == float("inf"), round_trip
            if is_first and self.is_fresh:
                self.number = min(filling.guess(self.number, small), self.cap)
        return self.number

    def look(self, now: float, arrived: int, size: int) -> int:
        """
        Before the first chunks are stored, see how fast they arrive.  To be called once in a round
        trip, as long as :attr:`is_fresh`.

        :param now: the time, in seconds of a steady clock.
        :param arrived: how many bytes have arrived at the server.
        :param size: bytes of a chunk.
        :returns: :attr:`number`.
        """
        filling = self._filling
        if filling is not None and self.is_fresh and filling.look(now, arrived, size):
            self._fill(min(filling.wanted, AT_FIRST))
        return self.number

    def stored(self, now: float, size: int, seconds: float) -> int:
        """
        A chunk was stored.

        :param now: the time, in seconds of a steady clock.
        :param size: its bytes.
        :param seconds: how long it took.
        :returns: :attr:`number`.
        """
        self._ended(now, seconds)
        if self._skip:
            self._skip -= 1
            self._since = now
            return self.number
        if not self._chunks and not self._since:
            self._since = now - seconds
        self._bytes += size
        self._chunks += 1
        pace = seconds / max(size, 1)
        self._times += pace
        self._fastest = min(self._fastest, pace)
        if self._chunks >= max(8, 2 * self.number) and now > self._since:
            self._cheap = min(LITTLE * self._chunks // max(self._bytes, 1), self.cap)
            self._judge(self._bytes / (now - self._since), self._times / self._chunks)
            self._begin(now)
        return self.number

    def found(self, now: float, seconds: float) -> int:
        """
        A chunk was there already, so that none of it was sent.

        :param now: the time, in seconds of a steady clock.
        :param seconds: how long the test took.
        :returns: :attr:`number`.
        """
        if self._filling is not None and seconds < self._filling.round_trip:
            self._filling.round_trip = seconds
        self._ended(now, seconds)
        return self.number

    def _ended(self, now: float, seconds: float) -> None:
        if self._filling is not None and self._filling.ended(now, seconds, self.number):
            self.is_fresh = False
            self._fill(self._filling.wanted)

    def pushed_back(self) -> int:
        """
        The server asked for less, or did not respond in time.

        :returns: :attr:`number`, half of what it was unless that was just done.
        """
        if not self._skip:
            self.number = max(1, self.number // 2)
            self._trial, self._next = _Trial.NONE, _Trial.MORE
            self._rate, self._quiet, self._climbing = 0.0, QUIET, False
            self._filling = None  # there is another limit than the line
            self._begin(0.0)
        return self.number

    def _fill(self, wanted: int) -> None:
        """Have as many slots as fill the line, if there are much less, and it is not full."""
        nearly = NEARLY_AT_FIRST if self.is_fresh else NEARLY
        if wanted > WAITING * self.number:
            nearly = 1.0
        if min(wanted, self.cap) > self.number * nearly and not self._is_full:
            self.number = min(wanted, self.cap)
            self._trial, self._rate = _Trial.NONE, 0.0
            self._begin(0.0)

    @property
    def _least(self) -> int:
        """How many there are at least, unless the server wants fewer."""
        return 1 if self._filling is None else max(1, 2 * self._filling.wanted, self._cheap)

    @property
    def _is_full(self) -> bool:
        return self._filling is not None and self._filling.has_queue(self._round_trip())

    def _judge(self, rate: float, pace: float) -> None:
        trial, self._trial = self._trial, _Trial.NONE
        if self._filling is not None and self.number < self._cheap:
            self.number, self._rate = self._cheap, 0.0
        elif trial is _Trial.MORE:
            before = self.number - self._step
            wanted = 1 + ENOUGH * self._step / before
            if rate < self._rate * wanted:
                self.number = before
                if self._climbing:
                    self._climbing = False
                    self._try(_Trial.MORE)  # twice as many were too many; one more may not be
                    return
                if pace > SLOWER * self._fastest:
                    self.number = round(before * 0.75)  # a queue is building up; two remain two
                self._settle(_Trial.LESS)
                return
            self._rate = rate
            self._try(_Trial.MORE)
        elif trial is _Trial.LESS:
            if rate < self._rate * SAME:
                self.number += 1
                self._settle(_Trial.MORE)
                return
            self._rate = max(rate, self._rate * SAME)
            self._try(_Trial.LESS)
        else:
            self._rate = rate if not self._rate else (self._rate + rate) / 2
            if self._quiet:
                self._quiet -= 1
            else:
                self._try(self._next)

    def _settle(self, following: _Trial) -> None:
        self._quiet, self._next = QUIET, following

    def _try(self, trial: _Trial) -> None:
        if trial is _Trial.MORE and self.number < self.cap and not self._is_full:
            self._step = min(self.number if self._climbing else 1, self.cap - self.number)
            self.number += self._step
        elif trial is _Trial.LESS and self.number > self._least:
            self.number -= 1
        else:
            self._settle(_Trial.LESS if trial is _Trial.MORE else _Trial.MORE)
            return
        self._trial = trial
