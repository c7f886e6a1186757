"""Tests for what a connection of the receiver does with what arrives."""

from __future__ import annotations

from inspect import signature
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.testing import MemoryReactor, StringTransport
from twisted.web.http import HTTPFactory
from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from zope.interface.verify import verifyObject

from tests.receiver_rig import ClientFile, Connection, ReceiverTestCase, Thread, request
from tests.test_clock import WallClockReactor
from txresumable._runtime.clock import steady
from txresumable.receiver import ReceiverService, ReceiverSite, make_site
from txresumable.receiver.web.channel import ReceiverChannel
from txresumable.receiver.web.private import unparsed

CONTENT = bytes(range(65, 90))
TEST = ClientFile(CONTENT).test(1)


class BigBodyTests(ReceiverTestCase):
    """How a body is read that is worth it."""

    def test_read_at_once(self) -> None:
        """While a big body arrives more is read at once, and of what else there is as ever."""
        self.start()
        wire = self.connect()
        transport: Any = wire.transport
        for size, wanted in ((100, None), (300_000, 262_144), (100, 65_536)):
            file = ClientFile(bytes(size), f"{size}", f"{size} {wanted}", chunk_size=size)
            data = file.upload(1)
            wire.send(data[:-10])
            self.assertEqual(getattr(transport, "bufferSize", None), wanted)
            wire.send(data[-10:])
            self.assertEqual(wire.response().status, 200)
            self.assertEqual(transport.bufferSize, 65_536)

    def test_head_apart(self) -> None:
        """Twisted takes the lines of a head apart without what follows it, which it would copy."""
        followed: list[int] = []
        line_received = ReceiverChannel.lineReceived

        def noted(channel: ReceiverChannel, line: bytes) -> None:
            followed.append(len(unparsed(channel)))
            line_received(channel, line)

        self.patch(ReceiverChannel, "lineReceived", noted)
        self.start()
        file = ClientFile(bytes(100_000), chunk_size=100_000)
        wire = self.connect().send(file.upload(1), 200_000)
        self.assertEqual(wire.response().status, 200)
        self.assertGreater(len(followed), 3)
        self.assertLess(max(followed), 1000)
        self.assertEqual(self.finished(), {"file.dat": file.content})
        # What is no head is refused as ever.
        for data in (b"x" * 70_000, b"GET / HTTP/1.1\r\n\r\n" + b"y" * 70_000, b"\r\n\r\n" * 9000):
            wire = self.connect().send(data, 200_000)
            self.assertEqual(wire.responses()[-1].status, 400)
            self.assertTrue(wire.closed)


class WallClockTests(ReceiverTestCase):
    """Somebody sets the wall clock, by which reactors go."""

    def setUp(self) -> None:
        super().setUp()
        self.reactor = WallClockReactor()
        self.steady = steady(self.reactor)
        self.now = 0.0
        self.steady.seconds = lambda: self.now
        self.addCleanup(self.steady._stop)

    def pass_in_fact(self, seconds: float) -> None:
        """Let time pass that the wall clock does not show."""
        self.now += seconds
        self.steady._run()

    def test_connection(self) -> None:
        """A connection may be idle as long as it may, however the clock is set."""
        store = self.make_store()
        wire = Connection(make_site(store, reactor=self.reactor))
        self.reactor.wall.advance(3600)
        self.assertFalse(wire.closed)
        self.pass_in_fact(61)
        self.assertTrue(wire.closed)
        wire.lose()
        self.successResultOf(store.close())

    def test_on_complete(self) -> None:
        """So it is with how long is waited for on_complete."""
        store = self.make_store(reactor=self.reactor, on_complete=lambda file: Deferred())
        wire = Connection(make_site(store, reactor=self.reactor))
        wire.send(ClientFile(CONTENT, chunk_size=100).upload(1))
        self.reactor.wall.advance(3600)
        self.assertEqual(wire.responses(), [])
        self.pass_in_fact(301)
        self.assertEqual(wire.response().content["status"], "complete")
        wire.lose()
        self.flushLoggedErrors()
        self.successResultOf(store.close())

    def test_stop(self) -> None:
        """And with how long a service that stops waits for its disk."""
        store = self.make_store()
        site = make_site(store, reactor=self.reactor)
        endpoint = TCP4ServerEndpoint(MemoryReactor(), 0)
        service = ReceiverService(endpoint, site, store=store, reactor=self.reactor)
        service.startService()
        close, store.close = store.close, Deferred  # type: ignore[method-assign,assignment]
        stopped = service.stopService()
        self.reactor.wall.advance(3600)
        self.assertNoResult(stopped)
        self.pass_in_fact(61)
        self.successResultOf(stopped)
        self.successResultOf(close())


