"""
The files of an uploader that are under way.
"""

from __future__ import annotations

from itertools import islice

from twisted.python.failure import Failure

from .._engine.totals import ProgressTotals
from ..events import Events
from ..file import ResumableChunk, ResumableFile
from ..service.report import bytes_found
from .progress import Line, Picture
from .reasons import short

__all__ = ["FilesUnderWay"]


class FilesUnderWay:
    """
    Notes which files of an uploader have begun, and have not ended.
    """

    def __init__(self, uploader: Events, totals: ProgressTotals) -> None:
        """
        :param uploader: with no files yet.
        :param totals: its numbers.
        """
        self._totals = totals
        self._files: dict[ResumableFile, None] = {}
        self._note = ""
        uploader.file_progress.register(self._moved)
        uploader.file_completed.register(self._ended)
        uploader.file_error.register(self._failed)
        uploader.chunk_retry.register(self._retried)
        uploader.chunk_completed.register(self._went_on)

    def picture(self, most: int) -> Picture:
        """
        All of it.

        :param most: how many files are shown.
        """
        totals, shown = self._totals, list(islice(self._files, most))
        name = f"{totals.files_completed} of {totals.files} files"
        if totals.files < 2:
            name = "1 file" if totals.files else "no files yet"
        size = totals.total if totals.files else None
        total = Line(name, totals.done, size, totals.found)
        note = self._note
        if not note and totals.chunks_found:
            note = f"{totals.chunks_found} chunks were found there"
        return Picture([_line(file) for file in shown], len(self._files) - len(shown), total, note)

    def _moved(self, file: ResumableFile) -> None:
        if not file.is_completed:
            self._files[file] = None

    def _ended(self, file: ResumableFile) -> None:
        self._files.pop(file, None)

    def _failed(self, file: ResumableFile, _: Failure) -> None:
        self._ended(file)

    def _retried(
        self, file: ResumableFile, chunk: ResumableChunk, failure: Failure, delay: float
    ) -> None:
        self._note = f"trying again in {delay:.1f} s, {short(failure.value)}"

    def _went_on(self, *_: object) -> None:
        self._note = ""


def _line(file: ResumableFile) -> Line:
    done = file.fraction_completed * file.size
    return Line(file.file_name, done, file.size, min(bytes_found(file), done), file)
