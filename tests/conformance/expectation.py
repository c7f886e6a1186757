"""
What a scenario is to do here: what was recorded, changed by the rows of the table that concern it.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from attrs import define

from .exchange import key_of
from .scenario import Scenario

PAGE_WAITS = {"file-retry": 0.4}
"""Seconds that the page of a scenario waits before it has a file tried again."""


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
    :ivar stored: how many bytes of all files the server said it has.
    :ivar siblings: the scenarios of the same library, by id.
    :ivar at_once: how many chunks are under way at most.
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
    stored: int
    siblings: Mapping[str, Scenario]
    at_once: int
    progress: float
    observed: dict[str, Any]


def recorded(
    scenario: Scenario, options: Mapping[str, Any], siblings: Mapping[str, Scenario]
) -> Expectation:
    """
    What the library did, before anything of the table.

    :param scenario: which.
    :param options: the translated options; a wait before a retry is one of them.
    :param siblings: the scenarios of the same library, by id.
    """
    wait = PAGE_WAITS.get(scenario.id, 0.0)
    return Expectation(
        options={},
        constant=frozenset(),
        requests=deepcopy(list(scenario.requests)),
        waits=[options.get("chunk_retry_interval") or wait] * _retries(scenario),
        events=list(scenario.events),
        chunks=deepcopy(list(scenario.chunks)),
        layout=[_layout(file.size, options.get("chunk_size", 1048576)) for file in scenario.files],
        stored=_stored(scenario),
        siblings=siblings,
        at_once=options.get("simultaneous_uploads", 3),
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
    failed: set[tuple[Any, ...]] = set()
    retries = 0
    for request, reply in zip(scenario.requests, scenario.replies, strict=True):
        if request["body"] is not None:
            key = key_of(request)
            retries += key in failed
            failed.discard(key)
            if reply.status not in stored_statuses(scenario.client):
                failed.add(key)
    return retries


def _stored(scenario: Scenario) -> int:
    """
    The bytes of chunks that were sent, and stored.
    """
    pairs = zip(scenario.requests, scenario.replies, strict=True)
    statuses = stored_statuses(scenario.client)
    bodies = [
        request["body"]
        for request, reply in pairs
        if reply.status in statuses and request["body"] and not request["aborted"]
    ]
    return sum(body["parts"][-1]["size"] if "parts" in body else body["size"] for body in bodies)


def stored_statuses(client: str) -> frozenset[int]:
    """
    What a library takes for success, if nothing else was chosen.

    :param client: the name of its dialect.
    """
    return frozenset((200, 201) if client == "resumable" else (200, 201, 202))
