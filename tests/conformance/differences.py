"""
The kinds of deliberate differences: each one narrow change of what a scenario is expected to do.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from txresumable import identifiers

from .expectation import Expectation, recorded
from .scenario import Scenario
from .table import Difference

Change = Callable[[Expectation, Difference, Mapping[str, Scenario]], None]


def _constant_headers(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    expected.constant = frozenset(name.lower() for name in row.literals())


def _header_order(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    for request in expected.requests:
        request["headers"] = sorted((name.lower(), value) for name, value in request["headers"])


def _boundary(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    for request in expected.requests:
        if request["body"] is not None and "boundary" in request["body"]:
            request["body"]["boundary"] = "<boundary>"


def _identifier(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    expected.options["generate_unique_identifier"] = identifiers.resumable_js


def _back_off(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    """
    Retries come at once, as in resumable.js, unless the server asks for a wait.
    """
    expected.options["retry_policy"] = lambda failed: failed.requested or 0.0


def _slot_given_back(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    """
    While a chunk waits the others are sent, which takes no time at all here.
    """
    first = [
        each for at, each in enumerate(expected.requests) if each not in expected.requests[:at]
    ]
    again = [each for at, each in enumerate(expected.requests) if each in expected.requests[:at]]
    expected.requests = first + again


def _repetition(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    """
    Some uploads were made twice by the browser itself, without a word to the library: what the
    library asked for is one more than it announced retries.
    """
    test, *uploads = expected.requests
    retries = expected.events.count(("fileRetry", "file.bin"))
    assert all(upload == uploads[0] for upload in uploads)
    expected.requests = [test, *uploads[: retries + 1]]
    expected.waits = expected.waits[:retries]


def _repeated_refusal(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    """
    Once more, with the test before it, for the server of the recording says the same to both.
    """
    expected.requests += deepcopy(expected.requests)
    expected.waits = [0.0]


def _no_cors(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    expected.requests = [each for each in expected.requests if each["method"] != "OPTIONS"]
    for request in expected.requests:
        request["headers"] = [pair for pair in request["headers"] if pair[0].lower() != "origin"]


def _redirected_test(
    expected: Expectation, row: Difference, scenarios: Mapping[str, Scenario]
) -> None:
    """
    As if the test had been answered 404: the chunk is sent.
    """
    test, _ = expected.requests
    other = next(each for each in scenarios["get-404"].requests if each["body"] is not None)
    assert test["target"] == other["target"], "get-404 is about the same file"
    expected.requests = [test, deepcopy(other)]


def _redirected_upload(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    """
    The redirect ends the file.
    """
    expected.requests.pop()
    expected.waits = []
    success = next(event for event in expected.events if event[0] == "fileSuccess")
    at = expected.events.index(success)
    expected.events[at : at + 1] = [("fileError", *success[1:]), ("error", *success[1:])]
    for file in expected.chunks:
        file["ranges"] = []


def _tested_again(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    """
    An upload whose last attempt was given up, or lost its connection, is preceded by a test.
    """
    tests = {each["target"]: each for each in expected.requests if each["body"] is None}
    unknown: set[str] = set()
    requests: list[dict[str, Any]] = []
    for request in expected.requests:
        target = request["target"]
        if request["body"] is not None:
            if target in unknown:
                # Those of several slots are all asked for before the first of them is sent.
                at = len(requests)
                while at and _is_plain_upload(requests[at - 1]):
                    at -= 1
                requests.insert(at, {**tests[target], "aborted": False})
                unknown.discard(target)
            if request["aborted"] or request["dropped"]:
                unknown.add(target)
        requests.append(request)
    expected.requests = requests


def _is_plain_upload(request: dict[str, Any]) -> bool:
    return request["body"] is not None and not (request["aborted"] or request["dropped"])


def _lost_connection(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    """
    Of two lost connections the first is made up for in silence, as all are by the browser.
    """
    at = next(index for index, event in enumerate(expected.events) if event[0] == "fileSuccess")
    expected.events.insert(at, ("fileRetry", expected.events[at][1]))
    assert expected.waits == [0.0, 0.0]


def _retry_after(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    expected.waits = [2.0]


def _fragment(expected: Expectation, row: Difference, scenarios: Mapping[str, Scenario]) -> None:
    """
    The targets are those of the same file without a fragment.
    """
    for request, other in zip(expected.requests, scenarios["get-404"].requests, strict=True):
        request["target"] = other["target"]


def _failed_file(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    """
    The file keeps its chunks, and its progress is what was stored: nothing, in all that was
    recorded.
    """
    for file, ranges in zip(expected.chunks, expected.layout, strict=True):
        if not file["ranges"]:
            file["ranges"] = ranges
            expected.progress = 0.0


def _empty_file(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    expected.progress = 1.0


def _files_added(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    expected.events.insert(1, ("filesAdded",))


def _start(expected: Expectation, row: Difference, _: Mapping[str, Scenario]) -> None:
    """
    ``upload_start`` comes when there is something to upload.
    """
    expected.events.remove(("uploadStart",))
    expected.events.insert(expected.events.index(("filesAdded",)) + 1, ("uploadStart",))


KINDS: dict[str, Change] = {
    "constant-headers": _constant_headers,
    "header-order": _header_order,
    "boundary": _boundary,
    "identifier": _identifier,
    "back-off": _back_off,
    "slot-given-back": _slot_given_back,
    "retry-after": _retry_after,
    "redirected-test": _redirected_test,
    "redirected-upload": _redirected_upload,
    "browser-repeats-408": _repetition,
    "repeated-refusal": _repeated_refusal,
    "lost-connection": _lost_connection,
    "tested-again": _tested_again,
    "fragment": _fragment,
    "no-cors": _no_cors,
    "failed-file": _failed_file,
    "empty-file": _empty_file,
    "files-added": _files_added,
    "upload-start": _start,
}


def expect(
    scenario: Scenario,
    options: Mapping[str, Any],
    table: Sequence[Difference],
    scenarios: Mapping[str, Scenario],
) -> tuple[Expectation, list[Difference]]:
    """
    What a scenario is to do here: what is special about it first, then what goes for all.

    :param scenario: which.
    :param options: its translated options.
    :param table: the differences.
    :param scenarios: all of them, by id.
    :return: the expectation, and the rows that changed it.
    """
    expected = recorded(scenario, options)
    effective = []
    for row in sorted(table, key=lambda row: row.scenarios == ("all",)):
        if row.concerns(scenario.id):
            before = deepcopy(expected)
            KINDS[row.kind](expected, row, scenarios)
            if expected != before:
                effective.append(row)
    return expected, effective
