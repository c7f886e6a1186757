"""
What records are at, as far as that is known, in little memory.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b

__all__ = ["Summaries"]

_FEWEST = 1 << 10
_MOST = 1 << 21
_NEIGHBOURS = 8
_KIND = 3


class Summaries:
    """
    Remembers a small number about each record that had a certain ETag, in 16 to 32 bytes.

    Beyond a million, some are forgotten.  What is known is known by 62 bits of a hash: that of a
    million any two are taken for each other has a probability of one in nine million.

    :param most: how many places there are at most, of 8 bytes each: a power of two.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._places = array("Q", bytes(8 * min(_FEWEST, most)))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def memory(self) -> int:
        """How many bytes it takes."""
        return len(self._places) * self._places.itemsize

    def find(self, key: str, etag: str) -> int | None:
        """What was put for a record with this ETag, if that is known."""
        mark = _mark(key, etag)
        for place in self._near(mark):
            found = self._places[place]
            if found | _KIND == mark | _KIND:
                return found & _KIND or None
        return None

    def put(self, key: str, etag: str, kind: int) -> None:
        """
        Remember something.

        :param kind: from 1 to 3.
        """
        self._put(_mark(key, etag) | kind)
        if self._count * 2 > len(self._places) < self._most:
            before, self._places = self._places, array("Q", bytes(16 * len(self._places)))
            self._count = 0
            for mark in before:
                if mark:
                    self._put(mark)

    def _put(self, mark: int) -> None:
        near = self._near(mark)
        for place in near:
            found = self._places[place]
            if not found or found | _KIND == mark | _KIND:
                self._count += not found
                break
        else:
            place = near[0]
        self._places[place] = mark

    def _near(self, mark: int) -> list[int]:
        size = len(self._places)
        first = (mark >> 2) % size
        return [(first + n) % size for n in range(_NEIGHBOURS)]


def _mark(key: str, etag: str) -> int:
    """62 bits of a hash, above two that are free."""
    digest = blake2b(f"{key} {etag}".encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "little") & ~_KIND
