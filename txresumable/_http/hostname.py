"""
Host names that are valid in DNS and not in IDNA 2008: ``upload_server``, ``r3---sn-x.example``.

Twisted takes every name for an internationalized one and refuses these.  The names that are looked
up and sent are ASCII in any case, since a target is an encoded URL.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - getaddrinfo needs it, and no file can be opened later
import re
from socket import gaierror, getaddrinfo
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.internet.ssl import optionsForClientTLS
from twisted.python.failure import Failure

from .._runtime.private import host_as_bytes_and_text, set_host_name, with_lookup

__all__ = ["NameEndpoint", "tls_options"]

_NAME = re.compile(r"(?=.{1,254}\Z)(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?\Z", re.IGNORECASE)
_STAND_IN = "name.invalid"
"""A valid name for which no server has a certificate (RFC 6761, section 6.4)."""


class NameEndpoint(HostnameEndpoint):
    """
    Connects to a host by any name that DNS can resolve.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        self._errors: list[OSError] = []  # of lookups, in other threads
        super().__init__(*args, **named)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        :returns: a Deferred as that of Twisted's endpoint, which also fails if the name cannot be
            looked up for want of a descriptor.
        """
        connecting: Deferred[IProtocol] = super().connect(protocolFactory)
        return connecting.addErrback(self._explained)

    def _explained(self, failure: Failure) -> Failure:
        if self._errors and failure.check(DNSLookupError):
            error = self._errors.pop()
            return Failure(ConnectError(error.errno, str(error.strerror)))
        return failure

    def _getNameResolverAndMaybeWarn(self, reactor: Any) -> Any:
        resolver = super()._getNameResolverAndMaybeWarn(reactor)
        return with_lookup(resolver, reactor, self._look_up)

    def _look_up(self, *args: Any) -> Any:
        """In a thread: Twisted's resolver never responds if this raises anything else."""
        try:
            return getaddrinfo(*args)
        except gaierror:
            raise
        except OSError as error:
            self._errors.append(error)
            return []

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
