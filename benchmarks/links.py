"""
Emulated links for trying how many chunks at once suit a network, without a network.

Every connection has a rate of its own at most (its window over the delay, less with loss), all
share the link, and every request costs a round trip and the server's time.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from attrs import define, frozen

MIB = 1 << 20


@frozen
class Link:
    """
    :ivar rate: bytes a second of all connections together.
    :ivar delay: seconds of a round trip.
    :ivar loss: the part of packets that are lost.
    :ivar window: bytes a connection may have under way.
    :ivar jitter: the part by which times vary.
    """

    name: str
    rate: float
    delay: float
    loss: float = 0.0
    window: int = 4 * MIB
    server: float = 0.002
    jitter: float = 0.05

    @property
    def own(self) -> float:
        """Bytes a second of one connection at most (Mathis et al., 1997)."""
        most = self.window / self.delay
        return min(most, 1.22 * 1460 / (self.delay * self.loss**0.5)) if self.loss else most


LINKS = (
    Link("loopback", 1.5e9, 0.0002, window=16 * MIB),
    Link("office", 1.2e8, 0.002),
    Link("dsl", 1.25e6, 0.03),
    Link("fibre, far", 1.2e8, 0.15, window=2 * MIB),
    Link("lossy", 1.2e7, 0.08, loss=0.002),
    Link("satellite", 2.5e6, 0.6, loss=0.0005),
)


@define
class _Transfer:
    left: float
    began: float
    starts: float


def goodput(
    link: Link,
    number: Callable[[], int],
    stored: Callable[[float, int, float], object],
    *,
    chunk: int = MIB,
    chunks: int = 400,
    seed: int = 1,
) -> float:
    """
    Send chunks over a link.

    :param number: how many may be under way.
    :param stored: told of each chunk: now, size, seconds.
    :returns: bytes a second over the later half, when a number should have been found.
    """
    chance = random.Random(seed)
    now, sent, done, halfway = 0.0, 0, 0, 0.0
    busy: list[_Transfer] = []
    while done < chunks:
        while len(busy) < number() and sent < chunks:
            wait = (link.delay + link.server) * (1 + chance.uniform(-1, 1) * link.jitter)
            size = chunk * (1 + chance.uniform(-1, 1) * link.jitter)
            busy.append(_Transfer(size, now, now + wait))
            sent += 1
        moving = [each for each in busy if each.starts <= now]
        share = min(link.own, link.rate / len(moving)) if moving else 1.0
        times = [each.left / share for each in moving]
        times += [each.starts - now for each in busy if each.starts > now]
        step = max(min(times), 1e-9)
        now += step
        for each in moving:
            each.left -= share * step
        for each in [each for each in moving if each.left <= 1e-6 * chunk]:
            busy.remove(each)
            done += 1
            if done == chunks // 2:
                halfway = now
            stored(now, chunk, now - each.began)
    return chunk * (chunks - chunks // 2) / (now - halfway)
