"""
An uploader as a service of Twisted's application framework.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._engine.relay import Relay
from .._engine.supply import several
from .._engine.totals import ProgressTotals
from .._protocol.url import without_query
from .._runtime.clock import steady
from .._runtime.observers import OneShotObserver
from .._runtime.printable import printable
from .._runtime.reactor import Reactor
from .._source.factory import path_of
from .._source.given import Directory
from ..errors import InvalidOption, UploaderClosed
from ..file import ResumableFile
from ..uploader import Resumable
from .draining import Draining
from .names import SharedNames
from .paths import Paths
from .report import Report

__all__ = ["PATIENCE", "UploadService"]

PATIENCE = 10.0
"""Seconds that chunks in flight have to finish when a service stops."""

BETWEEN_LINES = 5.0
"""Seconds between two lines about progress in the log."""


class UploadService(Service):
    """
    Uploads files when it is started, logs the progress, and stops gracefully.

    Add it to an application; :attr:`uploader` can be used as always::

        service = UploadService(Resumable("https://example.com/upload"), ["a.dat", "photos"])
        service.setServiceParent(application)
        service.when_done().addCallback(lambda report: print(report.failed))

    Without paths it uploads what is added to its uploader, until it is stopped.

    It starts once: stopping it closes the uploader.

    :ivar uploader: the uploader.
    :ivar totals: its progress in numbers.
    """

    _log = Logger()

    def __init__(
        self,
        uploader: Resumable,
        paths: Iterable[Directory] = (),
        *,
        reactor: Reactor | None = None,
        patience: float = PATIENCE,
        chosen: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """
        :param uploader: with no files yet; the service closes it when it stops.
        :param paths: what to upload: files, and folders with all that is below them; each as a
            ``str``, :class:`os.PathLike` or :class:`~twisted.python.filepath.FilePath`.
        :param reactor: the installed one by default, looked up now.
        :param patience: how many seconds chunks in flight have to finish when the service stops.
        :param chosen: whether a file of a folder is uploaded, by its path below that folder, with
            ``/``; called in the reactor's thread.
        :raises TypeError: if this is no uploader, or these are no paths, or one in the place of
            several.
        :raises ValueError: if one holds NUL.
        :raises InvalidOption: if ``patience`` is no number of seconds.
        """
        if reactor is None:
            from twisted.internet import reactor
        if not isinstance(uploader, Resumable):
            raise TypeError(f"a service is given a Resumable, not {uploader!r}")
        seconds: Any = patience
        if not isinstance(seconds, (int, float)) or not seconds >= 0:
            raise InvalidOption("patience", patience, "must be a number of seconds of at least 0")
        self.uploader = uploader
        self.totals = ProgressTotals(uploader)
        SharedNames(uploader)
        self._reactor: Any = reactor  # what else it provides is up to who gives it
        self._clock = steady(reactor)
        self._draining = Draining(uploader, self._clock, patience)
        relay = Relay(reactor, self._clock)
        given = [_path(path) for path in several(paths)]
        self._stays = not given
        self._paths = Paths(uploader, given, relay, self._check_done, chosen)
        self._adding: Deferred[None] | None = None
        self._started = self._all_added = False
        self._done: OneShotObserver[Report] = OneShotObserver()
        self._line: Any = None
        self._last_line = (-1, -1)
        self._stopped: OneShotObserver[None] | None = None

    def __repr__(self) -> str:
        state = "running" if self.running else "stopped" if self._stopped else "not started"
        return f"<UploadService {state}, {self.uploader!r}>"

    # Service -----------------------------------------------------------------------------------

    def startService(self) -> None:
        """
        Begin to upload; if it is running, do nothing.

        :raises UploaderClosed: if it was stopped, even before it was started.
        """
        if self._stopped is not None:
            raise UploaderClosed("the service was stopped, and its uploader is closed")
        super().startService()  # type: ignore[no-untyped-call]
        if self._started:
            return
        self._started = True
        target = self.uploader.options.target
        shown = without_query(target) if isinstance(target, str) else "where a function says"
        self._log.info("Uploading to {target}", target=shown)
        self.uploader.file_completed.register(self._tell_completed)
        self._line = self._clock.callLater(BETWEEN_LINES, self._tell_progress)
        self._adding = Deferred.fromCoroutine(self._paths.run())
        self._adding.addBoth(self._added)

    def stopService(self) -> Deferred[None]:
        """
        Stop: start no more chunks, let those in flight finish for a while, and abort the rest.
        Stopping it once more gives them no more time.

        :returns: a Deferred that fires when the uploader is closed.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        if self._stopped is None:
            self._stopped = OneShotObserver()
            Deferred.fromCoroutine(self._stop()).addBoth(self._stopped.settle)
        return self._stopped.wait()

    # The end -----------------------------------------------------------------------------------

    def when_done(self) -> Deferred[Report]:
        """
        Wait for the end.

        :returns: a new Deferred each time, which fires with a :class:`Report` when every file of
            the service has been uploaded or has failed; or, if it is stopped before, or has no
            paths, as soon as it has stopped.  It does not fail.
        """
        return self._done.wait()

    def abort(self) -> None:
        """While the service stops: no longer wait for the chunks in flight."""
        self._draining.abort()

    # Adding ------------------------------------------------------------------------------------

    def _added(self, _: object) -> None:
        """All are added; those that were not will not be."""
        self._all_added = True
        self._check_done()

    def _check_done(self) -> None:
        if self._paths.pending or not self._all_added or self._done.settled:
            return
        if self._stays and self._stopped is None:
            return
        if self._line is not None:
            self._line.cancel()
        report = self._paths.report()
        completed, count = len(report.completed), len(report.completed) + len(report.failed)
        if self._stays:
            completed, count = self.totals.files_completed, self.totals.files
        self._log.info(
            "{completed} of {count} files are on the server; {sent} chunks were sent, "
            "{found} were already stored",
            completed=completed,
            count=count,
            sent=self.totals.chunks_sent,
            found=self.totals.chunks_found,
        )
        self._done.settle(report)

    # Telling -----------------------------------------------------------------------------------

    def _tell_completed(self, file: ResumableFile) -> None:
        self._log.info(
            "{path} is on the server: {size} bytes in {chunks} chunks, of which {found} were "
            "already stored",
            path=printable(file.relative_path),
            size=file.size,
            chunks=len(file.chunks),
            found=file.chunks_found,
        )

    def _tell_progress(self) -> None:
        self._line = self._clock.callLater(BETWEEN_LINES, self._tell_progress)
        totals = self.totals
        line = (totals.done, totals.total)
        if line == self._last_line or not totals.total:
            return
        before, self._last_line = max(self._last_line[0], 0), line
        self._log.info(
            "{percent:.1f} % of {total} bytes in {files} files; {rate:.0f} bytes/s",
            percent=100 * totals.done / totals.total,
            done=totals.done,
            total=totals.total,
            files=totals.files,
            rate=(totals.done - before) / BETWEEN_LINES,
        )

    # Stopping ----------------------------------------------------------------------------------

    async def _stop(self) -> None:
        if self._adding is not None:
            self._adding.cancel()
        await self._draining.run()
        await self.uploader.close()
        if self._adding is None:  # it was never started
            self._paths.give_up(Failure(CancelledError()))
            self._added(None)
        elif self._stays:
            self._check_done()


def _path(given: Directory) -> str:
    path = path_of(given)
    if path is None:
        raise TypeError(f"a service is given paths, not {given!r}")
    return path
