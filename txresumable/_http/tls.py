"""
Connecting over TLS, and the errors of TLS that are not worth another attempt.
"""

from __future__ import annotations

from typing import Any

from OpenSSL.SSL import Error as TLSError
from OpenSSL.SSL import SysCallError
from service_identity import VerificationError
from twisted.internet.defer import Deferred
from twisted.internet.error import VerifyError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from .._runtime.printable import first_line
from ..errors import TLSRejected
from .tls_sessions import TLSSessions

__all__ = ["TLSEndpoint", "tls_error"]

_PASSING = (
    "unexpected eof",
    "internal error",
    "bad record mac",
    "decryption",
    "user cancel",
    "shutdown",
)
_PLAIN = ("wrong version number", "http request", "packet length too long", "record layer failure")


@implementer(IStreamClientEndpoint)
class TLSEndpoint:
    """
    Another endpoint, over TLS.  :func:`~twisted.internet.endpoints.wrapClientTLS` has no clock in
    Twisted 24: it would send small writes by the installed reactor, even where another one runs.

    :param sessions: make its connections.
    :param plain: the other endpoint.
    :param clock: the reactor's.
    :ivar sessions: likewise.
    """

    def __init__(self, sessions: TLSSessions, plain: IStreamClientEndpoint, clock: Any) -> None:
        self.sessions = sessions
        self._plain = plain
        self._clock = clock

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """:returns: a Deferred as that of the other endpoint."""
        factory = TLSMemoryBIOFactory(self.sessions, True, protocolFactory, self._clock)
        connecting: Deferred[Any] = self._plain.connect(factory)
        return connecting.addCallback(lambda protocol: protocol.wrappedProtocol)


def tls_error(error: BaseException | None) -> TLSRejected | None:
    """
    What TLS found wrong with the peer, or the peer with us.

    :param error: why a connection failed.
    :returns: an error that will not go away by itself; :data:`None` for any other.
    """
    if isinstance(error, (VerificationError, VerifyError)):
        return TLSRejected(f"the server's certificate is not for this host: {error}")
    if isinstance(error, TLSError) and not isinstance(error, SysCallError) and error.args:
        words = "; ".join(str(part[-1]) for part in error.args[0])
        if not any(passing in words for passing in _PASSING):
            if any(plain in words for plain in _PLAIN):
                words += ": the server does not speak TLS there; http://, or another port?"
            elif "verify failed" in words:
                words += ": it has expired, or trust_root (--trust-root) has not its authority"
            elif "certificate required" in words:
                words += ": see client_certificate (--client-certificate)"
            return TLSRejected(words or first_line(TLSRejected))
    return None
