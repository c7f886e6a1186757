"""
An ``IAgent`` with persistent connections, for treq: sends requests, and watches over them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger
from twisted.web.client import URI
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer
from zope.interface import implementer

from .._protocol.proxy import Proxy
from .._runtime.ticker import Ticker
from .batch import WriteBatch
from .connection import HTTPConnection
from .connector import Connector
from .gauge import Gauge
from .head import request_head
from .origin import first_fields, parse_origin, split_url
from .pool import MAX_WAIT, ConnectionPool
from .prepared import SplitURL
from .response import LIMIT, Response, Taker
from .tunnel import let_through

__all__ = ["PersistentAgent"]

_log = Logger()


@define(eq=False)
class _Origin:
    """
    A scheme, host and port.

    :ivar form: what a request names before its path: nothing, or the origin for a proxy.
    :ivar fields: the lines that are in each request's head.
    :ivar forwards: the proxy that gets the requests, and not a tunnel.
    """

    form: bytes
    fields: bytes
    forwards: Proxy | None
    secure: bool
    endpoint: IStreamClientEndpoint
    pool: ConnectionPool


@implementer(IAgent)
class PersistentAgent:
    """
    Sends requests over persistent connections (RFC 9112, section 9.3), and watches over them.

    It follows no redirects, decodes no content, and retries nothing: a request over an idle
    connection that the server was closing fails with
    :class:`~txresumable.errors.StaleConnection`, and the next request opens a new connection.

    :ivar gauge: how fast its connections are.
    """

    def __init__(
        self,
        reactor: Any,
        clock: Any,
        *,
        connect_timeout: float,
        stall_timeout: float,
        max_idle: int,
        trust_root: Any = None,
        client_certificate: Any = None,
        proxy: Callable[[str], Proxy | None] | None = None,
        endpoint: Callable[[URI], IStreamClientEndpoint] | None = None,
        connected: Callable[[float], object] = bool,
        written: Callable[[], object] | None = None,
        most: int = LIMIT,
    ) -> None:
        """
        :param reactor: connects.
        :param clock: an ``IReactorTime`` for the limits.
        :param connect_timeout: seconds for DNS, TCP and TLS together.
        :param stall_timeout: seconds without a byte in either direction.
        :param max_idle: the most connections to keep idle for an origin.
        :param trust_root: see :func:`twisted.internet.ssl.optionsForClientTLS`.
        :param client_certificate: likewise.
        :param proxy: gives the proxy for an origin, or :data:`None`.
        :param endpoint: makes an endpoint from a parsed URL, instead of the usual one.
        :param connected: notified of each new connection: how many seconds a round trip takes.
        :param written: called when small requests were given to the kernel.
        :param most: how many bytes of a response's body are kept.
        """
        self._clock = clock
        self._stall_timeout = stall_timeout
        self._max_idle = max_idle
        self._active: set[HTTPConnection] = set()
        self._origins: dict[bytes, _Origin] = {}
        self._batch = WriteBatch(reactor, self._active, written)
        self._connector = Connector(
            reactor,
            clock,
            self._batch,
            timeout=connect_timeout,
            trust_root=trust_root,
            client_certificate=client_certificate,
            proxy=proxy,
            endpoint=endpoint,
            connected=connected,
            most=most,
        )
        self.gauge = Gauge(self._connector.connections)
        self._ticker = Ticker(clock, min(0.5, stall_timeout / 4), self._look)

    # IAgent ------------------------------------------------------------------------------------

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
        taker: Taker | None = None,
    ) -> Deferred[Any]:
        """
        Send a request.

        :param bodyProducer: an :class:`~txresumable._http.body.IRequestBody`.
        :param taker: may have the body of the response while it arrives.
        :returns: a Deferred that fires with a :class:`~txresumable._http.response.Response` that
            is whole, and fails with a :class:`~txresumable.errors.TransportError` or
            :class:`~txresumable.errors.TLSRejected`.  Cancelling it aborts the connection.
        """
        prefix, path = (uri.origin, uri.path) if type(uri) is SplitURL else split_url(uri)
        origin = self._origins.get(prefix) or self._add_origin(prefix)
        head = request_head(method, origin.form, path, origin.fields, headers, bodyProducer)
        bodiless = method == b"HEAD"
        connection = origin.pool.take()
        if connection is not None:
            return self._send(origin, connection, head, bodyProducer, bodiless, taker)
        connecting = self._connector.connect(origin.endpoint, origin.secure)
        connecting.addCallback(
            lambda fresh: self._send(origin, fresh, head, bodyProducer, bodiless, taker)
        )
        return connecting

    def _add_origin(self, prefix: bytes) -> _Origin:
        uri = parse_origin(prefix)
        secure = uri.scheme == b"https"
        proxy = None if secure else self._connector.proxy_for(uri)
        origin = _Origin(
            prefix if proxy else b"",
            first_fields(prefix) + (proxy.credentials if proxy else b""),
            proxy,
            secure,
            self._connector.endpoint(uri),
            ConnectionPool(self._clock.seconds, self._active, self._max_idle),
        )
        self._origins[prefix] = origin
        return origin

    def _send(
        self,
        origin: _Origin,
        connection: HTTPConnection,
        head: bytes,
        body: Any,
        bodiless: bool,
        taker: Taker | None,
    ) -> Deferred[Response]:
        self._active.add(connection)
        if not self._ticker.is_running:
            self._ticker.start()
        over = origin.pool.put_back
        sent = connection.send(head, body, bodiless=bodiless, over=over, taker=taker)
        if origin.forwards is not None:
            sent.addCallback(let_through, origin.forwards)
        return sent

    # Watching ----------------------------------------------------------------------------------

    def _look(self) -> bool:
        """:returns: whether there is anything left to watch."""
        self._batch.flush()  # the reactor may be late if the wall clock was set back
        for connection in list(self._active):
            try:
                connection.watch(self._stall_timeout)
            except Exception:
                _log.failure("A connection cannot be watched; it is aborted")
                connection.abort()
        connections = self._connector.connections
        wanted = any(each.waits_for_others(MAX_WAIT) for each in connections)
        idle = [origin.pool.close_expired(wanted) for origin in self._origins.values()]
        return bool(self._active) or any(idle)

    def proxy_for(self, url: str) -> Proxy | None:
        """
        The proxy by way of which a request goes.

        :param url: where the request goes, a valid one.
        """
        return self._connector.proxy_for(parse_origin(split_url(url.encode("ascii"))[0]))

    # Ending ------------------------------------------------------------------------------------

    def drop_idle(self, url: bytes) -> None:
        """
        Close the idle connections of an origin, so that its next request opens a new one.

        :param url: any URL of the origin.
        """
        origin = self._origins.get(split_url(url)[0])
        if origin is not None:
            origin.pool.close_all()

    def close(self) -> Deferred[None]:
        """
        Abort every connection, including those that are in use.

        :returns: a Deferred that fires when all are closed.
        """
        self._ticker.stop()
        self._batch.clear()
        return self._connector.close()