class RequestTests(ReceiverTestCase):
    """Requests in any shape are responded to in their order, or refused."""

    def statuses(self, wire: Connection) -> list[int]:
        """The statuses since the last time."""
        return [response.status for response in wire.responses()]

    def test_interface(self) -> None:
        """The connection is told when the peer sends no more."""
        self.start()
        verifyObject(IHalfCloseableProtocol, self.connect().protocol)

    def test_refused_with_the_next_behind_it(self) -> None:
        """An empty body that is refused does not confuse the request behind it."""
        self.start()
        file = ClientFile(b"", octet=True)
        for asks, expected in (({"expect": "100-continue"}, [403]), ({}, [403, 404])):
            data = file.upload(1, origin="http://evil", **asks) + TEST
            for pieces in (1, 50, 65536):
                wire = self.connect().send(data, pieces)
                self.assertEqual(self.statuses(wire), expected)
                self.assertEqual(wire.closed, len(expected) == 1)

    def test_expect(self) -> None:
        """A client that asks first hears at once what is wrong in the head alone."""
        self.start(max_file_size=1000)
        kind = {"content_type": "application/octet-stream", "expect": "100-continue"}
        for query in ("", "resumableChunkNumber=9&resumableChunkSize=4&resumableTotalSize=4"):
            head = request("PUT", f"/?{query}", kind, b"body")[:-4]
            wire = self.connect().send(head)
            self.assertEqual((self.statuses(wire), wire.closed), ([400], True))
        file = ClientFile(bytes(2000), chunk_size=10, octet=True)
        head = file.upload(1, expect="100-continue")[:-10]
        self.assertEqual(self.statuses(self.connect().send(head)), [400])

    def test_absolute_form(self) -> None:
        """A target may be an absolute URL."""
        self.start()
        file = ClientFile(CONTENT, chunk_size=100)
        root = Resource()
        root.putChild(b"up", self.site.resource)
        for site, path in ((self.site, b""), (ReceiverSite(root, reactor=self.clock), b"up")):
            self.site = site
            for start in (b"http://receiver.example/", b"HTTPS://x:1/"):
                data = file.test(1).replace(b"GET /", b"GET " + start + path, 1)
                self.assertEqual(self.ask(data).content, {"status": "absent"})
        data = file.test(1).replace(b"GET /", b"GET http://receiver.example", 1)
        self.assertEqual(self.ask(data).status, 404)

    def test_bad_heads(self) -> None:
        """A head that is not HTTP is refused, what follows it ignored, and the peer can read so."""
        self.start()
        for lines in (
            "GET / HTTP/1.1\r\nContent-Length: -1",
            "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2",
            "GET / HTTP/1.1\r\nContent-Length: " + "1" * 5000,
            "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
            "GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked",
            "GET / HTTP/1.1\r\nno colon",
            "GET / HTTP/1.1\r\nbad name: x",
            "GET / HTTP/2.0",
            "GET  / HTTP/1.1",
            "GET /\x01 HTTP/1.1",
            "GET",
            "GET /" + "a" * 70_000,
            "GET /" + "a" * 70_000 + " HTTP/1.1",
            "GET / HTTP/1.1\r\n" + "X: y\r\n" * 600,
            "GET / HTTP/1.1\r\nX: " + "y" * 70_000,
        ):
            for pieces in (1000, 65536):
                wire = self.connect()
                wire.send(lines.encode("latin-1") + b"\r\n\r\n" + TEST, pieces)
                wire.send(TEST)
                found = [(each.status, each.headers.get("connection")) for each in wire.responses()]
                self.assertEqual(found, [(400, "close")], repr(lines[:100]))
                self.assertTrue(wire.transport.half_closed)
                self.assertFalse(wire.aborted)

    def test_tls(self) -> None:
        """Who speaks TLS to it hears at once that it does not, and need not wait."""
        self.start()
        wire = self.connect().send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        self.assertEqual(self.statuses(wire), [400])
        self.assertTrue(wire.transport.half_closed)
        file = ClientFile(b"\x16" * 10, octet=True)
        head, _, body = file.upload(1).partition(b"\r\n\r\n")
        wire = self.connect().send(head + b"\r\n\r\n")
        self.assertEqual(wire.send(body).response().status, 200)

    def test_bad_chunked_body(self) -> None:
        """A body whose framing breaks is refused, and its chunk free at once."""
        self.start()
        file = ClientFile(CONTENT, octet=True)
        head, _, body = file.upload(1).partition(b"\r\n\r\n")
        head = head.replace(b"Content-Length: 10", b"Transfer-Encoding: chunked\r\n\r\n")
        for rest in (b"5\r\n" + body[:5] + b"xx", b"5\r\n" + body[:5] + b"\r\n-5\r\n"):
            wire = self.connect().send(head + rest + TEST)
            self.assertEqual(self.statuses(wire), [400])
            self.assertTrue(wire.transport.half_closed)
        self.assertEqual(self.ask(file.upload(1)).status, 200)

    def test_one_oh(self) -> None:
        """HTTP/1.0 gets a response and is closed."""
        self.start()
        wire = self.connect().send(TEST.replace(b"HTTP/1.1", b"HTTP/1.0") + TEST)
        self.assertEqual((self.statuses(wire), wire.closed), ([404], True))

    def test_methods(self) -> None:
        """Any method gets a response."""
        self.start()
        for line, status in (
            ("DELETE / HTTP/1.1", 400),
            ("BREW / HTTP/1.1", 405),
            ("CONNECT a:80 HTTP/1.1", 405),
            ("OPTIONS * HTTP/1.1", 200),
            ("OPTIONS / HTTP/1.1", 204),
        ):
            wire = self.connect().send(f"{line}\r\nHost: h\r\n\r\n".encode() + TEST)
            self.assertEqual(self.statuses(wire), [status, 404])

    def test_stray_line(self) -> None:
        """An empty line after a request does not make the connection one that is too slow."""
        self.start()
        wire = self.connect().send(TEST + b"\r\n")
        self.clock.advance(50)
        self.assertFalse(wire.closed)
        self.assertEqual(self.statuses(wire.send(TEST)), [404, 404])

    def test_rest_of_a_segment(self) -> None:
        """The beginning of a request that came with the one before must come on as well."""
        self.start()
        wire = self.connect().send(TEST + b"GET /")
        self.clock.advance(20)
        self.assertTrue(wire.aborted)


