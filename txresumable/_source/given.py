"""
What users give to be uploaded, as types.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Awaitable, Iterable
from typing import Literal, Protocol, TypedDict, Union

from twisted.python.filepath import FilePath

__all__ = ["BinaryFile", "Directory", "FileArguments", "Source", "Sources"]


class BinaryFile(Protocol):
    """A seekable file object that is open in binary mode, ``gzip``'s and ``zipfile``'s included."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""

    # Not every file object can be moved by other ways than these, nor returns its position.
    def seek(self, offset: int, whence: Literal[0, 2], /) -> object:
        """Move to a place counted from the beginning or from the end."""


Directory = Union[str, "os.PathLike[str]", "os.PathLike[bytes]", FilePath[str], FilePath[bytes]]
"""The path of a directory."""

Source = Union[Directory, BinaryFile, bytes, bytearray, memoryview]
"""
What :meth:`Resumable.add_file` takes: a path, a :class:`BinaryFile`, or the bytes themselves.
"""


class _Required(TypedDict):
    source: Source


class FileArguments(_Required, total=False):
    """The arguments of :meth:`Resumable.add_file` by name, for ``add_files`` and ``feed``."""

    file_name: str | None
    relative_path: str | None
    type: str | None


_Given = Union[Source, FileArguments]
_Later = Union[_Given, Awaitable[_Given]]
Sources = Union[Iterable[_Later], AsyncIterable[_Later], Awaitable[Iterable[_Later]]]
"""
What :meth:`Resumable.feed` takes: an iterable or an asynchronous one of files, or of Deferreds and
other awaitables of files; or an awaitable of such an iterable.
"""
