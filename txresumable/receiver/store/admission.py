"""
Which uploads may begin.
"""

from __future__ import annotations

from collections.abc import Iterator

from .quota import Quota
from .record import Record
from .room import Room

__all__ = ["Admission"]


class Admission:
    """
    The unfinished uploads that there are, and whether one more may begin.

    :param quota: how much may be begun.
    :param room: what is promised to those that were accepted.
    """

    def __init__(self, quota: Quota, room: Room) -> None:
        self._quota = quota
        self._room = room
        self._unfinished: dict[str, Record] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._unfinished

    def __iter__(self) -> Iterator[str]:
        return iter(self._unfinished)

    def accept(self, key: str, wanted: Record) -> int:
        """
        Accept a new upload, which counts for others from now on.

        :returns: how many bytes are promised to others.
        :raises Refused: with 413 or 507 if that would break a limit.
        """
        self._quota.admit(wanted, self._unfinished.values())
        promised = self._room.promised()
        self.add(key, wanted, wanted.size)
        return promised

    def add(self, key: str, record: Record, missing: int) -> None:
        """An upload was accepted, and so many bytes of it are missing."""
        self._unfinished[key] = record
        self._room.promise(key, missing)

    def stored(self, key: str, size: int) -> None:
        """So many more bytes of an upload are durable."""
        self._room.written(key, size)

    def forget(self, key: str) -> None:
        """An upload is finished, or discarded."""
        self._unfinished.pop(key, None)
        self._room.forget(key)
