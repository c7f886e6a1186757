"""
Jobs in a table of PostgreSQL.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from ..._runtime.reactor import Reactor
from ..errors import JobLost
from .connection import Connection
from .job import STATES, Job, JobRecord, NewJob

__all__ = ["PostgreSQLJobs"]

_LONGEST = 2000
"""Characters of a reason."""


class PostgreSQLJobs:
    """
    A :class:`JobQueue` in a table of PostgreSQL 13 or later, ``txresumable_jobs``, which is made
    when it is first used.  Needs psycopg: ``pip install 'txresumable[postgresql]'``.

    Several processes take jobs from it at once (``FOR UPDATE SKIP LOCKED``); leases are timed by
    the database's ``now()``.  A connection that is lost is made anew with the next thing that is
    asked for.
    """

    def __init__(
        self, conninfo: str, *, reactor: Reactor | None = None, worker: str | None = None
    ) -> None:
        """
        :param conninfo: as libpq takes it: ``postgresql://user@host/database`` or
            ``host=... dbname=...``.
        :param reactor: the installed one by default, looked up now.
        :param worker: what this process is called in the table; host and process by default.
        :raises ImportError: if psycopg is missing.
        :raises InvalidOption: if ``conninfo`` cannot be read.
        """
        if reactor is None:
            from twisted.internet import reactor
        self._connection = Connection(conninfo, reactor)
        self._worker = f"{socket.gethostname()}:{os.getpid()}" if worker is None else worker

    # The four verbs ----------------------------------------------------------------------------

    def claim(self, folders: Sequence[str], count: int, lease: float) -> Deferred[list[Job]]:
        """:meth:`JobSource.claim`."""
        given = (list(folders), count, self._worker, lease)

        def work(raw: Any) -> list[Job]:
            return [_job_of(row) for row in raw.execute(_CLAIM, given).fetchall()]

        return self._connection.run(work)

    def renew(self, jobs: Sequence[Job], lease: float) -> Deferred[set[int]]:
        """:meth:`JobSource.renew`."""
        ids, claims = [job.id for job in jobs], [job.claim for job in jobs]
        progress = [_text(job.progress) for job in jobs]

        def work(raw: Any) -> set[int]:
            return {id for (id,) in raw.execute(_RENEW, (lease, ids, claims, progress)).fetchall()}

        return self._connection.run(work)

    def done(self, job: Job) -> Deferred[None]:
        """:meth:`JobSource.done`."""
        return self._end(job, _DONE, (_text(job.progress), job.id, job.claim))

    def failed(self, job: Job, why: str, again: float | None) -> Deferred[None]:
        """:meth:`JobSource.failed`."""
        state = "failed" if again is None else "queued"
        facts = (state, again or 0.0, _plain(why), job.attempts, _text(job.progress))
        return self._end(job, _FAILED, (*facts, job.id, job.claim))

    def _end(self, job: Job, statement: str, given: tuple[Any, ...]) -> Deferred[None]:
        def work(raw: Any) -> None:
            if not raw.execute(statement, given).rowcount:
                raise JobLost(job.id)

        return self._connection.run(work)

    def close(self) -> Deferred[None]:
        """:meth:`JobSource.close`."""
        return self._connection.close()

    # Filling it --------------------------------------------------------------------------------

    def add(self, jobs: Sequence[NewJob]) -> Deferred[int]:
        """:meth:`JobQueue.add`."""
        return self._put(jobs, _ADD)

    def again(self, jobs: Sequence[NewJob]) -> Deferred[int]:
        """:meth:`JobQueue.again`."""
        return self._put(jobs, _AGAIN)

    def _put(self, jobs: Sequence[NewJob], statement: str) -> Deferred[int]:
        jobs = list(dict.fromkeys(jobs))  # no row may be met twice
        columns = (
            [job.folder for job in jobs],
            [job.path for job in jobs],
            [job.version for job in jobs],
            [job.event_id for job in jobs],
        )

        def work(raw: Any) -> int:
            return int(raw.execute(statement, columns).rowcount)

        return self._connection.run(work)

    # Looking into it ---------------------------------------------------------------------------

    def counts(self) -> Deferred[Mapping[str, Mapping[str, int]]]:
        """:meth:`JobQueue.counts`."""

        def work(raw: Any) -> Mapping[str, Mapping[str, int]]:
            raw.execute(_BRIEFLY)
            found: dict[str, dict[str, int]] = {}
            for folder, state, count in raw.execute(_COUNTS).fetchall():
                found.setdefault(folder, {})[state] = count
            return found

        return self._connection.run(work)

    def records(
        self, states: Iterable[str] = STATES, after: int = 0, limit: int = 1000
    ) -> Deferred[list[JobRecord]]:
        """
        What is known about jobs, in the order of their numbers, a page at a time.

        :param states: those that are in one of these.
        :param after: those with a greater number.
        :param limit: how many at most.
        :returns: a Deferred that fires with them.
        """
        given = (list(states), after, limit)

        def work(raw: Any) -> list[JobRecord]:
            return [_record_of(row) for row in raw.execute(_RECORDS, given).fetchall()]

        return self._connection.run(work)

    def retry(self, ids: Sequence[int] | None = None) -> Deferred[int]:
        """
        Have jobs tried now that have failed or wait: one that is stored goes on from there, any
        other begins anew.

        :param ids: their numbers; all that have failed, if it is :data:`None`.
        :returns: a Deferred that fires with how many these were.
        """
        states = ["failed"] if ids is None else ["failed", "queued"]
        given = (states, ids is None, list(ids or ()))

        def work(raw: Any) -> int:
            return int(raw.execute(_RETRY, given).rowcount)

        return self._connection.run(work)


_CLAIM = """
    WITH chosen AS (
        SELECT id, due AS since FROM txresumable_jobs
        WHERE state IN ('queued', 'claimed') AND due <= now() AND folder = ANY(%s)
        ORDER BY due, id LIMIT %s FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE txresumable_jobs AS job SET state = 'claimed', worker = %s,
            claim = nextval('txresumable_claims'), due = now() + make_interval(secs => %s),
            changed = now()
        FROM chosen WHERE job.id = chosen.id RETURNING job.*, chosen.since
    )
    SELECT id, claim, folder, path, version, event_id, attempts, progress,
        extract(epoch FROM added)::float8
    FROM taken ORDER BY since, id
