"""
What goes out by treq and our own agent, and what comes back.
"""

from __future__ import annotations

import re
from typing import Any

from OpenSSL.SSL import Error as TLSError
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectionRefusedError, DNSLookupError
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseFailed

from txresumable import InvalidOption
from txresumable._engine.body import PIECE, ChunkBody
from txresumable._http.agent import PersistentAgent
from txresumable._http.client import RequestClient
from txresumable._http.response import Response
from txresumable._http.state import IDLE
from txresumable._source.source import BytesSource
from txresumable.errors import (
    ChunkTimeout,
    ConnectFailed,
    ConnectionBroken,
    InsecureCredentials,
    SourceChanged,
    StaleConnection,
    TLSRejected,
    TransportError,
)

from .http_rig import OK, Endpoint, Reactor, make_agent, make_request_client

URL = "http://receiver.example/app/upload?a=1"


class RequestClientTests(SynchronousTestCase):
    """Requests over sockets whose kernel takes everything."""

    def setUp(self) -> None:
        self.reactor, self.clock = Reactor(), Clock()
        self.endpoint = Endpoint(self.reactor)

    def make(self, **options: Any) -> RequestClient:
        agent = make_agent(self.reactor, self.clock, endpoint=lambda _: self.endpoint)
        options = {"insecure_credentials": "allow", **options}
        transport = make_request_client(self.reactor, self.clock, agent=agent, **options)
        self.addCleanup(transport.close)
        return transport

    def ask(self, transport: RequestClient, url: str, answer: bytes = OK, **headers: str) -> bytes:
        """:returns: the head that went out."""
        before = sum(len(each.arrived) for each in self.endpoint.sockets)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        asked = transport.exchange("GET", url, given)
        self.endpoint.protocols[-1].dataReceived(answer)
        self.assertEqual(self.successResultOf(asked).code, 200)
        return b"".join(bytes(each.arrived) for each in self.endpoint.sockets)[before:]

    def test_cookies(self) -> None:
        """A cookie goes back for the paths that it was set for, and with the same request line."""
        transport = self.make(cookies=True)
        answer = OK.replace(
            b"\r\n", b"\r\nSet-Cookie: app=1; Path=/app\r\nSet-Cookie: all=2; Path=/\r\n", 1
        )
        first = self.ask(transport, URL, answer)
        self.assertNotIn(b"Cookie", first)
        for path, cookies in (
            ("/app/upload?b=%C3%A4&c=%2f", {b"app=1", b"all=2"}),
            ("/application", {b"all=2"}),
            ("", {b"all=2"}),
        ):
            head = self.ask(transport, "http://receiver.example" + path)
            found = re.search(rb"(?i)\r\ncookie: ([^\r]*)", head)
            assert found is not None
            self.assertEqual(set(found[1].split(b"; ")), cookies, path)
            self.assertEqual(head.split(b" ")[1].decode(), path or "/")
        self.assertEqual(len(self.endpoint.sockets), 1)

    def test_no_cookies(self) -> None:
        """Without a jar none goes back, and there are no credentials to be careful about."""
        transport = self.make(insecure_credentials="refuse")
        answer = OK.replace(b"\r\n", b"\r\nSet-Cookie: all=2; Path=/\r\n", 1)
        for _ in range(2):
            self.assertNotIn(b"Cookie", self.ask(transport, URL, answer))

    def test_encoding(self) -> None:
        """One Accept-Encoding is sent, which is ours, with cookies and without."""
        for cookies in (False, True):
            transport = self.make(cookies=cookies)
            head = self.ask(transport, URL, accept_ENCODING="gzip", X_Other="1")
            found = re.findall(rb"(?i)\r\naccept-encoding: ([^\r]*)", head)
            self.assertEqual(found, [b"identity"])
            self.assertIn(b"X-Other: 1", head)

    def test_fields(self) -> None:
        """What the user says of themselves goes out in place of what we say, and only once."""
        transport = self.make()
        self.assertIn(b"User-Agent: txresumable/", self.ask(transport, URL))
        head = self.ask(transport, URL, user_AGENT="Mine/1")
        self.assertEqual(re.findall(rb"(?i)\r\nuser-agent: ([^\r]*)", head), [b"Mine/1"])
        self.assertEqual(re.findall(rb"(?i)\r\naccept: ([^\r]*)", head), [b"*/*"])

    def test_content_type(self) -> None:
        """A body's type goes out with it, unless the user says another."""
        transport = self.make()
        for headers, types in (({}, [b"text/a"]), ({"content-TYPE": "text/b"}, [b"text/b"])):
            transport.exchange("GET", URL, headers, "text/a").addErrback(lambda _: None)
            self.reactor.advance(0)
            head = bytes(self.endpoint.sockets[-1].arrived)
            self.assertEqual(re.findall(rb"(?i)\r\ncontent-type: ([^\r]*)", head), types)

    def test_written_once(self) -> None:
        """Requests that have the same headers are given what was written for the first."""
        transport = self.make()
        written: list[bytes] = []

        def request(method: object, uri: object, headers: Any, body: object) -> Deferred[Any]:
            written.append(headers.lines)
            return Deferred()

        self.patch(PersistentAgent, "request", staticmethod(request))
        for value in ("1", "1", "2"):
            transport.exchange("GET", URL, {"X": value})
        self.assertIs(written[0], written[1])
        self.assertIn(b"X: 1\r\n", written[1])
        self.assertIn(b"X: 2\r\n", written[2])

    def test_redirect(self) -> None:
        """A redirect is a response as any other, and is not followed."""
        asked = self.make().exchange("GET", URL, {})
        self.endpoint.protocols[0].dataReceived(
            b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
        )
        reply = self.successResultOf(asked)
        self.assertIsInstance(reply, Response)
        self.assertEqual((reply.code, reply.header("Location")), (302, "/elsewhere"))
        self.assertEqual(self.endpoint.sockets[0].arrived.count(b"HTTP/1.1"), 1)

    def test_headers_that_cannot_be_sent(self) -> None:
        """Headers are the user's and may change at any time: what would split a request is not."""
        transport = self.make()
        headers = {"X-Mine": "good"}
        transport.exchange("GET", URL, headers)
        headers["X-Mine"] = "bad\r\nX-Other: worse"
        self.assertRaises(InvalidOption, transport.exchange, "GET", URL, headers)

    def test_headers_that_are_known(self) -> None:
        """Of headers, 64 kinds are remembered: those that always change do not fill the memory."""
        checked: list[str] = []
        transport = self.make(check_headers=lambda headers: checked.append(headers["X"]))

        def ask(*numbers: int) -> list[str]:
            """:returns: which were looked at anew."""
            checked.clear()
            for number in numbers:
                transport.exchange("GET", URL, {"X": f"{number}"}).addErrback(lambda _: None)
            return checked

        self.assertEqual(len(ask(*range(64))), 64)
        self.assertEqual(ask(0, 63, 1), [])
        self.assertEqual(ask(64, 0, 64), ["64", "0"])

    def test_cancelled(self) -> None:
        """A request that is cancelled fails so, and its connection ends."""
        asked = self.make().exchange("GET", URL, {})
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertIsNot(self.endpoint.protocols[0].state, IDLE)

    def test_chunk_timeout(self) -> None:
        """A request has as long as was said, and without a limit as long as something moves."""
        for limit in (10.0, None, 0):
            transport = self.make(chunk_timeout=limit)
            asked = transport.exchange("GET", URL, {})
            self.clock.advance(9.9)
            self.assertNoResult(asked)
            self.clock.advance(40)
            if limit:
                error = self.failureResultOf(asked, ChunkTimeout).value
                self.assertIn("no response within 10 s (chunk_timeout)", str(error))
            else:
                self.endpoint.protocols[-1].dataReceived(OK)
                self.assertEqual(self.successResultOf(asked).code, 200)

    def test_source_that_changed(self) -> None:
        """A request whose body cannot be read fails as that did, small or large."""

        class Changed(BytesSource):
            def check(self) -> None:
                raise SourceChanged("a", "it was written to")

        for size in (1, 2 * PIECE):
            source = Changed("a", bytes(size))
            body = ChunkBody(b"", source, 0, size, b"", read_later=source.read)  # type: ignore[arg-type]
            asked = self.make().exchange("POST", URL, {}, body=body)
            self.failureResultOf(asked, SourceChanged)

    def test_connection_that_breaks(self) -> None:
        """One whose connection breaks fails so, whether it has a body or not."""
        source = BytesSource("a", b"x")
        for body in (
            None,
            ChunkBody(b"", source, 0, 1, b"", read_later=source.read),  # type: ignore[arg-type]
        ):
            asked = self.make().exchange("POST", URL, {}, body=body)
            self.endpoint.protocols[-1].connectionLost()
            self.failureResultOf(asked, ConnectionBroken)

    def test_stale(self) -> None:
        """A request over a connection that was closed already is sent once more, over another."""
        transport = self.make()
        self.ask(transport, URL)
        asked = transport.exchange("GET", URL, {})
        self.endpoint.protocols[0].connectionLost()
        self.assertNoResult(asked)
        self.endpoint.protocols[1].dataReceived(OK)
        self.assertEqual(self.successResultOf(asked).code, 200)

    def test_stale_after_others(self) -> None:
        """What is sent once more is what it was, whatever was sent meanwhile."""
        transport = self.make()
        self.ask(transport, URL, X="1")
        asked = transport.exchange("GET", URL, {"X": "2"}, "text/a")
        other = transport.exchange("GET", URL + "&b=2", {"X": "3"}, "text/b")
        self.endpoint.protocols[0].connectionLost()
        self.reactor.advance(0)
        for protocol in self.endpoint.protocols[1:]:
            protocol.dataReceived(OK)
        for response in (asked, other):
            self.assertEqual(self.successResultOf(response).code, 200)
        head = bytes(self.endpoint.sockets[-1].arrived)
        self.assertIn(b" /app/upload?a=1 ", head)
        self.assertIn(b"X: 2\r\nContent-Type: text/a\r\n", head)

    def test_stale_and_not_again(self) -> None:
        """If it must not be sent again, it fails."""
        transport = self.make()
        self.ask(transport, URL)
        asked = transport.exchange("GET", URL, {}, again=False)
        self.endpoint.protocols[0].connectionLost()
        self.failureResultOf(asked, StaleConnection)
        self.assertEqual(len(self.endpoint.sockets), 1)

    def test_fresh(self) -> None:
        """One that is to have a connection of its own gets a new one."""
        transport = self.make()
        self.ask(transport, URL)
        transport.exchange("GET", URL, {}, fresh=True)
        self.assertEqual(len(self.endpoint.sockets), 2)
        self.assertIsNot(self.endpoint.protocols[0].state, IDLE)

    def test_close(self) -> None:
        """It is closed when all connections are."""
        transport = self.make()
        asked = transport.exchange("GET", URL, {})
        closed = transport.close()
        self.assertNoResult(closed)
        self.reactor.advance(0)
        self.assertIsNone(self.successResultOf(closed))
        self.failureResultOf(asked, ConnectionBroken)


