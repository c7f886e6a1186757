"""
An ``IAgent`` with persistent connections, for treq.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer
from zope.interface import implementer

from .._runtime.ticker import Ticker
from ..errors import StaleConnection
from .batch import WriteBatch
from .connection import HTTPConnection
from .connector import Connector
from .head import request_head
from .origin import host_field, parse_origin, split_url
from .prepared import OriginURL
from .response import Response
from .state import IDLE

__all__ = ["MAX_IDLE_TIME", "PersistentAgent"]

MAX_IDLE_TIME = 4.0
"""
Seconds that a connection is kept without use.  Node.js (``server.keepAliveTimeout``) and Apache
httpd (``KeepAliveTimeout``) close after 5 by default, the shortest limits in wide use: a request
must not cross that.  With a server whose limit is shorter, the request is sent once more over a new
connection (:class:`~txresumable.errors.StaleConnection`).
"""

_log = Logger()


@define(eq=False)
class _Origin:
    """A scheme, host and port, and its idle connections."""

    host: bytes
    secure: bool
    endpoint: IStreamClientEndpoint
    idle: list[HTTPConnection] = field(factory=list)


@implementer(IAgent)
class PersistentAgent:
    """
    Sends requests over persistent connections (RFC 9112, section 9.3), and watches over them.

    It follows no redirects, decodes no content, and retries nothing: a request over an idle
    connection that the server was closing fails with
    :class:`~txresumable.errors.StaleConnection`, and the next request opens a new connection.
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
        :param endpoint: makes an endpoint from a parsed URL, instead of the usual one.
        """
        self._clock = clock
        self._stall_timeout = stall_timeout
        self._max_idle = max_idle
        self._active: set[HTTPConnection] = set()
        self._origins: dict[bytes, _Origin] = {}
        self._batch = WriteBatch(reactor, self._active)
        self._connector = Connector(
            reactor,
            clock,
            self._batch,
            timeout=connect_timeout,
            trust_root=trust_root,
            client_certificate=client_certificate,
            endpoint=endpoint,
        )
        self._ticker = Ticker(clock, min(0.5, stall_timeout / 4), self._look)

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

        :param bodyProducer: an :class:`~txresumable._http.body.IRequestBody`.
        :returns: a Deferred that fires with a :class:`~txresumable._http.response.Response` that
            is whole, and fails with a :class:`~txresumable.errors.TransportError` or
            :class:`~txresumable.errors.TLSRejected`.  Cancelling it aborts the connection.
        """
        prefix, path = (bytes(uri), uri.path) if type(uri) is OriginURL else split_url(uri)
        origin = self._origins.get(prefix) or self._add_origin(prefix)
        head = request_head(method, path, origin.host, headers, bodyProducer)
        bodiless = method == b"HEAD"
        while origin.idle:
            connection = origin.idle.pop()
            if self._clock.seconds() - connection.idle_since >= MAX_IDLE_TIME:
                connection.abort()  # the ticker is late
            elif connection.state is IDLE:
                if connection.is_quiet():
                    return self._send(origin, connection, head, bodyProducer, bodiless)
                connection.abort()  # it is closed, or there is data that belongs to no request
        connecting = self._connector.connect(origin.endpoint, origin.secure)
        connecting.addCallback(
            lambda fresh: self._send(origin, fresh, head, bodyProducer, bodiless)
        )
        return connecting

    def _add_origin(self, prefix: bytes) -> _Origin:
        uri = parse_origin(prefix)
        origin = _Origin(host_field(prefix), uri.scheme == b"https", self._connector.endpoint(uri))
        self._origins[prefix] = origin
        return origin

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
            if connection.state is IDLE:
                if len(origin.idle) < self._max_idle:
                    origin.idle.append(connection)
                else:
                    connection.abort()
            elif isinstance(result, Failure) and result.check(StaleConnection):
                self._drop_idle(origin)  # the others are as old
            return result

        return sent.addBoth(over)

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
        now = self._clock.seconds()
        for origin in self._origins.values():
            for connection in origin.idle:
                if now - connection.idle_since >= MAX_IDLE_TIME - 1:
                    connection.abort()
            origin.idle = [kept for kept in origin.idle if kept.state is IDLE]
        return bool(self._active) or any(origin.idle for origin in self._origins.values())

    # Ending ------------------------------------------------------------------------------------

    def drop_idle(self, url: bytes) -> None:
        """
        Close the idle connections of an origin, so that its next request opens a new one.

        :param url: any URL of the origin.
        """
        origin = self._origins.get(split_url(url)[0])
        if origin is not None:
            self._drop_idle(origin)

    def _drop_idle(self, origin: _Origin) -> None:
        idle, origin.idle = origin.idle, []
        for connection in idle:
            connection.abort()

    def close(self) -> Deferred[None]:
        """
        Abort every connection, including those that are in use.

        :returns: a Deferred that fires when all are closed.
        """
        self._ticker.stop()
        self._batch.clear()
        return self._connector.close()
