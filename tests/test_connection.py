"""
The life of a connection.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from OpenSSL.SSL import Error as TLSError
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txresumable._http.batch import WriteBatch
from txresumable._http.connection import HTTPConnection
from txresumable._http.state import (
    ACTIVE,
    CLOSED,
    CLOSING,
    CONNECTING,
    IDLE,
    TRANSITIONS,
    ConnectionState,
    change,
)
from txresumable._policy.limiter import RateLimiter
from txresumable._source.source import BytesSource
from txresumable.errors import (
    ConnectionBroken,
    MalformedResponse,
    StaleConnection,
    StallTimeout,
    TLSRejected,
)

from .http_rig import FULL, HEAD, OK, Listener, Reactor, Rig, Socket


class StateTests(SynchronousTestCase):
    """
    A connection's life.
    """

    def connection(self, state: ConnectionState) -> HTTPConnection:
        """One in that state."""
        self.listener = Listener()
        reactor = Reactor()
        connection = HTTPConnection(
            seconds=reactor.seconds,
            batch=WriteBatch(reactor, ()),
            listener=self.listener,
            secure=True,
        )
        given: Any = Socket([])
        transport = Connection(given, connection, reactor)  # type: ignore[arg-type]
        transport.connected = 1
        connection.makeConnection(transport)
        if state is not CONNECTING:
            connection.handshakeCompleted()
        if state is ACTIVE:
            connection.send(HEAD, None).addErrback(lambda _: None)
            reactor.turn()
        elif state is CLOSING:
            connection.abort()
        elif state is CLOSED:
            connection.connectionLost()
        self.assertIs(connection.state, state)
        return connection

    def test_every_transition(self) -> None:
        """Whatever may follow a state does, by what happens to a connection, and nothing else."""
        acts: dict[ConnectionState, Callable[[HTTPConnection], object]] = {
            IDLE: lambda each: (
                each.dataReceived(OK) if each.state is ACTIVE else each.handshakeCompleted()
            ),
            ACTIVE: lambda each: each.send(HEAD, None).addErrback(lambda _: None),
            CLOSING: HTTPConnection.abort,
            CLOSED: HTTPConnection.connectionLost,
        }
        self.assertEqual(set(TRANSITIONS), set(ConnectionState))
        for state, allowed in TRANSITIONS.items():
            for following in allowed:
                with self.subTest(state=state, following=following):
                    connection = self.connection(state)
                    acts[following](connection)
                    self.assertIs(connection.state, following)
            for following in set(ConnectionState) - set(allowed):
                self.assertRaises(RuntimeError, change, state, following)

    def test_one_request_at_a_time(self) -> None:
        """A request can be sent only while none is under way, over what is connected and open."""
        for state in set(ConnectionState) - {IDLE}:
            connection = self.connection(state)
            self.assertRaises(RuntimeError, connection.send, HEAD, None)
            self.assertIs(connection.state, state)

    def test_once_ready(self) -> None:
        """It is ready once, and not after it was aborted."""
        connection = self.connection(IDLE)
        connection.handshakeCompleted()
        self.assertEqual(self.listener.heard, ["ready"])
        connection = self.connection(CONNECTING)
        connection.abort()
        connection.handshakeCompleted()
        connection.connectionLost()
        self.assertEqual(self.listener.heard, ["lost"])

    def test_aborted_before_it_was_connected(self) -> None:
        """One that is given up before there is a transport closes that, and is never ready."""
        for secure in (False, True):
            reactor, listener = Reactor(), Listener()
            connection = HTTPConnection(
                seconds=reactor.seconds,
                batch=WriteBatch(reactor, ()),
                listener=listener,
                secure=secure,
            )
            connection.abort()
            given: Any = Socket([])
            transport = Connection(given, connection, reactor)  # type: ignore[arg-type]
            transport.connected = 1
            connection.makeConnection(transport)
            self.assertEqual(listener.heard, [])
            reactor.advance(0)
            self.assertEqual(listener.heard, ["lost"])

    def test_no_delay(self) -> None:
        """Over TCP, the end of a request does not wait for an acknowledgement of its beginning."""
        self.assertEqual(Rig([]).socket.options, {socket.TCP_NODELAY: 1})
        connection = HTTPConnection(
            seconds=Reactor().seconds, batch=WriteBatch(None, ()), listener=Listener()
        )
        connection.makeConnection(StringTransport())
        self.assertIs(connection.state, IDLE)

    def test_how_long_it_took(self) -> None:
        """It knows how long its last request with a body took, with its response."""
        rig = Rig([])
        for body, seconds, took in ((True, 3.0, 3.0), (False, 5.0, 3.0), (True, 7.0, 7.0)):
            if body:
                rig.send(BytesSource("a", b"content"), 7)
            else:
                rig.ask()
            self.assertEqual(rig.connection.has_body, body)
            rig.reactor.advance(seconds)
            rig.connection.dataReceived(OK)
            self.assertEqual(rig.connection.took, took)


class ExchangeTests(SynchronousTestCase):
    """
    What a request comes to, and its connection with it.
    """

    def setUp(self) -> None:
        self.rig = Rig([])
        self.connection = self.rig.connection

    def head(self, status: int, *fields: bytes) -> bytes:
        """The head of a response."""
        return b"\r\n".join((b"HTTP/1.1 %d Status" % status, *fields, b"", b""))

    def again(self) -> None:
        """One request and its response, then the next request."""
        self.rig.ask()
        self.connection.dataReceived(OK)
        self.rig.results.clear()
        self.rig.ask()

    def assert_failed(self, kind: type[Exception], words: str = "") -> None:
        """Check how the request failed, and that the connection is gone."""
        (result,) = self.rig.results
        self.assertIs(result.type, kind)
        self.assertIn(words, result.getErrorMessage())
        self.assert_gone()

    def assert_gone(self) -> None:
        """Check that the connection is closed, once."""
        self.rig.finish()
        self.assertIs(self.connection.state, CLOSED)
        self.assertEqual(self.rig.heard, ["ready", "lost"])

    def test_data_without_a_request(self) -> None:
        """What arrives while there is no request ends the connection."""
        self.rig.ask()
        self.connection.dataReceived(OK)
        self.connection.dataReceived(OK)
        self.assert_gone()
        self.assertEqual(len(self.rig.results), 1)

    def test_refusal_before_the_request(self) -> None:
        """A refusal of what was not sent yet is no response to it."""
        rig = Rig([FULL])
        rig.send(BytesSource("a", b"x"), 1)
        rig.connection.dataReceived(self.head(503, b"Content-Length: 0"))
        self.assertIs(rig.results[0].type, MalformedResponse)

    def test_early_refusal(self) -> None:
        """After a refusal no more of the request is sent, and its connection is not used again."""
        rig = Rig([len(HEAD), 300_000, FULL])
        rig.send(BytesSource("a", bytes(1 << 20)), 1 << 20)
        sent = len(rig.socket.arrived)
        refusal = self.head(413, b"Content-Length: 2")
        rig.connection.dataReceived(refusal[:20])
        self.assertEqual(rig.results, [])
        rig.connection.dataReceived(refusal[20:])
        for _ in range(3):
            rig.reactor.turn()
        self.assertEqual((len(rig.socket.arrived), rig.results), (sent, []))
        self.assertIs(rig.transport.producer, None)
        rig.connection.dataReceived(b"no")
        self.assertEqual((rig.results[0].code, rig.results[0].body), (413, b"no"))
        rig.finish()
        self.assertEqual(rig.heard, ["ready", "lost"])

    def test_repeated_refusal(self) -> None:
        """A refusal that is, to the byte, that of the test before it may belong to that one."""
        fields = (b"Content-Length: 2", b"Server: one")
        for status, again, repeated in (
            (404, self.head(404, *fields) + b"no", True),
            (404, self.head(404, *fields) + b"NO", False),
            (404, self.head(404, fields[0], b"Server: two") + b"no", False),
            (404, self.head(410, *fields) + b"no", False),
            (399, self.head(399, *fields) + b"no", False),
            (400, self.head(400, *fields) + b"no", True),
            (429, self.head(429, *fields) + b"no", False),
            (499, self.head(499, *fields) + b"no", True),
            (500, self.head(500, *fields) + b"no", False),
        ):
            rig = Rig([])
            for _ in range(2):  # of tests there may be several
                rig.ask()
                rig.connection.dataReceived(self.head(status, *fields) + b"no")
                self.assertEqual(rig.results.pop().code, status)
            rig.send(BytesSource("a", b"x"), 1)
            rig.connection.dataReceived(again)
            (result,) = rig.results
            self.assertIs(getattr(result, "type", None), StaleConnection if repeated else None)
            self.assertIs(rig.connection.state, CLOSING if repeated else IDLE)

    def test_refusal_after_another(self) -> None:
        """What was no test does not count, nor does a refusal on another connection."""
        refusal = self.head(404, b"Content-Length: 0")
        for _ in range(2):
            self.rig.send(BytesSource("a", b"x"), 1)
            self.connection.dataReceived(refusal)
            self.assertEqual(self.rig.results.pop().code, 404)

    def test_early_success(self) -> None:
        """Whatever is below 300 cannot be true before all was sent; what is not, may be."""
        for status, kind in ((299, MalformedResponse), (300, None), (404, None)):
            for fields in ((b"Content-Length: 0",), (b"Content-Length: 0", b"Connection: close")):
                rig = Rig([len(HEAD), 300_000, FULL])
                rig.send(BytesSource("a", bytes(1 << 20)), 1 << 20)
                rig.connection.dataReceived(self.head(status, *fields))
                self.assertIs(getattr(rig.results[0], "type", None), kind, status)

    def test_more_than_a_response(self) -> None:
        """A connection on which more than the response came is not used again."""
        self.rig.ask()
        self.connection.dataReceived(OK + b"H")
        self.assertEqual(self.rig.results[0].code, 200)
        self.assert_gone()

    def test_last_response(self) -> None:
        """Nor is one that the server is about to close."""
        self.rig.ask()
        self.connection.dataReceived(self.head(200, b"Content-Length: 0", b"Connection: close"))
        self.assertEqual(self.rig.results[0].code, 200)
        self.assert_gone()

    def test_response_as_it_is_aborted(self) -> None:
        """A response that still comes while the connection is closed counts, and opens nothing."""
        self.rig.ask()
        self.connection.abort()
        self.connection.dataReceived(OK)
        self.assertEqual(self.rig.results[0].code, 200)
        self.assert_gone()

    def test_ends_with_the_connection(self) -> None:
        """A response without a length is whole when the server closes, and only then."""
        for reason in (ConnectionDone(), ConnectionLost()):
            rig = Rig([])
            rig.ask()
            rig.connection.dataReceived(self.head(200) + b"con")
            rig.connection.dataReceived(b"tent")
            self.assertEqual(rig.results, [])
            rig.connection.connectionLost(Failure(reason))
            if isinstance(reason, ConnectionDone):
                self.assertEqual((rig.results[0].body, rig.results[0].length), (b"content", 7))
            else:
                self.assertIs(rig.results[0].type, ConnectionBroken)
            self.assertEqual(rig.heard, ["ready", "lost"])

    def test_refusal_ends_with_a_reset(self) -> None:
        """A refusal without a length counts, also if the server resets the connection after it."""
        for status in (400, 407, 503):
            rig = Rig([])
            rig.ask()
            rig.connection.dataReceived(self.head(status) + b"con")
            rig.connection.connectionLost(Failure(ConnectionLost()))
            (refusal,) = rig.results
            self.assertEqual((refusal.code, refusal.body), (status, b"con"))

    def test_closed_within_a_response(self) -> None:
        """A server that closes in the middle of a response had the request, and has failed it."""
        for part, where in ((OK[:5], "before it responded"), (OK[:-1], "within its response")):
            self.setUp()
            self.again()
            self.connection.dataReceived(part)
            self.connection.connectionLost()
            self.assert_failed(ConnectionBroken, where)

    def test_closed_after_what_is_no_http(self) -> None:
        """What speaks something else, and closes then, has not responded in HTTP."""
        for data, line in (
            (b"SSH-2.0-x\r\nmore", "'SSH-2.0-x'"),
            (b"\x15\x03\x01\x00\x02\x02\x16", "'\\x15"),
            (b"HTTX", "'HTTX'"),
        ):
            self.setUp()
            self.rig.ask()
            self.connection.dataReceived(data)
            self.connection.connectionLost()
            self.assert_failed(MalformedResponse, line)

    def test_closed_without_a_response(self) -> None:
        """A new connection that is closed was not closed before the request."""
        self.rig.ask()
        self.connection.connectionLost()
        self.assert_failed(ConnectionBroken, "before it responded")

    def test_closed_as_it_is_used_again(self) -> None:
        """A kept connection may have been closed before the request, for a second after that."""
        for late, kind in ((0.0, StaleConnection), (0.9, StaleConnection), (1.0, ConnectionBroken)):
            self.setUp()
            self.rig.reactor.advance(100)
            self.again()
            self.rig.reactor.advance(late)
            self.connection.connectionLost()
            self.assert_failed(kind)

    def test_refused_by_tls(self) -> None:
        """What TLS says counts before the response (some servers ask for a certificate then)."""
        reason = TLSError([("SSL routines", "", "tlsv13 alert certificate required")])
        self.rig.ask()
        self.connection.connectionLost(Failure(reason))
        self.assert_failed(TLSRejected, "certificate required")
        self.setUp()
        self.rig.ask()
        self.connection.dataReceived(OK[:5])
        self.connection.connectionLost(Failure(reason))
        self.assert_failed(ConnectionBroken)

    def test_cancelled(self) -> None:
        """Cancelling a request ends it and its connection, and what its body waits for."""
        asking = self.connection.send(HEAD, None)
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assert_gone()
        self.setUp()
        limiter = RateLimiter(10_000, reactor=self.rig.reactor)
        self.rig.send(BytesSource("a", bytes(100_000)), 100_000, limiter=limiter)
        self.assertEqual(len(self.rig.reactor.getDelayedCalls()), 1)
        self.connection.watch(0)
        self.assert_failed(StallTimeout)
        self.assertEqual(self.rig.reactor.getDelayedCalls(), [])

    def test_lost_while_held(self) -> None:
        """A request that waits for others is not sent over a connection that is lost meanwhile."""
        for end in (HTTPConnection.abort, HTTPConnection.connectionLost):
            reactor = Reactor()
            batch = WriteBatch(reactor, (1, 2))
            connection = HTTPConnection(seconds=reactor.seconds, batch=batch, listener=Listener())
            given: Any = Socket([])
            transport = Connection(given, connection, reactor)  # type: ignore[arg-type]
            transport.connected = 1
            connection.makeConnection(transport)
            asking = connection.send(HEAD, None)
            end(connection)
            batch.flush()
            self.assertEqual((given.arrived, reactor.writers), (b"", set()))
            reactor.advance(0)
            self.failureResultOf(asking, ConnectionBroken)


class WatchTests(SynchronousTestCase):
    """
    For how long nothing may move.
    """

    def setUp(self) -> None:
        self.rig = Rig([])

    def wait(self, seconds: float) -> str:
        """Let time pass. :returns: how the request failed."""
        self.rig.reactor.advance(seconds)
        self.rig.connection.watch(60)
        return self.rig.results[0].getErrorMessage() if self.rig.results else ""

    def test_no_request(self) -> None:
        """A connection that waits for the next request does not stall."""
        self.wait(100)
        self.rig.finish()
        self.assertIs(self.rig.connection.state, IDLE)

    def test_waits_for_others(self) -> None:
        """A new one does until something comes; one that was served before does not."""
        self.rig.ask()
        self.rig.finish()
        waits = self.rig.connection.waits_for_others
        self.rig.reactor.advance(0.9)
        self.assertEqual((waits(1), waits(0.9)), (False, True))
        self.rig.connection.dataReceived(OK[:1])
        self.assertIs(waits(0.9), False)
        self.rig.connection.dataReceived(OK[1:])
        self.rig.reactor.advance(10)
        self.assertIs(waits(0.9), False)
        self.rig.ask()
        self.rig.finish()
        self.rig.reactor.advance(10)
        self.assertIs(waits(0.9), False)

    def test_waits_with_tls(self) -> None:
        """One that has not agreed on TLS waits since it was made."""
        rig = Rig([])
        made = HTTPConnection(
            seconds=rig.reactor.seconds,
            batch=WriteBatch(rig.reactor, ()),
            listener=Listener(),
            secure=True,
        )
        rig.reactor.advance(0.9)
        self.assertEqual((made.waits_for_others(1), made.waits_for_others(0.9)), (False, True))

    def test_no_response(self) -> None:
        """A server that says nothing has as much time as was given."""
        self.rig.reactor.advance(100)
        self.rig.ask()
        self.assertEqual(self.wait(59), "")
        self.assertEqual(self.wait(1), "nothing moved for 60 s")
        self.assertIs(self.rig.results[0].type, StallTimeout)
        self.rig.finish()
        self.assertEqual(self.rig.heard, ["ready", "lost"])

    def test_trickle(self) -> None:
        """Of a response only its first byte counts."""
        self.rig.ask()
        self.wait(50)
        for byte in (b"H", b"T", b"T"):
            self.assertEqual(self.wait(0), "")
            self.rig.connection.dataReceived(byte)
            self.wait(20)
        self.assertEqual(self.wait(0), "the response did not end for 60 s")

    def test_trickled_body(self) -> None:
        """Of its body none does, whatever came before its head."""
        for before in (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"):
            self.setUp()
            self.rig.ask()
            self.rig.connection.dataReceived(before + b"HTTP/1.1 200 OK\r\n\r\n")
            self.wait(40)
            self.rig.connection.dataReceived(b"x")
            self.assertEqual(self.wait(20), "the response did not end for 60 s")

    def test_informed(self) -> None:
        """A server that says that it is working has that time again for its response."""
        self.rig.ask()
        self.rig.connection.dataReceived(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        self.assertEqual(self.wait(50), "")
        self.rig.connection.dataReceived(b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertEqual(self.wait(50), "")
        self.assertEqual(self.wait(10), "the response did not end for 60 s")

    def test_plain_head(self) -> None:
        """The end of a head that began long ago is no new beginning."""
        self.rig.ask()
        self.rig.connection.dataReceived(b"HTTP/1.1 200 OK\r\n")
        self.wait(50)
        self.rig.connection.dataReceived(b"\r\n")
        self.assertEqual(self.wait(10), "the response did not end for 60 s")
