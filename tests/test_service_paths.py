"""Tests for the paths of a service."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txresumable import Resumable
from txresumable._engine.relay import TICK
from txresumable.service.report import Report
from txresumable.service.upload import UploadService
from txresumable.testing import ScriptedReceiver

from .test_relay import Threads


class HangingTests(SynchronousTestCase):
    """What hangs in a thread lets time pass, and the other threads work, before it returns."""

    def setUp(self) -> None:
        self.threads = Threads()
        self.events = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.folder = self.mktemp()
        os.mkdir(self.folder)
        self.receiver = ScriptedReceiver()
        self.meanwhile: list[Callable[[], object]] = []

    def path(self, name: str) -> str:
        """The path of a new file."""
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(name.encode())
        return path

    def hang(self, module: Any, name: str, path: str) -> None:
        """Let a function of the system hang for one path, until all others are through."""
        original = getattr(module, name)

        def call(given: str) -> Any:
            if given == path:
                for _ in range(4):
                    self.threads.pump([TICK] * 2)
                    self.threads.work()
                self.meanwhile.pop()()
            return original(given)

        self.patch(module, name, call)

    def service(self, *paths: str) -> UploadService:
        """A service that has started."""
        uploader = Resumable("http://a.example/", client=self.receiver, reactor=self.threads)
        service = UploadService(uploader, paths, reactor=self.threads)
        service.startService()
        return service

    def ended(self, service: UploadService) -> Report:
        """The report of a service that is done and stopped, and has left no timer."""
        report = self.successResultOf(service.when_done())
        self.successResultOf(service.stopService())
        self.assertEqual(self.threads.getDelayedCalls(), [])
        return report

    def names(self) -> list[str]:
        """What has arrived."""
        return [file.relative_path for file in self.receiver.files.values()]

    def warnings(self) -> list[str]:
        """What was warned of."""
        return [formatEvent(event) for event in self.events if event["log_level"].name == "warn"]

    def test_looking_at_a_path(self) -> None:
        """A path that hangs is added when that is over; the others are uploaded meanwhile."""
        slow = self.path("slow")
        self.hang(os.path, "isdir", slow)
        service = self.service(self.path("a"), slow, self.path("folder/b"), self.path("c"))
        waiting = service.when_done()
        seen: list[list[str]] = []
        self.meanwhile.append(lambda: seen.append([*self.names(), str(waiting.called)]))
        self.threads.work()
        self.assertEqual(seen, [["a", "b", "c", "False"]])
        self.assertEqual(self.names(), ["a", "b", "c", "slow"])
        self.assertEqual(self.warnings(), [f"Looking at {slow} takes long; others go on"])
        self.assertEqual(len(self.ended(service).completed), 4)

    def test_listing_a_folder(self) -> None:
        """So is a folder that hangs while it is read."""
        folder = os.path.dirname(self.path("slow/x"))
        service = self.service(folder, self.path("a"))
        self.hang(os, "scandir", folder)
        seen: list[list[str]] = []
        self.meanwhile.append(lambda: seen.append(self.names()))
        self.threads.work()
        self.assertEqual(seen, [["a"]])
        self.assertEqual(self.names(), ["a", "slow/x"])
        self.assertEqual(self.warnings(), [f"Listing {folder} takes long; others go on"])
        self.assertEqual(len(self.ended(service).completed), 2)

    def test_stopped_meanwhile(self) -> None:
        """A service that stops waits for nothing that hangs, and reports it as not uploaded."""
        folder = os.path.dirname(self.path("slow/x"))
        for module, name in ((os.path, "isdir"), (os, "scandir")):
            self.receiver.files.clear()
            self.hang(module, name, folder)
            service = self.service(folder, self.path("a"))
            stopped: list[Deferred[None]] = []
            self.meanwhile.append(lambda: stopped.append(service.stopService()))  # noqa: B023
            self.threads.work()
            self.successResultOf(stopped[0])
            [failed] = self.ended(service).failed
            self.assertEqual((failed.path, type(failed.error)), (folder, CancelledError))
            self.assertEqual(self.names(), ["a"])

    def test_closed_meanwhile(self) -> None:
        """A path that is back when the uploader is closed fails, and says why."""
        slow = self.path("slow")
        self.hang(os.path, "isdir", slow)
        service = self.service(slow, self.path("a"))
        self.meanwhile.append(service.uploader.close)
        self.threads.work()
        [failed] = self.ended(service).failed
        self.assertEqual((failed.path, str(failed.error)), (slow, "the uploader is closed"))
