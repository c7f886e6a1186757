"""
A derived scenario as a value, and what spares writing out the nine parameters of one that is
about something else.
"""

from collections.abc import Callable, Iterable
from typing import Any

from attrs import field, frozen

from ..scenario import Response, SampleFile
from ..session import Driver
from ..translation import Page

Part = tuple[tuple[str, ...], bytes]
Options = Callable[[Page], dict[str, Any]]

OCTETS = "application/octet-stream"


@frozen
class Sent:
    """
    One request that is expected.

    :ivar request: method and target.
    :ivar body: parts (header lines and content), or bytes, or nothing.
    :ivar headers: those that the library sets, in lower case, without Content-Type.
    """

    request: str
    body: tuple[Part, ...] | bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()


@frozen
class Instead:
    """
    What happens here, where that differs on purpose.

    :ivar kind: the row of the table that allows it.
    """

    kind: str
    sent: tuple[Sent, ...]
    events: tuple[tuple[str, ...], ...]


@frozen
class Case:
    """
    One scenario.

    :ivar why: what of resumable.js it is about.
    :ivar answers: from method, target and how often that was asked before, to a reply.
    :ivar sent: what is expected, in order.
    :ivar events: what is expected, in order; ``None`` if the case is not about events.
    :ivar driver: what the page does besides adding its files.
    :ivar seen: what hooks are to have seen.
    :ivar instead: what happens here, if that is not what resumable.js does.
    """

    id: str
    why: str
    options: Options
    files: tuple[SampleFile, ...]
    sent: tuple[Sent, ...]
    events: tuple[tuple[str, ...], ...] | None = None
    answers: Callable[[str, str, int], Response] = field(
        default=lambda method, target, before: Response(404 if method == "GET" else 200)
    )
    driver: Driver = field(factory=Driver)
    seen: dict[str, Any] = field(factory=dict)
    instead: Instead | None = None


def sample(name: str, size: int, kind: str = "a/b", relative_path: str | None = None) -> SampleFile:
    """
    A file whose bytes are 0, 1, 2 and so on.
    """
    return SampleFile(name, size, kind, relative_path, bytes(range(size)))


def options(**chosen: Any) -> Options:
    """
    Chunks of ten bytes, one at a time, and what a case is about.
    """
    return lambda page: {
        "target": page.origin + "/u",
        "chunk_size": 10,
        "simultaneous_uploads": 1,
        "in_order": False,
        "last_chunk_alone": False,
        **chosen,
    }


def nine(
    number: int,
    current: int,
    total: int,
    chunks: int,
    name: str = "f",
    identifier: str | None = None,
) -> list[tuple[str, str]]:
    """
    The nine parameters of a chunk of a file of type ``a/b`` whose name needs no escaping in a body.
    """
    return [
        ("resumableChunkNumber", str(number)),
        ("resumableChunkSize", "10"),
        ("resumableCurrentChunkSize", str(current)),
        ("resumableTotalSize", str(total)),
        ("resumableType", "a/b"),
        ("resumableIdentifier", identifier or f"{total}-{name}"),
        ("resumableFilename", name),
        ("resumableRelativePath", name),
        ("resumableTotalChunks", str(chunks)),
    ]


def url(pairs: Iterable[tuple[str, str]]) -> str:
    """
    Pairs that need no escaping but for the slash of the type.
    """
    return "&".join(f"{name}={value.replace('/', '%2F')}" for name, value in pairs)


def fields(pairs: Iterable[tuple[str, str]]) -> tuple[Part, ...]:
    """
    Pairs that need no escaping, as parts.
    """
    return tuple(
        ((f'Content-Disposition: form-data; name="{name}"',), value.encode())
        for name, value in pairs
    )


def file_part(content: bytes, name: str = "f", part: str = "file", kind: str = OCTETS) -> Part:
    """
    The part that holds a chunk.
    """
    return (
        (
            f'Content-Disposition: form-data; name="{part}"; filename="{name}"',
            f"Content-Type: {kind}",
        ),
        content,
    )


def asked(number: int, current: int, total: int, chunks: int, name: str = "f") -> Sent:
    """
    An ordinary test.
    """
    return Sent("GET /u?" + url(nine(number, current, total, chunks, name)))


def uploaded(number: int, current: int, total: int, chunks: int, name: str = "f") -> Sent:
    """
    An ordinary upload of a ``sample`` file's chunk.
    """
    pairs = nine(number, current, total, chunks, name)
    start = (number - 1) * 10
    content = bytes(range(total))[start : start + current]
    return Sent("POST /u?" + url(pairs), (*fields(pairs), file_part(content, name)))


def both(number: int, current: int, total: int, chunks: int, name: str = "f") -> tuple[Sent, Sent]:
    """
    A test and the upload after it.
    """
    return asked(number, current, total, chunks, name), uploaded(
        number, current, total, chunks, name
    )


def chunk(number: int, name: str) -> Sent:
    """
    An upload of one of the four chunks of a file of 40 bytes.
    """
    return uploaded(number, 10, 40, 4, name)


def events(*names: str) -> tuple[tuple[str, ...], ...]:
    """
    Events from words: ``fileRetry f`` is one with a file, ``fileSuccess f:ok`` one with an answer.
    """
    return tuple(tuple(part for word in name.split() for part in word.split(":")) for name in names)


ADDED = ("fileAdded f", "filesAdded", "uploadStart")


def answers(*statuses: int) -> Callable[[str, str, int], Response]:
    """
    Tests are answered 404; uploads with these, then 200.
    """
    left = list(statuses)

    def answer(method: str, target: str, before: int) -> Response:
        if method == "GET":
            return Response(404)
        return Response(left.pop(0) if left else 200)

    return answer
