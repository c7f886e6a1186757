"""
How fast connections are, by what the kernel knows of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .connection import HTTPConnection
from .state import ACTIVE, CONNECTING
from .tcp_info import TCPInfo

__all__ = ["Gauge"]


class Gauge:
    """
    Looks at connections.

    :param connections: all that are open.
    """

    def __init__(self, connections: Collection[HTTPConnection]) -> None:
        self._connections = connections

    def round_trip(self) -> float | None:
        """:returns: seconds, the longest of those in use; :data:`None` if nothing is known."""
        told = self._told([each for each in self._connections if each.state is ACTIVE])
        return max((each.round_trip for each in told), default=None)

    def acknowledged(self) -> int | None:
        """:returns: bytes that have arrived over them; :data:`None` if nothing is known."""
        told = self._told(self._connections)
        return sum(each.acknowledged for each in told) if told else None

    def _told(self, connections: Iterable[HTTPConnection]) -> list[TCPInfo]:
        told = [each.tcp_info() for each in connections if each.state is not CONNECTING]
        return [each for each in told if each is not None]
