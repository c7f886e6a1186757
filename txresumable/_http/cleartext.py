"""
Credentials that would cross a network in the clear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from twisted.logger import Logger
from twisted.web.client import ProxyAgent

from .._protocol.proxy import Proxy
from .._protocol.url import without_query
from .._runtime.private import wrapped_agent
from ..errors import InsecureCredentials

__all__ = ["CredentialsGuard", "is_loopback", "strips_tls"]

_CARRIERS = frozenset(("authorization", "cookie", "proxy-authorization"))
_LAYERS = 8
"""At most this many nested agents are searched: they might contain each other."""
_log = Logger()


def is_loopback(host: str) -> bool:
    """
    Whether a host is this machine.

    :param host: a name or an address.
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def strips_tls(client: Any) -> bool:
    """
    Whether a client is known to send requests for ``https://`` in the clear.

    Twisted's ``ProxyAgent`` sends them to its proxy as they are: without TLS, and without an error.

    :param client: treq's ``HTTPClient`` or any other, with the agents that it wraps.
    """
    for _ in range(_LAYERS):
        if client is None or isinstance(client, ProxyAgent):
            break
        client = wrapped_agent(client)
    return isinstance(client, ProxyAgent)


class CredentialsGuard:
    """
    Warns once, or refuses, when credentials would go over plain HTTP to another machine.

    :param mode: ``warn``, ``refuse`` or ``allow``.
    :param cookies: whether a cookie jar is in use.
    :param proxy: gives the proxy for a URL, or :data:`None`.
    """

    def __init__(
        self, mode: str, cookies: bool, proxy: Callable[[str], Proxy | None] = lambda _: None
    ) -> None:
        self._mode = mode
        self._cookies = cookies
        self._proxy = proxy
        self._settled: set[str] = set()

    def check(self, url: str, headers: Mapping[str, str]) -> None:
        """
        :param url: where the request goes.
        :param headers: the user's headers.
        :raises InsecureCredentials: if the mode is ``refuse``.
        """
        if not self._cookies and not (
            headers and any(name.lower() in _CARRIERS for name in headers)
        ):
            return
        if url[:5].lower() != "http:" or self._mode == "allow":
            return
        origin = without_query(url)
        origin = origin[: origin.find("/", 7)] if "/" in origin[7:] else origin
        if origin in self._settled:
            return
        proxy = self._proxy(origin)
        hosts = [urlsplit(origin).hostname or "", *([] if proxy is None else [proxy.host])]
        if not all(map(is_loopback, hosts)):
            if self._mode == "refuse":
                raise InsecureCredentials(
                    f"credentials would go to {origin} unencrypted (insecure_credentials)"
                )
            _log.warn(
                "Credentials go to {origin} unencrypted; use https://, or "
                "insecure_credentials='refuse' to rule this out",
                origin=origin,
            )
        self._settled.add(origin)
