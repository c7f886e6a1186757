"""
What resumable.js does and this library does not, on purpose.
"""

from typing import Any

from ..scenario import Response
from ..session import Driver, Session, arguments
from ..translation import Page
from .case import (
    ADDED,
    Case,
    Instead,
    Sent,
    answers,
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


def _cancelled() -> Case:
    added = ("fileAdded a", "fileAdded b", "filesAdded", "uploadStart")
    return Case(
        "all-cancelled",
        "cancel(): each chunk in flight is aborted, and looks for a next one that is not there",
        options(test_chunks=False, simultaneous_uploads=2),
        (sample("a", 40), sample("b", 40)),
        (chunk(1, "a"), chunk(2, "a")),
        events(*added, "complete", "complete", "cancel"),
        lambda method, target, before: Response(200, delay=1.0),
        Driver(start=lambda session: session.network.callLater(0.5, session.uploader.cancel)),
        instead=Instead(
            "cancel-completes-nothing",
            (chunk(1, "a"), chunk(2, "a")),
            events(*added, "cancel"),
        ),
    )


def _token_ran_out() -> Case:
    def options_of(page: Page) -> dict[str, Any]:
        def headers(file: Any, chunk: Any) -> dict[str, str]:
            page.note("asked", chunk.number)
            return {"X-Token": str(len(page.observed["asked"]))}

        return options(headers=headers, test_chunks=False)(page)

    first, second = (
        Sent(sent.request, sent.body, (("x-token", token),))
        for sent, token in ((uploaded(1, 12, 12, 1), "1"), (uploaded(1, 12, 12, 1), "2"))
    )
    return Case(
        "token-ran-out",
        "401 is permanent, whoever made the headers",
        options_of,
        (sample("f", 12),),
        (first,),
        events(*ADDED, "fileError f:ok", "error f:ok", "complete"),
        answers(401),
        seen={"asked": [1, 1]},
        instead=Instead(
            "headers-asked-again",
            (first, second),
            events(*ADDED, "fileSuccess f:ok", "complete"),
        ),
    )


def _hash_in_a_name() -> Case:
    standard = [("n#", "1"), *nine(1, 12, 12, 1)[1:]]
    upload = Sent(
        "POST /u?" + url(standard).replace("#", "%23"),
        (*fields(standard), file_part(bytes(range(12)))),
    )
    rest = url(standard[1:])
    happy = events(*ADDED, "fileSuccess f:ok", "complete")
    return Case(
        "hash-in-a-name",
        "a name is not encoded in a test: what follows a # is a fragment and is not sent",
        options(chunk_number_parameter_name="n#"),
        (sample("f", 12),),
        (Sent("GET /u?n"), upload),
        happy,
        instead=Instead("hash", (Sent(f"GET /u?n%23=1&{rest}"), upload), happy),
    )


def _added_again() -> Case:
    def again(session: Session) -> None:
        added: list[Any] = []

        def add(failed: list[Any]) -> None:
            if not added:
                added.extend(session.uploader.add_files([arguments(sample("f", 12))]))
                session.wait_for(added[0])

        session.uploader.completed.register(add)

    once = events(*ADDED, "fileSuccess f:ok", "complete")
    return Case(
        "added-again",
        "addFile() skips a file whose identifier is there, be it long since uploaded",
        options(test_chunks=False),
        (sample("f", 12),),
        (uploaded(1, 12, 12, 1),),
        (*once, ("filesAdded",)),
        driver=Driver(before=again),
        instead=Instead("added-again", (uploaded(1, 12, 12, 1),) * 2, once * 2),
    )


def _paused_while_waiting() -> Case:
    def steer(session: Session) -> None:
        session.network.callLater(0.5, session.uploader.pause)
        session.network.callLater(2.0, session.uploader.upload)

    happy = ("fileSuccess f:ok", "complete")
    return Case(
        "paused-while-waiting",
        "pause() does not stop the timer of a chunk that waits to be tried again",
        options(chunk_retry_interval=1, test_chunks=False),
        (sample("f", 12),),
        (uploaded(1, 12, 12, 1),) * 2,
        events(*ADDED, "fileRetry f", "pause", *happy, "uploadStart", "complete"),
        answers(503),
        Driver(start=steer),
        instead=Instead(
            "paused-retries",
            (uploaded(1, 12, 12, 1),) * 2,
            events(*ADDED, "fileRetry f", "pause", "uploadStart", *happy),
        ),
    )


def cases() -> list[Case]:
    """
    All of this module.
    """
    return [
        _cancelled(),
        _token_ran_out(),
        _hash_in_a_name(),
        _added_again(),
        _paused_while_waiting(),
    ]
