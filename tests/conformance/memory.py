"""
A network in memory, with its own clock: what is sent is delivered in a fixed order, and time
passes only when nothing else is left to happen.

A real network would do for most scenarios, but half a second of waiting, or a time limit of 200
ms on a busy machine, should neither slow the tests down nor make them fail.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import (
    IConsumer,
    IHostnameResolver,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import implementer

_BUFFER = 65536


@implementer(ITCPTransport, IConsumer)
class MemoryTransport:
    """
    One end of a connection in memory.

    :ivar peer: the other end.
    :ivar protocol: who reads here.
    :ivar outbox: what was written and not yet delivered.
    """

    peer: "MemoryTransport"

    def __init__(self, protocol: Any, host: IPv4Address, peer_address: IPv4Address) -> None:
        self.protocol = protocol
        self.outbox: deque[bytes] = deque()
        self.connected = True
        self.disconnecting = False
        self._addresses = host, peer_address
        self._producer: Any = None
        self._streaming = False
        self._paused = False
        self._reading = True

    def write(self, data: bytes) -> None:
        if self.connected and not self.disconnecting and data:
            self.outbox.append(bytes(data))
            if self._streaming and not self._paused and sum(map(len, self.outbox)) >= _BUFFER:
                self._paused = True
                self._producer.pauseProducing()

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def deliver(self) -> bool:
        """
        Hand what was written to the other end.

        :return: whether there was anything to do.
        """
        moved = bool(self.outbox) and self.peer._reading
        if moved:
            data = b"".join(self.outbox)
            self.outbox.clear()
            if self.peer.connected:
                self.peer.protocol.dataReceived(data)
        if self._producer is not None and not self.outbox:
            if not self._streaming:
                self._producer.resumeProducing()
                moved = True
            elif self._paused:
                self._paused = False
                self._producer.resumeProducing()
                moved = True
        elif self.disconnecting and self.connected and not self.outbox:
            self._lost(ConnectionDone())
            self.peer._lost(ConnectionDone())
            moved = True
        return moved

    def _lost(self, reason: Exception) -> None:
        if self.connected:
            self.connected = False
            self.outbox.clear()
            producer, self._producer = self._producer, None
            if producer is not None:
                producer.stopProducing()
            self.protocol.connectionLost(Failure(reason))

    def loseConnection(self) -> None:
        self.disconnecting = True

    def abortConnection(self) -> None:
        self.outbox.clear()
        self.disconnecting = True
        self._lost(ConnectionAborted())
        self.peer._lost(ConnectionDone())

    def loseWriteConnection(self) -> None:
        self.disconnecting = True

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._producer, self._streaming, self._paused = producer, streaming, False
        if not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        self._producer = None

    def pauseProducing(self) -> None:
        self._reading = False

    def resumeProducing(self) -> None:
        self._reading = True

    def stopProducing(self) -> None:
        self.loseConnection()

    def getHost(self) -> IPv4Address:
        return self._addresses[0]

    def getPeer(self) -> IPv4Address:
        return self._addresses[1]

    def getTcpNoDelay(self) -> bool:
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def getTcpKeepAlive(self) -> bool:
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass


@implementer(IHostnameResolver)
class _Resolver:
    """
    Every name is this machine's.
    """

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> IResolutionReceiver:
        resolutionReceiver.resolutionBegan(self)
        resolutionReceiver.addressResolved(IPv4Address("TCP", "127.0.0.1", portNumber))
        resolutionReceiver.resolutionComplete()
        return resolutionReceiver


@implementer(IReactorPluggableNameResolver)
class MemoryNetwork(MemoryReactorClock):  # type: ignore[misc]
    """
    A reactor whose connections all lead to one server.

    :param make_server: gives the protocol of the server's end of a new connection.
    """

    def __init__(self, make_server: Callable[["MemoryNetwork"], Protocol]) -> None:
        super().__init__()
        self.running = True
        self.nameResolver = _Resolver()
        self._make_server = make_server
        self._clients: list[MemoryTransport] = []
        self._servers: list[MemoryTransport] = []

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None
    ) -> Any:
        """
        Connect at the next turn.
        """
        connector = super().connectTCP(host, port, factory, timeout, bindAddress)
        factory.doStart()
        self.callLater(0, self._connect, host, port, factory)
        return connector

    def _connect(self, host: str, port: int, factory: Any) -> None:
        here = IPv4Address("TCP", "127.0.0.1", 40000 + len(self._clients))
        there = IPv4Address("TCP", host, port)
        protocol, server = factory.buildProtocol(there), self._make_server(self)
        if protocol is None:
            return
        near, far = MemoryTransport(protocol, here, there), MemoryTransport(server, there, here)
        near.peer, far.peer = far, near
        self._clients.append(near)
        self._servers.append(far)
        server.makeConnection(far)
        protocol.makeConnection(near)

    def _turn(self) -> bool:
        """
        Deliver what the clients wrote; if that was nothing, what the servers wrote.

        So requests that are made at once all arrive before the first of them is answered.
        """
        for ends in (self._clients, self._servers):
            moved = [end.deliver() for end in list(ends)]
            if any(moved):
                return True
        return False

    def run(self, until: Callable[[], bool], limit: float = 3600.0) -> None:
        """
        Let things happen until a condition holds.

        :param until: the condition.
        :param limit: seconds of the network's time after which it is a failure.
        """
        while not until():
            due = min((call.getTime() for call in self.getDelayedCalls()), default=None)
            if due is not None and due <= self.seconds():
                self.advance(0)
            elif not self._turn():
                assert due is not None, "nothing is left to happen"
                assert due <= limit, f"nothing more in {limit} seconds"
                self.advance(due - self.seconds())

    @property
    def open_connections(self) -> int:
        """
        How many of the clients' connections are open.
        """
        return sum(end.connected for end in self._clients)
