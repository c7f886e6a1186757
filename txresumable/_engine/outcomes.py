"""
What comes of attempts: stored, retried, or given up.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from twisted.logger import Logger
from twisted.python.failure import Failure

from .._policy.probing import Outage
from .._protocol.dialect import RETRY, STORED
from .._validators import LONGEST
from ..errors import (
    ChunkTimeout,
    ConnectFailed,
    InvalidOption,
    RetriesExhausted,
    StallTimeout,
    TransportError,
)
from ..file import ResumableChunk
from ..options import Options
from ..retry import FailedAttempt
from .advice import FEW, advice, is_hopeless
from .attempt import Attempt, Result
from .breadth import Breadth
from .emitter import Emitter
from .losses import Losses
from .outages import Outages
from .prefetch import Hangs
from .queue import ChunkQueue
from .refusal import concern, refuse_page, requested_delay
from .shortage import PAUSE, Shortage, out_of_descriptors
from .transfer import Transfer
from .turn import Turn

__all__ = ["OutcomeListener", "Outcomes"]

_log = Logger()


class OutcomeListener(Protocol):
    """Who chunks are sent for."""

    emitter: Emitter

    @property
    def options(self) -> Options: ...
    def finish(self, transfer: Transfer) -> None: ...
    def fail(self, transfer: Transfer, error: BaseException | None) -> None: ...
    def fail_all(self, error: RetriesExhausted, found_by: Transfer) -> None: ...


class Attempts(Protocol):
    """Who has attempts under way."""

    def over(self, attempt: Attempt) -> None: ...
    def wait(self, attempt: Attempt, delay: float) -> None: ...


class Outcomes:
    """
    Sees to what comes of each attempt.
    """

    def __init__(
        self,
        listener: OutcomeListener,
        attempts: Attempts,
        clock: Any,
        turn: Turn,
        queue: ChunkQueue,
        outages: Outages,
        shortage: Shortage,
        breadth: Breadth,
    ) -> None:
        """
        :param listener: notified of what happens to files.
        :param attempts: has the attempts, and makes others.
        :param clock: an ``IReactorTime``.
        :param turn: runs when the state is settled.
        :param queue: takes chunks that are to be sent again.
        :param outages: which servers cannot be reached.
        :param shortage: whether descriptors are short.
        :param breadth: finds out how many slots there should be.
        """
        self._listener = listener
        self._emitter = listener.emitter
        self._attempts = attempts
        self._clock = clock
        self._turn = turn
        self._queue = queue
        self._outages = outages
        self._shortage = shortage
        self._breadth = breadth
        self._losses = Losses(listener.options.max_chunk_retries + 1, queue)

    def delivered(self, attempt: Attempt, result: Result) -> None:
        """An attempt has a result."""
        if attempt.cancelled:
            return
        try:
            if self._breadth.is_timed:
                self._breadth.delivered(attempt, result)
            outage, verdict = None, result.verdict
            if verdict is RETRY:
                about = concern(result.answer)
                outage = self._outages.refused(attempt.transfer, attempt.offset, about)
            if outage is not None:
                self._held(attempt, result, outage)
            elif self._outages.responded(attempt.transfer, attempt.offset, verdict):
                _log.info("The server responds again")
            if self._outages.is_offline and self._outages.end():
                self._emitter.post("online")
            if verdict is STORED:
                # It may have changed after it was read, or before it was found there.
                attempt.transfer.source.check()
                self._stored(attempt, result)
            elif outage is None:
                self._refused(attempt, result)
        except BaseException as error:  # of the source; and a retry_policy may raise anything
            self._give_up(attempt, error)
        self._turn.run()

    def undelivered(self, attempt: Attempt, failure: Failure) -> None:
        """An attempt has none, for this reason."""
        if attempt.cancelled:
            return
        error = failure.value
        try:
            if out_of_descriptors(error):
                self._attempts.wait(attempt, PAUSE)
                self._shortage.begin(attempt.transfer)
            elif isinstance(error, ConnectFailed):
                self._unreachable(attempt, error)
            elif isinstance(error, TransportError):
                self._outages.broken(attempt.transfer)
                self._breadth.loans.stop()
                if isinstance(error, (StallTimeout, ChunkTimeout)):
                    self._breadth.pushed_back()
                self._retry(attempt, error, None)
            elif isinstance(error, Hangs):
                self._outages.broken(attempt.transfer)
                self._attempts.over(attempt)
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

    def _stored(self, attempt: Attempt, result: Result) -> None:
        transfer, offset, options = attempt.transfer, attempt.offset, self._listener.options
        reply = transfer.response = result.answer.text
        expected = options.expect_response
        if "<" in reply and expected is None:
            refuse_page(reply, transfer.file_name)
        self._attempts.over(attempt)
        if isinstance(expected, re.Pattern) and expected.search(reply):
            attempt.ledger.plan.is_expected = True
        if options.checksum is not None:
            # The last response to arrive is not always the last one that was sent.
            said = result.answer.header("Resumable-File-Checksum")
            attempt.ledger.plan.checksum = said or attempt.ledger.plan.checksum
        if "complete" in reply and result.answer.header("Resumable-File-Checksum") is not None:
            attempt.ledger.plan.is_complete = True  # the last response to arrive may not say so
        before = attempt.ledger.notified
        transfer.chunks_found += result.found and (before is None or not before[offset])
        attempt.ledger.count_stored(offset)
        if self._emitter.hears_progress(transfer):
            self._emitter.post_progress(transfer)
        transfer.notify_stored(offset)
        if not attempt.ledger.all_stored:
            if not transfer.is_queued:  # the next may have waited for this one
                self._queue.add(transfer)
        elif not self._losses.any(attempt, result.answer):
            self._listener.finish(transfer)

    def _refused(self, attempt: Attempt, result: Result) -> None:
        assert result.error is not None
        attempt.ledger.record_message(attempt.offset, result.answer.text)
        start, end = attempt.ledger.layout.range(attempt.offset)
        result.error.advice = advice(result.error, self._listener.options, end - start)
        if result.verdict is RETRY:
            self._retry(attempt, result.error, requested_delay(result.answer))
        else:
            self._give_up(attempt, result.error)

    def _retry(self, attempt: Attempt, error: Exception, requested: float | None) -> None:
        transfer, plan, offset = attempt.transfer, attempt.ledger.plan, attempt.offset
        retries, options, delay = attempt.ledger.count_retry(offset), self._listener.options, None
        is_http = self._outages.shared.reached or plan.misses > 0
        hopeless = is_hopeless(error, options, is_http) and plan.is_enough(offset, FEW)
        if retries <= options.max_chunk_retries and not hopeless:
            delay = self._delay(attempt, error, retries, requested)
        if attempt.cancelled:  # by the policy
            return
        if delay is None:
            self._give_up(attempt, RetriesExhausted(error, retries, offset + 1))
            return
        _log.info(
            "Chunk {chunk} of {name!r} is tried again in {delay:.1f} s: {error}",
            chunk=offset + 1,
            name=transfer.file_name,
            delay=delay,
            error=error,
        )
        self._wait(attempt, error, delay)

    def _delay(
        self, attempt: Attempt, error: Exception, attempts: int, requested: float | None
    ) -> float | None:
        """Ask the policy: the attempt is still there, as is its slot, while that runs."""
        failed = FailedAttempt(
            error=error,
            attempts=attempts,
            requested=requested,
            file=attempt.transfer.file,
            chunk_number=attempt.offset + 1,
        )
        delay: Any = self._listener.options.policy(failed)
        if delay is None or (isinstance(delay, (int, float)) and 0 <= delay <= LONGEST):
            return delay
        raise InvalidOption("retry_policy", delay, "must give seconds to wait, or None")

    def _wait(self, attempt: Attempt, error: Exception, delay: float) -> None:
        self._attempts.wait(attempt, delay)
        transfer, chunk = attempt.transfer, ResumableChunk(attempt.transfer, attempt.offset)
        self._emitter.post("chunk_retry", transfer.file, chunk, Failure(error), delay)
        self._moved_back(transfer)

    def _moved_back(self, transfer: Transfer) -> None:
        """What was handed over of a chunk counts no longer, which may be seen for a while."""
        if self._emitter.hears_progress(transfer):
            self._emitter.post_progress(transfer)

    def _unreachable(self, attempt: Attempt, error: ConnectFailed) -> None:
        """One chunk probes; the others wait for it, and no retry is counted against them."""
        transfer, now = attempt.transfer, self._clock.seconds()
        self._breadth.loans.stop()
        outage, options = self._outages.of(transfer), self._listener.options
        if not self._outages.failed(outage, transfer, attempt.offset, now):
            self._attempts.wait(attempt, 0)
            return
        if not self._outages.is_offline:
            self._outages.is_offline = True
            self._emitter.post("offline")
        if outage.reached:
            may_go_on = now - outage.since < options.max_offline
        else:
            may_go_on = outage.failures <= options.max_chunk_retries
        self._probe_again(attempt, outage, error, may_go_on, None)

    def _held(self, attempt: Attempt, result: Result, outage: Outage[Transfer]) -> None:
        """The server refuses all: likewise."""
        assert result.error is not None
        transfer, offset = attempt.transfer, attempt.offset
        attempt.ledger.record_message(offset, result.answer.text)
        outage.reached = True
        if not self._outages.failed(outage, transfer, offset, self._clock.seconds(), refused=True):
            self._attempts.wait(attempt, 0)
            self._moved_back(transfer)
            return
        may_go_on = outage.failures <= self._listener.options.max_chunk_retries
        self._probe_again(attempt, outage, result.error, may_go_on, requested_delay(result.answer))

    def _probe_again(
        self,
        attempt: Attempt,
        outage: Outage[Transfer],
        error: Exception,
        may_go_on: bool,
        requested: float | None,
    ) -> None:
        attempts, delay = outage.failures, None
        if may_go_on:
            delay = self._delay(attempt, error, attempts, requested)
        if attempt.cancelled:  # by the policy
            return
        if delay is None:
            exhausted = RetriesExhausted(error, attempts, attempt.offset + 1)
            self._give_up_probing(attempt, outage, exhausted)
            return
        if not outage.refuses:  # else their number is limited
            delay = max(delay, outage.least_delay)
        if outage.is_worth_a_line:
            what = "refuses for now" if outage.refuses else "cannot be reached"
            _log.info(
                f"The server {what}; next try in {{delay:.1f}} s: {{error}}",
                delay=delay,
                error=error,
            )
        self._wait(attempt, error, delay)

    def _give_up_probing(
        self, attempt: Attempt, outage: Outage[Transfer], error: RetriesExhausted
    ) -> None:
        transfer = attempt.transfer
        outage.give_up()
        if outage is self._outages.shared:
            # They share the probe, so they share its end.  What is added later tries anew.
            self._listener.fail_all(error, transfer)
        else:
            self._give_up(attempt, error)
