"""
What files fail with.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from ..errors import ChunkRejected, FileRejected, HookInterrupted, RetriesExhausted

__all__ = ["as_error", "duplicate", "name_file"]


def name_file(error: Exception, file_name: str) -> None:
    """
    Have an error say which file failed, for who hears of it by ``join()``.

    :param error: ours get their ``file_name``, an :class:`OSError` of reading its ``filename``;
        others, of hooks for instance, get a note where Python has notes.
    :param file_name: the file.
    """
    if isinstance(error, (ChunkRejected, RetriesExhausted)):
        error.file_name = file_name
        return
    if isinstance(error, OSError):
        if error.filename is None and error.errno is not None:
            error.filename = file_name
        return
    note = f"while {file_name!r} was being uploaded"
    if hasattr(error, "add_note") and note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def as_error(error: BaseException | None) -> Exception:
    """
    What a file fails with.

    :param error: whatever ended what a file needs: asyncio's ``CancelledError`` and others are no
        :class:`Exception`, and Twisted's would say that somebody cancelled the file.
    :returns: it, or a :class:`HookInterrupted` that it caused.
    """
    if isinstance(error, Exception) and not isinstance(error, CancelledError):
        return error
    said = f": {error}" if str(error) else ""
    interrupted = HookInterrupted(f"a hook ended with {type(error).__qualname__}{said}")
    interrupted.__cause__ = error
    return interrupted


def duplicate(file_name: str, twin: str) -> FileRejected:
    """
    Why a file is not accepted.

    :param file_name: the file.
    :param twin: the path of what is uploaded under the same identifier and has another content.
    """
    return FileRejected(file_name, "duplicate", f"another file, {twin!r}, has its identifier")
