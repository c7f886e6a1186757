"""
A model of a long line in simulated time, for trying how many chunks at once suit it.

Every connection has a window of its own, as TCP has: it doubles in each round trip at first, and
falls when the line's queue is full or a packet is lost.  All connections share the line, and every
request costs a round trip and the server's time.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from attrs import define, field, frozen

MIB = 1 << 20
SEGMENT = 1460
FIRST = 10 * SEGMENT
"""Bytes of a window in the beginning (RFC 6928)."""
FALL = 0.7
"""What remains of a window when a packet is lost (CUBIC, RFC 9438)."""
STEPS = 4
"""Steps of a round trip."""


@frozen
class Link:
    """
    :ivar rate: bytes a second of all connections together.
    :ivar delay: seconds of a round trip.
    :ivar loss: the part of packets that are lost.
    :ivar window: bytes a connection may have under way.
    :ivar server: seconds that the server takes for a request.
    :ivar at_once: how many requests the server works on together.
    """

    name: str
    rate: float
    delay: float
    loss: float = 0.0
    window: int = 4 * MIB
    server: float = 0.002
    at_once: int = 1000

    @property
    def room(self) -> float:
        """Bytes of the queue: what the line has under way, and at least 16 segments."""
        return max(self.rate * self.delay, 16.0 * SEGMENT)


LINKS = (
    Link("loopback", 1.5e9, 0.0002, window=16 * MIB),
    Link("office", 1.2e8, 0.002),
    Link("100 Mbit, 80 ms", 1.25e7, 0.08),
    Link("1,000 Mbit, 100 ms", 1.25e8, 0.1),
    Link("20 Mbit, 600 ms", 2.5e6, 0.6),
    Link("20 Mbit, 50 ms, 0.5 % loss", 2.5e6, 0.05, loss=0.005),
    Link("10 Mbit, 30 ms", 1.25e6, 0.03),
)


@define(eq=False)
class _Connection:
    """
    :ivar window: bytes it may have under way.
    :ivar left: bytes of its chunk that are not sent yet.
    :ivar began: when its chunk began.
    :ivar ends: when the response arrives, once all is sent.
    """

    window: float = FIRST
    is_starting: bool = True
    left: float = 0.0
    began: float = 0.0
    starts: float = 0.0
    ends: float = field(default=float("inf"))


def upload(
    link: Link,
    number: Callable[[], int],
    stored: Callable[[float, int, float], object],
    *,
    look: Callable[[float, float, int], object] = lambda now, round_trip, arrived: None,
    chunk: int = MIB,
    chunks: int = 64,
    seed: int = 1,
) -> float:
    """
    Send chunks over a link.

    :param number: how many may be under way.
    :param stored: told of each chunk: now, size, seconds.
    :param look: told once in a round trip from when the first connection is there: now, seconds of
        a round trip, bytes that have arrived.
    :returns: seconds until the last one was stored.
    """
    chance = random.Random(seed)
    step = link.delay / STEPS
    now, sent, done, queue, arrived, steps = 0.0, 0, 0, 0.0, 0.0, 0
    busy: list[_Connection] = []
    idle: list[_Connection] = []
    while done < chunks:
        while len(busy) < number() and sent < chunks:
            wait = link.delay * (0.5 if idle else 1.5)  # its handshake
            each = idle.pop() if idle else _Connection()
            each.left, each.began, each.starts, each.ends = chunk, now, now + wait, float("inf")
            busy.append(each)
            sent += 1
        now += step
        steps += 1
        if steps % STEPS == 0:
            look(now, link.delay + queue / link.rate, int(arrived))
        moving = [each for each in busy if each.starts <= now and each.left > 0]
        wanted = {each: step * _speed(each, link, queue) for each in moving}
        total = sum(wanted.values())
        room = link.rate * step
        queue = max(0.0, queue + total - room)
        is_full = queue > link.room
        queue = min(queue, link.room)
        for each in moving:
            passed = wanted[each] * min(1.0, room / total)
            each.left -= passed
            arrived += passed
            lost = link.loss and chance.random() < 1 - (1 - link.loss) ** (passed / SEGMENT)
            if lost or (is_full and chance.random() < 2 * wanted[each] / total):
                if each.is_starting:  # it has sent twice as much as there was room for
                    each.starts = now + 2 * (link.delay + queue / link.rate)
                each.window, each.is_starting = max(2 * SEGMENT, each.window * FALL), False
            else:
                trips = step / (link.delay + queue / link.rate)
                growth = 2.0**trips if each.is_starting else 1 + 0.05 * trips
                each.window = min(link.window, each.window * growth + SEGMENT * trips)
            if each.left <= 0:
                wait = link.delay / 2 + queue / link.rate
                others = sum(other.ends < float("inf") for other in busy)
                each.ends = now + wait + link.server * (1 + others // link.at_once)
        for each in [each for each in busy if each.ends <= now]:
            busy.remove(each)
            idle.append(each)
            done += 1
            stored(now, chunk, now - each.began)
    return now


def ask(
    link: Link,
    number: Callable[[], int],
    answered: Callable[[float, float], object],
    *,
    tests: int = 500,
) -> float:
    """
    Send requests without bodies over a link, each of which takes a round trip.

    :param answered: told of each response: now, seconds.
    :returns: seconds until the last response.
    """
    now, sent, done, opened = 0.0, 0, 0, 0
    busy: list[tuple[float, float]] = []
    idle = 0
    while done < tests:
        while len(busy) < number() and sent < tests:
            handshake = 0.0 if idle else link.delay
            idle -= idle > 0
            opened += bool(handshake)
            busy.append((now + handshake + link.delay + link.server, now))
            sent += 1
        busy.sort()
        now, began = busy.pop(0)
        idle += 1
        done += 1
        answered(now, now - began)
    return now


def _speed(connection: _Connection, link: Link, queue: float) -> float:
    """Bytes a second at which a connection sends."""
    return connection.window / (link.delay + queue / link.rate)
