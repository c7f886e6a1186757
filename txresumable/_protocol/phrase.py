"""
What stands behind a status in the first line of a response.
"""

from __future__ import annotations

from http import HTTPStatus

__all__ = ["reason_phrase"]

# As RFC 9110 has them; older versions of Python have other ones.
_RENAMED = {413: "Content Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
_CLASSES = {1: "Informational", 2: "Success", 3: "Redirection", 4: "Client Error"}


def reason_phrase(status: int) -> bytes:
    """
    The phrase of a status; that of its class if it is in no standard.

    Twisted has none for several, such as 421, 422 and 429, and writes ``Unknown Status``.
    """
    try:
        phrase = _RENAMED.get(status) or HTTPStatus(status).phrase
    except ValueError:
        phrase = _CLASSES.get(status // 100, "Server Error")
    return phrase.encode("ascii")
