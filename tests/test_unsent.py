"""
What has still to leave a socket, and what came to it.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions, PrivateCertificate
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from txresumable._http import unsent
from txresumable._http.unsent import SendQueue

from .authority import Authority
from .http_rig import Reactor, Socket


class SendQueueTests(SynchronousTestCase):
    """Over real sockets, and a reactor that lets them write when it is told to."""

    def setUp(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.peer = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
        listening.close()
        ours.setblocking(False)
        self.addCleanup(self.peer.close)
        self.addCleanup(ours.close)
        self.reactor = Reactor()
        self.ours = ours
        self.transport = Connection(ours, Protocol(), self.reactor)  # type: ignore[arg-type]
        self.transport.connected = 1

    def until(self, queue: SendQueue, quiet: bool) -> None:
        """Loopback takes its time."""
        for _ in range(100_000):
            if queue.is_quiet() is quiet:
                return
        self.fail("it does not become so")

    def test_waits_here(self) -> None:
        """What was written is counted until the kernel has it, and then until the peer has."""
        queue = SendQueue(self.transport)
        self.assertEqual(
            (queue.write(b"x" * 100), queue.buffered(), queue.unsent()), (100, 100, 100)
        )
        self.reactor.turn()
        self.assertEqual(queue.buffered(), 0)
        self.assertEqual(len(self.peer.recv(200)), 100)
        self.assertEqual(queue.unsent(), 0)

    def test_waits_in_the_kernel(self) -> None:
        """What a peer has no room for is counted."""
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        queue = SendQueue(self.transport)
        taken = self.ours.send(bytes(1 << 22))
        self.assertTrue(0 < queue.unsent() <= taken)
        self.assertEqual(queue.buffered(), 0)
        self.ours.close()
        self.assertEqual(queue.unsent(), 0)

    def check_quiet(self, queue: SendQueue | None = None) -> None:
        queue = SendQueue(self.transport) if queue is None else queue
        self.assertTrue(queue.is_quiet())
        self.peer.send(b"x")
        self.until(queue, False)
        self.assertEqual(self.ours.recv(2), b"x")
        queue.received += 1
        self.assertTrue(queue.is_quiet())
        self.peer.send(b"yz")
        self.until(queue, False)
        self.assertEqual(self.ours.recv(1), b"y")
        queue.received += 1
        self.assertFalse(queue.is_quiet())
        self.assertEqual(self.ours.recv(1), b"z")
        queue.received += 1
        self.assertTrue(queue.is_quiet())
        self.peer.close()
        self.until(queue, False)
        self.assertEqual(self.ours.recv(1), b"")
        self.assertFalse(queue.is_quiet())
        self.ours.close()
        self.assertFalse(queue.is_quiet())

    def test_quiet(self) -> None:
        """Bytes are noticed, and so is the end, without being read."""
        self.check_quiet()

    def test_quiet_without_a_state(self) -> None:
        """So they are where the state of a connection cannot be asked for."""
        self.patch(unsent, "_INQ", 0)
        self.check_quiet()

    def test_quiet_with_an_old_kernel(self) -> None:
        """So they are where the kernel does not count what has arrived."""

        class Old:
            fileno = self.ours.fileno

            @staticmethod
            def getsockopt(level: int, option: int, size: int) -> bytes:
                return self.ours.getsockopt(level, option, min(size, 104))

        queue = SendQueue(self.transport)
        if queue.tcp_info() is None:
            raise SkipTest("the kernel says nothing of connections")
        queue.socket = Old()
        self.check_quiet(queue)

    def test_quiet_uncounted(self) -> None:
        """What was read by another one, such as a proxy's response, changes nothing."""
        self.peer.send(b"xyz")
        queue = SendQueue(self.transport)
        self.until(queue, False)
        self.assertEqual(self.ours.recv(3), b"xyz")
        self.assertEqual([queue.is_quiet() for _ in range(3)], [True] * 3)
        self.peer.send(b"x")
        self.until(queue, False)
        self.assertEqual(self.ours.recv(1), b"x")
        queue.received += 1
        self.assertTrue(queue.is_quiet())

    def test_quiet_by_one_call(self) -> None:
        """A connection that has been quiet once is asked for its state alone."""
        queue = SendQueue(self.transport)
        if queue.tcp_info() is None:
            raise SkipTest("the kernel says nothing of connections")
        self.assertTrue(queue.is_quiet())
        self.peer.send(b"x")
        self.ours.setblocking(True)
        self.ours.recv(1)
        queue.received += 1
        self.patch(unsent, "fcntl", None)
        self.assertTrue(queue.is_quiet())

    def test_reset(self) -> None:
        """That a connection was reset is noticed in both ways."""
        queue = SendQueue(self.transport)
        patched = self.patch(unsent, "_INQ", 0)
        other = SendQueue(self.transport)
        patched.restore()
        self.assertEqual((queue.is_quiet(), other.is_quiet()), (True, True))
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.peer.close()
        self.until(queue, False)
        self.assertEqual((queue.is_quiet(), other.is_quiet()), (False, False))

    def test_quiet_without_tcp(self) -> None:
        """Of what is no TCP the state is not asked for."""
        ours, peer = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(peer.close)
        ours.setblocking(False)
        transport = Connection(ours, Protocol(), self.reactor)  # type: ignore[arg-type]
        queue = SendQueue(transport)
        self.assertTrue(queue.is_quiet())
        peer.close()
        self.until(queue, False)

    def test_tls(self) -> None:
        """What TLS gathers for the next turn is counted, and what goes at once is longer."""
        factory = TLSMemoryBIOFactory(
            CertificateOptions(), True, Factory.forProtocol(Protocol), self.reactor
        )
        tls: Any = factory.buildProtocol(None)
        self.transport.protocol = tls
        tls.makeConnection(self.transport)
        queue = SendQueue(tls)
        hello = queue.buffered()
        self.assertGreater(hello, 0)
        tls.write(b"x" * 100)
        self.assertEqual(queue.buffered(), hello + 100)
        self.reactor.advance(0)

    def secure(self, protocol: type[Protocol]) -> tuple[Any, Any]:
        """
        Agree on TLS with the peer.

        :returns: the client's side and the server's.
        """
        certificate = PrivateCertificate.loadPEM(Authority("unsent").issue("localhost"))

        def side(options: Any, ours: bool, kind: type[Protocol]) -> Any:
            factory = TLSMemoryBIOFactory(options, ours, Factory.forProtocol(kind), self.reactor)
            return factory.buildProtocol(None)

        client = side(CertificateOptions(), True, protocol)
        server = side(certificate.options(), False, Protocol)
        self.away = StringTransport()
        self.transport.protocol = client
        client.makeConnection(self.transport)
        server.makeConnection(self.away)
        while self.reactor.writers:
            self.reactor.turn()
            server.dataReceived(self.peer.recv(65536))
            client.dataReceived(self.away.value())
            self.away.clear()
        return client, server

    def test_tls_at_once(self) -> None:
        """A request over TLS waits in the transport at once, with what TLS adds to it."""
        client, _ = self.secure(Protocol)
        queue = SendQueue(client)
        self.assertEqual(queue.buffered(), 0)
        added = queue.write(b"x" * 100)
        self.assertGreater(added, 100)
        self.assertEqual(queue.write(b"y" * 100), added)
        self.assertEqual(queue.buffered(), 2 * added)

    def test_tls_quiet(self) -> None:
        """What TLS has received with the last record, and not yet given, is there to read."""
        quiet: list[bool] = []

        class Asking(Protocol):
            def dataReceived(self, data: bytes) -> None:
                quiet.append(queue.is_quiet())

        client, server = self.secure(Asking)
        queue = SendQueue(client)
        self.assertTrue(queue.is_quiet())
        for data in (b"one", b"two"):
            server.write(data)
            self.reactor.advance(0)
        client.dataReceived(self.away.value())
        self.assertEqual(quiet, [False, True])

    def test_waits_in_part(self) -> None:
        """Of what the kernel took a part of, the rest is counted."""
        given: Any = Socket([10])
        transport = Connection(given, Protocol(), self.reactor)  # type: ignore[arg-type]
        transport.connected = 1
        queue = SendQueue(transport)
        queue.write(b"x" * 100)
        self.reactor.turn()
        self.assertEqual(queue.buffered(), 90)

    def test_wrapped(self) -> None:
        """The socket is found below what else is around it; where there is none, nothing waits."""

        class Enforcing:
            def __init__(self, consumer: Any) -> None:
                self._consumer = consumer

        queue = SendQueue(Enforcing(self.transport))
        self.transport.write(b"xyz")
        self.assertEqual(queue.unsent(), 3)
        nowhere = SendQueue(Enforcing(None))
        self.assertEqual((nowhere.unsent(), nowhere.is_quiet(), nowhere.abort()), (0, True, False))
        self.assertEqual((nowhere.buffered(), nowhere.is_closing), (0, False))
        self.assertEqual(SendQueue(StringTransport()).write(b"x" * 100), 100)

    def test_endless(self) -> None:
        """Wrappers around each other are looked through for a while."""

        class Snake:
            @property
            def transport(self) -> Any:
                return self

        self.assertTrue(SendQueue(Snake()).is_quiet())

    def test_abort(self) -> None:
        """The outermost that can is closed, and after an orderly close that is known."""
        queue = SendQueue(self.transport)
        self.assertFalse(queue.is_closing)
        self.transport.write(b"x")
        self.transport.loseConnection()
        self.assertTrue(queue.is_closing)
        aborted: list[int] = []
        self.transport.abortConnection = lambda: aborted.append(1)  # type: ignore[method-assign]
        self.assertTrue(queue.abort())
        self.assertEqual(aborted, [1])
