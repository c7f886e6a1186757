"""
How chunks are numbered, in which order they may come, and what happens if two come at once.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from ..errors import TransportError
from .checks import Patient
from .diagnosis import Finding
from .run import Run, run
from .specimen import CHUNK, Specimen
from .wire import Reply

__all__ = ["find_order", "find_race", "find_rule"]

_REST = CHUNK // 2
_ROUNDS = 3


async def find_rule(patient: Patient) -> Finding:
    """Whether the last chunk takes the remainder, or the remainder is a chunk of its own."""
    floor, ceil = [await _whole(patient, 2 * CHUNK + _REST, force) for force in (False, True)]
    shown = f"remainder with the last chunk: {_shown(floor)}; by itself: {_shown(ceil)}"
    for this, other, value, force in (
        (floor, ceil, "floor", False),
        (ceil, floor, "ceil", True),
    ):
        if (this.evidence() and not other.evidence()) or (not this.refusal and other.refusal):
            return Finding("rule", value, shown, {"force_chunk_size": force})
    if floor.evidence():
        return Finding("rule", "either", shown)
    if floor.refusal:
        return Finding("rule", None, f"a whole file was not accepted: {shown}")
    return Finding("rule", None, f"both were accepted: {shown}")


async def find_order(patient: Patient, force: bool) -> Finding:
    """
    Which order of chunks it needs.

    :param force: whether the remainder is a chunk of its own.
    """
    in_order = await _ordered(patient, force, (1, 2, 3))
    if in_order.refusal:
        return Finding("order", None, f"chunks 1, 2, 3: {_shown(in_order)}")
    last_first = await _ordered(patient, force, (3, 1, 2))
    last_last = await _ordered(patient, force, (2, 1, 3))
    shown = "; ".join(
        f"chunks {', '.join(map(str, numbers))}: {_shown(each, in_order)}"
        for numbers, each in (
            ((1, 2, 3), in_order),
            ((3, 1, 2), last_first),
            ((2, 1, 3), last_last),
        )
    )
    visible = bool(in_order.evidence())
    if not _went_wrong(last_first, in_order, visible):
        return Finding("order", "any" if visible else None, shown)
    if not _went_wrong(last_last, in_order, visible):
        return Finding("order", "the last chunk last", shown, {"last_chunk_alone": True})
    return Finding("order", "in order", shown, {"in_order": True})


async def find_race(patient: Patient, force: bool, order: Finding) -> Finding:
    """
    What happens if the last two chunks come at once.

    :param order: what was found about their order.
    """
    if order.options:
        return Finding("race", None, "not tried, as the last chunk has to come last")
    like = await _ordered(patient, force, (1, 2, 3))
    visible, wrong = bool(like.evidence()), []
    for _ in range(_ROUNDS):
        specimen = _three(patient, force)
        await patient.visit.upload(specimen, 1)
        sending = [Deferred.fromCoroutine(patient.visit.upload(specimen, n)) for n in (2, 3)]
        sent = await DeferredList(sending, consumeErrors=True)
        wrong += await _wrong(patient, specimen, [result for _, result in sent], like)
    if wrong:
        how = f"chunks 2 and 3 of 3 at once, {_ROUNDS} times: {'; '.join(wrong)}"
        return Finding("race", "fails", how, {"last_chunk_alone": True})
    done = "complete each time" if visible else "accepted each time"
    how = f"chunks 2 and 3 of 3 at once, {_ROUNDS} times: {done}, which is no proof"
    return Finding("race", None, how)


async def _wrong(
    patient: Patient, specimen: Specimen, results: list[Reply | Failure], like: Run
) -> list[str]:
    wrong, replies = [], []
    for number, result in zip((2, 3), results, strict=True):
        if isinstance(result, Failure):
            result.trap(TransportError)
            wrong.append(f"there was no response to chunk {number} ({result.value})")
        elif not patient.visit.holds(result):
            wrong.append(f"chunk {number} was refused with {result.said}")
        else:
            replies.append(result)
    if wrong or not like.evidence():
        return wrong
    for reply in replies:
        if Run(specimen, [like.replies[0], reply]).evidence(like):
            return []
    if like.gone and not patient.visit.holds(await patient.visit.test(specimen, 1)):
        return []
    return ["both were accepted, and nothing shows that the file is complete"]


async def _whole(patient: Patient, size: int, force: bool) -> Run:
    specimen = patient.specimens.make(size, force=force)
    numbers = range(1, specimen.layout.count + 1)
    return await run(patient.visit, specimen, numbers, can_ask=patient.can_ask)


async def _ordered(patient: Patient, force: bool, order: tuple[int, ...]) -> Run:
    return await run(patient.visit, _three(patient, force), order, can_ask=patient.can_ask)


def _three(patient: Patient, force: bool) -> Specimen:
    """A file of three chunks that is no multiple of a chunk."""
    return patient.specimens.make((2 if force else 3) * CHUNK + _REST, force=force)


def _went_wrong(this: Run, like: Run, visible: bool) -> bool:
    return bool(this.refusal) or (visible and not this.evidence(like))


def _shown(this: Run, like: Run | None = None) -> str:
    return this.refusal or this.evidence(like) or "accepted, nothing shows that it is complete"
