"""
A file that a client begins to send.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from .chunk import Chunk

__all__ = ["AnnouncedFile"]


@frozen(kw_only=True)
class AnnouncedFile:
    """
    What a client says of a file as it begins to send it.

    :ivar identifier: what it calls the upload.
    :ivar file_name: the file's name, not cleaned: never make a path of it.
    :ivar relative_path: its path below what was added; the same holds.
    :ivar size: bytes.
    :ivar owner: whose it is, as the resource's ``owner`` said.
    :ivar type: its media type, or nothing.
    :ivar parameters: those of the application's that are kept, by name.
    """

    identifier: str
    file_name: str
    size: int
    relative_path: str = ""
    owner: str = ""
    type: str = ""
    parameters: Mapping[str, str] = field(factory=dict, hash=False)

    @classmethod
    def of(cls, owner: str, chunk: Chunk) -> AnnouncedFile:
        """The file that a chunk is of."""
        return cls(
            identifier=chunk.identifier,
            file_name=chunk.file_name,
            size=chunk.layout.size,
            relative_path=chunk.relative_path,
            owner=owner,
            type=chunk.type,
            parameters=chunk.parameters,
        )
