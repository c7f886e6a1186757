"""
What keeps the jobs of several machines: four verbs for who sends, one for who finds files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from twisted.internet.defer import Deferred

from .job import Job, NewJob

__all__ = ["JobQueue", "JobSource"]


@runtime_checkable
class JobSource(Protocol):
    """
    Where several processes get the files from that they send.

    :class:`~txresumable.push.PostgreSQLJobs` is one, ``txresumable.testing.MemoryJobs`` another; a
    source of your own has these methods, and passes :class:`~txresumable.testing.JobSourceTests`.
    All are called by the reactor's thread.  What holds for each of them:

    - It is durable before its Deferred fires.
    - If the source cannot be used, the Deferred fails with
      :exc:`~txresumable.push.JobsUnavailable`.  Then it may have been carried out or not, so the
      same is asked for again; a verb that is repeated does nothing more.
    - A job is with one claim at a time.  Whoever is late, as its job was claimed by another one
      after the lease, changes nothing.
    - Leases are timed by the source's clock alone.
    - Cancelling a Deferred undoes nothing.
    """

    def claim(self, folders: Sequence[str], count: int, lease: float) -> Deferred[list[Job]]:
        """
        Take jobs: those that are due, and those whose claim has not been renewed in time.

        :param folders: the names of folders whose jobs may be taken.
        :param count: how many at most.
        :param lease: in how many seconds others may take them, if the claim is not renewed.
        :returns: a Deferred that fires with them, those that are due longest first.  Each has the
            ``progress`` that was written down last, by whichever claim.
        """

    def renew(self, jobs: Sequence[Job], lease: float) -> Deferred[set[int]]:
        """
        Keep jobs for longer, and write down how far they are: each key of a job's ``progress`` is
        added to, or replaced in, what is written down; none is removed.

        :param jobs: jobs that were claimed.
        :param lease: seconds from now.
        :returns: a Deferred that fires with the numbers of those that are still with their claim;
            the others belong to somebody else, or are at their end.
        """

    def done(self, job: Job) -> Deferred[None]:
        """
        End a job well; its ``progress`` is added to what is written down.

        :returns: a Deferred that fires when that is durable.  It fails with
            :exc:`~txresumable.push.JobLost` if the job is not with this claim any more.
        """

    def failed(self, job: Job, why: str, again: float | None) -> Deferred[None]:
        """
        Give a job up: its ``attempts`` and its ``progress`` are written down in the place of what
        was there.

        :param why: for people; empty if it was no fault of the job.
        :param again: in how many seconds it may be claimed again; :data:`None` if it has failed for
            good.
        :returns: as for :meth:`done`.
        """

    def close(self) -> Deferred[None]:
        """
        Let go of everything but the jobs.  What was asked for before is finished.

        :returns: a Deferred that fires when nothing is left.
        """


@runtime_checkable
class JobQueue(JobSource, Protocol):
    """A source that jobs can be added to: watched folders need one."""

    def add(self, jobs: Sequence[NewJob]) -> Deferred[int]:
        """
        Add jobs.  One that is there already, in whichever state, is left as it is; but one that has
        failed with ``gone`` in its ``progress`` begins anew, with the ``event_id`` that is given
        now: its file did not lie there as it was to be, and does now.

        :returns: a Deferred that fires with how many were new or begin anew, once that is durable.
        """

    def again(self, jobs: Sequence[NewJob]) -> Deferred[int]:
        """
        Have jobs done once more: one that is done or has failed begins anew, with the ``event_id``
        that is given now, unless it has this already, as this was asked for before; one that is not
        there is added; one that is queued or claimed is left as it is.

        :returns: a Deferred that fires with how many begin anew or are added, once that is durable.
        """

    def counts(self) -> Deferred[Mapping[str, Mapping[str, int]]]:
        """
        How many jobs each folder has in each state.

        :returns: a Deferred that fires with that; states without any are left out.
        """
