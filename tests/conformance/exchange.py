"""
A request as it came over the wire, and its description in the recording's own terms.

Nothing here is lenient: what a browser would not send in this form is an error, so that a fault
of framing cannot hide behind a parser that forgives it.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from attrs import define

from .scenario import BROWSER_BOUNDARY_LENGTH

LONGEST_VALUE = 200
"""What is longer was recorded in part."""

_HEAD = re.compile(rb"([A-Z]+) ([!-~]+) HTTP/1\.1")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([^\r\n\0]*)")
_BOUNDARY = re.compile(r"multipart/form-data; boundary=([0-9A-Za-z'+_./:=?-]{1,70})")
_DISPOSITION = re.compile(rb'form-data; name="([^"\r\n]*)"(?:; filename="([^"\r\n]*)")?')


@define
class Request:
    """
    One request, as received.

    :ivar headers: names and values in their order.
    :ivar arrived: when it was complete, in seconds of the network's clock.
    :ivar aborted: whether the client went away before it was answered.
    :ivar answered: when it was answered, or its connection closed by the server.
    :ivar status: what it was answered; 0 if its connection was closed.
    """

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    arrived: float = 0.0
    aborted: bool = False
    answered: float | None = None
    status: int = 0

    def header(self, name: str) -> str | None:
        """
        The value of a header that may be there once.

        :param name: the name, in any case.
        """
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) < 2, f"{name} is there twice: {values}"
        return values[0] if values else None


def parse_head(head: bytes) -> Request:
    """
    The request that a head describes, without its body.

    :param head: everything before the empty line.
    """
    first, *lines = head.split(b"\r\n")
    match = _HEAD.fullmatch(first)
    assert match is not None, f"not a request line: {first!r}"
    headers = []
    for line in lines:
        pair = _HEADER.fullmatch(line)
        assert pair is not None, f"not a header: {line!r}"
        headers.append((pair[1].decode("ascii"), pair[2].decode("utf-8")))
    return Request(match[1].decode("ascii"), match[2].decode("ascii"), headers)


def describe(request: Request, constant: frozenset[str], sample: bytes) -> dict[str, Any]:
    """
    A request of ours in the form of the recording.

    :param request: what came.
    :param constant: names of headers, in lower case, that are left out as the recording leaves
        out the browser's own.
    :param sample: the content of the scenario's first file, which ``file_range`` refers to.
    """
    headers = [
        (name.lower(), value) for name, value in request.headers if name.lower() not in constant
    ]
    body = None
    content_type = request.header("Content-Type") or ""
    multipart = _BOUNDARY.fullmatch(content_type)
    if multipart is not None:
        boundary = multipart[1]
        headers = [(name, value.replace(boundary, "<boundary>")) for name, value in headers]
        body = _describe_multipart(request.body, boundary, sample)
    elif request.body or request.header("Content-Length") is not None:
        where = _file_range(request.body, sample) if request.body else {}
        body = {"kind": "raw", "size": len(request.body), **where}
    return {
        "method": request.method,
        "target": request.target,
        "headers": sorted(headers),
        "body": body,
        "aborted": request.aborted,
        "dropped": request.answered is not None and not request.status,
    }


def key_of(described: dict[str, Any]) -> tuple[Any, ...]:
    """
    What tells which request it is, and is the same when it is made again.

    :param described: a request as :func:`describe` has it, or one of the recording.
    """
    parts = (described["body"] or {}).get("parts", ())
    short = (part["value"] for part in parts if "filename" not in part and "value" in part)
    values = tuple(value for value in short if len(value) < LONGEST_VALUE)
    return described["method"], described["target"], values


def chunk_of(url: str, parts: Iterable[Mapping[str, Any]]) -> tuple[str, str]:
    """
    Which chunk a request is about: its number, and the name of its file.

    :param url: the target of the request.
    :param parts: of its body, as described.
    """
    pairs = parse_qsl(url.partition("?")[2])
    pairs += [(part["name"], part.get("value", "")) for part in parts]
    number = (value for name, value in pairs if name.lower().endswith("chunknumber"))
    file = (value for name, value in pairs if name.lower().endswith("filename"))
    return next(number, ""), next(file, "")


def _describe_multipart(body: bytes, boundary: str, sample: bytes) -> dict[str, Any]:
    parts = parse_multipart(body, boundary.encode("ascii"))
    longer = len(boundary) - BROWSER_BOUNDARY_LENGTH
    return {
        "kind": "multipart",
        "content_length": len(body) - longer * (len(parts) + 1),
        "boundary": "<boundary>",
        "parts": [_describe_part(headers, content, sample) for headers, content in parts],
    }


def described_parts(request: Request) -> tuple[tuple[tuple[str, ...], bytes], ...] | bytes | None:
    """
    The body of a request: its parts, its bytes, or nothing.

    :param request: what came.
    """
    content_type = request.header("Content-Type") or ""
    multipart = _BOUNDARY.fullmatch(content_type)
    if multipart is not None:
        parts = parse_multipart(request.body, multipart[1].encode("ascii"))
        return tuple(
            (tuple(line.decode("utf-8") for line in head), content) for head, content in parts
        )
    if content_type:
        assert content_type == "application/octet-stream", content_type
        return request.body
    return None


def parse_multipart(body: bytes, boundary: bytes) -> list[tuple[list[bytes], bytes]]:
    """
    The parts of a multipart body: header lines and content.

    :param body: the whole body; it has neither preamble nor epilogue.
    :param boundary: the boundary, without its hyphens.
    """
    delimiter = b"\r\n--" + boundary
    pieces = (b"\r\n" + body).split(delimiter)
    assert pieces[0] == b"", f"preamble: {pieces[0][:80]!r}"
    assert pieces[-1] == b"--\r\n", f"epilogue: {pieces[-1][:80]!r}"
    parts = []
    for piece in pieces[1:-1]:
        head, found, content = piece.partition(b"\r\n\r\n")
        assert found and head.startswith(b"\r\n"), f"not a part: {piece[:80]!r}"
        parts.append((head[2:].split(b"\r\n"), content))
    return parts


def _describe_part(headers: list[bytes], content: bytes, sample: bytes) -> dict[str, Any]:
    name, _, disposition = headers[0].partition(b": ")
    match = _DISPOSITION.fullmatch(disposition)
    assert name == b"Content-Disposition" and match is not None, (
        f"not a disposition: {headers[0]!r}"
    )
    part: dict[str, Any] = {"name": match[1].decode("utf-8")}
    if match[2] is not None:
        part["filename"] = match[2].decode("utf-8")
    part["headers"] = [line.decode("utf-8") for line in headers]
    part["size"] = len(content)
    if match[2] is None:
        part["value"] = content.decode("utf-8")
    else:
        if content:
            part["sha256"] = hashlib.sha256(content).hexdigest()
        part.update(_file_range(content, sample))
    return part


def _file_range(content: bytes, sample: bytes) -> dict[str, Any]:
    """
    Where a chunk lies in the first file, as the recorder found it: by looking for it.
    """
    if not content:
        return {"file_range": "empty"}
    start = sample.find(content)
    return {} if start < 0 else {"file_range": [start, start + len(content)]}
