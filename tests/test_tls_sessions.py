"""
Tests for sessions of TLS, against Python's own TLS.
"""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from types import SimpleNamespace
from typing import Any

from OpenSSL.SSL import TLS1_2_VERSION
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import Certificate, PrivateCertificate, trustRootFromCertificates
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txresumable._http.agent import PersistentAgent
from txresumable._http.tls_sessions import LONGEST, MOST_REFUSED, TLSSessions
from txresumable.errors import ConnectFailed, TLSRejected, TransportError

from .authority import Authority
from .http_rig import OK, make_agent

URL = b"https://127.0.0.1:8443/"
ALERT = b"\x15\x03\x03\x00\x02\x02\x28"
"""A handshake is refused (``handshake_failure``)."""
V2, V3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


class Transport(StringTransport):
    """
    A transport that is closed as a socket is: later.

    :ivar ended: why it is going to be lost.
    """

    ended: Exception | None = None

    def abortConnection(self) -> None:
        self.ended = self.ended or ConnectionAborted()

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def loseConnection(self) -> None:
        self.ended = self.ended or ConnectionDone()


class Server:
    """
    Python's TLS, without sockets.

    :param pem: its certificate and key.
    :param version: the only one that it speaks.
    :param authority: issues certificates of clients, if they need one.
    :ivar seen: the requests that it could read.
    :ivar silent: whether it does not respond to them.
    """

    silent = False

    def __init__(self, pem: bytes, version: Any, authority: bytes | None = None) -> None:
        self.context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as file:
            file.write(pem)
            file.flush()
            context.load_cert_chain(file.name)
        context.minimum_version = context.maximum_version = version
        if authority is not None:
            context.load_verify_locations(cadata=authority.decode())
            context.verify_mode = ssl.CERT_REQUIRED
        self.seen = b""

    def accept(self) -> Peer:
        """A connection is made."""
        return Peer(self)


class Peer:
    """
    A connection of a server.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = server.context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._agreed = False

    def close(self) -> bytes:
        """:returns: what it says to end."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self._outgoing.read()

    def feed(self, data: bytes) -> bytes:
        """:returns: what it says to that."""
        self._incoming.write(data)
        try:
            if not self._agreed:
                self.tls.do_handshake()
                self._agreed = True
            request = self.tls.read()
            self._server.seen += request
            if request and not self._server.silent:
                self.tls.write(OK)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:  # an alert is among what it says
            pass
        return self._outgoing.read()


class Handle:
    """
    A connection of pyOpenSSL's, with TLS 1.2.

    :ivar is_offered: whether it has a session to offer.
    """

    is_offered = False

    def set_session(self, session: object) -> None:
        self.is_offered = True

    def get_session(self) -> object:
        return self

    def get_protocol_version(self) -> int:
        return TLS1_2_VERSION


