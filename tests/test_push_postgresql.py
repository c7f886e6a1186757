"""Tests for a queue in PostgreSQL; skipped where that is not installed."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any
from unittest.mock import patch

from twisted.internet import reactor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.postgres import server
from txresumable import InvalidOption
from txresumable.push import (
    Job,
    JobsTooNew,
    JobsUnavailable,
    NewJob,
    PostgreSQLJobs,
)
from txresumable.push.jobs import connection
from txresumable.push.jobs.schema import MIGRATIONS
from txresumable.testing import JobSourceTests


class _WithServer:
    """Has a place in the database."""

    def open_place(self) -> None:
        self.server = server(self)
        self.place = self.server.new_place()

    def execute(self, statement: str, *given: Any) -> list[Any]:
        """Execute a statement in the place."""
        return self.server.rows(statement, *given, place=self.place)

    def go_on(self, seconds: float) -> None:
        """Everything becomes due earlier."""
        interval = f"{seconds} seconds"
        self.execute("UPDATE txresumable_jobs SET due = due - %s::interval", interval)


class SourceTests(_WithServer, JobSourceTests, TestCase):
    """It is a source of jobs as every other one is."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.open_place()
        await super().setUp()

    async def make_source(self) -> PostgreSQLJobs:
        return PostgreSQLJobs(self.place, reactor=reactor)

    async def pass_time(self, seconds: float) -> None:
        self.go_on(seconds)


class PostgreSQLTestCase(_WithServer, SynchronousTestCase):
    """Everything is done at once."""

    def setUp(self) -> None:
        self.open_place()
        self.jobs = self.open()

    def open(self, worker: str = "me") -> PostgreSQLJobs:
        jobs = PostgreSQLJobs(self.place, reactor=Clock(), worker=worker)
        self.addCleanup(jobs.close)
        return jobs

    def add(self, *paths: bytes) -> int:
        new = [NewJob(folder="scans", path=path) for path in paths]
        return self.successResultOf(self.jobs.add(new))

    def claim(self, jobs: PostgreSQLJobs | None = None, count: int = 10) -> list[Job]:
        return self.successResultOf((jobs or self.jobs).claim(["scans"], count, 60.0))


class TableTests(PostgreSQLTestCase):
    """What is in the table."""

    def test_records(self) -> None:
        """Jobs are listed by state, a page at a time."""
        self.add(b"a", b"b\n", b"c", b"d")
        a, b, c = self.claim(count=3)
        self.successResultOf(self.jobs.done(a))
        self.successResultOf(self.jobs.failed(b, "no\0\udc80" + "!" * 3000, None))
        listed = self.successResultOf(self.jobs.records())
        self.assertEqual(
            [(each.state, each.name, each.worker) for each in listed],
            [
                ("done", "a", "me"),
                ("failed", "b\\n", "me"),
                ("claimed", "c", "me"),
                ("queued", "d", ""),
            ],
        )
        self.assertEqual(listed[1].why, "no?" + "!" * 1997)
        self.assertAlmostEqual(listed[2].due - listed[2].changed, 60.0)
        again = self.successResultOf(self.jobs.records(["claimed", "queued"], c.id, 1))
        self.assertEqual([each.name for each in again], ["d"])

    def test_added_by_others(self) -> None:
        """Another program adds a job with its folder and its path."""
        self.claim()
        self.execute("INSERT INTO txresumable_jobs (folder, path) VALUES ('scans', 'a/b')")
        [job] = self.claim()
        self.assertEqual((job.path, job.version, dict(job.progress)), (b"a/b", "", {}))

    def test_retry(self) -> None:
        """What has failed is tried now, anew or from where it is stored; whoever is late is not."""
        self.add(b"a", b"b", b"c")
        a, b, c = self.claim()
        for job, progress in (a, {"identifier": "1"}), (b, {"stored": True, "failed": "x"}):
            done = Job(
                id=job.id,
                claim=job.claim,
                folder="scans",
                path=job.path,
                event_id=job.event_id,
                attempts=5,
                progress=progress,
            )
            self.successResultOf(self.jobs.failed(done, "no", None))
        self.successResultOf(self.jobs.failed(c, "later", 3600.0))
        self.assertEqual(self.successResultOf(self.jobs.retry()), 2)
        again = self.claim()
        self.assertEqual([job.path for job in again], [b"a", b"b"])
        self.assertEqual([dict(job.progress) for job in again], [{}, {"stored": True}])
        self.assertEqual([job.attempts for job in again], [0, 0])
        self.assertEqual([job.event_id for job in again], [a.event_id, b.event_id])
        self.assertEqual(self.successResultOf(self.jobs.retry([a.id, c.id, 99])), 1)
        self.assertEqual([job.id for job in self.claim()], [c.id])

    def test_workers(self) -> None:
        """Who has a job is written down; by default, host and process."""
        self.add(b"a")
        other = PostgreSQLJobs(self.place, reactor=Clock())
        self.addCleanup(other.close)
        self.claim(other)
        [record] = self.successResultOf(other.records())
        self.assertRegex(record.worker, r".+:\d+\Z")


