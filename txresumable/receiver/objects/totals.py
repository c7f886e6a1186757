"""
What has begun and is not finished.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from ..store.record import Record

__all__ = ["UnfinishedTotals"]


class UnfinishedTotals:
    """
    The unfinished uploads, as far as one receiver knows: those of others, since its last sweep.
    """

    def __init__(self) -> None:
        self._unfinished: dict[str, tuple[str, int]] = {}
        self._counts: Counter[str] = Counter()
        self._sizes: Counter[str] = Counter()
        self._recounts = 0
        self._since: dict[str, tuple[str, int] | None] = {}

    def __len__(self) -> int:
        return len(self._unfinished)

    def of(self, owner: str, but: str) -> tuple[int, int]:
        """How many an owner has, and how many bytes they will have, without a certain one."""
        count, size = self._counts[owner], self._sizes[owner]
        known = self._unfinished.get(but)
        if known is not None and known[0] == owner:
            return count - 1, size - known[1]
        return count, size

    def add(self, key: str, record: Record) -> None:
        """One has begun."""
        self._set(key, (record.owner, record.size))

    def forget(self, key: str) -> None:
        """One is finished, or gone."""
        self._set(key, None)

    @contextmanager
    def recount(self) -> Iterator[dict[str, tuple[str, int]]]:
        """
        Count them anew.

        :returns: where to put the owners and sizes of those that are found; they count at the end
            of the block, unless it fails, and what begins or ends meanwhile counts as well.
        """
        found: dict[str, tuple[str, int]] = {}
        self._recounts += 1
        try:
            yield found
            for key in [key for key in self._unfinished if key not in found]:
                self._count(key, None)
            for key, begun in found.items():
                self._count(key, begun)
            for key, since in self._since.items():
                self._count(key, since)
        finally:
            self._recounts -= 1
            if not self._recounts:
                self._since.clear()

    def _set(self, key: str, begun: tuple[str, int] | None) -> None:
        if self._recounts:
            self._since[key] = begun
        self._count(key, begun)

    def _count(self, key: str, begun: tuple[str, int] | None) -> None:
        known = self._unfinished.pop(key, None)
        if known is not None:
            self._add(*known, -1)
        if begun is not None:
            self._unfinished[key] = begun
            self._add(*begun, 1)

    def _add(self, owner: str, size: int, sign: int) -> None:
        self._counts[owner] += sign
        self._sizes[owner] += sign * size
        if not self._counts[owner]:
            del self._counts[owner], self._sizes[owner]