class SessionTests(SynchronousTestCase):
    """
    Requests over TLS, each over a connection of its own.
    """

    def setUp(self) -> None:
        self.authority = Authority("sessions")
        self.clock = Clock()
        self.reactor: Any = MemoryReactorClock()
        self.agent = self.make_agent()
        self.transports: list[Any] = []
        self.peers: list[Peer] = []

    def make_agent(self, **options: Any) -> PersistentAgent:
        certificate = Certificate.loadPEM(self.authority.certificate)
        root = trustRootFromCertificates([certificate])
        return make_agent(self.reactor, self.clock, trust_root=root, **options)

    def server(self, version: Any, name: str = "localhost") -> Server:
        return Server(self.authority.issue(name), version)

    def turn(self, rounds: int = 8) -> None:
        """Bytes go to and fro."""
        for _ in range(rounds):
            self.reactor.advance(0)
            for transport, peer in zip(self.transports, self.peers, strict=True):
                said = transport.value()
                transport.clear()
                reply = peer.feed(said) if said and transport.connected else b""
                if reply and transport.ended is None:
                    transport.protocol.dataReceived(reply)
                if transport.ended is not None and transport.connected:
                    self.lose(transport, transport.ended)

    def lose(self, transport: Any, reason: Exception) -> None:
        """A connection is lost."""
        transport.connected = False
        transport.protocol.connectionLost(Failure(reason))

    def meet(self, server: Server, factory: Any = None) -> Any:
        """The last connection that was begun leads to that, or the one of a factory."""
        transport: Any = Transport()
        transport.protocol = (factory or self.reactor.tcpClients[-1][2]).buildProtocol(None)
        self.transports.append(transport)
        self.peers.append(server.accept())
        transport.protocol.makeConnection(transport)
        return transport

    def begin(self, agent: PersistentAgent | None = None, url: bytes = URL) -> Deferred[Any]:
        return (agent or self.agent).request(b"GET", url)

    def ask(self, server: Server, **given: Any) -> Deferred[Any]:
        """Send a request over a new connection."""
        began = len(self.reactor.tcpClients)
        asked = self.begin(**given)
        self.assertEqual(len(self.reactor.tcpClients), began + 1)
        self.meet(server)
        self.turn()
        return asked

    def resumes(self, server: Server, **given: Any) -> bool:
        """Whether a request over a new connection resumes a session; it is closed then."""
        self.assertEqual(self.successResultOf(self.ask(server, **given)).code, 200)
        (given.get("agent") or self.agent).drop_idle(given.get("url", URL))
        self.turn()
        return bool(self.peers[-1].tls.session_reused)

    def test_interface(self) -> None:
        """It makes connections as Twisted asks for them."""
        verifyObject(IOpenSSLClientConnectionCreator, TLSSessions(None, float))

    def test_resumed(self) -> None:
        """The first connection agrees on all, and the others resume that, one after another."""
        for version in (V2, V3):
            with self.subTest(version=version):
                self.agent = self.make_agent()
                server = self.server(version)
                resumed = [self.resumes(server) for _ in range(4)]
                self.assertEqual(resumed, [False, True, True, True])
                self.assertEqual(server.context.session_stats()["hits"], 3)

    def test_others_are_open(self) -> None:
        """A session is offered as soon as it has come, while its connection is in use."""
        for version in (V2, V3):
            with self.subTest(version=version):
                self.agent = self.make_agent()
                server = self.server(version)
                server.silent = True
                asked = [self.ask(server) for _ in range(3)]
                reused = [peer.tls.session_reused for peer in self.peers[-3:]]
                self.assertEqual(reused, [False, True, True])
                for each in asked:
                    self.assertNoResult(each)
                    each.addErrback(lambda _: None)
                self.agent.close()
                self.turn()

    def test_before_a_ticket(self) -> None:
        """With TLS 1.3 a connection whose ticket has not come yet hides no session."""
        self.resumes(self.server(V3))
        without = self.server(V3)
        without.context.num_tickets = 0
        without.silent = True
        waiting = self.ask(without)
        self.assertFalse(self.peers[-1].tls.session_reused)
        server = self.server(V3)
        server.silent = True
        asked = [self.ask(server), self.ask(server)]
        late, early = self.ask(without), self.ask(server)
        self.assertFalse(self.peers[-2].tls.session_reused)
        self.assertTrue(self.peers[-1].tls.session_reused)
        for each in (waiting, *asked, late, early):
            each.addErrback(lambda _: None)

    def test_no_tickets(self) -> None:
        """With a server that sends none, each handshake is a whole one with TLS 1.3."""
        server = self.server(V3)
        server.context.num_tickets = 0
        self.assertEqual([self.resumes(server) for _ in range(3)], [False] * 3)

    def test_no_tickets_1_2(self) -> None:
        """With TLS 1.2 the server may keep sessions by itself."""
        server = self.server(V2)
        server.context.options |= ssl.OP_NO_TICKET
        self.assertEqual([self.resumes(server) for _ in range(3)], [False, True, True])

    def test_restarted(self) -> None:
        """A server that does not know a session, with another certificate, is verified anew."""
        for version in (V2, V3):
            self.assert_verified_anew(version, version)

    def test_another_version(self) -> None:
        """So is one that speaks another version of TLS now."""
        for before, after in ((V2, V3), (V3, V2)):
            self.assert_verified_anew(before, after)

    def assert_verified_anew(self, before: Any, after: Any) -> None:
        """A session with one server is not resumed with the next, but that one's own is."""
        with self.subTest(before=before, after=after):
            self.agent = self.make_agent()
            self.assertFalse(self.resumes(self.server(before)))
            second = self.server(after)
            self.assertEqual([self.resumes(second), self.resumes(second)], [False, True])

    def test_impostor(self) -> None:
        """What comes in the place of a server is refused as without a session, and sees nothing."""
        stranger = Authority("stranger").issue("localhost")
        wrong = self.authority.issue("other.example", "127.0.0.2")
        for version in (V2, V3):
            for pem in (stranger, wrong):
                self.agent = self.make_agent()
                self.assertFalse(self.resumes(self.server(version)))
                impostor = Server(pem, version)
                for _ in range(3):
                    asked = self.ask(impostor)
                    while not asked.called:  # once more, without a session
                        self.meet(impostor)
                        self.turn()
                    self.failureResultOf(asked, TLSRejected)
                self.assertEqual(impostor.seen, b"")
                self.assertEqual(impostor.context.session_stats()["hits"], 0)

    def test_never_verified(self) -> None:
        """Of a host that was never verified no session is kept."""
        wrong = self.authority.issue("other.example", "127.0.0.2")
        for version in (V2, V3):
            impostor = Server(wrong, version)
            for _ in range(3):
                self.failureResultOf(self.ask(impostor), TLSRejected)
            self.assertEqual(impostor.seen, b"")
            self.assertEqual(impostor.context.session_stats()["hits"], 0)

    def test_for_one_origin(self) -> None:
        """A session is offered to the host and port that it is from, by the one who has it."""
        server = self.server(V3)
        self.assertFalse(self.resumes(server))
        self.assertFalse(self.resumes(server, url=b"https://127.0.0.1:8444/"))
        self.assertFalse(self.resumes(server, agent=self.make_agent()))
        self.assertTrue(self.resumes(server))

    def test_client_certificate(self) -> None:
        """A session stands for the client's certificate, too, and is not another client's."""
        for version in (V2, V3):
            given = {
                "client_certificate": PrivateCertificate.loadPEM(self.authority.issue("client"))
            }
            self.agent = self.make_agent(**given)
            server = Server(self.authority.issue("localhost"), version, self.authority.certificate)
            self.assertEqual([self.resumes(server), self.resumes(server)], [False, True])
            self.assertIsNotNone(self.peers[-1].tls.getpeercert())
            bare = self.make_agent()
            self.failureResultOf(self.ask(server, agent=bare), TransportError, TLSRejected)

    def test_verified_again(self) -> None:
        """After an hour a certificate is verified again, though sessions followed each other."""
        for version in (V2, V3):
            self.agent = self.make_agent()
            server = self.server(version)
            resumed = []
            for _ in range(6):
                resumed.append(self.resumes(server))
                self.clock.advance(LONGEST / 3)
            self.assertEqual(resumed, [False, True, True, False, True, True])

    def refuse(self, *reasons: Exception) -> list[Deferred[Any]]:
        """Begin requests whose handshakes fail, and lead what comes next to a server."""
        began = len(self.reactor.tcpClients)
        server = self.server(V3)
        asked = [self.begin() for _ in reasons]
        factories = [client[2] for client in self.reactor.tcpClients[began:]]
        transports = [self.meet(server, factory) for factory in factories]
        for reason, transport in zip(reasons, transports, strict=True):
            if isinstance(reason, ConnectionDone):
                transport.protocol.dataReceived(ALERT)
            self.lose(transport, reason)
        return asked

    def test_refused(self) -> None:
        """If a handshake with a session fails, another one is begun without, and that is all."""
        server = self.server(V3)
        for reason in (ConnectionDone(), ConnectionLost()):
            self.resumes(server)
            self.assertTrue(self.resumes(server))
            (asked,) = self.refuse(reason)
            self.assertNoResult(asked)
            self.meet(server)
            self.turn()
            self.assertEqual(self.successResultOf(asked).code, 200)
            self.assertFalse(self.peers[-1].tls.session_reused)
            self.agent.drop_idle(URL)
            self.turn()
        self.assertTrue(self.resumes(server))
        (asked,) = self.refuse(ConnectionLost())
        self.lose(self.meet(server), ConnectionLost())
        self.failureResultOf(asked, ConnectFailed)

    def test_always_refused(self) -> None:
        """A server that refuses what it gave is offered nothing any more."""
        server = self.server(V3)
        self.resumes(server)
        for _ in range(MOST_REFUSED):
            (asked,) = self.refuse(ConnectionDone())
            self.meet(server)
            self.turn()
            self.successResultOf(asked)
            self.agent.drop_idle(URL)
            self.turn()
        self.assertEqual([self.resumes(server) for _ in range(3)], [False] * 3)

    def test_all_lost(self) -> None:
        """Handshakes with one session that fail together count as one."""
        server = self.server(V3)
        self.resumes(server)
        began = len(self.reactor.tcpClients)
        asked = self.refuse(*[ConnectionLost() for _ in range(MOST_REFUSED + 1)])
        again = self.reactor.tcpClients[began + len(asked) :]
        self.assertEqual(len(again), len(asked))
        for client in again:
            self.meet(server, client[2])
        self.turn()
        for each in asked:
            self.successResultOf(each)
        self.agent.drop_idle(URL)
        self.turn()
        self.assertTrue(self.resumes(server))

    def test_refused_without(self) -> None:
        """One that fails without a session is not repeated."""
        asked = self.begin()
        transport = self.meet(self.server(V3))
        transport.protocol.dataReceived(ALERT)
        self.lose(transport, ConnectionDone())
        self.failureResultOf(asked, TLSRejected)

    def test_refused_beside_others(self) -> None:
        """No session of a connection that is open is offered then, either."""
        options = SimpleNamespace(clientConnectionForTLS=lambda _: Handle())
        sessions = TLSSessions(options, self.clock.seconds)
        for offered in (False, True):
            handle = sessions.clientConnectionForTLS(None)
            self.assertEqual(handle.is_offered, offered)
            sessions.ready(handle)
        self.assertTrue(sessions.lost(sessions.clientConnectionForTLS(None)))
        self.assertFalse(sessions.clientConnectionForTLS(None).is_offered)

    def test_always_refused_beside_others(self) -> None:
        """It is offered nothing any more, either, if several connections are open or begun."""
        options = SimpleNamespace(clientConnectionForTLS=lambda _: Handle())
        sessions = TLSSessions(options, self.clock.seconds)
        for refusals in range(MOST_REFUSED + 1):
            sessions.ready(sessions.clientConnectionForTLS(None))
            begun = [sessions.clientConnectionForTLS(None) for _ in range(3)]
            is_offered = refusals < MOST_REFUSED
            self.assertEqual([each.is_offered for each in begun], [is_offered] * 3)
            self.assertEqual([sessions.lost(each) for each in begun], [is_offered] * 3)

    def test_given_up(self) -> None:
        """Nor is one that nobody waits for any more."""
        server = self.server(V3)
        for end in (lambda asked: asked.cancel(), lambda _: self.agent.close()):
            self.resumes(server)
            asked = self.begin()
            self.meet(server)
            began = len(self.reactor.tcpClients)
            end(asked)
            self.turn()
            self.failureResultOf(asked, CancelledError, ConnectFailed)
            self.assertEqual(len(self.reactor.tcpClients), began)

    def test_closed_by_the_server(self) -> None:
        """A session outlives its connection; one that was cut off is no hindrance."""
        for version in (V2, V3):
            for orderly in (True, False):
                self.agent = self.make_agent()
                server = self.server(version)
                self.successResultOf(self.ask(server))
                if orderly:
                    self.transports[-1].protocol.dataReceived(self.peers[-1].close())
                self.lose(self.transports[-1], ConnectionDone())
                self.assertEqual(self.resumes(server), orderly)
                self.assertTrue(self.resumes(server))

    def test_asks_for_tickets(self) -> None:
        """Tickets of TLS 1.2 are asked for (RFC 5077), of servers that keep no sessions."""
        asked = self.begin()
        hello = self.meet(self.server(V2)).value()
        self.assertIn(b"\0\x23\0\0", hello)
        self.agent.close()
        self.turn()
        self.failureResultOf(asked, ConnectFailed)
