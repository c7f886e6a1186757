"""
What TLS finds wrong with a server, or a server with us.
"""

from __future__ import annotations

from OpenSSL.SSL import Error as TLSError
from OpenSSL.SSL import SysCallError
from service_identity import VerificationError
from twisted.internet.error import VerifyError

from ..errors import TLSRejected, first_line

__all__ = ["tls_error"]

_PASSING = ("unexpected eof", "internal error", "bad record mac", "decryption", "user cancel")


def tls_error(error: BaseException | None) -> TLSRejected | None:
    """
    What TLS found wrong with the peer, or the peer with us.

    :param error: anything.
    :returns: an error that trying again does not mend, or :data:`None` if it is no such thing.
    """
    if isinstance(error, (VerificationError, VerifyError)):
        return TLSRejected(f"the server's certificate is not for this host: {error}")
    if isinstance(error, TLSError) and not isinstance(error, SysCallError) and error.args:
        words = "; ".join(str(part[-1]) for part in error.args[0])
        if not any(passing in words for passing in _PASSING):
            return TLSRejected(words or first_line(TLSRejected))
    return None
