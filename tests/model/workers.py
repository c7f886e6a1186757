"""The threads of the receiver, which work when they are told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred, execute


@define
class Job:
    """
    Something that a thread is to do.

    :ivar result: fires, in the reactor, some time after it was done.
    :ivar asked: when that was asked for.
    :ivar outcome: what came of it, once it was done.
    """

    work: Callable[[], Any]
    result: Deferred[Any]
    asked: float
    outcome: Deferred[Any] | None = None
    is_working: bool = False


class Workers:
    """
    :param now: the wall clock.
    :ivar held: whether work waits until it is told to begin; otherwise it is done at once.
    """

    def __init__(self, now: Callable[[], float], *, held: bool) -> None:
        self.held = held
        self.jobs: list[Job] = []
        self._now = now
        self._at_work: list[Job] = []

    @property
    def asked(self) -> float:
        """When that was asked for which is being done just now."""
        return self._at_work[-1].asked if self._at_work else self._now()

    def run(self, work: Callable[..., Any], *arguments: Any, **options: Any) -> Deferred[Any]:
        """Have something done (a :class:`~txresumable.receiver.Run`)."""
        if not self.held:
            return execute(work, *arguments, **options)
        job = Job(lambda: work(*arguments, **options), Deferred(), self._now())
        self.jobs.append(job)
        return job.result

    def work(self, job: Job) -> None:
        """Do it; nobody hears of that yet."""
        if job.outcome is None and not job.is_working:
            job.is_working = True
            self._at_work.append(job)
            job.outcome = execute(job.work)
            self._at_work.remove(job)
            job.is_working = False

    def tell(self, job: Job) -> None:
        """Let the reactor hear what came of it."""
        if job.outcome is not None and job in self.jobs:
            self.jobs.remove(job)
            job.outcome.chainDeferred(job.result)

    def flush(self) -> None:
        """Do all, in order."""
        for _ in range(1000):
            ready = [job for job in self.jobs if not job.is_working]
            if not ready:
                return
            self.work(ready[0])
            self.tell(ready[0])
        raise AssertionError("the work does not end")
