"""
Sessions of TLS: what a connection has agreed on, for the next one to the same server.

A handshake that resumes a session verifies no certificate, since the session's was, and with TLS
1.2 takes a round trip less.  So sessions never leave the endpoint that they come from: it is for
one host and port, and has one trust root, one client certificate and one context of OpenSSL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from OpenSSL.SSL import TLS1_3_VERSION
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from .._runtime.private import is_same_session

__all__ = ["TLSSessions"]

LONGEST = 3600.0
"""
Seconds after which a certificate is verified once more, however often its session was resumed: it
may have expired, or have been replaced, by then.
"""
MOST_REFUSED = 2
"""So many handshakes in a row that failed with a session: then none is offered any more."""


class _Kept(NamedTuple):
    """
    A session.

    :ivar session: as pyOpenSSL has it.
    :ivar verified: when the certificate was, in seconds of the clock.
    """

    session: Any
    verified: float


@implementer(IOpenSSLClientConnectionCreator)
class TLSSessions:
    """
    Makes connections of TLS to one server that resume the newest session of those before.  It keeps
    one session, and knows which connections are open.  A session that the server does not know, or
    does not know any more, ends in a whole handshake; so does that of a connection that the server
    closed without TLS's own end, which OpenSSL spoils.
    """

    def __init__(self, options: Any, seconds: Callable[[], float]) -> None:
        """
        :param options: what :func:`~twisted.internet.ssl.optionsForClientTLS` gives.
        :param seconds: monotonic time.
        """
        self._options = options
        self._seconds = seconds
        self._offered: dict[Any, tuple[_Kept, int]] = {}  # and how often all were forgotten by then
        self._open: dict[Any, _Kept] = {}
        self._last: _Kept | None = None
        self._refused = 0
        self._forgotten = 0

    def clientConnectionForTLS(self, tlsProtocol: Any) -> Any:
        """:returns: a ``Connection`` of pyOpenSSL's."""
        handle = self._options.clientConnectionForTLS(tlsProtocol)
        newest = self._newest()
        if newest is not None:
            handle.set_session(newest.session)
            self._offered[handle] = newest, self._forgotten
        return handle

    def ready(self, handle: Any) -> None:
        """
        A handshake is over, and the server is who it should be.

        :param handle: what :meth:`clientConnectionForTLS` made.
        """
        offered = self._offered.pop(handle, None)
        if offered is not None:
            self._refused = 0
        # Whether the session was resumed is not known, so that its certificate counts as old.
        verified = self._seconds() if offered is None else offered[0].verified
        self._open[handle] = _Kept(handle.get_session(), verified)

    def lost(self, handle: Any) -> bool:
        """
        A connection is lost.

        :param handle: what :meth:`clientConnectionForTLS` made.
        :returns: whether that may be because a session was offered: it was lost in its handshake.
            From then on, none is offered that is known by now.
        """
        offered = self._offered.pop(handle, None)
        if offered is not None:
            if offered[1] == self._forgotten:  # else another connection was lost with it
                self._forgotten += 1
                self._refused += 1
            self._open.clear()
            self._last = None
            return True
        if handle in self._open:
            self._last = self._session(handle) or self._last
            del self._open[handle]
        return False

    def _newest(self) -> _Kept | None:
        """The newest session that can be resumed."""
        if self._refused >= MOST_REFUSED:
            return None
        for handle in reversed(self._open):
            known = self._session(handle)
            if known is not None:
                self._last = known
                break
        last = self._last
        if last is None or self._seconds() - last.verified >= LONGEST:
            return None
        return last

    def _session(self, handle: Any) -> _Kept | None:
        """The session of an open connection, if it has one that can be resumed."""
        first, verified = self._open[handle]
        session = handle.get_session()
        if session is None:
            return None
        # With TLS 1.3 it can be only when a ticket has come, which makes another one of it.
        is_early = handle.get_protocol_version() >= TLS1_3_VERSION
        if is_early and is_same_session(session, first):
            return None
        return _Kept(session, verified)
