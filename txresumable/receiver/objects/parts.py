"""
Which parts a file in object storage is put together from.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from ..._protocol.layout import ChunkLayout

__all__ = ["PartSizes", "PlannedPart", "Span", "parts_of"]


@frozen(kw_only=True)
class PartSizes:
    """
    How large parts are.

    :ivar least: the fewest bytes that the storage takes for one that is not the last.
    :ivar usual: how many those have that are regrouped.
    :ivar most: how many parts there may be.
    """

    least: int = 5 << 20
    usual: int = 8 << 20
    most: int = 10_000

    def regrouped(self, size: int) -> int:
        """How many bytes each part of a file of that size has."""
        return max(self.usual, -(-size // self.most))

    def copies(self, layout: ChunkLayout) -> bool:
        """Whether the storage makes a part of each chunk itself."""
        return layout.chunk_size >= self.least and layout.count <= self.most

    def is_single(self, layout: ChunkLayout) -> bool:
        """Whether a file is put as it is."""
        return layout.size <= self.usual


@frozen
class Span:
    """
    Bytes of a chunk.

    :ivar offset: which chunk, counted from 0.
    :ivar start: the first byte, counted from the chunk's first.
    :ivar end: the one after the last.
    """

    offset: int
    start: int
    end: int

    @property
    def size(self) -> int:
        """How many bytes."""
        return self.end - self.start


@frozen
class PlannedPart:
    """
    A part.

    :ivar number: from 1.
    :ivar spans: its bytes.
    """

    number: int
    spans: tuple[Span, ...]


def parts_of(layout: ChunkLayout, size: int) -> Iterator[PlannedPart]:
    """
    Parts of a number of bytes each, in their order.

    :param layout: the chunks.
    :param size: bytes of a part, but for the last; 0 for parts that are chunks.
    """
    number, spans, room = 1, list[Span](), size
    for offset in range(layout.count):
        start, end = layout.range(offset)
        length, at = end - start, 0
        if not size:
            yield PlannedPart(offset + 1, (Span(offset, 0, length),))
            continue
        while at < length:
            taken = min(room, length - at)
            spans.append(Span(offset, at, at + taken))
            at += taken
            room -= taken
            if not room:
                yield PlannedPart(number, tuple(spans))
                number, spans, room = number + 1, [], size
    if spans:
        yield PlannedPart(number, tuple(spans))
