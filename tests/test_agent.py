"""
Where an agent connects to, and requests that begin together over connections that it keeps.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorPluggableNameResolver, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides, implementer

from txresumable._http.agent import PersistentAgent
from txresumable._http.state import IDLE
from txresumable.errors import ConnectionBroken, MalformedResponse, StaleConnection, StallTimeout

from .test_connection import OK, Reactor, Socket

URL = b"http://127.0.0.1/upload?a=1"


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


class AddressTests(SynchronousTestCase):
    """
    Where connections go.
    """

    def test_address(self) -> None:
        """An address is connected to as it is: there is nothing to look up, nor a thread for it."""
        for url, host in ((URL, "127.0.0.1"), (b"http://[::1]:8080/upload", "::1")):
            with self.subTest(url=url):
                reactor: Any = MemoryReactorClock()
                reactor.nameResolver = None
                asked = PersistentAgent(reactor, reactor).request(b"GET", url)
                asked.addErrback(lambda _: None)
                self.assertEqual([each[0] for each in reactor.tcpClients], [host])
                self.assertEqual(reactor.tcpClients[0][3], None, "the limit goes by our own clock")
                asked.cancel()

    def test_name(self) -> None:
        """A name is looked up."""
        reactor: Any = MemoryReactorClock()
        alsoProvides(reactor, IReactorPluggableNameResolver)
        looked_up: list[str] = []

        class Resolver:
            def resolveHostName(self, receiver: Any, name: str, *_: Any, **__: Any) -> None:
                looked_up.append(name)

        reactor.nameResolver = Resolver()
        asked = PersistentAgent(reactor, reactor).request(b"GET", b"http://example.com/upload")
        asked.addErrback(lambda _: None)
        self.assertEqual((looked_up, reactor.tcpClients), (["example.com"], []))
        asked.cancel()


class GatheringTests(SynchronousTestCase):
    """
    Small requests of one turn of the reactor.
    """

    def setUp(self) -> None:
        self.reactor, self.clock = Reactor(), Clock()
        self.endpoint = Endpoint(self.reactor)
        self.agent = PersistentAgent(self.reactor, self.clock, endpoint=lambda _: self.endpoint)
        self.addCleanup(self.agent.close)

    def ask(self, number: int) -> list[Deferred[Any]]:
        """Begin so many requests."""
        return [self.agent.request(b"GET", URL) for _ in range(number)]

    def sent(self) -> list[int]:
        """How many requests went out over each connection."""
        return [
            socket.arrived.count(b"GET /upload?a=1 HTTP/1.1") for socket in self.endpoint.sockets
        ]

    def test_alone(self) -> None:
        """One for which nobody waits goes out at once."""
        self.ask(1)
        self.assertEqual(self.sent(), [1])

    def test_together(self) -> None:
        """Others go out at the end of the turn, each once."""
        asked = self.ask(3)
        self.assertEqual(self.sent(), [1, 0, 0])
        self.reactor.advance(0)
        self.assertEqual(self.sent(), [1, 1, 1])
        for protocol in self.endpoint.protocols:
            protocol.dataReceived(OK)
        for reply in asked:
            self.assertEqual(self.successResultOf(reply).code, 200)
        self.ask(3)
        self.reactor.advance(0)
        self.assertEqual(self.sent(), [2, 2, 2])

    def test_cancelled(self) -> None:
        """One that is cancelled before that is not sent."""
        asked = self.ask(3)
        asked[1].cancel()
        self.failureResultOf(asked[1], CancelledError)
        self.reactor.advance(0)
        self.assertEqual(self.sent(), [1, 0, 1])

    def test_closed(self) -> None:
        """When the agent is closed before that, none is sent, and nothing is left."""
        for asked in self.ask(3):
            asked.addErrback(lambda failure: failure.trap(ConnectionBroken))
        self.agent.close()
        self.reactor.advance(0)
        self.assertEqual(self.sent(), [1, 0, 0])
        self.assertEqual(self.reactor.getDelayedCalls() + self.clock.getDelayedCalls(), [])

    def test_response_before(self) -> None:
        """What a server says before that ends the connection, and is no response."""
        asked = self.ask(2)
        self.endpoint.protocols[1].dataReceived(OK)
        self.failureResultOf(asked[1], MalformedResponse)
        self.reactor.advance(0)
        self.assertEqual(self.sent(), [1, 0])
        self.assertIsNot(self.endpoint.protocols[1].state, IDLE)

    def test_one_that_cannot_be_sent(self) -> None:
        """One that raises as it goes out ends alone; the others go out."""
        asked = self.ask(3)

        def sendmsg(*_: object) -> int:
            raise RuntimeError("no such thing")

        self.endpoint.sockets[1].sendmsg = sendmsg  # type: ignore[method-assign]
        self.reactor.advance(0)
        self.reactor.advance(0)
        self.failureResultOf(asked[1], ConnectionBroken)
        self.assertEqual(self.sent(), [1, 0, 1])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_a_turn_that_does_not_end(self) -> None:
        """A wall clock that is set back puts them off by no more than half a second."""
        self.ask(3)
        self.clock.advance(0.5)
        self.assertEqual(self.sent(), [1, 1, 1])
        self.reactor.advance(3600)
        self.assertEqual(self.sent(), [1, 1, 1])


class KeptTests(SynchronousTestCase):
    """
    Connections that are used again, or not.
    """

    def setUp(self) -> None:
        self.reactor, self.clock = Reactor(), Clock()
        self.endpoint = Endpoint(self.reactor)
        self.agent = PersistentAgent(self.reactor, self.clock, endpoint=lambda _: self.endpoint)
        self.addCleanup(self.agent.close)

    def ask(self) -> Deferred[Any]:
        return self.agent.request(b"GET", URL)

    def answered(self) -> None:
        """One request, and its response."""
        asked = self.ask()
        self.endpoint.protocols[-1].dataReceived(OK)
        self.successResultOf(asked)

    def test_quiet(self) -> None:
        """One on which nothing came is used again."""
        self.answered()
        self.answered()
        self.assertEqual(len(self.endpoint.sockets), 1)

    def test_not_quiet(self) -> None:
        """One on which more came, or its end, or that is broken, is closed and not used."""
        for came in (b"H", b"", ConnectionResetError(104, "reset")):
            with self.subTest(came=came):
                self.answered()
                used, before = self.endpoint.protocols[-1], len(self.endpoint.sockets)
                self.endpoint.sockets[-1].came = came
                self.answered()
                self.assertEqual(len(self.endpoint.sockets), before + 1)
                self.assertIsNot(used.state, IDLE)

    def test_closed_as_it_began(self) -> None:
        """One that closes within a round trip of a request may have been closed before it."""
        self.answered()
        asked = self.ask()
        self.clock.advance(0.9)
        self.endpoint.protocols[0].connectionLost()
        self.failureResultOf(asked, StaleConnection)

    def test_closed_later(self) -> None:
        """One that closes when the request has long been there has failed it."""
        self.answered()
        asked = self.ask()
        self.clock.advance(1)
        self.endpoint.protocols[0].connectionLost()
        self.failureResultOf(asked, ConnectionBroken)

    def test_lost_already(self) -> None:
        """One that is lost is not aborted once more."""
        self.answered()
        protocol, aborted = self.endpoint.protocols[0], []
        protocol.connectionLost()
        protocol.transport.abortConnection = lambda: aborted.append(1)
        protocol.abort()
        self.agent.drop_idle(URL)
        self.assertEqual(aborted, [])

    def test_watched_whatever_happens(self) -> None:
        """A connection that cannot be watched over does not leave the others unwatched."""
        asked = [self.ask(), self.ask()]
        self.reactor.advance(0)

        def watch(limit: float) -> None:
            raise RuntimeError("no such thing")

        self.endpoint.protocols[0].watch = watch
        for _ in range(200):
            self.clock.advance(0.5)
            self.reactor.advance(0)
        self.failureResultOf(asked[1], StallTimeout)
        self.failureResultOf(asked[0], ConnectionBroken)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
