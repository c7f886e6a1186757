"""
A proxy for TCP connections that does to them what its tricks say.
"""

from __future__ import annotations

import socket
from collections import Counter, deque
from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["Pair", "Proxy"]

_ENOUGH = 256 * 1024


class End(Protocol):
    """
    One of the two connections of a pair.

    :ivar is_open: whether it was made and is not lost.
    """

    transport: Any
    is_open = False

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.other: End

    def connectionMade(self) -> None:
        self.is_open = True
        self.pair.made(self)

    def dataReceived(self, data: bytes) -> None:
        self.pair.received(self, data)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.is_open = False
        self.pair.lost(self)

    def finish(self) -> None:
        """Close, when all is sent."""
        self.transport.loseConnection()


@implementer(IHalfCloseableProtocol)
class PlainEnd(End):
    """One that is not TLS's, so that each direction has its own end."""

    def readConnectionLost(self) -> None:
        self.pair.flow_to(self.other).finish()

    def writeConnectionLost(self) -> None:
        """It was this end that closed it."""

    def finish(self) -> None:
        self.transport.loseWriteConnection()


@implementer(IPushProducer)
class Flow:
    """
    One direction: bytes that leave in their order, each not before its time.

    :param source: where they come from; it waits when too many are here.
    :param sink: where they go to.
    """

    def __init__(self, reactor: Any, source: End, sink: End) -> None:
        self._reactor = reactor
        self._source = source
        self._sink = sink
        self._queue: deque[tuple[float, bytes | None]] = deque()
        self._size = 0
        self._time = 0.0
        self._call: Any = None
        self._blocked = True
        self._waits = False
        self._over = False

    def begin(self) -> None:
        """The sink is connected."""
        self._blocked = False
        self._sink.transport.registerProducer(self, True)
        self._pump()

    def put(self, data: bytes, delay: float = 0.0) -> None:
        """Send bytes, so many seconds after those before them."""
        self._time = max(self._time, self._reactor.seconds()) + delay
        self._queue.append((self._time, data))
        self._size += len(data)
        if self._size > _ENOUGH and self._source.is_open:
            self._waits = True
            self._source.transport.pauseProducing()
        self._pump()

    def finish(self) -> None:
        """Send a FIN after all bytes."""
        self._queue.append((self._time, None))
        self._pump()

    def stop(self) -> None:
        """Send nothing any more."""
        self._over = True
        self._queue.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def pauseProducing(self) -> None:
        self._blocked = True

    def resumeProducing(self) -> None:
        self._blocked = False
        self._pump()

    def stopProducing(self) -> None:
        self.stop()

    def _pump(self) -> None:
        while self._queue and not (self._blocked or self._over):
            time, data = self._queue[0]
            wait = time - self._reactor.seconds()
            if wait > 0:
                if self._call is None:
                    self._call = self._reactor.callLater(wait, self._due)
                return
            self._queue.popleft()
            if data is None:
                self._end()
            else:
                self._size -= len(data)
                self._sink.transport.write(data)
        if self._waits and self._size <= _ENOUGH and self._source.is_open:
            self._waits = False
            self._source.transport.resumeProducing()

    def _due(self) -> None:
        self._call = None
        self._pump()

    def _end(self) -> None:
        self._sink.transport.unregisterProducer()
        self._sink.finish()


class Pair:
    """
    A client's connection and the one to the receiver that goes with it.

    :ivar random: its own chance.
    """

    def __init__(self, proxy: Proxy, number: int, trick: Callable[[Pair], Any]) -> None:
        self.proxy = proxy
        self.number = number
        self.random = Random(f"{proxy.seed} {number}")
        kind = End if proxy.opens_tls else PlainEnd
        self.client, self.server = kind(self), kind(self)
        self.client.other, self.server.other = self.server, self.client
        self.to_server = Flow(proxy.reactor, self.client, self.server)
        self.to_client = Flow(proxy.reactor, self.server, self.client)
        self._calls: list[Any] = []
        self.trick = trick(self)

    def flow_to(self, end: End) -> Flow:
        """The direction to one end."""
        return self.to_server if end is self.server else self.to_client

    def made(self, end: End) -> None:
        """One end is connected."""
        if self not in self.proxy.pairs:  # it came too late
            end.transport.abortConnection()
            return
        self.proxy.narrow(end.transport)
        self.flow_to(end).begin()
        if end is self.client:
            self.trick.begin()

    def received(self, end: End, data: bytes) -> None:
        """Bytes came from one end."""
        if end is self.client:
            self.trick.from_client(data)
        else:
            self.trick.from_server(data)

    def lost(self, end: End) -> None:
        """One end is gone: so is the other, once it has what is on its way to it."""
        other = end.other
        self.flow_to(end).stop()
        if other.is_open:
            self.flow_to(other).finish()
            self.later(1.0, self.reset)
        if not other.is_open:
            self.ended()

    def later(self, delay: float, function: Callable[[], None]) -> None:
        """Call something unless the pair is gone by then."""
        self._calls.append(self.proxy.reactor.callLater(delay, function))

    def reset(self) -> None:
        """End both with a RST."""
        for end in (self.client, self.server):
            if end.is_open:
                end.transport.abortConnection()

    def ended(self) -> None:
        """Both are gone."""
        for flow in (self.to_client, self.to_server):
            flow.stop()
        for call in self._calls:
            if call.active():
                call.cancel()
        self.proxy.pairs.discard(self)


