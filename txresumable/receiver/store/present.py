"""
Which chunks of an upload are durable.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain

from ..._protocol.layout import ChunkLayout
from ..._protocol.ranges import MORE

__all__ = ["Present"]

_RUNS = re.compile(rb"\x01+")
# nginx has 4 KiB for all headers of a response by default, and responds with 502 to more.
_LONGEST = 3072


class Present:
    """
    A set of chunks, kept as runs: most come in order, so that there are few of them however many
    chunks there are.

    :param count: how many chunks there may be.
    :param bounds: where runs of them begin and end, in turn.
    :ivar count: the same.
    """

    def __init__(self, count: int, bounds: Iterable[int] = ()) -> None:
        self.count = count
        # The chunks from an even one up to the next.
        self._bounds = array("Q", bounds)
        self._told: str | None = None

    @classmethod
    def decode(cls, written: bytes) -> Present:
        """Those of a record: a byte for each chunk, 1 if it is there."""
        return cls(len(written), chain.from_iterable(run.span() for run in _RUNS.finditer(written)))

    def encode(self) -> bytes:
        """The bytes of a record."""
        written = bytearray(self.count)
        for start, end in self._runs():
            written[start:end] = b"\1" * (end - start)
        return bytes(written)

    def __contains__(self, offset: int) -> bool:
        """Whether a chunk is there."""
        return bisect_right(self._bounds, offset) % 2 == 1

    def __bool__(self) -> bool:
        """Whether any is."""
        return bool(self._bounds)

    @property
    def memory(self) -> int:
        """How many bytes of memory they need."""
        return len(self._bounds) * self._bounds.itemsize

    @property
    def first_missing(self) -> int:
        """The first chunk that is not there; their number if all are."""
        bounds = self._bounds
        return bounds[1] if bounds and not bounds[0] else 0

    @property
    def last_missing(self) -> int:
        """The last chunk that is not there; -1 if all are."""
        bounds = self._bounds
        return bounds[-2] - 1 if bounds and bounds[-1] == self.count else self.count - 1

    def add(self, offset: int) -> None:
        """A chunk is there."""
        bounds = self._bounds
        at = bisect_right(bounds, offset)
        if at % 2:
            return
        follows = at > 0 and bounds[at - 1] == offset
        precedes = at < len(bounds) and bounds[at] == offset + 1
        if follows and precedes:
            del bounds[at - 1 : at + 1]
        elif follows:
            bounds[at - 1] += 1
        elif precedes:
            bounds[at] -= 1
        else:
            bounds[at:at] = array("Q", (offset, offset + 1))
        self._told = None

    def missing_size(self, layout: ChunkLayout) -> int:
        """How many bytes are not there."""
        there = sum(
            layout.range(end - 1)[1] - layout.range(start)[0] for start, end in self._runs()
        )
        return layout.size - there

    def ranges(self) -> str:
        """
        Those that are there, counted from 1, as ``1-57,60``.

        :returns: text of at most 3 KiB; if that cuts it short, it ends with ``,...``.
        """
        if self._told is None:
            self._told = self._tell()
        return self._told

    def _runs(self) -> Iterator[tuple[int, int]]:
        bounds = iter(self._bounds)
        return zip(bounds, bounds, strict=True)

    def _tell(self) -> str:
        found: list[str] = []
        length = -1
        for start, end in self._runs():
            found.append(str(end) if end == start + 1 else f"{start + 1}-{end}")
            length += len(found[-1]) + 1
            if length > _LONGEST:
                while length + len(MORE) > _LONGEST:
                    length -= len(found.pop()) + 1
                return ",".join(found) + MORE
        return ",".join(found)
