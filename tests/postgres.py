"""
The PostgreSQL server of the tests of a queue, with a place for each of them.
"""

from __future__ import annotations

import atexit
import signal
from itertools import count
from typing import Any

from tests.interop.install import POSTGRESQL, why_not_installed
from tests.interop.postgresql import PostgreSQL
from tests.interop.scenarios import require

__all__ = ["Database", "server"]


class Database(PostgreSQL):
    """A server with places that know nothing of each other."""

    _names = count()

    @property
    def conninfo(self) -> str:
        """How to connect to it."""
        return f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"

    def new_place(self) -> str:
        """How to connect to a part of it that is new and empty."""
        name = f"place_{next(self._names)}"
        self.rows(f"CREATE SCHEMA {name}")
        return f"{self.conninfo} options=-csearch_path={name}"

    def rows(self, statement: str, *given: Any, place: str = "") -> list[Any]:
        """Execute a statement, perhaps in a place. :returns: its rows."""
        import psycopg

        with psycopg.connect(place or self.conninfo, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), given)
            return cursor.fetchall() if cursor.description else []

    def shut_down(self) -> None:
        """End it in good order; it may be started again."""
        self._end(signal.SIGINT)


_server: list[Database] = []


def server(test: Any) -> Database:
    """
    The server of this process, which is started for the first test.

    :param test: the test, which is skipped where PostgreSQL is not installed.
    """
    require(test, _why_not())
    if not _server:
        database = Database()
        atexit.register(database.stop)
        database.start()
        _server.append(database)
    return _server[0]


def _why_not() -> str | None:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed"
    return why_not_installed(POSTGRESQL)
