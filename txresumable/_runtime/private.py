"""
Private names of Twisted and treq that are used here, as there are no public ones.

A test checks each of them with the Twisted and the treq that are installed.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from OpenSSL import SSL
from twisted.internet._resolver import GAIResolver
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint

__all__ = [
    "host_as_bytes_and_text",
    "is_same_session",
    "is_unhandled",
    "mark_handled",
    "set_host_name",
    "tls_gathered",
    "with_lookup",
    "wrapped_agent",
    "wrapped_transport",
    "write_whole",
    "written_last",
]

written_last = attrgetter("_tempDataLen")
"""
Bytes that a ``FileDescriptor`` was given since it last wrote to its socket.  It notifies nobody but
a registered producer of what it holds, and has no public attribute for this part of it.
"""

host_as_bytes_and_text: Any = attrgetter("_hostAsBytesAndText")(HostnameEndpoint)
"""
How a ``HostnameEndpoint`` reads a name: whether that is invalid, as bytes, and as text.  What it
calls invalid it never looks up.
"""


def mark_handled(deferred: Deferred[Any]) -> None:
    """
    Do not log a failure as "Unhandled error in Deferred", as it is reported by other means.  A
    future Twisted that stores it elsewhere logs it nevertheless.

    :param deferred: has failed.  A callback that is added later gets the failure all the same.
    """
    kept = getattr(deferred, "_debugInfo", None)
    if kept is not None:
        kept.failResult = None


def is_unhandled(deferred: Deferred[Any]) -> bool:
    """
    Whether a failure will be logged as "Unhandled error in Deferred": it has not been marked, and
    the Deferred has not been awaited since.  True for a future Twisted that stores it elsewhere.

    :param deferred: has failed.
    """
    return getattr(getattr(deferred, "_debugInfo", None), "failResult", deferred) is not None


_HOST_NAMES: dict[str, Callable[[str], str | bytes]] = {
    "_hostname": str,
    "_hostnameASCII": str,
    "_hostnameBytes": str.encode,
}


def set_host_name(options: Any, host: str) -> None:
    """
    Let a connection be verified for, and ask for, a name that ``optionsForClientTLS()`` refuses.

    With a future Twisted that stores the name elsewhere, the old one stays, and verification fails.

    :param options: what that function made of another name.
    :param host: ASCII.
    """
    for name, written in _HOST_NAMES.items():
        setattr(options, name, written(host))


def with_lookup(resolver: Any, reactor: Any, getaddrinfo: Callable[..., Any]) -> Any:
    """
    Twisted's usual resolver, with another function that looks names up in a thread.

    :param resolver: that of a reactor.
    :param reactor: the reactor.
    :param getaddrinfo: as that of :mod:`socket`.
    :returns: it; or, if that of the reactor is another one, that.
    """
    if type(resolver) is GAIResolver:
        return GAIResolver(reactor, reactor.getThreadPool, getaddrinfo)
    return resolver


def tls_gathered(tls: Any) -> int:
    """
    Bytes that a ``TLSMemoryBIOProtocol`` has not encrypted yet: it keeps them, uncounted, for the
    reactor's next turn, or until it has heard of its peer.

    :param tls: that protocol; older ones keep none for the next turn.
    """
    gathered = getattr(getattr(tls, "_aggregator", None), "_buffer", ())
    pending = getattr(tls, "_appSendBuffer", ())
    return sum(map(len, gathered)) + sum(map(len, pending)) if gathered or pending else 0


def write_whole(handle: Any) -> None:
    """
    Let OpenSSL encrypt all that it is given in one call, and not one record in each.  Where that is
    not possible, it takes a little longer.

    :param handle: a ``Connection`` of pyOpenSSL's over memory, which always has room.
    """
    library: Any = getattr(SSL, "_lib", None)
    ssl = getattr(handle, "_ssl", None)
    if ssl is not None and hasattr(library, "SSL_clear_mode"):
        library.SSL_clear_mode(ssl, library.SSL_MODE_ENABLE_PARTIAL_WRITE)


def is_same_session(one: Any, other: Any) -> bool:
    """
    Whether two ``Session`` of pyOpenSSL's stand for one of OpenSSL's.  Where that is not known, it
    counts as two.
    """
    kept = getattr(one, "_session", None)
    return kept is not None and bool(kept == getattr(other, "_session", None))


def wrapped_transport(transport: Any) -> Any:
    """
    What is below a transport, or below the consumer that Twisted's HTTP client gives to a body.

    :returns: it, or :data:`None`.
    """
    return getattr(transport, "transport", None) or getattr(transport, "_consumer", None)


def wrapped_agent(client: Any) -> Any:
    """
    The agent that a client of treq's, or an agent of Twisted's, has around it.

    :returns: it, or :data:`None`.
    """
    return getattr(client, "_agent", None)
