"""
From an origin to a connection that is ready for requests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from twisted.web.client import URI

from .._protocol.proxy import Proxy
from ..errors import ConnectFailed, ConnectTimeout, InvalidOption, ResumableError
from .batch import WriteBatch
from .connection import HTTPConnection
from .hostname import NameEndpoint, tls_options
from .response import LIMIT
from .tls import TLSEndpoint, tls_error
from .tls_sessions import TLSSessions
from .tunnel import ProxyEndpoint, TunnelEndpoint

__all__ = ["Connector"]

_TICKETS = {"enableSessionTickets": True}
"""Twisted's option without which servers that keep no sessions of TLS 1.2 could resume none."""


class Connector:
    """
    Opens connections, and keeps track of them until they are lost.

    :ivar connections: those that are not lost, ready or not.
    """

    def __init__(
        self,
        reactor: Any,
        clock: Any,
        batch: WriteBatch,
        *,
        timeout: float,
        trust_root: Any = None,
        client_certificate: Any = None,
        proxy: Callable[[str], Proxy | None] | None = None,
        endpoint: Callable[[URI], IStreamClientEndpoint] | None = None,
        connected: Callable[[float], object] = bool,
        most: int = LIMIT,
    ) -> None:
        """
        :param reactor: connects.
        :param clock: an ``IReactorTime`` for the limit.
        :param batch: holds small requests of all connections.
        :param timeout: seconds for DNS, TCP and TLS together.
        :param trust_root: see :func:`twisted.internet.ssl.optionsForClientTLS`.
        :param client_certificate: likewise.
        :param proxy: gives the proxy for an origin, or :data:`None`.
        :param endpoint: makes an endpoint from a parsed URL, instead of the usual one.
        :param connected: notified of each new connection: how many seconds a round trip takes,
            as the kernel says; else how long it took to look up the name and to connect.
        :param most: how many bytes of a response's body are kept.
        :raises InvalidOption: if TLS cannot be set up with these.
        """
        self._reactor = reactor
        self._clock = clock
        self._batch = batch
        self._timeout = timeout
        self._tls = {"trustRoot": trust_root, "clientCertificate": client_certificate}
        _check_tls("trust_root", trust_root, trustRoot=trust_root)
        _check_tls("client_certificate", client_certificate, clientCertificate=client_certificate)
        self._proxy = proxy
        self.endpoint = endpoint or self._default_endpoint
        self._connected = connected
        self._most = most
        self.connections: set[HTTPConnection] = set()
        self._closed: list[Deferred[None]] = []

    def connect(self, endpoint: IStreamClientEndpoint, secure: bool) -> Deferred[HTTPConnection]:
        """
        Open a connection.

        :param endpoint: where to, from :meth:`endpoint`.
        :param secure: whether it leads to TLS.
        :returns: a Deferred that fires with a connection that is ready; it fails with
            :class:`~txresumable.errors.ConnectFailed` or
            :class:`~txresumable.errors.TLSRejected`.  Cancelling it aborts the connection.
        """
        attempt = _Attempt(self, endpoint, secure, self._clock.seconds())
        return attempt.start(self._clock, self._timeout)

    def proxy_for(self, uri: URI) -> Proxy | None:
        """The proxy by way of which requests go to a host, or :data:`None`."""
        if self._proxy is None:
            return None
        host = uri.host.decode("ascii")
        shown = f"[{host}]" if ":" in host else host
        return self._proxy(f"{uri.scheme.decode()}://{shown}:{uri.port}")

    def build(self, attempt: _Attempt, secure: bool) -> HTTPConnection:
        """Make the protocol of a new connection."""
        connection = HTTPConnection(
            seconds=self._clock.seconds,
            batch=self._batch,
            listener=attempt,
            secure=secure,
            most=self._most,
        )
        self.connections.add(connection)
        attempt.connected_after = self._clock.seconds() - attempt.began
        return connection

    def made(self, connection: HTTPConnection, seconds: float) -> None:
        """
        A connection leads to the server.

        :param seconds: how long it took to connect, without TLS.
        """
        told = connection.tcp_info()
        self._connected(seconds if told is None else told.round_trip)

    def forget(self, connection: HTTPConnection) -> None:
        """A connection is lost."""
        self.connections.discard(connection)
        if not self.connections:
            closed, self._closed = self._closed, []
            for waiter in closed:
                waiter.callback(None)

    def close(self) -> Deferred[None]:
        """
        Abort every connection.

        :returns: a Deferred that fires when all of them are lost.
        """
        for connection in list(self.connections):
            connection.abort()
        if not self.connections:
            return succeed(None)
        closed: Deferred[None] = Deferred()
        self._closed.append(closed)
        return closed

    def _default_endpoint(self, uri: URI) -> IStreamClientEndpoint:
        host, proxy = uri.host.decode("ascii"), self.proxy_for(uri)
        secure = uri.scheme == b"https"
        if proxy is None:
            plain = self._plain_endpoint(host, uri.port)
        else:
            plain = self._plain_endpoint(proxy.host, proxy.port)
            if not secure:
                return ProxyEndpoint(proxy, plain)
            plain = TunnelEndpoint(proxy, plain, host, uri.port)
        if not secure:
            return plain
        try:
            options = tls_options(host, **self._tls, extraCertificateOptions=dict(_TICKETS))
        except UnicodeError as error:
            raise InvalidOption("target", host, "is no name of a host") from error
        sessions = TLSSessions(options, self._clock.seconds)
        return TLSEndpoint(sessions, plain, self._reactor)

    def _plain_endpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        # Their timeout would depend on the wall clock; that of the attempt does not.
        no_limit: Any = None
        if isIPAddress(host):  # there is nothing to resolve, which would take a thread
            return TCP4ClientEndpoint(self._reactor, host, port, timeout=no_limit)
        if isIPv6Address(host):
            return TCP6ClientEndpoint(self._reactor, host, port, timeout=no_limit)
        return NameEndpoint(self._reactor, host, port, timeout=no_limit)


