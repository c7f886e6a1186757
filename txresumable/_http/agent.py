"""
Connections kept for the origins that an uploader talks to, as an ``IAgent`` under treq.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer
from zope.interface import implementer

from .._runtime.clock import Ticker
from ..errors import (
    ConnectFailed,
    ConnectTimeout,
    InvalidOption,
    StaleConnection,
)
from .connection import HTTPConnection
from .hostname import NameEndpoint, tls_options
from .response import Response
from .tls import TLSEndpoint, tls_error

__all__ = ["PersistentAgent", "ReadyHeaders", "RequestURL", "request_url"]

IDLE = 4.0
"""Seconds that a connection is kept without use: less than any server's limit that we know."""
_ORIGIN = re.compile(
    rb"(?i:https?)://(\[[0-9a-f:.]+\]|[^\0- :/?#@\[\]\x7f-\xff]+)(:[0-9]{1,5})?\Z", re.I
)

_log = Logger()


class ReadyHeaders(Headers):
    """
    Request headers that are already written, for requests that differ in nothing but their body.

    What an HTTP client would add by itself (``Accept-Encoding``, ``Cookie``) they refuse.
    """

    def __init__(self, lines: bytes) -> None:
        super().__init__()
        self.lines = lines

    def copy(self) -> ReadyHeaders:
        return self

    def hasHeader(self, name: str | bytes) -> bool:
        return True

    def addRawHeader(self, name: Any, value: Any) -> None:
        pass


class RequestURL(bytes):
    """
    The URL of a request for who wraps an agent: its origin, which is soon parsed.

    :ivar path: what is to be asked for there, path and query.
    """

    path = b"/"


@define(eq=False)
class _Origin:
    """A scheme, host and port, and the connections kept for it."""

    host: bytes
    secure: bool
    endpoint: IStreamClientEndpoint
    idle: list[HTTPConnection] = field(factory=list)


