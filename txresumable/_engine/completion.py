"""
Ends: of a file, of all there was to do, and of those who wait for that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._runtime.private import mark_heard
from ..errors import FileRejected
from ..file import ResumableFile, transfer_of
from ..options import Options
from ..states import CANCELLED, COMPLETED
from .emitter import Emitter
from .handle import Upload
from .roster import Roster
from .transfer import Transfer
from .turn import Turn
from .waiters import JoinWaiters

__all__ = ["Completion", "CompletionListener"]

_log = Logger()


class CompletionListener(Protocol):
    """Who is asked, and notified, at the end of everything."""

    @property
    def options(self) -> Options: ...
    @property
    def is_started(self) -> bool: ...
    def all_done(self) -> None: ...
    def cancel_all(self) -> None: ...


class Completion:
    """
    Counts what is not at its end, and notifies whoever waits.

    :ivar arriving: Deferreds of what brings files, such as iterables and folders.
    :ivar unfinished: how many files are not at their end.
    """

    def __init__(
        self,
        listener: CompletionListener,
        clock: Any,
        turn: Turn,
        emitter: Emitter,
        roster: Roster,
    ) -> None:
        self.arriving: list[Deferred[Any]] = []
        self.unfinished = 0
        self._listener = listener
        self._clock = clock
        self._turn = turn
        self._emitter = emitter
        self._roster = roster
        self._waiters = JoinWaiters()
        self._failed: list[Transfer] = []
        self._unnotified = 0  # files at their end, of which somebody does not know yet
        self._any_stored = False
        self._returning = 0  # calls that have not returned what may have failed already
        self._judging: Any = None

    def join(self) -> Deferred[None]:
        """A new Deferred of the end of everything that was added; see ``Resumable.join``."""
        joined = self._waiters.wait()
        self._turn.post(self._check_join)
        return joined

    # Files that come ---------------------------------------------------------------------------

    def expect(self, arriving: Deferred[Any], bring: Callable[[Any], object] | None = None) -> None:
        """
        Something brings files.

        :param arriving: fires when it brings no more, and gets callbacks here.
        :param bring: called with its result, to add what it brought.
        """
        self.arriving.append(arriving)
        if bring is not None:
            arriving.addCallback(bring)
        arriving.addBoth(self._arrived, arriving)

    def _arrived(self, result: Any, arriving: Deferred[Any]) -> Any:
        """It brings no more; whoever waits for that hears of it first."""
        self.arriving.remove(arriving)
        if isinstance(result, Failure) and not result.check(CancelledError):
            self.failed(arriving, result, arriving)
        self._turn.post(self._check_end)
        self._turn.post(self._check_join)
        self._turn.run()
        return result

    def cancel_arriving(self) -> None:
        """Bring no more."""
        for arriving in self.arriving:
            self._turn.abandon(arriving)
            self._turn.post(mark_heard, arriving)

    def failed(self, what: object, failure: Failure, handle: Deferred[Any]) -> None:
        """Something failed that ``join()`` has to report, unless its handle is handled."""
        self._waiters.failed(what, failure, handle)
        if self._returning and self._judging is None and self._waiters.observer.is_awaited:
            self._judging = self._clock.callLater(0, self._judge)

    def within_call(self, do: Callable[..., object], *args: Any) -> None:
        """
        Do something in a call that returns a handle, and run the turn: the caller may handle its
        failure once it has it, so that ``join()`` reports none before the reactor goes on.
        """
        self._returning += 1
        try:
            do(*args)
            self._turn.run()
        finally:
            self._returning -= 1

    def _judge(self) -> None:
        self._judging = None
        self._check_join()
        self._turn.run()

    def retried(self, transfer: Transfer) -> None:
        """A file that was at its end is tried again."""
        self.unfinished += 1
        if transfer in self._failed:
            self._failed.remove(transfer)
        self._waiters.forgive(transfer)

    # Ends of files -----------------------------------------------------------------------------

    def ended(self, transfer: Transfer) -> None:
        """A file has come to its end: note whom that concerns."""
        self.unfinished -= 1
        self._unnotified += 1
        # From here on anybody who is notified may begin the next try.
        handle, transfer.handle = transfer.handle, None
        assert isinstance(handle, Upload)
        self._roster.release(transfer)
        result: ResumableFile | Failure | None
        if transfer.state is COMPLETED:
            self._any_stored = True
            result = transfer.file
        else:
            if transfer.state is CANCELLED:
                self._roster.remove(transfer)
            else:
                self._report(transfer)
            result = transfer.result()
        waiters = transfer.take_waiters() if transfer.observers is not None else None
        self._turn.post(self._settle, handle, result, waiters, self._waiters.observer.is_awaited)

    def _report(self, transfer: Transfer) -> None:
        error = transfer.error
        assert error is not None
        _log.warn("{name!r} failed: {error}", name=transfer.file_name, error=error)
        if not isinstance(error, FileRejected):
            self._failed.append(transfer)
            self._emitter.post("file_error", transfer.file, Failure(error))

    def _settle(
        self,
        handle: Upload,
        result: ResumableFile | Failure | None,
        waiters: Callable[[Any], None] | None,
        heard: bool,
    ) -> None:
        self._unnotified -= 1
        if isinstance(result, ResumableFile):
            self._emitter.emit("file_completed", result)
        if not self.unfinished:
            self._check_end()
        if waiters is not None:
            waiters(result)
        failed = False
        if isinstance(result, Failure) and not result.check(CancelledError):
            failed = True
            self.failed(transfer_of(handle), result, handle)
        handle.settle(result, heard=heard and self._judging is None)
        if isinstance(result, ResumableFile) and not self._listener.options.keep_completed:
            self._drop(transfer_of(result))
        if failed or not self.unfinished:
            self._check_join()

    def _drop(self, transfer: Transfer) -> None:
        """Take a completed file off the list, unless somebody has begun it anew."""
        if transfer.state is COMPLETED:
            self._roster.remove(transfer)

    # The end of everything ---------------------------------------------------------------------

    def _check_end(self) -> None:
        """Notify once that nothing is left to do."""
        if self.unfinished or self._unnotified or self.arriving or not self._listener.is_started:
            return
        self._listener.all_done()
        failed, self._failed = self._failed, []
        stored, self._any_stored = self._any_stored, False
        if len(self._roster) or failed or stored:
            self._emitter.emit("completed", [each.file for each in failed])

    def _check_join(self) -> None:
        if self._judging is not None or not self._waiters.observer.is_awaited:
            return
        failure = self._waiters.failure
        if failure is None and (self.unfinished or self._unnotified or self.arriving):
            return
        waiting = self._waiters.begin()
        self._listener.cancel_all()
        self._turn.post(waiting.settle, failure)
        self._turn.run()
