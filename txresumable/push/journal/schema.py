"""
The layout of the journal, and how one of an earlier version gets it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ..errors import JournalTooNew
from .rows import IS_HANDED_OVER

__all__ = ["MEMORY", "MIGRATIONS", "migrate"]

MIGRATIONS: Sequence[Sequence[str]] = (
    (
        # AUTOINCREMENT: a number is never given to another version, even after pruning.
        """
        CREATE TABLE entries (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            folder TEXT NOT NULL,
            path BLOB NOT NULL,
            inode INTEGER NOT NULL,
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            state TEXT NOT NULL,
            identifier TEXT NOT NULL DEFAULT '',
            event_id TEXT NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            why TEXT NOT NULL DEFAULT '',
            until REAL NOT NULL DEFAULT 0,
            pause REAL NOT NULL DEFAULT 0,
            seen REAL NOT NULL,
            changed REAL NOT NULL,
            sent INTEGER NOT NULL DEFAULT 0,
            digest TEXT NOT NULL DEFAULT '',
            note TEXT NOT NULL DEFAULT '',
            location BLOB NOT NULL DEFAULT x'',
            is_aside INTEGER NOT NULL DEFAULT 0,
            UNIQUE (folder, path, inode, size, mtime_ns, identifier)
        )
        """,
        "CREATE INDEX at_state ON entries (folder, state, id)",
        "CREATE INDEX queued_by_age ON entries (folder, mtime_ns, id) WHERE state = 'queued'",
        "CREATE INDEX queued_by_size ON entries (folder, size, id) WHERE state = 'queued'",
        "CREATE INDEX queued_by_name ON entries (folder, path, id) WHERE state = 'queued'",
        "CREATE INDEX waiting ON entries (until) WHERE state = 'waiting'",
        f"CREATE INDEX handed_over ON entries (folder, state, id) WHERE {IS_HANDED_OVER}",
        "CREATE TABLE beat (id INTEGER PRIMARY KEY CHECK (id = 1), at REAL NOT NULL)",
    ),
)
"""What leads from each layout to the next; the number of a layout is how many were applied."""

MEMORY = (
    # What the latest scan of each folder saw, by monotonic time, which means nothing to another
    # process; and which files that were taken away were met once since then.
    "CREATE TEMP TABLE present (id INTEGER PRIMARY KEY, folder TEXT NOT NULL, at REAL NOT NULL)",
    "CREATE TEMP TABLE met (id INTEGER PRIMARY KEY)",
    """
    CREATE TEMP TABLE scan (
        path BLOB PRIMARY KEY,
        inode INTEGER NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        is_marked INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
)
"""What is forgotten when the journal is closed."""


def migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]]) -> None:
    """
    Give a database its layout: all of a step, or nothing of it.

    :param connection: to the database, in autocommit mode.
    :param migrations: as :data:`MIGRATIONS`.
    :raises JournalTooNew: if its layout is not known.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > len(migrations):
        raise JournalTooNew(found, len(migrations))
    for number, statements in enumerate(migrations[found:], found + 1):
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
