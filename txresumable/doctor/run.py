"""
The upload of a whole file, chunk after chunk, and what shows that it is complete.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256

from attrs import define, field

from .specimen import Specimen
from .visit import Visit
from .wire import Reply

__all__ = ["Run", "run"]

_CHECKSUM = "Resumable-File-Checksum"
_VARYING = re.compile(r"[\w.-]*[0-9][\w.-]*")
"""Words with digits: numbers, and what identifies a file."""


@define
class Run:
    """
    An upload of a whole file.

    :ivar specimen: the file.
    :ivar replies: the responses to its chunks, in the order in which they were sent; after one that
        is no success, nothing was sent.
    :ivar refused: the number of the chunk that was refused, if one was.
    :ivar gone: the number of a chunk that was there before the last one was sent, and was not after
        it.
    :ivar early: whether a chunk was gone before the last one was sent.
    """

    specimen: Specimen
    replies: list[Reply] = field(factory=list)
    refused: int | None = None
    gone: int | None = None
    early: bool = False

    @property
    def last(self) -> Reply:
        """The response to the chunk that was sent last."""
        return self.replies[-1]

    @property
    def mark(self) -> tuple[int, str] | None:
        """What is in the response to the last chunk, numbers apart, and in no other."""
        *before, last = map(_shape, self.replies)
        return last if before and len(set(before)) == 1 and last not in before else None

    def evidence(self, like: Run | None = None) -> str:
        """
        What shows that the file is complete, as a clause; nothing if nothing does.

        :param like: another run that was complete, if this one is to be like it.
        """
        if self.refused is not None or self.early:
            return ""
        stated = self.last.header(_CHECKSUM)
        if stated == f"sha256:{_digest(self.specimen)}":
            return "the response has the digest of the whole file"
        if stated is None and self.gone is not None:
            return f"chunk {self.gone} was there before it, and is not after it"
        if self.mark is not None and (like is None or self.mark == like.mark):
            return f"the response to it is another one: {self.last.said}"
        return ""

    @property
    def refusal(self) -> str:
        """Which chunk was refused and how, or what else went wrong, as a clause."""
        if self.refused is not None:
            return f"chunk {self.refused} was refused with {self.last.said}"
        return "chunks were gone before the last one was sent" if self.early else ""


async def run(visit: Visit, specimen: Specimen, order: Sequence[int], *, can_ask: bool) -> Run:
    """
    Upload a file.

    :param order: the numbers of its chunks, two or more.
    :param can_ask: whether the server can be asked which chunks it has.
    """
    done = Run(specimen)
    first = order[0]
    for number in order:
        there = False
        if can_ask and number == order[-1]:
            there = visit.holds(await visit.test(specimen, first))
            done.early = not there
        reply = await visit.upload(specimen, number)
        done.replies.append(reply)
        if not visit.holds(reply):
            done.refused = number
            return done
        if there and not visit.holds(await visit.test(specimen, first)):
            done.gone = first
    return done


def _digest(specimen: Specimen) -> str:
    content = sha256()
    for number in range(1, specimen.layout.count + 1):
        content.update(specimen.chunk(number))
    return content.hexdigest()


def _shape(reply: Reply) -> tuple[int, str]:
    return reply.code, _VARYING.sub("#", reply.text)
