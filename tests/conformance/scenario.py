"""
The recorded scenarios: what was asked of a library in a browser, what it sent, and what it was
answered.

Each file of :data:`RECORDINGS` says in its ``meta`` how it was made. Everything here is reduced to
plain values that compare with ``==`` and print as a readable difference.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from attrs import frozen

DATA = Path(__file__).parent.parent / "data"

RECORDINGS = {"resumable": "wire.json", "flow": "wire-flow.json", "simple": "wire-simple.json"}
"""By the name of a dialect, the recording of the library that speaks it."""

#: The length of ``----WebKitFormBoundary`` and its sixteen characters.
BROWSER_BOUNDARY_LENGTH = 38


_UNCOMPARED = frozenset(("filesSubmitted",))
"""Events that say nothing that another does not."""


@frozen
class Response:
    """
    What the server answers to one request.

    :ivar status: the status, or 0 for a connection closed without an answer.
    :ivar headers: the answer's own headers.
    :ivar delay: seconds before it is sent.
    :ivar text: the body.
    :ivar type: its media type.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0
    text: str = "ok"
    type: str = "text/plain; charset=utf-8"


@frozen
class SampleFile:
    """
    One file of a scenario.

    :ivar relative_path: what the page set as such, or ``None``.
    """

    name: str
    size: int
    type: str
    relative_path: str | None
    content: bytes


@frozen
class Scenario:
    """
    One recorded run of a library.

    :ivar client: the name of its dialect.
    :ivar id: unique among those of the same library.
    :ivar observed: what the page counted in its own callbacks.
    :ivar left_out: how many requests at the end were not kept.
    """

    client: str
    id: str
    files: tuple[SampleFile, ...]
    requests: tuple[dict[str, Any], ...]
    replies: tuple[Response, ...]
    events: tuple[tuple[str, ...], ...]
    chunks: tuple[dict[str, Any], ...]
    progress: float
    observed: dict[str, Any]
    left_out: int
    raw: dict[str, Any]

    @property
    def name(self) -> str:
        """
        What it is called among those of all libraries.
        """
        return self.id if self.client == "resumable" else f"{self.client}/{self.id}"


def content(name: str, index: int, size: int) -> bytes:
    """
    The bytes of a scenario's file, as ``meta.file_bytes`` describes them.

    :param name: the file's name.
    :param index: its position among the scenario's files.
    :param size: its size in bytes.
    """
    prefix = well_formed(f"{name}{index}:").encode()
    blocks = range(-(-size // hashlib.sha256().digest_size))
    return b"".join(hashlib.sha256(prefix + str(block).encode()).digest() for block in blocks)[
        :size
    ]


def well_formed(text: str) -> str:
    """
    Text as JavaScript's ``TextEncoder`` sees it.

    :param text: which may have lone surrogates.
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def load() -> list[Scenario]:
    """
    Every recorded scenario, in the order of the files.
    """
    return [
        _scenario(client, raw)
        for client, name in RECORDINGS.items()
        for raw in json.loads((DATA / name).read_text("utf-8"))["scenarios"]
    ]


def _scenario(client: str, raw: dict[str, Any]) -> Scenario:
    return Scenario(
        client=client,
        id=raw["id"],
        files=_files(raw),
        requests=tuple(_request(request, "files" in raw) for request in raw["requests"]),
        replies=_replies(raw),
        events=tuple(tuple(event[1:]) for event in raw["events"] if event[1] not in _UNCOMPARED),
        chunks=tuple(raw["chunks"]),
        progress=raw["progress"],
        observed=raw.get("observed", {}),
        left_out=raw.get("requests_left_out", 0),
        raw=raw,
    )


def _files(raw: dict[str, Any]) -> tuple[SampleFile, ...]:
    """
    The files; of a folder that was chosen from a disk the recording has names and sizes only.
    """
    given = raw.get("files") or [
        {
            "name": each["name"],
            "rel": each["relativePath"],
            "size": each["ranges"][-1][-1],
            "type": "",
        }
        for each in raw["chunks"]
    ]
    return tuple(_file(index, file) for index, file in enumerate(given))


def _file(index: int, raw: dict[str, Any]) -> SampleFile:
    return SampleFile(
        raw["name"],
        raw["size"],
        raw["type"],
        raw.get("rel"),
        content(raw["name"], index, raw["size"]),
    )


def _request(raw: dict[str, Any], is_content_known: bool) -> dict[str, Any]:
    """
    A recorded request in the form that ``exchange.describe`` gives one of ours.
    """
    if not is_content_known:
        for part in raw.get("body", {}).get("parts", ()):
            part.pop("sha256", None)
    return {
        "method": raw["method"],
        "target": raw["url"],
        "headers": [(name, value) for name, value in raw["headers"]],
        "body": raw.get("body"),
        "aborted": "client_aborted_at_ms" in raw,
        "dropped": isinstance(raw["reply"], str),
    }


def _replies(raw: dict[str, Any]) -> tuple[Response, ...]:
    """
    The recorded answers, with the texts that the recording kept in the events only.

    An event carries the text of the answer that caused it; every other answer said "ok".
    """
    failed = next((event[3] for event in raw["events"] if event[1] == "fileError"), "ok")
    replies = [_reply(request["reply"]) for request in raw["requests"]]
    if failed == "ok":
        return tuple(replies)
    last = max(
        index
        for index, (request, reply) in enumerate(zip(raw["requests"], replies, strict=True))
        if "body" in request and reply.status not in (0, 200, 201)
    )
    status = replies[last].status
    return tuple(
        Response(reply.status, reply.headers, reply.delay, failed)
        if reply.status == status and "body" in request
        else reply
        for request, reply in zip(raw["requests"], replies, strict=True)
    )


def _reply(raw: dict[str, Any] | str) -> Response:
    if isinstance(raw, str):
        return Response(0)
    headers = tuple((name, value) for name, value in raw.get("headers", {}).items())
    return Response(raw["status"], headers, raw.get("delay_ms", 0) / 1000)
