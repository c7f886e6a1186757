"""
What has begun and is not finished.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..store.record import Record

__all__ = ["Tally"]


class Tally:
    """
    The unfinished uploads, as far as one receiver knows: those of others, since its last sweep.
    """

    def __init__(self) -> None:
        self._unfinished: dict[str, tuple[str, int]] = {}
        self._since: dict[str, tuple[str, int] | None] = {}

    def __len__(self) -> int:
        return len(self._unfinished)

    def of(self, owner: str, but: str) -> tuple[int, int]:
        """How many an owner has, and how many bytes they will have, without a certain one."""
        sizes = [
            size for key, (whose, size) in self._unfinished.items() if whose == owner and key != but
        ]
        return len(sizes), sum(sizes)

    def add(self, key: str, record: Record) -> None:
        """One has begun."""
        self._unfinished[key] = self._since[key] = (record.owner, record.size)

    def forget(self, key: str) -> None:
        """One is finished, or gone."""
        self._unfinished.pop(key, None)
        self._since[key] = None

    def begin_recount(self) -> None:
        """They will be counted anew."""
        self._since.clear()

    def recount(self, found: Mapping[str, Record]) -> None:
        """These were found since; what began or ended meanwhile counts as well."""
        counted = {key: (record.owner, record.size) for key, record in found.items()}
        for key, begun in self._since.items():
            counted.pop(key, None)
            if begun is not None:
                counted[key] = begun
        self._unfinished = counted
