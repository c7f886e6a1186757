"""
How an upload tells upwards what becomes of it.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from .record import Done

__all__ = ["UploadListener"]

_T = TypeVar("_T", contravariant=True)


class UploadListener(Protocol[_T]):
    """Is notified of what becomes of an upload."""

    def stored(self, upload: _T, size: int) -> None:
        """So many more bytes of it are durable."""

    def finished(self, upload: _T, done: Done) -> None:
        """It is in its place, and that is written down."""

    def not_finished(self, upload: _T) -> None:
        """It is full, and could not be finished now."""

    def rejected(self, upload: _T) -> None:
        """The application rejected it, and its files are set aside."""

    def lost(self, upload: _T) -> None:
        """Somebody has removed its files."""

    def unused(self, upload: _T) -> None:
        """The last use of it has ended."""
