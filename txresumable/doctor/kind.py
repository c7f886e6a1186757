"""
Whether a server is a receiver, and which requests it understands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum

from attrs import frozen

from .._protocol.dialect import DIALECTS
from .specimen import CHUNK, Specimens
from .visit import Visit
from .wire import Reply

__all__ = ["Outcome", "Trial", "find_kind", "try_out"]


class Outcome(IntEnum):
    """What came of a chunk."""

    REFUSED = 0
    """It was refused."""
    ACCEPTED = 1
    """It was accepted; whether it is there cannot be seen."""
    PROVEN = 2
    """It was accepted, and is there; it was not before, and another chunk is not."""


@frozen
class Trial:
    """
    One chunk of three, sent in one way.

    :ivar visit: the way.
    :ivar before: the response to a test before it was sent.
    :ivar sent: the response to it.
    :ivar after: the response to a test after it was sent.
    :ivar other: the response to a test of another chunk.
    """

    visit: Visit
    before: Reply
    sent: Reply
    after: Reply
    other: Reply

    @property
    def can_ask(self) -> bool:
        """Whether the server says of what does not exist that it is not there."""
        return not self.visit.holds(self.before)

    @property
    def outcome(self) -> Outcome:
        """What came of it."""
        holds = self.visit.holds
        if not holds(self.sent):
            return Outcome.REFUSED
        there = self.can_ask and holds(self.after) and not holds(self.other)
        return Outcome.PROVEN if there else Outcome.ACCEPTED


async def try_out(visit: Visit, specimens: Specimens, **how: bool | str) -> Trial:
    """
    Send one chunk of three.

    :param how: as :meth:`~txresumable.doctor.visit.Visit.upload` takes it.
    """
    specimen = specimens.make(3 * CHUNK)
    before = await visit.test(specimen, 1)
    sent = await visit.upload(specimen, 1, **how)  # type: ignore[arg-type]
    after = before if not visit.holds(sent) else await visit.test(specimen, 1)
    other = before if not visit.holds(after) else await visit.test(specimen, 2)
    return Trial(visit, before, sent, after, other)


async def find_kind(visit: Visit, specimens: Specimens, given: Mapping[str, object]) -> list[Trial]:
    """
    Try one way after the other until a chunk is proven to be there.

    :param given: options that are not to be changed.
    :returns: the trials, of which the last one is proven if any is.
    """
    trials = []
    for way in _ways(given):
        trials.append(await try_out(visit.otherwise(**way), specimens))
        if trials[-1].outcome is Outcome.PROVEN:
            break
    return trials


def _ways(given: Mapping[str, object]) -> Iterator[dict[str, str]]:
    formats = (("multipart", "blob"), ("octet", "blob"), ("multipart", "base64"))
    for method, chunk_format in formats:
        for dialect in DIALECTS:
            way = {"dialect": dialect, "method": method, "chunk_format": chunk_format}
            if all(way[name] == given[name] for name in way if name in given):
                yield way
