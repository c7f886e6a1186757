"""
An upload, as requests to the folder store use it.
"""

from __future__ import annotations

from typing import Protocol

from .interface import Entry, Upload
from .record import Record

__all__ = ["RecordedEntry", "RecordedUpload"]


class RecordedUpload(Upload, Protocol):
    """An upload of which there is a record."""

    @property
    def record(self) -> Record:
        """What it is."""


class RecordedEntry(Entry, Protocol):
    """A request's use of an upload of which there is a record."""

    @property
    def record(self) -> Record:
        """What it is."""
