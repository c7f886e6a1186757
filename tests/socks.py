"""
A SOCKS5 server that connects to loopback, whatever it is asked for (RFC 1928).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

__all__ = ["SocksFactory"]

_GREETING = b"\x05\x01\x00"
_ACCEPTED = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"


class Socks(Protocol):
    """One connection: a greeting, a request for a host by name, then bytes both ways."""

    def __init__(self, factory: SocksFactory) -> None:
        self._factory = factory
        self._buffer = b""
        self._take: Callable[[], None] = self._greet
        self._far: Far | None = None

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        self._take()

    def _greet(self) -> None:
        if self._buffer.startswith(_GREETING):
            self._buffer = self._buffer[len(_GREETING) :]
            self.transport.write(b"\x05\x00")  # type: ignore[union-attr]
            self._take = self._connect
            self._take()

    def _connect(self) -> None:
        """``05 01 00 03 LENGTH NAME PORT``; an address is taken for a name of four letters."""
        if len(self._buffer) < 10:
            return
        start, length = (5, self._buffer[4]) if self._buffer[3] == 3 else (4, 4)
        end = start + length
        port = int.from_bytes(self._buffer[end : end + 2], "big")
        self._factory.asked.append((self._buffer[start:end], port))
        self._buffer = self._buffer[end + 2 :]
        self._take = lambda: None
        endpoint = HostnameEndpoint(self._factory.reactor, "127.0.0.1", port)
        connecting = endpoint.connect(Factory.forProtocol(lambda: Far(self)))
        connecting.addCallbacks(self._connected, lambda _: self._lose())

    def _connected(self, far: Any) -> None:
        self._far = far
        self.transport.write(_ACCEPTED)  # type: ignore[union-attr]
        self._take = self._relay
        self._take()

    def _relay(self) -> None:
        data, self._buffer = self._buffer, b""
        assert self._far is not None
        self._far.transport.write(data)  # type: ignore[union-attr]

    def _lose(self) -> None:
        self.transport.loseConnection()  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        if self._far is not None:
            self._far.transport.loseConnection()  # type: ignore[union-attr]


class Far(Protocol):
    """The connection that somebody asked for."""

    def __init__(self, near: Socks) -> None:
        self._near = near

    def dataReceived(self, data: bytes) -> None:
        self._near.transport.write(data)  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        self._near._lose()


class SocksFactory(Factory):
    """
    :ivar asked: the hosts and ports that somebody wanted.
    """

    noisy = False

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.asked: list[tuple[bytes, int]] = []

    def buildProtocol(self, addr: object) -> Socks:
        return Socks(self)
