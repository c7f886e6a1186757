"""
The head of a request, as it is sent.
"""

from __future__ import annotations

from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer

from .prepared import PreparedHeaders

__all__ = ["request_head"]

_WITH_CONTENT = (b"POST", b"PUT", b"PATCH")
"""Methods of which a server may expect content: without any, they say so (RFC 9110, 8.6)."""


def request_head(
    method: bytes,
    form: bytes,
    path: bytes,
    fields: bytes,
    headers: Headers | None,
    body: IBodyProducer | None,
) -> bytes:
    """
    Request line and fields, with the empty line.

    :param method: the HTTP method.
    :param form: what stands before the path: nothing, or the origin (RFC 9112, section 3.2).
    :param path: path and query; the slash at its beginning may be missing.
    :param fields: the first lines of fields.
    :param headers: the others; what they say of ``Accept-Encoding`` is left out, as a response is
        not decoded here.
    :param body: what follows.
    """
    if type(headers) is PreparedHeaders:
        lines = headers.lines
    else:
        lines = b"".join(
            b"%b: %b\r\n" % (name, value)
            for name, values in (headers or Headers()).getAllRawHeaders()
            if name.lower() != b"accept-encoding"
            for value in values
        )
    if body is not None:
        lines += b"Content-Length: %d\r\n" % body.length
    elif method in _WITH_CONTENT:
        lines += b"Content-Length: 0\r\n"
    return b"%b %b%b HTTP/1.1\r\n%b%b\r\n" % (
        method,
        form,
        path if path[:1] == b"/" else b"/" + path,
        fields,
        lines,
    )
