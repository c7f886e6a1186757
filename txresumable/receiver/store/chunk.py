"""
A chunk of an upload, as a request describes it.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from ..._protocol.layout import ChunkLayout

__all__ = ["Chunk"]


@frozen(kw_only=True)
class Chunk:
    """
    One chunk of one file, as a client describes it.

    :ivar identifier: what the client calls the upload.
    :ivar offset: which chunk, counted from 0.
    :ivar layout: which bytes belong to which chunk.
    :ivar file_name: the file's name, as the client has it.
    :ivar relative_path: its path below what was added; metadata, like the name.
    :ivar type: its media type, or nothing.
    :ivar parameters: those of the application's that are kept, by name.
    :ivar checksum: the SHA-256 of the chunk as hexadecimal, or nothing.
    """

    identifier: str
    offset: int
    layout: ChunkLayout
    file_name: str = ""
    relative_path: str = ""
    type: str = ""
    parameters: Mapping[str, str] = field(factory=dict, hash=False)
    checksum: str = ""

    @property
    def length(self) -> int:
        """How many bytes the chunk has."""
        start, end = self.layout.range(self.offset)
        return end - start
