"""
Connections over sockets whose kernel takes what it is told to.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txresumable._engine.body import ChunkBody
from txresumable._http.agent import PersistentAgent
from txresumable._http.batch import WriteBatch
from txresumable._http.client import RequestClient
from txresumable._http.connection import HTTPConnection
from txresumable._http.state import IDLE
from txresumable._source.source import Source
from txresumable._validators import check_headers

HEAD = b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FULL = 0
URL = b"http://127.0.0.1/upload?a=1"


class Socket:
    """
    A socket whose kernel takes what it is told to.

    :ivar taken: how many bytes each call takes, the first one first; then everything.
    :ivar arrived: what was taken.
    :ivar calls: how many bytes each call took, and its flags.
    :ivar broken: whether the peer is gone.
    :ivar came: what is there to read, an error to raise, or nothing.
    :ivar options: those that were set, with their values.
    """

    came: bytes | Exception | None = None

    def __init__(self, taken: list[int]) -> None:
        self.taken = deque(taken)
        self.arrived = bytearray()
        self.calls: list[tuple[int, int]] = []
        self.fault: Exception | None = None
        self.options: dict[int, int] = {}

    def sendmsg(self, parts: list[bytes], _: object = (), flags: int = 0) -> int:
        size = self.send(b"".join(parts))
        self.calls.append((size, flags))
        return size

    def send(self, data: bytes) -> int:
        if self.fault is not None:
            raise self.fault
        if not data:
            return 0
        size = min(self.taken.popleft(), len(data)) if self.taken else len(data)
        if size == FULL:
            raise BlockingIOError(11, "it is full")
        self.arrived += bytes(data)[:size]
        return size

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Look at what came."""
        if isinstance(self.came, bytes):
            return self.came[:size]
        raise self.came or BlockingIOError(11, "nothing")

    def setsockopt(self, level: int, option: int, value: int) -> None:
        self.options[option] = value

    def __getattr__(self, name: str) -> Any:
        """What is of no concern here."""
        return lambda *_: 7


class Reactor(Clock):
    """
    Knows who wants to write, and lets them, one turn each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.writers: set[Any] = set()

    addWriter = property(lambda self: self.writers.add)
    removeWriter = property(lambda self: self.writers.discard)
    addReader = removeReader = lambda self, reader: None

    def turn(self) -> None:
        """Every socket is writable."""
        for writer in list(self.writers):
            lost = writer.doWrite()
            if lost is not None:
                writer.connectionLost(Failure(lost))


class Listener:
    """
    Notified of a connection.

    :ivar heard: what happened to it.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []

    def connection_made(self, connection: HTTPConnection) -> None:
        pass

    def connection_ready(self, connection: HTTPConnection) -> None:
        self.heard.append("ready")

    def connection_lost(self, connection: HTTPConnection, reason: Failure) -> None:
        self.heard.append("lost")


class Rig:
    """
    A connection over a :class:`Socket`.

    :ivar heard: what happened to the connection.
    :ivar results: of each request, in the order of their ends.
    :ivar reading_takes: seconds.
    """

    reading_takes = 0.0

    def __init__(self, taken: list[int], secure: bool = False) -> None:
        self.reactor = Reactor()
        self.socket = Socket(taken)
        listener = Listener()
        self.heard = listener.heard
        self.connection = HTTPConnection(
            seconds=self.reactor.seconds,
            batch=WriteBatch(self.reactor, ()),
            listener=listener,
            secure=secure,
        )
        given: Any = self.socket
        self.transport = Connection(given, self.connection, self.reactor)  # type: ignore[arg-type]
        self.transport.connected = 1
        self.connection.makeConnection(self.transport)
        if secure:
            self.connection.handshakeCompleted()
        self.results: list[Any] = []

    def ask(self) -> Deferred[Any]:
        """Send a request without a body."""
        asking: Deferred[Any] = self.connection.send(HEAD, None)
        return asking.addBoth(self.results.append)

    def send(self, source: Source, size: int, **options: Any) -> ChunkBody:
        """Send a chunk."""
        body = ChunkBody(
            b"<head>", source, 0, size, b"<tail>", read_later=self._read_later, **options
        )
        self.connection.send(HEAD, body).addBoth(self.results.append)
        return body

    def _read_later(self, source: Source, start: int, size: int) -> Deferred[bytes]:
        reading: Deferred[bytes] = Deferred()
        self.reactor.callLater(
            self.reading_takes, lambda: reading.callback(source.read(start, size))
        )
        return reading

    def finish(self) -> None:
        """Turn after turn, until nobody wants one."""
        now = self.reactor.seconds()
        while self.reactor.writers or any(
            call.getTime() <= now for call in self.reactor.getDelayedCalls()
        ):
            self.reactor.turn()
            self.reactor.advance(0)


@implementer(IStreamClientEndpoint)
class Endpoint:
    """
    Leads to sockets whose kernel takes everything.

    :ivar sockets: one for each connection.
    :ivar protocols: likewise.
    """

    def __init__(self, reactor: Reactor) -> None:
        self.reactor = reactor
        self.sockets: list[Socket] = []
        self.protocols: list[Any] = []

    def connect(self, factory: Any) -> Deferred[Any]:
        given: Any = Socket([])
        protocol = factory.buildProtocol(None)
        transport = Connection(given, protocol, self.reactor)  # type: ignore[arg-type]
        transport.connected = 1
        self.sockets.append(given)
        self.protocols.append(protocol)
        protocol.makeConnection(transport)
        return succeed(protocol)


def make_agent(reactor: Any, clock: Any, **options: Any) -> PersistentAgent:
    """An agent with the limits that an uploader gives it by default."""
    chosen = {"connect_timeout": 30.0, "stall_timeout": 60.0, "max_idle": 3, **options}
    return PersistentAgent(reactor, clock, **chosen)


def make_request_client(reactor: Any, clock: Any, **options: Any) -> RequestClient:
    """A client with the options that an uploader gives it by default."""
    chosen = {
        "cookies": False,
        "stall_timeout": 60.0,
        "chunk_timeout": None,
        "insecure_credentials": "warn",
        "check_headers": check_headers,
        **options,
    }
    return RequestClient(reactor, clock, **chosen)


class AgentTestCase(SynchronousTestCase):
    """
    Tests with an agent over connections in memory.
    """

    def setUp(self) -> None:
        self.reactor, self.clock = Reactor(), Clock()
        self.endpoint = Endpoint(self.reactor)
        self.make()

    def make(self, **limits: Any) -> None:
        self.agent = make_agent(
            self.reactor, self.clock, endpoint=lambda _: self.endpoint, **limits
        )
        self.addCleanup(self.agent.close)

    def ask(self) -> Deferred[Any]:
        return self.agent.request(b"GET", URL)

    def answered(self) -> None:
        """One request, and its response."""
        asked = self.ask()
        self.endpoint.protocols[-1].dataReceived(OK)
        self.successResultOf(asked)

    def keep(self, number: int) -> list[Any]:
        """So many requests at once, and their responses; :returns: their connections."""
        asked = [self.ask() for _ in range(number)]
        self.reactor.advance(0)
        protocols = self.endpoint.protocols[-number:]
        for protocol in protocols:
            protocol.dataReceived(OK)
        for each in asked:
            self.successResultOf(each)
        return protocols

    def open(self, protocols: list[Any]) -> list[bool]:
        """Which of them are kept for the next request."""
        return [protocol.state is IDLE for protocol in protocols]
