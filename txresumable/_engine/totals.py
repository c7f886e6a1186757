"""
The progress of an uploader in numbers, for progress bars and logs.
"""

from __future__ import annotations

from .._runtime.observers import Signal, observers_of
from ..events import Events
from ..file import ResumableChunk, ResumableFile, transfer_of

__all__ = ["ProgressTotals"]


class ProgressTotals:
    """
    Counts the events of an uploader, at the same cost for one file and for many.

    :ivar total: bytes of all files that were accepted.
    :ivar done: bytes of them that are on the server, or on their way.
    :ivar found: bytes of them that were on the server before, so that they were not sent.
    :ivar chunks_sent: how many chunks were sent, and arrived.
    :ivar chunks_found: how many were there before.
    :ivar files: how many files were accepted.
    :ivar files_completed: how many of them are on the server.
    :ivar changed: fires without arguments after each change.
    """

    def __init__(self, uploader: Events) -> None:
        """
        :param uploader: with no files yet; those that it has are not counted.
        """
        self.total = self.done = self.found = 0
        self.chunks_sent = self.chunks_found = 0
        self.files = self.files_completed = 0
        self.changed: Signal[[]] = Signal("changed")
        self._observers = observers_of(self.changed)
        self._counted: dict[ResumableFile, _Counted] = {}
        uploader.file_added.register(self._added)
        uploader.file_progress.register(self._moved)
        uploader.chunk_completed.register(self._stored)
        uploader.file_completed.register(self._completed)
        uploader.file_error.register(self._failed)

    def _added(self, file: ResumableFile) -> None:
        before = self._counted.get(file)
        if before is None:
            self.files += 1
        else:  # it has changed, and begins again
            self.total -= before.size
            self.done -= before.done
        self._counted[file] = _Counted(file.size)
        self.total += file.size
        self._observers.notify()

    def _moved(self, file: ResumableFile) -> None:
        counted = self._counted.get(file)
        # For a chunk that was found, file_progress fires before chunk_completed.
        if counted is not None and counted.found >= file.chunks_found:
            self._count(file, counted)

    def _stored(self, file: ResumableFile, chunk: ResumableChunk) -> None:
        counted = self._counted.get(file)
        if counted is None:
            return
        counted.stored += 1
        if min(file.chunks_found, counted.stored) > counted.found:
            counted.found += 1
            self.found += chunk.size
            self.chunks_found += 1
        else:
            self.chunks_sent += 1
        self._count(file, counted)

    def _completed(self, file: ResumableFile) -> None:
        counted = self._counted.pop(file, None)
        if counted is not None:
            self.files_completed += 1
            self._count(file, counted)

    def _failed(self, file: ResumableFile, _: object) -> None:
        if file in self._counted:
            counted = self._counted[file]
            counted.found = counted.stored = 0  # tried again, it starts over

    def _count(self, file: ResumableFile, counted: _Counted) -> None:
        done = file.size if file.is_completed else round(transfer_of(file).ledger.sent_bytes)
        self.done += done - counted.done
        counted.done = done
        self._observers.notify()


class _Counted:
    """What is counted of one file: its size, bytes so far, chunks stored, and those found so."""

    __slots__ = ("done", "found", "size", "stored")

    def __init__(self, size: int) -> None:
        self.size = size
        self.done = self.found = self.stored = 0
