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
from .._policy.slots import Slots
from .._protocol.dialect import RETRY, STORED
from .._protocol.ranges import gaps
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
from ..states import READY
from .attempt import Attempt, Result
from .emitter import Emitter
from .lending import Lending
from .outages import Outages
from .prefetch import Hangs, out_of_descriptors
from .queue import ChunkQueue
from .sender import ChunkSender
from .transfer import Transfer
from .turn import Turn

__all__ = ["Scheduler"]

_log = Logger()


class SchedulerListener(Protocol):
    """Who chunks are sent for."""

    emitter: Emitter

    @property
    def options(self) -> Options: ...
    def finish(self, transfer: Transfer) -> None: ...
    def fail(self, transfer: Transfer, error: BaseException | None) -> None: ...
    def fail_all(self, error: Exception) -> None: ...


class Scheduler:
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
        listener: SchedulerListener,
        clock: Any,
        turn: Turn,
        sender: ChunkSender,
        queue: ChunkQueue,
        slots: Slots,
        lending: Lending,
        adaptive: AdaptiveConcurrency | None,
    ) -> None:
        """
        :param listener: notified of what happens.
        :param clock: an ``IReactorTime``.
        :param turn: asks for the next chunk to begin.
        :param sender: makes an attempt.
        :param queue: knows which chunk is next.
        :param slots: how many chunks may be under way.
        :param lending: lends the slots of those that wait.
        :param adaptive: finds out how many that should be, unless that is fixed.
        """
        self.started = self.paused = False
        self.slots = slots
        self._listener = listener
        self._emitter = listener.emitter
        self._clock = clock
        self._turn = turn
        self._sender = sender
        self._queue = queue
        self._adaptive = adaptive
        options = listener.options
        one_server = not (callable(options.target) or callable(options.test_target))
        self._outages = Outages(one_server, queue)
        self._lending = lending
        self._jobs = lending.jobs
        self._timers: dict[tuple[Transfer, int], Any] = {}
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
        for transfer in list(self._jobs):
            self._stop_jobs(transfer)

    def stop(self, transfer: Transfer) -> None:
        """
        Stop all that a file has under way.

        :param transfer: the file.
        """
        self._stop_jobs(transfer)
        if self._timers:
            for place in [place for place in self._timers if place[0] is transfer]:
                self._timers.pop(place).cancel()
                transfer.ensure_ledger().put_back(place[1])
        self._outages.leave(transfer)

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
        away = self._outages.shared.lasts
        place = self._outages.next_probe() if away else self._queue.next()
        if place is None:
            self._may_start = False
            return False
        if self.started:
            self._start(*place)
        else:
            self.started = True
            self._emitter.post("upload_start")
        return True

    def _start(self, transfer: Transfer, offset: int) -> None:
        ledger = transfer.ensure_ledger()
        ledger.begin(offset)
        attempt = Attempt(
            transfer, offset, ledger, self._clock.seconds() if self._adaptive else 0.0
        )
        self.slots.acquire()
        self._jobs.setdefault(transfer, {})[offset] = attempt
        if self._lending.lent:
            self._lending.look(transfer)
        self._outages.began(transfer, offset)
        if self._emitter.hears_file_progress:
            self._emitter.post("file_progress", transfer.file)
        try:
            sending = self._sender.send(attempt)
        except BaseException:  # of a client or a source of the application's
            sending = fail()
        attempt.sending = sending
        sending.addCallbacks(
            self._delivered, self._undelivered, callbackArgs=(attempt,), errbackArgs=(attempt,)
        )
        if attempt.cancelled:  # by a hook, while there was nothing to cancel yet
            self._turn.abandon(sending)
            self._turn.run()

    def _stop_jobs(self, transfer: Transfer) -> None:
        """Have done with what is under way of a file; its requests are cancelled at once."""
        jobs = self._jobs.pop(transfer, None)
        if not jobs:
            return
        for offset, attempt in jobs.items():
            attempt.cancelled = True
            self._release(attempt)
            transfer.ledger.put_back(offset)
            if attempt.asking is not None:
                self._turn.abandon(attempt.asking, request=True)
            if attempt.sending is not None:
                self._turn.abandon(attempt.sending)
        if transfer.is_crowded:
            self._lending.look(transfer)
        transfer.is_barred = False
        if transfer.state is READY:
            self._queue.add(transfer)

    # Outcomes ----------------------------------------------------------------------------------

    def _over(self, attempt: Attempt) -> None:
        """An attempt has come to its end, and its slot is free."""
        self._release(attempt)
        transfer = attempt.transfer
        del self._jobs[transfer][attempt.offset]
        if transfer.is_crowded:
            self._lending.look(transfer)

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
            if self._outages.responded(attempt.transfer):
                _log.info("The server answers again")
            if result.verdict is STORED:
                # It may have changed after it was read, or before it was found there.
                attempt.transfer.source.check()
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
                self._outages.reached(attempt.transfer)
                if self._adaptive is not None and isinstance(error, (StallTimeout, ChunkTimeout)):
                    self.slots.resize(self._adaptive.pushed_back())
                self._retry(attempt, error, None)
            elif out_of_descriptors(error):
                _log.info("Too many open files; {name!r} waits", name=attempt.transfer.file_name)
                self._wait(attempt, 1.0)
            elif isinstance(error, Hangs):
                self._outages.reached(attempt.transfer)
                self._over(attempt)
                attempt.ledger.put_back(attempt.offset)  # it is queued again when it is open
            else:
                self._give_up(attempt, error)
        except BaseException as raised:
            self._give_up(attempt, raised)
        self._turn.run()

    def _give_up(self, attempt: Attempt, error: BaseException | None) -> None:
        """A chunk cannot be sent, and so its file cannot."""
        if not attempt.cancelled:
            self._listener.fail(attempt.transfer, error)

    def _adapt(self, adaptive: AdaptiveConcurrency, attempt: Attempt, result: Result) -> None:
        """``simultaneous_uploads="auto"``: see what this outcome says about the network."""
        now = self._clock.seconds()
        if result.verdict is STORED and not result.found:
            start, end = attempt.ledger.layout.range(attempt.offset)
            self.slots.resize(adaptive.stored(now, end - start, now - attempt.began))
        elif result.answer.code in (429, 503):
            self.slots.resize(adaptive.pushed_back())

    def _stored(self, attempt: Attempt, result: Result) -> None:
        self._over(attempt)
        transfer, offset = attempt.transfer, attempt.offset
        transfer.reply = result.answer.text
        if self._listener.options.checksum is not None:
            # Not always the last answer to arrive is the last one that was given.
            said = result.answer.header("Resumable-File-Checksum")
            attempt.ledger.plan.checksum = said or attempt.ledger.plan.checksum
        transfer.chunks_found += result.found
        attempt.ledger.count_stored(offset)
        if self._emitter.hears_progress:
            self._emitter.post("file_progress", transfer.file)
        transfer.notify_stored(offset)
        if transfer.all_stored and not self._lost(attempt, result.answer):
            self._listener.finish(transfer)

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
        transfer, plan = attempt.transfer, attempt.ledger.plan
        lost = gaps(said, len(attempt.ledger.states))
        if not lost:
            return False
        plan.losses += 1
        if plan.losses > self._listener.options.max_chunk_retries + 1:
            error = ResumableError("the server confirmed it, and has it no longer")
            raise RetriesExhausted(error, plan.losses, lost[0].start + 1)
        _log.info("The server lacks chunks of {name!r} that it had", name=transfer.file_name)
        attempt.ledger.put_back_stored(lost)
        self._queue.add(transfer)
        return True

    def _refused(self, attempt: Attempt, result: Result) -> None:
        assert result.error is not None
        attempt.ledger.record_message(attempt.offset, result.answer.text)
        if result.verdict is RETRY:
            requested = retry_after(result.answer.header("Retry-After"), time.time())
            self._retry(attempt, result.error, requested)
        else:
            self._give_up(attempt, result.error)

    def _retry(self, attempt: Attempt, error: Exception, requested: float | None) -> None:
        transfer, number = attempt.transfer, attempt.offset + 1
        retries = attempt.ledger.count_retry(attempt.offset)
        if retries > self._listener.options.max_chunk_retries:
            self._give_up(attempt, RetriesExhausted(error, retries, number))
            return
        delay = self._delay(retries, requested)
        if attempt.cancelled:  # by the policy
            return
        _log.info(
            "Chunk {chunk} of {name!r} is tried again in {delay:.1f} s: {error}",
            chunk=number,
            name=transfer.file_name,
            delay=delay,
            error=error,
        )
        self._wait(attempt, delay)
        self._emitter.post("file_retry", transfer.file)

    def _delay(self, attempts: int, requested: float | None) -> float:
        """Ask the policy: the attempt is still there, as is its slot, while that runs."""
        delay = self._listener.options.policy(attempts, requested)
        if not 0 <= delay < float("inf"):
            raise InvalidOption("retry_policy", delay, "must give seconds to wait")
        return delay

    def _wait(self, attempt: Attempt, delay: float) -> None:
        """An attempt is over, and there is going to be another one."""
        self._over(attempt)
        transfer, offset = attempt.transfer, attempt.offset
        if delay > 0:
            attempt.ledger.wait(offset)
            self._timers[transfer, offset] = self._clock.callLater(
                delay, self._again, transfer, offset
            )
        else:
            attempt.ledger.put_back(offset)
            self._queue.add(transfer)

    def _again(self, transfer: Transfer, offset: int) -> None:
        del self._timers[transfer, offset]
        transfer.ensure_ledger().put_back(offset)
        self._outages.retried(transfer, offset)
        self._queue.add(transfer)
        self._turn.run()

    def _unreachable(self, attempt: Attempt, error: ConnectFailed) -> None:
        """One chunk probes; the others wait for it, and no retry is counted against them."""
        transfer, now = attempt.transfer, self._clock.seconds()
        if not self._outages.failed(transfer, attempt.offset, now):
            self._wait(attempt, 0)
            return
        outage, options = self._outages.of(transfer), self._listener.options
        attempts = outage.failures
        if (not outage.reached and attempts > options.max_chunk_retries) or (
            outage.reached and now - outage.since >= options.max_offline
        ):
            outage.give_up()
            exhausted = RetriesExhausted(error, attempts, attempt.offset + 1)
            if outage is self._outages.shared:
                # They share the probe, so they share its end.  What is added later tries anew.
                self._listener.fail_all(exhausted)
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
        self._emitter.post("file_retry", transfer.file)
