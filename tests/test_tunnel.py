"""
Tests for connecting by way of a proxy.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txresumable._http.tunnel import ProxyEndpoint, TunnelEndpoint
from txresumable._protocol.proxy import Proxy
from txresumable.errors import ConnectFailed, ProxyRefused

PLAIN = Proxy.of("http://proxy.example:3128")
NAMED = Proxy.of("http://anna:s3cret@proxy.example:3128")
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Hearing(Protocol):
    """Keeps what it gets."""

    data = b""
    lost: Any = None

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        self.lost = reason


@implementer(IStreamClientEndpoint)
class Pending:
    """
    Leads to a proxy that a test plays.

    :ivar transport: the client's, once there is a connection.
    """

    def __init__(self) -> None:
        self.transport: Any = StringTransportWithDisconnection()
        self.cancelled = 0

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        self.factory = protocolFactory
        self.connecting: Deferred[Any] = Deferred(self._cancel)
        return self.connecting

    def _cancel(self, _: object) -> None:
        self.cancelled += 1

    def succeed(self) -> None:
        """Connect."""
        self.transport.protocol = self.factory.buildProtocol(None)
        self.transport.protocol.makeConnection(self.transport)
        self.connecting.callback(self.transport.protocol)

    def reply(self, data: bytes) -> None:
        """Let the proxy say something."""
        self.transport.protocol.dataReceived(data)


class ProxyEndpointTests(SynchronousTestCase):
    """
    Connections to a proxy.
    """

    def test_interface(self) -> None:
        """Both are endpoints."""
        verifyObject(IStreamClientEndpoint, ProxyEndpoint(PLAIN, Pending()))
        verifyObject(IStreamClientEndpoint, TunnelEndpoint(PLAIN, Pending(), "a.example", 443))

    def test_failure(self) -> None:
        """That the proxy cannot be reached is said of the proxy, and why is kept."""
        for make in (ProxyEndpoint, lambda *args: TunnelEndpoint(*args, "a.example", 443)):
            for reason, why in (
                (ConnectionRefusedError(), "Connection was refused by other side."),
                (OSError(), "OSError"),
            ):
                pending = Pending()
                connecting = make(NAMED, pending).connect(Factory.forProtocol(Protocol))
                pending.connecting.errback(Failure(reason))
                error = self.failureResultOf(connecting, ConnectFailed).value
                self.assertEqual(
                    str(error), f"no connection to the proxy http://proxy.example:3128: {why}"
                )
                self.assertIs(error.__cause__, reason)


class TunnelTests(SynchronousTestCase):
    """
    Connections through a proxy.
    """

    def setUp(self) -> None:
        self.begin()

    def begin(self, proxy: Proxy = PLAIN) -> None:
        self.pending = Pending()
        self.made: list[Hearing] = []

        def build() -> Hearing:
            self.made.append(Hearing())
            return self.made[-1]

        endpoint = TunnelEndpoint(proxy, self.pending, "a.example", 443)
        self.through = endpoint.connect(Factory.forProtocol(build))

    def refused(self, response: bytes, kind: type[Exception]) -> str:
        """What a connection fails with after this response, of which nothing is left then."""
        self.begin()
        self.pending.succeed()
        self.pending.reply(response)
        error = self.failureResultOf(self.through, kind).value
        self.assertFalse(self.pending.transport.connected)
        self.assertEqual(self.made, [])
        return str(error)

    def test_through(self) -> None:
        """After a success, in however many pieces, the protocol has the connection."""
        self.pending.succeed()
        sent = self.pending.transport.value()
        self.assertTrue(sent.startswith(b"CONNECT a.example:443 HTTP/1.1\r\n"), sent)
        for at in range(len(ESTABLISHED)):
            self.assertNoResult(self.through)
            self.assertEqual(self.made, [])
            self.pending.reply(ESTABLISHED[at : at + 1])
        inner: Any = self.successResultOf(self.through)
        self.assertEqual(self.made, [inner])
        self.pending.transport.clear()
        inner.transport.write(b"to the server")
        self.assertEqual(self.pending.transport.value(), b"to the server")
        self.pending.reply(b"from the server")
        self.assertEqual(inner.data, b"from the server")
        self.pending.transport.loseConnection()
        self.assertTrue(inner.lost.check(ConnectionDone))

    def test_success_that_announces_a_body(self) -> None:
        """A success has no body, whatever it says (RFC 9110, section 9.3.6)."""
        for status in (b"200 OK", b"299 Whatever"):
            self.begin()
            self.pending.succeed()
            self.pending.reply(b"HTTP/1.1 %b\r\nContent-Length: 5\r\n\r\n" % status)
            inner: Any = self.successResultOf(self.through)
            self.pending.reply(b"bytes")
            self.assertEqual(inner.data, b"bytes")

    def test_password(self) -> None:
        """A proxy that wants a password, or another one, is named; the password is not."""
        response = (
            b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 9\r\n\r\ngo away"
        )
        self.assertEqual(
            self.refused(response, ProxyRefused),
            "the proxy http://proxy.example:3128 requires a user and a password (407)",
        )
        self.begin(NAMED)
        self.pending.succeed()
        self.pending.reply(response)
        error = self.failureResultOf(self.through, ProxyRefused).value
        self.assertEqual(
            str(error),
            "the proxy http://proxy.example:3128 does not accept this user and password (407)",
        )
        said = self.refused(response.replace(b"407", b"401"), ProxyRefused)
        self.assertIn("requires a user and a password (401)", said)
        self.begin(NAMED)
        self.pending.succeed()
        offers = b"Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM abc\r\n"
        self.pending.reply(b"HTTP/1.1 407 No\r\n" + offers + b"\r\n")
        error = self.failureResultOf(self.through, ProxyRefused).value
        self.assertIn("requires Negotiate, NTLM, and only Basic is supported (407)", str(error))

    def test_refused(self) -> None:
        """What the proxy does not allow is permanent; what it cannot do may pass."""
        for status, kind in (
            (b"403 Forbidden", ProxyRefused),
            (b"405 No", ProxyRefused),
            (b"300 Choose", ProxyRefused),
            (b"302 Found", ProxyRefused),
            (b"408 Slow", ConnectFailed),
            (b"429 Later", ConnectFailed),
            (b"500 Unable to connect", ConnectFailed),
            (b"501 Unsupported method", ProxyRefused),
            (b"503 Busy", ConnectFailed),
            (b"505 HTTP version", ProxyRefused),
        ):
            said = self.refused(b"HTTP/1.0 %b\r\n\r\n<html>" % status, kind)
            self.assertEqual(
                said,
                "the proxy http://proxy.example:3128 responds to CONNECT with " + status.decode(),
            )

    def test_no_proxy(self) -> None:
        """What is no response to CONNECT, or more than that, makes no connection."""
        for response in (b"SSH-2.0-x\r\n\r\n", ESTABLISHED + b"early", b"x" * 70_000):
            said = self.refused(response, ConnectFailed)
            self.assertIn("of the proxy http://proxy.example:3128 to CONNECT is not valid", said)

    def test_lost(self) -> None:
        """A proxy that closes the connection without a response has not connected anything."""
        self.pending.succeed()
        self.pending.reply(ESTABLISHED[:-1])
        self.pending.transport.loseConnection()
        error = self.failureResultOf(self.through, ConnectFailed).value
        self.assertIn("closed the connection without a response", str(error))

    def test_cancelled(self) -> None:
        """Cancelling ends it, wherever it is, also if the connection is made nevertheless."""
        self.through.cancel()
        self.failureResultOf(self.through, CancelledError)
        self.assertEqual(self.pending.cancelled, 1)

        self.begin()
        self.pending.succeed()
        self.through.cancel()
        self.failureResultOf(self.through, CancelledError)
        self.assertFalse(self.pending.transport.connected)
        self.pending.reply(ESTABLISHED)
        self.assertEqual(self.made, [])

    def test_connected_too_late(self) -> None:
        """A connection that comes after the cancelling is closed, and nothing is sent over it."""
        self.through.cancel()
        self.failureResultOf(self.through, CancelledError)
        transport = self.pending.transport
        transport.protocol = self.pending.factory.buildProtocol(None)
        transport.protocol.makeConnection(transport)
        self.assertFalse(transport.connected)
        self.assertEqual(transport.value(), b"")

    def test_protocol_that_cannot_begin(self) -> None:
        """What the protocol raises as it gets the connection fails it."""
        self.patch(Hearing, "connectionMade", lambda _: 1 / 0)
        self.pending.succeed()
        self.pending.reply(ESTABLISHED)
        self.failureResultOf(self.through, ZeroDivisionError)
        self.assertFalse(self.pending.transport.connected)
