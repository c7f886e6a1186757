"""
What sends the requests of an uploader.
"""

from __future__ import annotations

from typing import Any

from .._http.agent import PersistentAgent
from .._http.client import RequestClient
from .._validators import check_headers
from ..options import Options

__all__ = ["make_client"]


def make_client(
    reactor: Any, clock: Any, client: Any, options: Options, max_idle: int
) -> RequestClient:
    """
    The client that the options describe.

    :param reactor: the reactor.
    :param clock: an ``IReactorTime``.
    :param client: the application's own, with treq's ``HTTPClient.request``; or :data:`None`.
    :param options: the options.
    :param max_idle: how many connections are kept between requests.
    """
    agent = None
    if client is None:
        agent = PersistentAgent(
            reactor,
            clock,
            connect_timeout=options.connect_timeout,
            stall_timeout=options.stall_timeout,
            max_idle=max_idle,
            trust_root=options.trust_root,
            client_certificate=options.client_certificate,
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
        check_headers=check_headers,
    )
