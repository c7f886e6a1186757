"""Push services that share a queue and a folder, in simulated time."""

from __future__ import annotations

import os
from typing import Any

from attrs import evolve

from tests.push_rig import PushTestCase
from txresumable.push import NewJob, PushService, QueueSettings
from txresumable.testing import MemoryJobs, ScriptedReceiver, SentRequest

LEASE = 60.0


class CutReceiver(ScriptedReceiver):
    """
    A way to a receiver that ends in the middle.

    :ivar left: how many requests get through; the others have no response.
    """

    def __init__(self, receiver: ScriptedReceiver, left: int) -> None:
        super().__init__()
        self.files = receiver.files
        self.left = left

    def deliver(self, request: SentRequest) -> None:
        if self.left > 0:
            self.left -= 1
            super().deliver(request)


class QueueTestCase(PushTestCase):
    """
    Services with a state each, and with one folder, one receiver and one queue.
    """

    def setUp(self) -> None:
        super().setUp()
        self.jobs = MemoryJobs(self.clock)
        self.handles: list[MemoryJobs] = []

    def worker(
        self,
        options: Any = (),
        client: Any = None,
        queue: Any = (),
        source: Any = None,
        **folder: Any,
    ) -> PushService:
        """A service that runs; by default, nobody watches the folder."""
        given = {"lease": LEASE, "watch": False, **dict(queue)}
        settings = self.settings(options, **folder)
        settings = evolve(
            settings,
            state=os.path.join(self.base, f"state-{len(self.services)}"),
            control=evolve(settings.control, socket=None),
            queue=QueueSettings(**given),
        )
        service = PushService(
            settings,
            reactor=self.clock,
            client=client or self.receiver,
            jobs=source or self.handle,
            now=self.now,
        )
        service.changed.register(self.noted)
        self.services.append(service)
        service.startService()
        self.successResultOf(service.when_started())
        return service

    def handle(self) -> MemoryJobs:
        """The queue, for one service."""
        self.handles.append(self.jobs.another())
        return self.handles[-1]

    def add(self, *names: str, version: str | None = None) -> None:
        """Add jobs for files that are there."""
        for name in names:
            found = os.stat(os.path.join(self.folder, name)) if version is None else None
            key = f"{found.st_size}-{found.st_mtime_ns}" if found else version or ""
            self.result(self.jobs.add([NewJob(folder="scans", path=name.encode(), version=key)]))

    def job(self, name: str = "a") -> dict[str, Any]:
        """The last job for a path, as it is now."""
        return [row for row in self.jobs.rows() if row["name"] == name][-1]

    def job_states(self) -> dict[str, str]:
        """The state of each job, by its path."""
        return {row["name"]: row["state"] for row in self.jobs.rows()}

    def pass_time(self, seconds: float) -> None:
        """Let time pass, in steps in which timers can run."""
        self.clock.pump([1.0] * int(seconds))

    def arrivals(self, name: str = "a") -> dict[int, int]:
        """How often each chunk of a file has arrived."""
        return self.receiver.stored(name).arrivals
