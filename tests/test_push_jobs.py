"""Tests for the commands about a queue; those that need PostgreSQL are skipped without it."""

from __future__ import annotations

import json
import os
import sys
from tempfile import mkdtemp
from typing import Any
from unittest.mock import patch

from attrs import evolve
from click.testing import CliRunner
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.postgres import server
from tests.processes import ProcessTestCase
from txresumable._cli import main as command
from txresumable._cli.push.check import check
from txresumable._cli.push.jobs import add_jobs, list_jobs, open_jobs, retry_jobs
from txresumable._cli.push.show import lines_of_status
from txresumable.errors import ResumableError
from txresumable.push import (
    FolderSettings,
    PushSettings,
    QueueSettings,
    TargetSettings,
)


class JobsTestCase(SynchronousTestCase):
    """Has settings, and a file."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(self.folder, "scans", "b"))
        for name in "a", "b/c":
            with open(os.path.join(self.folder, "scans", name), "w") as file:
                file.write(name)
        self.said: list[str] = []
        self.settings = PushSettings(
            state=mkdtemp(),  # short enough for a socket
            targets={"lab": TargetSettings(name="lab", options={"target": "http://[::1]:9/"})},
            folders={
                "scans": FolderSettings(
                    name="scans", path=os.path.join(self.folder, "scans"), target="lab"
                )
            },
        )

    def with_place(self) -> None:
        """A queue that is empty."""
        self.place = server(self).new_place()
        self.settings = evolve(self.settings, queue=QueueSettings(postgresql=self.place))

    def run_it(self, doing: Any, *given: Any) -> int:
        """Run what a command does; its status."""
        running = doing(self.settings, *given, Clock(), self.said.append)
        status: int = self.successResultOf(Deferred.fromCoroutine(running))
        return status

    def refused(self, doing: Any, *given: Any) -> str:
        """Run what is refused; why."""
        running = doing(self.settings, *given, Clock(), self.said.append)
        return str(self.failureResultOf(Deferred.fromCoroutine(running), ResumableError).value)


class QueueCommandTests(JobsTestCase):
    """Looking into a queue, and adding to it."""

    def test_add(self) -> None:
        """Files are added as they are now, once."""
        self.with_place()
        path = os.path.join(self.folder, "scans", "b", "c")
        self.assertEqual(self.run_it(add_jobs, "scans", ["a", path]), 0)
        self.assertEqual(self.run_it(add_jobs, "scans", ["./a"]), 0)
        self.assertEqual(
            self.said,
            ["2 files added, 0 were there already", "0 files added, 1 were there already"],
        )
        queue = open_jobs(self.settings, Clock())
        self.addCleanup(queue.close)
        jobs = self.successResultOf(queue.claim(["scans"], 9, 60.0))
        status = os.stat(path)
        version = f"{status.st_size}-{status.st_mtime_ns}"
        self.assertEqual([job.path for job in jobs], [b"a", b"b/c"])
        self.assertEqual(jobs[1].version, version)

    def test_not_added(self) -> None:
        """What is no file of the folder is refused, and nothing is added."""
        for folder, path, part in (
            ("other", "a", "no folder 'other'"),
            ("scans", "../x", "is not below"),
            ("scans", ".", "is not below"),
            ("scans", "b", "no regular file"),
            ("scans", "missing", "No such file"),
        ):
            self.assertIn(part, self.refused(add_jobs, folder, ["a", path]))

    def test_list(self) -> None:
        """How many there are, and which; the status says whether any has failed."""
        self.with_place()
        self.run_it(add_jobs, "scans", ["a", "b/c"])
        queue = open_jobs(self.settings, Clock())
        self.addCleanup(queue.close)
        a, c = self.successResultOf(queue.claim(["scans"], 9, 60.0))
        self.said.clear()
        self.assertEqual(self.run_it(list_jobs, ["claimed"], False), 0)
        self.assertIn(f"{a.id}  claimed  scans/a  by ", self.said[0])
        self.successResultOf(queue.failed(a, "no\x1b", None))
        self.successResultOf(queue.failed(c, "later", 3600.0))
        self.said.clear()
        self.assertEqual(self.run_it(list_jobs, [], False), 1)
        self.assertEqual(self.run_it(list_jobs, ["queued", "failed"], False), 1)
        self.assertEqual(
            self.said[:2], ["scans: 1 failed, 1 queued", f"{a.id}  failed   scans/a  no\\x1b"]
        )
        self.assertRegex(self.said[2], rf"^{c.id}  queued   scans/b/c  later  until 20\d\d-")
        self.said.clear()
        self.run_it(list_jobs, [], True)
        self.run_it(list_jobs, ["failed"], True)
        counts, job = map(json.loads, self.said)
        self.assertEqual(counts, {"scans": {"failed": 1, "queued": 1}})
        self.assertEqual((job["id"], job["name"], job["attempts"]), (a.id, "a", 0))

    def test_retry(self) -> None:
        """What has failed is tried again: all, or some."""
        self.with_place()
        self.run_it(add_jobs, "scans", ["a", "b/c"])
        queue = open_jobs(self.settings, Clock())
        self.addCleanup(queue.close)
        jobs = self.successResultOf(queue.claim(["scans"], 9, 60.0))
        for job in jobs:
            self.successResultOf(queue.failed(job, "no", None))
        self.said.clear()
        self.assertEqual(self.run_it(retry_jobs, (jobs[0].id,)), 0)
        self.assertEqual(self.run_it(retry_jobs, None), 0)
        self.assertEqual(self.run_it(retry_jobs, (jobs[0].id, 99)), 1)
        self.assertEqual(self.said, ["1 files"] * 3)

    def test_none(self) -> None:
        """Without a queue, or what it needs, there is nothing to look into."""
        self.assertIn("no [queue]", self.refused(list_jobs, [], False))
        self.settings = evolve(self.settings, queue=QueueSettings(postgresql="host=/nowhere"))
        with patch.dict(sys.modules, {"psycopg": None}):
            said = self.refused(list_jobs, [], False)
        self.assertIn("txresumable[postgresql]", said)
        self.assertIn("not available", self.refused(list_jobs, [], False))

    def test_usage(self) -> None:
        """Which ones to try has to be said, in one way."""
        for given in ([], ["7", "--failed"]):
            ran = CliRunner().invoke(command.command_group(), ["retry-jobs", *given])
            self.assertEqual(ran.exit_code, 2)
            self.assertIn("--failed", ran.output)

    def test_status(self) -> None:
        """The status of a service has a line about its queue."""
        status = {
            "version": "1",
            "pid": 9,
            "running": True,
            "paused": False,
            "rate": None,
            "trouble": "",
            "was_damaged": False,
            "folders": {},
            "targets": {},
            "queue": {
                "trouble": "",
                "sending": {"1": 0.5},
                "jobs": {"a": {"queued": 2, "claimed": 1}, "b": {"queued": 1}},
            },
        }
        self.assertIn("queue: up; 1 files here; 1 claimed, 3 queued", list(lines_of_status(status)))
        status["queue"] = {"trouble": "no\x1b", "sending": {}, "jobs": {}}
        self.assertIn("queue: no\\x1b; 0 files here; no jobs known", list(lines_of_status(status)))


class CheckTests(JobsTestCase):
    """What ``check`` says about a queue."""

    def check(self) -> tuple[int, str]:
        config = os.path.join(self.folder, "config.toml")
        open(config, "w").close()
        settings = evolve(self.settings, targets={}, folders={})
        checking = check(config, settings, Clock(), self.said.append)
        return self.successResultOf(checking), self.said[-1]

    def test_responds(self) -> None:
        """One that is there responds."""
        self.with_place()
        self.assertEqual(self.check(), (0, "queue: responds"))

    def test_away(self) -> None:
        """One that is not is said."""
        queue = QueueSettings(postgresql="host=/nowhere")
        self.settings = evolve(self.settings, queue=queue)
        status, said = self.check()
        self.assertEqual(status, 3)
        self.assertIn("queue: the queue is not available: connection", said)


class ProcessTests(ProcessTestCase):
    """As processes."""

    async def test_commands(self) -> None:
        """What one adds, another one lists."""
        place = server(self).new_place()
        (self.folder / "in").mkdir()
        (self.folder / "c.toml").write_text(
            f'state = "{self.folder}/state"\n[target.lab]\nurl = "{self.target}"\n'
            f'[queue]\npostgresql = "{place}"\nwatch = false\npoll = 0.2\n'
            '[control]\nsocket = "/tmp/none"\n'
            '[folder.scans]\npath = "in"\ntarget = "lab"\n'
        )
        self.file("in/a.dat", 100_000)
        added = self.python("-m", "txresumable", "enqueue", "-c", "c.toml", "scans", "a.dat")
        self.assertEqual((await added.ended).status, 0, added.written)
        refused = self.python("-m", "txresumable", "enqueue", "-c", "c.toml", "scans", "b.dat")
        self.assertEqual((await refused.ended).status, 1, refused.written)
        listed = self.python("-m", "txresumable", "jobs", "-c", "c.toml", "--state", "queued")
        self.assertEqual((await listed.ended).status, 0, listed.written)
        self.assertIn("scans/a.dat", listed.written)
