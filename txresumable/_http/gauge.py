"""
How fast connections are, by what the kernel knows of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

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
        return max(self.round_trips(), default=None)

    def acknowledged(self) -> int | None:
        """:returns: bytes that have arrived over them; :data:`None` if nothing is known."""
        told = self._told(self._connections)
        return sum(each.acknowledged for each in told) if told else None

    def repeated(self) -> int:
        """:returns: how many segments were sent again over all that are open."""
        return sum(each.repeated for each in self._told(self._connections))

    def round_trips(self) -> list[float]:
        """:returns: seconds, of those in use of which the kernel says anything."""
        return [each.round_trip for each in self._told(self._in_use())]

    def waiting(self, most: int) -> Iterator[float]:
        """
        The requests with a body that the kernel has whole, so that only responses are missing.

        :param most: bytes of the largest that counts.
        :returns: when each of them began, in seconds of the clock.
        """
        for each in self._in_use():
            sender = each.sender
            if each.has_body and sender.is_written and sender.given <= most:
                yield sender.began

    def took(self) -> list[float]:
        """:returns: seconds of the last request with a body, of each connection that had one."""
        return [each.took for each in self._connections if each.took]

    def _in_use(self) -> Iterator[HTTPConnection]:
        return (each for each in self._connections if each.state is ACTIVE)

    def _told(self, connections: Iterable[HTTPConnection]) -> list[TCPInfo]:
        told = [each.tcp_info() for each in connections if each.state is not CONNECTING]
        return [each for each in told if each is not None]
