"""Tests for a watched folder, with a real folder and a real journal in simulated time."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.interfaces import IReactorFDSet
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.journal_rig import TODAY
from txresumable.errors import InvalidOption
from txresumable.push import FolderSettings, Journal, JournalUnavailable, Observation, PushState
from txresumable.push.folder import WatchedFolder
from txresumable.push.folder.folder import JOURNAL_AGAIN
from txresumable.push.folder.scan import Scan
from txresumable.push.folder.settle import RENAMED
from txresumable.push.folder.touched import GATHER

SETTLE = 10.0
RESCAN = 60.0


@implementer(IReactorFDSet)
class Readers(Clock):
    """A clock that reads descriptors when it is asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        if reader in self.readers:
            self.readers.remove(reader)

    def removeWriter(self, writer: Any) -> None:
        pass

    def read(self) -> None:
        """Read what there is, and wait until it is looked at."""
        for reader in self.readers:
            reader.doRead()
        self.advance(GATHER)


class FolderTestCase(SynchronousTestCase):
    """
    A folder, and its journal.

    ``today`` is what is to be added to the time of ``clock`` for the clock on the wall.
    """

    clock: Any

    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.today = TODAY
        self.root = Path(self.mktemp()).absolute()
        self.root.mkdir()
        opened = Journal.open(self.mktemp(), reactor=self.clock, now=self.now)
        self.journal = self.successResultOf(opened)
        self.addCleanup(self.journal.close)
        self.found = 0
        self.folder = self.make()

    def make_clock(self) -> Any:
        """The reactor."""
        return Clock()

    def now(self) -> float:
        """The clock on the wall."""
        return self.today + float(self.clock.seconds())

    def make(self, **settings: Any) -> WatchedFolder:
        """A folder with these settings."""
        settings = {
            "name": "scans",
            "path": str(self.root),
            "target": "lab",
            "settle": SETTLE,
            "rescan": RESCAN,
            **settings,
        }
        made = WatchedFolder(
            FolderSettings(**settings), self.journal, reactor=self.clock, now=self.now
        )
        made.found.register(self.was_found)
        self.addCleanup(lambda: self.successResultOf(made.stopService()))
        return made

    def start(self, **settings: Any) -> None:
        """Start one with these settings."""
        self.folder = self.make(**settings)
        self.folder.startService()

    def was_found(self) -> None:
        self.found += 1

    def write(self, name: str, content: bytes = b"1") -> Path:
        """Write a file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def states(self) -> dict[str, str]:
        """The states of each path's versions, from the oldest on."""
        found: dict[str, str] = {}
        for entry in self.successResultOf(self.journal.entries()):
            before = found.get(entry.name)
            found[entry.name] = f"{before} {entry.state.value}" if before else entry.state.value
        return found


