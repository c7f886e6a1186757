"""
What ``add_file()`` returns.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from .._runtime.observers import Signal
from .._runtime.private import is_unhandled, mark_handled
from ..file import ResumableChunk, ResumableFile
from .transfer import Transfer

__all__ = ["Upload", "is_handled"]


class Upload(Deferred[ResumableFile]):
    """
    A handle on one upload: a Deferred that fires with the
    :class:`~txresumable.ResumableFile` when every chunk is on the server, fails as the upload
    failed, and has one consumer.  Everyone else asks :meth:`when_completed`.

    Cancelling it cancels the upload.  To pause the upload there is :meth:`suspend`:
    ``Deferred.pause()`` only holds back the callbacks of this Deferred, while the file is uploaded.
    """

    _hidden = False  # of many that wait, each attribute takes its memory

    def __init__(self, transfer: Transfer, *, hidden: bool = False) -> None:
        """
        :param transfer: what the engine moves.
        :param hidden: whether nobody has it, as the file is only tried again.
        """
        super().__init__()
        self._transfer = transfer
        if hidden:
            self._hidden = True
        transfer.handle = self

    def cancel(self) -> None:
        """Cancel the upload: :meth:`ResumableFile.cancel`; after the end, what it waits for."""
        if self.called:
            super().cancel()
        elif self._transfer.handle is self:  # else its end is about to be notified
            self._transfer.cancel()

    @property
    def file(self) -> ResumableFile:
        """The file."""
        return self._transfer.file

    @property
    def completed(self) -> Signal[[]]:
        """:attr:`ResumableFile.completed`."""
        return self.file.completed

    @property
    def chunk_completed(self) -> Signal[[ResumableChunk]]:
        """:attr:`ResumableFile.chunk_completed`."""
        return self.file.chunk_completed

    @property
    def progress(self) -> Signal[[]]:
        """:attr:`ResumableFile.progress`."""
        return self.file.progress

    @property
    def fraction_completed(self) -> float:
        """:attr:`ResumableFile.fraction_completed`."""
        return self._transfer.fraction_completed

    def when_completed(self) -> Deferred[ResumableFile]:
        """:meth:`ResumableFile.when_completed`."""
        return self._transfer.when_completed()

    def suspend(self) -> None:
        """:meth:`ResumableFile.suspend`."""
        self._transfer.suspend()

    def resume(self) -> None:
        """:meth:`ResumableFile.resume`."""
        self._transfer.resume()

    def retry(self) -> None:
        """
        :meth:`ResumableFile.retry`.  This Deferred fires once: if it has, :meth:`when_completed` is
        about the new attempt.
        """
        self._transfer.retry()

    def settle(self, result: ResumableFile | Failure | None, *, reported: bool) -> None:
        """
        Fire.

        :param reported: whether a failure is reported by other means, and is not logged if this
            Deferred has no errback.
        """
        if self.called:
            return
        assert result is not None
        self.callback(result)
        if isinstance(self.result, Failure) and (
            reported or self._hidden or self.result.check(CancelledError)
        ):
            self._hidden = True
            mark_handled(self)


def is_handled(deferred: Deferred[Any]) -> bool:
    """
    Whether the application has handled a failure: by an errback, or as it awaited what had failed.

    :param deferred: is going to fail, or has failed.
    """
    if not deferred.called or not isinstance(deferred.result, Failure):
        return deferred.called
    hidden = isinstance(deferred, Upload) and _is_hidden(deferred)
    return not hidden and not is_unhandled(deferred)


_is_hidden: Any = attrgetter("_hidden")
