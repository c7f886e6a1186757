"""
How the files of a service ended, and why, for people.
"""

from __future__ import annotations

from attrs import evolve, frozen
from twisted.internet.defer import CancelledError

from .._runtime.printable import first_line, printable
from ..errors import ChunkRejected, FileRejected, RetriesExhausted
from ..file import ResumableFile

__all__ = ["FailedFile", "Report", "bytes_found", "explain"]


def explain(error: BaseException) -> str:
    """
    An error as a sentence for users.

    :param error: what a file failed with.
    :returns: one sentence, without the file's name, that is safe to print.
    """
    if isinstance(error, CancelledError):
        return "Stopped before it was complete"
    if isinstance(error, FileRejected):
        return printable(f"Refused ({error.rule}): {error.reason}")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, (ChunkRejected, RetriesExhausted)):
        error = evolve(error, file_name="")
    return printable(str(error) or first_line(type(error)))


def bytes_found(file: ResumableFile) -> int:
    """
    Bytes of the chunks that the server had already.

    :param file: a file, whose last chunk may be shorter or longer than the others.
    """
    return min(file.size, file.chunks_found * file.chunk_size)


@frozen
class FailedFile:
    """
    A file that is not on the server.

    :ivar path: the path that was given; for a file in a folder, its path from the folder's own
        name on.
    :ivar error: why.
    """

    path: str
    error: BaseException


@frozen
class Report:
    """
    How the files of a service ended.

    :ivar completed: those that are on the server, in the order in which they got there.
    :ivar failed: those that are not.
    """

    completed: tuple[ResumableFile, ...]
    failed: tuple[FailedFile, ...]
