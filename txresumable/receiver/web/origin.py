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

from attrs import frozen

from ..._protocol.same_origin import is_beyond_doubt, is_same_origin, name_of
from ..store.refused import Refused

__all__ = ["METHODS", "Origins"]

METHODS = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
"""The methods that the receiver knows."""

_EXPOSED = "Repr-Digest, Resumable-File-Checksum, Resumable-Refused, Resumable-Stored, Retry-After"
_A_DAY = "86400"
# RFC 6454, 6.2: an origin is ASCII.  RFC 9110, 5.6: a list of tokens.
_ORIGIN = re.compile(r"[!-~]+\Z", re.ASCII)
_TOKENS = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z, \t-]+\Z", re.ASCII)


@frozen
class Origins:
    """
    An allow-list of origins.

    A page whose site's name leads to the receiver's address only now (DNS rebinding) has the same
    name in ``Origin`` and ``Host``.  So unless the receiver's own names are known, pages from its
    own host may upload only if that is an address or ``localhost``, which no page can choose.

    :ivar allowed: such as ``https://example.com``; ``*`` for all.
    :ivar hosts: the names of the receiver, in lower case; none if they are not known.
    """

    allowed: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()

    def check(self, origin: str | None, host: str | None) -> None:
        """
        Look whether a request is accepted.

        :param origin: its ``Origin`` header.
        :param host: its ``Host`` header.
        :raises Refused: with 421 if the receiver does not have this name, 403 if the page may not
            upload.
        """
        if not self._serves(host):
            raise Refused(421, "the receiver does not have this name")
        if origin is not None and not self.admits(origin, host):
            raise Refused(403, "pages from this origin may not upload here")

    def admits(self, origin: str, host: str | None) -> bool:
        """Whether pages of an origin may use the receiver under a name."""
        if not self._serves(host):
            return False
        if origin in self.allowed:
            return True
        if _ORIGIN.match(origin) is None:
            return False
        return "*" in self.allowed or self._is_own(origin, host)

    def _serves(self, host: str | None) -> bool:
        return not self.hosts or name_of(host) in self.hosts

    def _is_own(self, origin: str, host: str | None) -> bool:
        if not is_same_origin(origin, host):
            return False
        return bool(self.hosts) or is_beyond_doubt(name_of(host))

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
