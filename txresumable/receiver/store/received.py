"""
A file that was received.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import asdict, field, frozen

__all__ = ["ReceivedFile"]


@frozen(kw_only=True)
class ReceivedFile:
    """
    A finished file, durable and in its place.

    :ivar path: where it is; in object storage the object's key.
    :ivar location: the same path, or the object's URL, such as ``s3://bucket/key``.
    :ivar size: bytes.
    :ivar sha256: of the whole content, as hexadecimal.
    :ivar identifier: what the client called the upload.
    :ivar file_name: the name that the client gave, not cleaned: never make a path of it.
    :ivar relative_path: the path that the client gave; the same holds.
    :ivar owner: whose it is, as the resource's ``owner`` said.
    :ivar type: the media type that the client gave, or nothing.
    :ivar parameters: those of the application's that are kept, by name.
    :ivar id: of this upload: the same if the same end is notified again, and no other's.
    """

    path: str
    size: int
    sha256: str
    identifier: str
    file_name: str
    relative_path: str = ""
    owner: str = ""
    type: str = ""
    parameters: Mapping[str, str] = field(factory=dict, hash=False)
    id: str = field(default="", eq=False)
    location: str = ""

    def facts(self) -> dict[str, object]:
        """All of it by name, as JSON has it."""
        return {**asdict(self, recurse=False), "parameters": dict(self.parameters)}
