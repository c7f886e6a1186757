"""
A proxy that connects to loopback, whatever host it is asked for (RFC 9110, section 9.3.6).
"""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from .socks import Far, Socks

__all__ = ["ProxyFactory"]


class _Proxy(Socks):
    """One connection: a head that says where to, then bytes both ways."""

    def __init__(self, factory: ProxyFactory) -> None:
        super().__init__(factory)
        self._proxies = factory
        self._take = self._read_head

    def connectionMade(self) -> None:
        self._proxies.open.add(self)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        self._proxies.open.discard(self)
        super().connectionLost(reason)

    def _read_head(self) -> None:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        self._take = lambda: None
        self._proxies.heads.append(head)
        method, url, _ = head.split(b"\r\n")[0].split(b" ")
        transport: Any = self.transport
        if self._proxies.refusal:
            transport.write(self._proxies.refusal)
            transport.loseConnection()
        elif method == b"CONNECT":
            self._buffer = rest
            self._call(url)
        else:
            # Each request has a connection of its own: the next one may be for another server.
            authority, _, path = url.removeprefix(b"http://").partition(b"/")
            head = head.replace(url, b"/" + path, 1) + b"\r\nConnection: close"
            self._buffer = head + end + rest
            self._call(authority)

    def _call(self, authority: bytes) -> None:
        port = int(authority.rpartition(b":")[2])
        endpoint = HostnameEndpoint(self._proxies.reactor, "127.0.0.1", port)
        connecting = endpoint.connect(Factory.forProtocol(lambda: Far(self)))
        connecting.addCallbacks(self._through, self._failed)

    def _through(self, far: Any) -> None:
        self._far = far
        transport: Any = self.transport
        if self._proxies.heads[-1].startswith(b"CONNECT"):
            transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._take = self._pass_on
        self._take()

    def _pass_on(self) -> None:
        self._proxies.seen += self._buffer
        self._relay()

    def _failed(self, _: Failure) -> None:
        transport: Any = self.transport
        transport.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        transport.loseConnection()


class ProxyFactory(Factory):
    """
    :ivar heads: the heads of what it was asked for, one for each connection.
    :ivar seen: what went through from clients to servers, as the proxy sees it.
    :ivar open: the connections of clients.
    :ivar refusal: the response to everything, if it lets nothing through.
    """

    noisy = False

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.asked: list[Any] = []
        self.heads: list[bytes] = []
        self.seen = b""
        self.refusal = b""
        self.open: set[Any] = set()

    async def close(self) -> None:
        """Abort all connections, and wait until servers notice."""
        for each in self.open:
            each.transport.abortConnection()
        while self.open:
            await deferLater(self.reactor, 0.001)
        await deferLater(self.reactor, 0.001)

    def buildProtocol(self, addr: object) -> _Proxy:
        return _Proxy(self)
