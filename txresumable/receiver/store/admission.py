"""
Which uploads may begin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from attrs import define

from .quota import Quota
from .record import Record
from .room import Room

__all__ = ["Admission"]


@define
class _Total:
    """What the unfinished uploads of an owner come to."""

    count: int = 0
    size: int = 0


class Admission:
    """
    The unfinished uploads that there are, and whether one more may begin.

    There may be many, so of each no more is kept than is counted.  Of some nothing is on the disk
    before they are there as a whole.

    :param quota: how much may be begun.
    :param room: what is promised to those that were accepted.
    """

    def __init__(self, quota: Quota, room: Room) -> None:
        self._quota = quota
        self._room = room
        self._unfinished: dict[str, tuple[str, int]] = {}
        self._announced: set[str] = set()
        self._totals: dict[str, _Total] = {}
        # The bytes of finished files by owner; and of those that were finished during a recount.
        self._received: Counter[str] = Counter()
        self._since: Counter[str] = Counter()

    def __contains__(self, key: str) -> bool:
        return key in self._unfinished

    def __iter__(self) -> Iterator[str]:
        """Those of which something has to be on the disk."""
        return (key for key in self._unfinished if key not in self._announced)

    def __len__(self) -> int:
        return len(self._unfinished)

    def accept(self, key: str, wanted: Record) -> int:
        """
        Accept a new upload, which counts for others from now on; once, if it was announced.

        :returns: how many bytes are promised to others.
        :raises Refused: with 400, 413 or 507 if that would break a limit.
        """
        total = self._totals.get(wanted.owner, _Total())
        received = self._received[wanted.owner]
        announced = [self._unfinished[key][1]] if key in self._announced else []
        count, size = total.count - len(announced), total.size - sum(announced)
        self._quota.admit(wanted, count, size, received)
        if announced:
            self._room.forget(key)
        promised = self._room.promised()
        self.add(key, wanted, wanted.size)
        return promised

    def announce(self, key: str, wanted: Record) -> None:
        """
        Accept a new upload of which nothing is on the disk until it is finished, or accepted once
        more.

        :raises Refused: as :meth:`accept` does.
        """
        self.accept(key, wanted)
        self._announced.add(key)

    def withdraw(self, key: str) -> None:
        """Of an upload that was announced nothing will be on the disk."""
        if key in self._announced:
            self.forget(key)

    def not_found(self, key: str) -> None:
        """Nothing of an upload is on the disk."""
        if key not in self._announced:
            self.forget(key)

    def promised(self) -> int:
        """How many bytes of what is free are promised."""
        return self._room.promised()

    def add(self, key: str, record: Record, missing: int) -> None:
        """An upload was accepted, and so many bytes of it are missing."""
        self._uncount(key)
        self._unfinished[key] = record.owner, record.size
        total = self._totals.setdefault(record.owner, _Total())
        total.count += 1
        total.size += record.size
        self._room.promise(key, missing)

    def stored(self, key: str, size: int) -> None:
        """So many more bytes of an upload are durable."""
        self._room.written(key, size)

    @property
    def counts_received(self) -> bool:
        """Whether it matters what finished files come to."""
        return self._quota.total is not None

    def received(self, owner: str, size: int) -> None:
        """A file is finished."""
        if self.counts_received:
            self._received[owner] += size
            self._since[owner] += size

    def begin_recount(self) -> None:
        """What finished files come to will be found out anew."""
        self._since.clear()

    def recount(self, found: Counter[str]) -> None:
        """So many bytes of finished files were found by owner, since :meth:`begin_recount`."""
        self._received = found + self._since

    def forget(self, key: str) -> None:
        """An upload is finished, or discarded."""
        self._uncount(key)
        self._room.forget(key)

    def _uncount(self, key: str) -> None:
        if key not in self._unfinished:
            return
        owner, size = self._unfinished.pop(key)
        self._announced.discard(key)
        total = self._totals[owner]
        total.count -= 1
        total.size -= size
        if not total.count:
            del self._totals[owner]
