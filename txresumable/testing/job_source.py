"""
What every source of jobs has to do, as tests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from attrs import evolve
from twisted.internet.defer import gatherResults

from ..push.errors import JobLost, JobsUnavailable
from ..push.jobs import Job, JobQueue, JobSource, NewJob

__all__ = ["JobSourceTests"]

if TYPE_CHECKING:
    # Trial's assertions have no types.
    from unittest import TestCase as _TestCase
else:
    _TestCase = object

_LEASE = 60.0


class JobSourceTests(_TestCase):
    """
    Tests that a :class:`~txresumable.push.JobQueue` has to pass, to be mixed into a ``TestCase`` of
    trial's with :meth:`make_source` and :meth:`pass_time`:

    .. code-block:: python

        class MyJobsTests(JobSourceTests, TestCase):
            async def make_source(self):
                return MyJobs(self.place)

            async def pass_time(self, seconds):
                self.clock.advance(seconds)

    :ivar source: the source that is open.
    """

    source: JobQueue

    def make_source(self) -> Awaitable[JobQueue]:
        """
        A source over the test's own place; called again for another process that has the same jobs.
        """
        raise NotImplementedError

    def pass_time(self, seconds: float) -> Awaitable[object]:
        """Have the source's clock go on; or everything that is due become so earlier."""
        raise NotImplementedError

    async def setUp(self) -> None:  # type: ignore[override]
        """Open the source."""
        self.source = await self.make_source()
        self.addCleanup(lambda: self.source.close())

    async def add(self, *paths: str, folder: str = "scans", version: str = "1-1") -> int:
        """Add jobs."""
        return await self.source.add(
            [NewJob(folder=folder, path=path.encode(), version=version) for path in paths]
        )

    async def claim(self, count: int = 10, *folders: str) -> list[Job]:
        """Claim jobs."""
        return await self.source.claim(folders or ("scans",), count, _LEASE)

    async def claim_one(self) -> Job:
        """Claim the only job that is free."""
        [job] = await self.claim()
        return job

    async def lost(self, waiting: Awaitable[object]) -> None:
        """Assert that a job is with somebody else."""
        try:
            await waiting
        except JobLost:
            return
        self.fail("the job was not lost")

    # Claims ------------------------------------------------------------------------------------

    async def test_is_a_source(self) -> None:
        """It has the methods of a source, and of a queue."""
        self.assertIsInstance(self.source, JobSource)
        self.assertIsInstance(self.source, JobQueue)

    async def test_nothing(self) -> None:
        """Of nothing, nothing is claimed."""
        self.assertEqual(await self.claim(), [])
        self.assertEqual(dict(await self.source.counts()), {})

    async def test_claimed(self) -> None:
        """A job that was added is claimed as it was added, without any progress."""
        await self.add("a/b")
        job = await self.claim_one()
        self.assertEqual((job.folder, job.path, job.version), ("scans", b"a/b", "1-1"))
        self.assertEqual((job.attempts, dict(job.progress)), (0, {}))
        self.assertRegex(job.event_id, "^[0-9a-f]{32}$")

    async def test_names(self) -> None:
        """A path is bytes, whatever they are but for the zero byte."""
        paths = [b"line\nbreak", b"\xff\xfe", b"'; --", b"\\x41", "ä".encode(), b" "]
        await self.source.add([NewJob(folder="ä'", path=path) for path in paths])
        jobs = await self.claim(10, "ä'")
        self.assertEqual({job.path for job in jobs}, set(paths))
        self.assertEqual(len({job.event_id for job in jobs}), len(paths))

    async def test_folders(self) -> None:
        """Only of the folders that are named."""
        await self.add("a", folder="one")
        await self.add("b", folder="two")
        self.assertEqual(await self.claim(), [])
        jobs = await self.claim(10, "two", "three")
        self.assertEqual([job.path for job in jobs], [b"b"])

    async def test_count(self) -> None:
        """Not more than are asked for, those that are due longest first."""
        for path in ("c", "a", "b"):
            await self.add(path)
            await self.pass_time(1.0)
        self.assertEqual([job.path for job in await self.claim(2)], [b"c", b"a"])
        self.assertEqual([job.path for job in await self.claim(2)], [b"b"])

    async def test_once(self) -> None:
        """A job is with one claim at a time, however many ask at once."""
        await self.add(*map(str, range(20)))
        other = await self.make_source()
        claiming = [each.claim(["scans"], 6, _LEASE) for each in (self.source, other) * 2]
        found = await gatherResults(claiming)
        await other.close()
        jobs = [job for each in found for job in each]
        self.assertEqual(len(jobs), 20)
        self.assertEqual(len({job.id for job in jobs}), 20)
        self.assertEqual(len({job.claim for job in jobs}), 20)

    async def test_kept(self) -> None:
        """It stays with its claim for the lease, and as long as that is renewed."""
        await self.add("a")
        job = await self.claim_one()
        for _ in range(3):
            await self.pass_time(_LEASE - 20.0)
            self.assertEqual(await self.claim(), [])
            self.assertEqual(await self.source.renew([job], _LEASE), {job.id})
        await self.pass_time(_LEASE - 20.0)
        self.assertEqual(await self.claim(), [])

    async def test_taken_over(self) -> None:
        """After the lease it is claimed again, as the same job with another claim."""
        await self.add("a")
        job = await self.claim_one()
        await self.pass_time(_LEASE + 1.0)
        again = await self.claim_one()
        self.assertNotEqual(again.claim, job.claim)
        self.assertEqual((again.id, again.event_id), (job.id, job.event_id))

    async def test_late(self) -> None:
        """Whoever is late changes nothing."""
        await self.add("a")
        job = await self.claim_one()
        await self.pass_time(_LEASE + 1.0)
        again = await self.claim_one()
        late = evolve(job, progress={"late": True}, attempts=7)
        self.assertEqual(await self.source.renew([late], _LEASE * 9), set())
        await self.lost(self.source.done(late))
        await self.lost(self.source.failed(late, "late", None))
        await self.pass_time(_LEASE + 1.0)
        third = await self.claim_one()
        self.assertEqual((third.id, dict(third.progress), third.attempts), (again.id, {}, 0))

    async def test_late_unnoticed(self) -> None:
        """A claim that has run out holds as long as nobody else has the job."""
        await self.add("a")
        job = await self.claim_one()
        await self.pass_time(_LEASE + 1.0)
        self.assertEqual(await self.source.renew([job], _LEASE), {job.id})
        self.assertEqual(await self.claim(), [])
        await self.source.done(job)

    # Progress ----------------------------------------------------------------------------------

    async def test_progress(self) -> None:
        """What is written down by one claim is known to the next."""
        await self.add("a")
        job = await self.claim_one()
        progress: dict[str, Any] = {"identifier": "ä-1", "sent": 1 << 40, "stored": True}
        await self.source.renew([evolve(job, progress=progress)], _LEASE)
        await self.pass_time(_LEASE + 1.0)
        self.assertEqual(dict((await self.claim_one()).progress), progress)

    async def test_progress_is_added(self) -> None:
        """A renewal that has less of it removes nothing."""
        await self.add("a")
        job = await self.claim_one()
        await self.source.renew([evolve(job, progress={"a": 1, "b": 1})], _LEASE)
        await self.source.renew([evolve(job, progress={"b": 2})], _LEASE)
        await self.source.renew([job], _LEASE)
        await self.pass_time(_LEASE + 1.0)
        self.assertEqual(dict((await self.claim_one()).progress), {"a": 1, "b": 2})

    async def test_several(self) -> None:
        """Several are renewed together, each with its own progress."""
        await self.add("a", "b", "c")
        jobs = await self.claim()
        await self.source.done(jobs[1])
        given = [evolve(job, progress={"path": job.path.decode()}) for job in jobs]
        kept = await self.source.renew(given, _LEASE)
        self.assertEqual(kept, {jobs[0].id, jobs[2].id})
        await self.pass_time(_LEASE + 1.0)
        for job in await self.claim():
            self.assertEqual(dict(job.progress), {"path": job.path.decode()})
        self.assertEqual(await self.source.renew([], _LEASE), set())

    # Ends --------------------------------------------------------------------------------------

    async def test_done(self) -> None:
        """What is done is not claimed again; to say so twice does nothing more."""
        await self.add("a")
        job = await self.claim_one()
        await self.source.done(job)
        await self.source.done(job)
        self.assertEqual(await self.source.renew([job], _LEASE), set())
        await self.lost(self.source.failed(job, "after all", 0.0))
        await self.pass_time(_LEASE * 9)
        self.assertEqual(await self.claim(), [])
        self.assertEqual(await self.count(), {"done": 1})

    async def test_again(self) -> None:
        """What has failed is claimed again in time, with what was written down then."""
        await self.add("a")
        job = await self.claim_one()
        await self.source.renew([evolve(job, progress={"before": 1})], _LEASE)
        failed = evolve(job, attempts=3, progress={"after": 2})
        for _ in range(2):
            await self.source.failed(failed, "zero\0, \udc80 and ä", 30.0)
        self.assertEqual(await self.count(), {"queued": 1})
        self.assertEqual(await self.source.renew([job], _LEASE), set())
        await self.pass_time(20.0)
        self.assertEqual(await self.claim(), [])
        await self.pass_time(11.0)
        again = await self.claim_one()
        self.assertEqual((again.attempts, dict(again.progress)), (3, {"after": 2}))
        await self.lost(self.source.failed(failed, "late", None))

    async def test_given_back(self) -> None:
        """What is given back may be claimed at once."""
        await self.add("a")
        job = await self.claim_one()
        await self.source.failed(job, "", 0.0)
        again = await self.claim_one()
        self.assertEqual((again.id, again.attempts), (job.id, 0))

    async def test_for_good(self) -> None:
        """What has failed for good is not claimed again."""
        await self.add("a")
        job = await self.claim_one()
        for _ in range(2):
            await self.source.failed(job, "for good", None)
        await self.pass_time(_LEASE * 9)
        self.assertEqual(await self.claim(), [])
        self.assertEqual(await self.count(), {"failed": 1})

    # Filling it --------------------------------------------------------------------------------

    async def test_added_once(self) -> None:
        """Of one version there is one job, in whichever state; of another one, another."""
        self.assertEqual(await self.add("a", "b"), 2)
        self.assertEqual(await self.add("a", "c", "c"), 1)
        for job in await self.claim():
            await self.source.done(job)
        self.assertEqual(await self.add("a", "b"), 0)
        self.assertEqual(await self.claim(), [])
        self.assertEqual(await self.add("a", version="2-2"), 1)
        self.assertEqual(await self.add("a", folder="other"), 1)
        self.assertEqual(await self.add(), 0)
        self.assertEqual(await self.count(), {"done": 3, "queued": 1})

    async def test_added_as_it_is_back(self) -> None:
        """What has failed as its file was gone begins anew; what has failed otherwise does not."""
        await self.add("a", "b")
        jobs = {job.path: evolve(job, attempts=2) for job in await self.claim(2)}
        await self.source.failed(evolve(jobs[b"a"], progress={"gone": True}), "why", None)
        await self.source.failed(evolve(jobs[b"b"], progress={"other": True}), "why", None)
        self.assertEqual(await self.add("a", "b", "a"), 1)
        again = await self.claim_one()
        self.assertEqual((again.path, again.attempts, dict(again.progress)), (b"a", 0, {}))
        self.assertNotEqual(again.event_id, jobs[b"a"].event_id)
        self.assertEqual(await self.add("a"), 0)
        self.assertEqual(await self.count(), {"claimed": 1, "failed": 1})

    async def test_begun_anew(self) -> None:
        """What is done or has failed is done once more, as another delivery; nothing else is."""
        await self.add("a", "b", "c", "d")
        jobs = await self.claim(3)
        jobs = [evolve(job, attempts=2, progress={"stored": True}) for job in jobs]
        await self.source.done(jobs[0])
        await self.source.failed(jobs[1], "why", None)
        every = [NewJob(folder="scans", path=path, version="1-1") for path in (b"a", b"b", b"c")]
        begun = [*every, every[0], NewJob(folder="scans", path=b"new")]
        self.assertEqual(await self.source.again(begun), 3)
        await self.lost(self.source.done(jobs[0]))
        again = sorted(await self.claim(), key=lambda job: job.path)
        self.assertEqual([job.path for job in again], [b"a", b"b", b"d", b"new"])
        for job, before in zip(again, jobs[:2], strict=False):
            self.assertEqual((job.id, job.attempts, dict(job.progress)), (before.id, 0, {}))
            self.assertNotEqual(job.event_id, before.event_id)
        self.assertEqual(await self.source.renew(jobs, 10.0), {jobs[2].id})

    async def test_begun_anew_once(self) -> None:
        """To ask for it twice, as when the response was lost, does nothing more, ever."""
        for _ in range(2):
            asked = NewJob(folder="scans", path=b"a", version="1-1")
            self.assertEqual([await self.source.again([asked]) for _ in range(2)], [1, 0])
            job = await self.claim_one()
            await self.source.done(job)
            self.assertEqual((await self.source.again([asked]), job.event_id), (0, asked.event_id))

    async def test_lasts(self) -> None:
        """All of it is there for another process, and after the source was closed."""
        await self.add("a", "b", "c")
        job, other, _ = await self.claim()
        await self.source.done(job)
        await self.source.failed(other, "", None)
        await self.source.close()
        self.source = await self.make_source()
        self.assertEqual(await self.count(), {"done": 1, "failed": 1, "claimed": 1})

    async def test_closed(self) -> None:
        """One that is closed is not available."""
        await self.add("a")
        job = await self.claim_one()
        await self.source.close()
        verbs: list[Callable[[], Awaitable[object]]] = [
            lambda: self.source.claim(["scans"], 1, _LEASE),
            lambda: self.source.renew([job], _LEASE),
            lambda: self.source.done(job),
            lambda: self.source.failed(job, "", None),
            lambda: self.source.add([NewJob(folder="scans", path=b"b")]),
            lambda: self.source.counts(),
        ]
        for verb in verbs:
            with self.assertRaises(JobsUnavailable):
                await verb()

    async def count(self, folder: str = "scans") -> dict[str, int]:
        """How many jobs there are in each state."""
        return dict((await self.source.counts()).get(folder, {}))
