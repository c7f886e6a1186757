"""Tests for files that watched folders hand over to a queue."""

from __future__ import annotations

import os
import shutil

from attrs import evolve

from tests.queue_rig import LEASE, QueueTestCase
from txresumable.push import JobSource, NotThere, PushService, PushState
from txresumable.push.delivery.insisting import PAUSE
from txresumable.push.entry import HANDED_OVER


class FourVerbs:
    """A source of jobs that cannot be filled."""

    def __init__(self, jobs: JobSource) -> None:
        self.claim, self.renew = jobs.claim, jobs.renew
        self.done, self.failed, self.close = jobs.done, jobs.failed, jobs.close


class HandoverTests(QueueTestCase):
    """What is dropped into a folder comes into the queue."""

    watching = {"watch": True}

    def test_handed_over(self) -> None:
        """Each version once, and whoever is free sends it."""
        self.file("a", "first")
        service = self.worker(queue=self.watching)
        self.assertEqual(self.job_states(), {"a": "done"})
        self.assertEqual(self.states(service), {"a": "done"})
        self.assertEqual(self.entry(service).why, "in the queue")
        self.file("a", "second")
        self.rescan(service)
        self.assertEqual([row["state"] for row in self.jobs.rows()], ["done", "done"])
        contents = sorted(file.content for file in self.receiver.files.values())
        self.assertEqual(contents, [b"first", b"second"])

    def test_by_several(self) -> None:
        """Several that watch the same folder add it once."""
        self.file("a")
        self.file("b")
        services = [self.worker(queue=self.watching) for _ in range(3)]
        self.assertEqual(self.job_states(), {"a": "done", "b": "done"})
        self.assertEqual(len(self.jobs.rows()), 2)
        for service in services:
            self.assertEqual(self.states(service), {"a": "done", "b": "done"})

    def test_journal_lost(self) -> None:
        """Nor is it added again by one that has lost its journal."""
        self.file("a")
        service = self.worker(queue=self.watching)
        self.stop(service)
        shutil.rmtree(service.settings.state)
        service.startService()
        self.rescan(service)
        self.assertEqual(len(self.jobs.rows()), 1)
        self.assertEqual(self.states(service), {"a": "done"})

    def test_away(self) -> None:
        """While the queue is away, it waits."""
        service = self.worker(queue=self.watching)
        self.handles[0].trouble = "no route"
        self.file("a")
        self.rescan(service)
        self.assertEqual((self.jobs.rows(), self.states(service)), ([], {"a": "uploading"}))
        self.handles[0].trouble = ""
        self.clock.advance(PAUSE)
        self.assertEqual((self.job_states(), self.states(service)), ({"a": "done"}, {"a": "done"}))

    def test_response_lost(self) -> None:
        """If it is not known whether it was added, it is added once more, which does nothing."""
        service = self.worker(queue=self.watching)
        self.handles[0].loses = True
        self.file("a")
        self.rescan(service)
        self.assertEqual(self.states(service), {"a": "uploading"})
        self.handles[0].loses = False
        self.clock.advance(PAUSE)
        self.assertEqual(len(self.jobs.rows()), 1)
        self.assertEqual(self.states(service), {"a": "done"})

    def test_stopped(self) -> None:
        """What was not added when it stopped is added at the next start."""
        service = self.worker(queue=self.watching)
        self.handles[0].trouble = "no route"
        self.file("a")
        self.rescan(service)
        self.restarted(service)
        self.assertEqual((self.job_states(), self.states(service)), ({"a": "done"}, {"a": "done"}))

    def test_reloaded(self) -> None:
        """Or when the settings were read anew."""
        service = self.worker(queue=self.watching)
        self.handles[0].trouble = "no route"
        self.file("a")
        self.rescan(service)
        assert service.delivery is not None
        sending = service.delivery.routes["scans"].sending
        sending.stop()
        self.successResultOf(sending.idle())
        self.assertEqual(self.states(service), {"a": "uploading"})
        self.handles[0].trouble = ""
        queue = evolve(service.settings.queue, lease=LEASE / 2)
        service._reload = lambda: evolve(service.settings, queue=queue)
        reloading = service.reload()
        self.pass_time(30)
        self.successResultOf(reloading)
        self.assertEqual((self.job_states(), self.states(service)), ({"a": "done"}, {"a": "done"}))
        self.assertEqual(len(self.handles), 1)  # as the source is the application's
        self.assertEqual(service.settings.queue, queue)

    def test_not_watching(self) -> None:
        """One that is not to watch sends what others add."""
        self.file("a")
        self.file("b")
        service = self.worker()
        self.assertEqual(self.jobs.rows(), [])
        self.add("a")
        self.pass_time(6)
        self.assertEqual((self.job_states(), self.states(service)), ({"a": "done"}, {}))
        self.assertEqual(self.result(service.status())["folders"]["scans"]["last_scan"], 0.0)

    def test_cannot_be_filled(self) -> None:
        """A source that cannot be filled is sent from, and no folder is watched."""
        self.file("a")
        self.file("b")
        self.add("b")
        self.worker(queue=self.watching, source=lambda: FourVerbs(self.handle()))
        self.assertEqual(self.job_states(), {"b": "done"})

    def test_once_more(self) -> None:
        """What was sent is sent once more if an operator wants that, also after a restart."""
        self.file("a")
        service = self.worker(queue=self.watching)
        before = self.entry(service)
        self.handles[0].trouble = "no route"
        self.result(service.again(before.id))
        self.assertEqual(self.states(service), {"a": "uploading"})
        self.assertEqual(sum(self.arrivals().values()), 1)
        self.restarted(service)
        self.assertEqual((self.job_states(), self.states(service)), ({"a": "done"}, {"a": "done"}))
        self.assertEqual(self.entry(service).note, HANDED_OVER)
        asked = [name for name in self.handles[1].asked if name in ("add", "again", "done")]
        self.assertEqual(asked, ["again", "done"])

    def test_once_more_response_lost(self) -> None:
        """
        If it is not known whether it was queued once more, it is sent once more all the same, and
        not twice, not even if a restart comes in between.
        """
        self.file("a")
        service = self.worker(queue=self.watching)
        self.worker()
        self.handles[0].loses = True
        self.result(service.again(self.entry(service).id))
        self.assertEqual(self.states(service), {"a": "uploading"})
        self.stop(service)
        self.pass_time(30)
        self.assertEqual((self.job_states(), self.sent()), ({"a": "done"}, 2))
        service.startService()
        self.pass_time(30)
        self.assertEqual((self.job_states(), self.sent()), ({"a": "done"}, 2))
        self.assertEqual(self.states(service), {"a": "done"})
        self.assertEqual(self.handles[0].asked.count("again"), 1)
        self.assertEqual(self.handles[2].asked.count("again"), 1)

    def test_once_more_and_held(self) -> None:
        """So it is if it was held, or cancelled, before it came into the queue."""
        for cancelled in (False, True):
            self.file("a")
            service = self.worker(queue=self.watching)
            handle = self.handles[-1]
            entry = self.entry(service)
            handle.trouble = "no route"
            self.file("b")
            self.rescan(service)
            self.assertIs(self.result(service.again(entry.id)).state, PushState.QUEUED)
            if cancelled:
                self.result(service.cancel(entry.id))
                self.pass_time(1)
                self.result(service.again(entry.id))
            else:
                self.result(service.hold(entry.id))
                self.result(service.release(entry.id))
            handle.trouble = ""
            self.clock.advance(PAUSE)
            self.pass_time(6)
            self.assertEqual(self.states(service), {"a": "done", "b": "done"})
            self.assertEqual(self.job_states(), {"a": "done", "b": "done"})
            self.assertEqual(self.sent(), 3)
            self.stop(service)
            self.setUp()

    def sent(self) -> int:
        """How often a job was done."""
        return sum(name == "done" for each in self.handles for name in each.asked)

    def test_once_more_from_disk_that_hangs(self) -> None:
        """Only that file waits for it: whether it lies there is found out in a thread."""
        self.file("a")
        service = self.worker(queue=self.watching)
        go_on, again = self.hung(lambda: service.again(self.entry(service).id))
        self.assertNoResult(again)
        self.assertEqual(self.states(service), {"a": "done"})
        go_on()
        self.result(again)
        self.pass_time(6)
        self.assertEqual(self.handles[0].asked.count("done"), 2)

    def test_not_there_once_more(self) -> None:
        """One that was taken away, by whichever machine, is not, and that is said."""
        self.file("a")
        service = self.worker(queue=self.watching, after="delete")
        self.assertEqual(os.listdir(self.folder), [])
        error = self.failureResultOf(service.again(self.entry(service).id), NotThere).value
        self.assertEqual(str(error), "'a' is not in its folder any more, or is another version")
        self.assertEqual(self.states(service), {"a": "done"})
        error = self.failureResultOf(service.hold(self.entry(service).id)).value
        self.assertEqual(str(error), "'a' is done (in the queue) and cannot be held")

    def missed(self) -> PushService:
        """A service that has found a file missing which it had handed over, in its folder."""
        self.file("a")
        self.file("b")
        service = self.worker(queue=self.watching)
        service.pause()
        self.file("c")
        self.rescan(service)
        self.assertEqual(self.job_states(), {"a": "done", "b": "done", "c": "queued"})
        return service

    def move_away(self) -> None:
        """Take a file out of the folder."""
        os.rename(os.path.join(self.folder, "c"), os.path.join(self.base, "away"))

    def move_back(self) -> None:
        """Move it back."""
        os.rename(os.path.join(self.base, "away"), os.path.join(self.folder, "c"))

    def test_moved_back(self) -> None:
        """What was away as its turn came, and is back, is sent, and once; so after a restart."""
        for is_restarted in (False, True):
            service = self.missed()
            self.move_away()
            self.rescan(service)
            self.assertEqual(self.states(service)["c"], "done")
            service.resume()
            self.pass_time(10)
            self.assertEqual(self.job_states()["c"], "failed")
            if is_restarted:
                self.restarted(service)
            self.move_back()
            self.rescan(service)
            self.rescan(service)
            self.pass_time(10)
            self.assertEqual(self.job_states()["c"], "done")
            self.assertEqual(self.states(service)["c"], "done")
            self.assertEqual(set(self.arrivals("c").values()), {1})
            self.rescan(service)
            self.stop(service)
            self.setUp()

    def test_moved_back_in_time(self) -> None:
        """What is back before its turn, or after it was sent, is not sent once more."""
        service = self.missed()
        for _ in range(2):
            self.move_away()
            self.rescan(service)
            self.move_back()
            for _ in range(3):
                self.rescan(service)
            service.resume()
            self.pass_time(10)
            self.assertEqual(self.job_states()["c"], "done")
            self.assertEqual(set(self.arrivals("c").values()), {1})
        self.assertEqual(len(self.jobs.rows()), 3)

    def test_moved_back_at_once(self) -> None:
        """It is noticed as it comes back, even if no scan has missed it."""
        service = self.missed()
        self.move_away()
        service.resume()
        self.pass_time(10)
        self.assertEqual(self.job_states()["c"], "failed")
        self.move_back()
        assert service.delivery is not None
        folder = service.delivery.routes["scans"].folder
        folder._touched.touched(b"c", b"")
        self.pass_time(10)
        self.assertEqual(self.job_states()["c"], "done")
        self.assertEqual(set(self.arrivals("c").values()), {1})

    def test_folder_moved_back_at_once(self) -> None:
        """So it is if the folder that it is in was away, or if it had another name meanwhile."""
        for touched, moved_from in ((b"d", b""), (b"d/e", b"f"), (b"d", b"f")):
            service = self.missed()
            self.file("d/e")
            self.rescan(service)
            before, away = os.path.join(self.folder, "d"), os.path.join(self.base, "away")
            os.rename(before, away)
            service.resume()
            self.pass_time(10)
            self.assertEqual(self.job_states()["d/e"], "failed")
            os.rename(away, before)
            assert service.delivery is not None
            folder = service.delivery.routes["scans"].folder
            folder._touched.touched(touched, moved_from)
            folder._touched.touched(touched, None)  # as somebody opens it for writing
            self.pass_time(10)
            self.assertEqual(self.job_states()["d/e"], "done", touched)
            self.assertEqual(set(self.arrivals("e").values()), {1})
            self.stop(service)
            self.setUp()

    def test_written_to(self) -> None:
        """What only was looked at, or is there all the time, is left alone."""
        service = self.worker(queue=self.watching)
        self.file("a")
        self.rescan(service)
        changes = len(self.changes)
        assert service.delivery is not None
        service.delivery.routes["scans"].folder._touched.touched(b"a", None)
        self.pass_time(10)
        for _ in range(3):
            self.rescan(service)
        self.assertEqual(len(self.changes), changes)

    def test_stop_file(self) -> None:
        """What is in the queue cannot be held here any more."""
        self.file("a")
        service = self.worker(queue=self.watching)
        self.handles[0].trouble = "no route"
        self.file("b")
        self.rescan(service)
        entry = self.entry(service, "b")
        self.assertIs(entry.state, PushState.UPLOADING)
        self.failureResultOf(service.hold(entry.id))
        self.assertEqual(sorted(os.listdir(self.folder)), ["a", "b"])
