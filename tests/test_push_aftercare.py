"""
Tests for what is done with files that are stored or have failed.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any
from unittest.mock import patch

from attrs import evolve
from twisted.internet.error import ProcessExitedAlready

from tests.push_rig import FakeProcess, PushTestCase
from txresumable.push import ControlSettings, PushService
from txresumable.push.delivery import aftercare
from txresumable.push.effects import Effects
from txresumable.push.hooks import Ping
from txresumable.testing import Response


class AftercareTestCase(PushTestCase):
    """What lies where."""

    def lies(self, *folders: str) -> set[str]:
        """The files in the folder, and in others beside it."""
        found = set()
        for name in ("folder", *folders):
            for folder, _, names in os.walk(os.path.join(self.base, name)):
                found |= {os.path.relpath(os.path.join(folder, each), self.base) for each in names}
        return found

    def stale(self, service: PushService, state: str) -> None:
        """It looks for what is left; while it does, the first command ends."""
        assert service.delivery is not None
        steps, route = service.delivery.steps, service.delivery.routes["scans"]
        page = [each for each in self.entries(service) if each.state.value == state]
        self.assertEqual(len(page), 1)

        async def entries(states: Any, folder: str, after: int) -> Any:
            if not after:
                self.clock.hooks[0].end()
            return [] if after else page

        with patch.object(steps, "entries", entries):
            route.aftercare.resume()

    def variable(self, hook: FakeProcess, name: str) -> str:
        """A fact that a command was given."""
        return hook.environment[f"TXRESUMABLE_{name}".encode()].decode()


class SentTests(AftercareTestCase):
    """A file that is stored."""

    def test_kept(self) -> None:
        """It stays where it is, and is not sent again."""
        self.file("a")
        service = self.started()
        self.rescan(service)
        self.assertEqual(self.lies(), {"folder/a"})
        self.assertEqual(len(self.entries(service)), 1)

    def test_marker(self) -> None:
        """With a file that is deleted, moved or put aside goes its marker; kept, both stay."""
        for number, after in enumerate(("delete", "move:BASE/sent", "keep")):
            name = str(number)
            self.file(name)
            self.file(f"{name}.done")
            service = self.started(after=after, marker=".done")
            self.clock.pump([0.1] * 5)
            self.assertEqual(self.states(service)[name], "done")
            self.stop(service)
        self.assertEqual(sorted(os.listdir(self.folder)), ["2", "2.done"])
        self.file("3")
        self.file("3.done")
        self.receiver.rule = lambda request: 400 if request.method == "POST" else None
        service = self.started(failed="BASE/failed", marker=".done")
        self.clock.pump([0.1] * 5)
        self.assertEqual(self.states(service)["3"], "failed")
        self.assertEqual(sorted(os.listdir(self.folder)), ["2", "2.done"])

    def test_deleted(self) -> None:
        """It is deleted, and nothing is left of it."""
        self.file("a/b")
        service = self.started(after="delete")
        self.assertEqual(self.states(service), {"a/b": "done"})
        self.assertEqual(self.lies("state/trash"), set())
        self.assertEqual(self.stored(), {"a/b": b"a/b"})

    def test_moved(self) -> None:
        """It lies in the other folder, which the journal knows."""
        self.file("a/b")
        service = self.started(after="move:BASE/sent")
        self.assertEqual(self.lies("sent"), {"sent/a/b"})
        location = os.path.join(self.base, "sent/a/b")
        self.assertEqual(self.entry(service, "a/b").location, location.encode())

    def test_dropped_again(self) -> None:
        """A file that is put back to where it was moved from is sent and moved once more."""
        self.file("a")
        service = self.started(after="move:BASE/sent")
        os.rename(os.path.join(self.base, "sent/a"), os.path.join(self.base, "folder/a"))
        for _ in range(3):
            self.rescan(service)
        self.assertEqual(self.lies("sent"), {"sent/a"})
        self.assertEqual(self.changes.count(("a", "done")), 2)

    def test_same_content(self) -> None:
        """Two files of the same content arrive under both names before they are deleted."""
        for name in ("a", "b"):
            self.file(name, "same")
        self.started(after="delete")
        self.assertEqual(self.lies(), set())
        self.assertEqual(self.stored(), {"a": b"same", "b": b"same"})

    def test_another_version(self) -> None:
        """What was put in its place after it was stored is neither deleted nor forgotten."""
        self.file("a")
        service = self.started(after="delete", on_sent=["/bin/sent"])
        self.file("a", "newer")
        self.clock.hooks[0].end()
        self.assertEqual(self.lies(), {"folder/a"})
        self.rescan(service)
        self.clock.hooks[1].end()
        self.assertEqual(self.lies(), set())
        contents = {each.content for each in self.receiver.files.values()}
        self.assertEqual(contents, {b"a", b"newer"})

    def test_hook(self) -> None:
        """The command runs once it is stored, and only if it succeeds the file is deleted."""
        path = self.file("a")
        service = self.started(after="delete", on_sent=["/bin/sent"])
        [hook] = self.clock.hooks
        self.assertEqual(self.states(service), {"a": "hook"})
        self.assertEqual(self.lies(), {"folder/a"})
        entry = self.entry(service)
        self.assertEqual(self.variable(hook, "ID"), entry.event_id)
        self.assertEqual(self.variable(hook, "EVENT"), "sent")
        self.assertEqual(self.variable(hook, "PATH"), path)
        self.assertEqual(self.variable(hook, "IDENTIFIER"), entry.identifier)
        self.assertEqual(self.variable(hook, "FOLDER"), "scans")
        hook.end()
        self.assertEqual(self.states(service), {"a": "done"})
        self.assertEqual(self.lies(), set())

    def test_hook_fails(self) -> None:
        """It runs again later, with the same id; in the end an operator has to see to it."""
        self.file("a")
        service = self.started(after="delete", on_sent=["/bin/sent"], attempts=3)
        for number, delay in (0, 15), (1, 30):
            self.clock.hooks[number].end(1)
            entry = self.entry(service)
            self.assertEqual(entry.state.value, "hook")
            self.assertIn("ended with status 1", entry.why)
            self.assertAlmostEqual(entry.until, self.now() + delay)
            self.clock.advance(delay - 1)
            self.assertEqual(len(self.clock.hooks), number + 1)
            self.clock.advance(2)
        self.clock.hooks[2].end(1)
        self.assertEqual(self.entry(service).until, 0)
        self.clock.pump([3600] * 3)
        self.assertEqual(len(self.clock.hooks), 3)
        self.assertEqual(len({self.variable(hook, "ID") for hook in self.clock.hooks}), 1)
        self.assertEqual(self.lies(), {"folder/a"})
        self.result(service.retry(self.entry(service).id))
        self.clock.hooks[3].end()
        self.assertEqual(self.states(service), {"a": "done"})

    def test_clock_is_set(self) -> None:
        """A clock that is set by an hour holds no command up."""
        self.file("a")
        service = self.started(on_sent=["/bin/sent"])
        self.clock.hooks[0].end(1)
        self.skew = -3600.0
        self.clock.advance(16)
        self.assertEqual(len(self.clock.hooks), 2)
        self.clock.hooks[1].end(1)
        self.restarted(service)
        self.assertEqual(len(self.clock.hooks), 3)
        self.clock.hooks[2].end()
        self.assertEqual(self.states(service), {"a": "done"})

    def test_stopped(self) -> None:
        """A command that runs when it stops has a while, and then runs again, with the same id."""
        self.file("a")
        service = self.started(on_sent=["/bin/sent"])
        self.restarted(service)
        self.assertEqual(len(self.clock.hooks), 2)
        self.assertEqual(len({self.variable(hook, "ID") for hook in self.clock.hooks}), 1)
        stopped = service.stopService()
        self.clock.advance(5)
        self.clock.hooks[1].end()
        self.clock.advance(0.1)
        self.result(stopped)
        self.assertEqual(self.changes[-1], ("a", "done"))

    def test_effect_fails(self) -> None:
        """A file that cannot be deleted is tried again."""
        self.file("a")
        delete = Effects.delete
        with patch.object(Effects, "delete", side_effect=PermissionError(13, "read-only")):
            service = self.started(after="delete")
        self.assertEqual(self.states(service), {"a": "moving"})
        self.assertIn("read-only", self.entry(service).why)
        self.assertIs(Effects.delete, delete)
        self.clock.advance(16)
        self.assertEqual(self.states(service), {"a": "done"})
        self.assertEqual(self.lies(), set())

    def test_many(self) -> None:
        """A few are seen to at a time, and the others are not lost."""
        for number in range(20):
            self.file(f"{number:02}")
        with patch.object(aftercare, "_AT_ONCE", 4):
            service = self.started(on_sent=["/bin/sent"])
            ended = 0
            while ended < len(self.clock.hooks):
                self.assertLessEqual(len(self.clock.hooks) - ended, 4)
                self.clock.hooks[ended].end()
                ended += 1
        self.assertEqual(ended, 20)
        self.assertEqual(set(self.states(service).values()), {"done"})

    def test_places(self) -> None:
        """However many folders there are, as many commands run at a time as may."""
        settings = self.settings(on_sent=["/bin/sent"])
        one = settings.folders["scans"]
        folders = {}
        for name in "abc":
            path = os.path.join(self.folder, name)
            folders[name] = evolve(one, name=name, path=path)
            for number in range(3):
                self.file(f"{name}/{number}")
        service = PushService(
            evolve(
                settings, folders=folders, hooks_at_once=2, control=ControlSettings(socket=None)
            ),
            reactor=self.clock,
            client=self.receiver,
            now=self.now,
        )
        self.services.append(service)
        service.startService()
        self.successResultOf(service.when_started())
        for ended in range(9):
            self.assertEqual(len(self.clock.hooks), min(ended + 2, 9))
            self.clock.hooks[ended].end()
        begun = [hook.environment[b"TXRESUMABLE_FOLDER"] for hook in self.clock.hooks]
        self.assertEqual({*begun[2:5]}, {b"a", b"b", b"c"})
        self.assertEqual({entry.state.value for entry in self.entries(service)}, {"done"})

    def test_ping(self) -> None:
        """A URL is called when a file is sent, and after each scan while all is well."""
        with patch.object(Ping, "sent") as sent:
            service = self.started(rescan=60.0, ping="http://127.0.0.1/")
            self.assertEqual(sent.call_count, 1)
            self.clock.advance(61)
            self.assertEqual(sent.call_count, 2)
            self.file("a")
            self.rescan(service)
            self.assertEqual(sent.call_count, 4)
            self.receiver.rule = lambda _: Response(401, b"who are you?")
            self.file("b")
            self.rescan(service)
            count = sent.call_count
            self.clock.advance(61)
            os.rename(self.folder, self.folder + "-away")
            self.receiver.rule = None
            self.clock.pump([10.0] * 60)
            self.assertEqual(sent.call_count, count)

    def test_old_page(self) -> None:
        """What was done while the journal was read is not done once more."""
        self.file("a")
        service = self.started(on_sent=["/bin/sent"])
        self.stale(service, "hook")
        self.assertEqual(self.states(service), {"a": "done"})
        self.assertEqual(len(self.clock.hooks), 1)

    def test_crashes(self) -> None:
        """A crash after any state is durable leads to the same end, without a second upload."""
        for number, crash in enumerate(("stored", "hook", "moving", "done")):
            self.file(f"f{number}")
            service = self.crashed(crash)
            self.clock.hooks.clear()
            service.startService()
            for hook in list(self.clock.hooks):
                hook.end()
            self.assertEqual(self.states(service), dict.fromkeys(self.states(service), "done"))
            self.assertEqual(self.lies(), set())
            self.stop(service)
        arrivals = [max(each.arrivals.values()) for each in self.receiver.files.values()]
        self.assertEqual(arrivals, [1] * 4)

    def crashed(self, at: str) -> PushService:
        """A service that is dead as soon as a file is in a state, as far as the journal knows."""
        service = self.service(after="delete", on_sent=["/bin/sent"])

        def die(_: object, after: Any) -> None:
            if after.state.value == at and service.delivery is not None:
                service.delivery.steps.close()
                for route in service.delivery.routes.values():
                    route.aftercare.stop()

        service.changed.register(die)
        service.startService()
        for hook in list(self.clock.hooks):
            with contextlib.suppress(ProcessExitedAlready):  # it was killed
                hook.end()
        service.changed.unregister(die)
        self.stop(service)
        return service


class FailedTests(AftercareTestCase):
    """A file that has failed for good."""

    def failed(self, **folder: Any) -> PushService:
        """A service whose target refuses all files."""
        self.file("a/b")
        self.receiver.rule = lambda _: Response(415, b"not a scan")
        return self.started(**folder)

    def test_stays(self) -> None:
        """It stays where it is by default, and is not sent again."""
        service = self.failed()
        sent = len(self.receiver.sent)
        self.rescan(service)
        self.assertEqual(self.states(service), {"a/b": "failed"})
        self.assertTrue(self.entry(service, "a/b").is_aside)
        self.assertEqual(self.lies(), {"folder/a/b"})
        self.assertEqual(len(self.receiver.sent), sent)

    def test_aside(self) -> None:
        """It is put aside, with the reason beside it, and a command is run then."""
        service = self.failed(failed="BASE/failed", on_failed=["/bin/failed"])
        self.assertEqual(self.lies("failed"), {"failed/a/b", "failed/a/b.error.json"})
        with open(os.path.join(self.base, "failed/a/b.error.json")) as file:
            facts = json.load(file)
        self.assertIn("not a scan", facts["why"])
        self.assertEqual((facts["name"], facts["event"], facts["attempts"]), ("a/b", "failed", 1))
        [hook] = self.clock.hooks
        self.assertEqual(self.variable(hook, "PATH"), os.path.join(self.base, "failed/a/b"))
        self.assertEqual(facts, json.loads(hook.given))
        self.assertFalse(self.entry(service, "a/b").is_aside)
        hook.end()
        self.assertTrue(self.entry(service, "a/b").is_aside)

    def test_old_page(self) -> None:
        """What was put aside while the journal was read is left alone."""
        service = self.failed(failed="BASE/failed", on_failed=["/bin/failed"])
        self.stale(service, "failed")
        self.assertTrue(self.entry(service, "a/b").is_aside)
        self.assertEqual(len(self.clock.hooks), 1)

    def test_restart(self) -> None:
        """What was not finished when it stopped is finished then."""
        service = self.failed(failed="BASE/failed", on_failed=["/bin/failed"])
        self.restarted(service)
        self.clock.hooks[1].end()
        self.restarted(service)
        self.assertEqual(len(self.clock.hooks), 2)
        self.assertEqual(self.lies("failed"), {"failed/a/b", "failed/a/b.error.json"})

    def test_hook_fails(self) -> None:
        """Why the file failed is kept if its command fails, too, which runs again."""
        service = self.failed(on_failed=["/bin/failed"], attempts=2)
        self.clock.hooks[0].end(1)
        self.assertIn("not a scan", self.entry(service, "a/b").why)
        self.clock.advance(16)
        self.clock.hooks[1].end(1)
        self.clock.pump([3600] * 3)
        self.assertEqual(len(self.clock.hooks), 2)

    def test_sent_again_meanwhile(self) -> None:
        """If it is sent while the command for its failure still runs, it is seen to after that."""
        service = self.failed(on_failed=["/bin/failed"], after="delete")
        self.receiver.rule = None
        self.result(service.again(self.entry(service, "a/b").id))
        self.clock.hooks[0].end()
        self.assertEqual(self.states(service), {"a/b": "done"})
        self.assertEqual(self.lies(), set())

    def test_kept_meanwhile(self) -> None:
        """That the command for its failure ends is not noted of a file that has been sent."""
        service = self.failed(on_failed=["/bin/failed"])
        self.receiver.rule = None
        self.result(service.again(self.entry(service, "a/b").id))
        self.clock.hooks[0].end()
        self.assertEqual(self.states(service), {"a/b": "done"})
        self.assertFalse(self.entry(service, "a/b").is_aside)

    def test_retried(self) -> None:
        """It is put back where it was, and sent."""
        service = self.failed(failed="BASE/failed")
        self.receiver.rule = None
        self.result(service.retry(self.entry(service, "a/b").id))
        self.assertEqual(self.states(service), {"a/b": "done"})
        self.assertEqual(self.lies("failed"), {"folder/a/b"})
