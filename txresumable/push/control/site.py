"""
The web server of the control, which does not read more than it has to, and can be closed.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IUNIXTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Site

from .request import BoundedRequest

__all__ = ["ControlSite"]

_IDLE = 60.0
"""Seconds that a connection may be idle."""


class ControlSite(Site):
    """
    A site that logs no requests.
    """

    displayTracebacks = False

    def __init__(self, root: Resource, reactor: Any) -> None:
        """
        :param root: its root.
        :param reactor: whose time it goes by.
        """
        super().__init__(root, BoundedRequest, timeout=_IDLE, reactor=reactor)  # type: ignore[no-untyped-call]
        self.protocol = _Channel  # type: ignore[assignment]
        self.channels: set[HTTPChannel] = set()

    def startFactory(self) -> None:
        """Called by Twisted; it needs no time of the day for a log."""

    def log(self, request: Any) -> None:
        """Called by Twisted for each request that has its response."""

    def drop_connections(self) -> None:
        """Close all connections, once what they were sent is written."""
        for channel in list(self.channels):
            channel.loseConnection()


class _Channel(HTTPChannel):
    """A connection that its site knows."""

    factory: Any

    def connectionMade(self) -> None:
        self.factory.channels.add(self)
        transport: Any = self.transport
        if IUNIXTransport.providedBy(transport):
            # Twisted 24.10 has it send small segments at once, which is an error there.
            setattr(transport, "setTcpNoDelay", _do_nothing)  # noqa: B010
        super().connectionMade()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.channels.discard(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


def _do_nothing(_: bool) -> None:
    pass
