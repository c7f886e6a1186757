"""
Where connections go, and how they are opened.
"""

from __future__ import annotations

import errno
from typing import Any

from OpenSSL.SSL import Error as TLSError
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectBindError, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IReactorPluggableNameResolver, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides, implementer

from txresumable import InvalidOption
from txresumable._http.batch import WriteBatch
from txresumable._http.connection import HTTPConnection
from txresumable._http.connector import Connector
from txresumable._http.state import CLOSING, IDLE
from txresumable._http.tcp_info import TCPInfo
from txresumable._protocol.proxy import Proxy
from txresumable.errors import ConnectFailed, ConnectTimeout, TLSRejected

from .http_rig import Endpoint, Reactor, make_agent

URL = b"http://127.0.0.1/upload?a=1"


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
                asked = make_agent(reactor, reactor).request(b"GET", url)
                asked.addErrback(lambda _: None)
                self.assertEqual([each[0] for each in reactor.tcpClients], [host])
                self.assertEqual(reactor.tcpClients[0][3], None, "the limit goes by our own clock")
                asked.cancel()

    def test_cause(self) -> None:
        """A failure to connect keeps what Twisted said of it."""
        reactor: Any = MemoryReactorClock()
        asked = make_agent(reactor, reactor).request(b"GET", URL)
        said = ConnectBindError(errno.EMFILE, "Too many open files")
        reactor.tcpClients[0][2].clientConnectionFailed(None, Failure(said))
        self.assertIs(self.failureResultOf(asked, ConnectFailed).value.__cause__, said)

    def test_name(self) -> None:
        """A name is looked up."""
        reactor: Any = MemoryReactorClock()
        alsoProvides(reactor, IReactorPluggableNameResolver)
        looked_up: list[str] = []

        class Resolver:
            def resolveHostName(self, receiver: Any, name: str, *_: Any, **__: Any) -> None:
                looked_up.append(name)

        reactor.nameResolver = Resolver()
        asked = make_agent(reactor, reactor).request(b"GET", b"http://example.com/upload")
        asked.addErrback(lambda _: None)
        self.assertEqual((looked_up, reactor.tcpClients), (["example.com"], []))
        asked.cancel()

    def test_secure(self) -> None:
        """What is meant for TLS goes over TLS, and nothing else does."""
        for url, secure in ((b"https://127.0.0.1/", True), (b"http://127.0.0.1/", False)):
            reactor: Any = MemoryReactorClock()
            asked = make_agent(reactor, reactor).request(b"GET", url)
            asked.addErrback(lambda _: None)
            host, port, factory, *_ = reactor.tcpClients[0]
            self.assertEqual((host, port), ("127.0.0.1", 443 if secure else 80))
            wrapped = factory._wrappedFactory  # the endpoint's
            self.assertEqual(isinstance(wrapped, TLSMemoryBIOFactory), secure)
            asked.cancel()

    def test_proxy(self) -> None:
        """With a proxy, its address is connected to, and it is asked for the host as it is."""
        asked_for: list[str] = []

        def choose(origin: str) -> Proxy:
            asked_for.append(origin)
            return Proxy.of("http://anna:b@127.0.0.2:3128")

        for url, origin, first in (
            (b"https://[::1]:8443/x?y", "https://[::1]:8443", b"CONNECT [::1]:8443 HTTP/1.1\r\n"),
            (b"https://a.example/", "https://a.example:443", b"CONNECT a.example:443 HTTP/1.1\r\n"),
            (
                b"http://[::1]?y",
                "http://[::1]:80",
                b"GET http://[::1]/?y HTTP/1.1\r\nHost: [::1]\r\n",
            ),
        ):
            reactor: Any = MemoryReactorClock()
            asked = make_agent(reactor, reactor, proxy=choose).request(b"GET", url)
            asked.addErrback(lambda _: None)
            host, port, factory, timeout, _ = reactor.tcpClients[0]
            self.assertEqual((host, port, timeout), ("127.0.0.2", 3128, None))
            self.assertEqual(asked_for.pop(), origin)
            transport: Any = StringTransportWithDisconnection()
            transport.protocol = factory.buildProtocol(None)
            transport.protocol.makeConnection(transport)
            reactor.advance(0)
            self.assertTrue(transport.value().startswith(first), transport.value())
            self.assertIn(b"\r\nProxy-Authorization: Basic YW5uYTpi\r\n", transport.value())
            asked.cancel()

    def test_no_name(self) -> None:
        """What can be no name of a host is refused."""
        reactor: Any = MemoryReactorClock()
        agent = make_agent(reactor, reactor)
        url = b"https://%b.example/" % (b"a" * 64)
        error = self.assertRaises(InvalidOption, agent.request, b"GET", url)
        self.assertEqual(error.option, "target")

    def test_options_of_tls(self) -> None:
        """What TLS cannot be set up with is refused, and named."""
        for option in ("trust_root", "client_certificate"):
            reactor: Any = MemoryReactorClock()
            given = {option: "s3cret"}
            error = self.assertRaises(InvalidOption, make_agent, reactor, reactor, **given)
            self.assertEqual(error.option, option)
            self.assertNotIn("s3cret", str(error) + repr(error))


