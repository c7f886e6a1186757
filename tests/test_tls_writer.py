"""
Bodies over TLS on their way to the kernel, which takes as much as it likes.
"""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL.SSL import Error, WantReadError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions, PrivateCertificate
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase

from txresumable._engine.body import PIECE
from txresumable._http.batch import WriteBatch
from txresumable._http.connection import HTTPConnection
from txresumable._http.request_sender import LEAST, MOST
from txresumable._http.response import Response
from txresumable._http.state import IDLE
from txresumable._http.tls_writer import AT_ONCE, TLSWriter
from txresumable._policy.limiter import RateLimiter
from txresumable._source.source import BytesSource
from txresumable.errors import ConnectionBroken, MalformedResponse

from .authority import Authority
from .http_rig import FULL, HEAD, OK, Listener, Rig, Socket

SERVER = PrivateCertificate.loadPEM(Authority("tls_writer").issue("localhost"))


class Received(Protocol):
    """
    The server.

    :ivar data: what came.
    """

    def connectionMade(self) -> None:
        self.data = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self.data += data


class Handle:
    """
    What encrypts, and fails when it is told to.

    :param handle: the real one.
    :param before: how often it succeeds before.
    """

    def __init__(self, handle: Any, before: int, error: Exception) -> None:
        self._handle = handle
        self._before = before
        self._error = error
        self.bio_read = handle.bio_read

    def sendall(self, data: bytes) -> None:
        if not self._before:
            raise self._error
        self._before -= 1
        self._handle.sendall(data)


class SecureRig(Rig):
    """
    A connection over TLS over a :class:`Socket`.

    :ivar server: the other end.
    """

    def __init__(self, taken: list[int]) -> None:
        super().__init__([])
        listener = Listener()
        self.connection = HTTPConnection(
            seconds=self.reactor.seconds,
            batch=WriteBatch(self.reactor, ()),
            listener=listener,
            secure=True,
        )

        def side(options: Any, ours: bool, protocol: Any) -> Any:
            factory = Factory.forProtocol(lambda: protocol)
            return TLSMemoryBIOFactory(options, ours, factory, self.reactor).buildProtocol(None)

        self.server = Received()
        self.client = side(CertificateOptions(), True, self.connection)
        self._far = side(SERVER.options(), False, self.server)
        self._away = StringTransport()
        self.socket = Socket([])
        given: Any = self.socket
        self.transport = Connection(given, self.client, self.reactor)  # type: ignore[arg-type]
        self.transport.connected = 1
        self.client.makeConnection(self.transport)
        self._far.makeConnection(self._away)
        while not listener.heard:
            self.pump()
        self.pump()
        self.socket.taken.extend(taken)
        self.socket.calls.clear()

    def pump(self) -> None:
        """Let everything arrive that has left."""
        self.finish()
        arrived = bytes(self.socket.arrived)
        self.socket.arrived.clear()
        if arrived:
            self._far.dataReceived(arrived)
        came = self._away.value()
        self._away.clear()
        if came:
            self.client.dataReceived(came)

    def respond(self, data: bytes = OK) -> None:
        """The server responds."""
        self._far.write(data)
        self.reactor.advance(0)
        self.client.dataReceived(self._away.value())
        self._away.clear()

    def fail_encryption(self, before: int, error: Exception) -> None:
        """Have encryption fail, after it succeeded so often."""
        handle = Handle(self.client.getHandle(), before, error)
        self.client.getHandle = lambda: handle


