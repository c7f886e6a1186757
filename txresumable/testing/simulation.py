"""
Uploads over a bad day's network, decided by a seed and over in milliseconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from shutil import rmtree
from tempfile import TemporaryDirectory

from .._protocol.dialect import DIALECTS
from .arrived import InMemory
from .collection import uncollected
from .process import Process
from .receiver import ScriptedReceiver
from .report import SimulationFailed, SimulationReport
from .schedule import Schedule
from .timeline import Timeline
from .uploading import Uploading

__all__ = ["Simulation", "simulate", "somewhere"]


def simulate(
    seed: int, folder: str | None = None, note: Callable[[str], None] | None = None
) -> SimulationReport:
    """
    Run the schedule of a seed to its end.

    :param seed: any whole number; the same one gives the same run.
    :param folder: an empty folder for the files, which is emptied again; a temporary one by
        default.
    :param note: told line by line what happens.
    :returns: how it ended.
    :raises SimulationFailed: if a file was not equal and nothing said so, if nothing ended, if
        contents were mixed, if an error has no cause in the schedule, or if anything was left.
    """
    schedule = Schedule.of(seed)
    with somewhere(folder) as place:
        return Simulation(schedule, place, note).run()


@contextmanager
def somewhere(folder: str | None) -> Iterator[str]:
    """
    A folder for the files of one simulation.

    :param folder: an empty one, which is emptied again; a temporary one if there is none.
    """
    if folder is None:
        with TemporaryDirectory(prefix="txresumable-") as place:
            yield place
        return
    try:
        yield folder
    finally:
        for entry in list(os.scandir(folder)):
            rmtree(entry.path) if entry.is_dir() else os.remove(entry.path)


class Simulation:
    """
    A schedule while it happens.

    :ivar receiver: where chunks arrive.
    :ivar uploading: the uploader through its lives.
    """

    def __init__(
        self, schedule: Schedule, folder: str, note: Callable[[str], None] | None = None
    ) -> None:
        """
        :param schedule: what is to happen.
        :param folder: for the files.
        :param note: told line by line what happens.
        """
        self.schedule = schedule
        self._timeline = Timeline(note)
        dialect = DIALECTS[schedule.options.get("dialect", "resumable")]
        self.receiver = ScriptedReceiver(names=dialect.names, absent=dialect.absent)
        random = Random(schedule.seed + 1)
        self.uploading = Uploading(schedule, self._timeline, self.receiver, folder, random)

    @property
    def process(self) -> Process:
        """The uploader's present life."""
        return self.uploading.process

    def run(self, meanwhile: Callable[[int], None] | None = None) -> SimulationReport:
        """
        Let it happen.

        :param meanwhile: called before each step of time, with the steps' number.
        :raises SimulationFailed: see :func:`simulate`.
        """
        with uncollected():
            return self._run(meanwhile)

    def _run(self, meanwhile: Callable[[int], None] | None) -> SimulationReport:
        uploading, timeline = self.uploading, self._timeline
        uploading.start()
        if not timeline.until(lambda: uploading.is_over, meanwhile):
            ends = self.process.ends
            self._fail([f"silence after {timeline.clock.seconds():g} s: {ends}"])
        seconds = timeline.clock.seconds()
        wrong = uploading.close()
        timeline.run_out()
        wrong += uploading.left()
        if wrong:
            self._fail(["left behind:", *wrong])
        arrived = InMemory(self.receiver)
        ends, wrong = uploading.judge(arrived)
        wrong += arrived.mixtures({file.plan.name: file.versions for file in uploading.files})
        if wrong:
            self._fail(wrong)
        return SimulationReport(
            self.schedule.seed, tuple(ends), seconds, uploading.requests, uploading.faults
        )

    def _fail(self, wrong: list[str]) -> None:
        raise SimulationFailed(self.schedule.seed, wrong)
