"""
From what a user gives to a source.
"""

from __future__ import annotations

import io
import os
import stat
from typing import Any

from twisted.python.filepath import FilePath

from .fileobject import FileObjectSource
from .source import BytesSource, OpenFileSource, PathSource, Source

__all__ = ["make_source", "path_of"]


def make_source(what: Any, file_name: str | None, check: str = "strict") -> tuple[Source, str]:
    """
    A source for what a user gave.

    :param what: a path (``str``, :class:`os.PathLike`,
        :class:`~twisted.python.filepath.FilePath`), a seekable binary file object, bytes, or a
        source.
    :param file_name: what it is to be called; needed where it has no name.
    :param check: the option ``source_check``.
    :returns: the source and its name, without folders.
    :raises TypeError: for anything else.
    :raises ValueError: for a file object that is closed, for what has no name, and for a path that
        holds NUL.
    """
    path = path_of(what)
    if path is not None:
        return PathSource(path, check), file_name or os.path.basename(path) or path
    if isinstance(what, Source):
        return what, file_name or os.path.basename(what.path)
    if isinstance(what, (bytes, bytearray, memoryview)):
        if not file_name:
            raise ValueError("bytes have no name: file_name is needed")
        return BytesSource(file_name, bytes(what)), file_name
    return _file_object(what, file_name, check)


def path_of(what: Any) -> str | None:
    """
    The path that a user gave.

    :param what: a ``str``, :class:`os.PathLike` or :class:`~twisted.python.filepath.FilePath`.
    :returns: the path, or :data:`None` if this is something else.
    :raises ValueError: if it holds NUL.
    """
    if type(what) is str:
        path = what
    elif isinstance(what, FilePath):
        path = os.fsdecode(what.path)
    elif isinstance(what, (str, os.PathLike)):
        path = os.fsdecode(os.fspath(what))
    else:
        return None
    if "\0" in path:
        raise ValueError(f"no path holds NUL: {path!r}")
    return path


def _file_object(what: Any, file_name: str | None, check: str) -> tuple[Source, str]:
    inner = getattr(what, "file", what)  # tempfile's wrappers keep the file in .file
    if not hasattr(inner, "read") or not hasattr(inner, "seek"):
        raise TypeError(f"a file is a path, a seekable binary file object or bytes, not {what!r}")
    if getattr(inner, "closed", False):
        raise ValueError(f"{what!r} is closed")
    if isinstance(inner, io.TextIOBase):
        raise TypeError(f"{what!r} is open as text: open it in binary mode")
    if hasattr(inner, "seekable") and not inner.seekable():
        raise ValueError(f"{what!r} is not seekable")
    name = getattr(what, "name", None)
    file_name = file_name or (os.path.basename(name) if isinstance(name, str) else "")
    if not file_name:
        raise ValueError(f"{what!r} has no name: file_name is needed")
    if type(inner) is io.BytesIO:
        return BytesSource(file_name, _snapshot(inner)), file_name
    raw = inner if isinstance(inner, io.RawIOBase) else getattr(inner, "raw", None)
    # Only a plain file's descriptor has the bytes that its read() gives: a gzip file's has not.
    plain = type(inner) in (io.BufferedReader, io.BufferedRandom, io.FileIO)
    if plain and type(raw) is io.FileIO and stat.S_ISREG(os.fstat(inner.fileno()).st_mode):
        return OpenFileSource(file_name, inner, check), file_name
    return FileObjectSource(file_name, inner, check), file_name


def _snapshot(memory: io.BytesIO) -> bytes:
    """Its content at this moment, copied only when somebody writes to it."""
    content = memory.getvalue()
    try:
        memory.truncate(len(content))  # changes nothing, but cannot be while getbuffer() is in use
    except BufferError:  # what is written to that buffer would show
        return bytes(memory.getbuffer())
    return content
