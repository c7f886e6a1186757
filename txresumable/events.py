"""
The events of an uploader: one signal for each.
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
    The signals of an uploader: the events of resumable.js in Python's style.

    :ivar file_added: a file was accepted; ``(file)``.
    :ivar files_added: all files that were added together were accepted or refused;
        ``(added, skipped)``, two lists.
    :ivar file_progress: a chunk of a file was begun, made progress or is stored; ``(file)``.
    :ivar file_completed: every chunk of a file is on the server; ``(file)``.
    :ivar file_retry: a chunk of a file is going to be retried; ``(file)``.
    :ivar file_error: a file failed; ``(file, failure)``.
    :ivar chunk_completed: a chunk is on the server; ``(file, chunk)``.
    :ivar upload_start: uploading begins; no arguments.
    :ivar completed: nothing is left to do; ``(failed)``, the files that failed.
    :ivar progress: the progress has changed; no arguments.
    :ivar error: a file failed; ``(failure, file)``.
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
