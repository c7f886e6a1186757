"""
The socket under a transport: what it has not sent yet, and whether anything is there to read.

A whole chunk fits in a socket's send buffer: on a slow connection, bytes may flow for minutes
without the reactor noticing.  The length of the kernel's queue distinguishes a slow connection from
a dead one; a response that arrives while the queue is not empty is not one to the whole request.
"""

from __future__ import annotations

import socket
from array import array
from collections.abc import Iterator
from typing import Any

from OpenSSL.SSL import WantReadError
from twisted.internet.tcp import Connection
from twisted.protocols.tls import TLSMemoryBIOProtocol

from .._runtime.private import tls_gathered, wrapped_transport, written_last
from .tcp_info import ESTABLISHED, RECEIVED, TCPInfo, says_state, tcp_info

try:
    import fcntl
    import termios

    _OUTQ, _INQ = termios.TIOCOUTQ, termios.FIONREAD
except (ImportError, AttributeError):  # pragma: no cover
    _OUTQ = _INQ = 0

__all__ = ["SendQueue"]

_NUMBERS = 300
"""
So many integers, or more than 1024 bytes, the kernel writes into as they are, and CPython holds on
to its lock for that.  Otherwise it lets go of it, and a thread that opens files may have it first.
"""
_LAYERS = 8
"""At most this many wrappers are searched for a socket: they might contain each other."""


class SendQueue:
    """
    Bytes that were written and are still in Twisted's buffers or the kernel's.

    :ivar socket: the socket, or :data:`None` if none was found.
    :ivar received: how many bytes were read from it, counted by who is given them.
    """

    __slots__ = (
        "_before",
        "_bottom",
        "_numbers",
        "_outer",
        "_says_state",
        "_tls",
        "_transport",
        "received",
        "socket",
    )

    def __init__(self, transport: Any) -> None:
        """
        :param transport: a transport, or something that wraps one; if there is no socket, the queue
            is always empty.
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
        self._numbers = array("i", (0,)) * _NUMBERS
        self.socket: Any = None if self._bottom is None else self._bottom.getHandle()
        self._says_state = bool(_INQ) and says_state(self.socket)
        self.received = 0
        self._before = -1  # bytes that the kernel counts and nobody here, once that is known

    def write(self, data: bytes) -> int:
        """
        Write to the transport.

        :param data: the bytes.
        :returns: how many bytes that adds to the queue; over TLS it is more than ``len(data)``.
        """
        before = self.buffered()
        if self._tls is self._transport:
            # Its own method keeps small writes for the reactor's next turn, uncounted; a request is
            # one write, so that there is nothing to aggregate.
            TLSMemoryBIOProtocol.write(self._tls, data)
        else:
            self._transport.write(data)
        return (self.buffered() - before) or len(data)

    def buffered(self) -> int:
        """Bytes that were not given to the kernel yet."""
        bottom = self._bottom
        if bottom is None:
            return 0
        waiting: int = len(bottom.dataBuffer) - bottom.offset + written_last(bottom)
        return waiting if self._tls is None else waiting + tls_gathered(self._tls)

    def unsent(self) -> int:
        """Bytes that the peer has not acknowledged, as far as the kernel says."""
        if self._bottom is None:
            return 0
        numbers = self._numbers
        try:
            if _OUTQ:
                fcntl.ioctl(self.socket, _OUTQ, numbers)
        except (OSError, ValueError, TypeError):  # it is closed, or is not a kernel socket
            numbers[0] = 0
        return self.buffered() + numbers[0]

    def tcp_info(self) -> TCPInfo | None:
        """What the kernel knows of the connection, if it says anything."""
        return tcp_info(self.socket) if self._says_state else None

    def is_quiet(self) -> bool:
        """Whether there is nothing to read: no bytes, no end of file, nothing buffered by TLS."""
        if self._bottom is None:
            return True
        quiet = self._is_calm() if self._says_state else self._is_empty()
        return quiet and (self._tls is None or self._tls_is_quiet())

    def _is_empty(self) -> bool:
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:  # the connection is broken
            pass
        return False

    def _is_calm(self) -> bool:
        """
        The same, without an exception, and without letting go of the interpreter's lock: all that
        has arrived was read, by the kernel's count and ours, or else by the length of its queue.
        """
        try:
            told = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, RECEIVED.size)
            if len(told) == RECEIVED.size:
                state, arrived = RECEIVED.unpack(told)
                if arrived == self._before + self.received and self._tls is None:
                    return bool(state == ESTABLISHED)
                self._before = arrived - self.received  # if nothing is in the queue
            fcntl.ioctl(self.socket, _INQ, self._numbers)
        except (OSError, ValueError):  # it is closed
            return False
        if self._numbers[0]:
            self._before = -1
            return False
        return bool(told[0] == ESTABLISHED)

    def abort(self) -> bool:
        """
        Abort the connection.

        :returns: whether there is one.
        """
        if self._outer is None:
            return False
        self._outer.abortConnection()
        return True

    @property
    def is_closing(self) -> bool:
        """Whether it is being closed orderly, which over TLS queues a ``close_notify``."""
        return bool(getattr(self._outer, "disconnecting", False))

    def _tls_is_quiet(self) -> bool:
        """Whether TLS has not already read a further record along with the last one."""
        try:
            self._tls.getHandle().recv(1, socket.MSG_PEEK)
        except WantReadError:
            return True
        except Exception:  # its end, or something that is not TLS
            pass
        return False


def _layers(transport: Any) -> Iterator[Any]:
    """A transport and what it wraps, down to the socket's own."""
    for _ in range(_LAYERS):
        if transport is None:
            return
        yield transport
        transport = wrapped_transport(transport)
