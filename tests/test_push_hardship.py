"""Tests of watched folders when the clock is set, and when disks come and go."""

from __future__ import annotations

import os
from typing import Any

from tests.push_rig import PushTestCase
from txresumable.push.folder.scan import Scan

HOUR = 3600.0
AGAIN = 60.0


class ClockTests(PushTestCase):
    """A clock on the wall that is set, back or forward, by an hour."""

    def test_waiting(self) -> None:
        """A file that waits is tried again no later than it would have been."""
        for hours in (-1, 1):
            name = str(hours)
            self.file(name)
            self.receiver.rule = lambda request, name=name: (
                500 if request.method == "POST" else None
            )
            options = {"max_chunk_retries": 0}
            service = self.started(options, again=AGAIN, attempts=100)
            self.clock.advance(1)
            self.assertIn(self.states(service)[name], ("waiting", "queued"))
            self.receiver.rule = None
            self.skew += hours * HOUR
            self.clock.pump([1.0] * int(3 * AGAIN))
            self.assertEqual(self.states(service)[name], "done")
            self.stop(service)

    def test_settling(self) -> None:
        """A file settles when it would have, and one that is sent stays so over a restart."""
        service = self.started(settle=30.0)
        for number, hours in enumerate((-1, 1, -1)):
            name = str(number)
            self.file(name)
            self.rescan(service)
            self.skew += hours * HOUR
            self.clock.pump([1.0] * 20)
            self.assertNotIn(name, self.stored())
            self.clock.pump([1.0] * 12)
            self.assertIn(name, self.stored())
            service = self.restarted(service)
        self.clock.pump([1.0] * 70)
        self.assertEqual(set(self.states(service).values()), {"done"})
        arrivals = [max(each.arrivals.values()) for each in self.receiver.files.values()]
        self.assertEqual(arrivals, [1, 1, 1])


class UnmountedTests(PushTestCase):
    """A disk that is not mounted for a while."""

    def setUp(self) -> None:
        super().setUp()
        self.device = os.stat(self.folder).st_dev
        self.step = Scan.step

    def unmount(self) -> None:
        """In the place of the folder is an empty one, on another file system."""
        os.rename(self.folder, f"{self.folder}.away")
        os.mkdir(self.folder)
        real, device = self.step, self.device + 1

        def step(scan: Scan) -> Any:
            made = real(scan)
            scan.device = device
            return made

        self.patch(Scan, "step", step)

    def mount(self) -> None:
        """It is there again."""
        os.rmdir(self.folder)
        os.rename(f"{self.folder}.away", self.folder)
        self.patch(Scan, "step", self.step)

    def test_settling(self) -> None:
        """What had not settled settles when the disk is there again."""
        self.file("a")
        service = self.started(settle=5.0)
        self.unmount()
        self.clock.pump([1.0] * 200)
        self.assertEqual(self.states(service), {"a": "seen"})
        self.mount()
        self.clock.pump([1.0] * 90)
        self.assertEqual(self.states(service), {"a": "done"})

    def test_queued(self) -> None:
        """What was queued is sent then, and what was held is held still."""
        self.file("a")
        self.file("held")
        service = self.service()
        service.pause()
        service.startService()
        self.clock.advance(1)
        self.successResultOf(service.hold(self.entry(service, "held").id))
        self.unmount()
        service.resume()
        self.clock.pump([1.0] * 200)
        self.assertEqual(self.stored(), {})
        self.mount()
        self.clock.pump([1.0] * 90)
        self.assertEqual(self.states(service), {"a": "done", "held": "held"})
        self.assertEqual(self.stored(), {"a": b"a"})
