"""Tests for jobs of a queue: their files are sent, and then seen to."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any
from unittest.mock import patch

from twisted.internet.error import ProcessExitedAlready

from tests.queue_rig import LEASE, CutReceiver, QueueTestCase
from txresumable.push.effects import Effects
from txresumable.testing import FakeClient, Response

LONG = "0123456789" * 3 + "01234"


class SendingTests(QueueTestCase):
    """What is in the queue arrives."""

    def test_arrives(self) -> None:
        """Each file is sent once, under its path below the folder, and its job is done."""
        self.file("a", LONG)
        self.file("b/c")
        self.add("a", "b/c")
        self.worker()
        self.assertEqual(self.stored(), {"a": LONG.encode(), "b/c": b"b/c"})
        self.assertEqual(self.job_states(), {"a": "done", "b/c": "done"})
        progress = self.job()["progress"]
        self.assertIn(progress["identifier"], self.receiver.files)
        self.assertEqual((progress["stored"], progress["sent"]), (True, 35))
        self.assertEqual(self.arrivals(), {1: 1, 2: 1, 3: 1})

    def test_identifier_first(self) -> None:
        """The identifier is written down before anything is sent."""
        self.file("a")
        self.add("a")
        seen: list[Any] = []
        self.receiver.rule = lambda _: seen.append(self.job()["progress"].get("identifier"))
        self.worker()
        self.assertEqual(set(seen), set(self.receiver.files))

    def test_taken_over(self) -> None:
        """After the lease of one that is dead another one goes on where that was."""
        self.file("a", LONG)
        self.add("a")
        self.worker(client=CutReceiver(self.receiver, 4))  # two tests, and two chunks
        self.handles[0].trouble = "dead"
        self.assertEqual(self.job_states(), {"a": "claimed"})
        before = dict(self.arrivals())
        self.assertEqual(len(before), 2)
        self.worker()
        self.pass_time(LEASE - 10)
        self.assertEqual(self.job_states(), {"a": "claimed"})
        self.pass_time(20)
        self.assertEqual(self.job_states(), {"a": "done"})
        self.assertEqual(self.stored(), {"a": LONG.encode()})
        self.assertEqual(set(self.arrivals().values()), {1})
        self.assertEqual(self.job()["progress"]["sent"], 35 - 20)

    def test_begun_before(self) -> None:
        """What another one had begun is asked for, however many others were absent."""
        self.file("a")
        self.add("a")
        dead, client = FakeClient(), FakeClient()
        self.worker(client=dead)
        dead.respond(404)
        self.assertEqual(len(dead.uploads), 1)
        self.handles[0].trouble = "dead"
        others = [f"new-{number}" for number in range(8)]
        for name in others:
            self.file(name)
        self.add(*others)
        self.worker({"simultaneous_uploads": 1}, client)
        while client.waiting:
            client.respond(200 if client.waiting[0].is_upload else 404)
        self.assertLess(len(client.tests), len(others))
        self.pass_time(LEASE + 10)
        client.respond(200)
        self.assertEqual(self.job_states()["a"], "done")
        self.assertEqual(len(client.uploads), len(others))

    def test_would_not_resume(self) -> None:
        """One that would begin anew under another identifier does not, and says what is wrong."""
        self.file("a", LONG)
        self.add("a")
        self.worker(client=CutReceiver(self.receiver, 4))
        self.handles[0].trouble = "dead"
        self.worker(identify=lambda file: f"here-{file.file_name}")
        self.pass_time(LEASE + 10)
        self.assertEqual(self.job_states(), {"a": "failed"})
        self.assertIn("identify = 'shared'", self.job()["why"])
        self.assertEqual(len(self.receiver.files), 1)
        self.assertEqual(len(self.arrivals()), 2)

    def test_identifier_of_nothing(self) -> None:
        """What is no identifier is refused as everywhere."""
        self.file("a")
        self.add("a")
        self.worker(identify=lambda _: None, attempts=1)
        self.assertIn("generate_unique_identifier", self.job()["why"])

    def test_whatever_is_there(self) -> None:
        """A job without a version is for what is there at first."""
        self.file("a", LONG)
        self.add("a", version="")
        self.worker()
        self.assertEqual(self.job_states(), {"a": "done"})
        self.assertRegex(self.job()["progress"]["version"], r"\A35-\d+\Z")

    def test_whatever_it_becomes(self) -> None:
        """If that changes meanwhile, it is begun anew."""
        self.file("a", LONG)
        self.add("a", version="")
        self.worker(client=CutReceiver(self.receiver, 4))
        self.handles[0].trouble = "dead"
        self.file("a", "another")
        self.worker()
        self.pass_time(LEASE + 10)
        self.assertEqual(self.job_states(), {"a": "done"})
        self.assertEqual(self.stored(), {"a": b"another"})

    def test_changed(self) -> None:
        """A version that is not there any more is not sent, nor is another one in its place."""
        self.file("a")
        self.add("a")
        self.file("a", "another")
        self.worker()
        self.assertEqual(self.job_states(), {"a": "failed"})
        self.assertIn("another version", self.job()["why"])
        self.assertEqual(self.stored(), {})

    def test_gone(self) -> None:
        """Nor what is not there at all, or is no file."""
        self.file("a")
        self.file("b")
        os.symlink("b", os.path.join(self.folder, "c"))
        self.add("a", "b")
        self.add("c", "d/e", version="")
        os.unlink(os.path.join(self.folder, "a"))
        self.worker()
        states = {"a": "failed", "b": "done", "c": "failed", "d/e": "failed"}
        self.assertEqual(self.job_states(), states)

    def test_not_mounted(self) -> None:
        """A machine that does not see the folder leaves its jobs to others, and sees later."""
        self.file("a")
        self.file("b")
        self.add("a", "b")
        there = self.folder + "-mounted"
        os.rename(self.folder, there)
        for is_empty, why in ((True, "is the disk mounted?"), (False, "cannot be looked at")):
            if is_empty:
                os.mkdir(self.folder)
                self.worker()
            else:
                os.rmdir(self.folder)
                self.pass_time(20)
            self.assertEqual(self.job_states(), {"a": "queued", "b": "queued"})
            self.assertIn(why, self.job()["why"])
        self.assertEqual(self.job()["attempts"], 0)
        os.rename(there, self.folder)
        self.pass_time(10)
        self.assertEqual(self.job_states(), {"a": "done", "b": "done"})

    def test_not_mounted_for_long(self) -> None:
        """Of a folder that is not seen nothing more is claimed for a while."""
        os.rmdir(self.folder)
        self.add("a", version="1-1")
        self.worker(queue={"poll": 0.5})
        self.add("b", version="1-1")
        self.pass_time(4)
        self.assertEqual(self.job("b")["why"], "")
        self.pass_time(10)
        self.assertIn("cannot be looked at", self.job("b")["why"])

    def test_back(self) -> None:
        """What was gone, or another version, is sent once it is added as it lies there again."""
        self.file("a")
        self.file("b")
        self.file("other")
        names = os.path.join(self.folder, "a"), os.path.join(self.folder, "b")
        self.add("a", "b")
        for name in names:
            os.rename(name, self.folder + os.path.basename(name))
        self.file("b", "another")
        self.worker()
        self.assertEqual(self.job_states(), {"a": "failed", "b": "failed"})
        for name in names:
            os.rename(self.folder + os.path.basename(name), name)
        self.add("a", "b")
        self.pass_time(10)
        self.assertEqual(self.job_states(), {"a": "done", "b": "done"})
        self.assertEqual(self.stored(), {"a": b"a", "b": b"b"})

    def test_gone_from_empty(self) -> None:
        """In a folder in which files were found, one that is not there is gone."""
        self.file("a")
        self.add("a")
        self.worker()
        os.unlink(os.path.join(self.folder, "a"))
        self.add("b", version="1-1")
        self.pass_time(10)
        self.assertEqual(self.job_states(), {"a": "done", "b": "failed"})

    def test_digest(self) -> None:
        """A digest of the receiver that was right is kept."""
        self.file("a")
        self.add("a")
        digest = hashlib.sha256(b"a").hexdigest()
        headers = {"Resumable-File-Checksum": f"sha256:{digest}"}
        client = FakeClient()
        self.worker({"checksum": "sha256", "test_chunks": False}, client)
        client.respond(200, headers=headers)
        self.assertEqual(self.job()["progress"].get("digest"), digest)


class FailureTests(QueueTestCase):
    """What cannot be sent."""

    def test_again(self) -> None:
        """It is tried again later, and fails for good in the end; others are sent meanwhile."""
        self.file("a")
        self.file("b")
        self.add("a", "b")
        self.receiver.rule = self.refuse_a
        self.worker(attempts=3, again=100.0, failed="BASE/failed")
        job = self.job()
        self.assertEqual((job["state"], job["attempts"]), ("queued", 1))
        self.assertIn("409", job["why"])
        self.pass_time(110)
        self.assertEqual((self.job()["state"], self.job()["attempts"]), ("queued", 2))
        self.pass_time(110)
        self.assertEqual((self.job()["state"], self.job()["attempts"]), ("failed", 3))
        self.assertEqual(self.job("b")["state"], "done")
        aside = os.path.join(self.base, "failed")
        self.assertEqual(sorted(os.listdir(aside)), ["a", "a.error.json"])
        with open(os.path.join(aside, "a.error.json")) as file:
            facts = json.load(file)
        self.assertEqual((facts["event"], facts["name"], facts["attempts"]), ("failed", "a", 3))

    def refuse_a(self, request: Any) -> Response | None:
        name = request.parameters["resumableFilename"]
        return Response(409, b"no disk") if name == "a" else None

    def test_at_once(self) -> None:
        """What no attempt can change fails at once."""
        self.file("a")
        self.add("a")
        self.receiver.rule = lambda _: 400
        self.worker(on_failed=["/bin/false"])
        self.assertEqual(self.job()["state"], "claimed")
        [hook] = self.clock.hooks
        self.assertEqual(hook.environment[b"TXRESUMABLE_EVENT"], b"failed")
        hook.end()
        self.assertEqual((self.job()["state"], self.job()["attempts"]), ("failed", 1))

    def test_path_of_what_is_aside(self) -> None:
        """A command is told where the file was put, also by a machine that takes it over."""
        self.file("a b")
        self.add("a b")
        self.receiver.rule = lambda _: 400
        folder: Any = {"on_failed": ["/bin/false"], "failed": "BASE/failed"}
        self.worker(**folder)
        self.handles[0].trouble = "dead"
        self.worker(**folder)
        self.pass_time(LEASE + 10)
        where = os.path.join(self.base, "failed", "a b")
        with open(f"{where}.error.json") as file:
            written = json.load(file)
        self.assertEqual((written["path"], written["attempts"]), (where, 1))
        for hook in self.clock.hooks:
            self.assertEqual(hook.environment[b"TXRESUMABLE_PATH"], where.encode())
            self.assertEqual({**json.loads(hook.given), "at": written["at"]}, written)
        self.assertEqual(len(self.clock.hooks), 2)
        self.clock.hooks[1].end()
        self.assertEqual(self.job("a b")["state"], "failed")

    def test_put_aside_by_another(self) -> None:
        """One that dies before all is done for a file that has failed leaves that to others."""
        self.file("a")
        self.add("a")
        self.receiver.rule = lambda _: 400
        self.worker(on_failed=["/bin/false"])
        self.handles[0].trouble = "dead"
        sent = len(self.receiver.sent)
        self.worker(on_failed=["/bin/false"])
        self.pass_time(LEASE + 10)
        first, second = self.clock.hooks
        for name in b"TXRESUMABLE_ID", b"TXRESUMABLE_WHY":
            self.assertEqual(first.environment[name], second.environment[name])
        second.end()
        self.assertEqual(self.job()["state"], "failed")
        self.assertEqual(len(self.receiver.sent), sent)

    def test_target_away(self) -> None:
        """A target that takes nothing is no fault of a file, and others may reach it."""
        self.file("a")
        self.add("a")
        self.receiver.rule = lambda _: 401
        self.worker()
        self.assertEqual((self.job()["state"], self.job()["attempts"]), ("queued", 0))
        sent = len(self.receiver.sent)
        self.pass_time(4)
        self.assertEqual(len(self.receiver.sent), sent)
        self.receiver.rule = None
        self.pass_time(30)
        self.assertEqual(self.job()["state"], "done")

    def test_stored_all_the_same(self) -> None:
        """What the receiver has had before is stored."""
        self.file("a")
        self.add("a")
        self.receiver.rule = lambda _: Response(410, headers={"Resumable-Received": "before"})
        self.worker()
        self.assertEqual(self.job()["state"], "done")


class AftercareTests(QueueTestCase):
    """What is left to do for a file that is stored."""

    def test_deleted(self) -> None:
        """It is deleted once that is durable, with its marker."""
        self.file("a")
        self.file("a.done")
        self.add("a")
        states: list[bool] = []
        delete = Effects.delete

        def noted(*arguments: Any) -> bool:
            states.append(self.job()["progress"]["stored"])
            return delete(*arguments)

        self.patch(Effects, "delete", noted)
        self.worker(after="delete", marker=".done")
        self.assertEqual(states[0], True)
        self.assertEqual(self.job()["state"], "done")
        self.assertEqual(os.listdir(self.folder), [])

    def test_moved(self) -> None:
        """Or moved."""
        self.file("b/a")
        self.add("b/a")
        self.worker(after="move:BASE/sent")
        self.assertEqual(os.listdir(os.path.join(self.base, "sent", "b")), ["a"])
        self.assertEqual(os.listdir(os.path.join(self.folder, "b")), [])

    def test_replaced(self) -> None:
        """Another file in its place is left alone."""
        self.file("a")
        self.add("a")
        self.worker(after="delete", on_sent=["/bin/true"])
        self.file("a", "another")
        self.clock.hooks[0].end()
        self.assertEqual(self.job()["state"], "done")
        self.assertEqual(os.listdir(self.folder), ["a"])

    def test_hook(self) -> None:
        """The command is run before the file is taken away, and knows it."""
        self.file("a", LONG)
        self.add("a")
        self.worker(after="delete", on_sent=["/bin/true"])
        self.assertEqual(self.job()["state"], "claimed")
        [hook] = self.clock.hooks
        self.assertEqual(os.listdir(self.folder), ["a"])
        environment = hook.environment
        self.assertEqual(environment[b"TXRESUMABLE_EVENT"], b"sent")
        self.assertEqual(environment[b"TXRESUMABLE_SIZE"], b"35")
        self.assertIn(environment[b"TXRESUMABLE_IDENTIFIER"].decode(), self.receiver.files)
        hook.end()
        self.assertEqual(self.job()["state"], "done")
        self.assertEqual(os.listdir(self.folder), [])

    def test_hook_fails(self) -> None:
        """One that fails is run again later, with the same id, and nothing is sent again."""
        self.file("a")
        self.add("a")
        self.worker(after="delete", on_sent=["/bin/false"], attempts=3)
        sent = len(self.receiver.sent)
        self.clock.hooks[0].end(1)
        self.assertEqual((self.job()["state"], self.job()["attempts"]), ("queued", 1))
        self.pass_time(20)
        self.clock.hooks[1].end(1)
        self.pass_time(40)
        self.clock.hooks[2].end(1)
        self.assertEqual((self.job()["state"], self.job()["attempts"]), ("failed", 3))
        self.assertIn("ended", self.job()["why"])
        self.assertEqual(len({each.environment[b"TXRESUMABLE_ID"] for each in self.clock.hooks}), 1)
        self.assertEqual(len(self.receiver.sent), sent)
        self.assertEqual(os.listdir(self.folder), ["a"])

    def test_taken_over(self) -> None:
        """What another one has stored is not sent again; its command is run again if need be."""
        self.file("a")
        self.add("a")
        self.worker(after="delete", on_sent=["/bin/true"])
        self.handles[0].trouble = "dead"
        sent = len(self.receiver.sent)
        self.worker(after="delete", on_sent=["/bin/true"])
        self.pass_time(LEASE + 10)
        self.assertEqual(len(self.clock.hooks), 2)
        self.clock.hooks[1].end()
        self.assertEqual((self.job()["state"], os.listdir(self.folder)), ("done", []))
        self.assertEqual(len(self.receiver.sent), sent)

    def test_late(self) -> None:
        """One that is late, as it stood still beyond the lease, takes nothing away."""
        self.file("a")
        self.add("a")
        self.worker(after="delete", on_sent=["/bin/true"])
        self.handles[0].trouble = "away"
        self.worker(after="keep", on_sent=["/bin/true"])
        self.pass_time(LEASE + 10)
        self.handles[0].trouble = ""
        first, second = self.clock.hooks
        self.assertRaises(ProcessExitedAlready, first.end)  # it was stopped
        second.end()
        self.pass_time(10)
        self.assertEqual((self.job()["state"], os.listdir(self.folder)), ("done", ["a"]))

    def test_killed_while_deleting(self) -> None:
        """What one that died had renamed to delete it is deleted by the next."""
        self.file("a")
        self.add("a")
        taken: list[str] = []

        def rename(do: Effects, path: bytes, version: Any, key: str) -> bool:
            taken.append(f".resumable-{key}")
            os.rename(os.path.join(self.folder, "a"), os.path.join(self.folder, taken[0]))
            self.handles[0].trouble = "dead"
            return False

        with patch.object(Effects, "delete", rename):
            self.worker(after="delete")
        self.assertEqual(os.listdir(self.folder), taken)
        self.worker(after="delete")
        self.pass_time(LEASE + 10)
        self.assertEqual((self.job()["state"], os.listdir(self.folder)), ("done", []))

    def test_ping(self) -> None:
        """The URL is called once for what is done."""
        client = FakeClient()
        self.file("a")
        self.add("a")
        with patch("txresumable.push.hooks.HTTPClient", lambda _: client):
            self.worker(ping="https://example.com/ping")
        self.assertEqual([each.url for each in client.sent], ["https://example.com/ping"])