@implementer(IAgent)
class PersistentAgent:
    """
    Sends requests over kept connections and watches over them.

    It follows no redirect, decodes nothing, and retries nothing; a kept connection that was
    closed as a request began fails with :class:`~txresumable.errors.StaleConnection`, and the
    next request opens a new one.
    """

    def __init__(
        self,
        reactor: Any,
        clock: Any,
        *,
        connect_timeout: float = 30.0,
        stall_timeout: float = 60.0,
        max_idle: int = 3,
        trust_root: Any = None,
        client_certificate: Any = None,
        endpoint: Callable[[URI], IStreamClientEndpoint] | None = None,
    ) -> None:
        """
        :param reactor: connects.
        :param clock: an ``IReactorTime`` for the limits.
        :param connect_timeout: seconds for DNS, TCP and TLS together.
        :param stall_timeout: seconds without a byte in either direction.
        :param max_idle: the most connections to keep idle for an origin.
        :param trust_root: see :func:`twisted.internet.ssl.optionsForClientTLS`.
        :param client_certificate: likewise.
        :param endpoint: what to connect to instead, from a parsed URL.
        """
        self._reactor = reactor
        self._clock = clock
        self.connect_timeout = connect_timeout
        self.stall_timeout = stall_timeout
        self.max_idle = max_idle
        self._trust_root = trust_root
        self._client_certificate = client_certificate
        self._endpoint = endpoint or self._default_endpoint
        self._origins: dict[bytes, _Origin] = {}
        self._open: set[HTTPConnection] = set()
        self._active: set[HTTPConnection] = set()
        self._emptied: list[Deferred[None]] = []
        self._ticker = Ticker(clock, min(0.5, stall_timeout / 4), self._look)
        self._gathered: list[HTTPConnection] = []
        self._releasing: Any = None

    # IAgent ------------------------------------------------------------------------------------

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[Any]:
        """
        Send a request.

        :returns: a Deferred that fires with a :class:`~txresumable._http.response.Response` that
            is whole, and fails with a :class:`~txresumable.errors.TransportError` or
            :class:`~txresumable.errors.TLSRejected`.  Cancelling it aborts the connection.
        """
        prefix, path = (bytes(uri), uri.path) if type(uri) is RequestURL else _split(uri)
        origin = self._origins.get(prefix) or self._origin(prefix)
        head = _head(
            method, path if path[:1] == b"/" else b"/" + path, origin.host, headers, bodyProducer
        )
        bodiless = method == b"HEAD"
        while origin.idle:
            connection = origin.idle.pop()
            if self._clock.seconds() - connection.idle_since >= IDLE:
                connection.abort()  # nobody looked for a while
            elif connection.usable:
                if connection.is_quiet:
                    return self._send(origin, connection, head, bodyProducer, bodiless)
                connection.abort()  # closed, or it has sent what nobody asked for
        connecting = self._connect(origin)
        connecting.addCallback(
            lambda fresh: self._send(origin, fresh, head, bodyProducer, bodiless)
        )
        return connecting

    def _send(
        self,
        origin: _Origin,
        connection: HTTPConnection,
        head: bytes,
        body: Any,
        bodiless: bool,
    ) -> Deferred[Response]:
        self._active.add(connection)
        self._ticker.start()
        sent = connection.send(head, body, bodiless=bodiless)

        def over(result: Any) -> Any:
            self._active.discard(connection)
            if connection.usable:
                if len(origin.idle) < self.max_idle:
                    origin.idle.append(connection)
                else:
                    connection.abort()
            elif isinstance(result, Failure) and result.check(StaleConnection):
                self._drop_idle(origin)  # its siblings were opened and closed with it
            return result

        return sent.addBoth(over)

    def _gather(self, connection: HTTPConnection) -> bool:
        """
        Small requests that begin in one turn of the reactor go out together at its end: a peer
        that sleeps is woken once for all of them.

        :returns: whether a request is to wait for that.
        """
        if len(self._active) < 2:
            return False
        if self._releasing is None:
            self._releasing = self._reactor.callLater(0, self._release)
        self._gathered.append(connection)
        return True

    def _release(self) -> None:
        releasing, self._releasing = self._releasing, None
        if releasing is not None and releasing.active():  # it is late
            releasing.cancel()
        gathered, self._gathered = self._gathered, []
        for connection in gathered:
            self._see_to(connection, connection.release)

    # Connecting --------------------------------------------------------------------------------

    def _origin(self, prefix: bytes) -> _Origin:
        if not _ORIGIN.match(prefix):
            shown = prefix.rpartition(b"@")[2].decode("latin-1")
            raise InvalidOption("target", shown, "must give http:// or https:// and a host")
        uri = URI.fromBytes(prefix + b"/")
        origin = _Origin(_host_field(prefix), uri.scheme == b"https", self._endpoint(uri))
        self._origins[prefix] = origin
        return origin

    def _default_endpoint(self, uri: URI) -> IStreamClientEndpoint:
        host = uri.host.decode("ascii")
        plain = self._plain_endpoint(host, uri.port)
        if uri.scheme != b"https":
            return plain
        try:
            options = tls_options(
                host, trustRoot=self._trust_root, clientCertificate=self._client_certificate
            )
        except UnicodeError as error:
            raise InvalidOption("target", host, "is no name of a host") from error
        except (AttributeError, TypeError, ValueError) as error:
            option = "trust_root" if self._client_certificate is None else "client_certificate"
            raise InvalidOption(
                option, error, "must be what optionsForClientTLS() takes"
            ) from error
        return TLSEndpoint(options, plain, self._reactor)

    def _plain_endpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        # Its limit would go by the wall clock; ours, over everything, does not.
        no_limit: Any = None
        if isIPAddress(host):  # nothing to look up, which would take a thread and a millisecond
            return TCP4ClientEndpoint(self._reactor, host, port, timeout=no_limit)
        if isIPv6Address(host):
            return TCP6ClientEndpoint(self._reactor, host, port, timeout=no_limit)
        return NameEndpoint(self._reactor, host, port, timeout=no_limit)

    def _connect(self, origin: _Origin) -> Deferred[HTTPConnection]:
        """One deadline over DNS, TCP and TLS; what comes after it is closed."""
        return _Attempt(self, origin).start()

    # Watching ----------------------------------------------------------------------------------

    def _look(self) -> bool:
        """:returns: whether there is anything left to watch over."""
        self._release()  # the reactor's turn may have been put off with the wall clock
        for connection in list(self._active):
            self._see_to(connection, connection.watch, self.stall_timeout)
        now = self._clock.seconds()
        for origin in self._origins.values():
            for connection in origin.idle:
                if now - connection.idle_since >= IDLE - 1:
                    connection.abort()
            origin.idle = [kept for kept in origin.idle if kept.usable]
        return bool(self._active) or any(origin.idle for origin in self._origins.values())

    @staticmethod
    def _see_to(connection: HTTPConnection, act: Callable[..., object], *args: Any) -> None:
        """Do something with one of several connections; what it raises ends that one alone."""
        try:
            act(*args)
        except Exception:
            _log.failure("A connection is ended that cannot be seen to")
            connection.abort()

    # Ending ------------------------------------------------------------------------------------

    def drop_idle(self, url: bytes) -> None:
        """
        Let the next request for an origin open a new connection.

        :param url: any URL of the origin.
        """
        origin = self._origins.get(_split(url)[0])
        if origin is not None:
            self._drop_idle(origin)

    def _drop_idle(self, origin: _Origin) -> None:
        idle, origin.idle = origin.idle, []
        for connection in idle:
            connection.abort()

    def _opened(self, connection: HTTPConnection) -> None:
        self._open.add(connection)

    def _lost(self, connection: HTTPConnection) -> None:
        self._open.discard(connection)
        if not self._open:
            emptied, self._emptied = self._emptied, []
            for waiter in emptied:
                waiter.callback(None)

    def close(self) -> Deferred[None]:
        """
        Close every connection, used ones too.

        :returns: a Deferred that fires when all are closed.
        """
        self._ticker.stop()
        if self._releasing is not None:
            self._releasing.cancel()
            self._releasing, self._gathered = None, []
        for origin in self._origins.values():
            origin.idle = []
        for connection in list(self._open):
            connection.abort()
        closed: Deferred[None] = Deferred()
        if self._open:
            self._emptied.append(closed)
        else:
            closed.callback(None)
        return closed