class ScanTests(FolderTestCase):
    """Scans alone."""

    def test_settles(self) -> None:
        """A file is seen by the scan at the start, and queued when it has settled."""
        self.write("a")
        self.start()
        self.assertEqual(self.states(), {"a": "seen"})
        self.clock.advance(SETTLE - 0.1)
        self.assertEqual(self.states(), {"a": "seen"})
        self.assertEqual(self.found, 0)
        self.clock.advance(0.1)
        self.assertEqual(self.states(), {"a": "queued"})
        self.assertEqual(self.found, 1)

    def test_rescan(self) -> None:
        """What comes later is seen by the next scan."""
        self.start()
        self.write("a/b")
        self.clock.advance(RESCAN - 0.1)
        self.assertEqual(self.states(), {})
        self.clock.advance(0.1)
        self.assertEqual(self.states(), {"a/b": "seen"})
        self.clock.advance(SETTLE)
        self.assertEqual(self.states(), {"a/b": "queued"})

    def test_grows(self) -> None:
        """A file that grows waits, however long it does, and is one version then."""
        path = self.write("a")
        self.start()
        for length in range(2, 30):
            path.write_bytes(b"1" * length)
            self.clock.advance(SETTLE)
            self.assertEqual(self.states(), {"a": "settling"})
        self.clock.advance(SETTLE)
        self.assertEqual(self.states(), {"a": "queued"})
        [entry] = self.successResultOf(self.journal.entries())
        self.assertEqual(entry.version.size, 29)

    def test_clock_is_set(self) -> None:
        """A wall clock that is set, by however much, makes nothing settle early or late."""
        self.write("a")
        self.start()
        for hour in (3600.0, -7200.0, 3600.0):
            self.today += hour
            self.clock.advance(SETTLE / 4)
            self.successResultOf(self.folder.rescan())
            self.assertEqual(self.states(), {"a": "seen"})
        self.today -= 3600.0
        self.clock.advance(SETTLE / 4)
        self.assertEqual(self.states(), {"a": "queued"})

    def test_known(self) -> None:
        """What is known already is not looked at again and again, but by scans."""
        self.write("a")
        self.start(settle=0.0)
        [entry] = self.successResultOf(self.journal.take("scans", 1))
        for state in PushState.STORED, PushState.HOOK, PushState.MOVING, PushState.DONE:
            self.successResultOf(self.journal.move(entry.id, state))
        self.successResultOf(self.folder.stopService())
        self.start()
        self.clock.advance(SETTLE)
        self.assertEqual(self.states(), {"a": "done"})
        self.assertEqual(self.found, 1)
        [call] = self.clock.getDelayedCalls()
        self.assertEqual(call.getTime(), RESCAN)

    def test_many(self) -> None:
        """More files than are looked at in one go are all seen, and all queued."""
        for number in range(1200):
            self.write(f"{number % 7}/{number}")
        self.start()
        self.clock.advance(SETTLE)
        counts = self.successResultOf(self.journal.counts())
        self.assertEqual(counts, {"scans": {PushState.QUEUED: 1200}})

    def test_patterns(self) -> None:
        """What is not included, or excluded, is not seen; a wrong pattern is refused at once."""
        for name in ("a.dcm", "a.txt", ".a.dcm", "b/c.dcm"):
            self.write(name)
        self.start(include=["*.dcm"], exclude=[".*"])
        self.assertEqual(set(self.states()), {"a.dcm", "b/c.dcm"})
        with self.assertRaises(InvalidOption):
            self.make(include=["!"])

    def test_marker(self) -> None:
        """With a marker, a file waits for it as long as it takes."""
        self.write("a")
        self.start(marker=".done")
        self.clock.pump([RESCAN] * 3)
        self.assertEqual(self.states(), {"a": "seen"})
        self.write("a.done")
        self.clock.advance(RESCAN)
        self.assertEqual(self.states(), {"a": "queued"})

    def test_vanished(self) -> None:
        """What is removed before it was sent is gone with the next scan; put back, it is seen."""
        path = self.write("a")
        self.write("b")
        self.start()
        path.rename(self.root.with_name("away"))
        self.clock.advance(SETTLE)
        self.assertEqual(self.states(), {"a": "seen", "b": "queued"})
        self.clock.advance(RESCAN)
        self.assertEqual(self.states(), {"a": "gone", "b": "queued"})
        self.root.with_name("away").rename(path)
        self.clock.advance(RESCAN)
        self.assertEqual(self.states(), {"a": "seen", "b": "queued"})

    def test_unreadable_folder(self) -> None:
        """What cannot be looked at is not gone; that is logged once, and the rest goes on."""
        for name in ("locked/a", "locked/b/c", "locked2/a", "d"):
            self.write(name)
        self.start()
        real = os.scandir
        for name in ("locked2/a", "d"):
            (self.root / name).unlink()

        def refuse(fd: int) -> Any:
            if os.readlink(f"/proc/self/fd/{fd}").endswith("/locked"):
                raise PermissionError(13, "Permission denied")
            return real(fd)

        self.patch(os, "scandir", refuse)
        with capturedLogs() as logs:
            self.clock.pump([RESCAN] * 3)
        warnings = [event for event in logs if event["log_level"].name == "warn"]
        self.assertEqual([event["path"] for event in warnings], ["locked"])
        self.assertEqual(warnings[0]["reason"], "Permission denied")
        states = self.states()
        self.assertEqual(states["locked2/a"], "gone")
        self.assertEqual(states["d"], "gone")
        self.assertNotEqual(states["locked/a"], "gone")
        self.assertNotEqual(states["locked/b/c"], "gone")

    def test_away(self) -> None:
        """A folder that is not there makes nothing gone; that is logged once, as is its return."""
        self.write("a")
        self.start()
        away = self.root.with_name("away")
        self.root.rename(away)
        with capturedLogs() as logs:
            self.clock.pump([RESCAN] * 3)
        self.assertEqual(len(logs), 1)
        self.assertEqual(self.folder.problem, "No such file or directory")
        self.assertEqual(self.states(), {"a": "seen"})
        away.rename(self.root)
        with capturedLogs() as logs:
            self.clock.pump([RESCAN, SETTLE])
        self.assertEqual(len(logs), 1)
        self.assertEqual(self.folder.problem, "")
        self.assertEqual(self.states(), {"a": "queued"})

    def test_unmounted(self) -> None:
        """Nor does the mount point of a disk that is not mounted, empty or not."""
        self.write("a")
        self.start()
        self.clock.advance(SETTLE)
        device = os.stat(self.root).st_dev
        step = Scan.step

        def elsewhere(scan: Scan) -> Any:
            made = step(scan)
            scan.device = device + 1
            return made

        self.patch(Scan, "step", elsewhere)
        (self.root / "a").unlink()
        self.clock.advance(RESCAN)
        self.assertIn("mounted", self.folder.problem)
        self.assertEqual(self.states(), {"a": "queued"})

    def test_empty_at_start(self) -> None:
        """Nor does a folder that is empty at the start, until there is something in it."""
        self.write("a")
        self.start()
        self.successResultOf(self.folder.stopService())
        (self.root / "a").unlink()
        self.start()
        self.clock.advance(RESCAN)
        self.assertEqual(self.states(), {"a": "seen"})
        self.assertEqual(self.folder.problem, "")
        self.write("b")
        self.clock.advance(RESCAN)
        self.assertEqual(self.states(), {"a": "gone", "b": "seen"})

    def test_replaced_during_scan(self) -> None:
        """Nor does one that is replaced while it is scanned."""
        self.write("a")
        self.start()
        (self.root / "a").unlink()
        self.patch(Scan, "is_there", lambda scan: False)
        self.clock.advance(RESCAN)
        self.assertEqual(self.states(), {"a": "seen"})

    def test_facts(self) -> None:
        """It says when it was scanned, and what it is."""
        self.assertEqual(self.folder.last_scan, 0.0)
        self.start()
        self.assertEqual(self.folder.last_scan, self.now())
        self.assertFalse(self.folder.is_scanning)
        self.clock.advance(RESCAN)
        self.assertEqual(self.folder.last_scan, self.now())
        self.assertIn("scans", repr(self.folder))


