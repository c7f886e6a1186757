"""
Uploads by several uploaders at once to a real receiver, over a bad day's network, and with either
side killed now and then: decided by a seed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

from attrs import evolve, frozen

from .arrived import OnDisk
from .collection import uncollected
from .host import HostPort, ReceiverHost
from .report import SimulationFailed, SimulationReport
from .schedule import Act, Schedule
from .simulation import somewhere
from .timeline import Timeline
from .uploading import Uploading
from .weather import Fault

__all__ = ["ReceiverSchedule", "ReceiverSimulation", "simulate_receiver"]


@frozen
class ReceiverSchedule:
    """
    What happens to a receiver and to those who upload to it.

    :ivar seed: what it follows from.
    :ivar uploaders: the uploaders', each with its own network.
    :ivar acts: what is done to the receiver: ``kill``, ``stop`` or ``sweep``; ``file`` is at which
        of its next calls to the system it is killed, and 0 at once.
    :ivar disk_delay: how long its disk takes at most, in seconds, or :data:`None` if it takes no
        time.
    :ivar max_open: how many idle uploads it keeps open.
    """

    seed: int
    uploaders: tuple[Schedule, ...]
    acts: tuple[Act, ...]
    disk_delay: float | None = None
    max_open: int = 64

    @classmethod
    def of(cls, seed: int) -> ReceiverSchedule:
        """
        The schedule of a seed.

        :param seed: any whole number.
        """
        random = Random(f"receiver {seed}")
        uploaders = [
            Schedule.of(random.randrange(1 << 32)) for _ in range(random.choice((1, 2, 3)))
        ]
        for index in range(1, len(uploaders)):
            if random.random() < 0.3:  # the same files, by somebody else
                first = uploaders[0]
                uploaders[index] = evolve(
                    uploaders[index],
                    options=first.options,
                    files=first.files,
                    forecast=first.forecast,
                    acts=tuple(act for act in first.acts if act.what != "kill"),
                )
        until = max(each.forecast.clears for each in uploaders)
        acts = []
        for _ in range(random.choice((0, 0, 1, 2, 4))):
            at = random.random() ** 2 * random.choice((3.0, 30.0, until))
            what = random.choice(("kill", "kill", "stop", "sweep"))
            calls = random.choice((0, 1, 3, 10, 30))
            acts.append(Act(at, what, calls, after=random.choice((0.0, 0.1, 10.0))))
        return cls(
            seed,
            tuple(uploaders),
            tuple(sorted(acts, key=lambda act: act.at)),
            random.choice((None, 0.0, 0.01, 1.0)),
            random.choice((1, 2, 64)),
        )

    @property
    def lines(self) -> list[str]:
        """It, for people."""
        lines = [f"receiver schedule {self.seed}", f"the disk takes {self.disk_delay} s"]
        lines += [f"act on the receiver: {act}" for act in self.acts]
        for uploader in self.uploaders:
            lines += uploader.lines
        return lines


def simulate_receiver(
    seed: int, folder: str | None = None, note: Callable[[str], None] | None = None
) -> SimulationReport:
    """
    Run the schedule of a seed to its end: uploaders and a real receiver.

    :param seed: any whole number; the same one gives the same run.
    :param folder: an empty folder for the files of both sides, which is emptied again; a temporary
        one by default.
    :param note: told line by line what happens.
    :returns: how it ended; the ends are those of all files of the first uploader, then of the
        second, and so on.
    :raises SimulationFailed: as :func:`simulate`, and if the receiver did not end, or left anything
        open.
    """
    with somewhere(folder) as place:
        return ReceiverSimulation(ReceiverSchedule.of(seed), place, note).run()


class ReceiverSimulation:
    """
    A schedule while it happens.

    :ivar host: where the receiver runs.
    :ivar uploadings: the uploaders.
    """

    def __init__(
        self, schedule: ReceiverSchedule, folder: str, note: Callable[[str], None] | None = None
    ) -> None:
        """
        :param schedule: what is to happen.
        :param folder: for the files of both sides.
        :param note: told line by line what happens.
        """
        self.schedule = schedule
        self._timeline = timeline = Timeline(note)
        random = Random(f"receiver simulation {schedule.seed}")
        self._root = os.path.join(folder, "received")
        self.host = ReceiverHost(
            timeline, self._root, random, schedule.disk_delay, max_open=schedule.max_open
        )
        self.uploadings = []
        for index, each in enumerate(schedule.uploaders):
            place = os.path.join(folder, f"sent-{index}")
            os.mkdir(place)
            port = HostPort(self.host, each.options["dialect"])
            self.uploadings.append(Uploading(each, timeline, port, place, random))

    def run(self) -> SimulationReport:
        """
        Let it happen.

        :raises SimulationFailed: see :func:`simulate_receiver`.
        """
        with uncollected():
            return self._run()

    def _run(self) -> SimulationReport:
        timeline, uploadings = self._timeline, self.uploadings
        self.host.start()
        for uploading in uploadings:
            uploading.start()
        for act in self.schedule.acts:
            timeline.clock.callLater(act.at, self._act, act)
        if not timeline.until(lambda: all(each.is_over for each in uploadings)):
            so_far = [each.process.ends for each in uploadings]
            self._fail([f"silence after {timeline.clock.seconds():g} s: {so_far}"])
        seconds = timeline.clock.seconds()
        self._end()
        arrived = OnDisk(self.host.finished())
        ends: list[str] = []
        wrong = arrived.mixtures(self._versions())
        for uploading in uploadings:
            some, complaints = uploading.judge(arrived)
            ends += some
            wrong += complaints
        if wrong:
            self._fail(wrong)
        requests = sum(each.requests for each in uploadings)
        return SimulationReport(self.schedule.seed, tuple(ends), seconds, requests, self._faults())

    def _act(self, act: Act) -> None:
        if act.what == "kill":
            self.host.kill(act.file, act.after)
        elif act.what == "stop":
            self.host.stop(act.after)
        else:
            self.host.sweep()

    def _end(self) -> None:
        """End both sides, and see what they leave behind."""
        wrong = [line for each in self.uploadings for line in each.close()]
        self._timeline.run_out()
        wrong += [line for each in self.uploadings for line in each.left()]
        self.host.stop(None)
        self._timeline.run_out()
        wrong += self.host.left()
        if wrong:
            self._fail(["left behind:", *wrong])

    def _versions(self) -> dict[str, list[bytes]]:
        versions: dict[str, list[bytes]] = {}
        for uploading in self.uploadings:
            for file in uploading.files:
                versions.setdefault(file.plan.name, []).extend(file.versions)
        return versions

    def _faults(self) -> dict[Fault, int]:
        faults: dict[Fault, int] = {}
        for uploading in self.uploadings:
            for fault, count in uploading.faults.items():
                faults[fault] = faults.get(fault, 0) + count
        return faults

    def _fail(self, wrong: list[str]) -> None:
        raise SimulationFailed(self.schedule.seed, wrong, "--receiver ")