class ClosingTests(ReceiverTestCase):
    """Connections end so that the last response can be read."""

    def test_last_response(self) -> None:
        """After the last response one direction is closed, and the other when the peer ends."""
        self.start()
        wire = self.connect().send(ClientFile(CONTENT).test(1, connection="close") + TEST)
        self.assertEqual(wire.response().status, 404)
        self.assertEqual((wire.transport.half_closed, wire.transport.disconnecting), (True, False))
        wire.send(TEST).end()
        self.assertTrue(wire.transport.disconnecting)
        self.assertEqual(wire.responses(), [])

    def test_peer_that_stays(self) -> None:
        """A peer that neither sends nor ends is cut off in the end."""
        self.start()
        wire = self.connect().send(ClientFile(CONTENT).test(1, connection="close"))
        self.clock.advance(9)
        self.assertFalse(wire.aborted)
        self.clock.advance(1)
        self.assertTrue(wire.aborted)

    def test_peer_that_sends_on(self) -> None:
        """A peer that sends the rest of a chunk that was refused is not cut off meanwhile."""
        self.start(max_file_size=1000)
        data = ClientFile(bytes(14_000_000), chunk_size=10**8).upload(1)
        wire = self.connect().send(data[:2_000_000])
        for start in range(2_000_000, len(data), 100_000):
            wire.send(data[start : start + 100_000])
            self.clock.advance(1)
            self.assertFalse(wire.aborted)
        self.assertEqual(wire.response().status, 400)
        wire.end()
        self.assertTrue(wire.transport.disconnecting)

    def test_half_close(self) -> None:
        """A peer that sends no more still gets all its responses."""
        thread = Thread()
        self.start(run=thread.run)
        wire = self.connect().send(TEST + TEST).end()
        self.assertFalse(wire.closed)
        thread.work()
        self.assertEqual([response.status for response in wire.responses()], [404, 404])
        self.assertTrue(wire.transport.disconnecting)

    def test_half_a_request(self) -> None:
        """A peer that ends in mid-request is not waited for, and its chunk is free at once."""
        self.start()
        file = ClientFile(CONTENT)
        for end in (10, len(file.upload(1)) - 60):
            wire = self.connect().send(TEST + file.upload(1)[:end]).end()
            self.assertEqual(wire.response().status, 404)
            self.assertTrue(wire.transport.disconnecting)
        self.assertEqual(self.ask(file.upload(1)).status, 200)

    def test_idle_peer_ends(self) -> None:
        """A connection without a request ends with its peer."""
        self.start()
        for data in (b"", TEST):
            self.assertTrue(self.connect().send(data).end().transport.disconnecting)

    def test_no_response(self) -> None:
        """A connection whose response does not come ends, and the chunk is not lost by it."""
        thread = Thread()
        self.start(run=thread.run)
        file = ClientFile(CONTENT)
        wire = self.connect().send(file.upload(1))
        self.clock.advance(899)
        self.assertFalse(wire.closed)
        self.clock.advance(1)
        self.assertTrue(wire.aborted)
        self.hang_up()
        thread.work()
        wire = self.connect().send(file.test(1))
        thread.work()
        self.assertEqual(wire.response().status, 200)

    def test_held_while_responses_wait(self) -> None:
        """A peer that reads again is not read from while the disk is behind."""
        thread = Thread()
        self.start(run=thread.run)
        wire = self.connect().send(ClientFile(CONTENT, octet=True).upload(1)[:-5])
        self.assertEqual(wire.transport.producerState, "paused")
        wire.protocol.pauseProducing()
        wire.protocol.resumeProducing()
        self.assertEqual(wire.transport.producerState, "paused")
        wire.protocol.pauseProducing()
        thread.work()
        self.assertEqual(wire.transport.producerState, "paused")
        wire.protocol.resumeProducing()
        self.assertEqual(wire.transport.producerState, "producing")