class RescanTests(FolderTestCase):
    """Scans that are asked for."""

    def test_at_once(self) -> None:
        """A scan that is asked for begins at once, and the next is due a while after it."""
        self.start()
        self.write("a")
        self.clock.advance(RESCAN / 2)
        self.successResultOf(self.folder.rescan())
        self.assertEqual(self.states(), {"a": "seen"})
        self.write("b")
        self.clock.advance(RESCAN - 0.1)
        self.assertNotIn("b", self.states())
        self.clock.advance(0.1)
        self.assertIn("b", self.states())

    def test_during_scan(self) -> None:
        """Asked for during a scan, it is another one."""
        observe, held = self.journal.observe, []

        def hold(*args: Any) -> Deferred[Any]:
            held.append((Deferred(), args))
            return held[-1][0]

        self.patch(self.journal, "observe", hold)
        self.write("a")
        self.start()
        self.assertTrue(self.folder.is_scanning)
        scanned = self.folder.rescan()
        while held:
            self.assertNoResult(scanned)
            self.write("b")
            waiting, args = held.pop()
            observe(*args).chainDeferred(waiting)
        self.successResultOf(scanned)
        self.assertEqual(self.states(), {"a": "seen", "b": "seen"})

    def test_fails(self) -> None:
        """It fails with the folder, with the service, and without it."""
        self.start()
        self.root.rename(self.root.with_name("away"))
        self.failureResultOf(self.folder.rescan(), FileNotFoundError)
        self.root.with_name("away").rename(self.root)
        observing: Deferred[Any] = Deferred()
        self.patch(self.journal, "observe", lambda *args: observing)
        self.write("a")
        scanned = [self.folder.rescan(), self.folder.rescan()]
        stopped = self.folder.stopService()
        self.failureResultOf(self.folder.rescan(), CancelledError)
        self.assertNoResult(stopped)
        observing.callback(Observation())
        self.successResultOf(stopped)
        for each in scanned:
            self.failureResultOf(each, CancelledError)


