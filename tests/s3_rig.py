"""
A client of S3 over connections in memory, and a server that checks and says what a test wants.
"""

from __future__ import annotations

import hmac
from collections.abc import Coroutine
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, quote

from attrs import define
from botocore.credentials import Credentials
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.objects.s3 import S3Objects

SECRET = "some-secret"
DATE = "Thu, 26 Nov 2026 12:00:05 GMT"
MODIFIED = "Thu, 26 Nov 2026 12:00:01 GMT"
NOW = 1795694405.0
FACTS = {"Date": DATE, "Last-Modified": MODIFIED, "ETag": '"abc"'}


@define
class Asked:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


class Transport(StringTransport):
    """Notes that it was aborted."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class S3TestCase(SynchronousTestCase):
    """
    :ivar objects: the client.
    """

    endpoint: str | None = "http://127.0.0.1:9000"

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.transports: list[tuple[Transport, Any]] = []
        self.objects = self.make()

    def make(self, **given: Any) -> S3Objects:
        options = {
            "endpoint": self.endpoint,
            "region": "eu-west-1",
            "deadline": 30.0,
            "credentials": Credentials("some-key", SECRET),
            "reactor": self.reactor,
            **given,
        }
        return S3Objects("bucket", **options)

    def begin(self, asking: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        """Begin something, and connect what it connects."""
        waiting: Deferred[Any] = Deferred.fromCoroutine(asking)
        self.settle()
        return waiting

    def settle(self) -> None:
        """Connect what is connecting, and let small requests go."""
        for _ in range(3):
            clients, self.reactor.tcpClients[:] = list(self.reactor.tcpClients), []
            for _, _, factory, _, _ in clients:
                protocol = factory.buildProtocol(None)
                transport = Transport()
                self.transports.append((transport, protocol))
                protocol.makeConnection(transport)
            self.reactor.advance(0)

    def refuse(self) -> None:
        """Refuse what is connecting."""
        clients, self.reactor.tcpClients[:] = list(self.reactor.tcpClients), []
        for _, _, factory, _, _ in clients:
            factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))

    def asked(self, at: int = -1) -> Asked:
        """What has arrived at a connection, which is to be whole."""
        transport, _ = self.transports[at]
        head, end, body = transport.value().partition(b"\r\n\r\n")
        self.assertTrue(end, "no request has arrived")
        transport.clear()
        first, *lines = head.decode("ascii").split("\r\n")
        method, target, version = first.split(" ")
        self.assertEqual(version, "HTTP/1.1")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(": ")
            self.assertNotIn(name.lower(), headers)
            headers[name.lower()] = value
        while len(body) < int(headers.get("content-length", "0")):
            # The transport has room again.
            self.assertIsNotNone(transport.producer, "the body is not whole")
            transport.producer.resumeProducing()
            body += transport.value()
            transport.clear()
        self.assertEqual(len(body), int(headers.get("content-length", "0")))
        return Asked(method, target, headers, body)

    def respond(
        self, status: int, body: bytes = b"", headers: dict[str, str] | None = None, at: int = -1
    ) -> None:
        """Respond to a request."""
        given = {"Content-Length": str(len(body)), **FACTS, **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self.send(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body, at)

    def send(self, data: bytes, at: int = -1) -> None:
        """Send bytes to the client, in pieces as a socket gives them."""
        _, protocol = self.transports[at]
        for start in range(0, len(data), 65536):
            protocol.dataReceived(data[start : start + 65536])
        self.settle()

    def lose(self, at: int = -1) -> None:
        """Close a connection."""
        self.transports[at][1].connectionLost(Failure(ConnectionDone()))
        self.settle()

    def outcome(
        self,
        asking: Coroutine[Any, Any, Any],
        status: int,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Any:
        """What comes of a request with a response: a result, or an exception."""
        waiting = self.begin(asking)
        self.asked()
        self.respond(status, body, headers)
        found: list[Any] = []
        waiting.addErrback(lambda failure: failure.value).addCallback(found.append)
        self.assertEqual(len(found), 1)
        return found[0]


def signature_of(asked: Asked, region: str = "eu-west-1", secret: str = SECRET) -> str:
    """
    The signature that a request should have, by the description of Signature Version 4, from what
    arrived.
    """
    fields = dict(
        part.strip().split("=", 1)
        for part in asked.headers["authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(",")
    )
    names = fields["SignedHeaders"].split(";")
    path, _, query = asked.target.partition("?")
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(query, keep_blank_values=True)
    )
    canonical = "\n".join(
        (
            asked.method,
            path,
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{' '.join(asked.headers[name].split())}" for name in names),
            "",
            ";".join(names),
            asked.headers["x-amz-content-sha256"],
        )
    )
    stamp = asked.headers["x-amz-date"]
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in (stamp[:8], region, "s3", "aws4_request", to_sign):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def signature_in(asked: Asked) -> str:
    """The signature that a request has."""
    return asked.headers["authorization"].rpartition("Signature=")[2]
