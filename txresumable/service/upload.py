"""
An uploader as a service of Twisted's application framework.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from itertools import takewhile
from typing import Any

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._engine.handle import Upload
from .._engine.totals import ProgressTotals
from .._protocol.url import without_query
from .._runtime.clock import steady
from .._runtime.observers import OneShotObserver
from .._runtime.threads import run_in_thread
from ..errors import FileRejected, first_line
from ..file import ResumableFile
from ..uploader import Resumable

__all__ = ["PATIENCE", "FailedFile", "Report", "UploadService", "explain"]

PATIENCE = 10.0
"""Seconds that chunks in flight have to finish when a service stops."""

BETWEEN_LINES = 5.0
"""Seconds between two lines about progress in the log."""

_LOOK = 0.05


def explain(error: BaseException) -> str:
    """
    An error as a sentence for users.

    :param error: what a file failed with.
    :returns: one sentence, without the file's name.
    """
    if isinstance(error, CancelledError):
        return "Stopped before it was complete"
    if isinstance(error, FileRejected):
        return f"Refused ({error.rule}): {error.reason}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or first_line(type(error))


@frozen
class FailedFile:
    """
    A file that is not on the server.

    :ivar path: the path that was given; for a file in a folder, its path from the folder's own
        name on.
    :ivar error: why.
    """

    path: str
    error: BaseException


@frozen
class Report:
    """
    How the files of a service ended.

    :ivar completed: those that are on the server, in the order in which they got there.
    :ivar failed: those that are not.
    """

    completed: tuple[ResumableFile, ...]
    failed: tuple[FailedFile, ...]


class UploadService(Service):
    """
    Uploads files when it is started, logs the progress, and stops gracefully.

    Add it to an application; :attr:`uploader` can be used as always::

        service = UploadService(Resumable("https://example.com/upload"), ["a.dat", "photos"])
        service.setServiceParent(application)
        service.whenDone().addCallback(lambda report: print(report.failed))

    It starts once: stopping it closes the uploader.

    :ivar uploader: the uploader.
    :ivar tally: its progress in numbers.
    """

    _log = Logger()

    def __init__(
        self,
        uploader: Resumable,
        paths: Iterable[str | os.PathLike[str]] = (),
        *,
        reactor: Any = None,
        patience: float = PATIENCE,
    ) -> None:
        """
        :param uploader: with no files yet; the service closes it when it stops.
        :param paths: what to upload: files, and folders with all that is below them.
        :param reactor: the installed one by default, looked up now.
        :param patience: how many seconds chunks in flight have to finish when the service stops.
        """
        if reactor is None:
            from twisted.internet import reactor
        self.uploader = uploader
        self.tally = ProgressTotals(uploader)
        self._reactor = reactor
        self._clock = steady(reactor)
        self._patience = patience
        self._paths = deque(os.fspath(path) for path in paths)
        self._completed: list[ResumableFile] = []
        self._failed: list[FailedFile] = []
        self._pending = 0
        self._adding: Deferred[None] | None = None
        self._started = self._all_added = False
        self._done: OneShotObserver[Report] = OneShotObserver()
        self._line: Any = None
        self._last_line = (-1, -1)
        self._deadline = 0.0

    # Service -----------------------------------------------------------------------------------

    def startService(self) -> None:
        """Begin to upload; the second time, and after it was stopped, nothing begins."""
        super().startService()  # type: ignore[no-untyped-call]
        if self._started:
            return
        self._started = True
        target = self.uploader.options.target
        shown = without_query(target) if isinstance(target, str) else "where a function says"
        self._log.info("Uploading to {target}", target=shown)
        self.uploader.file_completed.register(self._tell_completed)
        self._line = self._clock.callLater(BETWEEN_LINES, self._tell_progress)
        self._adding = Deferred.fromCoroutine(self._add())
        self._adding.addBoth(self._added)

    def stopService(self) -> Deferred[None]:
        """
        Stop: start no more chunks, let those in flight finish for a while, and abort the rest.

        :returns: a Deferred that fires when the uploader is closed.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._stop())

    # The end -----------------------------------------------------------------------------------

    def whenDone(self) -> Deferred[Report]:
        """
        Wait for the end.

        :returns: a new Deferred each time, which fires with a :class:`Report` when every file of
            the service has been uploaded or has failed; or, if it is stopped before, as soon as it
            has stopped.  It does not fail.
        """
        return self._done.wait()

    def abort(self) -> None:
        """While the service stops: no longer wait for the chunks in flight."""
        self._deadline = self._clock.seconds()

    # Adding ------------------------------------------------------------------------------------

    async def _add(self) -> None:
        folders = await run_in_thread(self._reactor, _folders, tuple(self._paths))
        while self._paths:
            if self._paths[0] in folders:
                path = self._paths[0]
                uploads = await self.uploader.add_directory(path)
                self._paths.popleft()
                if not uploads:
                    self._log.warn("There is no file in {path}", path=path)
                for upload in uploads:
                    self._follow(upload, upload.file.relative_path)
                continue
            files = list(takewhile(lambda path: path not in folders, self._paths))
            for upload in self.uploader.add_files(files):
                self._follow(upload, self._paths.popleft())

    def _added(self, result: Failure | None) -> None:
        """All are added; those that were not will not be."""
        failure = result or Failure(CancelledError())
        while self._paths:
            self._failed_upload(failure, self._paths.popleft())
        self._all_added = True
        self._check_done()

    def _follow(self, upload: Upload, path: str) -> None:
        self._pending += 1
        upload.addCallback(self._completed.append).addErrback(
            self._failed_upload, path
        ).addCallback(self._ended)

    def _failed_upload(self, failure: Failure, path: str) -> None:
        error = failure.value
        assert error is not None
        self._failed.append(FailedFile(path, error))
        if not isinstance(error, CancelledError):
            self._log.error(
                "{path} is not on the server: {reason}", path=path, reason=explain(error)
            )

    def _ended(self, _: None) -> None:
        self._pending -= 1
        self._check_done()

    def _check_done(self) -> None:
        if self._pending or not self._all_added or self._done.settled:
            return
        if self._line is not None:
            self._line.cancel()
        report = Report(tuple(self._completed), tuple(self._failed))
        count = len(report.completed) + len(report.failed)
        self._log.info(
            "{completed} of {count} files are on the server; {sent} chunks were sent, "
            "{found} were already stored",
            completed=len(report.completed),
            count=count,
            sent=self.tally.chunks_sent,
            found=self.tally.chunks_found,
        )
        self._done.settle(report)

    # Telling -----------------------------------------------------------------------------------

    def _tell_completed(self, file: ResumableFile) -> None:
        self._log.info(
            "{path} is on the server: {size} bytes in {chunks} chunks, of which {found} were "
            "already stored",
            path=file.relative_path,
            size=file.size,
            chunks=len(file.chunks),
            found=file.chunks_found,
        )

    def _tell_progress(self) -> None:
        self._line = self._clock.callLater(BETWEEN_LINES, self._tell_progress)
        tally = self.tally
        line = (tally.done, tally.total)
        if line == self._last_line or not tally.total:
            return
        before, self._last_line = max(self._last_line[0], 0), line
        self._log.info(
            "{percent:.1f} % of {total} bytes in {files} files; {rate:.0f} bytes/s",
            percent=100 * tally.done / tally.total,
            done=tally.done,
            total=tally.total,
            files=tally.files,
            rate=(tally.done - before) / BETWEEN_LINES,
        )

    # Stopping ----------------------------------------------------------------------------------

    async def _stop(self) -> None:
        self._started = True
        if self._adding is not None:
            self._adding.cancel()
        self.uploader.file_added.register(_suspend)
        for file in self.uploader.files:
            file.suspend()
        await self._drained()
        self.uploader.file_added.unregister(_suspend)
        await self.uploader.close()
        if self._adding is None:  # it was never started
            self._added(None)

    def _drained(self) -> Deferred[None]:
        """Fires when no chunk is under way any more, or when patience is at its end."""
        count = self.uploader.chunks_under_way
        self._deadline = self._clock.seconds() + self._patience
        if count:
            self._log.info(
                "Stopping; {count} chunks under way have {patience:g} s to finish",
                count=count,
                patience=self._patience,
            )
        drained: Deferred[None] = Deferred()

        def look() -> None:
            left = self.uploader.chunks_under_way
            if left and self._clock.seconds() < self._deadline:
                self._clock.callLater(_LOOK, look)
                return
            if left:
                self._log.warn("{count} chunks under way are aborted", count=left)
            drained.callback(None)

        look()
        return drained


def _suspend(file: ResumableFile) -> None:
    file.suspend()


def _folders(paths: Iterable[str]) -> set[str]:
    """Which of some paths are folders.  Blocks."""
    return {path for path in paths if os.path.isdir(path)}
