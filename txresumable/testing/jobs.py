"""
A queue of jobs in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from .._runtime.reactor import Timed
from ..push.errors import JobLost, JobsUnavailable
from ..push.jobs import Job, NewJob

__all__ = ["MemoryJobs"]

_T = TypeVar("_T")


@define
class _Row:
    id: int
    new: NewJob
    due: float
    added: float
    state: str = "queued"
    claim: int = 0
    attempts: int = 0
    why: str = ""
    progress: dict[str, Any] = field(factory=dict)


@define
class _Table:
    rows: dict[int, _Row] = field(factory=dict)
    keys: set[tuple[str, bytes, str]] = field(factory=set)
    claims: int = 0


class MemoryJobs:
    """
    A :class:`~txresumable.push.JobQueue` in memory, for tests.

    :ivar trouble: if it is not empty, everything fails with that, and nothing is done.
    :ivar loses: if it is true, everything is done, and fails all the same, as if the response was
        lost.
    :ivar asked: the verbs that were called, by name.
    """

    def __init__(self, clock: Timed, _table: _Table | None = None) -> None:
        """
        :param clock: an ``IReactorTime``, which times leases.
        """
        self.trouble = ""
        self.loses = False
        self.asked: list[str] = []
        self._clock = clock
        self._table = _Table() if _table is None else _table
        self._is_closed = False

    def another(self) -> MemoryJobs:
        """The same jobs, for another process; with an ``asked``, and a ``trouble``, of its own."""
        return type(self)(self._clock, self._table)

    def rows(self) -> list[dict[str, Any]]:  # Any, as JSON has it
        """All jobs, as they are now: ``name``, ``state``, ``why``, ``attempts``, ``progress``."""
        return [
            {
                "name": row.new.path.decode("utf-8", "backslashreplace"),
                "state": row.state,
                "why": row.why,
                "attempts": row.attempts,
                "progress": dict(row.progress),
            }
            for row in self._table.rows.values()
        ]

    # The four verbs ----------------------------------------------------------------------------

    def claim(self, folders: Sequence[str], count: int, lease: float) -> Deferred[list[Job]]:
        """:meth:`~txresumable.push.JobSource.claim`."""

        def work() -> list[Job]:
            now = self._clock.seconds()
            free = [
                row
                for row in self._table.rows.values()
                if row.state in ("queued", "claimed") and row.due <= now
                if row.new.folder in folders
            ]
            free.sort(key=lambda row: (row.due, row.id))
            return [self._claimed(row, now + lease) for row in free[:count]]

        return self._do("claim", work)

    def _claimed(self, row: _Row, due: float) -> Job:
        self._table.claims += 1
        row.state, row.claim, row.due = "claimed", self._table.claims, due
        return Job(
            id=row.id,
            claim=row.claim,
            folder=row.new.folder,
            path=row.new.path,
            version=row.new.version,
            event_id=row.new.event_id,
            attempts=row.attempts,
            progress=row.progress,
            added=row.added,
        )

    def renew(self, jobs: Sequence[Job], lease: float) -> Deferred[set[int]]:
        """:meth:`~txresumable.push.JobSource.renew`."""

        def work() -> set[int]:
            kept = set()
            for job in jobs:
                row = self._table.rows[job.id]
                if row.claim == job.claim and row.state == "claimed":
                    row.due = self._clock.seconds() + lease
                    row.progress.update(job.progress)
                    kept.add(job.id)
            return kept

        return self._do("renew", work)

    def done(self, job: Job) -> Deferred[None]:
        """:meth:`~txresumable.push.JobSource.done`."""

        def work() -> None:
            row = self._row_of(job, "claimed", "done")
            row.state, row.why = "done", ""
            row.progress.update(job.progress)

        return self._do("done", work)

    def failed(self, job: Job, why: str, again: float | None) -> Deferred[None]:
        """:meth:`~txresumable.push.JobSource.failed`."""

        def work() -> None:
            row = self._row_of(job, "claimed", "queued", "failed")
            row.state = "failed" if again is None else "queued"
            row.due = self._clock.seconds() + (again or 0.0)
            row.why, row.attempts, row.progress = why, job.attempts, dict(job.progress)

        return self._do("failed", work)

    def _row_of(self, job: Job, *states: str) -> _Row:
        row = self._table.rows[job.id]
        if row.claim != job.claim or row.state not in states:
            raise JobLost(job.id)
        return row

    def close(self) -> Deferred[None]:
        """:meth:`~txresumable.push.JobSource.close`."""
        self._is_closed = True
        return succeed(None)

    # Filling it --------------------------------------------------------------------------------

    def add(self, jobs: Sequence[NewJob]) -> Deferred[int]:
        """:meth:`~txresumable.push.JobQueue.add`."""

        def is_over(row: _Row, new: NewJob) -> bool:
            return row.state == "failed" and "gone" in row.progress

        return self._do("add", lambda: self._begin(jobs, is_over))

    def _begin(self, jobs: Sequence[NewJob], is_over: Callable[[_Row, NewJob], bool]) -> int:
        """Have some jobs begun anew, and add those that are not there."""
        now, rows = self._clock.seconds(), self._table.rows
        given: dict[NewJob, NewJob] = {}
        for job in jobs:
            given.setdefault(job, job)  # of equal ones, each has an event id of its own
        begun = [row for row in rows.values() if row.new in given and is_over(row, given[row.new])]
        for row in begun:
            self._table.claims += 1
            new, claim = given[row.new], self._table.claims
            rows[row.id] = _Row(row.id, new, now, row.added, claim=claim)
        return len(begun) + self._add(jobs)

    def _add(self, jobs: Sequence[NewJob]) -> int:
        now, rows, keys = self._clock.seconds(), self._table.rows, self._table.keys
        before = len(rows)
        for new in jobs:
            key = new.folder, new.path, new.version
            if key not in keys:
                keys.add(key)
                rows[len(rows) + 1] = _Row(len(rows) + 1, new, now, now)
        return len(rows) - before

    def again(self, jobs: Sequence[NewJob]) -> Deferred[int]:
        """:meth:`~txresumable.push.JobQueue.again`."""

        def is_over(row: _Row, new: NewJob) -> bool:
            return row.state in ("done", "failed") and row.new.event_id != new.event_id

        return self._do("again", lambda: self._begin(jobs, is_over))

    def counts(self) -> Deferred[Mapping[str, Mapping[str, int]]]:
        """:meth:`~txresumable.push.JobQueue.counts`."""

        def work() -> Mapping[str, Mapping[str, int]]:
            found: dict[str, dict[str, int]] = {}
            for row in self._table.rows.values():
                states = found.setdefault(row.new.folder, {})
                states[row.state] = states.get(row.state, 0) + 1
            return found

        return self._do("counts", work)

    def _do(self, verb: str, work: Callable[[], _T]) -> Deferred[_T]:
        self.asked.append(verb)
        if self._is_closed or self.trouble:
            return fail(JobsUnavailable(self.trouble or "it is closed"))
        try:
            result = work()
        except JobLost:
            return fail(Failure())
        if self.loses:
            return fail(JobsUnavailable("the response was lost"))
        return succeed(result)
