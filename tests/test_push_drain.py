"""Tests for taking jobs from a queue."""

from __future__ import annotations

from tests.queue_rig import LEASE, CutReceiver, QueueTestCase
from txresumable.testing import FakeClient


class DrainTests(QueueTestCase):
    """A few jobs at a time."""

    def test_at_once(self) -> None:
        """Not more are claimed than may be, and all are done in the end."""
        for number in range(20):
            self.file(f"{number:02}")
            self.add(f"{number:02}")
        client = FakeClient()
        self.worker({"test_chunks": False, "simultaneous_uploads": 1}, client, {"at_once": 4})
        most = 0
        while client.waiting:
            most = max(most, list(self.job_states().values()).count("claimed"))
            client.respond(200)
            self.clock.advance(0.1)
        self.assertEqual(most, 4)
        self.assertEqual(set(self.job_states().values()), {"done"})
        self.assertLess(self.handles[0].asked.count("claim"), 20)

    def test_shared(self) -> None:
        """Several share what there is."""
        for number in range(12):
            self.file(f"{number:02}")
            self.add(f"{number:02}")
        clients = [FakeClient(), FakeClient(), FakeClient()]
        options = {"test_chunks": False, "simultaneous_uploads": 1}
        for client in clients:
            self.worker(options, client, {"at_once": 4})
        self.assertEqual(set(self.job_states().values()), {"claimed"})
        for client in clients:
            sent = 0
            while client.waiting:
                sent += 1
                client.respond(200)
                self.clock.advance(0.1)
            self.assertEqual(sent, 4)
        self.assertEqual(set(self.job_states().values()), {"done"})

    def test_poll(self) -> None:
        """What others add is found in time."""
        self.worker(queue={"poll": 7.0})
        self.file("a")
        self.add("a")
        self.pass_time(6)
        self.assertEqual(self.job_states(), {"a": "queued"})
        self.pass_time(2)
        self.assertEqual(self.job_states(), {"a": "done"})

    def test_paused(self) -> None:
        """While nothing is to be sent, nothing is claimed."""
        service = self.worker()
        service.pause()
        self.file("a")
        self.add("a")
        self.pass_time(20)
        self.assertEqual(self.job_states(), {"a": "queued"})
        service.resume()
        self.assertEqual(self.job_states(), {"a": "done"})

    def test_away(self) -> None:
        """While the queue is away, it is asked again; what was stored meanwhile is written down."""
        self.file("a")
        self.file("b")
        self.add("a", "b")
        client = FakeClient()
        service = self.worker({"test_chunks": False, "simultaneous_uploads": 1}, client)
        self.handles[0].trouble = "no route"
        while client.waiting:
            client.respond(200)
        self.assertEqual(set(self.job_states().values()), {"claimed"})
        status = self.result(service.status())["queue"]
        self.assertIn("no route", status["trouble"])
        self.assertEqual(len(status["sending"]), 2)
        self.pass_time(LEASE - 10)
        self.handles[0].trouble = ""
        self.pass_time(10)
        self.assertEqual(self.job_states(), {"a": "done", "b": "done"})
        self.assertEqual(len(client.sent), 2)
        status = self.result(service.status())["queue"]
        self.assertEqual((status["trouble"], status["outages"]), ("", 1))
        self.assertEqual((status["sending"], status["lost"]), ({}, 0))
        self.pass_time(15)
        status = self.result(service.status())["queue"]
        self.assertEqual(status["jobs"], {"scans": {"done": 2}})

    def test_away_at_first(self) -> None:
        """One that starts while the queue is away begins when it is there."""
        self.file("a")
        self.add("a")
        jobs = self.handle()
        jobs.trouble = "no route"
        self.worker(source=lambda: jobs)
        self.pass_time(20)
        self.assertEqual(self.job_states(), {"a": "queued"})
        jobs.trouble = ""
        self.pass_time(6)
        self.assertEqual(self.job_states(), {"a": "done"})

    def test_lost(self) -> None:
        """A file whose claim has run out is stopped, and another process has sent it once."""
        self.file("a", "x" * 35)
        self.add("a")
        client = CutReceiver(self.receiver, 4)
        self.worker(client=client)
        self.handles[0].trouble = "no route"
        self.worker()
        self.pass_time(LEASE + 25)
        self.assertEqual(self.job_states(), {"a": "done"})
        client.left = 100
        self.handles[0].trouble = ""
        self.pass_time(60)
        self.assertEqual(set(self.arrivals().values()), {1})
        status = self.result(self.services[0].status())["queue"]
        self.assertEqual((status["sending"], status["lost"]), ({}, 1))

    def test_stopped(self) -> None:
        """What is not finished when it stops is given back at once."""
        self.file("a", "x" * 35)
        self.add("a")
        service = self.worker(client=CutReceiver(self.receiver, 4))
        self.stop(service)
        self.assertEqual((self.job_states(), self.job()["attempts"]), ({"a": "queued"}, 0))
        self.assertEqual(self.handles[0].asked[-1], "failed")
        self.worker()
        self.assertEqual(self.job_states(), {"a": "done"})
        self.assertEqual(set(self.arrivals().values()), {1})

    def test_stopped_in_a_hook(self) -> None:
        """A command has ten seconds then, and is run again elsewhere."""
        self.file("a")
        self.add("a")
        service = self.worker(on_sent=["/bin/true"])
        stopped = service.stopService()
        self.pass_time(9)
        self.assertNoResult(stopped)
        self.pass_time(2)
        self.successResultOf(stopped)
        self.assertEqual(self.job_states(), {"a": "queued"})
        self.worker(on_sent=["/bin/true"])
        self.clock.hooks[1].end()
        self.assertEqual(self.job_states(), {"a": "done"})

    def test_aborted(self) -> None:
        """The second time, at once."""
        self.file("a")
        self.add("a")
        service = self.worker(on_sent=["/bin/true"])
        stopped = service.stopService()
        service.stopService()
        self.successResultOf(stopped)
        self.assertEqual(self.job_states(), {"a": "queued"})

    def test_stopped_while_away(self) -> None:
        """It does not wait for a queue that is away; others have what is left in time."""
        self.file("a", "x" * 35)
        self.add("a")
        service = self.worker(client=CutReceiver(self.receiver, 4))
        self.handles[0].trouble = "no route"
        self.stop(service)
        self.assertEqual(self.job_states(), {"a": "claimed"})
        self.worker()
        self.pass_time(LEASE)
        self.assertEqual(self.job_states(), {"a": "done"})
        self.assertEqual(set(self.arrivals().values()), {1})

    def test_restarted(self) -> None:
        """It may be started again, with a source of its own each time."""
        service = self.worker()
        self.restarted(service)
        self.file("a")
        self.add("a")
        self.pass_time(6)
        self.assertEqual((len(self.handles), self.job_states()), (2, {"a": "done"}))

    def test_no_source(self) -> None:
        """If there cannot be one, it does not start."""

        def fail() -> None:
            raise ImportError("psycopg")

        self.assertRaises(self.failureException, self.worker, source=fail)
        self.failureResultOf(self.services[0].when_started(), ImportError)
        self.assertIsNone(self.result(self.services[0].status())["queue"])
