"""
Tests for files on their way from a folder to its target.
"""

from __future__ import annotations

import hashlib
import os
from unittest.mock import patch

from attrs import evolve

from tests.push_rig import PushTestCase
from txresumable._source import source
from txresumable.push.delivery import sending
from txresumable.testing import FakeClient, Response
from txresumable.testing.request import SentRequest


class SendingTests(PushTestCase):
    """Files that are dropped into the folder arrive."""

    def test_arrives(self) -> None:
        """Each is sent once, under its path below the folder, and that is remembered."""
        self.file("a", "content")
        self.file("b/c")
        service = self.started()
        self.assertEqual(self.stored(), {"a": b"content", "b/c": b"b/c"})
        self.assertEqual(self.states(service), {"a": "done", "b/c": "done"})
        entry = self.entry(service)
        self.assertIn(entry.identifier, self.receiver.files)
        self.assertEqual((entry.sent, entry.attempts), (7, 0))
        sent = len(self.receiver.sent)
        self.restarted(service)
        self.rescan(service)
        self.assertEqual(len(self.receiver.sent), sent)

    def test_later(self) -> None:
        """What is dropped later is sent, too, and so is a new version."""
        service = self.started()
        self.file("a", "first")
        self.rescan(service)
        self.file("a", "second")
        self.rescan(service)
        self.assertEqual([each.state.value for each in self.entries(service)], ["done", "done"])
        contents = sorted(file.content for file in self.receiver.files.values())
        self.assertEqual(contents, [b"first", b"second"])

    def test_empty(self) -> None:
        """A file without content is a file."""
        open(os.path.join(self.folder, "a"), "w").close()
        service = self.started()
        self.assertEqual(self.states(service), {"a": "done"})
        self.assertEqual(self.stored(), {"a": b""})

    def test_digest_is_kept(self) -> None:
        """All of a large file that was interrupted is not read for its digest once more."""
        self.file("a", "x" * 30)
        client = FakeClient()
        options = {"test_chunks": False, "simultaneous_uploads": 1}
        read = patch.object(source, "sha256_of", wraps=source.sha256_of)
        with patch.object(sending, "_LARGE", 30), read as reading:
            service = self.started(options, client, identify="content")
            client.respond(200)
            whole = hashlib.sha256(b"x" * 30).hexdigest()
            self.assertEqual((self.entry(service).digest, reading.call_count), (whole, 1))
            service = self.restarted(service)
            self.assertEqual(self.states(service), {"a": "uploading"})
            while client.waiting:
                client.respond(200)
            self.assertEqual(self.states(service), {"a": "done"})
            self.assertEqual((self.entry(service).digest, reading.call_count), ("", 1))
            self.file("b", "y" * 29)
            self.rescan(service)
            self.assertEqual((self.entry(service, "b").digest, reading.call_count), ("", 2))
            while client.waiting:
                client.respond(200)

    def test_digest_of_another_content(self) -> None:
        """That a file was written to, and its time reset, is no reason to go by an old digest."""
        path = self.file("a", "x" * 30)
        client = FakeClient()
        options = {"test_chunks": False, "simultaneous_uploads": 1}
        with patch.object(sending, "_LARGE", 30):
            service = self.started(options, client, identify="content")
            first, then = self.entry(service).digest, os.stat(path)
            self.assertEqual(first, hashlib.sha256(b"x" * 30).hexdigest())
            while os.stat(path).st_ctime_ns == then.st_ctime_ns:  # clocks tick
                with open(path, "r+") as file:
                    file.write("y" * 30)
                os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))
            service = self.restarted(service)
            self.assertEqual(self.entry(service).digest, hashlib.sha256(b"y" * 30).hexdigest())
            while client.waiting:
                client.respond(200)

    def test_begun_before(self) -> None:
        """
        What was being sent as the service ended is asked for, however many others were absent, and
        so is what is sent again as an operator wants: nothing that is there is sent twice.
        """
        self.file("old")
        path = os.path.join(self.folder, "old")
        os.utime(path, (1, 1))
        client = FakeClient()
        options = {"simultaneous_uploads": 1}
        service = self.started(options, client, order="newest")
        client.respond(404)
        self.assertEqual(sent_of(client, "old"), 1)
        self.stop(service)
        for number in range(20):
            self.file(f"new-{number:02}")
        service.startService()
        self.successResultOf(service.when_started())
        self.respond(client)
        self.assertEqual({*self.states(service).values()}, {"done"})
        self.assertEqual(sent_of(client, "old"), 1)  # the one that was cut off
        self.assertEqual(len(client.uploads), 1 + 20)
        service.again(self.entry(service, "old").id)
        self.respond(client)
        self.assertEqual(self.states(service)["old"], "done")
        self.assertEqual(sent_of(client, "old"), 1)

    def respond(self, client: FakeClient) -> None:
        """What is old is there, and nothing else is."""
        while client.waiting:
            request = client.waiting[0]
            is_there = request.is_upload or name_of(request) == "old"
            client.respond(200 if is_there else 404)

    def test_states(self) -> None:
        """Every state is durable before the next step: a chunk is sent of what is UPLOADING."""
        self.file("a")
        seen: list[str] = []
        self.receiver.rule = lambda _: seen.append(self.changes[-1][1])
        self.started(on_sent=["/bin/true"])
        self.assertEqual(set(seen), {"uploading"})
        self.assertEqual([state for _, state in self.changes[-3:]], ["uploading", "stored", "hook"])

    def test_window(self) -> None:
        """Of many files only some are with the uploader at a time, and all arrive."""
        for number in range(50):
            self.file(f"{number:02}")
        most = [0]

        def look(_: object) -> None:
            assert service.delivery is not None
            most[0] = max(most[0], len(service.delivery.routes["scans"].sending.under_way))

        self.receiver.rule = look
        with patch.object(sending, "WINDOW", 8):
            service = self.service(order="name")
            service.startService()
        self.assertEqual(set(self.states(service).values()), {"done"})
        self.assertEqual(len(self.stored()), 50)
        self.assertTrue(4 < most[0] <= 8, most)

    def test_written_down_together(self) -> None:
        """Of many files, those that end in one moment are written down together."""
        for number in range(100):
            self.file(f"{number:02}")
        service = self.started(order="name")
        assert service.journal is not None
        self.assertLess(list(self.states(service).values()).count("done"), 100)
        self.assertEqual(len(self.stored()), 100)
        self.clock.advance(0.1)
        self.assertEqual(set(self.states(service).values()), {"done"})

    def test_stopped_before_it_is_written_down(self) -> None:
        """It is written down at once if the service stops."""
        for number in range(100):
            self.file(f"{number:02}")
        service = self.started()
        stopped = service.stopService()
        self.successResultOf(stopped)
        service.startService()
        self.assertEqual(set(self.states(service).values()), {"done"})
        self.assertEqual(len(self.receiver.uploads), 100)

    def test_changed_while_sent(self) -> None:
        """A file that is replaced while it is sent has changed, and its new version is sent."""
        path, client = self.file("a", "x" * 30), FakeClient()
        service = self.started({"test_chunks": False}, client)
        self.file("a", "y" * 30)
        while client.waiting:
            client.respond(200)
            self.clock.pump([0.1] * 5)
        states = [each.state.value for each in self.entries(service)]
        self.assertEqual(states, ["changed", "done"])
        self.assertIn("changed", self.entries(service)[0].why)
        with open(path) as file:
            self.assertEqual(file.read(), "y" * 30)

    def test_gone(self) -> None:
        """One that vanishes before its turn is GONE."""
        self.file("a")
        service = self.service()
        service.pause()
        service.startService()
        os.unlink(os.path.join(self.folder, "a"))
        service.resume()
        self.assertEqual(self.states(service), {"a": "gone"})
        self.assertEqual(self.receiver.sent, [])

    def test_tried_again(self) -> None:
        """What fails in passing waits, is tried again, and fails for good in the end."""
        self.file("a")
        self.file("b")

        def refuse(request: object) -> Response | None:
            name = request.parameters["resumableFilename"]  # type: ignore[attr-defined]
            return Response(409, b"no disk") if name == "a" else None

        self.receiver.rule = refuse
        service = self.started(attempts=3, again=100.0)
        entry = self.entry(service)
        self.assertEqual((entry.state.value, entry.attempts), ("waiting", 1))
        self.assertEqual(entry.until, self.now() + 100)
        self.assertIn("no disk", entry.why)
        self.clock.advance(99)
        self.assertEqual(self.entry(service).attempts, 1)
        self.clock.pump([1, 1])
        self.assertEqual(self.entry(service).attempts, 2)
        self.clock.pump([60, 60])
        entry = self.entry(service)
        self.assertEqual((entry.state.value, entry.attempts), ("failed", 3))
        self.assertIn("no disk", entry.why)
        self.assertEqual(self.states(service)["b"], "done")

    def test_server_in_trouble(self) -> None:
        """What a server responds to all files uses up no attempt of theirs."""
        self.file("a")
        self.file("b")
        self.receiver.rule = lambda _: Response(500, b"no disk")
        service = self.started(attempts=2)
        self.clock.pump([600] * 10)
        self.assertNotIn("failed", self.states(service).values())
        self.assertEqual([each.attempts for each in self.entries(service)], [0, 0])
        self.receiver.rule = None
        self.clock.pump([600] * 10)
        self.assertEqual(self.states(service), {"a": "done", "b": "done"})

    def test_refused_for_good(self) -> None:
        """What no attempt can change fails at once."""
        self.file("a", "x" * 50)
        service = self.started(options={"max_file_size": 20})
        self.assertEqual(self.states(service), {"a": "failed"})
        self.assertIn("max_file_size", self.entry(service).why)

    def test_received_before(self) -> None:
        """What the receiver had before, and was taken from there, has arrived."""
        self.file("a")
        gone = Response(410, headers={"Resumable-Received": "1"})
        self.receiver.rule = lambda _: gone
        service = self.started()
        self.assertEqual(self.states(service), {"a": "done"})

    def test_link(self) -> None:
        """A link that is put in the place of a file is not followed."""
        self.file("a")
        service = self.service()
        service.pause()
        service.startService()
        os.rename(os.path.join(self.folder, "a"), os.path.join(self.base, "secret"))
        os.symlink(os.path.join(self.base, "secret"), os.path.join(self.folder, "a"))
        service.resume()
        self.assertEqual(self.states(service), {"a": "changed"})
        self.assertEqual(self.stored(), {})

    def test_identified_by_several_rules(self) -> None:
        """Folders that share a target may identify their files each in its own way."""
        other = os.path.join(self.base, "other")
        os.mkdir(other)
        for path in self.file("a", "same"), os.path.join(other, "b"), os.path.join(other, "c"):
            with open(path, "w") as file:
                file.write("same")
        service = self.service()
        settings = self.settings()
        folder = evolve(settings.folders["scans"], name="o", path=other, identify="content")
        service.settings = evolve(settings, folders={**settings.folders, "o": folder})
        service.startService()
        self.assertEqual(set(self.states(service).values()), {"done"})
        names = {each.name: each.identifier for each in self.entries(service)}
        self.assertEqual(names["b"], names["c"])
        self.assertNotEqual(names["a"], names["b"])


