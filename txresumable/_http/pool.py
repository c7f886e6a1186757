"""
Idle connections: which are kept, which the next request takes, and when they are closed.
"""

from __future__ import annotations

from collections.abc import Callable

from .connection import HTTPConnection
from .state import IDLE

__all__ = ["MAX_IDLE_TIME", "MAX_WAIT", "NEAR", "ConnectionPool"]

MAX_IDLE_TIME = 4.0
"""
Seconds that a connection is kept without use.  Node.js (``server.keepAliveTimeout``) and Apache
httpd (``KeepAliveTimeout``) close after 5 by default, the shortest limits in wide use: a request
must not cross that.  With a server whose limit is shorter, the request is sent once more over a new
connection (:class:`~txresumable.errors.StaleConnection`).
"""
MAX_WAIT = 1.0
"""
Seconds that nothing moves over a new connection before idle ones are closed: a server that has a
process or a thread for each may serve it only then, as Apache httpd with ``MaxRequestWorkers``.
"""
NEAR = 0.001
"""
Seconds of a round trip below which it does not matter which connection is taken: to ask the kernel
about each of them would take longer than what that saves.
"""


class ConnectionPool:
    """The idle connections to one origin."""

    def __init__(
        self, seconds: Callable[[], float], active: set[HTTPConnection], max_idle: int
    ) -> None:
        """
        :param seconds: monotonic time.
        :param active: the connections that are in use, of any origin; one that is put back is
            removed.
        :param max_idle: the most connections to keep.
        """
        self._seconds = seconds
        self._active = active
        self._max_idle = max_idle
        self._idle: list[HTTPConnection] = []

    def take(self) -> HTTPConnection | None:
        """
        A connection for a request: of several the one that was used last, or over a long line the
        one that sends fastest, as far as the kernel says; those that cannot be used are closed.

        :returns: it, or :data:`None` if a new one is needed.
        """
        while self._idle:
            connection = self._idle.pop() if len(self._idle) == 1 else self._pop_fastest()
            if self._seconds() - connection.idle_since >= MAX_IDLE_TIME:
                connection.abort()  # close_expired() is late
            elif connection.state is IDLE:
                if connection.is_quiet():
                    return connection
                connection.abort()  # it is closed, or there is data that belongs to no request
        return None

    def _pop_fastest(self) -> HTTPConnection:
        fastest, most = len(self._idle) - 1, 0
        told = self._idle[fastest].tcp_info()
        if told is None or told.round_trip < NEAR:
            return self._idle.pop()
        for place, connection in enumerate(self._idle):
            told = connection.tcp_info()
            if told is not None and told.window > most:
                fastest, most = place, told.window
        return self._idle.pop(fastest)

    def put_back(self, connection: HTTPConnection, is_stale: bool) -> None:
        """
        Keep a connection whose request has ended, or close it if there are enough.

        :param is_stale: whether the server had closed it before the request; then the idle ones are
            closed, too: they are as old.
        """
        self._active.discard(connection)
        if connection.state is IDLE:
            if len(self._idle) < self._max_idle:
                self._idle.append(connection)
            else:
                connection.abort()
        elif is_stale:
            self.close_all()

    def close_expired(self, wanted: bool = False) -> bool:
        """
        Close the connections that would be idle for too long by the next time.  To be called at
        least once a second.

        :param wanted: whether a new one waits, perhaps until the server has one less: then all.
        :returns: whether any are left.
        """
        if wanted:
            self.close_all()
        now = self._seconds()
        for connection in self._idle:
            if now - connection.idle_since >= MAX_IDLE_TIME - 1:
                connection.abort()
        self._idle = [kept for kept in self._idle if kept.state is IDLE]
        return bool(self._idle)

    def close_all(self) -> None:
        """Close them, so that the next request opens a new connection."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.abort()
