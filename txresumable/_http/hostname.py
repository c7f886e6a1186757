"""
Hosts that DNS knows and IDNA 2008 does not: ``upload_server``, ``r3---sn-x.example``.

Twisted takes every name for an international one, and refuses those that are none.  What is sent
and looked up is ASCII in any case, since a target is an encoded URL.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.ssl import optionsForClientTLS

from .private import host_as_bytes_and_text, set_host_name

__all__ = ["NameEndpoint", "tls_options"]

_NAME = re.compile(r"(?=.{1,254}\Z)(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?\Z", re.IGNORECASE)
_STAND_IN = "name.invalid"
"""No server has a certificate for it."""


class NameEndpoint(HostnameEndpoint):
    """
    A host to look up, by any name that can be looked up.
    """

    @staticmethod
    def _hostAsBytesAndText(host: Any) -> tuple[bool, bytes, str]:
        invalid, encoded, text = host_as_bytes_and_text(host)
        if invalid and isinstance(host, str) and _NAME.match(host):
            return False, host.encode("ascii"), host
        return invalid, encoded, text


def tls_options(host: str, **options: Any) -> Any:
    """
    As :func:`twisted.internet.ssl.optionsForClientTLS`, for any name that can be looked up.

    :param host: whom the certificate has to be for.
    :param options: the others.
    """
    try:
        return optionsForClientTLS(host, **options)
    except UnicodeError:
        if not _NAME.match(host):
            raise
    made: Any = optionsForClientTLS(_STAND_IN, **options)
    set_host_name(made, host)
    return made
