"""
Tests for the service: how it starts, stops, reloads, and what its journal's troubles do to it.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Any
from unittest.mock import patch

from attrs import evolve
from twisted.application.service import Application, IService
from twisted.internet import reactor as installed
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from tests.push_rig import PushTestCase
from txresumable import InvalidOption
from txresumable.push import (
    AlreadyRunning,
    ControlSettings,
    FolderSettings,
    JobsUnavailable,
    Journal,
    JournalUnavailable,
    PushService,
    PushSettings,
    QueueSettings,
    RateRule,
    TargetSettings,
)
from txresumable.receiver import Store, make_site
from txresumable.testing import FakeClient, MemoryJobs


class LifeTests(PushTestCase):
    """It starts and stops."""

    def test_interface(self) -> None:
        """It is a service, and goes into an application."""
        service = self.service()
        verifyObject(IService, service)
        service.setServiceParent(Application("test"))
        self.assertEqual(repr(service), "<PushService not running, 1 folders>")

    def test_restarts(self) -> None:
        """It may be stopped and started as often as one likes, also in a row."""
        service = self.started()
        for number in range(3):
            self.restarted(service)
            self.file(str(number))
            self.rescan(service)
            self.assertEqual(self.states(service)[str(number)], "done")
        service.startService()
        stopped = service.stopService()
        service.startService()
        started = service.when_started()
        self.clock.pump([1.0] * 20)
        self.successResultOf(stopped)
        self.successResultOf(started)
        self.assertEqual(repr(service), "<PushService running, 1 folders>")
        self.assertEqual(list(service.folders), ["scans"])

    def test_not_started(self) -> None:
        """One that never ran stops at once."""
        service = self.service()
        self.successResultOf(service.stopService())

    def test_already_running(self) -> None:
        """A second one for the same state does not start, and starts when the first is away."""
        first = self.started()
        second = self.service()
        second.startService()
        error = self.failureResultOf(second.when_started(), AlreadyRunning).value
        self.assertEqual(error.pid, os.getpid())
        self.assertIsNone(second.journal)
        self.stop(second)
        self.stop(first)
        second.startService()
        self.successResultOf(second.when_started())

    def test_wrong_places(self) -> None:
        """It does not start if what was sent, or has failed, would be found again."""
        for wrong in {"after": f"move:{self.folder}/sent"}, {"failed": self.folder}:
            service = self.service(**wrong)
            service.startService()
            self.failureResultOf(service.when_started(), InvalidOption)
            self.assertIsNone(service.journal)
            self.stop(service)

    def test_journal_in_folder(self) -> None:
        """It does not start if it would send its journal."""
        os.symlink(self.folder, os.path.join(self.base, "state"))
        service = self.service()
        service.startService()
        self.failureResultOf(service.when_started(), InvalidOption)
        self.assertEqual(os.listdir(self.folder), [])

    def test_journal_cannot_be_opened(self) -> None:
        """It is tried again, and said what the trouble is."""
        service = self.service()
        with patch.object(Journal, "open", side_effect=JournalUnavailable("disk full")):
            service.startService()
            started = service.when_started()
            self.clock.pump([5] * 3)
            self.assertNoResult(started)
            self.assertIn("disk full", service.trouble)
        self.clock.advance(5)
        self.successResultOf(started)
        self.assertEqual(service.trouble, "")

    def test_stopped_while_it_cannot_be_opened(self) -> None:
        """It stops all the same, and who waits for its start knows."""
        service = self.service()
        with patch.object(Journal, "open", side_effect=JournalUnavailable("disk full")):
            service.startService()
            started = service.when_started()
            self.successResultOf(service.stopService())
            self.failureResultOf(started, CancelledError)

    def test_stopped_while_it_is_opened(self) -> None:
        """Nothing begins then, and the next start is one like any other."""
        self.file("a")
        opened: Deferred[None] = Deferred()
        open_journal = Journal.open

        async def slowly(*args: Any, **options: Any) -> Journal:
            await opened
            return await open_journal(*args, **options)

        with patch.object(Journal, "open", slowly):
            service = self.service()
            service.startService()
            started, stopped = service.when_started(), service.stopService()
            opened.callback(None)
            self.failureResultOf(started, CancelledError)
        self.successResultOf(stopped)
        self.assertEqual(self.receiver.sent, [])
        self.restarted(service)
        self.assertEqual(self.states(service), {"a": "done"})

    def test_disk_full(self) -> None:
        """While the journal cannot be written nothing is begun, and nothing is lost."""
        self.file("a", "x" * 30)
        client = FakeClient()
        service = self.started({"test_chunks": False, "simultaneous_uploads": 1}, client)
        with self.full_disk():
            self.file("b")
            service.rescan().addErrback(lambda _: None)
            while client.waiting:
                client.respond(200)
            self.clock.pump([5] * 5)
            self.assertIn("disk is full", service.trouble)
            self.assertEqual(client.waiting, [])
        self.clock.pump([5, 5, 1, 1])
        self.assertEqual(service.trouble, "")
        self.rescan(service)
        while client.waiting:
            client.respond(200)
        self.assertEqual(self.states(service), {"a": "done", "b": "done"})
        self.assertEqual(len([each for each in client.sent if each.method == "POST"]), 4)

    def full_disk(self) -> Any:
        """A disk that takes no transaction."""
        from txresumable.push.journal.database import Database

        error = sqlite3.OperationalError("database or disk is full")
        return patch.object(Database, "_transact", side_effect=error)

    def test_stopped_with_full_disk(self) -> None:
        """It stops even if nothing can be written down."""
        self.file("a")
        client = FakeClient()
        service = self.started({"test_chunks": False}, client)
        with self.full_disk():
            client.respond(200)
            self.stop(service)
        service.startService()
        client.respond(200)
        self.assertEqual(self.states(service), {"a": "done"})

    def test_damaged(self) -> None:
        """A journal that is damaged is begun anew; nothing is lost, and nothing sent twice."""
        self.file("a")
        service = self.started()
        assert service.journal is not None
        sent = len(self.receiver.files)
        from txresumable.push.journal.database import Database

        error = sqlite3.DatabaseError("malformed")
        with patch.object(Database, "_transact", side_effect=[error]):
            service.rescan().addErrback(lambda _: None)
            self.clock.advance(0)
        self.file("b")
        self.clock.pump([1.0] * 90)
        self.assertTrue(service.was_damaged)
        self.assertEqual(self.states(service), {"a": "done", "b": "done"})
        self.assertEqual(len(self.receiver.files), sent + 1)
        arrivals = [max(each.arrivals.values()) for each in self.receiver.files.values()]
        self.assertEqual(arrivals, [1, 1])


class ReloadTests(PushTestCase):
    """Settings that are read anew."""

    def test_folder(self) -> None:
        """Another folder is watched then; what was under way is sent."""
        self.file("a", "x" * 30)
        client = FakeClient()
        service = self.service({"test_chunks": False, "simultaneous_uploads": 1}, client)
        other = os.path.join(self.base, "other")
        os.mkdir(other)
        with open(os.path.join(other, "b"), "w") as file:
            file.write("b")
        old = service.settings
        folder = evolve(old.folders["scans"], name="other", path=other)
        new = evolve(old, folders={**old.folders, "other": folder})
        service = PushService(
            old, reactor=self.clock, client=client, now=self.now, reload=lambda: new
        )
        self.services.append(service)
        service.startService()
        reloaded = service.reload()
        client.respond(200)
        self.clock.advance(0.1)
        self.successResultOf(reloaded)
        while client.waiting:
            client.respond(200)
        self.assertEqual(self.states(service), {"a": "done", "b": "done"})
        self.assertEqual(set(service.folders), {"scans", "other"})

    def test_rates(self) -> None:
        """Other rates count at once, and interrupt nothing."""
        service = self.started()
        delivery = service.delivery
        new = evolve(service.settings, rates=(RateRule(max_rate=7),))
        reloading = PushService(
            service.settings, reactor=self.clock, now=self.now, reload=lambda: new
        )
        self.stop(service)
        self.services.append(reloading)
        reloading.startService()
        delivery = reloading.delivery
        self.successResultOf(reloading.reload())
        self.assertIs(reloading.delivery, delivery)
        self.assertEqual(reloading.rates.rate, 7)

    def test_control(self) -> None:
        """Another control interrupts nothing; the journal stays where it is, which is logged."""
        old = self.settings()
        control = ControlSettings(socket="/run/push")
        new = evolve(old, control=control, state=os.path.join(self.base, "other"))
        service = PushService(old, reactor=self.clock, now=self.now, reload=lambda: new)
        self.services.append(service)
        service.startService()
        delivery, reloaded = service.delivery, []
        service.reloaded.register(lambda: reloaded.append(service.settings))
        self.successResultOf(service.reload())
        self.assertIs(service.delivery, delivery)
        self.assertEqual(reloaded, [evolve(old, control=control)])
        self.assertIn(f"The journal stays in {old.state} until the next start", self.lines())

    def test_wrong(self) -> None:
        """If they cannot be read, nothing changes."""
        service = self.started()
        delivery, settings = service.delivery, service.settings
        self.failureResultOf(service.reload(), InvalidOption)
        self.assertIs(service.delivery, delivery)
        self.assertIs(service.settings, settings)

    def test_queue(self) -> None:
        """Another queue is used from then on, and the one before is closed; or none is."""
        queues: dict[str, MemoryJobs] = {}

        def opened(place: str, reactor: Any) -> MemoryJobs:
            queues[place] = MemoryJobs(self.clock)
            return queues[place]

        plain = self.settings()
        first, second = QueueSettings(postgresql="first"), QueueSettings(postgresql="second")
        given: list[PushSettings] = []
        service = PushService(
            plain, reactor=self.clock, client=self.receiver, now=self.now, reload=given.pop
        )
        self.services.append(service)
        service.startService()
        names = iter("abcdefg")

        def reload(queue: QueueSettings | None) -> str:
            given.append(evolve(plain, queue=queue))
            reloaded = service.reload()
            self.clock.pump([1.0] * 5)
            self.successResultOf(reloaded)
            name = next(names)
            self.file(name)
            self.rescan(service)
            self.assertEqual(self.states(service)[name], "done")
            return self.entry(service, name).why

        with patch("txresumable.push.service.PostgreSQLJobs", side_effect=opened):
            self.assertEqual(reload(None), "")
            for queue in first, second, evolve(second, lease=5.0):
                self.assertEqual(reload(queue), "in the queue")
            self.assertEqual(reload(None), "")
            with patch("txresumable.push.service.Delivery", side_effect=OSError("no threads")):
                given.append(evolve(plain, queue=QueueSettings(postgresql="third")))
                self.failureResultOf(service.reload(), OSError)
        rows = {place: [row["name"] for row in jobs.rows()] for place, jobs in queues.items()}
        # What was sent before lies in the folder still, and is known.
        self.assertEqual(rows, {"first": ["b"], "second": ["c", "d"], "third": []})
        for jobs in queues.values():
            self.failureResultOf(jobs.counts(), JobsUnavailable)
        self.assertIsNone(self.result(service.status())["queue"])

    def test_impossible(self) -> None:
        """If there can be no delivery by them, it goes on by those that it has."""
        old = self.settings()
        new = self.settings(rescan=5.0)
        service = PushService(
            old, reactor=self.clock, client=self.receiver, now=self.now, reload=lambda: new
        )
        self.services.append(service)
        service.startService()
        with patch("txresumable.push.service.Delivery", side_effect=OSError("no more threads")):
            self.failureResultOf(service.reload(), OSError)
        self.assertIs(service.settings, old)
        self.file("a")
        self.rescan(service)
        self.assertEqual(self.states(service), {"a": "done"})

    def test_full_disk(self) -> None:
        """What was under way, and could not be written down before it reloaded, is sent then."""
        client = FakeClient()
        options = {"test_chunks": False, "simultaneous_uploads": 1}
        new = self.settings(options, rescan=5.0)
        service = PushService(
            self.settings(options),
            reactor=self.clock,
            client=client,
            now=self.now,
            reload=lambda: new,
        )
        self.services.append(service)
        self.file("a")
        service.startService()
        error = sqlite3.OperationalError("database or disk is full")
        with patch("txresumable.push.journal.database.Database._transact", side_effect=error):
            reloaded = service.reload()
            self.clock.pump([5] * 12)
            self.successResultOf(reloaded)
        self.clock.pump([5] * 4)
        self.assertEqual(len(client.waiting), 1)
        client.respond(200)
        self.assertEqual(self.states(service), {"a": "done"})

    def test_impossible_at_first(self) -> None:
        """If there can be none from the start, whoever waits for that gets the reason."""
        service = self.service()
        with patch("txresumable.push.service.Delivery", side_effect=OSError("no more threads")):
            service.startService()
        self.failureResultOf(service.when_started(), OSError)


class RealTests(TestCase):
    """With the reactor, threads, sockets, and the real receiver."""

    async def test_arrive(self) -> None:
        """What is dropped into the folder arrives as it was, and is moved away."""
        base = os.path.abspath(self.mktemp())
        folder, store = os.path.join(base, "folder"), os.path.join(base, "store")
        os.makedirs(folder)
        reactor: Any = installed
        received = Store(store)
        port = reactor.listenTCP(0, make_site(received), interface="127.0.0.1")
        target = f"http://127.0.0.1:{port.getHost().port}/"
        scans = FolderSettings(
            name="scans",
            path=folder,
            target="lab",
            settle=0,
            rescan=0.2,
            after=f"move:{base}/sent",
        )
        settings = PushSettings(
            state=os.path.join(base, "state"),
            control=ControlSettings(socket=None),
            targets={"lab": TargetSettings(name="lab", options={"target": target})},
            folders={"scans": scans},
        )
        content = {f"{number}/f{number}\n": os.urandom(1000 * number) for number in range(60)}
        service = PushService(settings, reactor=reactor)
        service.startService()
        await service.when_started()
        done: Deferred[None] = Deferred()
        names: set[str] = set()

        def changed(_: object, after: Any) -> None:
            if after.state.value == "done":
                names.add(os.fsdecode(after.path))
                if len(names) == len(content):
                    done.callback(None)

        service.changed.register(changed)
        for name, data in content.items():
            path = os.path.join(base, os.path.basename(name))
            with open(path, "wb") as file:
                file.write(data)
            os.makedirs(os.path.join(folder, os.path.dirname(name)), exist_ok=True)
            os.rename(path, os.path.join(folder, name))
        await done
        found = {}
        for at, _, files in os.walk(os.path.join(base, "sent")):
            for name in files:
                with open(os.path.join(at, name), "rb") as file:
                    path = os.path.relpath(os.path.join(at, name), os.path.join(base, "sent"))
                    found[path] = file.read()
        self.assertEqual(found, content)
        arrived = []
        for at, _, files in os.walk(store):
            for name in files:
                with open(os.path.join(at, name), "rb") as file:
                    arrived.append(file.read())
        self.assertLessEqual(set(content.values()), set(arrived))
        await service.stopService()
        await deferLater(reactor, 0)
        await port.stopListening()
        await received.close()
