"""
An upload as lines of JSON, for other programs.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.python.failure import Failure

from .._engine.totals import ProgressTotals
from .._runtime.printable import printable
from ..events import Events
from ..file import ResumableChunk, ResumableFile
from ..service.report import Report, explain
from .exit_status import status_of

__all__ = ["JsonLines"]


class JsonLines:
    """
    Writes one event a line; the last one is the summary, with the exit status.
    """

    def __init__(self, uploader: Events, stream: Any) -> None:
        """
        :param uploader: with no files yet.
        :param stream: where to write.
        """
        self._stream = stream
        uploader.file_added.register(self._added)
        uploader.chunk_retry.register(self._retried)
        uploader.file_completed.register(self._completed)

    def close(self, report: Report, totals: ProgressTotals, status: int) -> None:
        """
        Write what failed, and the summary.

        :param report: how the files ended.
        :param totals: figures.
        :param status: the exit status.
        """
        for failed in report.failed:
            self._write(
                "failed",
                path=printable(failed.path),
                reason=explain(failed.error),
                status=status_of(failed.error),
            )
        self._write(
            "summary",
            status=status,
            completed=len(report.completed),
            failed=len(report.failed),
            bytes=totals.done,
            chunks_sent=totals.chunks_sent,
            chunks_found=totals.chunks_found,
        )

    def _added(self, file: ResumableFile) -> None:
        self._write("added", path=printable(file.relative_path), size=file.size)

    def _retried(
        self, file: ResumableFile, chunk: ResumableChunk, failure: Failure, delay: float
    ) -> None:
        assert failure.value is not None
        self._write(
            "retry",
            path=printable(file.relative_path),
            chunk=chunk.number,
            delay=round(delay, 3),
            reason=explain(failure.value),
        )

    def _completed(self, file: ResumableFile) -> None:
        self._write(
            "completed",
            path=printable(file.relative_path),
            size=file.size,
            identifier=file.unique_identifier,
            chunks=len(file.chunks),
            chunks_found=file.chunks_found,
        )

    def _write(self, event: str, **facts: Any) -> None:
        print(json.dumps({"event": event, **facts}), file=self._stream, flush=True)
