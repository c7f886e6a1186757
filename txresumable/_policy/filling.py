"""
How many requests at once keep a long line full.

Between two chunks a connection waits for a response, a round trip long, and then begins slowly: the
line is not full meanwhile, unless others fill it.  So there are to be so many requests under way
that each of them takes many round trips.  That number follows from how many of them end in a round
trip, which is known as soon as the first ones have ended.
"""

from __future__ import annotations

from math import ceil

__all__ = ["JITTER", "QUEUE", "Filling"]

GUESS, GROWTH = 0.013, 1.3
"""
So many requests more there are to begin with: the round trip in units of so many seconds, to that
power, for the longer it is, the longer it takes to find out how many there should be.
"""
MOST_GUESSED = 24
"""How many to begin with at the most."""
ALONE = 0.002
"""Seconds between two requests that carry hardly anything, so that they do not fill a line."""
ROUND_TRIPS = 16.0
"""So many of them a request is to take: then waiting costs a few per cent of the time."""
QUEUE = 1.25
"""So many times the shortest round trip show that packets wait for each other on the line."""
JITTER = 0.002
"""Seconds by which a round trip may be longer without showing anything."""


class Filling:
    """
    Finds out how many requests fill a line.

    :ivar wanted: how many; 0 as long as that is unknown.
    :ivar round_trip: the shortest round trip, in seconds; infinite as long as that is unknown.
    """

    def __init__(self) -> None:
        self.wanted = 0
        self.round_trip = float("inf")
        self._begin(0.0)

        self._seen: tuple[float, int] | None = None

    def _begin(self, now: float) -> None:
        self._since = now
        self._ended = 0
        self._longest = 0.0

    def guess(self, number: int, small: bool = False) -> int:
        """
        How many to begin with.  Connections that are opened once the line is full have to fight for
        their part of it, so that it is better to open them early.

        :param number: how many would be, if the line was short.
        :param small: whether requests carry hardly anything, and only wait for their responses:
            then as many are worth having as fit into a round trip.
        """
        if small:
            return number + int(self.round_trip / ALONE)
        return max(number, min(number + int((self.round_trip / GUESS) ** GROWTH), MOST_GUESSED))

    def ended(self, now: float, seconds: float, number: int) -> bool:
        """
        A request has ended.

        :param now: the time, in seconds of a steady clock.
        :param seconds: how long it took.
        :param number: how many were under way.
        :returns: whether :attr:`wanted` is known anew.
        """
        if not self._ended and now - seconds > self._since:
            self._since = now - seconds  # there was nothing under way
        self._ended += 1
        self._longest = max(self._longest, seconds)
        elapsed = now - self._since
        # In less time than one of them takes, those that end together would count too much.
        if self._ended < number or elapsed < self._longest or elapsed <= 0:
            return False
        if self.round_trip < float("inf"):
            self.wanted = ceil(ROUND_TRIPS * self.round_trip * self._ended / elapsed)
        self._begin(now)
        return self.wanted > 0

    def look(self, now: float, arrived: int, size: int) -> bool:
        """
        Before the first ones have ended, see how many would in a round trip.

        :param now: the time, in seconds of a steady clock.
        :param arrived: how many bytes have arrived at the server.
        :param size: bytes of a request.
        :returns: whether :attr:`wanted` is larger than before.
        """
        before, self._seen = self._seen, (now, arrived)
        if before is None or self._ended or now <= before[0]:
            return False
        ended = (arrived - before[1]) / (now - before[0]) * self.round_trip / size
        wanted = ceil(ROUND_TRIPS * ended)
        grows, self.wanted = wanted > self.wanted, max(wanted, self.wanted)
        return grows

    def has_queue(self, round_trip: float | None) -> bool:
        """
        Whether packets wait for each other: then the line is full, and more requests add nothing.

        :param round_trip: what it takes now, in seconds, if that is known.
        """
        return round_trip is not None and round_trip > self.round_trip * QUEUE + JITTER
