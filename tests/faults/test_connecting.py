"""Faults of connections: not made, not trusted, gone when they are wanted again."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.ssl import Certificate, PrivateCertificate, trustRootFromCertificates
from zope.interface import implementer

from tests.authority import Authority
from txresumable import InvalidOption, RetriesExhausted
from txresumable.errors import (
    ConnectFailed,
    ConnectionBroken,
    ConnectTimeout,
    StaleConnection,
    TLSRejected,
)
from txresumable.uploader import engine_of

from .case import FaultCase, certified, or_serve, reactor
from .server import Peer, Request, reply


@implementer(IHostnameResolver)
class MuteResolver:
    """A resolver that never has an answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        self.asked.append(hostName)
        resolutionReceiver.resolutionBegan(self)
        return self


class NoConnectionTests(FaultCase):
    """C10: one limit over names, TCP and TLS."""

    def resolve_with(self, resolver: Any) -> None:
        before = reactor.installNameResolver(resolver)
        self.addCleanup(reactor.installNameResolver, before)

    async def test_names_that_hang(self) -> None:
        """C10: a name that is never resolved fails within connect_timeout, and can be cancelled."""
        resolver = MuteResolver()
        self.resolve_with(resolver)
        uploader = self.uploader(
            "http://nowhere.example/", connect_timeout=0.2, max_chunk_retries=1
        )
        error = await self.failure(uploader.add_file(self.file(b"x")), RetriesExhausted)
        self.assertIsInstance(error.last, ConnectTimeout)
        self.assertEqual(resolver.asked, ["nowhere.example"] * 2)
        waiting = self.transport().exchange("GET", "http://nowhere.example/", {})
        waiting.cancel()
        await self.failure(waiting, CancelledError)

    async def test_no_such_name(self) -> None:
        """C10: a name that does not exist is told as such."""
        transport = self.transport(endpoint=lambda uri: HostnameEndpoint(reactor, b"", 1))
        await self.failure(transport.exchange("GET", "http://a.invalid/", {}), ConnectFailed)

    async def test_refused(self) -> None:
        """C10: where nobody listens, the upload fails after its retries."""
        unused = socket.socket()
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        error = await self.failure(self.uploader(url).add_file(self.file(b"x")), RetriesExhausted)
        unused.close()
        self.assertIsInstance(error.last, ConnectFailed)
        self.assertEqual(error.attempts, 4)

    async def test_black_hole(self) -> None:
        """C10: a peer that does not even acknowledge is given up within connect_timeout."""
        full = socket.socket()
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        transport = self.transport(connect_timeout=0.2)
        url = f"http://127.0.0.1:{port}/"
        await self.failure(transport.exchange("GET", url, {}), ConnectTimeout)
        for each in (full, *waiting):
            each.close()

    async def test_mute_tls(self) -> None:
        """C10: a TLS peer that says nothing is given up within connect_timeout, and let go."""
        server = self.serve(Peer.ignore)
        transport = self.transport(connect_timeout=0.2)
        url = server.url.replace("http:", "https:")
        await self.failure(transport.exchange("GET", url, {}), ConnectTimeout)
        await server.when("left")

    async def test_cancelled_in_tls(self) -> None:
        """C10: cancelling does not wait for a TLS peer that says nothing."""

        def script(peer: Peer) -> None:
            peer.receive(10)
            peer.tell("began")
            peer.ignore()

        server = self.serve(script)
        transport = self.transport()
        waiting = transport.exchange("GET", server.url.replace("http:", "https:"), {})
        await server.when("began")
        waiting.cancel()
        await self.failure(waiting, CancelledError)
        await server.when("left")

    async def test_tls_broken_off(self) -> None:
        """C10: a TLS peer that closes or resets in mid-agreement is tried again."""
        for end in (Peer.close, Peer.reset):

            def script(peer: Peer, end: Any = end) -> None:
                peer.receive(10)
                end(peer)

            server = self.serve(script)
            url = server.url.replace("http:", "https:")
            uploader = self.uploader(url, max_chunk_retries=2)
            error = await self.failure(uploader.add_file(self.file(b"x")), RetriesExhausted)
            self.assertIsInstance(error.last, ConnectFailed)
            self.assertEqual(server.connections, 3)

    async def test_closed_at_once(self) -> None:
        """C10: a peer that accepts and closes is tried again, then given up with the reason."""
        for end in (Peer.close, Peer.reset):
            server = self.serve(end)
            error = await self.failure(
                self.uploader(server.url).add_file(self.file(b"x" * 500_000)), RetriesExhausted
            )
            self.assertIsInstance(error.last, (ConnectionBroken, ConnectFailed))


