"""Tests for object storage over real connections: what arrives, who is trusted, what is none."""

from __future__ import annotations

import os
from socket import socket
from typing import Any
from unittest.mock import patch

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from twisted.internet import reactor as installed
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import PrivateCertificate
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from zope.interface import directlyProvides, implementer, providedBy

from tests.authority import Authority
from tests.s3_rig import SECRET, Asked, signature_in, signature_of
from txresumable.receiver import Unfit, probe
from txresumable.receiver.objects.interface import (
    Forbidden,
    Rejected,
    StorageError,
    Unavailable,
    Unreadable,
)
from txresumable.receiver.objects.s3 import S3Objects

REGION = "eu-west-1"
KEY = "a b/c+d%é&=~.bin"
ENCODED = "a%20b/c%2Bd%25%C3%A9%26%3D~.bin"
reactor: Any = installed


class Storage(Resource):
    """
    Takes everything, and has nothing but that.

    :ivar asked: what has arrived.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Asked] = []
        self._objects: dict[bytes, bytes] = {}

    def render(self, request: Request) -> bytes:
        assert request.content is not None and request.isSecure()
        headers = {
            name.decode().lower(): values[0].decode()
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        method = request.method.decode()
        body = request.content.read()
        self.asked.append(Asked(method, request.uri.decode("ascii"), headers, body))
        request.setHeader("ETag", '"abc"')
        request.setHeader("Last-Modified", "Thu, 26 Nov 2026 12:00:01 GMT")
        if method == "PUT":
            self._objects[request.path] = body
            return b""
        if b"list-type" in request.uri:
            return b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
        return self._objects[request.path]


@implementer(IHostnameResolver)
class _Loopback:
    """Every name is this machine's."""

    def resolveHostName(self, receiver: Any, hostName: str, portNumber: int = 0, *_: Any) -> Any:
        receiver.resolutionBegan(None)
        receiver.addressResolved(IPv4Address("TCP", "127.0.0.1", portNumber))
        receiver.resolutionComplete()


class Redirecting:
    """The reactor, but whatever is connected to port 443 is connected to another port."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.nameResolver = _Loopback()
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)

    def connectTCP(self, host: str, port: int, *args: Any, **named: Any) -> Any:
        assert (host, port) == ("127.0.0.1", 443)
        return reactor.connectTCP(host, self._port, *args, **named)


class TLSTests(TestCase):
    """Requests over TLS."""

    timeout = 60

    def setUp(self) -> None:
        self.authority = Authority("storage")
        self.trust(self.authority)

    def trust(self, authority: Authority) -> None:
        """Trust an authority and no other."""
        path = os.path.abspath(self.mktemp())
        with open(path, "wb") as file:
            file.write(authority.certificate)
        trusting = patch.dict(os.environ, {"SSL_CERT_FILE": path, "SSL_CERT_DIR": "/nonexistent"})
        trusting.start()
        self.addCleanup(trusting.stop)

    def serve(self, name: str) -> tuple[Storage, int]:
        """Storage with a certificate for a name. :returns: it, and its port."""
        storage = Storage()
        certificate = PrivateCertificate.loadPEM(self.authority.issue(name))
        port = reactor.listenSSL(0, Site(storage), certificate.options(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return storage, port.getHost().port

    def client(self, bucket: str, endpoint: str | None, by: Any = reactor) -> S3Objects:
        objects = S3Objects(
            bucket,
            endpoint=endpoint,
            region=REGION,
            deadline=20.0,
            credentials=Credentials("some-key", SECRET, "some-token"),
            reactor=by,
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(objects.close()))
        return objects

    async def use(self, objects: S3Objects, storage: Storage, host: str, base: str) -> None:
        """Put, get and list: each request is where it should be, and signed for there."""
        content = os.urandom(300_000)
        await objects.put(KEY, content, absent=True, metadata={"sha256": "x  y"})
        got = bytearray()
        await objects.read(KEY, 0, len(content), got.extend)
        self.assertEqual(got, content)
        await objects.list("a b/+", after="a b/+1")
        targets = [(asked.method, asked.path) for asked in storage.asked]
        path = base + ENCODED
        self.assertEqual(targets, [("PUT", path), ("GET", path), ("GET", base)])
        self.assertEqual(storage.asked[0].body, content)
        self.assertEqual(storage.asked[2].query["prefix"], "a b/+")
        for asked in storage.asked:
            self.assertEqual(asked.headers["host"], host)
            self.assertEqual(signature_in(asked), signature_of(asked, REGION))
            self.assertEqual(signature_in(asked), signature_by_botocore(asked))

    async def test_endpoint(self) -> None:
        """At an endpoint the bucket stands in the path."""
        storage, port = self.serve("localhost")
        host = f"localhost:{port}"
        objects = self.client("some-bucket", f"https://{host}")
        await self.use(objects, storage, host, "/some-bucket/")

    async def test_virtual_host(self) -> None:
        """At Amazon's it stands in the name of the host, which the certificate is for."""
        host = f"some-bucket.s3.{REGION}.amazonaws.com"
        storage, port = self.serve(host)
        objects = self.client("some-bucket", None, Redirecting(port))
        await self.use(objects, storage, host, "/")

    async def test_dotted_bucket(self) -> None:
        """Unless there is a dot in it, which no certificate there is for."""
        host = f"s3.{REGION}.amazonaws.com"
        storage, port = self.serve(host)
        objects = self.client("some.bucket", None, Redirecting(port))
        await self.use(objects, storage, host, "/some.bucket/")

    async def test_another_host(self) -> None:
        """A certificate for another host is not accepted, and nothing is sent."""
        storage, port = self.serve("other-bucket.s3.eu-west-1.amazonaws.com")
        objects = self.client("some-bucket", None, Redirecting(port))
        with self.assertRaisesRegex(Unreadable, "certificate"):
            await objects.put(KEY, b"secret")
        self.assertEqual(storage.asked, [])

    async def test_another_authority(self) -> None:
        """Nor is one of an authority that is not trusted."""
        storage, port = self.serve("localhost")
        self.trust(Authority("other"))
        with self.assertRaisesRegex(Unreadable, "certificate"):
            await self.client("some-bucket", f"https://localhost:{port}").put(KEY, b"secret")
        self.assertEqual(storage.asked, [])


