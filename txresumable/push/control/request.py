"""
Requests for control: what they may have, and what they are responded to with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from twisted.web.http import Request
from twisted.web.http_headers import Headers
from twisted.web.server import NOT_DONE_YET
from twisted.web.server import Request as SiteRequest

from ..._protocol.phrase import reason_phrase
from .refusal import Refusal

__all__ = ["LARGEST", "BoundedRequest", "Query", "refuse", "respond", "sent_fields"]

LARGEST = 64 * 1024
"""Bytes that the body of a request may have."""

_SAFE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class BoundedRequest(SiteRequest):
    """A request whose body is small; the connection of another one is closed."""

    _received = 0

    def gotLength(self, length: int | None) -> None:
        """How long the body will be; see Twisted."""
        if length is not None and length > LARGEST:
            self._refuse()
            length = 0
        super().gotLength(length)  # type: ignore[no-untyped-call]

    def handleContentChunk(self, data: bytes) -> None:
        """A part of the body; see Twisted."""
        self._received += len(data)
        if self._received > LARGEST:
            self._refuse()
        else:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def _refuse(self) -> None:
        if self.channel is not None:
            channel: Any = self.channel
            channel.write(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\n")
            channel.loseConnection()


class Query:
    """
    The parameters in the URL of a request.

    :raises Refusal: from its methods, if one has a value that cannot be.
    """

    def __init__(self, request: Request, *known: str) -> None:
        """
        :param request: the request.
        :param known: the names of parameters that there are.
        :raises Refusal: if it has others.
        """
        self._args: dict[str, list[str]] = {}
        for name, values in (request.args or {}).items():
            text = name.decode("utf-8", "replace")
            if text not in known:
                raise Refusal(400, f"There is no parameter {text!r}.")
            self._args[text] = [each.decode("utf-8", "replace") for each in values]

    def all(self, name: str) -> list[str]:
        """All values of a parameter."""
        return self._args.get(name, [])

    def one(self, name: str) -> str | None:
        """The value of a parameter, or :data:`None`."""
        values = self.all(name)
        if len(values) > 1:
            raise Refusal(400, f"The parameter {name!r} may be given once.")
        return values[0] if values else None

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """The value of a parameter that is a whole number."""
        text = self.one(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 20) or not (
            least <= int(text) <= most
        ):
            raise Refusal(400, f"The parameter {name!r} must be a number from {least} to {most}.")
        return int(text)


def sent_fields(request: Request, **kinds: tuple[type, ...]) -> dict[str, Any]:
    """
    The JSON object that a request has as its body; none is an empty object.

    :param kinds: the fields that it may have, and of which types.
    :raises Refusal: if it is something else.
    """
    assert request.content is not None
    body = request.content.read()
    try:
        found = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise Refusal(400, "The body must be JSON.")
    if not isinstance(found, dict):
        raise Refusal(400, "The body must be a JSON object.")
    for name, value in found.items():
        if name not in kinds:
            raise Refusal(400, f"There is no field {name!r}.")
        if type(value) not in kinds[name]:
            raise Refusal(400, f"The field {name!r} has a value of the wrong type.")
    return found


def respond(
    request: Request,
    status: int,
    content: bytes | Mapping[str, Any],
    type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> int:
    """
    Respond to a request.

    :param status: the status.
    :param content: what it gets; a mapping becomes JSON.
    :param type: its media type.
    :param headers: more headers.
    """
    if isinstance(content, Mapping):
        content = json.dumps(content).encode() + b"\n"
    request.setResponseCode(status, reason_phrase(status))
    given: Headers = request.responseHeaders
    fields = {**_SAFE, "Content-Type": type, "Content-Length": str(len(content)), **(headers or {})}
    for name, value in fields.items():
        given.setRawHeaders(name, [value])
    request.write(content)
    request.finish()
    return NOT_DONE_YET


def refuse(request: Request, refusal: Refusal, allowed: str = "GET, HEAD") -> int:
    """
    Respond that a request is refused.

    :param refusal: why.
    :param allowed: the methods that there are.
    """
    headers = {401: {"WWW-Authenticate": "Bearer"}, 405: {"Allow": allowed}}
    error = {"error": refusal.reason}
    return respond(request, refusal.status, error, headers=headers.get(refusal.status))
