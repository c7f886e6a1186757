"""
Which chunk is next: the lowest number first, file after file.
"""

from __future__ import annotations

import heapq
from collections import deque
from itertools import islice

from .file import READY, ResumableFile

__all__ = ["ChunkQueue"]


class ChunkQueue:
    """
    The files that have chunks to send.

    :param ends_first: whether the first and the last chunk of each file go before anything else.
    """

    def __init__(self, ends_first: bool = False) -> None:
        self._ends_first = ends_first
        self._files: deque[ResumableFile] = deque()
        self._early: list[tuple[int, ResumableFile]] = []
        self._ends: list[tuple[int, ResumableFile]] = []

    def add(self, file: ResumableFile) -> None:
        """Take a file in, or in again: it has chunks that wait for their turn."""
        if file._queued:
            return
        file._queued = True
        if not self._files or file._order > self._files[-1]._order:
            self._files.append(file)
        else:
            heapq.heappush(self._early, (file._order, file))
        if self._ends_first:
            heapq.heappush(self._ends, (file._order, file))

    def next(self) -> tuple[ResumableFile, int] | None:
        """
        Take the next chunk.

        :returns: its file and which it is, counted from 0; or nothing.
        """
        while self._ends:
            file = self._ends[0][1]
            for offset in self._ends_of(file):
                return file, offset
            heapq.heappop(self._ends)
        while self._files or self._early:
            early = self._comes_early()
            file = self._early[0][1] if early else self._files[0]
            if self._may_go(file):
                offset = file._next_pending()
                if offset >= 0:
                    return file, offset
            if early:
                heapq.heappop(self._early)
            else:
                self._files.popleft()
            file._queued = False
        return None

    def _comes_early(self) -> bool:
        """Whether one that came in again, or late, is next."""
        if not self._early:
            return False
        return not self._files or self._early[0][0] < self._files[0]._order

    def following(self, count: int) -> list[ResumableFile]:
        """The files that come next, roughly in their order."""
        early = [file for _, file in self._early[:count]]
        return early + list(islice(self._files, count - len(early)))

    def _ends_of(self, file: ResumableFile) -> list[int]:
        if not self._may_go(file):
            return []
        ends = (0, len(file._set_out().states) - 1)
        return [offset for offset in ends if file._is_pending(offset)]

    @staticmethod
    def _may_go(file: ResumableFile) -> bool:
        if file.state is not READY or file._held:
            return False
        return not (file._hangs or file._crowded or file._barred)