class DrainTests(ReceiverTestCase):
    """A receiver that stops."""

    def drain(self) -> Deferred[None]:
        drained = self.site.drain()
        self.assertNoResult(drained)
        return drained

    def test_nobody(self) -> None:
        """Without connections it is drained at once."""
        self.start()
        self.successResultOf(self.site.drain())
        wire = self.connect().send(TEST)
        self.assertEqual(wire.response().status, 503)
        wire.lose()

    def test_idle(self) -> None:
        """
        What is idle is closed at once, without waiting for the peer, but not before that has what
        was written.
        """
        self.start()
        idle = self.connect().send(TEST)
        drained = self.drain()
        self.assertEqual(idle.response().status, 404)
        self.assertEqual((idle.transport.disconnecting, idle.aborted), (True, False))
        self.assertIsNone(idle.transport.producer)
        self.assertEqual(idle.send(TEST).responses(), [])
        idle.lose()
        self.successResultOf(drained)

    def test_reads_slowly(self) -> None:
        """Who does not read what was written last gets ten seconds for it, not the grace."""
        self.start()
        idle = self.connect().send(TEST)
        self.drain()
        self.clock.advance(9.0)
        self.assertFalse(idle.aborted)
        self.clock.advance(2.0)
        self.assertTrue(idle.aborted)

    def test_idle_over_tls(self) -> None:
        """That the peer notices the end over TLS is not waited for, either."""
        self.start()
        idle = self.connect().send(TEST)
        below = StringTransport()
        idle.transport.transport = below  # type: ignore[attr-defined]
        self.drain()
        self.assertEqual((idle.transport.disconnecting, below.disconnecting), (True, True))
        self.assertFalse(idle.aborted or below.disconnected)

    def test_arriving(self) -> None:
        """
        A chunk that arrives is taken as a whole, and its response is the last of the connection;
        what follows it gets none.
        """
        self.start()
        file = ClientFile(CONTENT, chunk_size=25)
        data = file.upload(1)
        wire = self.connect().send(data[:-5])
        drained = self.drain()
        self.assertFalse(wire.closed)
        wire.send(data[-5:] + TEST)
        response = wire.response()
        self.assertEqual((response.status, response.headers["connection"]), (200, "close"))
        self.assertEqual(
            (wire.transport.half_closed, self.finished()), (True, {"file.dat": CONTENT})
        )
        self.assertNoResult(drained)
        wire.end()
        self.assertTrue(wire.transport.disconnecting)
        wire.lose()
        self.successResultOf(drained)

    def test_responding(self) -> None:
        """A response that is on its way is waited for."""
        thread = Thread()
        self.start(run=thread.run)
        wire = self.connect().send(TEST + TEST)
        drained = self.drain()
        thread.work()
        response = wire.response()
        self.assertEqual((response.status, response.headers["connection"]), (404, "close"))
        wire.lose()
        self.successResultOf(drained)

    def test_new(self) -> None:
        """
        What begins now is refused with 503 before its body is there, also if some of its head was
        there before.
        """
        self.start()
        data = ClientFile(bytes(300_000), chunk_size=10**6).upload(1)
        wires = [self.connect().send(data[:50]), self.connect().send(TEST[:-2])]
        drained = self.drain()
        end = data.index(b"\r\n\r\n") + 100
        wires[0].send(data[50:end])
        wires[1].send(TEST[-2:])
        wires.append(self.connect().send(TEST))
        for wire in wires:
            response = wire.response()
            self.assertEqual((response.status, response.headers["connection"]), (503, "close"))
            self.assertEqual(response.headers["retry-after"], "1")
            self.assertTrue(wire.transport.half_closed)
        wires.append(self.connect().send(TEST.replace(b"GET", b"HEAD", 1)))
        head = wires[-1].transport.value()
        self.assertTrue(head.startswith(b"HTTP/1.1 503 ") and head.endswith(b"\r\n\r\n"))
        wires[0].send(data[end:])
        self.assertEqual((wires[0].responses(), self.private()), ([], []))
        for wire in wires:
            self.assertNoResult(drained)
            wire.lose()
        self.successResultOf(drained)

    def test_given_up(self) -> None:
        """Whoever waits for it may give up, and others still wait."""
        self.start()
        wire = self.connect().send(TEST[:-2])
        one, other = self.drain(), self.drain()
        one.cancel()
        self.failureResultOf(one, CancelledError)
        wire.lose()
        self.successResultOf(other)


