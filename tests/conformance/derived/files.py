"""
Files: which are accepted, what is done to them before, and steering them.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from ..scenario import Response
from ..session import Driver, Session
from ..translation import Page
from .case import (
    ADDED,
    Case,
    Sent,
    answers,
    both,
    chunk,
    events,
    fields,
    file_part,
    nine,
    options,
    sample,
    uploaded,
    url,
)


def _file_types() -> Case:
    accepted = ("a.JPG", "b.tar.gz", "c.x", "d.y")
    kinds = {"c.x": "image/png", "d.y": "text/html"}
    refused = (
        sample("jpg", 12),
        sample("e.gz", 12),
        sample("f.z", 12, "text/plain"),
        sample("g.xjpg", 12),
    )

    def sent(name: str) -> Sent:
        kind = kinds.get(name, "a/b")
        pairs = nine(1, 12, 12, 1, name, "12-" + name.replace(".", ""))
        pairs[4] = ("resumableType", kind)
        return Sent("POST /u?" + url(pairs), (*fields(pairs), file_part(bytes(range(12)), name)))

    return Case(
        "file-types",
        "fileType: an extension, one with its dot, a type, and a type with a wildcard",
        options(file_type=["jpg", ".tar.gz", "image/*", "text/html"], test_chunks=False),
        (*(sample(name, 12, kinds.get(name, "a/b")) for name in accepted), *refused),
        tuple(sent(name) for name in accepted),
    )


def _file_sizes() -> Case:
    return Case(
        "file-sizes",
        "minFileSize and maxFileSize are the least and the largest that are taken",
        options(min_file_size=11, max_file_size=13, test_chunks=False),
        (sample("a", 10), sample("b", 11), sample("c", 13), sample("d", 14)),
        (uploaded(1, 11, 11, 1, "b"), uploaded(1, 13, 13, 1, "c")),
    )


def _refusals_counted() -> Case:
    def options_of(page: Page) -> dict[str, Any]:
        def callback(rule: str) -> Callable[[Any, int], None]:
            return lambda file, count: page.note(rule, (file.file_name, count))

        return options(
            file_type=["ok"],
            max_file_size=20,
            test_chunks=False,
            file_type_error_callback=callback("type"),
            min_file_size_error_callback=callback("small"),
            max_file_size_error_callback=callback("large"),
        )(page)

    return Case(
        "refusals-counted",
        "each callback hears how many files were refused before; the type is looked at first",
        options_of,
        (sample("a.no", 0), sample("b.ok", 0), sample("c.ok", 21), sample("d.ok", 12)),
        (
            Sent(
                "POST /u?" + url(nine(1, 12, 12, 1, "d.ok", "12-dok")),
                (
                    *fields(nine(1, 12, 12, 1, "d.ok", "12-dok")),
                    file_part(bytes(range(12)), "d.ok"),
                ),
            ),
        ),
        seen={"type": [("a.no", 0)], "small": [("b.ok", 1)], "large": [("c.ok", 2)]},
    )


def _too_many_files() -> Case:
    def options_of(page: Page) -> dict[str, Any]:
        def refused(files: Any, count: int) -> None:
            page.note("refused", ([file.file_name for file in files], count))

        return options(max_files=2, max_files_error_callback=refused)(page)

    return Case(
        "too-many-files",
        "maxFiles: none of too many is taken, and the callback hears of all",
        options_of,
        (sample("a", 12), sample("b", 12), sample("c", 12)),
        (),
        (),
        seen={"refused": [(["a", "b", "c"], 0)]},
    )


def _enough_files() -> Case:
    return Case(
        "enough-files",
        "maxFiles: as many as are allowed",
        options(max_files=2, test_chunks=False),
        (sample("a", 12), sample("b", 12)),
        (uploaded(1, 12, 12, 1, "a"), uploaded(1, 12, 12, 1, "b")),
    )


def _same_file_twice() -> Case:
    return Case(
        "same-file-twice",
        "addFile() skips a file whose identifier is there",
        options(test_chunks=False),
        (sample("f", 20), sample("f", 20)),
        (uploaded(1, 10, 20, 2), uploaded(2, 10, 20, 2)),
        events(*ADDED, "fileSuccess f:ok", "complete"),
    )


def _preprocessed_once() -> Case:
    def options_of(page: Page) -> dict[str, Any]:
        return options(
            preprocess=lambda chunk: page.note("preprocess", chunk.number),
            chunk_retry_interval=0,
        )(page)

    return Case(
        "preprocessed-once",
        "preprocess: before a chunk's first request, and not again for a retry",
        options_of,
        (sample("f", 20),),
        (*both(1, 10, 20, 2), uploaded(1, 10, 20, 2), *both(2, 10, 20, 2)),
        answers=answers(503),
        seen={"preprocess": [1, 2]},
    )


def _preprocessed_file() -> Case:
    def options_of(page: Page) -> dict[str, Any]:
        def preprocess(file: Any) -> Deferred[None]:
            page.note("preprocess", file.file_name)
            return deferLater(page.clock, 0.1, lambda: None)

        return options(preprocess_file=preprocess)(page)

    return Case(
        "preprocessed-file",
        "preprocessFile: before a file's first request, as long as it takes",
        options_of,
        (sample("f", 20),),
        (*both(1, 10, 20, 2), *both(2, 10, 20, 2)),
        events(*ADDED, "fileSuccess f:ok", "complete"),
        seen={"preprocess": ["f"]},
    )


def _marked() -> Case:
    return Case(
        "marked",
        "markChunksCompleted() from fileAdded: the first chunks are taken for sent",
        options(),
        (sample("f", 40),),
        (*both(3, 10, 40, 4), *both(4, 10, 40, 4)),
        events(*ADDED, "fileSuccess f:ok", "complete"),
        driver=Driver(on_added=lambda session, file: file.mark_chunks_completed(2)),
    )


def _tried_once_more() -> Case:
    def retry(session: Session) -> None:
        tried: list[Any] = []

        def again(failed: list[Any]) -> None:
            if not tried:
                tried.append(failed)
                session.again(session.uploader.files[0])

        session.uploader.completed.register(again)

    return Case(
        "tried-once-more",
        "file.retry() after a permanent error: bootstrap() makes new chunks, which are tested",
        options(),
        (sample("f", 20),),
        (*both(1, 10, 20, 2), *both(1, 10, 20, 2), *both(2, 10, 20, 2)),
        events(
            *(*ADDED, "fileError f:ok", "error f:ok", "complete"),
            *("uploadStart", "fileSuccess f:ok", "complete"),
        ),
        answers(415),
        Driver(before=retry),
    )


def _file_cancelled() -> Case:
    return Case(
        "file-cancelled",
        "file.cancel(): its request in flight is aborted, the next file goes on",
        options(test_chunks=False),
        (sample("a", 40), sample("b", 12)),
        (chunk(1, "a"), uploaded(1, 12, 12, 1, "b")),
        events(
            *("fileAdded a", "fileAdded b", "filesAdded", "uploadStart"),
            *("fileSuccess b:ok", "complete"),
        ),
        lambda method, target, before: Response(200, delay=1.0 if "Filename=a" in target else 0.0),
        Driver(
            start=lambda session: session.network.callLater(
                0.5, lambda: session.uploader.files[0].cancel()
            )
        ),
    )


def _file_suspended() -> Case:
    def suspend(session: Session, file: Any) -> None:
        if file.file_name == "a":
            file.suspend()
            session.network.callLater(1.0, file.resume)

    return Case(
        "file-suspended",
        "file.pause(true): the others go on, and it goes last",
        options(test_chunks=False),
        (sample("a", 20), sample("b", 12)),
        (
            uploaded(1, 12, 12, 1, "b"),
            uploaded(1, 10, 20, 2, "a"),
            uploaded(2, 10, 20, 2, "a"),
        ),
        driver=Driver(on_added=suspend),
    )


def cases() -> list[Case]:
    """
    All of this module.
    """
    return [
        _file_types(),
        _file_sizes(),
        _refusals_counted(),
        _too_many_files(),
        _enough_files(),
        _same_file_twice(),
        _preprocessed_once(),
        _preprocessed_file(),
        _marked(),
        _tried_once_more(),
        _file_cancelled(),
        _file_suspended(),
    ]
