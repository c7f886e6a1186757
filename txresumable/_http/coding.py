"""
Bodies that are encoded, which nobody asked for and nobody here can read.
"""

from __future__ import annotations

from twisted.web.http_headers import Headers

from ..errors import MalformedResponse

__all__ = ["check_coding"]


def check_coding(headers: Headers) -> None:
    """
    :param headers: those of a response.
    :raises MalformedResponse: if they say that its body is encoded.
    """
    for coding in headers.getRawHeaders(b"content-encoding") or ():
        if coding.strip().lower() not in (b"", b"identity"):
            error = MalformedResponse(f"its body is encoded as {coding[:40]!r}")
            error.is_http = True
            raise error
