"""
How chunks are numbered, and in which order they may come.
"""

from __future__ import annotations

from .._protocol.servers import PRIME
from .checks import Patient
from .diagnosis import Finding
from .run import Run, run
from .specimen import CHUNK, REST

__all__ = ["find_multiples", "find_order", "find_rule"]


async def find_rule(patient: Patient) -> Finding:
    """Whether the last chunk takes the remainder, or the remainder is a chunk of its own."""
    floor, ceil = [await _whole(patient, 2 * CHUNK + REST, force) for force in (False, True)]
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


async def find_multiples(patient: Patient, force: bool) -> Finding:
    """
    Whether it takes a file that is a multiple of a chunk.

    :param force: whether the remainder of others is a chunk of its own.
    """
    whole = await _whole(patient, 3 * CHUNK, force)
    shown = f"chunks 1, 2, 3 of a file of three whole chunks: {_shown(whole)}"
    if not whole.refusal:
        return Finding("multiples", "accepted", shown)
    other = await _ordered(patient, force, (1, 2, 3))
    shown = f"{shown}; of one with a remainder: {_shown(other)}"
    if other.refusal:
        return Finding("multiples", None, shown)
    return Finding("multiples", "fail", shown, {"chunk_size": PRIME})


async def _whole(patient: Patient, size: int, force: bool) -> Run:
    specimen = patient.specimens.make(size, force=force)
    numbers = range(1, specimen.layout.count + 1)
    return await run(patient.visit, specimen, numbers, can_ask=patient.can_ask)


async def _ordered(patient: Patient, force: bool, order: tuple[int, ...]) -> Run:
    specimen = patient.specimens.make_with_rest(3, force)
    return await run(patient.visit, specimen, order, can_ask=patient.can_ask)


def _went_wrong(this: Run, like: Run, visible: bool) -> bool:
    return bool(this.refusal) or (visible and not this.evidence(like))


def _shown(this: Run, like: Run | None = None) -> str:
    return this.refusal or this.evidence(like) or "accepted, nothing shows that it is complete"
