"""
The header fields of a response: strictly parsed, and bounded.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.web.http_headers import Headers

from ..errors import MalformedResponse

__all__ = ["FIELDS", "ResponseHeaders", "lengths_of", "parse_fields", "shown", "tokens_of"]

FIELDS = 256
"""Header fields of a response; Python's :mod:`http.client` and most others allow 100."""

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_NO_VALUE = re.compile(rb"[\0\r\n]")
_LENGTH = re.compile(rb"[0-9]{1,18}\Z")


class ResponseHeaders(Headers):
    """
    The fields of a response, which stay as they are: of what the agents around ours say that they
    have decoded, nothing was encoded.  All responses with the same head share them.

    :ivar found: what :meth:`last` has returned, by the name that it was given.
    """

    __slots__ = ("found",)

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str | None] = {}

    def last(self, name: str) -> str | None:
        """The last value of a field, or :data:`None`; looked up once."""
        if name not in self.found:
            values = self.getRawHeaders(name.encode())
            self.found[name] = values[-1].decode("latin-1") if values else None
        return self.found[name]

    def setRawHeaders(self, name: Any, values: Any) -> None:
        pass


def parse_fields(lines: list[bytes]) -> ResponseHeaders:
    """
    The fields in these lines, of which none is empty.

    :raises MalformedResponse: if that is not what they are.
    """
    if len(lines) > FIELDS:
        raise MalformedResponse(f"its head has more than {FIELDS} fields")
    headers = ResponseHeaders()
    for line in lines:
        # No pattern over the whole line: one that trims spaces takes cubic time on some.
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.match(name) or _NO_VALUE.search(value):
            raise MalformedResponse(f"a line of its head is {shown(line)}")
        headers.addRawHeader(name, value.strip(b" \t"))
    return headers


def tokens_of(headers: Headers, name: bytes) -> list[bytes]:
    """The elements of a list, in lower case."""
    lines = headers.getRawHeaders(name)
    if not lines:
        return []
    return [token.strip().lower() for token in b",".join(lines).split(b",") if token.strip()]


def lengths_of(headers: Headers) -> set[int]:
    """The one length that Content-Length says, however often (RFC 9110, section 8.6)."""
    lines = headers.getRawHeaders(b"content-length")
    if not lines:
        return set()
    values = {value.strip() for value in b",".join(lines).split(b",")}
    if len(values) > 1 or not _LENGTH.match(min(values)):
        raise MalformedResponse("its Content-Length is no single number")
    return {int(min(values))}


def shown(line: bytes) -> str:
    """The beginning of a line, for an error."""
    return repr(line[:80].decode("latin-1"))
