"""
Tests for what an operator sees and does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError

from tests.push_rig import PushTestCase
from txresumable import InvalidOption
from txresumable.push import (
    ImpossibleTransition,
    NotRunning,
    NotThere,
    PushService,
    PushState,
    UnknownEntry,
)
from txresumable.push.effects import Effects
from txresumable.testing import FakeClient, Response

PLAIN = {"test_chunks": False, "simultaneous_uploads": 1}


class FileTests(PushTestCase):
    """One file."""

    def refusing(self, *names: str, **folder: Any) -> PushService:
        """A service whose target has refused files."""
        for name in names:
            self.file(name)
        self.receiver.rule = lambda _: Response(415, b"not a scan")
        service = self.started(**folder)
        self.receiver.rule = None
        return service

    def test_hold(self) -> None:
        """A file that is queued, or is being sent, is held, and sent when it is released."""
        client = FakeClient()
        self.file("a", "x" * 30)
        service = self.started(PLAIN, client)
        self.assertEqual(self.result(service.hold(self.entry(service).id)).state, PushState.HELD)
        self.assertIn("operator", self.entry(service).why)
        self.assertEqual(client.waiting, [])
        service.pause()
        self.file("b")
        self.rescan(service)
        self.result(service.hold(self.entry(service, "b").id))
        service.resume()
        self.assertEqual(self.states(service), {"a": "held", "b": "held"})
        self.restarted(service)
        self.assertEqual(self.states(service), {"a": "held", "b": "held"})
        for name in "ba":
            self.result(service.release(self.entry(service, name).id))
        while client.waiting:
            client.respond(200)
        self.assertEqual(self.states(service), {"a": "done", "b": "done"})

    def test_cancel(self) -> None:
        """A file that is cancelled has failed, with all that this leads to."""
        client = FakeClient()
        self.file("a", "x" * 30)
        service = self.started(PLAIN, client, failed="BASE/failed")
        entry = self.result(service.cancel(self.entry(service).id))
        self.assertEqual((entry.state, entry.attempts), (PushState.FAILED, 0))
        self.assertTrue(os.path.exists(os.path.join(self.base, "failed/a.error.json")))
        service.pause()
        self.file("b")
        self.rescan(service)
        self.result(service.cancel(self.entry(service, "b").id))
        self.assertTrue(os.path.exists(os.path.join(self.base, "failed/b.error.json")))

    def test_stored_at_the_last_moment(self) -> None:
        """What is stored already can neither be held nor cancelled."""
        self.file("a")
        service = self.started()
        for act in service.hold, service.cancel, service.release, service.retry:
            error = self.failureResultOf(act(self.entry(service).id), ImpossibleTransition)
            self.assertIn("done", str(error.value))

    def test_retry(self) -> None:
        """A file that waits is tried at once, and one that has failed begins anew."""
        self.file("a")
        self.receiver.rule = lambda _: Response(409)
        service = self.started(attempts=2)
        self.assertEqual(self.entry(service).attempts, 1)
        self.result(service.retry(self.entry(service).id))
        self.assertEqual(self.states(service), {"a": "failed"})
        before = self.entry(service)
        self.receiver.rule = None
        self.result(service.retry(before.id))
        after = self.entry(service)
        self.assertEqual((after.id, after.state), (before.id, PushState.DONE))
        self.assertNotEqual(after.event_id, before.event_id)

    def test_retry_all(self) -> None:
        """All files in a state, even if one of them is not where it was put."""
        service = self.refusing("a", "b", "c", failed="BASE/failed")
        os.unlink(os.path.join(self.base, "failed/b"))
        self.assertEqual(self.result(service.retry_all("failed")), 2)
        self.assertEqual(self.states(service), {"a": "done", "b": "failed", "c": "done"})
        self.assertRaises(ValueError, service.retry_all, "none")

    def test_again(self) -> None:
        """What was moved away is moved back, sent, and moved away once more."""
        self.file("a")
        service = self.started(after="move:BASE/sent", on_sent=["/bin/sent"])
        self.clock.hooks[0].end()
        self.result(service.again(self.entry(service).id))
        self.clock.hooks[1].end()
        self.assertEqual(self.states(service), {"a": "done"})
        self.assertEqual(os.listdir(os.path.join(self.base, "sent")), ["a"])
        ids = {hook.environment[b"TXRESUMABLE_ID"] for hook in self.clock.hooks}
        self.assertEqual(len(ids), 2)

    def meanwhile(self, service: PushService, happening: Callable[[], object]) -> Any:
        """Have something happen between an operator's look at a file and what follows from it."""
        journal, left = service.journal, [happening]
        assert journal is not None
        look = journal.entry

        def late(id: int) -> Any:
            seen = look(id)
            if left:
                left.pop()()
            return seen

        return patch.object(journal, "entry", late)

    def test_turn_comes_meanwhile(self) -> None:
        """A file whose upload begins just as it is held or cancelled is stopped."""
        for act, state in ("hold", "held"), ("cancel", "failed"):
            client = FakeClient()
            self.file(state, "x" * 30)
            service = self.service(PLAIN, client)
            service.pause()
            service.startService()
            self.clock.advance(1)
            with self.meanwhile(service, service.resume):
                self.result(getattr(service, act)(self.entry(service, state).id))
            self.assertEqual(self.states(service)[state], state)
            self.assertEqual(client.waiting, [])
            self.stop(service)

    def test_asked_twice(self) -> None:
        """A file that is being sent again since somebody looked is not sent twice at once."""
        client = FakeClient()
        self.file("a")
        service = self.started(PLAIN, client)
        client.respond(200)
        id = self.entry(service).id
        with self.meanwhile(service, lambda: self.result(service.again(id))):
            self.failureResultOf(service.again(id), ImpossibleTransition)
        self.assertEqual(len(client.waiting), 1)
        client.respond(200)
        self.assertEqual(self.states(service), {"a": "done"})

    def test_again_while_put_aside(self) -> None:
        """A file that is just being put aside is put back before it is sent again."""
        service = self.service(failed="BASE/failed")
        service.pause()
        service.startService()
        self.file("a")
        self.rescan(service)
        id = self.entry(service).id
        assert service.delivery is not None
        effects = service.delivery.routes["scans"].effects
        run, asked = effects.run, []

        def later(effect: Any) -> Any:
            asked.append((effect, Deferred()))
            return asked[-1][1]

        with patch.object(effects, "run", later):
            self.result(service.cancel(id))
            again = service.again(id)
        [(effect, done)] = asked
        run(effect).chainDeferred(done)
        self.result(again)
        service.resume()
        self.assertEqual(self.states(service), {"a": "done"})
        self.assertEqual(os.listdir(self.folder), ["a"])

    def test_put_aside_meanwhile(self) -> None:
        """A file that is to be put aside as it is about to be sent again stays where it is."""
        self.file("a")
        self.receiver.rule = lambda _: Response(415, b"not a scan")
        with patch.object(Effects, "put_aside", side_effect=OSError("denied")):
            service = self.started(failed="BASE/failed")
        self.receiver.rule = None
        journal, left = service.journal, [20.0]
        assert journal is not None
        move = journal.move

        def late(*arguments: Any, **facts: Any) -> Any:
            while left:
                self.clock.advance(left.pop())
            return move(*arguments, **facts)

        with patch.object(journal, "move", late):
            self.result(service.again(self.entry(service).id))
        self.assertEqual(self.states(service), {"a": "done"})
        self.assertEqual(os.listdir(self.folder), ["a"])
        self.assertEqual(self.stored(), {"a": b"a"})

    def test_retry_all_but_some(self) -> None:
        """One that cannot be moved back, or whose folder is watched no more, is no obstacle."""
        service = self.refusing("a", "b", failed="BASE/failed")
        with patch.object(Effects, "put_back", side_effect=[OSError("denied"), True]):
            self.assertEqual(self.result(service.retry_all("failed")), 1)

    def test_concurrency_before_start(self) -> None:
        """What no target can do is refused while there is none, too, and it starts then."""
        service = self.service()
        self.assertRaises(InvalidOption, service.set_concurrency, "many")
        service.startService()
        self.result(service.when_started())

    def test_not_there(self) -> None:
        """It is not moved back over a new file, nor if it is gone."""
        self.file("a")
        service = self.started(after="move:BASE/sent")
        service.pause()
        self.file("a", "newer")
        id = self.entry(service).id
        error = self.failureResultOf(service.again(id), NotThere).value
        self.assertIn("sent/a", str(error))
        self.assertEqual(self.states(service), {"a": "done"})

    def test_unknown(self) -> None:
        """A number that nothing has."""
        service = self.started()
        for act in service.hold, service.cancel, service.release, service.retry, service.again:
            self.failureResultOf(act(5), UnknownEntry)

    def test_add(self) -> None:
        """A file is queued without waiting; one that is known is not."""
        service = self.started(settle=3600.0)
        path = self.file("b/a")
        entry = self.result(service.add("scans", path))
        assert entry is not None
        self.assertEqual(entry.name, "b/a")
        self.assertEqual(self.states(service), {"b/a": "done"})
        self.assertIsNone(self.result(service.add("scans", "b/a")))
        self.assertRaises(InvalidOption, service.add, "other", "b/a")
        for wrong in ("..", "../x", "b", self.base, "", "x\0"):
            self.failureResultOf(service.add("scans", wrong), InvalidOption)
        self.failureResultOf(service.add("scans", "none"), OSError)
        self.file("..b")
        self.result(service.add("scans", "..b"))
        self.assertEqual(self.states(service)["..b"], "done")

    def test_add_from_disk_that_hangs(self) -> None:
        """Only that file waits for it: it is looked at in a thread."""
        service = self.started()
        self.file("a")
        go_on, adding = self.hung(lambda: service.add("scans", "a"))
        self.assertNoResult(adding)
        go_on()
        self.assertIsNotNone(self.result(adding))
        self.file("b")
        go_on, adding = self.hung(lambda: service.add("scans", "b"))
        self.stop(service)
        go_on()
        self.failureResultOf(adding, NotRunning)

    def test_add_over_link(self) -> None:
        """What lies elsewhere is not in the folder, though a link in it leads there."""
        os.mkdir(os.path.join(self.base, "private"))
        with open(os.path.join(self.base, "private/key"), "w") as file:
            file.write("secret")
        os.symlink(os.path.join(self.base, "private"), os.path.join(self.folder, "link"))
        service = self.started()
        self.failureResultOf(service.add("scans", "link/key"), InvalidOption)
        self.assertEqual(self.stored(), {})

    def test_not_running(self) -> None:
        """What needs the journal fails while it does not run."""
        service = self.service()
        self.failureResultOf(service.hold(1), NotRunning)
        self.failureResultOf(service.retry_all("failed"), NotRunning)


