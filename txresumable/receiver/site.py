"""
A web server that passes request bodies on while they arrive.

Twisted's own requests collect the whole body, and parse forms in memory.  These give a resource
that wants it (:class:`~txresumable.receiver.IBodyTaker`) each piece of the body as it
comes from the network, and make the network wait when the disk has to be waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web import http
from twisted.web.resource import IResource
from twisted.web.server import Site

from .._protocol.dialect import Dialect, ParameterNames
from .._runtime.clock import steady
from .._runtime.reactor import Reactor
from .arguments import check_callable, check_number, check_whole
from .descriptors import most_connections
from .permission import Authorize, Owner, one_owner
from .resource import ReceiverResource
from .store import UploadStore
from .web.channel import ReceiverChannel
from .web.request import StreamedRequest
from .web.throttle import LogThrottle

__all__ = ["ReceiverSite", "make_site"]

OnResponse = Callable[[http.Request], object]


class ReceiverSite(Site):
    """
    A site whose resources may take bodies as they arrive.

    :param resource: its root.
    :param max_connections: the most connections that one address may have at a time; 0 for any
        number.  Behind a proxy all come from one.
    :param max_total_connections: the most that all addresses may have; by default as many as the
        process has descriptors for.  For one more, the oldest that is idle is aborted,
        and it is itself if none is.
    :param min_rate: the fewest bytes a second that a request may arrive with, once it has begun;
        slower ones are cut off.
    :param max_body: the most bytes of a body that a resource gets which takes none as it arrives;
        they are kept in memory, and what is longer is refused with 413.
    :param reactor: whose clock to use; the installed one by default.
    :param timeout: for how many seconds a connection may be idle; :data:`None` for ever.
    :param on_response: called with each :class:`twisted.web.server.Request` that has its response;
        what it raises is logged.
    :raises InvalidOption: if one of these is no such number, or cannot be called.
    :ivar clock: what connections wait by.
    :ivar connections: the connections that there are, with the addresses of their peers.
    :ivar is_draining: whether new requests are refused with 503, as the receiver stops.
    """

    protocol = ReceiverChannel  # type: ignore[assignment]
    _log = Logger()

    def __init__(
        self,
        resource: IResource,
        *,
        max_connections: int = 256,
        max_total_connections: int | None = None,
        min_rate: float = 256,
        max_body: int = 1024 * 1024,
        reactor: Reactor | None = None,
        timeout: float | None = 60,
        on_response: OnResponse | None = None,
    ) -> None:
        check_number("timeout", timeout, none=True)
        super().__init__(  # type: ignore[no-untyped-call]
            resource, requestFactory=StreamedRequest, reactor=reactor, timeout=timeout
        )
        self.clock = steady(self.reactor)
        self.min_rate = check_number("min_rate", min_rate)
        self.max_body = check_whole("max_body", max_body)
        self._too_many = LogThrottle(self.clock.seconds)
        self._max_connections = check_whole("max_connections", max_connections)
        if max_total_connections is None:
            max_total_connections = most_connections()
        self._max_total = check_whole("max_total_connections", max_total_connections)
        self._on_response = check_callable("on_response", on_response, none=True)
        self.connections: dict[ReceiverChannel, str] = {}
        self.is_draining = False
        self._drained: list[Deferred[None]] = []

    def acceptableProtocols(self) -> list[bytes]:
        """HTTP/1.1."""
        return [b"http/1.1"]

    def log(self, request: http.Request) -> None:
        """
        Called by Twisted for each request that has its response.

        Nothing is logged of itself: there are thousands, and their URLs are private.
        """
        if self._on_response is not None:
            try:
                self._on_response(request)
            except Exception:
                self._log.failure("on_response failed")

    def admit(self, channel: ReceiverChannel) -> bool:
        """Whether a new connection is accepted, given the others from its address."""
        host = str(getattr(channel.transport.getPeer(), "host", ""))
        limit = self._max_connections if host else 0
        if limit and list(self.connections.values()).count(host) >= limit:
            self._log.warn("too many connections from {host}", host=host)
            return False
        if len(self.connections) >= self._max_total and not self._drop_idle():
            if self._too_many.passes():
                self._log.warn(
                    "too many connections ({more} more were refused)",
                    more=self._too_many.held_back(),
                )
            return False
        self.connections[channel] = host
        return True

    def _drop_idle(self) -> bool:
        """Abort the connection that came first of those that wait for a request."""
        for channel in self.connections:
            if channel.is_idle:
                del self.connections[channel]
                channel.transport.abortConnection()
                return True
        return False

    def forget(self, channel: ReceiverChannel) -> None:
        """A connection has ended."""
        self.connections.pop(channel, None)
        self._check_drained()

    def drain(self) -> Deferred[None]:
        """
        Let requests end that are under way, and refuse new ones with 503 from now on; each
        connection is closed after its response, and at once if it is idle.

        :returns: a Deferred that fires when there is no connection left.
        """
        self.is_draining = True
        drained: Deferred[None] = Deferred()
        self._drained.append(drained)
        for channel in list(self.connections):
            channel.drain()
        self._check_drained()
        return drained

    def drop_connections(self) -> None:
        """Abort all connections."""
        for channel in list(self.connections):
            channel.transport.abortConnection()

    def _check_drained(self) -> None:
        if not self.connections:
            drained, self._drained = self._drained, []
            for each in drained:
                if not each.called:
                    each.callback(None)


def make_site(
    store: UploadStore,
    *,
    origins: str | Iterable[str] = (),
    hosts: str | Iterable[str] = (),
    owner: Owner = one_owner,
    authorize: Authorize | None = None,
    dialect: str | Dialect = "resumable",
    names: ParameterNames | None = None,
    namespace: str = "",
    parameters: str | Iterable[str] = (),
    page: bool = False,
    max_connections: int = 256,
    max_total_connections: int | None = None,
    min_rate: float = 256,
    reactor: Reactor | None = None,
    on_response: OnResponse | None = None,
) -> ReceiverSite:
    """
    A site that is a receiver and nothing else.

    :param store: where files go.
    :param origins: see :class:`ReceiverResource`, as for the next eight.
    :param max_connections: see :class:`ReceiverSite`, as for the next four.
    :raises InvalidOption: if one of these is something else.
    """
    resource = ReceiverResource(
        store,
        origins=origins,
        hosts=hosts,
        owner=owner,
        authorize=authorize,
        dialect=dialect,
        names=names,
        namespace=namespace,
        parameters=parameters,
        page=page,
    )
    return ReceiverSite(
        resource,
        max_connections=max_connections,
        max_total_connections=max_total_connections,
        min_rate=min_rate,
        reactor=reactor,
        on_response=on_response,
    )
