"""
What is refused: chunks by the server, for the sake of what, and URLs of a function by us.
"""

from __future__ import annotations

import re
import time
from enum import Enum
from typing import Any

from .._http.response import Response
from .._protocol.url import without_query
from ..errors import ChunkRejected, InvalidOption, ReceivedBefore, Redirected, UnexpectedResponse
from ..retry import retry_after

__all__ = [
    "BUSY",
    "Concern",
    "checked_url",
    "concern",
    "is_busy",
    "received_before",
    "refusal",
    "refuse_page",
    "requested_delay",
]

_OF_PAGE = (
    "a page for people, as to log in: see headers; expect_response (--expect-response) accepts one "
    "that is the receiver's"
)
_PAGE = re.compile(r"\ufeff?\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+)?html\b", re.IGNORECASE)

BUSY = frozenset((429, 502, 503, 504, 507))
"""Statuses that may be others in a moment."""


class Concern(Enum):
    """What a refusal that may pass is about."""

    CHUNK = "chunk"
    """This chunk."""
    UPLOAD = "upload"
    """All chunks of this file."""
    SERVER = "server"
    """Whatever is sent there."""
    UNKNOWN = "unknown"
    """The server, if it refuses others as well."""


def concern(response: Response) -> Concern:
    """
    What a refusal is about: our receiver says so; elsewhere its status does.

    :param response: one that is no success, and that may be different later.
    """
    said = response.header("Resumable-Refused")
    if said in ("chunk", "upload"):
        return Concern(said)
    if response.code == 429 or response.header("Retry-After") is not None:
        return Concern.SERVER
    return Concern.UNKNOWN if response.code in BUSY else Concern.CHUNK


def is_busy(response: Response) -> bool:
    """Whether a test was refused for a time, which says nothing of the chunk."""
    busy = response.code in BUSY
    return busy and concern(response) in (Concern.SERVER, Concern.UPLOAD)


def refuse_page(text: str, file_name: str) -> None:
    """
    A page for people is no response to a chunk.

    :param text: the response.
    :param file_name: the file.
    :raises UnexpectedResponse: if it is one.
    """
    if _PAGE.match(text) is not None:
        raise UnexpectedResponse(file_name, text, _OF_PAGE)


def requested_delay(response: Response) -> float | None:
    """
    The seconds that the server asks to wait.  A date is read by the server's own clock, if the
    response says what that shows.
    """
    asked = response.header("Retry-After")
    if asked is None:
        return None
    shown = retry_after(response.header("Date"), 0.0)
    return retry_after(asked, shown or time.time())


def refusal(response: Response, url: str, offset: int, of_test: bool = False) -> ChunkRejected:
    """
    A response that is no success, as an error.

    :param response: what the server said.
    :param url: where the request went to; what may be a secret in it is not shown.
    :param offset: which chunk, counted from 0.
    :param of_test: whether the request was a test.
    """
    place = without_query(url)
    if 300 <= response.code < 400:
        location = without_query(response.header("Location") or "")
        return Redirected(response.code, response.text, place, offset + 1, location=location)
    kind = ReceivedBefore if received_before(response) else ChunkRejected
    return kind(response.code, response.text, place, offset + 1, of_test=of_test)


def received_before(response: Response) -> bool:
    """Whether a receiver says that it had the file before: no retry changes that."""
    return response.code == 410 and response.header("Resumable-Received") is not None


def checked_url(option: str, url: Any) -> str:
    """What a target that is a function gives, if it can stay on the first line of a request."""
    if not isinstance(url, str):
        raise InvalidOption(option, type(url), "must give URLs as text")
    if not url.isascii() or not url.isprintable() or " " in url:
        shown = without_query(url.partition("?")[0])
        raise InvalidOption(option, shown, "must give URLs that are encoded")
    return url
