"""
Chunks through slots: one attempt at a time for each, tried again when that may help.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._policy.concurrency import AdaptiveConcurrency
from .._policy.outage import Outage
from .._policy.slots import Slots
from .._protocol.dialect import RETRY, STORED
from .._runtime.observers import Signal
from ..errors import (
    ChunkTimeout,
    ConnectFailed,
    InvalidOption,
    RetriesExhausted,
    StallTimeout,
    TransportError,
)
from ..options import Options
from ..retry import retry_after
from .attempt import Delivery, Result
from .file import READY, ResumableFile
from .prefetch import Hangs, out_of_descriptors
from .queue import ChunkQueue

__all__ = ["Dispatcher"]

_log = Logger()


class Principal(Protocol):
    """For whom chunks are sent."""

    options: Options
    file_progress: Signal

    @property
    def _hears_progress(self) -> bool: ...
    def _emit(self, name: str, *args: object) -> None: ...
    def _finish(self, file: ResumableFile) -> None: ...
    def _fail(self, file: ResumableFile, error: Exception) -> None: ...
    def _fail_all(self, error: Exception) -> None: ...


class _Job:
    """One attempt at one chunk, in a slot."""

    __slots__ = ("attempt", "began", "cancelled", "file", "offset")

    def __init__(self, file: ResumableFile, offset: int, began: float) -> None:
        self.file = file
        self.offset = offset
        self.began = began
        self.cancelled = False
        self.attempt: Deferred[Result] | None = None


class Dispatcher:
    """
    Takes chunks from the queue while there are slots, has each delivered, and sees to what comes
    of it.

    :ivar started: whether uploading has begun and not yet come to an end.
    :ivar paused: whether nothing may begin.
    :ivar slots: how many chunks may be under way.
    """

    def __init__(
        self,
        principal: Principal,
        clock: Any,
        delivery: Delivery,
        queue: ChunkQueue,
        slots: Slots,
        adaptive: AdaptiveConcurrency | None,
    ) -> None:
        """
        :param principal: told of what happens.
        :param clock: an ``IReactorTime``.
        :param delivery: makes an attempt.
        :param queue: knows which chunk is next.
        :param slots: how many chunks may be under way.
        :param adaptive: finds out how many that should be, unless that is fixed.
        """
        self.started = self.paused = False
        self.slots = slots
        self._principal = principal
        self._clock = clock
        self._delivery = delivery
        self._queue = queue
        self._adaptive = adaptive
        self._outage = Outage()
        self._jobs: dict[ResumableFile, dict[int, _Job]] = {}
        self._timers: dict[tuple[ResumableFile, int], Any] = {}
        self._pumping = False

    @property
    def is_busy(self) -> bool:
        """Whether any chunk is under way or waits to be tried again."""
        return bool(self._timers) or any(self._jobs.values())

    @property
    def under_way(self) -> int:
        """How many chunks are being tested or sent at this moment."""
        return sum(map(len, self._jobs.values()))

    def pause(self) -> None:
        """Stop the chunks under way, and begin none."""
        self.paused = True
        for file in list(self._jobs):
            self._stop_jobs(file)

    def stop(self, file: ResumableFile) -> None:
        """
        Stop all that a file has under way.  Nothing begins in the freed slots by itself.

        :param file: the file.
        """
        self._stop_jobs(file)
        if self._timers:
            for place in [place for place in self._timers if place[0] is file]:
                self._timers.pop(place).cancel()
                file._put_back(place[1])
        self._outage.leave(file)

    def pump(self) -> None:
        """
        Fill free slots.  A token is asked for first, and only then the next chunk; a job that is
        done at once comes back here without recursion.
        """
        if self._pumping or self.paused or not self.slots.free:
            return
        self._pumping = True
        try:
            while self.slots.free and not self.paused:
                place = self._probe() if self._outage.lasts else self._queue.next()
                if place is None:
                    break
                if not self.started:
                    self.started = True
                    self._principal._emit("upload_start")
                    continue
                self.slots.take()
                self._start(*place)
        finally:
            self._pumping = False

    def _probe(self) -> tuple[ResumableFile, int] | None:
        """While the server cannot be reached: the one chunk that tries."""
        outage = self._outage
        if outage.probe is None or not outage.probe[0]._may_send(outage.probe[1]):
            outage.probe = self._queue.next()
        if outage.probe is None or not outage.probe[0]._is_pending(outage.probe[1]):
            return None
        return outage.probe

    def _start(self, file: ResumableFile, offset: int) -> None:
        file._begin(offset)
        job = _Job(file, offset, self._clock.seconds() if self._adaptive else 0.0)
        self._jobs.setdefault(file, {})[offset] = job
        if self._principal.file_progress.callbacks:
            self._principal._emit("file_progress", file)
        attempt = self._delivery.attempt(file, offset)
        job.attempt = attempt
        attempt.addCallbacks(
            self._delivered, self._undelivered, callbackArgs=(job,), errbackArgs=(job,)
        )
        attempt.addErrback(self._broken, file)

    def _free(self, job: _Job) -> bool:
        """Give a job's slot back. :returns: whether its outcome still counts."""
        self.slots.give_back()
        if job.cancelled:
            return False
        del self._jobs[job.file][job.offset]
        return True

    def _stop_jobs(self, file: ResumableFile) -> None:
        """Abort what is under way of a file.  Nothing begins in the freed slots by itself."""
        jobs = self._jobs.pop(file, None)
        if not jobs:
            return
        pumping, self._pumping = self._pumping, True
        for offset, job in jobs.items():
            job.cancelled = True
            if file.state is READY:
                file._put_back(offset)
                self._queue.add(file)
            else:
                file._stand_still(offset)
                file._course.states[offset] = 0
            if job.attempt is not None:
                job.attempt.cancel()
        self._pumping = pumping

    # Outcomes ----------------------------------------------------------------------------------

    def _delivered(self, result: Result, job: _Job) -> None:
        if not self._free(job):
            self.pump()
            return
        file, offset, answer = job.file, job.offset, result.answer
        if self._adaptive is not None:
            self._adapt(self._adaptive, job, result)
        if self._outage.answered():
            _log.info("The server answers again")
        if result.verdict is STORED:
            try:
                file._source.check()
            except Exception as error:  # it changed after it was read, or before it was found there
                self._principal._fail(file, error)
            else:
                self._stored(file, offset, result)
        elif result.verdict is RETRY:
            assert result.error is not None
            file._hear(offset, answer.text)
            requested = retry_after(answer.header("Retry-After"), time.time())
            self._retry(file, offset, result.error, requested)
        else:
            file._hear(offset, answer.text)
            assert result.error is not None
            self._principal._fail(file, result.error)
        self.pump()

    def _adapt(self, adaptive: AdaptiveConcurrency, job: _Job, result: Result) -> None:
        """``simultaneous_uploads="auto"``: see what this outcome says about the network."""
        now = self._clock.seconds()
        if result.verdict is STORED and not result.found:
            start, end = job.file._course.layout.range(job.offset)
            self.slots.resize(adaptive.stored(now, end - start, now - job.began))
        elif result.answer.code in (429, 503):
            self.slots.resize(adaptive.pushed_back())

    def _undelivered(self, failure: Failure, job: _Job) -> None:
        if not self._free(job):
            self.pump()
            return
        file, offset, error = job.file, job.offset, failure.value
        if isinstance(error, ConnectFailed):
            self._unreachable(file, offset, error)
        elif isinstance(error, TransportError):
            if self._adaptive is not None and isinstance(error, (StallTimeout, ChunkTimeout)):
                self.slots.resize(self._adaptive.pushed_back())
            self._retry(file, offset, error, None)
        elif out_of_descriptors(error):
            _log.info("Too many open files; {name!r} waits", name=file.file_name)
            self._wait(file, offset, 1.0)
        elif isinstance(error, Hangs):
            file._put_back(offset)  # it is queued again when it is open
        else:
            assert isinstance(error, Exception)
            self._principal._fail(file, error)
        self.pump()

    def _stored(self, file: ResumableFile, offset: int, result: Result) -> None:
        file.reply = result.answer.text
        if self._principal.options.checksum is not None:
            # Not always the last answer to arrive is the last one that was given.
            said = result.answer.header("Resumable-File-Checksum")
            file._course.plan.checksum = said or file._course.plan.checksum
        if file._count_stored(offset):
            file.chunks_found += result.found
            if self._principal._hears_progress:
                self._principal._emit("file_progress", file)
            file._tell_stored(offset)
        if file._all_stored and file.state is READY:
            self._principal._finish(file)

    def _retry(
        self, file: ResumableFile, offset: int, error: Exception, requested: float | None
    ) -> None:
        retries = file._count_retry(offset)
        if retries > self._principal.options.max_chunk_retries:
            self._principal._fail(file, RetriesExhausted(error, retries, offset + 1))
            return
        delay = self._delay(retries, requested)
        _log.info(
            "Chunk {chunk} of {name!r} is tried again in {delay:.1f} s: {error}",
            chunk=offset + 1,
            name=file.file_name,
            delay=delay,
            error=error,
        )
        self._principal._emit("file_retry", file)
        if file.state is READY and not file._is_pending(offset):
            self._wait(file, offset, delay)

    def _delay(self, attempts: int, requested: float | None) -> float:
        delay = self._principal.options.policy(attempts, requested)
        if not 0 <= delay < float("inf"):
            raise InvalidOption("retry_policy", delay, "must give seconds to wait")
        return delay

    def _wait(self, file: ResumableFile, offset: int, delay: float) -> None:
        file._wait(offset)
        if delay > 0:
            self._timers[file, offset] = self._clock.callLater(delay, self._again, file, offset)
        else:
            self._again(file, offset)

    def _again(self, file: ResumableFile, offset: int) -> None:
        self._timers.pop((file, offset), None)
        file._put_back(offset)
        self._queue.add(file)
        self.pump()

    def _unreachable(self, file: ResumableFile, offset: int, error: ConnectFailed) -> None:
        """One chunk probes; the others wait for it, and no retry is counted against them."""
        outage, now = self._outage, self._clock.seconds()
        if not outage.failed(file, offset, now):
            file._put_back(offset)
            self._queue.add(file)
            return
        attempts, options = outage.failures, self._principal.options
        if (not outage.reached and attempts > options.max_chunk_retries) or (
            outage.reached and now - outage.since >= options.max_offline
        ):
            # They share the probe, so they share its end.  What is added later tries anew.
            pumping, self._pumping = self._pumping, True
            self._principal._fail_all(RetriesExhausted(error, attempts, offset + 1))
            self._pumping = pumping
            outage.give_up()
            return
        delay = max(self._delay(attempts, None), outage.least_delay)
        _log.info(
            "The server cannot be reached; next try in {delay:.1f} s: {error}",
            delay=delay,
            error=error,
        )
        self._principal._emit("file_retry", file)
        if file.state is READY:
            self._wait(file, offset, delay)

    def _broken(self, failure: Failure, file: ResumableFile) -> None:
        error = failure.value
        assert isinstance(error, Exception)
        self._principal._fail(file, error)
