"""
Which web pages may use the receiver.

A browser sends a page's form or upload anywhere, with an ``Origin`` header that says where the
page came from.  Pages from the receiver's own host may upload; others only if they are on the
list.  Clients that are not browsers send no such header and are not concerned.

Pages from origins that are named on the list may also send the cookies and the logins that the
browser has for the receiver (``withCredentials``); that all origins may upload does not grant it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from attrs import frozen

__all__ = ["METHODS", "Origins"]

METHODS = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
"""The methods that the receiver knows."""

_EXPOSED = "Resumable-Stored, Resumable-File-Checksum, Resumable-Refused, Retry-After"
_A_DAY = "86400"
# RFC 6454, 6.2: an origin is ASCII.  RFC 9110, 5.6: a list of tokens.
_ORIGIN = re.compile(r"[!-~]+\Z", re.ASCII)
_TOKENS = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z, \t-]+\Z", re.ASCII)


@frozen
class Origins:
    """
    An allow-list of origins.

    :ivar allowed: such as ``https://example.com``; ``*`` for all.
    """

    allowed: frozenset[str] = frozenset()

    def admits(self, origin: str, host: str | None) -> bool:
        """
        Whether a request is accepted.

        :param origin: its ``Origin`` header.
        :param host: its ``Host`` header.
        """
        if origin in self.allowed:
            return True
        if _ORIGIN.match(origin) is None:
            return False
        if "*" in self.allowed:
            return True
        try:
            return bool(host) and urlsplit(origin).netloc == host
        except ValueError:
            return False

    def headers(self, origin: str | None) -> Mapping[str, str]:
        """The headers of a response to the page at an origin that is admitted."""
        if origin is None:
            return {"Vary": "Origin"} if self.allowed else {}
        headers = {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED,
            "Vary": "Origin",
        }
        if origin in self.allowed:
            headers["Access-Control-Allow-Credentials"] = "true"
        return headers

    def preflight(self, wanted: str | None) -> Mapping[str, str]:
        """
        More headers of the response to an ``OPTIONS`` request.

        :param wanted: its ``Access-Control-Request-Headers``; they are all granted if they can be
            names of headers.
        """
        headers = {
            "Allow": METHODS,
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Max-Age": _A_DAY,
        }
        if wanted and _TOKENS.match(wanted):
            headers["Access-Control-Allow-Headers"] = wanted
        return headers