class PlainSiteTests(ReceiverTestCase):
    """In a site of Twisted's own the body has been collected before."""

    def plain_site(self) -> Site:
        """One that leaves forms alone, if this Twisted has such."""
        options: dict[str, Any] = {"reactor": self.clock}
        if "parsePOSTFormSubmission" in signature(HTTPFactory.__init__).parameters:
            options["parsePOSTFormSubmission"] = False
        return Site(self.site.resource, **options)

    def test_no_faster_than_the_disk(self) -> None:
        """It is read on as the disk takes it, and not into memory."""
        thread = Thread()
        self.start(run=thread.run)
        plain = self.plain_site()
        file = ClientFile(bytes(1_000_000), chunk_size=10**7)
        wire = Connection(plain).send(file.upload(1))
        content = wire.protocol._channel.requests[0].content
        self.assertLess(content.tell(), 200_000)
        thread.work()
        self.assertEqual(wire.response().status, 200)
        wire.lose()

    def test_gone(self) -> None:
        """A client that goes meanwhile leaves nothing behind, and its chunk free."""
        thread = Thread()
        self.start(run=thread.run)
        plain = self.plain_site()
        file = ClientFile(bytes(1_000_000), chunk_size=10**7)
        Connection(plain).send(file.upload(1)).lose()
        thread.work()
        wire = self.connect().send(file.upload(1))
        thread.work()
        self.assertEqual(wire.response().status, 200)


class OtherResourceTests(ReceiverTestCase):
    """Resources that take no bodies as they arrive get them whole, within a bound."""

    def test_max_body(self) -> None:
        """A body is kept in memory, and refused if it is too long."""

        class Echo(Resource):
            isLeaf = True

            def render_POST(self, request: Request) -> bytes:
                assert request.content is not None
                return request.content.read()

        site = ReceiverSite(Echo(), reactor=self.clock, max_body=1000)
        chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        for size, status in ((1000, 200), (1001, 413)):
            body = bytes(size)
            pieces = b"%x\r\n%b\r\n0\r\n\r\n" % (size, body)
            for data in (request("POST", "/", {}, body), chunked.encode() + pieces):
                wire = Connection(site).send(data, 400)
                response = wire.response()
                self.assertEqual(response.status, status)
                self.assertEqual(wire.closed, status == 413)
                wire.lose()

    def test_resource_fails(self) -> None:
        """A resource that cannot be found for an exception is for Twisted to respond to."""

        class Broken(Resource):
            def getChild(self, path: bytes, request: Request) -> Resource:
                raise ZeroDivisionError

        site = ReceiverSite(Broken(), reactor=self.clock)
        wire = Connection(site).send(request("POST", "/a", {}, b"body"))
        self.assertEqual(wire.response().status, 500)
        wire.lose()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
