"""
The layout of the journal.
"""

from __future__ import annotations

import sqlite3

from twisted.trial.unittest import SynchronousTestCase

from txresumable.push.errors import JournalTooNew
from txresumable.push.journal.schema import MEMORY, MIGRATIONS, migrate

FIRST = ("CREATE TABLE things (name TEXT)", "INSERT INTO things VALUES ('a')")
SECOND = ("ALTER TABLE things ADD COLUMN size INTEGER DEFAULT 7",)


class MigrationTests(SynchronousTestCase):
    """Layouts of earlier versions."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.connection = self.connect()

    def connect(self) -> sqlite3.Connection:
        """A connection, closed when the test ends."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(connection.close)
        return connection

    def version(self) -> int:
        """The number of the layout, as another connection sees it."""
        (version,) = self.connect().execute("PRAGMA user_version").fetchone()
        return int(version)

    def test_steps(self) -> None:
        """Each step is taken once, whenever it comes, and rows are kept."""
        migrate(self.connection, [FIRST])
        self.assertEqual(self.version(), 1)
        migrate(self.connection, [FIRST, SECOND])
        migrate(self.connection, [FIRST, SECOND])
        self.assertEqual(self.version(), 2)
        self.assertEqual(self.connect().execute("SELECT * FROM things").fetchall(), [("a", 7)])

    def test_all_or_nothing(self) -> None:
        """Of a step that fails nothing is left; those before it stay."""
        wrong = ("DROP TABLE things", "INSERT INTO nothing VALUES (1)")
        self.assertRaises(sqlite3.OperationalError, migrate, self.connection, [FIRST, wrong])
        self.connection.close()
        self.assertEqual(self.version(), 1)
        self.assertEqual(self.connect().execute("SELECT * FROM things").fetchall(), [("a",)])

    def test_later(self) -> None:
        """A layout of a later version is left alone."""
        migrate(self.connection, [FIRST, SECOND])
        error = self.assertRaises(JournalTooNew, migrate, self.connection, [FIRST])
        self.assertEqual((error.found, error.known), (2, 1))
        self.assertIn("its layout is 2, and this version knows 1", str(error))
        self.assertEqual(self.version(), 2)

    def test_orders_have_indexes(self) -> None:
        """What is next in each order, and what is due, is found without sorting or reading all."""
        migrate(self.connection, MIGRATIONS)
        for statement in MEMORY:
            self.connection.execute(statement)
        queued = "SELECT * FROM entries WHERE folder = 'a' AND state = 'queued' ORDER BY "
        for query in (
            *(
                f"{queued} {order} LIMIT 9"
                for order in (
                    "mtime_ns, id",
                    "mtime_ns DESC, id DESC",
                    "size, id",
                    "size DESC, id DESC",
                    "path, id",
                )
            ),
            "SELECT * FROM entries WHERE state = 'waiting' AND until <= 5 ORDER BY until, id",
            "SELECT MIN(until) FROM entries WHERE state = 'waiting'",
            "SELECT * FROM entries WHERE folder = 'a' AND state = 'done' AND id > 5 ORDER BY id",
            "SELECT folder, state, COUNT(*) FROM entries GROUP BY folder, state",
        ):
            plan = self.connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
            steps = " ".join(step for *_, step in plan)
            self.assertIn("INDEX", steps, query)
            self.assertNotIn("TEMP B-TREE", steps, query)
