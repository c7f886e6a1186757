"""
Host names that are valid in DNS and not in IDNA 2008: ``upload_server``, ``r3---sn-x.example``.

Twisted takes every name for an internationalized one and refuses these.  The names that are looked
up and sent are ASCII in any case, since a target is an encoded URL.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.ssl import optionsForClientTLS

from .._runtime.private import host_as_bytes_and_text, set_host_name

__all__ = ["NameEndpoint", "tls_options"]

_NAME = re.compile(r"(?=.{1,254}\Z)(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?\Z", re.IGNORECASE)
_STAND_IN = "name.invalid"
"""A valid name for which no server has a certificate (RFC 6761, section 6.4)."""


class NameEndpoint(HostnameEndpoint):
    """
    Connects to a host by any name that DNS can resolve.
    """

    @staticmethod
    def _hostAsBytesAndText(host: Any) -> tuple[bool, bytes, str]:
        invalid, encoded, text = host_as_bytes_and_text(host)
        if invalid and isinstance(host, str) and _NAME.match(host):
            return False, host.encode("ascii"), host
        return invalid, encoded, text


def tls_options(host: str, **options: Any) -> Any:
    """
    As :func:`twisted.internet.ssl.optionsForClientTLS`, for any name that DNS can resolve.

    :param host: the name that the certificate must be for.
    :param options: the other arguments.
    """
    try:
        return optionsForClientTLS(host, **options)
    except UnicodeError:
        if not _NAME.match(host):
            raise
    made: Any = optionsForClientTLS(_STAND_IN, **options)
    set_host_name(made, host)
    return made
