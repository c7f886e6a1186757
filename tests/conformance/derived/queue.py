"""
The order of chunks and files, and what answers do to it.
"""

from ..scenario import Response
from .case import (
    ADDED,
    Case,
    answers,
    asked,
    both,
    chunk,
    events,
    options,
    sample,
    uploaded,
)


def _prioritized() -> Case:
    order = [(1, "a"), (4, "a"), (1, "b"), (4, "b"), (2, "a"), (3, "a"), (2, "b"), (3, "b")]
    return Case(
        "first-and-last",
        "uploadNextChunk: first and last of each file, file after file, and then the rest",
        options(prioritize_first_and_last_chunk=True, test_chunks=False),
        (sample("a", 40), sample("b", 40)),
        tuple(chunk(number, name) for number, name in order),
    )


def _prioritized_single() -> Case:
    return Case(
        "first-and-last-of-one",
        "a file of one chunk has a first chunk and no last",
        options(prioritize_first_and_last_chunk=True, test_chunks=False),
        (sample("a", 19), sample("b", 40)),
        (uploaded(1, 19, 19, 1, "a"), chunk(1, "b"), chunk(4, "b"), chunk(2, "b"), chunk(3, "b")),
    )


def _several_files() -> Case:
    return Case(
        "several-files",
        "file after file, chunk after chunk; complete once",
        options(test_chunks=False),
        (sample("a", 20), sample("b", 12), sample("c", 20)),
        (
            uploaded(1, 10, 20, 2, "a"),
            uploaded(2, 10, 20, 2, "a"),
            uploaded(1, 12, 12, 1, "b"),
            uploaded(1, 10, 20, 2, "c"),
            uploaded(2, 10, 20, 2, "c"),
        ),
        events(
            *("fileAdded a", "fileAdded b", "fileAdded c", "filesAdded", "uploadStart"),
            *("fileSuccess a:ok", "fileSuccess b:ok", "fileSuccess c:ok", "complete"),
        ),
    )


def _three_at_once() -> Case:
    return Case(
        "three-at-once",
        "simultaneousUploads: three slots, over the end of a file",
        options(simultaneous_uploads=3, test_chunks=False),
        (sample("a", 40), sample("b", 20)),
        (
            *(chunk(number, "a") for number in (1, 2, 3, 4)),
            uploaded(1, 10, 20, 2, "b"),
            uploaded(2, 10, 20, 2, "b"),
        ),
        events(
            *("fileAdded a", "fileAdded b", "filesAdded", "uploadStart"),
            *("fileSuccess a:ok", "fileSuccess b:ok", "complete"),
        ),
    )


def _next_file_after_an_error() -> Case:
    return Case(
        "next-file-after-an-error",
        "a permanent error ends its file; the next one runs",
        options(test_chunks=False),
        (sample("a", 30), sample("b", 12)),
        (uploaded(1, 10, 30, 3, "a"), uploaded(2, 10, 30, 3, "a"), uploaded(1, 12, 12, 1, "b")),
        events(
            *("fileAdded a", "fileAdded b", "filesAdded", "uploadStart"),
            *("fileError a:no", "error a:no", "fileSuccess b:ok", "complete"),
        ),
        lambda method, target, before: (
            Response(415, text="no")
            if "resumableChunkNumber=2" in target and "resumableFilename=a" in target
            else Response(200)
        ),
    )


def _permanent_errors() -> Case:
    return Case(
        "permanent-errors",
        "permanentErrors replaces the list: 404 and 500 are tried again, 503 is the end",
        options(permanent_errors=[503], test_chunks=False),
        (sample("f", 12),),
        (uploaded(1, 12, 12, 1),) * 3,
        events(*ADDED, "fileRetry f", "fileRetry f", "fileError f:ok", "error f:ok", "complete"),
        answers(404, 500, 503),
    )


def _no_retries() -> Case:
    return Case(
        "no-retries",
        "maxChunkRetries 0: one attempt",
        options(max_chunk_retries=0, test_chunks=False),
        (sample("f", 12),),
        (uploaded(1, 12, 12, 1),),
        events(*ADDED, "fileError f:ok", "error f:ok", "complete"),
        answers(503),
    )


def _retried_in_order() -> Case:
    return Case(
        "retried-in-order",
        "a chunk that is tried again, one at a time: its attempts come before the next chunk",
        options(chunk_retry_interval=0),
        (sample("f", 20),),
        (
            *both(1, 10, 20, 2),
            uploaded(1, 10, 20, 2),
            uploaded(1, 10, 20, 2),
            *both(2, 10, 20, 2),
        ),
        events(*ADDED, "fileRetry f", "fileRetry f", "fileSuccess f:ok", "complete"),
        answers(503, 429),
    )


def _timed_out() -> Case:
    return Case(
        "timed-out",
        "xhrTimeout of an upload counts as a failure; with tests off nothing is asked again",
        options(chunk_timeout=0.2, test_chunks=False, chunk_retry_interval=0),
        (sample("f", 12),),
        (uploaded(1, 12, 12, 1),) * 2,
        events(*ADDED, "fileRetry f", "fileSuccess f:ok", "complete"),
        lambda method, target, before: Response(200, delay=0.0 if before else 0.3),
    )


def _all_there() -> Case:
    return Case(
        "all-there",
        "tests that say that all is there: nothing is uploaded, and the file succeeds",
        options(),
        (sample("f", 30),),
        tuple(asked(number, 10, 30, 3) for number in (1, 2, 3)),
        events(*ADDED, "fileSuccess f:201", "complete"),
        lambda method, target, before: Response(201, text="201"),
    )


def _half_there() -> Case:
    return Case(
        "half-there",
        "tests decide for each chunk",
        options(),
        (sample("f", 30),),
        (asked(1, 10, 30, 3), *both(2, 10, 30, 3), asked(3, 10, 30, 3)),
        events(*ADDED, "fileSuccess f:ok", "complete"),
        lambda method, target, before: Response(
            404 if method == "GET" and "resumableChunkNumber=2" in target else 200
        ),
    )


def _unanswered_test() -> Case:
    return Case(
        "unanswered-test",
        "testHandler() on an error: the chunk is sent, and it is no retry",
        options(),
        (sample("f", 12),),
        both(1, 12, 12, 1),
        events(*ADDED, "fileSuccess f:ok", "complete"),
        lambda method, target, before: Response(0 if method == "GET" else 200),
    )


def cases() -> list[Case]:
    """
    All of this module.
    """
    return [
        _prioritized(),
        _prioritized_single(),
        _several_files(),
        _three_at_once(),
        _next_file_after_an_error(),
        _permanent_errors(),
        _no_retries(),
        _retried_in_order(),
        _timed_out(),
        _all_there(),
        _half_there(),
        _unanswered_test(),
    ]
