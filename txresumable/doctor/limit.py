"""
How large a request may be.
"""

from __future__ import annotations

from ..errors import TransportError
from ..options import MIB
from .checks import Patient
from .diagnosis import Finding
from .specimen import CHUNK

__all__ = ["MOST", "find_limit"]

MOST = 8 * MIB
"""Bytes of the largest chunk that is tried."""
_PRECISION = 4 * 1024
_FORM = 8 * 1024
"""Bytes that a form may take around a chunk, with a longer name than those of the specimens."""


async def find_limit(patient: Patient, force: bool) -> Finding:
    """
    Find the largest chunk that is accepted, by bisection.

    :param force: whether no chunk is larger than ``chunk_size``; otherwise the last one may be
        twice as large.
    """
    why = await _refusal(patient, MOST)
    if not why:
        return Finding("limit", "8 MiB or more", "a chunk of 8 MiB was accepted, none larger tried")
    fits, too_large = CHUNK, MOST
    while too_large - fits > _PRECISION:
        size = (fits + too_large) // 2
        refused = await _refusal(patient, size)
        if refused:
            too_large, why = size, refused
        else:
            fits = size
    how = f"a chunk of {fits} bytes was accepted, one of {too_large} was not: {why}"
    room = fits - _FORM
    chunk_size = room if force else room // 2
    options = {"chunk_size": _even(chunk_size)} if chunk_size < MIB else {}
    return Finding("limit", f"{fits} bytes", how, options)


async def _refusal(patient: Patient, size: int) -> str:
    """Why a chunk of a size is not accepted, or nothing."""
    visit = patient.visit
    specimen = patient.specimens.make(3 * size, chunk_size=size)
    try:
        reply = await visit.upload(specimen, 1)
        if not visit.holds(reply):
            return reply.said
        if patient.can_ask and not visit.holds(await visit.test(specimen, 1)):
            return f"{reply.said}, but it is not there"
    except TransportError as error:
        return f"no response ({error})"
    return ""


def _even(size: int) -> int:
    """A size that people can read, not larger."""
    step = int("1" + "0" * max(0, len(str(size)) - 2))
    return max(1, size // step * step)
