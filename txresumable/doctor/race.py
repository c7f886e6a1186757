"""
What comes of two chunks at once: the first two of a file, and the last two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from ..errors import TransportError
from .checks import Patient
from .diagnosis import Finding
from .run import Run, run
from .specimen import Specimen
from .wire import Reply

__all__ = ["find_race"]

_ROUNDS = 3
_FIRST, _LAST = (1, 2), (3, 4)


async def find_race(patient: Patient, force: bool, order: Finding) -> Finding:
    """
    What comes of two chunks at once.

    :param force: whether the remainder is a chunk of its own.
    :param order: what was found about their order.
    """
    if order.options.get("in_order"):
        return Finding("race", None, "not tried, as chunks have to come in order")
    pairs = (_FIRST,) if order.options.get("last_chunk_alone") else (_FIRST, _LAST)
    specimen = patient.specimens.make_with_rest(4, force)
    like = await run(patient.visit, specimen, (1, 2, 3, 4), can_ask=patient.can_ask)
    wrong: dict[tuple[int, int], list[str]] = {_FIRST: [], _LAST: []}
    for _ in range(_ROUNDS):
        specimen = patient.specimens.make_with_rest(4, force)
        for pair in pairs:
            found = await _together(patient, specimen, pair, like)
            wrong[pair] += found
            if found:
                break
    shown = " and ".join("the first two" if pair is _FIRST else "the last two" for pair in pairs)
    how = f"{shown} of four chunks at once, {_ROUNDS} times: "
    if wrong[_FIRST]:
        return Finding("race", "fails", how + "; ".join(wrong[_FIRST]), {"in_order": True})
    if wrong[_LAST]:
        return Finding("race", "fails", how + "; ".join(wrong[_LAST]), {"last_chunk_alone": True})
    done = "complete" if like.evidence() and _LAST in pairs else "accepted"
    return Finding("race", None, f"{how}{done} each time, which is no proof")


async def _together(
    patient: Patient, specimen: Specimen, pair: tuple[int, int], like: Run
) -> list[str]:
    """Send two chunks at once; returns what went wrong."""
    visit = patient.visit
    sending = [Deferred.fromCoroutine(visit.upload(specimen, number)) for number in pair]
    sent: Any = await DeferredList(sending, consumeErrors=True)
    wrong, replies = [], []
    for number, (_, result) in zip(pair, sent, strict=True):
        if isinstance(result, Failure):
            result.trap(TransportError)
            wrong.append(f"there was no response to chunk {number} ({result.value})")
        elif not visit.holds(result):
            wrong.append(f"chunk {number} was refused with {result.said}")
        else:
            replies.append(result)
    if wrong or pair is _FIRST or not like.evidence():
        return wrong
    if await _is_complete(patient, specimen, replies, like):
        return []
    return ["both were accepted, and nothing shows that the file is complete"]


async def _is_complete(
    patient: Patient, specimen: Specimen, replies: Sequence[Reply], like: Run
) -> bool:
    for reply in replies:
        if Run(specimen, [like.replies[0], reply]).evidence(like):
            return True
    if like.gone is None:
        return False
    return not patient.visit.holds(await patient.visit.test(specimen, 1))
