"""
One life of an uploader in a simulation, until its end or until it is killed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorThreads
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure
from zope.interface import alsoProvides

from .._policy.order import ChunkOrder
from ..file import ResumableChunk, ResumableFile, transfer_of
from ..retry import full_jitter
from ..states import STORED, UPLOADING
from ..uploader import Resumable, engine_of
from .changing import ChangingFile
from .gauge import RequestGauge
from .network import FaultyNetwork
from .schedule import Schedule

__all__ = ["Process", "ProcessClock"]

TARGET = "http://receiver.example/upload"


class ProcessClock(Clock):
    """
    Time for one process, and threads that take some: when it is gone, none of its calls comes.

    :param clock: time for all.
    :param disk: how long the next work in a thread takes, in seconds; without it such work is
        done at once, outside threads.
    """

    def __init__(self, clock: Clock, disk: Callable[[], float] | None = None) -> None:
        super().__init__()
        self._clock = clock
        self._disk = disk
        self._calls: list[Any] = []
        self._works: list[Any] = []
        if disk is not None:
            alsoProvides(self, IReactorThreads)

    def seconds(self) -> float:
        return self._clock.seconds()

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kwargs: object
    ) -> IDelayedCall:
        if len(self._calls) > 64:
            self._calls = self.getDelayedCalls()
        later = self._clock.callLater(delay, callable, *args, **kwargs)
        self._calls.append(later)
        return later

    def getDelayedCalls(self) -> list[Any]:
        return [call for call in self._calls if call.active()]

    def getThreadPool(self) -> ProcessClock:
        """The pool of threads: itself."""
        return self

    def callInThreadWithCallback(
        self, done: Callable[[bool, Any], object], work: Callable[..., Any], *args: Any
    ) -> None:
        """Do something in a thread, which nobody can stop: at one moment, some time from now."""
        assert self._disk is not None
        self._works = [work for work in self._works if work.active()]
        self._works.append(self._clock.callLater(self._disk(), self._work, done, work, args))

    def _work(self, done: Any, work: Any, args: Any) -> None:
        try:
            result = work(*args)
        except Exception:
            done(False, Failure())
        else:
            done(True, result)

    def callFromThread(self, call: Callable[..., object], *args: Any) -> None:
        """Call something where the reactor runs: at once."""
        call(*args)

    def stop(self) -> None:
        """Let no call come any more."""
        for call in self.getDelayedCalls() + self._works:
            if call.active():
                call.cancel()


class Process:
    """
    An uploader that is given all files, and what is seen of it.

    :ivar network: what its requests go through.
    :ivar uploader: the uploader.
    :ivar ends: what became of each file: itself, or a Failure; :data:`None` as long as nothing.
    :ivar wrong: what it did that it must not do.
    """

    def __init__(
        self,
        clock: Clock,
        network: FaultyNetwork,
        schedule: Schedule,
        files: Sequence[ChangingFile],
        random: Random,
    ) -> None:
        """
        :param clock: time for all.
        :param network: what its requests go through.
        :param schedule: how the uploader is set.
        :param files: what it uploads.
        :param random: its source of chance.
        """
        delay = schedule.disk_delay
        disk = None if delay is None else partial(random.uniform, 0.0, delay)
        self.clock = ProcessClock(clock, disk)
        self.network = network
        self.wrong: list[str] = []
        self.ends: list[Any] = [None] * len(files)
        self.expected = [file.versions[-1] for file in files]
        self._heard: list[list[object]] = [[] for _ in files]
        options = dict(schedule.options)
        if schedule.hook_delay is not None:
            options["headers"] = self._hook(schedule.hook_delay)
        if options["chunk_retry_interval"] is None:
            options["retry_policy"] = full_jitter(uniform=random.uniform)
        self.uploader = Resumable(TARGET, reactor=self.clock, client=network, **options)
        breadth = engine_of(self.uploader).breadth
        breadth.use(RequestGauge(lambda: network.waiting))
        network.written = breadth.loans.written
        self.uploader.completed.register(self._all_completed)
        self.uploader.file_added.register(self._admitted)
        self._files = files
        self.uploads = [
            self.uploader.add_file(file.source(), file_name=file.plan.name) for file in files
        ]
        for index, upload in enumerate(self.uploads):
            upload.chunk_completed.register(partial(self._stored, index))
            upload.completed.register(partial(self._completed, index))
            upload.addBoth(partial(self._ended, index))
        self._order = engine_of(self.uploader).options.order
        self._slots = options["simultaneous_uploads"]
        self._may_lend = breadth.loans.is_on
        network.watch = self._watch
        self._check_order()

    @property
    def is_over(self) -> bool:
        """Whether every file has come to its end."""
        return None not in self.ends

    def kill(self) -> None:
        """End it as SIGKILL does: nothing is finished, and nobody is told."""
        self.network.cut()
        self.clock.stop()
        for upload in self.uploads:
            transfer_of(upload).source.close()

    def _hook(self, delay: float) -> Any:
        def headers(file: ResumableFile, chunk: object) -> Any:
            return deferLater(self.clock, delay, lambda: {"X-Name": file.file_name})

        return headers

    # What it does ------------------------------------------------------------------------------

    def _admitted(self, file: ResumableFile) -> None:
        """What it holds at this moment is what is uploaded, from the first chunk on."""
        for index, each in enumerate(self._files):
            if each.plan.name == file.file_name:
                self.expected[index] = each.versions[-1]
                self._heard[index].clear()

    def _stored(self, index: int, chunk: ResumableChunk) -> None:
        self._heard[index].append(chunk.number)

    def _completed(self, index: int) -> None:
        file, heard = self.uploads[index].file, self._heard[index]
        if "completed" in heard:
            self._err(index, "completed twice")
        if file.fraction_completed != 1.0 or not all(
            chunk.fraction_completed == 1.0 for chunk in file.chunks
        ):
            self._err(index, f"completed at {file.fraction_completed}")
        heard.append("completed")

    def _ended(self, index: int, result: Any) -> None:
        if self.ends[index] is not None:
            self._err(index, "ended twice")
        self.ends[index] = result
        if isinstance(result, Failure):
            return
        numbers = list(range(1, len(result.chunks) + 1))
        *chunks, last = self._heard[index] or [None]
        if sorted(map(str, chunks)) != sorted(map(str, numbers)) or last != "completed":
            self._err(index, f"told {self._heard[index]} of chunks {numbers}")

    def _watch(self) -> None:
        self._check_order()
        uploads = sum(request.is_upload for request in self.network.waiting)
        if isinstance(self._slots, int) and uploads > self._slots * (1 + self._may_lend):
            self.wrong.append(f"{uploads} uploads in {self._slots} slots")

    def _check_order(self) -> None:
        """A chunk that has to wait for others of its file is under way only if they are stored."""
        if self._order not in (ChunkOrder.IN_ORDER, ChunkOrder.LAST_ALONE):
            return
        for index, upload in enumerate(self.uploads):
            states = transfer_of(upload).ledger.states
            offset = states.rfind(UPLOADING)
            if self._order is ChunkOrder.LAST_ALONE and offset < len(states) - 1:
                continue
            if offset >= 0 and states.count(STORED, 0, offset) < offset:
                self._err(index, f"chunk {offset + 1} is under way, of {list(states)}")

    def _all_completed(self, failed: list[ResumableFile]) -> None:
        if any(transfer_of(upload).is_unfinished for upload in self.uploads):
            self.wrong.append("completed before all files are")

    def _err(self, index: int, what: str) -> None:
        self.wrong.append(f"{self.uploads[index].file.file_name}: {what}")

    # What it leaves behind ---------------------------------------------------------------------

    def leftovers(self) -> list[str]:
        """What an uploader without work may not have."""
        engine = engine_of(self.uploader)
        found = [f"call {call}" for call in self.clock.getDelayedCalls()]
        found += [f"request {request}" for request in self.network.waiting]
        for upload in self.uploads:
            if transfer_of(upload).source.is_open:
                found.append(f"open: {upload.file.file_name}")
        slots = engine.scheduler.slots
        if slots.tokens != slots.number:
            found.append(f"slots: {slots.tokens} of {slots.number}")
        if engine.scheduler.is_busy:
            found.append("chunks under way")
        for name, left in {
            "handles": [each.file for each in self.uploads if transfer_of(each).handle],
            "files to look at": engine.admission.transfers,
            "identifiers": engine.roster.identifiers,
        }.items():
            if left:
                found.append(f"{name}: {left}")
        return found
