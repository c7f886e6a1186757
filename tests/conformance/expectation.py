"""
What a scenario is to do here: what was recorded, changed by the rows of the table that concern it.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from attrs import define

from .scenario import Scenario


@define
class Expectation:
    """
    What a scenario is to do: what resumable.js did, changed by what the table says.

    :ivar options: what our client is given besides the translated options.
    :ivar constant: names of headers, in lower case, that are not compared.
    :ivar requests: in order.
    :ivar waits: seconds between a failed upload and the next attempt at the same.
    :ivar events: in order.
    :ivar chunks: of each file.
    :ivar layout: the chunk ranges of each file, whatever became of it.
    :ivar progress: of the uploader at the end.
    :ivar observed: what hooks counted.
    """

    options: dict[str, Any]
    constant: frozenset[str]
    requests: list[dict[str, Any]]
    waits: list[float]
    events: list[tuple[str, ...]]
    chunks: list[dict[str, Any]]
    layout: list[list[list[int]]]
    progress: float
    observed: dict[str, Any]


def recorded(scenario: Scenario, options: Mapping[str, Any]) -> Expectation:
    """
    What resumable.js did, before anything of the table.

    :param scenario: which.
    :param options: the translated options; a wait before a retry is one of them.
    """
    return Expectation(
        options={},
        constant=frozenset(),
        requests=deepcopy(list(scenario.requests)),
        waits=[options.get("chunk_retry_interval") or 0.0] * _retries(scenario),
        events=list(scenario.events),
        chunks=deepcopy(list(scenario.chunks)),
        layout=[_layout(file.size, options.get("chunk_size", 1048576)) for file in scenario.files],
        progress=scenario.progress,
        observed=deepcopy(scenario.observed),
    )


def _layout(size: int, chunk_size: int) -> list[list[int]]:
    """
    The floor rule, as ``ResumableFile.bootstrap`` and ``ResumableChunk`` have it.
    """
    count = max(size // chunk_size, 1)
    starts = [chunk_size * number for number in range(count)]
    return [[start, end] for start, end in zip(starts, [*starts[1:], size], strict=True)]


def _retries(scenario: Scenario) -> int:
    """
    How many uploads came after an attempt at the same that was answered, or dropped, without
    success.
    """
    failed: set[str] = set()
    retries = 0
    for request, reply in zip(scenario.requests, scenario.replies, strict=True):
        if request["body"] is not None:
            retries += request["target"] in failed
            failed.discard(request["target"])
            if reply.status not in (200, 201):
                failed.add(request["target"])
    return retries
