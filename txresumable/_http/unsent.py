"""
The socket under a transport: what has still to leave it, and what came unasked.

A whole chunk fits in a socket's send buffer; on a slow line the reactor sees nothing move for
minutes while bytes flow.  The length of the kernel's queue tells a slow line from a dead one, and
a response that comes while something is still in it is no response to the whole request.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from typing import Any

from OpenSSL.SSL import WantReadError
from twisted.internet.tcp import Connection
from twisted.protocols.tls import TLSMemoryBIOProtocol

from .private import tls_gathered, wrapped_transport, written_last

try:
    import fcntl
    import termios

    _OUTQ = termios.TIOCOUTQ
except (ImportError, AttributeError):  # pragma: no cover
    _OUTQ = 0

__all__ = ["SendQueue"]

_LAYERS = 8
"""More wrappers than these are not looked through for a socket."""


class SendQueue:
    """
    What Twisted's transport and the kernel hold of what was written.

    :ivar socket: the socket, or :data:`None` if none was found.
    """

    __slots__ = ("_bottom", "_outer", "_tls", "_transport", "socket")

    def __init__(self, transport: Any) -> None:
        """
        :param transport: a transport, or what wraps one; with none that has a socket, nothing is
            ever in the queue.
        """
        self._transport = transport
        self._bottom: Any = None
        self._outer: Any = None
        self._tls: Any = None
        for layer in _layers(transport):
            if self._outer is None and hasattr(layer, "abortConnection"):
                self._outer = layer
            if isinstance(layer, TLSMemoryBIOProtocol):
                self._tls = layer
            elif isinstance(layer, Connection):
                self._bottom = layer
        self.socket: Any = None if self._bottom is None else self._bottom.getHandle()

    def write(self, data: bytes) -> int:
        """
        Hand bytes to the transport at once.

        :param data: the bytes.
        :returns: how many bytes that is for the socket, which over TLS are more.
        """
        before = self.buffered
        if self._tls is self._transport and self._tls is not None:
            # Its own method keeps what is small for the reactor's next turn, uncounted; a request
            # is one write, so that there is nothing to gather.
            TLSMemoryBIOProtocol.write(self._tls, data)
        else:
            self._transport.write(data)
        return (self.buffered - before) or len(data)

    @property
    def buffered(self) -> int:
        """Bytes that the kernel has not taken yet."""
        bottom = self._bottom
        if bottom is None:
            return 0
        waiting: int = len(bottom.dataBuffer) - bottom.offset + written_last(bottom)
        return waiting if self._tls is None else waiting + tls_gathered(self._tls)

    @property
    def unsent(self) -> int:
        """Bytes that the peer has not acknowledged; of the kernel's, as far as it says."""
        if self._bottom is None:
            return 0
        try:
            queued = fcntl.ioctl(self.socket, _OUTQ, b"\0\0\0\0") if _OUTQ else b""
        except (OSError, ValueError, TypeError):  # it is closed, or no socket of the kernel's
            queued = b""
        return self.buffered + int.from_bytes(queued, sys.byteorder)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is there to read: no bytes, no end, and nothing that TLS holds back."""
        if self._bottom is None:
            return True
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return self._tls is None or self._tls_is_quiet()
        except OSError:  # the connection is broken
            pass
        return False

    def abort(self) -> bool:
        """
        Close the connection at once.

        :returns: whether there is one to close.
        """
        if self._outer is None:
            return False
        self._outer.abortConnection()
        return True

    @property
    def is_closing(self) -> bool:
        """Whether it was closed in good order, which over TLS puts a goodbye into the queue."""
        return bool(getattr(self._outer, "disconnecting", False))

    def _tls_is_quiet(self) -> bool:
        """The next record may have come with the one that is being handled."""
        try:
            self._tls.getHandle().recv(1, socket.MSG_PEEK)
        except WantReadError:
            return True
        except Exception:  # its end, or what is no TLS
            pass
        return False


def _layers(transport: Any) -> Iterator[Any]:
    """A transport and what is below it: TLS, and what else may be around a socket."""
    for _ in range(_LAYERS):
        if transport is None:
            return
        yield transport
        transport = wrapped_transport(transport)