class SchemaTests(PostgreSQLTestCase):
    """The layout of the tables."""

    def test_made(self) -> None:
        """It is made by whoever comes first, and left alone by the others."""
        self.assertEqual(self.execute("SELECT to_regclass('txresumable_jobs')"), [(None,)])
        self.add(b"a")
        self.assertEqual(len(self.claim(self.open())), 1)
        self.assertEqual(self.execute("SELECT * FROM txresumable_layout"), [(len(MIGRATIONS),)])

    def test_no_rights(self) -> None:
        """Who may not create anything uses what is there."""
        self.add(b"a")
        name = self.place.rpartition("=")[2]
        self.execute("DROP ROLE IF EXISTS worker")
        self.execute("CREATE ROLE worker LOGIN")
        self.addCleanup(self.execute, "DROP OWNED BY worker")
        self.execute(f"GRANT USAGE ON SCHEMA {name} TO worker")
        self.execute(f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA {name} TO worker")
        self.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {name} TO worker")
        self.place = self.place.replace("user=postgres", "user=worker")
        self.assertEqual(len(self.claim(self.open())), 1)
        self.place = self.place.replace("user=worker", "user=postgres")

    def test_dropped(self) -> None:
        """Where somebody has removed the tables, and not the sequence, they are made anew."""
        self.add(b"a")
        self.execute("DROP TABLE txresumable_jobs, txresumable_layout")
        self.jobs = self.open()
        self.add(b"b")
        self.assertEqual([job.path for job in self.claim()], [b"b"])

    def test_migrated(self) -> None:
        """A step that is missing is made, and none twice."""
        import psycopg

        from txresumable.push.jobs.schema import migrate

        self.add(b"a")
        more = [*MIGRATIONS, ["CREATE TABLE later (id integer)"]]
        with psycopg.connect(self.place, autocommit=True) as connection:
            migrate(connection, more)
            migrate(connection, more)
        self.assertEqual(self.execute("SELECT max(number) FROM txresumable_layout"), [(2,)])
        self.assertEqual(self.execute("SELECT * FROM later"), [])

    def test_whole(self) -> None:
        """A step that fails leaves nothing."""
        import psycopg

        from txresumable.push.jobs.schema import migrate

        with psycopg.connect(self.place, autocommit=True) as connection:
            broken = ["CREATE TABLE first (id integer)", "CREATE TABLE"]
            self.assertRaises(psycopg.Error, migrate, connection, [broken])
        self.assertEqual(self.execute("SELECT to_regclass('first')"), [(None,)])
        self.assertEqual(self.execute("SELECT to_regclass('txresumable_layout')"), [(None,)])

    def test_too_new(self) -> None:
        """What a later version has made is not touched."""
        self.add(b"a")
        self.execute("INSERT INTO txresumable_layout VALUES (99)")
        other = self.open()
        failed = self.failureResultOf(other.claim(["scans"], 1, 60.0), JobsTooNew)
        self.assertEqual((failed.value.found, failed.value.known), (99, len(MIGRATIONS)))
        self.assertIn("layout is 99", str(failed.value))
        self.assertEqual(len(self.claim()), 1)


class ConnectionTests(PostgreSQLTestCase):
    """The connection."""

    def test_bad(self) -> None:
        """What is no connection string is refused, and not shown."""
        for bad in "secret password", "bogus=secret", "postgresql://h/d?secret":
            error = self.assertRaises(InvalidOption, PostgreSQLJobs, bad, reactor=Clock())
            self.assertNotIn("secret", str(error))
            self.assertIn("not shown", str(error))

    def test_at(self) -> None:
        """An @ in a password that is not escaped would make the rest a host, which errors show."""
        bad = "postgresql://me:a@secret@127.0.0.1/d"
        error = self.assertRaises(InvalidOption, PostgreSQLJobs, bad, reactor=Clock())
        self.assertNotIn("secret", str(error))
        self.assertIn("%40", str(error))

    def test_away(self) -> None:
        """A database that is not there is no end: once it is, it is used."""
        self.add(b"a")
        place = "host=/nowhere user=postgres"
        away = PostgreSQLJobs(place, reactor=Clock())
        self.addCleanup(away.close)
        failed = self.failureResultOf(away.claim(["scans"], 1, 60.0), JobsUnavailable)
        self.assertIn("No such file", str(failed.value))

    def test_cut(self) -> None:
        """One that was cut is made anew: what was not carried out can be asked for again."""
        self.add(b"a", b"b")
        [first] = self.claim(count=1)
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        self.server.rows(cut + " AND application_name = 'txresumable'")
        self.failureResultOf(self.jobs.done(first), JobsUnavailable)
        self.successResultOf(self.jobs.done(first))
        self.assertEqual([job.path for job in self.claim()], [b"b"])

    def test_restarted(self) -> None:
        """So it is after a restart of the database, and after a crash of it."""
        for name, end in (b"a", self.server.shut_down), (b"b", self.server.kill):
            self.add(name)
            [job] = self.claim()
            end()
            self.failureResultOf(self.jobs.done(job), JobsUnavailable)
            self.failureResultOf(self.jobs.done(job), JobsUnavailable)
            self.server.start()
            self.successResultOf(self.jobs.done(job))
        counts = self.successResultOf(self.jobs.counts())
        self.assertEqual(counts, {"scans": {"done": 2}})

    def test_refused(self) -> None:
        """What the database refuses is not carried out, and the connection is of use still."""
        self.add(b"a")
        self.execute("ALTER TABLE txresumable_jobs RENAME TO hidden")
        failed = self.failureResultOf(self.jobs.counts(), JobsUnavailable)
        self.assertIn("txresumable_jobs", str(failed.value))
        self.execute("ALTER TABLE hidden RENAME TO txresumable_jobs")
        self.assertEqual(len(self.claim()), 1)

    def test_durable(self) -> None:
        """What is acknowledged is durable, whatever the database does for others."""
        shown: list[str] = []

        def look(raw: Any) -> None:
            shown.append(raw.execute("SHOW synchronous_commit").fetchone()[0])

        for setting in "off", "remote_write":
            self.place += f"\\ -csynchronous_commit={setting}"
            jobs = self.open()
            self.successResultOf(jobs._connection.run(look))
        self.assertEqual(shown, ["on", "remote_write"])

    def test_closed_twice(self) -> None:
        """Once is enough, more does nothing."""
        self.add(b"a")
        self.successResultOf(self.jobs.close())
        self.successResultOf(self.jobs.close())


class SilentTests(_WithServer, TestCase):
    """A database that is stopped, on a machine that is not."""

    timeout = 60

    async def test_asked_meanwhile(self) -> None:
        """Who asks while it is connected to in vain does not wait for another attempt."""
        self.open_place()
        import psycopg

        all_have_asked, attempts = threading.Event(), []

        def connect(*given: Any, **options: Any) -> None:
            attempts.append(given)
            all_have_asked.wait(30)
            raise psycopg.OperationalError("connection timeout expired")

        with patch("psycopg.connect", connect):
            jobs = PostgreSQLJobs(self.place, reactor=reactor)
            self.addCleanup(jobs.close)
            asked = [jobs.counts() for _ in range(5)]
            all_have_asked.set()
            for each in asked:
                error = await self.assertFailure(each, JobsUnavailable)
                self.assertIn("connection timeout expired", str(error))
            self.assertEqual(len(attempts), 1)
            await self.assertFailure(jobs.counts(), JobsUnavailable)
            self.assertEqual(len(attempts), 2)
        self.assertEqual(await jobs.counts(), {})

    async def test_silent(self) -> None:
        """It is given up after some time, and used again once it goes on."""
        self.open_place()
        self.patch(connection, "_PATIENCE", 0.5)
        jobs = PostgreSQLJobs(self.place, reactor=reactor)
        self.addCleanup(jobs.close)
        await jobs.counts()
        statement = "SELECT pid FROM pg_stat_activity WHERE application_name = 'txresumable'"
        processes = [pid for (pid,) in self.server.rows(statement, place=self.place)]
        self.assertTrue(processes)
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            await self.assertFailure(jobs.counts(), JobsUnavailable)
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)
        await jobs.counts()
