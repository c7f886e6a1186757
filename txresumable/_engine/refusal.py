"""
What is refused: chunks by the server, and URLs of a function by us.
"""

from __future__ import annotations

from typing import Any

from .._http.response import Response
from .._protocol.url import without_query
from ..errors import ChunkRejected, InvalidOption, ReceivedBefore, Redirected

__all__ = ["checked_url", "received_before", "refusal"]


def refusal(response: Response, url: str, offset: int) -> ChunkRejected:
    """
    A response that is no success, as an error.

    :param response: what the server said.
    :param url: where the request went to; what may be a secret in it is not shown.
    :param offset: which chunk, counted from 0.
    """
    place = without_query(url)
    if 300 <= response.code < 400:
        location = without_query(response.header("Location") or "")
        return Redirected(response.code, response.text, place, offset + 1, location=location)
    kind = ReceivedBefore if received_before(response) else ChunkRejected
    return kind(response.code, response.text, place, offset + 1)


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
