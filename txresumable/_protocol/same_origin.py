"""
Where a request comes from, by its ``Host`` and its ``Origin``.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

__all__ = ["is_beyond_doubt", "is_same_origin", "name_of"]

_PORT = re.compile(r":[0-9]*\Z", re.ASCII)


def name_of(host: str | None) -> str:
    """The name in a ``Host`` header, without the port, in lower case."""
    return _PORT.sub("", host or "").lower()


def is_beyond_doubt(name: str) -> bool:
    """
    Whether no name server can say where a name leads to, so that no page can choose it (DNS
    rebinding): it is an address, or ``localhost``.
    """
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def is_same_origin(origin: str, host: str | None) -> bool:
    """Whether an ``Origin`` header names a page of the host that the request was sent to."""
    try:
        found = urlsplit(origin)
    except ValueError:
        return False
    return found.scheme in ("http", "https") and bool(host) and found.netloc == host