@implementer(IStreamClientEndpoint)
class PendingEndpoint:
    """
    Leads to nobody who answers.

    :ivar cancelled: how often connecting was cancelled.
    """

    def __init__(self) -> None:
        self.cancelled = 0
        self.connecting: Deferred[Any]
        self.factory: Any

    def connect(self, factory: Any) -> Deferred[Any]:
        self.factory = factory
        self.connecting = Deferred(self._cancel)
        return self.connecting

    def _cancel(self, _: object) -> None:
        self.cancelled += 1


class ConnectorTests(SynchronousTestCase):
    """
    How connections are opened.
    """

    def setUp(self) -> None:
        self.reactor, self.clock = Reactor(), Clock()
        self.connector = Connector(
            self.reactor, self.clock, WriteBatch(self.reactor, ()), timeout=30
        )
        self.pending, self.endpoint = PendingEndpoint(), Endpoint(self.reactor)

    def tearDown(self) -> None:
        self.reactor.advance(0)
        self.assertEqual(self.connector.connections, set())
        self.assertEqual(self.reactor.getDelayedCalls() + self.clock.getDelayedCalls(), [])

    def handshake(self) -> Deferred[Any]:
        """Begin a connection whose peer says nothing of TLS."""
        return self.connector.connect(self.endpoint, True)

    def test_ready(self) -> None:
        """A connection is there when a request can be sent, and is not limited from then on."""
        waiting = self.handshake()
        self.assertNoResult(waiting)
        (protocol,) = self.endpoint.protocols
        protocol.handshakeCompleted()
        self.assertIs(self.successResultOf(waiting), protocol)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIs(protocol.state, IDLE)
        protocol.connectionLost()

    def test_says_how_long_a_round_trip_takes(self) -> None:
        """
        Once, as soon as there is a connection: as the kernel measured it, or else how long it took.
        Over TLS that is before a request can be sent.
        """
        told: list[float] = []
        connector = Connector(
            self.reactor,
            self.clock,
            WriteBatch(self.reactor, ()),
            timeout=30,
            connected=told.append,
        )
        for known, expected in ((None, 0.25), (TCPInfo(0.125, 1, 1), 0.125)):
            self.patch(HTTPConnection, "tcp_info", lambda _, known=known: known)
            waiting = connector.connect(self.pending, True)
            self.clock.advance(0.25)
            self.assertEqual(told, [])
            self.endpoint.connect(self.pending.factory)
            self.assertEqual(told, [expected])
            self.assertNoResult(waiting)
            self.endpoint.protocols[-1].handshakeCompleted()
            self.assertEqual(told, [expected])
            self.successResultOf(waiting).connectionLost()
            told.clear()
        plain = connector.connect(self.endpoint, False)
        self.assertEqual(told, [0.125])
        self.successResultOf(plain).connectionLost()

    def test_says_nothing_of_what_is_given_up(self) -> None:
        """Nobody is told of a connection that comes when it is not wanted any more."""
        told: list[float] = []
        batch = WriteBatch(self.reactor, ())
        connector = Connector(self.reactor, self.clock, batch, timeout=30, connected=told.append)
        waiting = connector.connect(self.pending, True)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.endpoint.connect(self.pending.factory)
        self.assertEqual(told, [])
        self.endpoint.protocols[-1].connectionLost()

    def test_says_nothing(self) -> None:
        """Nothing goes to the log when a connection begins or ends."""
        waiting = self.connector.connect(self.pending, False)
        self.assertIs(self.pending.factory.noisy, False)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)

    def test_takes_too_long(self) -> None:
        """A connection that is not there in time is given up."""
        waiting = self.connector.connect(self.pending, False)
        self.clock.advance(29)
        self.assertNoResult(waiting)
        self.clock.advance(1)
        error = self.failureResultOf(waiting, ConnectTimeout).value
        self.assertEqual(str(error), "no connection within 30 s")
        self.assertEqual(self.pending.cancelled, 1)

    def test_handshake_takes_too_long(self) -> None:
        """So is one whose peer says nothing of TLS; it is closed."""
        waiting = self.handshake()
        self.clock.advance(30)
        self.failureResultOf(waiting, ConnectTimeout)
        self.assertIs(self.endpoint.protocols[0].state, CLOSING)

    def test_cancelled(self) -> None:
        """Whoever does not wait any more ends the attempt, wherever it is."""
        waiting = self.connector.connect(self.pending, False)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual((self.pending.cancelled, self.clock.getDelayedCalls()), (1, []))
        waiting = self.handshake()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertIs(self.endpoint.protocols[0].state, CLOSING)

    def test_ready_too_late(self) -> None:
        """A connection that is made nevertheless is closed."""
        for secure in (False, True):
            waiting = self.connector.connect(self.pending, secure)
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
            self.endpoint.connect(self.pending.factory)
            protocol = self.endpoint.protocols[-1]
            if secure:
                protocol.handshakeCompleted()
            self.assertIs(protocol.state, CLOSING)

    def test_lost_before_it_was_ready(self) -> None:
        """One that is lost in the handshake fails as TLS did, or as a connection that was not."""
        refused = TLSError([("SSL routines", "", "certificate verify failed")])
        for reason, kind in ((refused, TLSRejected), (ConnectionLost(), ConnectFailed)):
            waiting = self.handshake()
            self.endpoint.protocols[-1].connectionLost(Failure(reason))
            self.failureResultOf(waiting, kind)

    def test_not_connected(self) -> None:
        """Without a connection the error says why, and if the reason says nothing, what it is."""
        for reason, words in (
            (ConnectionRefusedError(), "no connection: Connection was refused by other side."),
            (OSError(), "no connection: OSError"),
        ):
            self.patch(self.pending, "connect", lambda _, reason=reason: fail(reason))
            waiting = self.connector.connect(self.pending, False)
            self.assertEqual(str(self.failureResultOf(waiting, ConnectFailed).value), words)

    def test_close(self) -> None:
        """It is closed when the last connection is lost, ready or not; at once without any."""
        self.patch(Connection, "abortConnection", lambda _: None)
        self.assertIsNone(self.successResultOf(self.connector.close()))
        waiting = self.handshake()
        ready = self.successResultOf(self.connector.connect(self.endpoint, False))
        closed = [self.connector.close(), self.connector.close()]
        self.assertIs(ready.state, CLOSING)
        for protocol in self.endpoint.protocols:
            self.assertNoResult(closed[0])
            protocol.connectionLost()
        for each in closed:
            self.assertIsNone(self.successResultOf(each))
        self.failureResultOf(waiting, ConnectFailed)
