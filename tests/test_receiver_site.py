"""Tests for the connections of the receiver."""

from __future__ import annotations

import base64
import os
import resource
from typing import Any

from twisted.cred.checkers import ICredentialsChecker, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, wrapClientTLS
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.guard import BasicCredentialFactory, HTTPAuthSessionWrapper
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site
from zope.interface import implementer

from tests.authority import Authority
from tests.receiver_rig import ClientFile, Connection, ReceiverTestCase, request
from txresumable.receiver import ReceiverSite, Store, make_site
from txresumable.receiver.descriptors import most_connections

CONTENT = bytes(range(65, 90))


class StreamingTests(ReceiverTestCase):
    """Bodies are handled as they arrive."""

    def test_kept_connection(self) -> None:
        """One connection carries many requests, sent one by one or all at once."""
        self.start()
        file = ClientFile(CONTENT, force=True)
        requests = [data for n in (1, 2, 3) for data in (file.test(n), file.upload(n))]
        wire = self.connect()
        statuses = [wire.send(data).response().status for data in requests]
        self.assertEqual(statuses, [404, 200] * 3)
        other = ClientFile(CONTENT, "other", "other", force=True)
        requests = [data for n in (1, 2, 3) for data in (other.test(n), other.upload(n))]
        statuses = [response.status for response in wire.send(b"".join(requests)).responses()]
        self.assertEqual(statuses, [404, 200] * 3)
        self.assertEqual(self.finished(), {"file.dat": CONTENT, "other": CONTENT})

    def test_connection_goes_on_after_refusal(self) -> None:
        """After a refused chunk of modest size the connection is still of use."""
        self.start()
        file = ClientFile(CONTENT)
        wire = self.connect().send(file.upload(1, bytes(100_000)))
        self.assertEqual(wire.response().status, 400)
        self.assertEqual(wire.send(file.upload(1)).response().status, 200)

    def test_transfer_encoding(self) -> None:
        """A body of no announced length is taken too."""
        self.start()
        data = ClientFile(CONTENT, octet=True).upload(1)
        head, _, body = data.partition(b"\r\n\r\n")
        head = head.replace(b"Content-Length: 10", b"Transfer-Encoding: chunked")
        pieces = b"".join(b"2\r\n" + body[n : n + 2] + b"\r\n" for n in range(0, 10, 2))
        self.assertEqual(self.ask(head + b"\r\n\r\n" + pieces + b"0\r\n\r\n").status, 200)

    def test_refused_early(self) -> None:
        """A long body that is refused is not waited for, and the sender can read why."""
        for announced in (True, False):
            self.root = self.mktemp()
            self.start()
            file = ClientFile(CONTENT, octet=True)
            data = file.upload(1, bytes(3_000_000))
            if not announced:
                new = b"Transfer-Encoding: chunked\r\n\r\n2dc6c0\r\n"
                data = data.replace(b"Content-Length: 3000000\r\n\r\n", new)
            wire = self.connect().send(data[: 70_000 if announced else 2_000_000])
            response = wire.response()
            self.assertEqual((response.status, response.headers["connection"]), (400, "close"))
            wire.send(data[2_000_000:] + b"\r\n0\r\n\r\n")
            wire.send(file.test(1))
            self.assertEqual(wire.responses(), [])
            self.hang_up()

    def test_refused_without_reading(self) -> None:
        """A page that may not upload is told so before its body is there."""
        self.start()
        data = ClientFile(bytes(5_000_000), chunk_size=10**7).upload(1, origin="https://evil")
        self.assertEqual(self.connect().send(data[:100_000]).response().status, 403)
        self.assertEqual(self.private(), [])

    def test_asked_first(self) -> None:
        """A client that asks whether to send its body is told no at once, or to go on."""
        self.start()
        data = ClientFile(CONTENT).upload(1, origin="https://evil", expect="100-continue")
        head = data[: data.index(b"\r\n\r\n") + 4]
        wire = self.connect().send(head)
        self.assertEqual(wire.response().status, 403)
        self.assertTrue(wire.closed)
        data = ClientFile(CONTENT).upload(1, expect="100-continue")
        wire = self.connect().send(data)
        self.assertEqual([response.status for response in wire.responses()], [100, 200])

    def test_long_head(self) -> None:
        """A long head is understood to 64 KiB, and refused beyond."""
        self.start()
        for size, statuses in ((60_000, [200]), (70_000, [400])):
            file = ClientFile(CONTENT, identifier=f"{size}", octet=True)
            wire = self.connect().send(file.upload(1, x_long="x" * size))
            self.assertEqual([response.status for response in wire.responses()], statuses)
            self.assertEqual(wire.closed, statuses == [400])

    def test_malformed(self) -> None:
        """What is not HTTP is refused."""
        self.start()
        for data in (b"what\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
            self.assertEqual(self.ask(data).status, 400)


class LimitTests(ReceiverTestCase):
    """Connections cost something."""

    def test_trickle(self) -> None:
        """A request that arrives slower than the least rate is cut off; its chunk is free then."""
        self.start(site={"min_rate": 10})
        file = ClientFile(bytes(10_000), chunk_size=10**6)
        data = file.upload(1)
        wire = self.connect().send(data[:3000])
        for second in range(40):
            self.clock.advance(1)
            wire.send(data[3000 + 9 * second : 3009 + 9 * second])
            if wire.closed:
                break
        self.assertEqual(second, 39)
        self.assertTrue(wire.aborted)
        self.hang_up()
        self.assertEqual(self.ask(data).status, 200)

    def test_trickling_head(self) -> None:
        """A head that arrives slower than that is cut off too."""
        self.start()
        wire = self.connect()
        for letter in b"GET /?a-long-query-that-trickles-in HTTP/1.1":
            wire.send(bytes([letter]))
            self.clock.advance(1)
            if wire.closed:
                break
        self.assertTrue(wire.aborted)

    def test_slow_but_steady(self) -> None:
        """A request that arrives faster than that is left in peace, however long it takes."""
        self.start(site={"min_rate": 10})
        data = ClientFile(bytes(10_000), chunk_size=10**6).upload(1)
        wire = self.connect()
        for start in range(0, len(data), 11):
            self.assertFalse(wire.closed)
            wire.send(data[start : start + 11])
            self.clock.advance(1)
        self.assertEqual(wire.response().status, 200)

    def test_slow_disk(self) -> None:
        """Nobody is cut off for what the disk takes."""
        waiting: list[Any] = []

        def run(work: Any, *arguments: Any) -> Deferred[Any]:
            done: Deferred[Any] = Deferred()
            waiting.append((done, work, arguments))
            return done

        def work() -> None:
            done, call, arguments = waiting.pop(0)
            done.callback(call(*arguments))

        self.start(run=run)
        file = ClientFile(bytes(10_000), chunk_size=10**6)
        data = file.upload(1)
        wire = self.connect().send(data[:5000])
        self.clock.advance(30)
        self.assertFalse(wire.closed)
        work()
        wire.send(data[5000:])
        self.clock.advance(890)
        while waiting:
            work()
        self.assertEqual(wire.response().status, 200)

    def test_idle(self) -> None:
        """A connection that asks nothing is closed after a minute."""
        self.start()
        idle, used = self.connect(), self.connect()
        used.send(ClientFile(CONTENT).test(1))
        self.clock.advance(59)
        self.assertFalse(idle.closed or used.closed)
        self.clock.advance(2)
        self.assertTrue(idle.closed and used.closed)

    def test_connections(self) -> None:
        """One address may have so many connections and no more; others are not concerned."""
        self.start(site={"max_connections": 2})
        first, second, third = (self.connect() for _ in range(3))
        self.assertEqual([w.closed for w in (first, second, third)], [False, False, True])
        self.assertFalse(self.connect("192.0.2.2").closed)
        self.connections.remove(first)
        first.lose()
        self.assertFalse(self.connect().closed)

    def test_all_connections(self) -> None:
        """
        All together may have so many; for one more the oldest goes that waits for a request, and
        if all are busy the new one.
        """
        self.start(site={"max_total_connections": 3})
        hosts = [self.connect(f"192.0.2.{number}") for number in range(3)]
        hosts[0].send(b"GET / HT")
        newest = self.connect("192.0.2.9")
        aborted = [wire.aborted for wire in [*hosts, newest]]
        self.assertEqual(aborted, [False, True, False, False])
        for wire in (hosts[2], newest):
            wire.send(b"GET / HT")
        logged = self.log()
        self.assertTrue(all(self.connect("192.0.2.9").aborted for _ in range(3)))
        self.assertEqual(
            [text for _, text in logged() if "too many connections" in text],
            ["too many connections (0 more were refused)"],
        )
        hosts[0].send(b"TP/1.1\r\nHost: h\r\n\r\n")
        self.assertEqual(hosts[0].response().status, 400)
        self.assertFalse(self.connect("192.0.2.9").aborted)
        self.assertTrue(hosts[0].aborted)

    def test_as_many_as_descriptors(self) -> None:
        """By default there are as many as the process has descriptors for."""
        for limit, most in ((1024, 277), (256, 21), (64, 1), (resource.RLIM_INFINITY, 349461)):
            self.patch(resource, "getrlimit", lambda kind, limit=limit: (limit, limit))
            self.assertEqual(most_connections(), most)
        self.patch(resource, "getrlimit", lambda kind: (198, 4096))
        self.start()
        first, second, third = (self.connect() for _ in range(3))
        self.assertEqual([w.aborted for w in (first, second, third)], [True, False, False])

    def test_any_number(self) -> None:
        """There need be no limit."""
        self.start(site={"max_connections": 0})
        self.assertFalse(any(self.connect().closed for _ in range(9)))

    def test_protocol(self) -> None:
        """Over TLS only HTTP/1.1 is offered."""
        self.assertEqual(self.start().acceptableProtocols(), [b"http/1.1"])


class EmbeddingTests(ReceiverTestCase):
    """The resource is used in other people's sites."""

    def test_in_a_tree(self) -> None:
        """Below another resource, next to ones that know nothing of this, bodies stream too."""

        class Echo(Resource):
            isLeaf = True

            def render_POST(self, request: Request) -> bytes:
                assert request.content is not None
                return request.content.read()

        self.start()
        root = Resource()
        root.putChild(b"upload", self.site.resource)
        root.putChild(b"echo", Echo())
        self.site = ReceiverSite(root, reactor=self.clock)
        file = ClientFile(CONTENT)
        for number in (1, 2):
            data = file.upload(number).replace(b"POST /?", b"POST /upload?")
            response = self.ask(data)
            self.assertEqual(response.status, 200, (response, data))
        self.assertEqual(self.finished(), {"file.dat": CONTENT})
        kind = {"content_type": "text/plain"}
        self.assertEqual(self.ask(request("POST", "/echo", kind, b"hello")).body, b"hello")
        self.assertEqual(self.ask(request("GET", "/nothing", {})).status, 404)

    def guarded(self, checker: ICredentialsChecker) -> None:
        """Have the receiver behind a login of Twisted's."""
        self.start()
        resource = self.site.resource

        @implementer(IRealm)
        class Realm:
            def requestAvatar(self, avatar: object, mind: object, *interfaces: object) -> object:
                return IResource, resource, lambda: None

        wrapper = HTTPAuthSessionWrapper(
            Portal(Realm(), [checker]), [BasicCredentialFactory(b"receiver")]
        )
        root = Resource()
        root.putChild(b"upload", wrapper)
        self.site = ReceiverSite(root, reactor=self.clock, max_body=10_000)
        self.file = ClientFile(os.urandom(500_000), chunk_size=250_000)

    def guarded_upload(self, number: int, password: str = "") -> bytes:
        """A chunk, sent with a password."""
        login = base64.b64encode(f"alice:{password}".encode()).decode()
        headers = {"authorization": f"Basic {login}"} if password else {}
        return self.file.upload(number, **headers).replace(b"POST /?", b"POST /upload?")

    def test_behind_a_login(self) -> None:
        """Behind a login of Twisted's bodies stream too, for those who have logged in."""
        self.guarded(InMemoryUsernamePasswordDatabaseDontUse(alice=b"right"))
        for password in ("", "wrong"):
            for pieces in (65536, 10**6):
                wire = self.connect().send(self.guarded_upload(1, password), pieces)
                response = wire.response()
                self.assertEqual((response.status, wire.closed), (401, True))
                self.assertIn("www-authenticate", response.headers)
        for number in (1, 2):
            wire = self.connect().send(self.guarded_upload(number, "right"))
            self.assertEqual(wire.response().status, 200)
        self.assertEqual(self.finished(), {"file.dat": self.file.content})

    def test_behind_a_slow_login(self) -> None:
        """What is not known at once takes no long body, and says how long it may be."""

        @implementer(ICredentialsChecker)
        class Slow:
            credentialInterfaces = (IUsernamePassword,)

            def requestAvatarId(self, credentials: object) -> Deferred[bytes]:
                return Deferred()

        self.guarded(Slow())
        wire = self.connect().send(self.guarded_upload(1, "right"))
        response = wire.response()
        self.assertEqual(response.status, 413)
        self.assertEqual(response.body, b"There is no room here for more than 10000 bytes.\n")

    def test_behind_a_broken_login(self) -> None:
        """A login that fails is logged as Twisted does it."""

        @implementer(ICredentialsChecker)
        class Broken:
            credentialInterfaces = (IUsernamePassword,)

            def requestAvatarId(self, credentials: object) -> Deferred[bytes]:
                raise ZeroDivisionError

        self.guarded(Broken())
        self.file = ClientFile(b"short")
        response = self.ask(self.guarded_upload(1, "right"))
        self.assertEqual(response.status, 500)
        self.assertNotEqual(self.flushLoggedErrors(ZeroDivisionError), [])

    def test_in_a_plain_site(self) -> None:
        """In a site of Twisted's own, bodies are collected first and then handled the same."""
        self.start()
        plain = Site(self.site.resource, reactor=self.clock)
        file = ClientFile(os.urandom(300_000), chunk_size=100_000)
        for number in (1, 2, 3):
            for data, status in (
                (file.upload(number, b"short"), 400),
                (file.upload(number, bytes(200_000)), 400),
                (file.upload(number), 200),
            ):
                wire = Connection(plain).send(data)
                self.assertEqual(wire.response().status, status)
                wire.lose()
        self.assertEqual(self.finished(), {"file.dat": file.content})


class LoopbackTests(TestCase):
    """Over real sockets, with real threads."""

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.root = self.mktemp()
        self.store = Store(self.root, reactor=reactor)
        self.addCleanup(self.store.close)
        self.site = make_site(self.store, reactor=reactor)

    async def listen(self) -> int:
        """Listen; the port."""
        endpoint = TCP4ServerEndpoint(self.reactor, 0, interface="127.0.0.1")
        port = await endpoint.listen(self.site)
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    async def ask(self, port: int, *pieces: bytes) -> bytes:
        """Send requests and read until the receiver closes."""
        endpoint = TCP4ClientEndpoint(self.reactor, "127.0.0.1", port)
        reading = await endpoint.connect(Factory.forProtocol(Reading))
        for piece in pieces:
            reading.transport.write(piece)
        response: bytes = await reading.done
        await self.all_closed()
        return response

    async def all_closed(self) -> None:
        """Wait until the receiver has no connection any more."""
        while self.site.connections:
            await deferLater(self.reactor, 0.001)

    async def test_uploads_at_once(self) -> None:
        """Files sent over several connections at once arrive."""
        port = await self.listen()
        file = ClientFile(os.urandom(3_000_000), chunk_size=200_000)
        asking = [
            Deferred.fromCoroutine(self.ask(port, file.upload(number, connection="close")))
            for number in range(1, file.layout.count + 1)
        ]
        for asked in asking:
            self.assertIn(b" 200 OK", await asked)
        with open(os.path.join(self.root, "file.dat"), "rb") as finished:
            self.assertEqual(finished.read(), file.content)

    async def test_refused_early(self) -> None:
        """A client that goes on sending reads why it was refused."""
        port = await self.listen()
        data = ClientFile(CONTENT, octet=True).upload(1, bytes(20_000_000))
        self.assertIn(b"HTTP/1.1 400", await self.ask(port, data))

    async def test_half_closed(self) -> None:
        """A client that has closed its direction gets the responses to all that it asked."""
        port = await self.listen()
        endpoint = TCP4ClientEndpoint(self.reactor, "127.0.0.1", port)
        reading = await endpoint.connect(Factory.forProtocol(Reading))
        file = ClientFile(CONTENT, force=True)
        reading.transport.write(b"".join(file.upload(number) for number in (1, 2, 3)))
        reading.transport.loseWriteConnection()
        data = await reading.done
        await self.all_closed()
        self.assertEqual((data.count(b" 200 OK"), data.count(b'"complete"')), (3, 1))

    async def test_refused_over_tls(self) -> None:
        """Over TLS, too, a client that goes on sending reads why; TLS is closed in its own way."""
        authority = Authority("receiver")
        pem = PrivateCertificate.loadPEM(authority.issue("localhost"))
        port = self.reactor.listenSSL(0, self.site, pem.options(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        options = optionsForClientTLS("localhost", Certificate.loadPEM(authority.certificate))
        tcp = TCP4ClientEndpoint(self.reactor, "127.0.0.1", port.getHost().port)
        endpoint = wrapClientTLS(options, tcp)
        for expect in ({}, {"expect": "100-continue"}):
            data = ClientFile(CONTENT, octet=True).upload(1, bytes(20_000_000), **expect)
            data = data.replace(b"TotalSize=25", b"TotalSize=x")
            reading = await endpoint.connect(Factory.forProtocol(Reading))
            reading.transport.write(data[:1000] if expect else data)
            self.assertIn(b"HTTP/1.1 400", await reading.done)
            self.assertTrue(reading.reason.check(ConnectionDone), reading.reason)
            await self.all_closed()


class Reading(Protocol):
    """Reads until the end."""

    reason: Any = None

    def __init__(self) -> None:
        self.done: Deferred[bytes] = Deferred()
        self.data = b""

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        if b"Connection: close" in self.data and self.data.endswith(b"}"):
            assert self.transport is not None
            self.transport.loseConnection()

    def connectionLost(self, reason: object = None) -> None:  # type: ignore[override]
        self.reason = reason
        self.done.callback(self.data)
