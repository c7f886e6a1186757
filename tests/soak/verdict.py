"""
Whether a round was right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import define, field

from .content import sha256_of
from .plan import Plan, UploadPlan

__all__ = ["Evidence", "faults"]

MIB = 1024 * 1024
MOST_MEMORY = {"client": 192 * MIB, "receiver": 128 * MIB}


@define
class Evidence:
    """
    What was seen of a round.

    :ivar journals: of each client, the lines of all its lives.
    :ivar finished: the digests of the finished files that are there, by name.
    :ivar taken: the digests of those that were taken away, and when.
    :ivar odd: what must not be at all: a process that ended by itself, something in a log.
    :ivar memory: the most bytes that a receiver had.
    """

    journals: Sequence[Sequence[Mapping[str, Any]]]
    finished: Mapping[str, str]
    taken: Sequence[tuple[float, str]]
    odd: list[str] = field(factory=list)
    memory: int = 0


def faults(plan: Plan, seen: Evidence) -> list[str]:
    """What was wrong; nothing if all was right."""
    wrong = list(seen.odd)
    wrong += _strangers(plan, seen)
    for number, lines in enumerate(seen.journals):
        uploads = plan.clients[number].uploads
        wrong += [f"client {number}: {each}" for each in _journal(uploads, lines, seen)]
    if seen.memory > MOST_MEMORY["receiver"]:
        wrong.append(f"the receiver had {seen.memory / MIB:.0f} MiB")
    return wrong


def _strangers(plan: Plan, seen: Evidence) -> Iterator[str]:
    """Finished files that nobody sent."""
    sent = {sha256_of(upload) for client in plan.clients for upload in client.uploads}
    for name, digest in seen.finished.items():
        if digest not in sent:
            yield f"DIFFERS: {name!r} is none of the files that were sent"
    for _, digest in seen.taken:
        if digest not in sent:
            yield "DIFFERS: a file that was taken away is none of those that were sent"


def _journal(
    uploads: Sequence[UploadPlan], lines: Sequence[Mapping[str, Any]], seen: Evidence
) -> Iterator[str]:
    began: dict[int, float] = {}
    waiting: set[int] = set()
    for line in lines:
        what = line["what"]
        if what == "life":  # what a life before this one did not end, a signal did
            waiting.clear()
        elif what == "began":
            began[line["upload"]] = line["at"]
            waiting.add(line["upload"])
        elif what in ("completed", "failed", "cancelled"):
            waiting.discard(line["upload"])
            upload = uploads[line["upload"]]
            if what == "completed" and not _is_there(upload, began[line["upload"]], seen):
                yield f"MISSING: upload {line['upload']} was said to be complete"
        elif what == "end":
            if line["memory"] > MOST_MEMORY["client"]:
                yield f"had {line['memory'] / MIB:.0f} MiB"
        else:
            yield f"{what}: {line['why']}"
    for number in sorted(waiting):
        yield f"upload {number} has no end"


def _is_there(upload: UploadPlan, since: float, seen: Evidence) -> bool:
    digest = sha256_of(upload)
    if digest in seen.finished.values():
        return True
    return any(digest == taken and at >= since for at, taken in seen.taken)
