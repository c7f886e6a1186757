"""
Bytes on their way to the disk.
"""

from __future__ import annotations

from attrs import define, field

from .descriptor import Descriptor

__all__ = ["Unwritten"]


@define(eq=False)
class Unwritten:
    """
    Bytes of a file that are not written yet.

    :ivar at: where they go.
    :ivar size: how many there are.
    """

    at: int
    size: int = field(default=0, init=False)
    _pieces: list[bytes] = field(factory=list, init=False)

    def append(self, data: bytes) -> None:
        """Add some at the end."""
        self._pieces.append(data)
        self.size += len(data)

    def write_to(self, file: Descriptor) -> None:
        """In a thread: write them; they may be written again."""
        file.write_pieces(self._pieces, self.at)