class _Attempt:
    """One attempt to open a connection, with one deadline for DNS, TCP and TLS."""

    _deadline: Any
    _connecting: Deferred[Any]
    _result: Deferred[HTTPConnection] | None

    def __init__(
        self, connector: Connector, endpoint: IStreamClientEndpoint, secure: bool, began: float
    ) -> None:
        self.began = began
        self.connected_after = 0.0
        self._connector = connector
        self._endpoint = endpoint
        self._secure = secure
        self._sessions = endpoint.sessions if isinstance(endpoint, TLSEndpoint) else None

    def start(self, clock: Any, timeout: float) -> Deferred[HTTPConnection]:
        result: Deferred[HTTPConnection] = Deferred(lambda _: self._give_up())
        self._result = result
        self._deadline = clock.callLater(timeout, self._time_out, timeout)
        self._connect()
        return result

    def _connect(self) -> None:
        factory = Factory.forProtocol(lambda: self._connector.build(self, self._secure))
        factory.noisy = False
        self._connecting = maybeDeferred(self._endpoint.connect, factory)
        self._connecting.addErrback(self._fail)

    def connection_made(self, connection: HTTPConnection) -> None:
        if self._result is not None:
            self._connector.made(connection, self.connected_after)

    def connection_ready(self, connection: HTTPConnection) -> None:
        # Twisted before 26 says so of one that it has just given up, of another host.
        if self._sessions is not None and not connection.transport.disconnecting:
            self._sessions.ready(connection.transport.getHandle())
        result = self._finish()
        if result is None:
            connection.abort()
            return
        # The transport has more to do once the protocol knows that it is connected.
        result.callback(connection)
        if not self._secure:
            self._connector.made(connection, self.connected_after)

    def connection_lost(self, connection: HTTPConnection, reason: Failure) -> None:
        self._connector.forget(connection)
        sessions = self._sessions
        had_one = sessions is not None and sessions.lost(connection.transport.getHandle())
        if had_one and not connection.transport.disconnecting:
            self._connect()  # without a session
        else:
            self._fail(reason)  # does nothing if it was ready before

    def _fail(self, failure: Failure) -> None:
        result = self._finish()
        if result is not None:
            result.errback(Failure(_connect_error(failure)))

    def _time_out(self, timeout: float) -> None:
        result = self._finish()
        self._give_up()
        if result is not None:
            result.errback(Failure(ConnectTimeout(f"no connection within {timeout:g} s")))

    def _finish(self) -> Deferred[HTTPConnection] | None:
        result, self._result = self._result, None
        if self._deadline.active():
            self._deadline.cancel()
        return result

    def _give_up(self) -> None:
        self._finish()
        # During the TLS handshake there is a protocol already, which a peer that sends nothing
        # would keep open for ever.
        self._connecting.addCallback(_abort)
        self._connecting.cancel()


def _check_tls(option: str, value: object, **given: object) -> None:
    """Refuse what no connection could be set up with."""
    if value is None:
        return
    try:
        tls_options("name.invalid", **given)
    except Exception as error:  # the value itself may be a private key
        reason = "must be what optionsForClientTLS() takes"
        raise InvalidOption(option, type(value), reason) from error


def _abort(connection: Any) -> None:
    if isinstance(connection, HTTPConnection):
        connection.abort()


def _connect_error(failure: Failure) -> Exception:
    error = failure.value
    rejected = tls_error(error)
    if rejected is not None:
        return rejected
    if isinstance(error, ResumableError):  # of a proxy
        return error
    failed = ConnectFailed(f"no connection: {str(error) or type(error).__name__}")
    failed.__cause__ = error
    return failed