class Talking(Protocol):
    """A server that says something of itself, or once it has been asked, and closes."""

    def connectionMade(self) -> None:
        self.factory: Any
        self.transport.write(self.factory.greeting)

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self.factory.reply)
        self.transport.loseConnection()


class NoStorageTests(TestCase):
    """What is found where storage is said to be."""

    timeout = 60

    def serve(self, *, greeting: bytes = b"", reply: bytes = b"") -> int:
        factory: Any = Factory.forProtocol(Talking)
        factory.noisy, factory.greeting, factory.reply = False, greeting, reply
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    async def outcome(self, endpoint: str) -> StorageError:
        """How the self-test fails."""
        objects = S3Objects(
            "bucket",
            endpoint=endpoint,
            region=REGION,
            deadline=5.0,
            credentials=Credentials("some-key", SECRET),
            reactor=reactor,
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(objects.close()))
        try:
            await probe(objects)
        except StorageError as error:
            return error
        raise AssertionError("it passes")

    async def test_web_sites(self) -> None:
        """A web site is no storage, whatever it has at that place; one that fails is away."""
        page = b"<!DOCTYPE html><p>Welcome!"
        for status, kind, text in (
            (b"200 OK", Unreadable, "no ETag"),
            (b'200 OK\r\nETag: "1"', Unfit, "never put"),
            (b"404 Not Found", Unreadable, "404"),
            (b"400 Bad Request", Rejected, "400"),
            (b"405 Method Not Allowed", Rejected, "405"),
            (b"301 Moved\r\nLocation: /", Forbidden, "it is elsewhere, at /"),
            (b"403 Forbidden", Forbidden, "403"),
            (b"500 Internal Server Error", Unavailable, "500"),
            (b"502 Bad Gateway", Unavailable, "502"),
            (b"503 Service Unavailable", Unavailable, "503"),
        ):
            head = b"HTTP/1.1 %s\r\nContent-Type: text/html\r\n" % status
            reply = head + b"Content-Length: %d\r\n\r\n" % len(page) + page
            error = await self.outcome(f"http://127.0.0.1:{self.serve(reply=reply)}")
            self.assertIs(type(error), kind, error)
            self.assertIn(text, str(error))

    async def test_other_ports(self) -> None:
        """Nor is what speaks something else."""
        ssh = self.serve(greeting=b"SSH-2.0-OpenSSH_9.2\r\n")
        tls = self.serve(reply=b"\x15\x03\x01\x00\x02\x02\x16")
        for endpoint in (f"http://127.0.0.1:{ssh}", f"http://127.0.0.1:{tls}"):
            error = await self.outcome(endpoint)
            self.assertIs(type(error), Unreadable, error)
        http = self.serve(reply=b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        error = await self.outcome(f"https://127.0.0.1:{http}")
        self.assertIs(type(error), Unreadable, error)

    async def test_away(self) -> None:
        """Where nobody listens, or connections end, storage may be in a while."""
        with socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            error = await self.outcome(f"http://127.0.0.1:{port}")
        self.assertIs(type(error), Unavailable, error)
        self.assertIn("refused", str(error))
        error = await self.outcome(f"http://127.0.0.1:{self.serve()}")
        self.assertIs(type(error), Unavailable, error)


def signature_by_botocore(asked: Asked) -> str:
    """The signature that botocore gives to what arrived."""
    signed = asked.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    headers = {name: asked.headers[name] for name in signed.split(";")}
    url = f"https://{asked.headers['host']}{asked.target}"
    request = AWSRequest(asked.method, url, headers=headers)
    request.context["timestamp"] = asked.headers["x-amz-date"]
    auth = S3SigV4Auth(Credentials("some-key", SECRET), "s3", REGION)
    canonical = auth.canonical_request(request)
    signature: str = auth.signature(auth.string_to_sign(request, canonical), request)
    return signature
