"""
Chunks through slots: one attempt at a time for each.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from .._policy.slots import Slots
from ..states import READY
from .attempt import Attempt
from .breadth import Breadth
from .chunk_sender import ChunkSender
from .lending import Lending
from .outages import Outages
from .outcomes import OutcomeListener, Outcomes
from .queue import ChunkQueue
from .shortage import Shortage
from .transfer import Transfer
from .turn import Turn

__all__ = ["Scheduler"]

_log = Logger()


class Scheduler:
    """
    Takes chunks from the queue while there are slots, and has each sent.

    A slot belongs to an attempt from its beginning until it has a result or is cancelled; from then
    on the attempt can change nothing here.  Where tests have slots of their own, they run ahead: a
    chunk that is to be tested has one of those until it is found, or is absent and there is a slot
    to send it.

    :ivar started: whether uploading has begun and not yet come to an end.
    :ivar paused: whether nothing may begin.
    :ivar slots: of chunks under way.
    :ivar tests: of chunks that are tested, or :data:`None` if they have the same.
    """

    def __init__(
        self,
        listener: OutcomeListener,
        clock: Any,
        turn: Turn,
        sender: ChunkSender,
        queue: ChunkQueue,
        lending: Lending,
        shortage: Shortage,
        breadth: Breadth,
    ) -> None:
        """
        :param listener: notified of what happens.
        :param clock: an ``IReactorTime``.
        :param turn: asks for the next chunk to begin.
        :param sender: makes an attempt.
        :param queue: knows which chunk is next.
        :param lending: lends the slots of those that wait.
        :param shortage: takes slots away while descriptors are short.
        :param breadth: how many chunks may be under way.
        """
        self.started = self.paused = False
        self.slots = breadth.slots
        self.tests = breadth.tests
        self._emitter = listener.emitter
        self._clock = clock
        self._turn = turn
        self._sender = sender
        self._queue = queue
        self._breadth = breadth
        options = listener.options
        one_server = not (callable(options.target) or callable(options.test_target))
        self._outages = Outages(one_server, queue, lending.has_lent)
        self._outcomes = Outcomes(
            listener, self, clock, turn, queue, self._outages, shortage, breadth
        )
        self._shortage = shortage
        self._lending = lending
        self._loans = breadth.loans
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
        self._shortage.end()

    def _begin_next(self) -> bool:
        """
        Begin one chunk.  There has to be a slot first, and only then the next chunk is chosen.

        :returns: whether there is more to do: to notify somebody, or another chunk to begin.
        """
        if self.paused or not (self.started or self._may_start):
            return False
        is_free, tests = self.slots.tokens > 0, self.tests
        away = self._outages.shared.failures
        borrows = not (is_free or away) and self._loans.is_open and self._loans.any()
        if not (is_free or borrows) and (tests is None or tests.tokens <= 0):
            return False
        if (is_free or borrows) and self._lending.returning and self._lending.resume_next():
            return True
        place = self._outages.next_probe() if away else self._queue.next()
        if place is None:
            self._may_start = False
            return False
        slots = self.slots
        if tests is not None and self._sender.tests_first(*place):
            slots, borrows = tests, False
        if slots.tokens <= 0 and not (borrows and self._loans.suit(*place)):
            return False
        if self.started:
            self._start(*place, slots)
        else:
            self.started = True
            self._emitter.post("upload_start")
        return True

    def _start(self, transfer: Transfer, offset: int, slots: Slots) -> None:
        ledger = transfer.ledger  # made by who chose the chunk
        ledger.begin(offset)
        if len(ledger.states) == 1:
            self._queue.begun(transfer)
        began = self._clock.seconds() if self._breadth.is_timed else 0.0
        attempt = Attempt(transfer, offset, ledger, self._outcomes, slots, began)
        if slots.tokens > 0:
            slots.acquire()
        else:
            slots.borrow()
        self._jobs.setdefault(transfer, {})[offset] = attempt
        if self._lending.lent:
            self._lending.look(transfer)
        if self._outages.own:
            self._outages.began(transfer, offset)
        if self._emitter.file_progress.callbacks or transfer.observers is not None:
            self._emitter.post_progress(transfer)
        try:
            attempt.sending = sending = self._sender.send(attempt)
        except BaseException:  # of a client or a source of the application's
            self._outcomes.undelivered(attempt, Failure())
            return
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

    # Ends of attempts --------------------------------------------------------------------------

    def over(self, attempt: Attempt) -> None:
        """An attempt has come to its end, and its slot is free."""
        if attempt.has_lent:
            self._lending.give_back(attempt)
        else:
            attempt.slots.release()
        transfer = attempt.transfer
        del self._jobs[transfer][attempt.offset]
        if transfer.flags and transfer.is_crowded:
            self._lending.look(transfer)

    def _release(self, attempt: Attempt) -> None:
        if attempt.has_lent:
            self._lending.give_back(attempt)
        else:
            attempt.slots.release()

    def wait(self, attempt: Attempt, delay: float) -> None:
        """An attempt is over, and there is going to be another one."""
        self.over(attempt)
        transfer, offset = attempt.transfer, attempt.offset
        if delay > 0:
            attempt.ledger.wait(offset)
            self._timers[transfer, offset] = self._clock.callLater(
                delay, self._again, transfer, offset
            )
        else:
            attempt.ledger.put_back(offset)
            self._outages.retried(transfer, offset)
            self._queue.add(transfer)

    def _again(self, transfer: Transfer, offset: int) -> None:
        del self._timers[transfer, offset]
        self._outages.retried(transfer, offset)
        transfer.ensure_ledger().put_back(offset)
        self._queue.add(transfer)
        self._turn.run()