class TLSTests(FaultCase):
    """C24: whom to trust."""

    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority("fault")
        self.root = trustRootFromCertificates([Certificate.loadPEM(self.authority.certificate)])

    async def refused(self, context: ssl.SSLContext, host: str, **options: Any) -> TLSRejected:
        """The one error that an upload over untrusted TLS ends with."""
        server = self.serve(Peer.serve_all, context=context)
        server.errors.clear()
        url = server.url.replace("127.0.0.1", host)
        uploader = self.uploader(url, max_chunk_retries=50, **options)
        upload = uploader.add_file(self.file(b"x"))
        other = uploader.add_file(self.file(b"y", "other.bin"))
        error: TLSRejected = await self.failure(upload, TLSRejected)
        await self.failure(other, TLSRejected)
        self.assertLessEqual(server.connections, 2)
        self.assertEqual(self.open_files(), [])
        self.assertEqual(server.requests, [])
        return error

    async def test_unknown_authority(self) -> None:
        """C24: a certificate of an authority that is not trusted ends the upload for good."""
        error = await self.refused(certified(self.authority), "localhost")
        self.assertIn("verify failed", str(error))

    async def test_other_name(self) -> None:
        """C24: a certificate for another host ends the upload for good, and is called that."""
        error = await self.refused(
            certified(self.authority, "elsewhere.example"), "localhost", trust_root=self.root
        )
        self.assertIn("not for this host", str(error))

    async def test_names_that_are_no_international_ones(self) -> None:
        """C24: a name that IDNA refuses is asked for, and the certificate has to be for it."""

        @implementer(IHostnameResolver)
        class Here:
            def resolveHostName(self, receiver: Any, name: str, *, portNumber: int) -> Any:
                receiver.resolutionBegan(self)
                receiver.addressResolved(IPv4Address("TCP", "127.0.0.1", portNumber))
                receiver.resolutionComplete()
                return receiver

        self.addCleanup(reactor.installNameResolver, reactor.installNameResolver(Here()))
        for host in ("upload_server", "r3---sn-x.example"):
            context, asked = certified(self.authority, host), []
            context.sni_callback = lambda _, name, __, asked=asked: asked.append(name)
            server = self.serve(Peer.serve_all, context=context)
            url = server.url.replace("127.0.0.1", host)
            await self.uploader(url, trust_root=self.root).add_file(self.file(b"x"))
            self.assertEqual(asked, [host])
            error = await self.refused(
                certified(self.authority, "name.invalid"), host, trust_root=self.root
            )
            self.assertIn("not for this host", str(error))

    async def test_no_tls(self) -> None:
        """C24: a server that speaks no TLS ends the upload for good."""

        def script(peer: Peer) -> None:
            peer.receive()
            peer.send(b"HTTP/1.1 400 This is plain HTTP\r\n\r\n")
            peer.close()

        server = self.serve(script)
        uploader = self.uploader(server.url.replace("http:", "https:"))
        await self.failure(uploader.add_file(self.file(b"x")), TLSRejected)

    async def test_own_authority(self) -> None:
        """C24: with its authority trusted, a server gets the file."""
        server = self.serve(Peer.serve_all, context=certified(self.authority))
        url = server.url.replace("127.0.0.1", "localhost")
        uploader = self.uploader(url, trust_root=self.root)
        content = bytes(range(256)) * 20_000
        await uploader.add_file(self.file(content))
        self.assertEqual(server.content("upload.bin"), content)

    async def test_client_certificate(self) -> None:
        """C24: a server that wants a certificate gets ours; without one, it is an error."""
        context = certified(self.authority)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=self.authority.certificate.decode())
        server = self.serve(Peer.serve_all, context=context)
        url = server.url.replace("127.0.0.1", "localhost")
        ours = PrivateCertificate.loadPEM(self.authority.issue("client"))
        uploader = self.uploader(url, trust_root=self.root, client_certificate=ours)
        await uploader.add_file(self.file(b"x"))
        self.assertEqual(server.content("upload.bin"), b"x")
        without = self.uploader(url, trust_root=self.root)
        await self.failure(without.add_file(self.file(b"y")), TLSRejected, RetriesExhausted)

    def test_no_certificate(self) -> None:
        """C24: what is no certificate, or no trust root, is refused at once and by name."""
        for option in ("trust_root", "client_certificate"):
            given = {option: object()}
            url = "https://127.0.0.1:1/"
            error = self.assertRaises(InvalidOption, self.uploader, url, **given)
            self.assertEqual(error.option, option)

    async def test_cut_within_tls(self) -> None:
        """C24: an answer over TLS that ends when the socket does, and not before, is not whole."""

        def cut(peer: Peer) -> None:
            peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\n\r\nuntil I close")
            # Without the close_notify that says it was all.
            socket.socket(fileno=peer.socket.detach()).close()

        server = self.serve(cut, context=certified(self.authority))
        transport = self.transport(trust_root=self.root)
        url = server.url.replace("127.0.0.1", "localhost")
        await self.failure(transport.exchange("POST", url, {}), ConnectionBroken)


