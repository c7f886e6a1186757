"""
An uploader in a simulation: killed and started again, until each of its files is at its end.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from .._engine.advice import HOPELESS
from ..errors import ChunkRejected, ConnectFailed, FileRejected, RetriesExhausted, SourceChanged
from .arrived import Arrived
from .changing import ChangingFile
from .network import FaultyNetwork, Receiver
from .process import Process
from .schedule import Act, Schedule
from .timeline import Timeline
from .weather import Fault, Weather

__all__ = ["Uploading"]


class Uploading:
    """
    An uploader through all its lives.

    :ivar files: what is uploaded.
    :ivar processes: its lives so far.
    :ivar cancelled: the files that somebody cancelled, by their index.
    """

    def __init__(
        self,
        schedule: Schedule,
        timeline: Timeline,
        receiver: Receiver,
        folder: str,
        random: Random,
    ) -> None:
        """
        :param schedule: what is to happen.
        :param timeline: time for all.
        :param receiver: where chunks arrive.
        :param folder: for the files.
        :param random: the source of chance.
        """
        self.schedule = schedule
        self.files = [ChangingFile(plan, folder) for plan in schedule.files]
        self.processes: list[Process] = []
        self.cancelled: set[int] = set()
        self._timeline = timeline
        self._receiver = receiver
        self._random = random
        self._weather = Weather(schedule.forecast, random)
        self._restarting = False
        self._closed: list[object] = []
        self._sent = 0

    @property
    def process(self) -> Process:
        """Its present life."""
        return self.processes[-1]

    @property
    def is_over(self) -> bool:
        """Whether each file has come to its end."""
        return not self._restarting and self.process.is_over

    def start(self) -> None:
        """Begin."""
        self._start()
        for act in self.schedule.acts:
            self._timeline.clock.callLater(act.at, self._act, act)

    def _start(self) -> None:
        self._restarting = False
        timeline, clock = self._timeline, self._timeline.clock
        say = timeline.say if timeline.is_told else None
        network = FaultyNetwork(clock, self._receiver, self._weather, say)
        self.processes.append(Process(clock, network, self.schedule, self.files, self._random))

    def _act(self, act: Act) -> None:
        if self._restarting or self.process.is_over:
            return
        self._timeline.say(f"{act.what} {self.files[act.file].plan.name}")
        uploader, file = self.process.uploader, self.process.uploads[act.file].file
        if act.what == "kill":
            self.process.kill()
            self._restarting = True
            self._timeline.clock.callLater(act.after, self._start)
        elif act.what == "cancel":
            self.cancelled.add(act.file)
            self.process.uploads[act.file].cancel()
        elif act.what in ("pause", "resume"):
            getattr(uploader, act.what)()
        elif act.what in ("suspend", "release"):
            (file.suspend if act.what == "suspend" else file.resume)()
        else:
            self.files[act.file].change(act.what, self._random)

    # The end -----------------------------------------------------------------------------------

    def close(self) -> list[str]:
        """
        End it; what is still on its way may arrive.

        :returns: what is left behind that should not be.
        """
        found = self.process.leftovers()
        self._sent = len(self.process.network.sent)
        self.process.uploader.close().addBoth(self._closed.append)
        return found

    def left(self) -> list[str]:
        """What is left when all has arrived."""
        found = []
        if self._closed != [None]:
            found.append(f"close(): {self._closed}")
        if len(self.process.network.sent) != self._sent:
            found.append("requests after the end")
        found += self.process.leftovers()
        for file in self.files:
            file.close()
        return found

    @property
    def requests(self) -> int:
        """How many requests were made."""
        return sum(len(process.network.sent) for process in self.processes)

    @property
    def faults(self) -> dict[Fault, int]:
        """How often each fault happened."""
        faults: dict[Fault, int] = {}
        for process in self.processes:
            for fault, count in process.network.faults.items():
                faults[fault] = faults.get(fault, 0) + count
        return faults

    def judge(self, arrived: Arrived) -> tuple[list[str], list[str]]:
        """
        Look at how its files ended.

        :param arrived: what the receiver has.
        :returns: how each ended, and what is wrong with that.
        """
        wrong = [line for process in self.processes for line in process.wrong]
        wrong += [line for process in self.processes for line in process.network.refused]
        ends = []
        for index in range(len(self.files)):
            end, complaint = self._judge(index, arrived)
            ends.append(end)
            wrong += complaint
        return ends, wrong

    def _judge(self, index: int, arrived: Arrived) -> tuple[str, list[str]]:
        end, name = self.process.ends[index], self.files[index].plan.name
        self._timeline.say(f"{name} ended: {end}")
        if not isinstance(end, Failure):
            complaint = arrived.complaint(end, self.process.expected[index])
            if complaint is not None:
                return "not equal", [f"{name}: reported complete, and {complaint}"]
            return "equal", []
        error = end.value
        if self._has_cause(index, error):
            return type(error).__name__, []
        return "?", [f"{name}: failed without a cause: {error!r}"]

    def _has_cause(self, index: int, error: BaseException | None) -> bool:
        file = self.files[index]
        if isinstance(error, CancelledError):
            return index in self.cancelled
        if isinstance(error, (SourceChanged, FileNotFoundError, FileRejected)):
            return file.changed
        if isinstance(error, ChunkRejected):
            return any(error.status in process.network.given for process in self.processes)
        if isinstance(error, RetriesExhausted):
            most: Any = self.schedule.options["max_chunk_retries"]
            unreachable = isinstance(error.last, ConnectFailed)
            if isinstance(error.last, ChunkRejected) and error.last.status in HOPELESS:
                return bool(error.attempts <= most + 1)
            return bool(error.attempts == most + 1 and (most < 100 or unreachable))
        return False
