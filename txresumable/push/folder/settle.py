"""
When a file is complete: it has not changed for a while, its marker is there, or it was renamed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from heapq import heappop, heappush

from .scan import Found

__all__ = ["RENAMED", "Settling"]

RENAMED = 1.0
"""Seconds that a file has to stay as it is after it was renamed into the folder."""
_TIDY = 500


_Sight = tuple[int, int, int, float, float]
"""
How a file was when it was last looked at: its inode, size and time of modification; since when it
has been so, in monotonic time; when it will have been so for long enough.

A plain tuple, which the garbage collector does not look at again and again: there may be very many.
"""


class Settling:
    """
    The files of a folder that may still be written to.

    Time is monotonic, so that a wall clock that is set has no effect, and counts from the first
    look of this process.  With a marker time does not count at all: a file waits for its own.
    """

    def __init__(self, settle: float, *, needs_marker: bool = False) -> None:
        """
        :param settle: seconds that size, time of modification and inode have to stay as they are.
        :param needs_marker: whether files are complete once they are marked, and only then.
        """
        self._settle = settle
        self._needs_marker = needs_marker
        self._seen: dict[bytes, _Sight] = {}
        self._order: list[tuple[float, bytes]] = []  # a heap; entries that are out of date stay

    def __len__(self) -> int:
        return len(self._seen)

    def is_settled(self, found: Found, now: float, *, is_renamed: bool = False) -> bool:
        """
        Take note of how a file is.

        :param found: the file.
        :param now: a monotonic time from before it was looked at.
        :param is_renamed: whether it has just been renamed to this from something that is not
            uploaded: who does that has written it, and :data:`RENAMED` is enough.
        :returns: whether it is complete.  If so, it is the caller's to :meth:`forget` it.
        """
        if self._needs_marker or found.is_marked:
            return found.is_marked
        version = found.version
        key = (version.inode, version.size, version.mtime_ns)
        sight = self._seen.get(found.path)
        if sight is None or sight[:3] != key:
            sight = (*key, now, now + self._settle)
            self._keep(found.path, sight)
        since, due = sight[3:]
        if is_renamed and since + RENAMED < due:
            due = since + RENAMED
            self._keep(found.path, (*key, since, due))
        return now >= due

    def forget(self, paths: Iterable[bytes]) -> None:
        """Some are complete, are not there any more, or were known before."""
        for path in paths:
            self._seen.pop(path, None)

    def next_due(self) -> float:
        """
        When the next one has to be looked at again, or earlier; infinity if none has.
        """
        self._tidy()
        return self._order[0][0] if self._order else math.inf

    def due(self, now: float, count: int) -> list[bytes]:
        """
        Some that have to be looked at again.  They have to be forgotten if they are not found.

        :param now: the monotonic time.
        :param count: at most so many.
        :returns: them; there may be more, if :meth:`next_due` is not later.
        """
        paths: list[bytes] = []
        order = self._order
        for _ in range(count):
            if not order or order[0][0] > now:
                break
            due, path = heappop(order)
            if self._is_current(due, path):
                paths.append(path)
        return paths

    def clear(self) -> None:
        """Forget all."""
        self._seen.clear()
        self._order.clear()

    def _keep(self, path: bytes, sight: _Sight) -> None:
        self._seen[path] = sight
        heappush(self._order, (sight[-1], path))

    def _tidy(self) -> None:
        """Drop what is out of date from the front of the heap: some of it, if it is much."""
        for _ in range(_TIDY):
            if not self._order or self._is_current(*self._order[0]):
                break
            heappop(self._order)

    def _is_current(self, due: float, path: bytes) -> bool:
        sight = self._seen.get(path)
        return sight is not None and sight[-1] == due
