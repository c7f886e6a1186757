"""
Tests for exit statuses.
"""

from __future__ import annotations

from signal import SIGINT

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from txresumable import errors
from txresumable._cli.exit_status import status_of, upload_status
from txresumable.service.report import FailedFile, Report

from .processes import ProcessTestCase

DONE = Report((), ())
FAILED = Report((), (FailedFile("a", OSError()),))


class UploadStatusTests(SynchronousTestCase):
    """
    Which status an upload has.
    """

    def test_without_a_signal(self) -> None:
        """It is 1 if any file failed."""
        self.assertEqual([upload_status(DONE), upload_status(FAILED)], [0, 1])

    def test_reasons(self) -> None:
        """Who is to blame can be told from it: the file, the server, the login, or who writes."""
        refused = {status: errors.ChunkRejected(status, "", "url") for status in (400, 401, 404)}
        unreachable = errors.ConnectFailed()
        for error, status in (
            (OSError(), 1),
            (errors.FileRejected("a", "rule", "reason"), 1),
            (refused[400], 1),
            (errors.RetriesExhausted(errors.ChunkRejected(503, "", "url")), 1),
            (errors.RetriesExhausted(errors.ChunkRejected(503, "", "url"), of_server=True), 3),
            (errors.RetriesExhausted(unreachable), 3),
            (unreachable, 3),
            (errors.StallTimeout(), 3),
            (CancelledError(), 3),
            (refused[401], 4),
            (refused[404], 4),
            (errors.TLSRejected(), 4),
            (errors.ProxyRefused(), 4),
            (errors.NotAReceiver("url", "resumable", 200), 4),
            (errors.SourceChanged("a", "reason"), 5),
        ):
            self.assertEqual(status_of(error), status, error)

    def test_several(self) -> None:
        """Of several reasons the one counts that trying again helps least."""

        def status(*some: BaseException) -> int:
            return upload_status(Report((), tuple(FailedFile("a", each) for each in some)))

        changed, away = errors.SourceChanged("a", ""), errors.ConnectFailed()
        self.assertEqual(status(changed, changed), 5)
        self.assertEqual(status(changed, away), 3)
        self.assertEqual(status(changed, away, errors.TLSRejected()), 4)
        self.assertEqual(status(changed, away, errors.TLSRejected(), OSError()), 1)

    def test_stopped(self) -> None:
        """It is that of the signal, unless every file was complete by then."""
        self.assertEqual(upload_status(DONE, SIGINT), 0)
        self.assertEqual(upload_status(FAILED, SIGINT), 130)


class ExitWithTests(ProcessTestCase):
    """
    The status of a real process.
    """

    async def test_status(self) -> None:
        """The process ends with it after everything that was to run at exit, and is flushed."""
        ended = await self.python(
            "-c",
            "import atexit; from txresumable._runtime.shutdown import exit_with\n"
            "atexit.register(lambda: print('before', end='')); exit_with(2); exit_with(3)\n"
            "atexit.register(lambda: 1 / 0); print('main, ', end='')",
        ).ended
        self.assertEqual((ended.status, ended.output), (3, "main, before"))
        self.assertIn("ZeroDivisionError", ended.errors)

    async def test_nobody_reads(self) -> None:
        """An output that cannot be written to does not change it."""
        ended = await self.python(
            "-c",
            "import sys; from txresumable._runtime.shutdown import exit_with\n"
            "exit_with(3); sys.stdout.close()",
        ).ended
        self.assertEqual(ended.status, 3)
