"""
Why an upload does not get on, said before it fails.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.python.failure import Failure

from ..errors import ChunkRejected
from ..events import Events
from ..file import ResumableChunk, ResumableFile
from ..service.report import explain

__all__ = ["Reasons", "short"]


class Reasons:
    """
    Says why chunks are tried again: each reason at its second time, and whenever that has doubled.
    """

    def __init__(self, uploader: Events, say: Callable[[str], None]) -> None:
        """
        :param uploader: whose chunks.
        :param say: called with a line.
        """
        self._say = say
        self._counts: dict[object, int] = {}
        uploader.chunk_retry.register(self._retried)

    def _retried(
        self, file: ResumableFile, chunk: ResumableChunk, failure: Failure, delay: float
    ) -> None:
        assert failure.value is not None
        reason = short(failure.value)
        count = self._counts[reason] = self._counts.get(reason, 0) + 1
        if count > 1 and count & (count - 1) == 0:
            why = explain(failure.value)
            self._say(f"{file.file_name}: next try in {delay:.1f} s, {count} failed: {why}")


def short(error: BaseException | None) -> str:
    """A reason in a few words, the same for all chunks."""
    if isinstance(error, ChunkRejected):
        return f"refused with {error.status}"
    return explain(error).partition(":")[0][:40] if error is not None else ""
