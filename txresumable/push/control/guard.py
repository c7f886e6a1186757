"""
Who may control the service.

A Unix socket is guarded by its permissions, and by those of whatever passes requests on to it; a
port by a token.  What may come from a page of somebody else, in the browser of somebody who may, is
refused in either case: such pages can neither send a header of our own nor the token without a
preflight, which is not granted, and say where they come from.
"""

from __future__ import annotations

from hmac import compare_digest

from attrs import field, frozen
from twisted.web.http import Request

from ..._protocol.same_origin import is_beyond_doubt, is_same_origin, name_of
from .refusal import Refusal

__all__ = ["OWN_HEADER", "Guard"]

OWN_HEADER = "Txresumable-Control"
"""A header that requests have to have that change something."""


@frozen
class Guard:
    """
    Looks whether requests are allowed.

    :ivar token: what they have to present as ``Authorization: Bearer``; :data:`None` on a Unix
        socket.
    :ivar names: by which ``Host`` may call this service, in lower case, besides addresses and
        ``localhost``; on a Unix socket, any.
    """

    token: str | None = field(default=None, repr=False)
    names: frozenset[str] = frozenset()

    def check_source(self, request: Request) -> None:
        """
        Look where a request comes from.

        A page whose site's name leads here only now (DNS rebinding) calls this service by that
        name, so a port responds only to names that no page can choose.

        :raises Refusal: if it may come from a page of somebody else.
        """
        host, origin = request.getHeader("host"), request.getHeader("origin")
        name = name_of(host)
        if self.token is not None and name not in self.names and not is_beyond_doubt(name):
            raise Refusal(421, "This service does not have this name.")
        if origin is not None and not is_same_origin(origin, host):
            raise Refusal(403, "Pages from elsewhere may not control this service.")
        if request.getHeader("sec-fetch-site") in ("cross-site", "same-site"):
            raise Refusal(403, "Pages from elsewhere may not control this service.")

    def check(self, request: Request, *, changes: bool) -> None:
        """
        Look whether a request is allowed.

        :param changes: whether it changes something.
        :raises Refusal: if it is not.
        """
        self.check_source(request)
        if self.token is not None:
            scheme, _, given = (request.getHeader("authorization") or "").partition(" ")
            # Compared as bytes: text that is not ASCII cannot be.
            same = compare_digest(given.strip().encode(), self.token.encode())
            if scheme.lower() != "bearer" or not same:
                raise Refusal(401, "The token is missing or wrong.")
        if changes and request.getHeader(OWN_HEADER) is None:
            raise Refusal(403, f"Requests that change something need a header {OWN_HEADER}: 1.")
