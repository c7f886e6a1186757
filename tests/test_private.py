"""
What we take of Twisted and treq that they keep to themselves: still there, and still meant so.
"""

from __future__ import annotations

import contextlib
import gc
from typing import Any

from OpenSSL import SSL
from treq.client import HTTPClient
from twisted.internet._resolver import GAIResolver
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions, PrivateCertificate, optionsForClientTLS
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.trial.unittest import SynchronousTestCase
from twisted.web import _newclient
from twisted.web.client import (
    Agent,
    BrowserLikeRedirectAgent,
    ContentDecoderAgent,
    CookieAgent,
    RedirectAgent,
)

from txresumable._runtime import private

from .authority import Authority
from .http_rig import Reactor, Socket


class PrivateTests(SynchronousTestCase):
    """Each name, by what Twisted and treq themselves do with it."""

    def connected(self, protocol: Any) -> Connection:
        """A transport for it, over a socket that takes all."""
        given: Any = Socket([])
        transport = Connection(given, protocol, Reactor())  # type: ignore[arg-type]
        transport.connected = 1
        protocol.makeConnection(transport)
        return transport

    def test_mark_handled(self) -> None:
        """A failure that nobody handles is logged, unless somebody heard of it by other means."""
        for heard in (False, True):
            deferred: Deferred[None] = Deferred()
            deferred.errback(ZeroDivisionError())
            if heard:
                private.mark_handled(deferred)
            del deferred
            gc.collect()
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), not heard)

    def test_marked_and_handled(self) -> None:
        """A callback that is added later gets that failure all the same."""
        deferred: Deferred[None] = Deferred()
        deferred.errback(ZeroDivisionError())
        private.mark_handled(deferred)
        self.failureResultOf(deferred, ZeroDivisionError)
        private.mark_handled(deferred)
        private.mark_handled(Deferred())

    def test_is_unhandled(self) -> None:
        """A failure is unheard until somebody marks it, handles it, or awaits the Deferred."""

        async def wait(deferred: Deferred[None]) -> None:
            with self.assertRaises(ZeroDivisionError):
                await deferred

        for hear in (
            private.mark_handled,
            lambda deferred: Deferred.fromCoroutine(wait(deferred)),
            lambda deferred: deferred.addErrback(lambda _: None),
        ):
            deferred: Deferred[None] = Deferred()
            deferred.errback(ZeroDivisionError())
            self.assertTrue(private.is_unhandled(deferred))
            hear(deferred)
            self.assertFalse(private.is_unhandled(deferred))
        self.assertTrue(private.is_unhandled(Deferred()))

    def test_written_last(self) -> None:
        """A transport counts what it is given until it writes."""
        transport = self.connected(Protocol())
        transport.write(b"abc")
        self.assertEqual(private.written_last(transport), 3)
        transport.doWrite()
        self.assertEqual(private.written_last(transport), 0)

    def test_tls_gathered(self) -> None:
        """TLS keeps what is small."""
        factory = TLSMemoryBIOFactory(
            CertificateOptions(), True, Factory.forProtocol(Protocol), Reactor()
        )
        tls: Any = factory.buildProtocol(None)
        self.connected(tls)
        self.assertEqual(private.tls_gathered(tls), 0)
        tls.write(b"x" * 100)
        self.assertEqual(private.tls_gathered(tls), 100)

    def test_tls_pending(self) -> None:
        """TLS keeps what it cannot encrypt before it has heard of its peer."""
        factory = TLSMemoryBIOFactory(
            CertificateOptions(), True, Factory.forProtocol(Protocol), Reactor()
        )
        tls: Any = factory.buildProtocol(None)
        self.connected(tls)
        TLSMemoryBIOProtocol.write(tls, b"x" * 100)
        self.assertEqual(private.tls_gathered(tls), 100)

    def test_write_whole(self) -> None:
        """OpenSSL takes more than one record in one call."""
        pem = Authority("private").issue("localhost")
        server, client = (
            SSL.Connection(options.getContext(), None)
            for options in (PrivateCertificate.loadPEM(pem).options(), CertificateOptions())
        )
        server.set_accept_state()
        client.set_connect_state()
        for _ in range(3):
            for one, other in ((client, server), (server, client)):
                with contextlib.suppress(SSL.WantReadError):
                    one.do_handshake()
                with contextlib.suppress(SSL.WantReadError):
                    other.bio_write(one.bio_read(1 << 16))
        private.write_whole(client)
        self.assertEqual(client.send(bytes(100_000)), 100_000)

    def test_write_whole_elsewhere(self) -> None:
        """Where pyOpenSSL has no such thing, nothing is done."""
        private.write_whole(object())

    def test_is_same_session(self) -> None:
        """Two sessions of pyOpenSSL's may be one; where that is not known, they are two."""
        context = CertificateOptions().getContext()
        client, other = SSL.Connection(context, None), SSL.Connection(context, None)
        for each in (client, other):
            each.set_connect_state()
            with contextlib.suppress(SSL.WantReadError):
                each.do_handshake()
        one, two = client.get_session(), client.get_session()
        self.assertIsNot(one, two)
        self.assertTrue(private.is_same_session(one, two))
        self.assertFalse(private.is_same_session(one, other.get_session()))
        self.assertFalse(private.is_same_session(object(), object()))

    def test_host_name(self) -> None:
        """An endpoint reads its name so, by a method that can be overridden."""

        class Overridden(HostnameEndpoint):
            @staticmethod
            def _hostAsBytesAndText(host: Any) -> tuple[bool, bytes, str]:
                return private.host_as_bytes_and_text(b"example.org")  # type: ignore[no-any-return]

        self.assertIn("example.org", repr(Overridden(Reactor(), b"a..b", 80)))
        self.assertEqual(
            private.host_as_bytes_and_text("example.com"), (False, b"example.com", "example.com")
        )

    def test_set_host_name(self) -> None:
        """What is set replaces the name wherever the options keep one."""
        options: Any = optionsForClientTLS("name.invalid")
        kept = {name: value for name, value in vars(options).items() if "invalid" in str(value)}
        self.assertEqual(len(kept), 3)
        private.set_host_name(options, "upload_server")
        for name, value in kept.items():
            other: Any = b"upload_server" if isinstance(value, bytes) else "upload_server"
            self.assertEqual(getattr(options, name), other)

    def test_with_lookup(self) -> None:
        """Twisted's resolver looks up by the function that is given; another one is left alone."""
        reactor: Any = Reactor()
        reactor.getThreadPool = reactor.callFromThread = None
        made = private.with_lookup(GAIResolver(reactor), reactor, self.fail)
        self.assertIsInstance(made, GAIResolver)
        self.assertEqual(vars(made)["_getaddrinfo"], self.fail)
        self.assertEqual(private.with_lookup("another", reactor, self.fail), "another")

    def test_wrapped_transport(self) -> None:
        """The consumer of a body of known length has the transport around it."""

        class Body:
            length = 1

        transport = StringTransport()
        enforcing = _newclient.LengthEnforcingConsumer(Body(), transport, Deferred())
        self.assertIs(private.wrapped_transport(enforcing), transport)

    def test_wrapped_agent(self) -> None:
        """Whatever is around an agent has it."""
        agent = Agent(Reactor())
        for around in (
            HTTPClient(agent),
            RedirectAgent(agent),
            BrowserLikeRedirectAgent(agent),
            ContentDecoderAgent(agent, []),
            CookieAgent(agent, None),
        ):
            self.assertIs(private.wrapped_agent(around), agent)