class TLSWriterTests(SynchronousTestCase):
    """From the source, encrypted, to the kernel."""

    @settings(max_examples=60, deadline=None)
    @given(
        st.integers(0, 2 * MOST + 9),
        st.lists(st.one_of(st.integers(0, 200), st.integers(0, 2 * MOST)), max_size=30),
        st.booleans(),
    )
    def test_whatever_the_kernel_takes(self, size: int, taken: list[int], limited: bool) -> None:
        """Every byte arrives once and in order, in whatever portions it is taken."""
        content = Random(size).randbytes(size)
        rig = SecureRig(taken)
        limiter = RateLimiter(1 << 40, reactor=rig.reactor) if limited else None
        rig.send(BytesSource("a", content), size, limiter=limiter)
        for _ in range(30):
            rig.pump()
            rig.reactor.advance(0.1)
        self.assertEqual(bytes(rig.server.data), HEAD + b"<head>" + content + b"<tail>")
        rig.respond()
        self.assertIsInstance(rig.results[0], Response)
        self.assertIs(rig.connection.state, IDLE)

    def test_few_calls(self) -> None:
        """Once it is known that the kernel takes a chunk of 1 MiB, it gets that in four calls."""
        rig = SecureRig([])
        for _ in range(2):
            rig.socket.calls.clear()
            rig.send(BytesSource("a", bytes(MOST)), MOST)
            calls = [size for size, _ in rig.socket.calls]
            rig.pump()
            rig.respond()
        self.assertEqual(len(calls), 1 + 4)
        self.assertGreater(sum(calls), MOST + 64 * 22)

    def test_a_full_kernel(self) -> None:
        """While the kernel takes nothing, no more is encrypted than is worth reading."""
        rig = SecureRig([FULL] * 9)
        rig.send(BytesSource("a", bytes(8 * MOST)), 8 * MOST)
        self.assertLess(len(self.waiting(rig)), LEAST + 2000)
        rig.pump()
        self.assertEqual(len(rig.server.data), len(HEAD) + 8 * MOST + 12)

    def test_a_kernel_that_was_faster(self) -> None:
        """Where it took 1 MiB and takes less now, no more than three pieces wait, once."""
        rig = SecureRig([])
        rig.send(BytesSource("a", bytes(MOST)), MOST)
        rig.pump()
        rig.respond()
        rig.socket.taken.extend([1000] + [FULL] * 9)
        rig.send(BytesSource("a", bytes(8 * MOST)), 8 * MOST)
        self.assertTrue(AT_ONCE < len(self.waiting(rig)) < AT_ONCE + 2000)
        rig.socket.taken.clear()
        rig.socket.taken.extend([MOST] * 3 + [FULL] * 9)  # Twisted offers 128 KiB at a time
        for _ in range(3):
            rig.reactor.turn()
        self.assertLess(len(self.waiting(rig)), LEAST + 2000)
        rig.pump()
        self.assertEqual(len(rig.server.data), 2 * (len(HEAD) + 12) + 9 * MOST)

    def waiting(self, rig: SecureRig) -> bytes:
        """What the transport has still to write."""
        waits = rig.transport
        return bytes(waits.dataBuffer[waits.offset :]) + b"".join(waits._tempDataBuffer)

    def test_an_early_refusal(self) -> None:
        """What comes when only the head has left is a response, though encryption adds more."""
        rig = SecureRig([len(HEAD) + 22, FULL])
        rig.send(BytesSource("a", bytes(MOST)), MOST)
        rig.respond(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(rig.results[0].code, 413)

    def test_bytes_before_the_request(self) -> None:
        """What comes when nothing has left is none."""
        rig = SecureRig([FULL] * 9)
        rig.send(BytesSource("a", bytes(PIECE)), PIECE)
        rig.respond()
        self.assertEqual(rig.results[0].type, MalformedResponse)

    def test_when_it_must_hear_of_the_peer(self) -> None:
        """What cannot be encrypted yet waits where Twisted has it wait, and arrives in order."""
        content = Random(1).randbytes(2 * MOST)
        rig = SecureRig([])
        rig.fail_encryption(0, WantReadError())
        rig.send(BytesSource("a", content), len(content))
        rig.pump()
        self.assertEqual(bytes(rig.server.data), HEAD + b"<head>" + content + b"<tail>")

    def test_broken_encryption(self) -> None:
        """If it fails half way, nobody knows what was sent: the connection is aborted."""
        rig = SecureRig([])
        rig.fail_encryption(2, Error())
        rig.send(BytesSource("a", bytes(4 * MOST)), 4 * MOST)
        rig.finish()
        self.assertEqual(rig.results[0].type, ConnectionBroken)
        self.assertLess(len(rig.socket.arrived), MOST)

    def test_a_broken_connection(self) -> None:
        """A connection that breaks while a chunk is offered fails the request."""
        rig = SecureRig([1000, FULL])
        rig.send(BytesSource("a", bytes(MOST)), MOST)
        rig.socket.fault = ConnectionResetError(104, "the peer is gone")
        rig.finish()
        self.assertEqual(rig.results[0].type, ConnectionBroken)

    def test_over(self) -> None:
        """Only of TLS directly above a socket."""
        rig = SecureRig([])
        self.assertIsNotNone(TLSWriter.over(rig.client))
        self.assertIsNone(TLSWriter.over(rig.transport))
        self.assertIsNone(TLSWriter.over(StringTransport()))
