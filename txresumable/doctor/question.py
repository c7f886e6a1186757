"""
The first question to a server: whether it has a chunk of a file that does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred

from .._engine.client import make_client
from .._http.given import Client
from .._runtime.clock import steady
from .._runtime.reactor import Reactor
from ..options import Options
from .specimen import CHUNK, Specimens
from .visit import Visit
from .wire import Reply, Wire

__all__ = ["ask"]


def ask(
    options: Options, headers: Mapping[str, str], reactor: Reactor, client: Client | None = None
) -> Deferred[Reply]:
    """
    Ask a server for a chunk that it cannot have.  Nothing is uploaded.

    :param options: those that files are uploaded with.
    :param headers: the headers of the request.
    :param client: as :class:`~txresumable.Resumable` takes it.
    :returns: a Deferred that fires with the response, whatever it is, and fails if there is none.
    """
    return Deferred.fromCoroutine(_ask(options, headers, reactor, client))


async def _ask(
    options: Options, headers: Mapping[str, str], reactor: Reactor, client: Client | None
) -> Reply:
    clock = steady(reactor)
    wire = Wire(make_client(reactor, clock, client, options, 1), clock, headers)
    try:
        return await Visit(wire, options).test(Specimens().make(3 * CHUNK), 1)
    finally:
        await wire.close()