class Proxy:
    """
    Listens, and connects to the receiver for each that comes.

    :param choose: gives each connection its trick, as a function of the pair.
    :param mss: the largest segment in bytes, or 0.
    :param window: the size of socket buffers in bytes, or 0.
    :param contexts: what opens and closes TLS, as factories of contexts for the clients and for the
        receiver; without, bytes are passed on as they are.
    :ivar mss: the same.
    :ivar opens_tls: whether there are contexts.
    :ivar upstream: the receiver's port, or 0 while there is none.
    :ivar tricks: how often each trick was chosen.
    """

    def __init__(
        self,
        reactor: Any,
        seed: int,
        choose: Callable[[Proxy, Random], Callable[[Pair], Any]],
        *,
        mss: int = 0,
        window: int = 0,
        contexts: tuple[Any, Any] | None = None,
    ) -> None:
        self.reactor = reactor
        self.seed = seed
        self.upstream = 0
        self.pairs: set[Pair] = set()
        self.tricks: Counter[str] = Counter()
        self._random = Random(seed)
        self._choose = choose
        self.mss = mss
        self._window = window
        self.opens_tls = contexts is not None
        self._contexts = contexts
        self._count = 0
        self._port: Any = None

    def listen(self) -> int:
        """Begin.  :returns: the port."""
        factory = Factory.forProtocol(self._accept)
        if self._contexts is None:
            self._port = self.reactor.listenTCP(0, factory, interface="127.0.0.1")
        else:
            context = self._contexts[0]
            self._port = self.reactor.listenSSL(0, factory, context, interface="127.0.0.1")
        self._squeeze(self._port.socket)
        return int(self._port.getHost().port)

    def close(self) -> Any:
        """End all."""
        for pair in list(self.pairs):
            pair.reset()
        return self._port.stopListening()

    def narrow(self, transport: Any) -> None:
        """Small buffers for a connection."""
        transport.setTcpNoDelay(True)
        if self._window:
            self._buffers(transport.socket)

    def _accept(self) -> End:
        self._count += 1
        trick = self._choose(self, self._random)
        pair = Pair(self, self._count, trick)
        self.tricks[type(pair.trick).__name__] += 1
        self.pairs.add(pair)
        self._connect(pair)
        return pair.client

    def _connect(self, pair: Pair) -> None:
        factory = _Connecting(pair)
        if not self.upstream:
            pair.later(0, pair.reset)
            return
        if self._contexts is None:
            connector = self.reactor.connectTCP("127.0.0.1", self.upstream, factory, timeout=5)
        else:
            context = self._contexts[1]
            connector = self.reactor.connectSSL(
                "127.0.0.1", self.upstream, factory, context, timeout=5
            )
        self._squeeze(connector.transport.socket)

    def _squeeze(self, bare: socket.socket) -> None:
        if self.mss:
            bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, self.mss)
        if self._window:
            self._buffers(bare)

    def _buffers(self, bare: Any) -> None:
        for which in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            bare.setsockopt(socket.SOL_SOCKET, which, self._window)


class _Connecting(ClientFactory):
    """Connects to the receiver."""

    noisy = False

    def __init__(self, pair: Pair) -> None:
        self._pair = pair

    def buildProtocol(self, addr: Any) -> End:
        return self._pair.server

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self._pair.reset()
        if not self._pair.client.is_open:
            self._pair.ended()
