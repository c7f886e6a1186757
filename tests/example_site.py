"""
The servers that the examples talk to: what ``example.com`` is in the documentation, on loopback.

Uploads go to the real receiver.  Where a recipe is about a server that wants something first (a
token, a cookie, a signature), a guard in front of the receiver wants it, and refuses otherwise.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from twisted.internet import ssl
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.web.resource import Resource
from twisted.web.server import Request

from tests.authority import Authority
from tests.ports import unused_port
from tests.proxies import ProxyFactory
from tests.socks import SocksFactory
from txresumable.receiver import ReceivedFile, ReceiverResource, ReceiverSite, Refused, Store

__all__ = ["ExampleSite"]

_SECRET = b"what signs URLs"


class ExampleSite:
    """
    All servers of the examples; the working directory has to be their folder, since the address
    of a Unix socket has to be short.

    :ivar received: what arrived, in order.
    :ivar socks: the SOCKS server.
    :ivar proxy: the HTTP proxy.
    :ivar of_token: the file of a dataset that each token was used for.
    """

    def __init__(self, reactor: Any, folder: Path) -> None:
        self.received: list[ReceivedFile] = []
        self.socks = SocksFactory(reactor)
        self.proxy = ProxyFactory(reactor)
        self.of_token: dict[str, str] = {}
        self._reactor = reactor
        self._folder = folder
        self._state = tempfile.mkdtemp()
        self._stores: list[Store] = []
        self._sites: list[ReceiverSite] = []
        self._ports: list[IListeningPort] = []
        self._tokens: list[str] = []
        self._listen()

    def _listen(self) -> None:
        reactor = self._reactor
        authority = Authority("localhost")
        (self._folder / "token.txt").write_text("Authorization: Bearer a-key\n")
        (self._folder / "ca.pem").write_bytes(authority.certificate)
        (self._folder / "client.pem").write_bytes(authority.issue("client"))
        plain = self._site(self._root())
        secure = self._site(self._upload("secure"))
        context = ssl.PrivateCertificate.loadPEM(authority.issue("localhost")).options(
            ssl.Certificate.loadPEM(authority.certificate)
        )
        ports = {
            "web": reactor.listenTCP(0, plain, interface="127.0.0.1"),
            "secure": reactor.listenSSL(0, secure, context, interface="127.0.0.1"),
            "socks": reactor.listenTCP(0, self.socks, interface="127.0.0.1"),
            "proxy": reactor.listenTCP(0, self.proxy, interface="127.0.0.1"),
            "unix": reactor.listenUNIX("uploads.sock", plain),
        }
        self._ports = list(ports.values())
        self.addresses = {
            "https://secure.example.com": f"https://localhost:{ports['secure'].getHost().port}",
            "https://example.com": f"http://127.0.0.1:{ports['web'].getHost().port}",
            "tor.example.com:9050": f"127.0.0.1:{ports['socks'].getHost().port}",
            "proxy.example.com:3128": f"127.0.0.1:{ports['proxy'].getHost().port}",
            "/run/uploads.sock": "uploads.sock",
            "8080": str(unused_port()),
            # The path of a socket in there has to be short.
            "/var/lib/txresumable": self._state,
            **{f"/srv/{name}": name for name in ("scans", "sent", "failed")},
            "/srv/records": str(self._folder / "records"),  # of a command, which is run in /
        }

    def localize(self, text: str) -> str:
        """Put loopback addresses where an example has those of example.com."""
        for ours, theirs in self.addresses.items():
            text = text.replace(ours, theirs)
        return text

    def stored(self, name: str) -> bytes:
        """The content of the last file that arrived under a name or a relative path."""
        for file in reversed(self.received):
            if name in (file.file_name, file.relative_path):
                return Path(file.path).read_bytes()
        raise AssertionError(f"{name} has not arrived, only {self.received}")

    def close(self) -> Deferred[Any]:
        """Stop everything; fires when all is stopped."""
        for site in self._sites:
            site.drop_connections()
        stopping = [maybeDeferred(port.stopListening) for port in self._ports]
        done = gatherResults(stopping, consumeErrors=True)
        done.addCallback(lambda _: gatherResults([store.close() for store in self._stores]))
        return done.addBoth(self._forget)

    def _forget(self, result: Any) -> Any:
        shutil.rmtree(self._state, ignore_errors=True)
        return result

    # The tree of the web server ----------------------------------------------------------------

    def _root(self) -> Resource:
        root = Resource()
        root.putChild(b"upload", self._upload("upload"))
        root.putChild(b"token", _Answer(self._new_token))
        root.putChild(b"with-token", self._upload("token", self._wants_token))
        root.putChild(b"with-key", self._upload("key", _wants_key))
        root.putChild(b"sign", _Answer(_sign))
        root.putChild(b"signed", self._upload("signed", _wants_signature))
        root.putChild(b"django", self._upload("django", _wants_csrf))
        root.putChild(b"django-page", _Answer(_csrf_cookie))
        root.putChild(b"session", self._upload("session", _wants_session))
        root.putChild(b"dash-0.6", self._upload("dash-0.6", _wants("upload_id")))
        root.putChild(b"dash-0.7", self._upload("dash-0.7", _no_tests, dialect="flow"))
        root.putChild(b"dash-ng", self._upload("dash-ng", _wants("upload_id"), dialect="flow"))
        root.putChild(b"datasets", self._upload("datasets", self._wants_dataset))
        root.putChild(b"finish", _Answer(lambda request: {"ok": True}))
        return root

    def _site(self, root: Resource) -> ReceiverSite:
        site = ReceiverSite(root, reactor=self._reactor)
        self._sites.append(site)
        return site

    def _upload(
        self, name: str, guard: Callable[[Request], None] = lambda request: None, **options: Any
    ) -> ReceiverResource:
        store = Store(
            self._folder / f"received-{name}",
            reactor=self._reactor,
            on_complete=lambda file: self.received.append(file),
        )
        self._stores.append(store)

        def owner(request: Request) -> str:
            guard(request)
            return ""

        return ReceiverResource(store, owner=owner, **options)

    # What a server may want --------------------------------------------------------------------

    def _new_token(self, request: Request) -> object:
        self._tokens.append(f"token-{len(self._tokens)}")
        return {"access_token": self._tokens[-1], "expires_in": 3600}

    def _wants_token(self, request: Request) -> None:
        given = (_header(request, "authorization") or "").removeprefix("Bearer ")
        if given not in self._tokens:
            raise Refused(401, "no token, or an old one")

    def _wants_dataset(self, request: Request) -> None:
        """A token is good for one file."""
        _wants("token", "name")(request)
        query = dict(parse_qsl(request.uri.partition(b"?")[2].decode()))
        token, identifier = query["token"], query["resumableIdentifier"]
        if token not in self._tokens or self.of_token.setdefault(token, identifier) != identifier:
            raise Refused(403, "an old token")


class _Answer(Resource):
    """A small JSON service."""

    isLeaf = True

    def __init__(self, answer: Callable[[Request], object]) -> None:
        super().__init__()
        self._answer = answer

    def render(self, request: Request) -> bytes:
        request.setHeader(b"content-type", b"application/json")
        # treq keeps connections for minutes, in a pool that cannot be emptied from outside.
        request.setHeader(b"connection", b"close")
        return json.dumps(self._answer(request)).encode()


def _signature(query: bytes) -> str:
    return hmac.new(_SECRET, query, hashlib.sha256).hexdigest()


def _sign(request: Request) -> object:
    """Signs a query that is posted as JSON."""
    assert request.content is not None
    query = json.loads(request.content.read())["query"]
    return {"signature": _signature(query.encode())}


def _wants_signature(request: Request) -> None:
    query = request.uri.partition(b"?")[2]
    signed, _, signature = query.rpartition(b"&signature=")
    if signature.decode() != _signature(signed):
        raise Refused(403, "the signature is wrong")


def _wants_key(request: Request) -> None:
    if _header(request, "authorization") != "Bearer a-key":
        raise Refused(401, "no key")


def _csrf_cookie(request: Request) -> object:
    request.addCookie(b"csrftoken", b"a-csrf-token", path=b"/")
    return {}


def _wants_csrf(request: Request) -> None:
    if request.method == b"POST" and not (
        request.getCookie(b"csrftoken") == b"a-csrf-token"
        and _header(request, "x-csrftoken") == "a-csrf-token"
    ):
        raise Refused(403, "CSRF verification failed")


def _wants_session(request: Request) -> None:
    """The first answer sets a cookie, and from then on it has to come back."""
    if request.method == b"GET":
        request.addCookie(b"session", b"the-session", path=b"/")
    elif request.getCookie(b"session") != b"the-session":
        raise Refused(403, "no session")


def _no_tests(request: Request) -> None:
    if request.method == b"GET":
        raise Refused(500, "no test is understood")


def _wants(*names: str) -> Callable[[Request], None]:
    """A guard that wants parameters in a URL that has any: an upload of flow.js has none."""

    def guard(request: Request) -> None:
        query = request.uri.partition(b"?")[2].decode()
        if request.method == b"GET" or query:
            for name in names:
                if f"{name}=" not in query:
                    raise Refused(403, f"no {name}")

    return guard


def _header(request: Request, name: str) -> str | None:
    value = request.getHeader(name)
    return value.decode() if isinstance(value, bytes) else value
