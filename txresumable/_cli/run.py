"""
An upload in front of a person: a bar for each file, plain sentences, an exit status.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
    globalLogBeginner,
)
from zope.interface import implementer

from .._engine.totals import ProgressTotals
from .._runtime.printable import printable
from .._runtime.shutdown import end_anyway, on_signals
from ..service.report import Report, explain
from ..service.upload import PATIENCE, UploadService
from ..uploader import Resumable
from .exit_status import UNREACHABLE, upload_status
from .first_contact import FirstContact
from .json_lines import JsonLines
from .output import Output
from .progress import View
from .reasons import Reasons
from .under_way import FilesUnderWay

__all__ = ["Session"]

_SHOWN = (
    "txresumable._engine.admission",
    "txresumable._engine.prefetch",
    "txresumable._engine.quiet",
    "txresumable._engine.shortage",
    "txresumable._cli.headers",
    "txresumable.service.names",
    "txresumable.service.paths.shown",
)
"""Who warns of what is not uploaded, or not yet: that is shown, as nothing else would say so."""


@implementer(ILogObserver)
class _Log:
    """Says what is logged."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def __call__(self, event: LogEvent) -> None:
        self._say(formatEvent(event))


def _begin_logging(observers: Sequence[ILogObserver]) -> None:
    # What is printed goes where it always goes, and is there in the end.
    globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False)


class Session:
    """
    Uploads files and says how it goes.

    :ivar service: what does it, once it runs.
    """

    def __init__(
        self,
        options: dict[str, Any],
        files: Sequence[str],
        *,
        quiet: bool = False,
        verbose: bool = False,
        as_json: bool = False,
        max_duration: float | None = None,
        chosen: Callable[[str], bool] = lambda _: True,
        output: TextIO | None = None,
        errors: TextIO | None = None,
        on_signals: Callable[[Any, Callable[[int], object]], object] = on_signals,
        end_anyway: Callable[[int], object] = end_anyway,
        begin_logging: Callable[[Any], object] = _begin_logging,
    ) -> None:
        """
        :param options: of :class:`~txresumable.uploader.Resumable`, with its ``target``.
        :param files: paths of files and folders.
        :param quiet: whether to say nothing but what went wrong.
        :param verbose: whether to say what happens, too.
        :param as_json: whether to print events as JSON, and nothing else.
        :param max_duration: how many seconds it may take; then it ends as by a signal, with 3.
        :param chosen: whether a file of a folder is uploaded, by its path below that.
        :param output: where results go; standard output by default.
        :param errors: where all else goes; standard error by default.
        """
        self._options = options
        self._files = files
        self._quiet = quiet or as_json
        self._as_json = as_json
        self._max_duration = max_duration
        self._chosen = chosen
        self._verbose = verbose
        self._output = Output(sys.stdout if output is None else output)
        self._errors = Output(sys.stderr if errors is None else errors)
        self._on_signals = on_signals
        self._end_anyway = end_anyway
        self._begin_logging = begin_logging
        self._signal: int | None = None
        self._view: View | None = None
        self._is_late = False

    def run(self, reactor: Any) -> Deferred[None]:
        """
        Upload.

        :param reactor: not running yet, or running.
        :returns: a Deferred that fails with :exc:`SystemExit` that has the exit status: 0, that of
            :func:`~.exit_status.upload_status`, 128 and the signal's number if a signal ended it.
        """
        return Deferred.fromCoroutine(self._run(reactor))

    async def _run(self, reactor: Any) -> None:
        level = LogLevel.info if self._verbose else LogLevel.critical
        wanted = LogLevelFilterPredicate(level)
        for namespace in _SHOWN if not self._verbose else ():
            wanted.setLogLevelForNamespace(namespace, LogLevel.warn)
        self._begin_logging([FilteringLogObserver(_Log(self._say), [wanted])])
        contact = FirstContact(self._options)
        options = {**self._options, "chunk_retry_interval": None, "retry_policy": contact}
        uploader = Resumable(reactor=reactor, **options)
        contact.watch(uploader)
        self.service = UploadService(uploader, self._files, reactor=reactor, chosen=self._chosen)
        lines = JsonLines(uploader, self._output) if self._as_json else None
        totals = self.service.totals
        if not self._quiet:
            under_way = FilesUnderWay(uploader, totals)
            self._view = View(self._errors, under_way.picture, reactor)
        if not self._quiet and not self._verbose:
            Reasons(uploader, self._say)
        reactor.callWhenRunning(self._on_signals, reactor, self._signalled)
        if self._view is not None:  # before that, a signal would leave the terminal as it is then
            reactor.callWhenRunning(self._view.begin)
        limit = None
        if self._max_duration is not None:
            limit = reactor.callLater(self._max_duration, self._time_is_up)
        self.service.startService()
        report = await self.service.when_done()
        if limit is not None and limit.active():
            limit.cancel()
        if self._view is not None:
            self._view.end()
            self._view = None
        if self._signal is None and not self._is_late:
            await self.service.stopService()
        status = upload_status(report, self._signal)
        if self._is_late and self._signal is None and report.failed:
            status = UNREACHABLE
        if lines is not None:
            lines.close(report, totals, status)
        else:
            self._tell(report, totals)
        self._end_anyway(status)
        raise SystemExit(status)

    def _tell(self, report: Report, totals: ProgressTotals) -> None:
        for failed in report.failed:
            if not (self._signal or self._is_late) or not isinstance(failed.error, CancelledError):
                self._say(f"{failed.path}: {explain(failed.error)}")
        if self._quiet:
            return
        if (self._signal or self._is_late) and report.failed:
            self._say("Stopped. The same command resumes it.")
        there = f", {totals.chunks_found} were already stored" if totals.chunks_found else ""
        count = len(report.completed)
        print(
            f"{count} of {count + len(report.failed)} files uploaded: "
            f"{totals.chunks_sent} chunks sent{there}",
            file=self._output,
            flush=True,
        )

    def _time_is_up(self) -> None:
        self._is_late = True
        if not self._quiet:
            self._say(f"Time is up: chunks under way have {PATIENCE:g} s to finish")
        self.service.stopService()

    def _signalled(self, number: int) -> None:
        if self._signal is None:
            self._signal = number
            if self._view is not None:
                self._view.show_cursor()
            if not self._quiet:
                self._say(
                    f"{signal.Signals(number).name}: chunks under way have {PATIENCE:g} s to "
                    "finish; once more ends it at once"
                )
            self.service.stopService()
        else:
            self.service.abort()

    def _say(self, line: str) -> None:
        line = printable(line)
        print(line, file=self._view or self._errors)
