"""
What sends the requests of an uploader.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from attrs import fields

from .._http.agent import PersistentAgent
from .._http.client import RequestClient
from .._protocol.proxy import Proxy
from .._validators import check_headers, to_proxy
from ..errors import InvalidOption, ResumableError
from ..options import Options

__all__ = ["make_client"]

_OF_OUR_OWN = frozenset(
    ("trust_root", "client_certificate", "connect_timeout", "proxy", "with_credentials")
)
"""The options that a client of the application's would not know of."""


def make_client(
    reactor: Any,
    clock: Any,
    client: Any,
    options: Options,
    max_idle: int,
    connected: Callable[[float], object] = bool,
    written: Callable[[], object] | None = None,
) -> RequestClient:
    """
    The client that the options describe.

    :param reactor: the reactor.
    :param clock: an ``IReactorTime``.
    :param client: the application's own, with treq's ``HTTPClient.request``; or :data:`None`.
    :param options: the options.
    :param max_idle: how many connections are kept between requests.
    :param connected: notified of each new connection: how many seconds a round trip takes.
    :param written: called when small requests were given to the kernel.
    :raises InvalidOption: if that is no client, or there are options that are about our own.
    """
    agent = None
    if client is not None:
        _check_given(client, options)
    else:
        agent = PersistentAgent(
            reactor,
            clock,
            connect_timeout=options.connect_timeout,
            stall_timeout=options.stall_timeout,
            max_idle=max_idle,
            trust_root=options.trust_root,
            client_certificate=options.client_certificate,
            proxy=_proxies(options.proxy),
            connected=connected,
            written=written,
        )
    return RequestClient(
        reactor,
        clock,
        client=client,
        agent=agent,
        cookies=options.with_credentials,
        stall_timeout=options.stall_timeout,
        chunk_timeout=options.chunk_timeout,
        insecure_credentials=options.insecure_credentials,
        check_headers=partial(check_headers, multipart=options.method == "multipart"),
    )


def _proxies(option: Any) -> Callable[[str], Proxy | None] | None:
    """From an origin to its proxy, as the option says."""
    if not callable(option):
        proxy = to_proxy(option)
        return None if proxy is None else lambda _: proxy

    def ask(origin: str) -> Proxy | None:
        try:
            said = option(origin)
        except Exception as error:
            raise ResumableError(f"proxy raised {type(error).__name__} for {origin}") from error
        return to_proxy(said)

    return cache(ask)


def _check_given(client: Any, options: Options) -> None:
    if isinstance(client, type) or not callable(getattr(client, "request", None)):
        raise InvalidOption("client", client, "must have a request() method like treq's HTTPClient")
    for option in fields(Options):
        if option.name in _OF_OUR_OWN and getattr(options, option.name) != option.default:
            value = getattr(options, option.name)
            shown = value if isinstance(value, (bool, float, int)) else type(value)
            raise InvalidOption(option.name, shown, "cannot go with client: it is up to that")
