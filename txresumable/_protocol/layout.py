"""
How a file is divided into chunks.

The rules are resumable.js's.  By default the number of chunks is rounded down and the last chunk
takes the rest, so that it is between one and almost two chunk sizes long; with
``force_chunk_size`` the number is rounded up and no chunk is longer than the chunk size.  An
empty file is one chunk of no bytes.
"""

from __future__ import annotations

from attrs import define, field

__all__ = ["ChunkLayout", "chunk_count"]


def chunk_count(size: int, chunk_size: int, force: bool = False) -> int:
    """
    How many chunks a file has.

    :param size: the file's size in bytes, 0 or more.
    :param chunk_size: the configured size of a chunk in bytes, 1 or more.
    :param force: resumable.js's ``forceChunkSize``: round up instead of down.
    :returns: 1 or more.
    """
    if size < 0:
        raise ValueError(f"size must be 0 or more, not {size}")
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be 1 or more, not {chunk_size}")
    return max(-(-size // chunk_size) if force else size // chunk_size, 1)


@define
class ChunkLayout:
    """
    Which bytes belong to which chunk.

    :ivar size: the file's size in bytes.
    :ivar chunk_size: the configured size of a chunk in bytes.
    :ivar force: whether the number of chunks is rounded up.
    :ivar count: the number of chunks.
    """

    size: int
    chunk_size: int
    force: bool = False
    count: int = field(init=False)

    @count.default
    def _count(self) -> int:
        return chunk_count(self.size, self.chunk_size, self.force)

    def range(self, offset: int) -> tuple[int, int]:
        """
        The bytes of one chunk.

        :param offset: which, counted from 0.
        :returns: the first byte and the one after the last, counted from 0.
        :raises IndexError: if there is no such chunk.
        """
        start, last = offset * self.chunk_size, self.count - 1
        if offset == last:
            return start, self.size
        if not 0 <= offset < last:
            raise IndexError(f"chunk {offset} of {self.count}")
        return start, start + self.chunk_size
