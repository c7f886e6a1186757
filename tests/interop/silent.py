"""
A connection that dies as one does behind a router that has forgotten it: without FIN or RST.
"""

from __future__ import annotations

from typing import Any

from twisted.protocols.portforward import ProxyClient, ProxyClientFactory, ProxyFactory, ProxyServer
from twisted.trial.unittest import TestCase

__all__ = ["SilentProxy"]


class _Far(ProxyClient):
    """The connection to the receiver."""

    transport: Any

    def connectionMade(self) -> None:
        super().connectionMade()
        self.peer.factory.transports.append(self.transport)

    def dataReceived(self, data: bytes) -> None:
        if self.peer.is_silent:
            self.peer.factory.unheard += data
        else:
            super().dataReceived(data)

    def connectionLost(self, reason: Any) -> None:  # type: ignore[override]
        if not self.peer.is_silent:
            super().connectionLost(reason)


class _FarFactory(ProxyClientFactory):
    protocol = _Far
    noisy = False


class _Near(ProxyServer):
    """The connection from the browser; silent for ever once it has passed on so many bytes."""

    clientProtocolFactory = _FarFactory
    factory: Any
    transport: Any
    is_silent = False
    _left: int | None = None

    def connectionMade(self) -> None:
        self.factory.transports.append(self.transport)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        if self.is_silent:
            return
        if data.startswith(b"POST "):
            self.factory.uploads += 1
            if self.factory.uploads == self.factory.silent_at:
                self._left = self.factory.after
        if self._left is None:
            super().dataReceived(data)
            return
        super().dataReceived(data[: self._left])
        self._left -= len(data)
        if self._left <= 0:
            self.is_silent = True
            # Or the end of one connection would be the other's.
            for transport in (self.transport, self.peer.transport):
                transport.unregisterProducer()
                transport.resumeProducing()

    def connectionLost(self, reason: Any) -> None:  # type: ignore[override]
        if self.is_silent:
            self.factory.died += 1
        else:
            super().connectionLost(reason)


class SilentProxy(ProxyFactory):
    """
    Passes connections on to a port of loopback, until one dies in the middle of an upload.

    :param case: whose end is its own.
    :param port: of the receiver.
    :param silent_at: which request to upload a chunk its connection dies with, counted from 1.
    :param after: how many of its bytes arrive.
    :ivar own_port: where it listens.
    :ivar uploads: how many such requests there were.
    :ivar died: how many dead connections the browser has given up.
    :ivar unheard: what the receiver sent over one.
    """

    protocol = _Near
    noisy = False

    def __init__(self, case: TestCase, port: int, *, silent_at: int, after: int) -> None:
        from twisted.internet import reactor

        super().__init__("127.0.0.1", port)
        self.silent_at = silent_at
        self.after = after
        self.uploads = 0
        self.died = 0
        self.unheard = b""
        self.transports: list[Any] = []
        listening: Any = reactor
        listener = listening.listenTCP(0, self, interface="127.0.0.1")
        case.addCleanup(self._abort)
        case.addCleanup(listener.stopListening)
        self.own_port = listener.getHost().port

    def _abort(self) -> None:
        for transport in self.transports:
            transport.abortConnection()
