"""
The one connection to PostgreSQL, and the thread that uses it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail

from ..._runtime.printable import printable
from ...errors import InvalidOption
from ..errors import JobsUnavailable
from ..journal.thread import OneThread
from .schema import MIGRATIONS, migrate

__all__ = ["Connection"]

_T = TypeVar("_T")
_PATIENCE = 35.0
"""Seconds after which a database says nothing any more: it ends statements after 30 itself."""
_LOOKS = 1.0

_DEFAULTS = {
    "application_name": "txresumable",
    "connect_timeout": "10",
    # A server that is away without a word is noticed.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
_PREPARED = (
    "SET statement_timeout = '30s'",
    "SET idle_in_transaction_session_timeout = '60s'",
    # What is acknowledged is durable, whatever the database does for others.
    """
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'
    """,
)


class Connection:
    """
    A connection that is made when it is needed, and anew when it was lost.
    """

    def __init__(self, conninfo: str, reactor: Any) -> None:
        """
        :param conninfo: as libpq takes it: a URL, or ``host=... dbname=...``; what is not in it
            comes from libpq's environment variables and files.
        :param reactor: whose thread is notified; with one that has no threads, everything is done
            synchronously.
        :raises ImportError: if psycopg is missing.
        :raises InvalidOption: if that cannot be read; it is not shown.
        """
        import psycopg
        from psycopg.conninfo import conninfo_to_dict, make_conninfo

        try:
            given: dict[str, Any] = {**_DEFAULTS, **conninfo_to_dict(conninfo)}
            self._conninfo = make_conninfo("", **given)
        except (psycopg.Error, TypeError):
            reason = "must be a connection string of PostgreSQL, as postgresql://host/database"
            raise InvalidOption("postgresql", _Hidden(), reason)
        if "@" in str(given.get("host")):
            # What stands before it is a part of the password, which errors would show.
            reason = "must have %40 for an @ in the password"
            raise InvalidOption("postgresql", _Hidden(), reason)
        self._psycopg = psycopg
        self._thread = OneThread(reactor, "txresumable jobs")
        self._raw: Any = None
        self._is_closed = False
        self._reactor = reactor
        self._since: float | None = None
        self._waiting = 0
        self._looking: Any = None
        self._failures = 0
        self._failure = ""

    def run(self, work: Callable[[Any], _T]) -> Deferred[_T]:
        """
        Do something in a transaction.

        :param work: called in the thread with the connection of psycopg.
        :returns: a Deferred that fires with what that returned, once it is durable.  It fails with
            what that raised, and with :exc:`JobsUnavailable` if the database fails: then it may
            have been carried out, if the connection was lost at the end.  If it could not be
            connected to meanwhile, it is not tried once more.
        """
        if self._is_closed:
            return fail(JobsUnavailable("it is closed"))
        self._waiting += 1
        running = self._thread.run(self._work, work, self._failures)
        if self._looking is None and not running.called:
            self._looking = self._reactor.callLater(_LOOKS, self._look)
        return running.addBoth(self._has_run)

    def _has_run(self, result: Any) -> Any:
        self._waiting -= 1
        if not self._waiting and self._looking is not None:
            self._looking.cancel()
            self._looking = None
        return result

    def _look(self) -> None:
        """Cut a connection to a database that says nothing, though its machine does."""
        since = self._since
        if since is not None and monotonic() - since > _PATIENCE and (raw := self._raw) is not None:
            self._since = None
            with suppress(OSError, self._psycopg.Error):
                cut = socket.socket(fileno=os.dup(raw.fileno()))
                # The thread that waits is woken, which closing would not do.
                with cut:
                    cut.shutdown(socket.SHUT_RDWR)
        self._looking = self._reactor.callLater(_LOOKS, self._look)

    def _work(self, work: Callable[[Any], _T], failures: int) -> _T:
        if self._raw is None and self._failures != failures:
            # Else of many that wait each would wait for a database that says nothing.
            raise JobsUnavailable(self._failure)
        self._since = monotonic()
        try:
            raw = self._raw or self._connected()
            with raw.transaction():
                return work(raw)
        except self._psycopg.Error as error:
            raise JobsUnavailable(_first_line(error))
        finally:
            self._since = None
            if self._raw is not None and self._raw.closed:
                self._let_go()

    def _connected(self) -> Any:
        try:
            raw = self._raw = self._psycopg.connect(self._conninfo, autocommit=True)
            try:
                for statement in _PREPARED:
                    raw.execute(statement)
                migrate(raw, MIGRATIONS)
            except BaseException:
                raw.close()
                raise
        except self._psycopg.Error as error:
            self._failure = _first_line(error)
            self._failures += 1
            raise
        return raw

    def _let_go(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            raw.close()

    def close(self) -> Deferred[None]:
        """
        Finish what was asked for, and close it.

        :returns: a Deferred that fires when it is closed.
        """
        self._is_closed = True
        return self._thread.run(self._let_go).addBoth(self._closed)

    def _closed(self, _: object) -> None:
        self._thread.stop()


class _Hidden:
    """Stands for what may have a password in it."""

    def __repr__(self) -> str:
        return "what it is (not shown, as it may have a password)"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return printable(lines[0]) if lines else type(error).__name__