class StopTests(PushTestCase):
    """What is under way when it stops."""

    OPTIONS = {"test_chunks": False, "simultaneous_uploads": 1}

    def test_queued_again(self) -> None:
        """What did not arrive in time is QUEUED, and is sent at the next start."""
        self.file("a", "x" * 30)
        client = FakeClient()
        service = self.started(self.OPTIONS, client)
        client.respond(200)
        stopped = service.stopService()
        self.assertEqual(len(client.waiting), 1)
        self.clock.pump([1.0] * 9)
        self.assertNoResult(stopped)
        self.clock.pump([1.0, 0.1])
        self.successResultOf(stopped)
        self.assertEqual(self.changes[-1], ("a", "queued"))
        service.startService()
        while client.waiting:
            client.respond(200)
        self.assertEqual(self.states(service), {"a": "done"})

    def test_in_time(self) -> None:
        """A chunk that is under way may finish; if that was the last one, the file is done."""
        self.file("a", "x" * 10)
        client = FakeClient()
        service = self.started(self.OPTIONS, client)
        stopped = service.stopService()
        client.respond(200)
        self.clock.advance(0.1)
        self.successResultOf(stopped)
        self.assertEqual(self.changes[-1], ("a", "done"))

    def test_aborted(self) -> None:
        """Stopped once more, it does not wait."""
        self.file("a", "x" * 30)
        client = FakeClient()
        service = self.started(self.OPTIONS, client)
        stopped = service.stopService()
        self.assertNoResult(stopped)
        again = service.stopService()
        self.clock.advance(0.1)
        self.successResultOf(stopped)
        self.successResultOf(again)


def name_of(request: SentRequest) -> str:
    """The name of the file that a request is about."""
    return request.parameters["resumableFilename"]


def sent_of(client: FakeClient, name: str) -> int:
    """How many chunks of a file were sent."""
    return sum(name_of(request) == name for request in client.uploads)
