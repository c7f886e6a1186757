"""
Chunks through slots: one attempt at a time for each, tried again when that may help.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from twisted.internet.defer import fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._http.response import Response
from .._policy.concurrency import AdaptiveConcurrency
from .._policy.outage import Outage
from .._policy.slots import Slots
from .._protocol.dialect import RETRY, STORED
from .._protocol.ranges import gaps
from .._runtime.observers import Signal
from ..errors import (
    ChunkTimeout,
    ConnectFailed,
    InvalidOption,
    ResumableError,
    RetriesExhausted,
    StallTimeout,
    TransportError,
)
from ..options import Options
from ..retry import retry_after
from .attempt import Attempt, Delivery, Result
from .file import READY, ResumableFile
from .lending import Lending
from .prefetch import Hangs, out_of_descriptors
from .queue import ChunkQueue
from .turn import Turn

__all__ = ["Dispatcher"]

_log = Logger()


class Principal(Protocol):
    """For whom chunks are sent."""

    options: Options
    file_progress: Signal

    @property
    def _hears_progress(self) -> bool: ...
    def _notify(self, name: str, *args: object) -> None: ...
    def _finish(self, file: ResumableFile) -> None: ...
    def _fail(self, file: ResumableFile, error: BaseException | None) -> None: ...
    def _fail_all(self, error: Exception) -> None: ...


class Dispatcher:
    """
    Takes chunks from the queue while there are slots, has each delivered, and sees to what comes
    of it.

    A slot belongs to an attempt from its beginning until it has a result or is cancelled; from
    then on the attempt can change nothing here.

    :ivar started: whether uploading has begun and not yet come to an end.
    :ivar paused: whether nothing may begin.
    :ivar slots: how many chunks may be under way.
    """

    def __init__(
        self,
        principal: Principal,
        clock: Any,
        turn: Turn,
        delivery: Delivery,
        queue: ChunkQueue,
        slots: Slots,
        lending: Lending,
        adaptive: AdaptiveConcurrency | None,
    ) -> None:
        """
        :param principal: told of what happens.
        :param clock: an ``IReactorTime``.
        :param turn: asks for the next chunk to begin.
        :param delivery: makes an attempt.
        :param queue: knows which chunk is next.
        :param slots: how many chunks may be under way.
        :param lending: lends the slots of those that wait.
        :param adaptive: finds out how many that should be, unless that is fixed.
        """
        self.started = self.paused = False
        self.slots = slots
        self._principal = principal
        self._clock = clock
        self._turn = turn
        self._delivery = delivery
        self._queue = queue
        self._adaptive = adaptive
        self._outage: Outage[ResumableFile] = Outage()
        # Where a function gives URLs, each file may have a server of its own.
        options = principal.options
        self._one_server = not (callable(options.target) or callable(options.test_target))
        self._outages: dict[ResumableFile, Outage[ResumableFile]] = {}
        self._lending = lending
        self._jobs = lending.jobs
        self._timers: dict[tuple[ResumableFile, int], Any] = {}
        self._may_start = False
        turn.begin_next = self._begin_next

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
        Stop all that a file has under way.

        :param file: the file.
        """
        self._stop_jobs(file)
        if self._timers:
            for place in [place for place in self._timers if place[0] is file]:
                self._timers.pop(place).cancel()
                file._put_back(place[1])
        self._outage.leave(file)
        self._outages.pop(file, None)
        file._barred = False

    def start(self) -> None:
        """Begin with what is in the queue, with the next turn."""
        self._may_start = True

    def end(self) -> None:
        """Nothing is left to do; what comes is announced before it begins."""
        self.started = self._may_start = False

    def _begin_next(self) -> bool:
        """
        Begin one chunk.  There has to be a slot first, and only then the next chunk is chosen.

        :returns: whether there is more to do: to notify somebody, or another chunk to begin.
        """
        if self.paused or not self.slots.tokens or not (self.started or self._may_start):
            return False
        if self._lending.returning and self._lending.resume_next():
            return True
        place = self._probe() if self._outage.failures else self._queue.next()
        if place is None:
            self._may_start = False
            return False
        if self.started:
            self._start(*place)
        else:
            self.started = True
            self._principal._notify("upload_start")
        return True

    def _probe(self) -> tuple[ResumableFile, int] | None:
        """While the server cannot be reached: the one chunk that tries."""
        outage = self._outage
        if outage.probe is None or not outage.probe[0]._may_send(outage.probe[1]):
            outage.probe = self._queue.next()
        if outage.probe is None or not outage.probe[0]._is_pending(outage.probe[1]):
            return None
        return outage.probe

    def _start(self, file: ResumableFile, offset: int) -> None:
        course = file._begin(offset)
        attempt = Attempt(file, offset, course, self._clock.seconds() if self._adaptive else 0.0)
        self.slots.acquire()
        self._jobs.setdefault(file, {})[offset] = attempt
        if self._lending.lent:
            self._lending.look(file)
        if self._outages and file in self._outages:
            self._outages[file].probe = (file, offset)
            file._barred = True
        if self._principal.file_progress.callbacks:
            self._principal._notify("file_progress", file)
        try:
            sending = self._delivery.send(attempt)
        except BaseException:  # of a client or a source of the application's
            sending = fail()
        attempt.sending = sending
        sending.addCallbacks(
            self._delivered, self._undelivered, callbackArgs=(attempt,), errbackArgs=(attempt,)
        )
        if attempt.cancelled:  # by a hook, while there was nothing to cancel yet
            self._turn.abandon(sending)
            self._turn.run()

    def _stop_jobs(self, file: ResumableFile) -> None:
        """Have done with what is under way of a file; its requests are cancelled at once."""
        jobs = self._jobs.pop(file, None)
        if not jobs:
            return
        for offset, attempt in jobs.items():
            attempt.cancelled = True
            self._release(attempt)
            file._put_back(offset)
            if attempt.asking is not None:
                self._turn.abandon(attempt.asking, request=True)
            if attempt.sending is not None:
                self._turn.abandon(attempt.sending)
        if file._crowded:
            self._lending.look(file)
        file._barred = False
        if file.state is READY:
            self._queue.add(file)

    # Outcomes ----------------------------------------------------------------------------------

    def _over(self, attempt: Attempt) -> None:
        """An attempt has come to its end, and its slot is free."""
        self._release(attempt)
        file = attempt.file
        del self._jobs[file][attempt.offset]
        if file._crowded:
            self._lending.look(file)

    def _release(self, attempt: Attempt) -> None:
        if attempt.has_lent:
            self._lending.give_back(attempt)
        else:
            self.slots.release()

    def _delivered(self, result: Result, attempt: Attempt) -> None:
        if attempt.cancelled:
            return
        try:
            if self._adaptive is not None:
                self._adapt(self._adaptive, attempt, result)
            if self._outage.responded() or (self._outages and self._is_back(attempt.file)):
                _log.info("The server answers again")
            if result.verdict is STORED:
                # It may have changed after it was read, or before it was found there.
                attempt.file._source.check()
                self._stored(attempt, result)
            else:
                self._refused(attempt, result)
        except BaseException as error:  # of the source; and a retry_policy may raise anything
            self._give_up(attempt, error)
        self._turn.run()

    def _undelivered(self, failure: Failure, attempt: Attempt) -> None:
        if attempt.cancelled:
            return
        error = failure.value
        try:
            if isinstance(error, ConnectFailed):
                self._unreachable(attempt, error)
            elif isinstance(error, TransportError):
                self._is_back(attempt.file)
                if self._adaptive is not None and isinstance(error, (StallTimeout, ChunkTimeout)):
                    self.slots.resize(self._adaptive.pushed_back())
                self._retry(attempt, error, None)
            elif out_of_descriptors(error):
                _log.info("Too many open files; {name!r} waits", name=attempt.file.file_name)
                self._wait(attempt, 1.0)
            elif isinstance(error, Hangs):
                self._is_back(attempt.file)
                self._over(attempt)
                attempt.file._put_back(attempt.offset)  # it is queued again when it is open
            else:
                self._give_up(attempt, error)
        except BaseException as raised:
            self._give_up(attempt, raised)
        self._turn.run()

    def _give_up(self, attempt: Attempt, error: BaseException | None) -> None:
        """A chunk cannot be sent, and so its file cannot."""
        if not attempt.cancelled:
            self._principal._fail(attempt.file, error)

    def _adapt(self, adaptive: AdaptiveConcurrency, attempt: Attempt, result: Result) -> None:
        """``simultaneous_uploads="auto"``: see what this outcome says about the network."""
        now = self._clock.seconds()
        if result.verdict is STORED and not result.found:
            start, end = attempt.course.layout.range(attempt.offset)
            self.slots.resize(adaptive.stored(now, end - start, now - attempt.began))
        elif result.answer.code in (429, 503):
            self.slots.resize(adaptive.pushed_back())

    def _stored(self, attempt: Attempt, result: Result) -> None:
        self._over(attempt)
        file, offset = attempt.file, attempt.offset
        file.reply = result.answer.text
        if self._principal.options.checksum is not None:
            # Not always the last answer to arrive is the last one that was given.
            said = result.answer.header("Resumable-File-Checksum")
            attempt.course.plan.checksum = said or attempt.course.plan.checksum
        file.chunks_found += result.found
        file._count_stored(offset)
        if self._principal._hears_progress:
            self._principal._notify("file_progress", file)
        file._tell_stored(offset)
        if file._all_stored and not self._lost(attempt, result.answer):
            self._principal._finish(file)

    def _lost(self, attempt: Attempt, answer: Response) -> bool:
        """
        Put back the chunks that a receiver has lost since it confirmed them: ours forgets uploads
        that are idle for too long, and says with each response what it has.

        :param answer: the last response to arrive, which need not be the last one that was given:
            then what was stored after it is found there.
        :returns: whether there are any.
        """
        said = answer.header("Resumable-Stored")
        if said is None or answer.header("Resumable-File-Checksum") is not None:
            return False
        file, plan = attempt.file, attempt.course.plan
        lost = gaps(said, len(attempt.course.states))
        if not lost:
            return False
        plan.losses += 1
        if plan.losses > self._principal.options.max_chunk_retries + 1:
            error = ResumableError("the server confirmed it, and has it no longer")
            raise RetriesExhausted(error, plan.losses, lost[0].start + 1)
        _log.info("The server lacks chunks of {name!r} that it had", name=file.file_name)
        file._put_back_stored(lost)
        self._queue.add(file)
        return True

    def _refused(self, attempt: Attempt, result: Result) -> None:
        assert result.error is not None
        attempt.file._hear(attempt.offset, result.answer.text)
        if result.verdict is RETRY:
            requested = retry_after(result.answer.header("Retry-After"), time.time())
            self._retry(attempt, result.error, requested)
        else:
            self._give_up(attempt, result.error)

    def _retry(self, attempt: Attempt, error: Exception, requested: float | None) -> None:
        file, number = attempt.file, attempt.offset + 1
        retries = file._count_retry(attempt.offset)
        if retries > self._principal.options.max_chunk_retries:
            self._give_up(attempt, RetriesExhausted(error, retries, number))
            return
        delay = self._delay(retries, requested)
        if attempt.cancelled:  # by the policy
            return
        _log.info(
            "Chunk {chunk} of {name!r} is tried again in {delay:.1f} s: {error}",
            chunk=number,
            name=file.file_name,
            delay=delay,
            error=error,
        )
        self._wait(attempt, delay)
        self._principal._notify("file_retry", file)

    def _delay(self, attempts: int, requested: float | None) -> float:
        """Ask the policy: the attempt is still there, as is its slot, while that runs."""
        delay = self._principal.options.policy(attempts, requested)
        if not 0 <= delay < float("inf"):
            raise InvalidOption("retry_policy", delay, "must give seconds to wait")
        return delay

    def _wait(self, attempt: Attempt, delay: float) -> None:
        """An attempt is over, and there is going to be another one."""
        self._over(attempt)
        file, offset = attempt.file, attempt.offset
        if delay > 0:
            file._wait(offset)
            self._timers[file, offset] = self._clock.callLater(delay, self._again, file, offset)
        else:
            file._put_back(offset)
            self._queue.add(file)

    def _again(self, file: ResumableFile, offset: int) -> None:
        del self._timers[file, offset]
        file._put_back(offset)
        if file._barred and self._outages[file].probe == (file, offset):
            file._barred = False
        self._queue.add(file)
        self._turn.run()

    def _outage_of(self, file: ResumableFile) -> Outage[ResumableFile]:
        if self._one_server:
            return self._outage
        outage = self._outages.get(file)
        if outage is None:
            outage = self._outages[file] = Outage()
            outage.reached = file._course.stored_count > 0
        return outage

    def _is_back(self, file: ResumableFile) -> bool:
        """:returns: whether it was the server of this file alone that could not be reached."""
        if self._outages.pop(file, None) is None:
            return False
        file._barred = False
        self._queue.add(file)
        return True

    def _unreachable(self, attempt: Attempt, error: ConnectFailed) -> None:
        """One chunk probes; the others wait for it, and no retry is counted against them."""
        outage, now = self._outage_of(attempt.file), self._clock.seconds()
        if not outage.failed(attempt.file, attempt.offset, now):
            self._wait(attempt, 0)
            return
        attempt.file._barred = outage is not self._outage
        attempts, options = outage.failures, self._principal.options
        if (not outage.reached and attempts > options.max_chunk_retries) or (
            outage.reached and now - outage.since >= options.max_offline
        ):
            outage.give_up()
            exhausted = RetriesExhausted(error, attempts, attempt.offset + 1)
            if outage is self._outage:
                # They share the probe, so they share its end.  What is added later tries anew.
                self._principal._fail_all(exhausted)
            else:
                self._give_up(attempt, exhausted)
            return
        delay = max(self._delay(attempts, None), outage.least_delay)
        if attempt.cancelled:  # by the policy
            return
        _log.info(
            "The server cannot be reached; next try in {delay:.1f} s: {error}",
            delay=delay,
            error=error,
        )
        self._wait(attempt, delay)
        self._principal._notify("file_retry", attempt.file)
