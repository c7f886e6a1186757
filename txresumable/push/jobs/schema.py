"""
The layout of the tables in PostgreSQL, and how one of an earlier version gets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import JobsTooNew

__all__ = ["MIGRATIONS", "migrate"]

MIGRATIONS: Sequence[Sequence[str]] = (
    (
        "CREATE SEQUENCE IF NOT EXISTS txresumable_claims",
        """
        CREATE TABLE txresumable_jobs (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            folder text NOT NULL,
            path bytea NOT NULL,
            version text NOT NULL DEFAULT '',
            state text NOT NULL DEFAULT 'queued'
                CHECK (state IN ('queued', 'claimed', 'done', 'failed')),
            due timestamptz NOT NULL DEFAULT now(),
            claim bigint NOT NULL DEFAULT 0,
            worker text NOT NULL DEFAULT '',
            attempts integer NOT NULL DEFAULT 0,
            why text NOT NULL DEFAULT '',
            progress jsonb NOT NULL DEFAULT '{}',
            event_id uuid NOT NULL DEFAULT gen_random_uuid(),
            added timestamptz NOT NULL DEFAULT now(),
            changed timestamptz NOT NULL DEFAULT now(),
            UNIQUE (folder, path, version)
        )
        """,
        """
        CREATE INDEX txresumable_jobs_due ON txresumable_jobs (due, id)
        WHERE state IN ('queued', 'claimed')
        """,
        "CREATE INDEX txresumable_jobs_state ON txresumable_jobs (state, id)",
    ),
)
"""What leads from each layout to the next; the number of a layout is how many were applied."""

_LOCK = 0x7478_7265_7375_6D65
"""The advisory lock of those who migrate: several machines may start at once."""


def migrate(connection: Any, migrations: Sequence[Sequence[str]]) -> None:
    """
    Give a database the tables: all of it, or nothing.  Nothing is created if they are there, so
    the user needs no right to do so then.

    :param connection: to the database, by psycopg.
    :param migrations: as :data:`MIGRATIONS`.
    :raises JobsTooNew: if their layout is not known.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        (there,) = connection.execute("SELECT to_regclass('txresumable_layout')").fetchone()
        if there is None:
            connection.execute("CREATE TABLE txresumable_layout (number integer PRIMARY KEY)")
        found = connection.execute("SELECT max(number) FROM txresumable_layout").fetchone()[0] or 0
        if found > len(migrations):
            raise JobsTooNew(found, len(migrations))
        for number, statements in enumerate(migrations[found:], found + 1):
            for statement in statements:
                connection.execute(statement)
            connection.execute("INSERT INTO txresumable_layout VALUES (%s)", (number,))
