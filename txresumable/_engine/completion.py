"""
Completion: of a file, and of everything that was added.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._runtime.private import mark_handled
from ..errors import FileRejected
from ..file import ResumableFile, transfer_of
from ..options import Options
from ..states import CANCELLED, COMPLETED
from .emitter import Emitter
from .handle import Upload
from .join import Join
from .roster import Roster
from .transfer import Transfer
from .turn import Turn

__all__ = ["Completion", "CompletionListener"]

_log = Logger()


class CompletionListener(Protocol):
    """Notified when everything is complete, and asked for what that depends on."""

    @property
    def options(self) -> Options: ...
    @property
    def is_started(self) -> bool: ...
    def all_done(self) -> None: ...
    def cancel_all(self) -> None: ...


class Completion:
    """
    Counts what is not complete, and notifies of what is.

    :ivar arriving: Deferreds of what brings files, such as iterables and folders.
    :ivar unfinished: how many files are not at their end.
    :ivar join: those who wait for everything.
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
        self.join = Join(self, clock, turn)
        self._listener = listener
        self._turn = turn
        self._emitter = emitter
        self._roster = roster
        self._failed: list[Transfer] = []
        self._unnotified = 0  # files at their end of which not everybody is notified yet
        self._any_stored = False

    @property
    def is_done(self) -> bool:
        """Whether every file is at its end, everybody was notified, and no more files come."""
        return not (self.unfinished or self._unnotified or self.arriving)

    def cancel_all(self) -> None:
        """Cancel what is not at its end."""
        self._listener.cancel_all()

    # Files that come ---------------------------------------------------------------------------

    def expect(self, arriving: Deferred[Any], add: Callable[[Any], object] | None = None) -> None:
        """
        Something brings files.

        :param arriving: fires when it brings no more, and gets callbacks here.
        :param add: called with its result, to add the files it brought.
        """
        self.arriving.append(arriving)
        if add is not None:
            arriving.addCallback(add)
        arriving.addBoth(self._arrived, arriving)

    def _arrived(self, result: Any, arriving: Deferred[Any]) -> Any:
        """It brings no more; callbacks that were added to it are called first."""
        self.arriving.remove(arriving)
        if isinstance(result, Failure) and not result.check(CancelledError):
            self.join.failed(arriving, result, arriving)
        self._turn.post(self._check_end)
        self._turn.post(self.join.check)
        self._turn.run()
        return result

    def cancel_arriving(self) -> None:
        """Bring no more."""
        for arriving in self.arriving:
            self._turn.abandon(arriving)
            self._turn.post(mark_handled, arriving)

    def retried(self, transfer: Transfer) -> None:
        """A file that was at its end is tried again."""
        self.unfinished += 1
        if transfer in self._failed:
            self._failed.remove(transfer)
        self.join.forget(transfer)

    # Ends of files -----------------------------------------------------------------------------

    def ended(self, transfer: Transfer) -> None:
        """A file has come to its end: note who is to be notified."""
        self.unfinished -= 1
        self._unnotified += 1
        # Anybody who is notified may retry the file.
        handle, transfer.handle = transfer.handle, None
        assert isinstance(handle, Upload)
        self._roster.release(transfer)
        waiters = None if transfer.observers is None else transfer.take_waiters()
        if transfer.state is COMPLETED:
            self._any_stored = True
            self._turn.post(self._settle_completed, handle, transfer.file, waiters)
            return
        if transfer.state is CANCELLED:
            self._roster.remove(transfer)
        else:
            self._report(transfer)
        result = transfer.result()
        assert isinstance(result, Failure)
        self._turn.post(self._settle, handle, result, waiters, self.join.observer.is_awaited)

    def _report(self, transfer: Transfer) -> None:
        error = transfer.error
        assert error is not None
        _log.warn("{name!r} failed: {error}", name=transfer.file_name, error=error)
        if not (isinstance(error, FileRejected) or transfer.shares):
            self._failed.append(transfer)
            self._emitter.post("file_error", transfer.file, Failure(error))

    def _settle_completed(
        self, handle: Upload, file: ResumableFile, waiters: Callable[[Any], None] | None
    ) -> None:
        self._unnotified -= 1
        transfer = transfer_of(file)
        if not (transfer.flags and transfer.shares):
            self._emitter.emit("file_completed", file)
        if not self.unfinished:
            self._check_end()
        if waiters is not None:
            waiters(file)
        handle.settle(file, reported=False)
        if not self._listener.options.keep_completed:
            self._drop(transfer)
        if not self.unfinished:
            self.join.check()

    def _settle(
        self,
        handle: Upload,
        failure: Failure,
        waiters: Callable[[Any], None] | None,
        reported: bool,
    ) -> None:
        self._unnotified -= 1
        if not self.unfinished:
            self._check_end()
        if waiters is not None:
            waiters(failure)
        failed = not failure.check(CancelledError)
        if failed:
            self.join.failed(transfer_of(handle), failure, handle)
        handle.settle(failure, reported=reported and not self.join.is_postponed)
        if failed or not self.unfinished:
            self.join.check()

    def _drop(self, transfer: Transfer) -> None:
        """Take a completed file off the list, unless it has been restarted."""
        if transfer.state is COMPLETED:
            self._roster.remove(transfer)

    # The end of everything ---------------------------------------------------------------------

    def _check_end(self) -> None:
        """Notify once that nothing is left to do."""
        if not (self.is_done and self._listener.is_started):
            return
        self._listener.all_done()
        failed, self._failed = self._failed, []
        stored, self._any_stored = self._any_stored, False
        if len(self._roster) or failed or stored:
            self._emitter.emit("completed", [each.file for each in failed])