class StatusTests(PushTestCase):
    """Where everything is."""

    def test_status(self) -> None:
        """It can be written as JSON, and says where the files are."""
        self.file("a", "x" * 30)
        client = FakeClient()
        service = self.started({**PLAIN, "target": "http://host/x?token=SECRET"}, client)
        client.respond(200)
        status = self.result(service.status())
        self.assertNotIn("SECRET", json.dumps(status))
        self.assertTrue(status["running"])
        folder = status["folders"]["scans"]
        self.assertEqual(folder["files"], {"uploading": 1})
        [sent] = folder["sending"].values()
        self.assertAlmostEqual(sent, 1 / 3, delta=0.01)
        self.assertEqual(status["targets"]["lab"]["url"], "http://host/x")
        self.assertEqual(status["targets"]["lab"]["sending"], 1)

    def test_not_running(self) -> None:
        """One that does not run says so."""
        status = self.result(self.service().status())
        self.assertEqual((status["running"], status["folders"]), (False, {}))

    def test_no_connection(self) -> None:
        """Before it was tried, nobody knows of a target; then that no connection can be made."""
        client = FakeClient()
        service = self.started({"test_chunks": False}, client)
        target = self.result(service.status())["targets"]["lab"]
        self.assertEqual((target["up"], target["why"]), (None, ""))
        self.file("a")
        self.rescan(service)
        client.fail(ConnectionRefusedError())
        target = self.result(service.status())["targets"]["lab"]
        self.assertEqual((target["up"], target["why"]), (False, "no connection can be made"))

    def test_target(self) -> None:
        """A target that takes no files says why, and until when."""
        self.file("a")
        self.receiver.rule = lambda _: Response(401, b"who are you?")
        service = self.started()
        target = self.result(service.status())["targets"]["lab"]
        self.assertFalse(target["up"])
        self.assertIn("who are you?", target["why"])
        self.assertEqual(target["until"], self.now() + 5)

    def test_rescan(self) -> None:
        """One folder that there is not."""
        self.assertRaises(InvalidOption, self.started().rescan, "other")
