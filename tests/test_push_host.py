"""What the service manager is told about a push service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred, fail

from tests.push_rig import PushTestCase
from txresumable._runtime.notify import Notifier
from txresumable.push import HostNotices, JournalUnavailable, PushService
from txresumable.push.folder import folder as folders
from txresumable.push.host import PERIOD, summary

WATCHDOG = 40.0


class FakeNotifier(Notifier):
    """Notes what it is to send."""

    def __init__(self, environment: dict[str, str]) -> None:
        super().__init__(environment)
        self.sent: list[str] = []

    def _send(self, text: str) -> None:
        self.sent.append(text)


class HostNoticesTests(PushTestCase):
    """A service below systemd."""

    def notices(self, service: PushService, watchdog: float = WATCHDOG) -> HostNotices:
        """What tells it; it has begun."""
        microseconds = str(int(watchdog * 1e6))
        self.notifier = FakeNotifier({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": microseconds})
        notices = HostNotices(service, reactor=self.clock, notifier=self.notifier)
        notices.startService()
        self.addCleanup(notices.stopService)
        return notices

    def test_life(self) -> None:
        """It is ready once it has started, has a status now and then, and stops."""
        service = self.service()
        notices = self.notices(service, 0.0)
        self.assertEqual(self.notifier.sent, [])
        service.startService()
        self.assertEqual(self.notifier.sent, ["READY=1", "STATUS=0 uploading, 0 to send"])
        service.pause()
        self.file("a")
        self.rescan(service)
        self.clock.advance(PERIOD)
        self.assertTrue(self.notifier.sent[-1].endswith(", paused"), self.notifier.sent)
        notices.stopService()
        self.clock.advance(PERIOD * 3)
        self.assertEqual(self.notifier.sent[-1], "STOPPING=1")
        self.assertNotIn("WATCHDOG=1", self.notifier.sent)

    def alive(self, seconds: float = WATCHDOG) -> bool:
        """Whether it is said to be alive within some time."""
        self.notifier.sent.clear()
        self.clock.pump([1.0] * int(seconds))
        return "WATCHDOG=1" in self.notifier.sent

    def test_watchdog(self) -> None:
        """It is alive while it runs."""
        service = self.started()
        self.notices(service)
        self.assertIn("WATCHDOG=1", self.notifier.sent)
        self.assertTrue(self.alive())
        self.assertTrue(self.alive())

    def test_journal_that_hangs(self) -> None:
        """It is not, if the journal does not come to an end with what it is to write."""
        service = self.started()
        self.notices(service)
        with patch.object(service.journal, "beat", lambda: Deferred()):
            self.alive()
            self.assertFalse(self.alive(3 * WATCHDOG))

    def test_full_disk(self) -> None:
        """It is, if the journal cannot be written: nobody else could."""
        service = self.started()
        self.notices(service)
        error = JournalUnavailable("no space left")
        with patch.object(service.journal, "beat", lambda: fail(error)):
            self.assertTrue(self.alive())

    def test_folder_that_hangs(self) -> None:
        """It is not, if a look into a folder hangs; and again when it goes on."""
        service = self.started()
        self.notices(service)
        hanging: list[Deferred[Any]] = []

        def hang(reactor: object, work: Callable[[], Any]) -> Deferred[Any]:
            hanging.append(Deferred())
            hanging[-1].addCallback(lambda _: work())
            return hanging[-1]

        with patch.object(folders, "run_in_thread", hang):
            service.rescan().addErrback(lambda _: None)
            self.clock.advance(1)
            self.assertEqual(len(hanging), 1)
            self.alive()
            self.assertFalse(self.alive(3 * WATCHDOG))
        hanging[0].callback(None)
        self.assertTrue(self.alive())

    def test_no_manager(self) -> None:
        """Without a manager nothing is done."""
        service = self.started()
        notifier = FakeNotifier({})
        notices = HostNotices(service, reactor=self.clock, notifier=notifier)
        notices.startService()
        self.clock.advance(PERIOD)
        self.assertEqual(notifier.sent, [])

    def test_summary(self) -> None:
        """A status in one line."""
        files = {"uploading": 2, "queued": 3, "waiting": 1, "failed": 4, "done": 9}
        status = {"folders": {"a": {"files": files}, "b": {"files": {"queued": 1}}}}
        line = summary({**status, "paused": False, "trouble": "no space left"})
        self.assertEqual(line, "2 uploading, 5 to send, 4 failed, no space left")
