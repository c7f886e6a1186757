"""
What goes wrong between an uploader and a receiver, and when: decided by chance with a seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from random import Random

from attrs import field, frozen

__all__ = ["Fault", "Forecast", "Weather"]


class Fault(Enum):
    """What happens to one request."""

    NONE = "arrives and gets its response"
    REFUSED = "no connection can be made"
    LOST = "never arrives, and nobody says so"
    RESET = "the connection breaks while the body is sent"
    STALLED = "the peer stops reading for a while"
    LATE = "arrives long after it was sent"
    TWICE = "arrives a second time, later"
    CORRUPT = "a byte of the chunk is damaged"
    STATUS = "something on the way responds instead of the receiver"
    EARLY = "gets a response before it was sent"
    RESPONSE_LOST = "arrives; the response does not"
    RESPONSE_RESET = "arrives; the connection breaks before the response"
    RESPONSE_CUT = "arrives; the connection breaks within the response"
    RESPONSE_REPLACED = "arrives; something on the way responds instead"
    RESPONSE_ENCODED = "arrives; the response is compressed"
    RESPONSE_TRICKLES = "arrives; the response comes byte by byte"


@frozen
class Forecast:
    """
    What weather is to be.

    :ivar latency: the longest way of a request or a response when nothing is wrong, in seconds.
    :ivar rate: which share of requests something happens to.
    :ivar weights: how often each fault happens, in comparison.
    :ivar statuses: what responses instead of the receiver say.
    :ivar outages: when there is no network at all, as seconds from and to.
    :ivar clears: from when on nothing goes wrong any more, in seconds.
    """

    latency: float = 0.0
    rate: float = 0.0
    weights: Mapping[Fault, float] = field(factory=dict)
    statuses: tuple[int, ...] = (503,)
    outages: tuple[tuple[float, float], ...] = ()
    clears: float = 0.0


class Weather:
    """
    A forecast as it comes true.

    :param forecast: what is to be.
    :param random: the source of chance.
    """

    def __init__(self, forecast: Forecast, random: Random) -> None:
        self.forecast = forecast
        self.random = random
        self._faults = list(forecast.weights)
        self._weights = list(forecast.weights.values())

    def is_down(self, now: float) -> bool:
        """
        Whether there is no network.

        :param now: seconds.
        """
        return any(start <= now < end for start, end in self.forecast.outages)

    def fault(self, now: float) -> Fault:
        """
        What happens to the next request.

        :param now: seconds.
        """
        if now >= self.forecast.clears or self.random.random() >= self.forecast.rate:
            return Fault.NONE
        return self.random.choices(self._faults, self._weights)[0] if self._faults else Fault.NONE

    def latency(self) -> float:
        """Seconds that a request or a response takes."""
        return self.random.uniform(0.0, self.forecast.latency)

    def long(self) -> float:
        """Seconds that something takes that takes long."""
        return self.random.choice((1.0, 10.0, 100.0)) * self.random.random()

    def status(self) -> int:
        """What something on the way responds."""
        return self.random.choice(self.forecast.statuses)

    def chance(self) -> bool:
        """One of two."""
        return self.random.random() < 0.5