class _Attempt:
    """To get one connection that is ready for requests."""

    def __init__(self, agent: PersistentAgent, origin: _Origin) -> None:
        self._agent = agent
        self._origin = origin
        self._deadline: Any = None
        self._connecting: Deferred[Any] | None = None
        self.result: Deferred[HTTPConnection] | None = None

    def start(self) -> Deferred[HTTPConnection]:
        agent = self._agent
        result: Deferred[HTTPConnection] = Deferred(lambda _: self._give_up())
        self.result = result
        self._deadline = agent._clock.callLater(agent.connect_timeout, self._late)
        factory = Factory.forProtocol(self._build)
        factory.noisy = False
        self._connecting = maybeDeferred(self._origin.endpoint.connect, factory)
        self._connecting.addErrback(self._unconnected)
        return result

    def _build(self) -> HTTPConnection:
        connection = HTTPConnection(
            seconds=self._agent._clock.seconds,
            secure=self._origin.secure,
            ready=self._ready,
            gone=self._gone,
            gather=self._agent._gather,
        )
        self._agent._opened(connection)
        return connection

    def _ready(self, connection: HTTPConnection) -> None:
        result = self._finish()
        if result is None:
            connection.abort()
            return
        # The transport has more to do once the protocol knows that it is connected.
        result.callback(connection)

    def _gone(self, connection: HTTPConnection, reason: Failure) -> None:
        self._agent._lost(connection)
        self._unconnected(reason)  # if it never was ready

    def _unconnected(self, failure: Failure) -> None:
        result = self._finish()
        if result is not None:
            result.errback(Failure(_connect_error(failure)))

    def _late(self) -> None:
        result = self._finish()
        self._give_up()
        if result is not None:
            limit = f"no connection within {self._agent.connect_timeout:g} s"
            result.errback(Failure(ConnectTimeout(limit)))

    def _finish(self) -> Deferred[HTTPConnection] | None:
        result, self.result = self.result, None
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        return result

    def _give_up(self) -> None:
        self._finish()
        if self._connecting is not None:
            # Connected but not yet agreed on TLS, it has a protocol: aborted as it gets ready
            # would be too late for a peer that is mute.
            self._connecting.addCallback(_abort)
            self._connecting.cancel()


def _split(uri: bytes) -> tuple[bytes, bytes]:
    """The origin of a URL, and the rest."""
    slash = uri.find(b"/", 8)
    question = uri.find(b"?", 8)
    cut = slash if slash >= 0 else len(uri)
    if 0 <= question < cut:
        cut = question
    return uri[:cut], uri[cut:]


def request_url(uri: bytes) -> RequestURL:
    """
    Split a URL.

    :param uri: encoded.
    """
    prefix, path = _split(uri)
    url = RequestURL(prefix)
    url.path = path
    return url


def _host_field(origin: bytes) -> bytes:
    """The Host of an origin, without a port that its scheme implies."""
    parts = urlsplit(origin)
    implied = {b"http": b":80", b"https": b":443"}[parts.scheme]
    return parts.netloc.removesuffix(implied)


def _abort(connection: Any) -> None:
    if isinstance(connection, HTTPConnection):
        connection.abort()


def _connect_error(failure: Failure) -> Exception:
    return tls_error(failure.value) or ConnectFailed(
        f"no connection: {failure.value or type(failure.value).__name__}"
    )


def _head(
    method: bytes,
    path: bytes,
    host: bytes,
    headers: Headers | None,
    body: IBodyProducer | None,
) -> bytes:
    if type(headers) is ReadyHeaders:
        lines = headers.lines
    else:
        lines = b"".join(
            b"%b: %b\r\n" % (name, value)
            for name, values in (headers or Headers()).getAllRawHeaders()
            if name.lower() != b"accept-encoding"
            for value in values
        )
    if body is not None:
        lines += b"Content-Length: %d\r\n" % body.length
    elif method in (b"POST", b"PUT", b"PATCH"):
        lines += b"Content-Length: 0\r\n"
    return b"%b %b HTTP/1.1\r\nHost: %b\r\nAccept-Encoding: identity\r\n%b\r\n" % (
        method,
        path,
        host,
        lines,
    )
