"""
The kinds of deliberate differences: each one narrow change of what a scenario is expected to do.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from txresumable import identifiers

from .exchange import chunk_of
from .expectation import Expectation, recorded
from .scenario import Scenario
from .table import Difference

Change = Callable[[Expectation, Difference], None]


def _constant_headers(expected: Expectation, row: Difference) -> None:
    expected.constant = frozenset(name.lower() for name in row.literals())


def _header_order(expected: Expectation, row: Difference) -> None:
    for request in expected.requests:
        request["headers"] = sorted((name.lower(), value) for name, value in request["headers"])


def _boundary(expected: Expectation, row: Difference) -> None:
    for request in expected.requests:
        if request["body"] is not None and "boundary" in request["body"]:
            request["body"]["boundary"] = "<boundary>"


def _identifier(expected: Expectation, row: Difference) -> None:
    expected.options["generate_unique_identifier"] = identifiers.resumable_js


def _back_off(expected: Expectation, row: Difference) -> None:
    """
    Retries come at once, as in resumable.js, unless the server asks for a wait.
    """
    expected.options["retry_policy"] = lambda failed: failed.requested or 0.0


def _retries(expected: Expectation, row: Difference) -> None:
    expected.options["max_chunk_retries"] = 0


def _slot_given_back(expected: Expectation, row: Difference) -> None:
    """
    While a chunk waits the others are sent, which takes no time at all here.
    """
    asked, at_once = expected.requests, expected.at_once
    first = [each for at, each in enumerate(asked) if each not in asked[:at]]
    tests = [each for each in first if each["body"] is None]
    uploads = [each for each in first if each["body"] is not None]
    expected.requests = [each for at, each in enumerate(asked) if each in asked[:at]]
    for at in reversed(range(0, len(uploads), at_once)):
        window = slice(at, at + at_once)
        expected.requests[:0] = tests[window] + uploads[window]


def _repetition(expected: Expectation, row: Difference) -> None:
    """
    Some uploads were made twice by the browser itself, without a word to the library: what the
    library asked for is one more than it announced retries.
    """
    test, *uploads = expected.requests
    retries = expected.events.count(("fileRetry", "file.bin"))
    assert all(upload == uploads[0] for upload in uploads)
    expected.requests = [test, *uploads[: retries + 1]]
    expected.waits = expected.waits[:retries]


def _repeated_refusal(expected: Expectation, row: Difference) -> None:
    """
    Once more, with the test before it, for the server of the recording says the same to both.
    """
    expected.requests += deepcopy(expected.requests)
    expected.waits = [0.0]


def _no_cors(expected: Expectation, row: Difference) -> None:
    expected.requests = [each for each in expected.requests if each["method"] != "OPTIONS"]
    for request in expected.requests:
        request["headers"] = [pair for pair in request["headers"] if pair[0].lower() != "origin"]


def _redirected_test(expected: Expectation, row: Difference) -> None:
    """
    As if the test had been answered 204: the chunk is sent.
    """
    test = expected.requests[0]
    other, upload = expected.siblings["get-204"].requests
    assert test["target"] == other["target"], "get-204 is about the same file"
    expected.requests = [test, deepcopy(upload)]


def _redirected_upload(expected: Expectation, row: Difference) -> None:
    """
    The redirect ends the file.
    """
    expected.requests.pop()
    expected.waits = []
    expected.stored = 0
    success = next(event for event in expected.events if event[0] == "fileSuccess")
    at = expected.events.index(success)
    expected.events[at : at + 1] = [("fileError", *success[1:]), ("error", *success[1:])]
    for file in expected.chunks:
        file["ranges"] = []


def _tested_again(expected: Expectation, row: Difference) -> None:
    """
    An upload whose last attempt was given up, or lost its connection, is preceded by a test.
    """
    tests = {_chunk_of(each): each for each in expected.requests if each["body"] is None}
    unknown: set[tuple[str, str]] = set()
    requests: list[dict[str, Any]] = []
    for request in expected.requests:
        chunk = _chunk_of(request)
        if request["body"] is not None:
            if chunk in unknown:
                # Those of several slots are all asked for before the first of them is sent.
                at = len(requests)
                while at and _is_plain_upload(requests[at - 1]):
                    at -= 1
                requests.insert(at, {**tests[chunk], "aborted": False})
                unknown.discard(chunk)
            if request["aborted"] or request["dropped"]:
                unknown.add(chunk)
        requests.append(request)
    expected.requests = requests


def _chunk_of(request: dict[str, Any]) -> tuple[str, str]:
    return chunk_of(request["target"], (request["body"] or {}).get("parts", ()))


def _is_plain_upload(request: dict[str, Any]) -> bool:
    return request["body"] is not None and not (request["aborted"] or request["dropped"])


def _lost_connection(expected: Expectation, row: Difference) -> None:
    """
    Of two lost connections the first is made up for in silence, as all are by the browser.
    """
    at = next(index for index, event in enumerate(expected.events) if event[0] == "fileSuccess")
    expected.events.insert(at, ("fileRetry", expected.events[at][1]))
    assert expected.waits == [0.0, 0.0]


def _retry_after(expected: Expectation, row: Difference) -> None:
    expected.waits = [2.0]


def _fragment(expected: Expectation, row: Difference) -> None:
    """
    The targets are those of the same file without a fragment.
    """
    others = expected.siblings["get-204"].requests
    for request, other in zip(expected.requests, others, strict=True):
        request["target"] = other["target"]


def _failed_file(expected: Expectation, row: Difference) -> None:
    """
    The file keeps its chunks, and its progress is what was stored.
    """
    for file, ranges in zip(expected.chunks, expected.layout, strict=True):
        if not file["ranges"]:
            file["ranges"] = ranges
            sizes = [each[-1][-1] for each in expected.layout]
            expected.progress = expected.stored / sum(sizes)


def _empty_file(expected: Expectation, row: Difference) -> None:
    expected.progress = 1.0


def _files_added(expected: Expectation, row: Difference) -> None:
    expected.events.insert(1, ("filesAdded",))


def _start(expected: Expectation, row: Difference) -> None:
    """
    ``upload_start`` comes when there is something to upload.
    """
    expected.events.remove(("uploadStart",))
    expected.events.insert(expected.events.index(("filesAdded",)) + 1, ("uploadStart",))


def _target_arguments(expected: Expectation, row: Difference) -> None:
    """
    The page noted the kinds of three arguments, and here it notes the parameters.
    """
    assert expected.observed == {"target_args": [["object", "object", "boolean"]] * 2}
    _, *pairs = expected.requests[0]["target"].split("&")
    expected.observed = {"target_args": [[pairs]] * 2}


def _same_identifier(expected: Expectation, row: Difference) -> None:
    """
    Of two files the second is as if it had not been added.
    """
    expected.requests, expected.chunks = expected.requests[:2], expected.chunks[:1]
    expected.events = [event for event in expected.events if "ab.bin" not in event]


def _paused(expected: Expectation, row: Difference) -> None:
    expected.events.insert(expected.events.index(("call pause",)) + 1, ("pause",))


def _min_file_size(expected: Expectation, row: Difference) -> None:
    expected.options["min_file_size"] = 0


def _head_tests(expected: Expectation, row: Difference) -> None:
    """
    Tests have the parameters that others have.
    """
    tests = [each for each in expected.requests if each["body"] is None]
    others = [each for each in expected.siblings["sequential"].requests if each["body"] is None]
    for test, other in zip(tests, others, strict=True):
        assert test["target"] == "/u"
        test["target"] = other["target"]


def _octet_type(expected: Expectation, row: Difference) -> None:
    _, upload = expected.requests
    assert upload["headers"] in ([], [("Content-Type", "multipart/form-data")])
    upload["headers"] = [("Content-Type", "application/octet-stream")]


def _failure_events(expected: Expectation, row: Difference) -> None:
    """
    ``error`` follows ``file_error``, and ``completed`` the last file, whatever became of it.
    """
    at = next(at for at, event in enumerate(expected.events) if event[0] == "fileError")
    _, *details = expected.events[at]
    after = [("error", *details)]
    others = {event[0] for event in expected.events[at + 1 :]}
    if "fileSuccess" not in others or ("call retry",) in expected.events:
        after.append(("complete",))
    elif "complete" not in others:
        expected.events.append(("complete",))
    expected.events[at + 1 : at + 1] = after


def _completed_once(expected: Expectation, row: Difference) -> None:
    events = expected.events
    expected.events = [each for at, each in enumerate(events) if each not in events[:at]]


KINDS: dict[str, Change] = {
    "constant-headers": _constant_headers,
    "header-order": _header_order,
    "boundary": _boundary,
    "identifier": _identifier,
    "back-off": _back_off,
    "retries": _retries,
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
    "paused": _paused,
    "min-file-size": _min_file_size,
    "head-tests": _head_tests,
    "octet-type": _octet_type,
    "failure-events": _failure_events,
    "completed-once": _completed_once,
    "target-arguments": _target_arguments,
    "same-identifier": _same_identifier,
}


def expect(
    scenario: Scenario,
    options: Mapping[str, Any],
    table: Sequence[Difference],
    scenarios: Mapping[str, Scenario],
) -> Expectation:
    """
    What a scenario is to do here: what is special about it first, then what goes for all.

    :param scenario: which.
    :param options: its translated options.
    :param table: the differences.
    :param scenarios: all of them, by name.
    :return: the expectation.
    """
    siblings = {each.id: each for each in scenarios.values() if each.client == scenario.client}
    expected = recorded(scenario, options, siblings)
    for row in sorted(table, key=lambda row: row.scenarios == ("all",)):
        if row.concerns(scenario):
            KINDS[row.kind](expected, row)
    return expected
