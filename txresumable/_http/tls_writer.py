"""
Encrypting straight to the kernel.

Twisted's TLS copies a slice for each record, reads each record back with a copy, and has its
transport join them; and a chunk would be read into a buffer of its own and joined with its head
before.  Together that takes twice as long as encryption.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from OpenSSL.SSL import Error
from twisted.internet.tcp import Connection
from twisted.protocols.tls import TLSMemoryBIOProtocol

from .._runtime.private import write_whole

__all__ = ["TLSWriter"]

RECORD = 16 * 1024
"""Bytes of a record of TLS at the most."""
PIECE = 7 * RECORD
"""
Bytes that are encrypted into one buffer.  From 128 KiB on, each buffer would be a fresh mapping,
whose page faults cost more than the bytes.
"""
BUFFER = PIECE + 8 * 1024
"""Its size: TLS adds up to 100 bytes or so to a record."""
AT_ONCE = 3 * PIECE
"""
Bytes that the kernel is given at a time: a peer on the same machine is woken less often than for
each piece, and they are still in the processor's caches.
"""


class TLSWriter:
    """
    Writes over TLS as a socket does without it.

    :ivar transport: what is below TLS.
    :ivar overhead: how many bytes encryption has added to those that were taken the last time.
    :ivar left: how many of them, encrypted, the kernel did not take: the transport has them.
    """

    __slots__ = ("_socket", "_tls", "left", "overhead", "transport")

    def __init__(self, tls: Any) -> None:
        """
        :param tls: a ``TLSMemoryBIOProtocol`` directly above a socket's transport.
        """
        self._tls = tls
        self.transport: Any = tls.transport
        self._socket = self.transport.getHandle()
        self.overhead = self.left = 0
        write_whole(tls.getHandle())

    @classmethod
    def over(cls, transport: Any) -> TLSWriter | None:
        """
        :param transport: connected.
        :returns: a writer, if that is TLS directly above a socket's transport.
        """
        below: Any = transport.transport if isinstance(transport, TLSMemoryBIOProtocol) else None
        return cls(transport) if isinstance(below, Connection) else None

    def sendmsg(
        self, parts: Sequence[bytes | memoryview], ancillary: object = (), flags: int = 0
    ) -> int:
        """
        Send, when nothing waits here or below.  Once the kernel is full, no more is encrypted.

        :param flags: of the socket's.
        :returns: how many bytes were taken.
        """
        handle, taken, waiting = self._tls.getHandle(), 0, 0
        sealed: list[bytes] = []
        self.overhead = self.left = 0
        try:
            for part in parts:
                view = memoryview(part)
                for at in range(0, len(view), PIECE):
                    if waiting >= AT_ONCE:
                        self._pass_on(sealed, waiting, flags)
                        if self.left:
                            return taken
                        sealed, waiting = [], 0
                    handle.sendall(view[at : at + PIECE])
                    waiting += min(PIECE, len(view) - at)
                    taken += min(PIECE, len(view) - at)
                    sealed.append(handle.bio_read(BUFFER))
        except Error:
            if taken:  # what was taken of this piece is not known
                self._tls.abortConnection()
            else:  # it must hear of the peer first, or there is an end to it: that is for Twisted
                TLSMemoryBIOProtocol.write(self._tls, b"".join(parts))
            return sum(map(len, parts))
        self._pass_on(sealed, waiting, flags)
        return taken

    def _pass_on(self, sealed: list[bytes], size: int, flags: int) -> None:
        """
        Give to the kernel what is encrypted.

        :param size: how many bytes it was before.
        """
        whole = sum(map(len, sealed))
        self.overhead += whole - size
        try:
            sent = self._socket.sendmsg(sealed, (), flags)
        except OSError:  # it is full, or the connection is broken: the transport will notice
            sent = 0
        self.left = whole - sent
        if self.left:
            self.transport.write(b"".join(sealed)[sent:])