class JournalTests(FolderTestCase):
    """A journal that is not available."""

    def test_again(self) -> None:
        """All is looked at again until it is; that is logged once."""
        self.write("a")
        observe = self.journal.observe
        calls = 0

        def refuse(*args: Any) -> Deferred[Any]:
            nonlocal calls
            calls += 1
            return fail(JournalUnavailable("the disk is full"))

        self.patch(self.journal, "observe", refuse)
        with capturedLogs() as logs:
            self.start()
            self.clock.pump([JOURNAL_AGAIN] * 3)
        self.assertEqual(calls, 4)
        self.assertEqual(len(logs), 1)
        self.assertIn("the disk is full", self.folder.problem)
        self.patch(self.journal, "observe", observe)
        self.clock.pump([JOURNAL_AGAIN, SETTLE])
        self.assertEqual(self.folder.problem, "")
        self.assertEqual(self.states(), {"a": "queued"})

    def test_fault(self) -> None:
        """A fault of ours is logged, and does not end it."""
        self.write("a")
        observe = self.journal.observe
        self.patch(self.journal, "observe", lambda *args: fail(ZeroDivisionError()))
        self.start()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.patch(self.journal, "observe", observe)
        self.clock.advance(RESCAN)
        self.assertEqual(self.states(), {"a": "queued"})