class GivenClient:
    """
    A client of the user's, which fails every request.

    :ivar asked: the arguments of each.
    """

    def __init__(self, *reasons: BaseException) -> None:
        self.reasons = list(reasons)
        self.asked: list[dict[str, Any]] = []

    def request(self, method: str, url: str, **options: Any) -> Deferred[Any]:
        self.asked.append(options)
        return fail(self.reasons.pop(0))


class GivenClientTests(SynchronousTestCase):
    """Requests through a client that the user gave."""

    def ask(self, *reasons: BaseException, **options: Any) -> Any:
        """:returns: what a request fails with, if the client fails so."""
        self.client = GivenClient(*reasons)
        transport = make_request_client(Clock(), Clock(), client=self.client, **options)
        asked = transport.exchange("GET", URL, {"X": "1"}, fresh=True)
        self.assertIsNone(self.successResultOf(transport.close()))
        return self.failureResultOf(asked).value

    def test_asked(self) -> None:
        """It is asked to follow no redirects and to keep nothing, for its own copy of headers."""
        self.ask(ValueError())
        (options,) = self.client.asked
        self.assertIs(options["allow_redirects"], False)
        self.assertIs(options["unbuffered"], True)
        self.assertEqual(options["headers"].getRawHeaders("X"), ["1"])

    def test_cookies(self) -> None:
        """Cookies are the client's own affair, so that there are none to be careful about."""
        self.ask(ValueError(), cookies=True, insecure_credentials="refuse")
        self.assertEqual(len(self.client.asked), 1)
        with self.assertRaises(InsecureCredentials):
            make_request_client(
                Clock(), Clock(), client=self.client, insecure_credentials="refuse"
            ).exchange("GET", URL, {"Cookie": "a=1"})

    def test_failures(self) -> None:
        """Whatever it fails with, the error says what went wrong: the last of several reasons."""
        for error, kind, words in (
            (ValueError("no"), TransportError, "ValueError: no"),
            (ConnectionBroken("no"), ConnectionBroken, "no"),
            (ConnectionRefusedError(), ConnectFailed, "no connection: Connection was refused"),
            (DNSLookupError("no such name"), ConnectFailed, "no connection: DNS lookup failed"),
            (
                ResponseFailed([Failure(KeyError("a")), Failure(ValueError("b"))]),
                TransportError,
                "ValueError: b",
            ),
            (
                ResponseFailed(
                    [Failure(TLSError([("", "", "bad certificate")])), Failure(OSError())]
                ),
                TLSRejected,
                "bad certificate",
            ),
        ):
            failed = self.ask(error)
            self.assertIs(type(failed), kind)
            self.assertEqual(str(failed).partition(words)[0], "")
            if kind is ConnectFailed:
                self.assertIs(failed.__cause__, error)

    def test_stale(self) -> None:
        """A request that fails on a kept connection is repeated once, not for ever."""
        failed = self.ask(StaleConnection("once"), StaleConnection("twice"), ValueError())
        self.assertEqual((type(failed), str(failed)), (StaleConnection, "twice"))
        self.assertEqual(len(self.client.asked), 2)
