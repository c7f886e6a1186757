"""
Connecting by way of a proxy: to the proxy itself, and through it (RFC 9110, section 9.3.6).
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from .._protocol.proxy import Proxy
from ..errors import ConnectFailed, MalformedResponse, ProxyRefused
from ..version import __version__
from .response import Response, ResponseParser

__all__ = ["ProxyEndpoint", "TunnelEndpoint", "let_through"]

_PASSING = frozenset((408, 425, 429))
"""Statuses below 500 that a later try may change; from 500 on, most may be about the host."""

_NO_PROXY = (501, 505)
"""What says a server that knows no CONNECT."""

_OWN = re.compile("(squid|tinyproxy)([/ ]|$)", re.IGNORECASE)
"""What these call themselves where a response is their own; one of a server has the server's."""


def let_through(response: Response, proxy: Proxy) -> Response:
    """
    A response to what a proxy has forwarded, if it is the server's.

    :raises ProxyRefused: if the proxy wants a password.
    :raises ConnectFailed: if the proxy could not reach the server, as far as it can be told: to
        that, Tinyproxy responds with 500, which would be permanent.
    """
    if response.code == 407:
        raise _credentials_refused(proxy, response)
    if response.code >= 500 and _OWN.match(response.header("Server") or ""):
        shown = f"{response.code} {response.phrase.decode('latin-1')[:80]}"
        raise ConnectFailed(f"the proxy {proxy} responds with {shown}")
    return response


def _credentials_refused(proxy: Proxy, response: Response) -> ProxyRefused:
    """What a 407 of a proxy means (RFC 9110, section 15.5.8)."""
    offers = response.headers.getRawHeaders(b"proxy-authenticate") or []
    schemes = [offer.decode("latin-1").partition(" ")[0][:40] for offer in offers]
    if schemes and "basic" not in ", ".join(schemes).lower():
        what = f"requires {', '.join(schemes)}, and only Basic is supported"
    elif proxy.credentials:
        what = "does not accept this user and password"
    else:
        what = "requires a user and a password"
    return ProxyRefused(f"the proxy {proxy} {what} ({response.code})")


@implementer(IStreamClientEndpoint)
class ProxyEndpoint:
    """
    Another endpoint, which leads to a proxy: its failures say so.

    :param proxy: the proxy.
    :param plain: the other endpoint.
    """

    def __init__(self, proxy: Proxy, plain: IStreamClientEndpoint) -> None:
        self._proxy = proxy
        self._plain = plain

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """:returns: a Deferred as that of the other endpoint, which fails with ConnectFailed."""
        connecting: Deferred[IProtocol] = self._plain.connect(protocolFactory)
        return connecting.addErrback(self._failed)

    def _failed(self, failure: Failure) -> Failure:
        error = failure.value
        why = str(error) or type(error).__name__
        failed = ConnectFailed(f"no connection to the proxy {self._proxy}: {why}")
        failed.__cause__ = error
        return Failure(failed)


@implementer(IStreamClientEndpoint)
class TunnelEndpoint:
    """
    Connects to a host through a proxy, which only sees who is called.

    :param proxy: the proxy.
    :param plain: leads to it.
    :param host: where to, as the proxy resolves it.
    :param port: its port.
    """

    def __init__(self, proxy: Proxy, plain: IStreamClientEndpoint, host: str, port: int) -> None:
        self._proxy = proxy
        self._endpoint = ProxyEndpoint(proxy, plain)
        self._request = proxy.connect(host, port, f"txresumable/{__version__}")

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        :returns: a Deferred that fires with the protocol when the proxy has connected it.  It fails
            with :class:`~txresumable.errors.ProxyRefused` if the proxy does not want to, and with
            :class:`~txresumable.errors.ConnectFailed` if it cannot.  Cancelling it closes the
            connection.
        """
        through: Deferred[IProtocol] = Deferred(lambda _: tunnel.abort())
        tunnel = _Tunnel(self._proxy, self._request, protocolFactory, through)
        factory = Factory.forProtocol(lambda: tunnel)
        factory.noisy = False
        tunnel.connecting = self._endpoint.connect(factory)
        tunnel.connecting.addErrback(tunnel.fail)
        return through


class _Tunnel(Protocol):
    """
    A connection to a proxy: a request and its response, then the bytes of another protocol.
    """

    transport: Any
    connecting: Deferred[Any]

    def __init__(
        self,
        proxy: Proxy,
        request: bytes,
        factory: IProtocolFactory,
        through: Deferred[IProtocol],
    ) -> None:
        self._proxy = proxy
        self._request = request
        self._factory = factory
        self._through: Deferred[IProtocol] | None = through
        self._parser = ResponseParser()
        self._parser.begin(bodiless=True)  # what its head says of a body does not count
        self._inner: Any = None

    def connectionMade(self) -> None:
        if self._through is None:  # too late
            self.transport.abortConnection()
        else:
            self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.dataReceived(data)
        elif self._through is not None:
            try:
                self._parser.feed(data)
                if self._parser.over:
                    assert self._parser.response is not None
                    self._responded(self._parser.response)
            except Exception as error:
                self.fail(Failure(error))
                self.transport.abortConnection()

    def _responded(self, response: Response) -> None:
        code, phrase = response.code, response.phrase.decode("latin-1")[:80]
        if code in (401, 407):  # Tinyproxy says 401 to a wrong password
            raise _credentials_refused(self._proxy, response)
        if not 200 <= code < 300:
            is_final = code in _NO_PROXY or (code < 500 and code not in _PASSING)
            kind = ProxyRefused if is_final else ConnectFailed
            raise kind(f"the proxy {self._proxy} responds to CONNECT with {code} {phrase}".rstrip())
        if self._parser.buffer:
            raise MalformedResponse("there is more behind it, before the server was sent anything")
        self._inner = self._factory.buildProtocol(self.transport.getPeer())
        self._inner.makeConnection(self.transport)
        through, self._through = self._through, None
        if through is not None:
            through.callback(self._inner)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        if self._inner is not None:
            self._inner.connectionLost(reason)
        else:
            words = f"the proxy {self._proxy} closed the connection without a response to CONNECT"
            self.fail(Failure(ConnectFailed(words)))

    def fail(self, failure: Failure) -> None:
        """There is no way through; the first reason counts."""
        through, self._through = self._through, None
        if through is None:
            return
        if failure.check(MalformedResponse):
            words = f"the response of the proxy {self._proxy} to CONNECT is not valid: "
            failure = Failure(ConnectFailed(f"{words}{failure.value}"))
        through.errback(failure)

    def abort(self) -> None:
        """Nobody waits for it any more."""
        self._through = None
        self.connecting.cancel()
        if self._inner is None and self.transport is not None:
            self.transport.abortConnection()