class ServiceTests(FolderTestCase):
    """Starting and stopping."""

    def test_stopped(self) -> None:
        """Stopped, it does nothing more, and holds nothing."""
        self.write("a")
        self.start()
        self.successResultOf(self.folder.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(RESCAN)
        self.assertEqual(self.states(), {"a": "seen"})
        self.successResultOf(self.folder.stopService())

    def test_started_again(self) -> None:
        """It can be started again; a file then settles anew, as nobody has looked meanwhile."""
        self.write("a")
        self.start()
        self.successResultOf(self.folder.stopService())
        self.clock.advance(SETTLE)
        self.folder.startService()
        self.assertEqual(self.states(), {"a": "seen"})
        self.clock.advance(SETTLE)
        self.assertEqual(self.states(), {"a": "queued"})

    def test_started_while_it_stops(self) -> None:
        """Started before it has stopped, it begins after that, and once."""
        observe, held = self.journal.observe, []
        self.patch(self.journal, "observe", lambda *args: held.append(Deferred()) or held[-1])
        self.write("a")
        self.start()
        stopped = self.folder.stopService()
        self.folder.startService()
        self.folder.startService()
        self.assertNoResult(stopped)
        self.patch(self.journal, "observe", observe)
        held[0].callback(Observation())
        self.successResultOf(stopped)
        self.assertEqual(self.states(), {"a": "seen"})
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_stops_at_once(self) -> None:
        """A thread that hangs is not waited for."""
        hanging: Deferred[Any] = Deferred()
        self.start()
        self.patch(self.folder, "_in_thread", lambda work: self.folder._cancellable(hanging))
        self.folder.rescan().addErrback(lambda failure: failure.trap(CancelledError))
        self.successResultOf(self.folder.stopService())


class WatchTests(FolderTestCase):
    """What the system reports in between."""

    if not sys.platform.startswith("linux"):
        skip = "inotify is Linux's"

    clock: Readers

    def make_clock(self) -> Any:
        return Readers()

    def test_sooner(self) -> None:
        """A new file is seen without a scan, wherever it lies, and settles as always."""
        (self.root / "a" / "b").mkdir(parents=True)
        self.start()
        self.write("x")
        self.write("a/b/y")
        self.write("new/folder/z")
        self.clock.read()
        self.assertEqual(self.states(), {"x": "seen", "a/b/y": "seen", "new/folder/z": "seen"})
        self.clock.advance(SETTLE)
        self.assertEqual(set(self.states().values()), {"queued"})

    def test_new_folders_are_watched(self) -> None:
        """So it is in folders that are new."""
        self.start()
        self.write("new/folder/z")
        self.clock.read()
        self.write("new/folder/y")
        self.write("new/x")
        self.clock.read()
        self.assertEqual(set(self.states()), {"new/folder/z", "new/folder/y", "new/x"})

    def test_renamed(self) -> None:
        """A file that is renamed to its name settles in a moment, but for a log that is rotated."""
        (self.root.with_name("outside")).write_bytes(b"1")
        for name in ("a.part", "log"):
            self.write(name)
        self.start(exclude=["*.part"])
        self.clock.advance(SETTLE / 2)
        self.root.with_name("outside").rename(self.root / "in")
        (self.root / "a.part").rename(self.root / "a")
        (self.root / "log").rename(self.root / "log.1")
        self.clock.read()
        self.assertEqual(self.states(), {"in": "seen", "a": "seen", "log": "seen", "log.1": "seen"})
        self.clock.advance(RENAMED)
        states = self.states()
        self.assertEqual((states["in"], states["a"]), ("queued", "queued"))
        self.assertEqual(states["log.1"], "seen")

    def test_marker(self) -> None:
        """That a marker is made is noticed, too."""
        self.write("a")
        self.start(marker=".done")
        self.write("a.done")
        self.clock.read()
        self.assertEqual(self.states(), {"a": "queued"})

    def test_lost_track(self) -> None:
        """If events were lost, everything is looked at."""
        self.start()
        self.clock.readers.clear()
        self.write("a")
        self.folder._touched.lost_track()
        self.assertEqual(self.states(), {})
        self.clock.advance(GATHER)
        self.assertEqual(self.states(), {"a": "seen"})

    def test_moved_folder(self) -> None:
        """A folder that is moved is watched where it is."""
        self.write("a/b/c")
        self.start()
        (self.root / "a").rename(self.root / "d")
        self.clock.read()
        self.write("d/b/x")
        self.clock.read()
        self.assertEqual(set(self.states()), {"a/b/c", "d/b/c", "d/b/x"})

    def test_stale(self) -> None:
        """If a scan comes before that is reported, everything is watched anew."""
        self.write("a/b")
        self.start()
        (self.root / "a").rename(self.root / "d")
        self.successResultOf(self.folder.rescan())
        self.clock.advance(GATHER)
        self.write("d/x")
        self.clock.read()
        self.assertIn("d/x", self.states())
        self.assertEqual(len(self.clock.readers), 1)

    def test_stopped(self) -> None:
        """Stopped, nothing is watched."""
        self.start()
        self.assertEqual(len(self.clock.readers), 1)
        self.successResultOf(self.folder.stopService())
        self.assertEqual(self.clock.readers, [])

    def test_limit(self) -> None:
        """If no more can be watched, that is logged once, and there are scans."""
        self.refuse("add")

    def test_no_instance(self) -> None:
        """So it is if nothing can be."""
        self.refuse("init")

    def refuse(self, name: str) -> None:
        """Refuse what the system may refuse."""
        from twisted.internet.inotify import INotify, INotifyError

        def refused(*args: Any) -> int:
            raise INotifyError("no space left on device")

        if name == "init":
            self.patch(INotify, "__init__", refused)
        else:
            self.patch(INotify, "watch", refused)
        with capturedLogs() as logs:
            self.start()
            self.write("a")
            self.clock.pump([RESCAN, SETTLE, RESCAN])
        self.assertEqual(len(logs), 1)
        self.assertIn("found by scans", logs[0]["log_format"])
        self.assertEqual(self.clock.readers, [])
        self.assertEqual(self.states(), {"a": "queued"})

    def test_no_inotify(self) -> None:
        """So it is on other systems."""
        self.write("a")
        missing = {"twisted.internet.inotify": None}
        with capturedLogs() as logs, patch.dict(sys.modules, missing):
            self.start()
            self.clock.advance(SETTLE)
        self.assertEqual([event["reason"] for event in logs], ["this system has no inotify"])
        self.assertEqual(self.states(), {"a": "queued"})
