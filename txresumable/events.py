"""
The events of an uploader: one signal for each.
"""

from __future__ import annotations

from typing import Concatenate

from twisted.python.failure import Failure

from ._runtime.observers import Signal
from .file import ResumableChunk, ResumableFile

__all__ = ["EVENTS", "Events"]

EVENTS = (
    "file_added",
    "files_added",
    "file_progress",
    "file_completed",
    "chunk_retry",
    "file_error",
    "chunk_completed",
    "offline",
    "online",
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

    :ivar file_added: a file was accepted, or accepted again after it had changed; ``(file)``.
    :ivar files_added: all files that were added together were accepted, or refused or uploaded as
        another one; ``(added, skipped)``, two lists.
    :ivar file_progress: a chunk of a file was begun, made progress or is stored; ``(file)``.
    :ivar file_completed: every chunk of a file is on the server; ``(file)``.
    :ivar chunk_retry: a chunk failed, and is retried after a delay in seconds;
        ``(file, chunk, failure, delay)``.
    :ivar file_error: a file failed; ``(file, failure)``.
    :ivar chunk_completed: a chunk is on the server; ``(file, chunk)``.
    :ivar offline: no connection to the server can be made; no arguments.
    :ivar online: the server responds again; no arguments.
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
        self.file_added: Signal[[ResumableFile]] = Signal("file_added")
        self.files_added: Signal[[list[ResumableFile], list[ResumableFile]]] = Signal("files_added")
        self.file_progress: Signal[[ResumableFile]] = Signal("file_progress")
        self.file_completed: Signal[[ResumableFile]] = Signal("file_completed")
        self.chunk_retry: Signal[[ResumableFile, ResumableChunk, Failure, float]] = Signal(
            "chunk_retry"
        )
        self.file_error: Signal[[ResumableFile, Failure]] = Signal("file_error")
        self.chunk_completed: Signal[[ResumableFile, ResumableChunk]] = Signal("chunk_completed")
        self.offline: Signal[[]] = Signal("offline")
        self.online: Signal[[]] = Signal("online")
        self.upload_start: Signal[[]] = Signal("upload_start")
        self.completed: Signal[[list[ResumableFile]]] = Signal("completed")
        self.progress: Signal[[]] = Signal("progress")
        self.error: Signal[[Failure, ResumableFile]] = Signal("error")
        self.paused: Signal[[]] = Signal("paused")
        self.before_cancel: Signal[[]] = Signal("before_cancel")
        self.cancelled: Signal[[]] = Signal("cancelled")
        self.chunking_start: Signal[[ResumableFile]] = Signal("chunking_start")
        self.chunking_progress: Signal[[ResumableFile, float]] = Signal("chunking_progress")
        self.chunking_complete: Signal[[ResumableFile]] = Signal("chunking_complete")
        self.catch_all: Signal[Concatenate[str, ...]] = Signal("catch_all")
