"""
The database of the journal: damage, full disks, and what is at fault.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable
from typing import Any

from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.descriptors import open_descriptors
from tests.journal_rig import TODAY, JournalTestCase, seen
from txresumable.push import (
    Journal,
    JournalDamaged,
    JournalTooNew,
    JournalUnavailable,
    PushState,
)
from txresumable.push.journal.database import Database
from txresumable.push.journal.transaction import Transaction


def database_of(journal: Journal) -> Database:
    return journal._possession.database


def connection_of(journal: Journal) -> sqlite3.Connection:
    connection = database_of(journal)._connection
    assert connection is not None
    return connection


class DamageTests(JournalTestCase):
    """A journal that cannot be read."""

    def damage(self, harm: Callable[[str], object]) -> None:
        """Harm the journal of some entries while it is closed, and open it again."""
        self.queued(*(f"file-{number}" for number in range(200)))
        self.result(self.journal.close())
        harm(os.path.join(self.state, "journal"))
        self.journal = self.open()

    def assert_anew(self, reported: str) -> None:
        """The journal has begun anew, and works; what was there is kept."""
        self.assertTrue(self.journal.was_damaged)
        self.assertEqual(self.entries(), [])
        self.assertEqual(len(self.queued("a")), 1)
        (error,) = self.flush_errors()
        self.assertIn(reported, error)
        self.restart()
        self.assertFalse(self.journal.was_damaged)
        self.assertEqual(self.states(), {"a": "queued"})

    def setUp(self) -> None:
        self.logged: list[str] = []

        def observer(event: Any) -> None:
            if event["log_namespace"].startswith("txresumable.push"):
                self.logged.append(formatEvent(event))

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        super().setUp()

    def flush_errors(self) -> list[str]:
        """What was logged."""
        logged, self.logged[:] = self.logged[:], []
        return logged

    def aside(self) -> list[str]:
        """What was set aside."""
        return sorted(name for name in os.listdir(self.state) if "damaged" in name)

    def test_overwritten(self) -> None:
        """A journal of which a part was overwritten is set aside."""

        def harm(path: str) -> None:
            with open(path, "r+b") as file:
                file.seek(4096)
                file.write(b"\xa5" * 8192)

        self.damage(harm)
        self.assert_anew("The journal is damaged")
        self.assertEqual(self.aside(), ["journal.damaged-20270115T080000"])

    def test_something_else(self) -> None:
        """A file that is no database is set aside, and the second one under another name."""

        def harm(path: str) -> None:
            with open(path, "wb") as file:
                file.write(b"hello\n" * 1000)

        self.damage(harm)
        self.assert_anew("file is not a database")
        self.damage(harm)
        self.assertEqual(
            self.aside(), ["journal.damaged-20270115T080000", "journal.damaged-20270115T080000-2"]
        )
        with open(os.path.join(self.state, self.aside()[1])) as file:
            self.assertEqual(file.read(6), "hello\n")

    def test_cut_off(self) -> None:
        """A journal that was cut off is set aside."""
        self.damage(lambda path: os.truncate(path, 10_000))
        self.assert_anew("The journal is damaged")

    def test_emptied(self) -> None:
        """A journal that is empty begins anew, whatever else was left of it."""
        self.damage(lambda path: os.truncate(path, 0))
        self.assertEqual(self.entries(), [])
        self.assertEqual(self.states(), {})

    def test_deleted(self) -> None:
        """A journal that was deleted begins anew, and that is reported."""
        self.damage(os.unlink)
        self.assert_anew("is missing")
        self.assertEqual(self.aside(), [])

    def test_first(self) -> None:
        """A first journal is not missing."""
        self.assertFalse(self.journal.was_damaged)
        self.assertEqual(self.flush_errors(), [])

    def test_other_tables(self) -> None:
        """A database without the tables that it should have is set aside."""

        def harm(path: str) -> None:
            with sqlite3.connect(path) as connection:
                connection.execute("ALTER TABLE entries RENAME COLUMN digest TO checksum")
            connection.close()

        self.damage(harm)
        self.assert_anew("digest")

    def test_later_layout(self) -> None:
        """A journal of a later version is neither opened nor set aside."""

        def harm(path: str) -> None:
            with sqlite3.connect(path) as connection:
                connection.execute("PRAGMA user_version = 99")
            connection.close()

        self.queued("a")
        self.result(self.journal.close())
        path = os.path.join(self.state, "journal")
        harm(path)
        opened = Journal.open(self.state, reactor=self.clock, now=self.now)
        self.assertEqual(self.failureResultOf(opened, JournalTooNew).value.found, 99)
        self.assertEqual(self.aside(), [])
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 1")
        connection.close()
        self.journal = self.open()
        self.assertEqual(self.states(), {"a": "queued"})

    def test_while_it_is_used(self) -> None:
        """
        A journal that turns out to be damaged is set aside, and every call fails until it is
        opened again.
        """
        self.queued(*(f"file-{number}" for number in range(200)))
        self.result(self.journal.checkpoint())
        connection_of(self.journal).execute("PRAGMA cache_size = 0")
        path = os.path.join(self.state, "journal")
        with open(path, "r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * (os.path.getsize(path) - 4096))
        self.failureResultOf(self.journal.entries(), JournalDamaged)
        self.failureResultOf(self.journal.entries(), JournalUnavailable)
        self.failureResultOf(self.journal.checkpoint(), JournalUnavailable)
        self.assertIn("journal.damaged-20270115T080000", self.aside())
        self.flush_errors()
        self.restart()
        self.assert_anew("is missing")


class FullTests(JournalTestCase):
    """A disk that is full, or may not be written to."""

    def test_full(self) -> None:
        """On a full disk nothing changes; with room again, everything goes on."""
        entries = self.queued("a", "b")
        self.changes.clear()
        connection = connection_of(self.journal)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        files = [seen(f"file-{number}") for number in range(400)]
        error = self.failureResultOf(self.journal.observe("scans", files), JournalUnavailable).value
        self.assertIn("full", str(error))
        self.assertNotIsInstance(error, JournalDamaged)
        self.assertEqual((self.entries(), self.changes), (entries, []))
        connection.execute("PRAGMA max_page_count = 1000000")
        self.assertEqual(self.observe(*files).new, 400)
        self.bring(entries[0].id, PushState.UPLOADING)
        self.restart()
        self.assertEqual(len(self.entries()), 402)

    def test_all_of_a_transaction(self) -> None:
        """What is written together fails together, and nobody waits for ever."""
        connection = connection_of(self.journal)
        self.queued("a")
        connection.execute("PRAGMA query_only = 1")
        works = [
            lambda transaction: 1,
            lambda transaction: transaction.note(transaction.entry(1), {"why": "x"}),
        ]
        round = database_of(self.journal).write(works)
        self.assertEqual(round.changes, ())
        for result in round.results:
            self.assertIsInstance(result, Failure)
            result.trap(JournalUnavailable)
        connection.execute("PRAGMA query_only = 0")
        self.assertEqual(self.entries()[0].why, "")

    def test_one_at_fault(self) -> None:
        """A part that raises something else fails alone; the others are durable."""
        self.queued("a", "b")
        self.changes.clear()

        def good(transaction: Transaction) -> str:
            return transaction.note(transaction.entry(1), {"why": "x"}).why

        def bad(transaction: Transaction) -> None:
            transaction.note(transaction.entry(2), {"why": "x"})
            raise ZeroDivisionError

        round = database_of(self.journal).write([good, bad, good])
        self.assertEqual(round.results[::2], ["x", "x"])
        round.results[1].trap(ZeroDivisionError)
        self.assertEqual([after.id for _, after in round.changes], [1, 1])
        self.journal._notify(round.changes)
        self.restart()
        self.assertEqual([entry.why for entry in self.entries()], ["x", ""])

    def test_facts_that_cannot_be(self) -> None:
        """A fact that the database does not take fails whoever has given it, and nobody else."""
        self.queued("a", "b")

        def good(transaction: Transaction) -> str:
            return transaction.note(transaction.entry(1), {"why": "x"}).why

        for wrong in ({"why": None}, {"why": object()}, {"sent": 1 << 70}):

            def bad(transaction: Transaction, facts: Any = wrong) -> None:
                transaction.note(transaction.entry(2), facts)

            round = database_of(self.journal).write([good, bad])
            self.journal._notify(round.changes)
            results = round.results
            self.assertEqual(results[0], "x")
            self.assertIsInstance(results[1], Failure)
            self.assertFalse(results[1].check(JournalUnavailable))
        self.assertEqual([entry.why for entry in self.entries()], ["x", ""])

    def test_no_room_to_open(self) -> None:
        """A journal that cannot be opened is not available, and its folder is not kept locked."""
        state = self.mktemp()
        with open(state, "w"):
            pass
        opened = Journal.open(state, reactor=self.clock)
        self.failureResultOf(opened, JournalUnavailable)
        os.unlink(state)
        os.makedirs(os.path.join(state, "journal"))
        opened = Journal.open(state, reactor=self.clock)
        self.failureResultOf(opened, JournalUnavailable)
        os.rmdir(os.path.join(state, "journal"))
        self.result(self.result(Journal.open(state, reactor=self.clock)).close())

    def test_real_disk(self) -> None:
        """So it is on a real file system that is full, and after a restart on it."""
        disk = os.path.abspath(self.mktemp())
        os.mkdir(disk)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True
        )
        if mounted.returncode:
            self.skipTest("file systems cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        self.result(self.journal.close())
        self.state = os.path.join(disk, "state")
        self.journal = self.open()
        entries = self.queued("a", "b")
        with open(os.path.join(disk, "filler"), "wb", buffering=0) as filler:
            size = 65536
            while size:
                try:
                    filler.write(b"x" * size)
                except OSError:
                    size //= 2
        known = dict(self.states())
        failed = 0
        for number in range(2000):
            moved = self.journal.observe("scans", [seen(f"file-{number}", is_marked=True)])
            if not isinstance(moved.result, Failure):
                known[f"file-{number}"] = "queued"
                continue
            self.failureResultOf(moved, JournalUnavailable)
            failed += 1
            if failed == 20:
                break
        self.assertEqual(failed, 20)
        self.assertEqual(self.states(), known)
        os.unlink(os.path.join(disk, "filler"))
        self.queued("c")
        self.bring(entries[0].id, PushState.UPLOADING, PushState.STORED)
        self.restart()
        self.assertFalse(self.journal.was_damaged)
        self.assertEqual(self.states(), {**known, "a": "stored", "c": "queued"})


class CloseTests(SynchronousTestCase):
    """Closing."""

    def test_twice(self) -> None:
        """A database that is closed is not available; closing it again does nothing."""
        state = self.mktemp()
        os.mkdir(state)
        database = Database(state, lambda: TODAY, lambda: 0.0)
        database.open(True)
        database.close()
        database.close()
        self.assertRaises(JournalUnavailable, database.checkpoint)
        (result,) = database.write([lambda transaction: 1]).results
        result.trap(JournalUnavailable)
        self.assertEqual(os.listdir(state), ["journal"])

    def test_durable(self) -> None:
        """What is committed is on the disk."""
        state = self.mktemp()
        os.mkdir(state)
        database = Database(state, lambda: TODAY, lambda: 0.0)
        descriptors = open_descriptors()
        database.open(True)
        assert database._connection is not None
        found = [
            database._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("synchronous", "journal_mode", "temp_store")
        ]
        self.assertEqual(found, [2, "wal", 2])
        database.close()
        self.assertEqual(open_descriptors(), descriptors)

    def test_checkpoint(self) -> None:
        """A checkpoint writes the log into the file."""
        state = self.mktemp()
        os.mkdir(state)
        database = Database(state, lambda: TODAY, lambda: 0.0)
        database.open(True)
        self.addCleanup(database.close)
        log = os.path.join(state, "journal-wal")
        self.assertGreater(os.path.getsize(log), 0)
        database.checkpoint()
        self.assertEqual(os.path.getsize(log), 0)
