"""
Uploads over a bad day's network, decided by a seed and over in milliseconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from attrs import frozen
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from .._protocol.dialect import DIALECTS
from ..errors import ChunkRejected, ConnectFailed, FileRejected, RetriesExhausted, SourceChanged
from .changing import ChangingFile
from .network import FaultyNetwork
from .process import Process
from .receiver import ScriptedReceiver, StoredFile
from .schedule import Act, Schedule
from .weather import Fault, Weather

__all__ = ["Report", "Simulation", "SimulationFailed", "simulate"]

LONGEST = 3 * 86400.0
"""Simulated seconds after which an upload without an end counts as silent."""
MOST_STEPS = 200_000


class SimulationFailed(AssertionError):
    """
    An upload ended in a way in which none may end.

    :ivar seed: of the schedule that shows it.
    :ivar wrong: what was wrong.
    """

    def __init__(self, seed: int, wrong: list[str]) -> None:
        super().__init__("\n  ".join([f"python -m txresumable.testing {seed} shows:", *wrong]))
        self.seed = seed
        self.wrong = wrong


@frozen
class Report:
    """
    How a simulation ended, if all is well.

    :ivar seed: what it followed from.
    :ivar ends: for each file ``equal``, or the name of the error that said why not.
    :ivar seconds: how long it took, in simulated seconds.
    :ivar requests: how many requests were made.
    :ivar faults: how often each fault happened.
    """

    seed: int
    ends: tuple[str, ...]
    seconds: float
    requests: int
    faults: dict[Fault, int]


def simulate(
    seed: int, folder: str | None = None, note: Callable[[str], None] | None = None
) -> Report:
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
    with _somewhere(folder) as place:
        return Simulation(schedule, place, note).run()


@contextmanager
def _somewhere(folder: str | None) -> Iterator[str]:
    if folder is None:
        with TemporaryDirectory(prefix="txresumable-") as place:
            yield place
        return
    try:
        yield folder
    finally:
        for name in os.listdir(folder):
            os.remove(os.path.join(folder, name))


class Simulation:
    """
    A schedule while it happens.

    :ivar clock: simulated time.
    :ivar receiver: where chunks arrive.
    :ivar files: what is uploaded.
    :ivar processes: the uploader's lives so far.
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
        self.clock = Clock()
        self._note = note
        self._random = Random(schedule.seed + 1)
        self._cancelled: set[int] = set()
        dialect = DIALECTS[schedule.options.get("dialect", "resumable")]
        self.receiver = ScriptedReceiver(
            names=dialect.names, absent=204 if dialect.test_permanent else 404
        )
        self._weather = Weather(schedule.forecast, self._random)
        self.files = [ChangingFile(plan, folder) for plan in schedule.files]
        self.processes: list[Process] = []
        self._restarting = False

    @property
    def process(self) -> Process:
        """The uploader's present life."""
        return self.processes[-1]

    def run(self, meanwhile: Callable[[int], None] | None = None) -> Report:
        """
        Let it happen.

        :param meanwhile: called before each step of time, with the steps' number.
        :raises SimulationFailed: see :func:`simulate`.
        """
        self._start()
        for act in self.schedule.acts:
            self.clock.callLater(act.at, self._act, act)
        steps = 0
        while self._restarting or not self.process.is_over:
            if meanwhile is not None:
                meanwhile(steps)
                if self.process.is_over:
                    break
            steps += 1
            if steps > MOST_STEPS or not self._step(LONGEST):
                ends = self.process.ends
                self._fail([f"silence after {self.clock.seconds():g} s: {ends}"])
        seconds = self.clock.seconds()
        self._finish()
        wrong = [line for process in self.processes for line in process.wrong]
        wrong += [line for process in self.processes for line in process.network.refused]
        wrong += self._mixtures()
        ends = []
        for index in range(len(self.files)):
            end, complaint = self._judge(index)
            ends.append(end)
            wrong += complaint
        if wrong:
            self._fail(wrong)
        requests = sum(len(process.network.sent) for process in self.processes)
        faults: dict[Fault, int] = {}
        for process in self.processes:
            for fault, count in process.network.faults.items():
                faults[fault] = faults.get(fault, 0) + count
        return Report(self.schedule.seed, tuple(ends), seconds, requests, faults)

    def _fail(self, wrong: list[str]) -> None:
        raise SimulationFailed(self.schedule.seed, wrong)

    def _step(self, until: float) -> bool:
        """To the next thing that happens. :returns: whether there is one before a time."""
        calls = self.clock.getDelayedCalls()
        if not calls:
            return False
        due = calls[0].getTime()
        if due > until:
            return False
        self.clock.advance(max(0.0, due - self.clock.seconds()))
        return True

    # What happens ------------------------------------------------------------------------------

    def _start(self) -> None:
        self._restarting = False
        say = self._say if self._note is not None else None
        network = FaultyNetwork(self.clock, self.receiver, self._weather, say)
        self.processes.append(Process(self.clock, network, self.schedule, self.files, self._random))

    def _say(self, line: str) -> None:
        if self._note is not None:
            self._note(f"{self.clock.seconds():12.3f}  {line}")

    def _act(self, act: Act) -> None:
        if self._restarting or self.process.is_over:
            return
        self._say(f"{act.what} {self.files[act.file].plan.name}")
        uploader, file = self.process.uploader, self.process.uploads[act.file].file
        if act.what == "kill":
            self.process.kill()
            self._restarting = True
            self.clock.callLater(act.after, self._start)
        elif act.what == "cancel":
            self._cancelled.add(act.file)
            self.process.uploads[act.file].cancel()
        elif act.what in ("pause", "resume"):
            getattr(uploader, act.what)()
        elif act.what in ("suspend", "release"):
            (file.suspend if act.what == "suspend" else file.resume)()
        else:
            self.files[act.file].change(act.what, self._random)

    def _finish(self) -> None:
        """End the uploader, let everything that is still on its way arrive, and look around."""
        process = self.process
        wrong = process.leftovers()
        closed: list[object] = []
        process.uploader.close().addBoth(closed.append)
        sent = len(process.network.sent)
        while self._step(float("inf")):
            pass
        if closed != [None]:
            wrong.append(f"close(): {closed}")
        if len(process.network.sent) != sent:
            wrong.append("requests after the end")
        wrong += process.leftovers()
        for file in self.files:
            file.close()
        if wrong:
            self._fail(["left behind:", *wrong])

    # How it ended ------------------------------------------------------------------------------

    def _mixtures(self) -> list[str]:
        """What arrived under one identifier that does not belong together."""
        versions = {file.plan.name: file.versions for file in self.files}
        return [
            f"{stored.file_name}: a mixture arrived as {identifier}"
            for identifier, stored in self.receiver.files.items()
            if not any(_fits(stored, version) for version in versions[stored.file_name])
        ]

    def _judge(self, index: int) -> tuple[str, list[str]]:
        """How a file ended, and what is wrong with that."""
        end, name = self.process.ends[index], self.files[index].plan.name
        self._say(f"{name} ended: {end}")
        if not isinstance(end, Failure):
            stored = self.receiver.files.get(end.unique_identifier)
            if stored is None or not stored.is_complete:
                return "silent loss", [f"{name}: reported complete, and is not"]
            if stored.content != self.process.expected[index]:
                return "other", [f"{name}: reported complete, and is not what was added"]
            return "equal", []
        error = end.value
        if self._has_cause(index, error):
            return type(error).__name__, []
        return "?", [f"{name}: failed without a cause: {error!r}"]

    def _has_cause(self, index: int, error: BaseException | None) -> bool:
        file = self.files[index]
        if isinstance(error, CancelledError):
            return index in self._cancelled
        if isinstance(error, (SourceChanged, FileNotFoundError, FileRejected)):
            return file.changed
        if isinstance(error, ChunkRejected):
            return any(error.status in process.network.given for process in self.processes)
        if isinstance(error, RetriesExhausted):
            most: Any = self.schedule.options["max_chunk_retries"]
            unreachable = isinstance(error.last, ConnectFailed)
            return bool(error.attempts == most + 1 and (most < 100 or unreachable))
        return False


def _fits(stored: StoredFile, content: bytes) -> bool:
    """Whether what arrived are pieces of a content, each in its place."""
    if len(content) != stored.size:
        return False
    for number, chunk in stored.chunks.items():
        start = (number - 1) * stored.chunk_size
        if content[start : start + len(chunk)] != chunk:
            return False
    return True
