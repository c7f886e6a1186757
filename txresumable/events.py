"""
What an uploader tells: one signal for each event.
"""

from __future__ import annotations

from ._runtime.observers import Signal

__all__ = ["EVENTS", "Events"]

EVENTS = (
    "file_added",
    "files_added",
    "file_progress",
    "file_completed",
    "file_retry",
    "file_error",
    "chunk_completed",
    "upload_start",
    "completed",
    "progress",
    "error",
    "paused",
    "before_cancel",
    "cancelled",
    "chunking_start",
    "chunking_progress",
    "chunking_complete",
)


class Events:
    """
    The signals of an uploader: resumable.js's events in Python's form.

    :ivar file_added: a file was let in; ``(file)``.
    :ivar files_added: all files that were added together are in or refused;
        ``(added, skipped)``, two lists.
    :ivar file_progress: a chunk of a file began, moved or is stored; ``(file)``.
    :ivar file_completed: every chunk of a file is on the server; ``(file)``.
    :ivar file_retry: a chunk of a file is going to be tried again; ``(file)``.
    :ivar file_error: a file was given up; ``(file, failure)``.
    :ivar chunk_completed: a chunk is on the server; ``(file, chunk)``.
    :ivar upload_start: uploading begins; no arguments.
    :ivar completed: nothing is left to do; ``(failed)``, the files that failed.
    :ivar progress: something moved; no arguments.
    :ivar error: something failed; ``(failure, file)``.
    :ivar paused: :meth:`pause` was called; no arguments.
    :ivar before_cancel: :meth:`cancel` was called; no arguments.
    :ivar cancelled: everything was cancelled; no arguments.
    :ivar chunking_start: a file is about to be laid out in chunks; ``(file)``.
    :ivar chunking_progress: it is being laid out; ``(file, fraction)``.
    :ivar chunking_complete: it is laid out; ``(file)``.
    :ivar catch_all: any of these; ``(name, *arguments)``.
    """

    def __init__(self) -> None:
        self.file_added = Signal()
        self.files_added = Signal()
        self.file_progress = Signal()
        self.file_completed = Signal()
        self.file_retry = Signal()
        self.file_error = Signal()
        self.chunk_completed = Signal()
        self.upload_start = Signal()
        self.completed = Signal()
        self.progress = Signal()
        self.error = Signal()
        self.paused = Signal()
        self.before_cancel = Signal()
        self.cancelled = Signal()
        self.chunking_start = Signal()
        self.chunking_progress = Signal()
        self.chunking_complete = Signal()
        self.catch_all = Signal()

    @property
    def _hears_of_files(self) -> bool:
        """Whether anybody is told of a file that is let in."""
        return bool(
            self.catch_all.callbacks
            or self.file_added.callbacks
            or self.chunking_start.callbacks
            or self.chunking_progress.callbacks
            or self.chunking_complete.callbacks
        )

    @property
    def _hears_progress(self) -> bool:
        """Whether anybody is told of progress."""
        return bool(
            self.file_progress.callbacks or self.progress.callbacks or self.catch_all.callbacks
        )

    def _emit(self, name: str, *args: object) -> None:
        """Tell, and tell what follows from it, as resumable.js does."""
        signal: Signal = getattr(self, name)
        if signal.callbacks:
            signal.fire(*args)
        if self.catch_all.callbacks:
            self.catch_all.fire(name, *args)
        if name == "file_error":
            self._emit("error", args[1], args[0])
        elif name == "file_progress":
            self._emit("progress")