"""
_RENEW = """
    UPDATE txresumable_jobs AS job SET due = now() + make_interval(secs => %s),
        progress = job.progress || given.progress::jsonb
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS given (id, claim, progress)
    WHERE job.id = given.id AND job.claim = given.claim AND job.state = 'claimed'
    RETURNING job.id
"""
_DONE = """
    UPDATE txresumable_jobs SET state = 'done', why = '', progress = progress || %s::jsonb,
        changed = now()
    WHERE id = %s AND claim = %s AND state IN ('claimed', 'done')
"""
_FAILED = """
    UPDATE txresumable_jobs SET state = %s, due = now() + make_interval(secs => %s), why = %s,
        attempts = %s, progress = %s::jsonb, changed = now()
    WHERE id = %s AND claim = %s AND state <> 'done'
"""
_PUT = """
    INSERT INTO txresumable_jobs AS job (folder, path, version, event_id)
    SELECT * FROM unnest(%s::text[], %s::bytea[], %s::text[], %s::uuid[])
    ON CONFLICT (folder, path, version) DO UPDATE SET state = 'queued', due = now(),
        claim = nextval('txresumable_claims'), attempts = 0, why = '', progress = '{}',
        event_id = excluded.event_id, changed = now()
    WHERE"""
_ADD = f"{_PUT} job.state = 'failed' AND jsonb_exists(job.progress, 'gone')"
_AGAIN = f"{_PUT} job.state IN ('done', 'failed') AND job.event_id <> excluded.event_id"
# Claims are renewed on the same connection.
_BRIEFLY = "SET LOCAL statement_timeout = '5s'"
_COUNTS = "SELECT folder, state, count(*) FROM txresumable_jobs GROUP BY folder, state"
_RECORDS = """
    SELECT id, folder, path, version, state, why, attempts, worker,
        extract(epoch FROM due)::float8, extract(epoch FROM changed)::float8
    FROM txresumable_jobs WHERE state = ANY(%s) AND id > %s ORDER BY id LIMIT %s
"""
# The claim is another one, so that whoever has given it up cannot do so once more.
_RETRY = """
    UPDATE txresumable_jobs SET state = 'queued', due = now(), attempts = 0, why = '',
        claim = nextval('txresumable_claims'), changed = now(),
        progress = CASE WHEN jsonb_exists(progress, 'stored') THEN progress - 'failed'
            ELSE '{}' END
    WHERE state = ANY(%s) AND (%s OR id = ANY(%s))
"""


def _job_of(row: tuple[Any, ...]) -> Job:
    id, claim, folder, path, version, event_id, attempts, progress, added = row
    return Job(
        id=id,
        claim=claim,
        folder=folder,
        path=bytes(path),
        version=version,
        event_id=event_id.hex,
        attempts=attempts,
        progress=progress,
        added=added,
    )


def _record_of(row: tuple[Any, ...]) -> JobRecord:
    id, folder, path, version, state, why, attempts, worker, due, changed = row
    return JobRecord(
        id=id,
        folder=folder,
        path=bytes(path),
        version=version,
        state=state,
        why=why,
        attempts=attempts,
        worker=worker,
        due=due,
        changed=changed,
    )


def _text(progress: Mapping[str, Any]) -> str:
    return json.dumps(dict(progress))


def _plain(why: str) -> str:
    """A reason as the database takes it."""
    return why.replace("\0", "")[:_LONGEST].encode("utf-8", "replace").decode()
