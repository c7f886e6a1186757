"""
An upload, as requests to the folder store use it.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from .interface import Entry, Upload
from .record import Record

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["RecordedEntry", "RecordedUpload", "ReleasedAtEnd"]


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


class ReleasedAtEnd:
    """An entry that a ``with`` block releases at its end."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Use it no more; by default nothing is held."""
