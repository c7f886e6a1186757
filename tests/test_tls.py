"""
Tests for connecting over TLS.
"""

from __future__ import annotations

from typing import Any

from OpenSSL.SSL import Error
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import (
    Certificate,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test.iosim import FakeTransport, connect
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.authority import Authority
from txresumable._http.tls import TLSEndpoint, tls_error
from txresumable._http.tls_sessions import TLSSessions


class Hearing(Protocol):
    """Keeps what it gets."""

    data = b""

    def dataReceived(self, data: bytes) -> None:
        self.data += data


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    """
    Connects at once, to nobody.

    :ivar made: the protocol of the last connection.
    """

    made: Any

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        self.made = protocolFactory.buildProtocol(None)
        return succeed(self.made)


class TLSEndpointTests(SynchronousTestCase):
    """
    Connections over TLS.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        authority = Authority("endpoint")
        root = trustRootFromCertificates([Certificate.loadPEM(authority.certificate)])
        self.plain = MemoryEndpoint()
        options = optionsForClientTLS("localhost", root)
        sessions = TLSSessions(options, self.clock.seconds)
        self.endpoint = TLSEndpoint(sessions, self.plain, self.clock)
        self.certificate = PrivateCertificate.loadPEM(authority.issue("localhost"))

    def test_interface(self) -> None:
        """It is an endpoint."""
        verifyObject(IStreamClientEndpoint, self.endpoint)

    def test_clock(self) -> None:
        """What is written goes out by the clock that was given, whatever reactor is installed."""
        client: Any = self.successResultOf(self.endpoint.connect(Factory.forProtocol(Protocol)))
        options = self.certificate.options()
        factory = TLSMemoryBIOFactory(options, False, Factory.forProtocol(Hearing), self.clock)
        server: Any = factory.buildProtocol(None)
        pump = connect(
            server,
            FakeTransport(server, isServer=True),
            self.plain.made,
            FakeTransport(self.plain.made, isServer=False),
        )
        client.transport.write(b"a request")
        self.clock.advance(0)
        pump.flush()
        self.assertEqual(server.wrappedProtocol.data, b"a request")


class ErrorTests(SynchronousTestCase):
    """
    What is wrong for good.
    """

    def test_no_tls(self) -> None:
        """A server that speaks plain HTTP is told from one that is refused."""
        for words, is_plain in (("wrong version number", True), ("certificate unknown", False)):
            error = tls_error(Error([("SSL routines", "", words)]))
            assert error is not None
            self.assertTrue(str(error).startswith(words))
            self.assertEqual("does not speak TLS" in str(error), is_plain)

    def test_advice(self) -> None:
        """What a certificate lacks names the option."""
        for words, option in (
            ("certificate verify failed", "trust_root (--trust-root)"),
            ("tlsv13 alert certificate required", "client_certificate (--client-certificate)"),
        ):
            self.assertIn(option, str(tls_error(Error([("SSL routines", "", words)]))))