class KeptConnectionTests(FaultCase):
    """C6: connections that are used again."""

    def count(self, number: int) -> bytes:
        """So many chunks of 1000 bytes."""
        return b"x" * 1000 * number

    async def test_reused(self) -> None:
        """C6: 120 requests by 6 slots go over at most 6 connections."""
        server = self.serve(Peer.serve_all)
        uploader = self.uploader(server.url, chunk_size=1000, simultaneous_uploads=6)
        await uploader.add_file(self.file(self.count(120)))
        self.assertEqual(len(server.asked("POST")), 120)
        self.assertLessEqual(server.connections, 6)

    async def test_close_in_any_spelling(self) -> None:
        """C6: a connection whose end is announced, in any spelling, is not used again."""
        for line in (
            "Connection: close",
            "connection: CLOSE",
            "CONNECTION:close",
            "Connection: keep-alive, Close",
            "Connection: x,close ,y",
            "Connection: x\r\nConnection: close",
        ):

            def fault(peer: Peer, request: Request, line: str = line) -> None:
                peer.store(peer.body(request))
                peer.send(reply(200, b"", line))
                peer.ignore()

            server = self.serve(or_serve(fault))
            uploader = self.uploader(
                server.url, chunk_size=1000, simultaneous_uploads=1, max_chunk_retries=0
            )
            await uploader.add_file(self.file(self.count(3)))
            self.assertEqual(server.connections, 3)
            await server.when("left", 3)

    async def test_old_servers(self) -> None:
        """C6: a connection to an HTTP/1.0 server is used again only if the server offers it."""
        for fields, connections in ((), 3), (("Connection: Keep-Alive",), 1):

            def fault(peer: Peer, request: Request, fields: tuple[str, ...] = fields) -> None:
                peer.store(peer.body(request))
                peer.send(reply("HTTP/1.0 200 OK", b"", *fields))

            server = self.serve(or_serve(fault))
            uploader = self.uploader(server.url, chunk_size=1000, simultaneous_uploads=1)
            await uploader.add_file(self.file(self.count(3)))
            self.assertEqual(server.connections, connections)

    async def test_closed_as_it_is_used(self) -> None:
        """
        C6: a kept connection that is closed as a chunk goes out costs one attempt more, at once,
        on a fresh connection, and no retry.
        """
        for end in (Peer.close, Peer.reset):
            for size in (1000, 500_000):

                def fault(peer: Peer, request: Request, end: Any = end) -> None:
                    if peer.served > 1:
                        end(peer)
                        return
                    peer.serve(request)

                server = self.serve(or_serve(fault))
                uploader = self.uploader(
                    server.url, chunk_size=size, simultaneous_uploads=1, max_chunk_retries=0
                )
                retries: list[Any] = []
                uploader.chunk_retry.register(lambda *told, retries=retries: retries.append(told))
                await uploader.add_file(self.file(b"x" * size * 4))
                self.assertEqual(server.content("upload.bin"), b"x" * size * 4)
                self.assertEqual((server.connections, retries), (4, []))

    async def test_closed_twice(self) -> None:
        """C6: what a fresh connection is closed upon as well is an attempt that failed."""

        def fault(peer: Peer, request: Request) -> None:
            if request.number == 2:
                peer.close()
            else:
                peer.serve(request)

        server = self.serve(or_serve(fault))
        uploader = self.uploader(
            server.url, chunk_size=1000, simultaneous_uploads=1, max_chunk_retries=1
        )
        error = await self.failure(uploader.add_file(self.file(self.count(3))), RetriesExhausted)
        self.assertNotIsInstance(error.last, StaleConnection)
        self.assertEqual((error.attempts, error.chunk_number), (2, 2))
        self.assertEqual(len([each for each in server.asked("POST") if each.number == 2]), 3)

    async def test_idle(self) -> None:
        """C6: connections are not kept for long, and no more of them than slots."""
        server = self.serve(Peer.serve_all)
        uploader = self.uploader(server.url, chunk_size=1000)
        await uploader.add_file(self.file(self.count(30)))
        agent: Any = engine_of(uploader).client._agent
        (origin,) = agent._origins.values()
        idle = origin.pool._idle
        self.assertLessEqual(len(idle), 3)
        for connection in idle:
            connection.idle_since -= 4
        before = server.connections
        await uploader.add_file(self.file(b"x", "later.bin"))
        self.assertEqual(server.connections, before + 1)
        gone: Deferred[None] = Deferred()
        for connection in origin.pool._idle:
            connection.idle_since -= 4
        told = connection._listener.connection_lost

        def tell(*args: Any) -> None:
            told(*args)
            gone.callback(None)

        connection._listener.connection_lost = tell
        await gone
