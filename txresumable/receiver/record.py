"""
What is written down about an upload.

While an upload is unfinished its record is a line of JSON, which never changes, and after it one
byte for each chunk: 0, or 1 once the chunk is durable.  To commit a chunk is to overwrite one
byte at a known place.  A single byte cannot be torn, no entry can be half there, and the price of
a commit does not grow with the number of chunks, be they a million; reading it back is one read.
A journal would need checks, replay and compaction for the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import asdict, frozen

from ..chunks import ChunkLayout
from .parameters import MAX_CHUNKS, Parameters

__all__ = ["ABSENT", "DURABLE", "Done", "Record"]

ABSENT, DURABLE = b"\0", b"\1"
_LONGEST = 1024 * 1024


@frozen(kw_only=True)
class Record:
    """
    What is fixed about an upload from its first chunk on.

    :ivar owner: whose it is.
    :ivar identifier: what the client calls it.
    :ivar file_name: the client's name for the file.
    :ivar relative_path: the client's path for it.
    :ivar type: its media type, or nothing.
    :ivar size: bytes.
    :ivar chunk_size: bytes.
    :ivar force: whether the number of chunks is rounded up.
    """

    owner: str
    identifier: str
    file_name: str
    relative_path: str
    type: str
    size: int
    chunk_size: int
    force: bool

    @classmethod
    def of(cls, owner: str, given: Parameters) -> Record:
        """The record of an upload whose first request says this."""
        return cls(
            owner=owner,
            identifier=given.identifier,
            file_name=given.file_name,
            relative_path=given.relative_path,
            type=given.type,
            size=given.layout.size,
            chunk_size=given.layout.chunk_size,
            force=given.layout.force,
        )

    @property
    def layout(self) -> ChunkLayout:
        """Which bytes belong to which chunk."""
        return ChunkLayout(self.size, self.chunk_size, self.force)

    def encode(self) -> bytes:
        """The record as a line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def decode(cls, written: bytes) -> tuple[Record, bytearray]:
        """
        Read a record and the bytes of its chunks back.

        :raises ValueError: if it is not one.
        """
        line, end, chunks = written[:_LONGEST].partition(b"\n")
        if not end:
            raise ValueError("no record")
        record = cls(**_fields(line))
        chunks = written[len(line) + 1 :]
        if len(chunks) != record.layout.count or record.layout.count > MAX_CHUNKS:
            raise ValueError("the record does not fit its chunks")
        return record, bytearray(chunks)


@frozen(kw_only=True)
class Done:
    """
    What is kept about a finished upload, so that its last chunk may come again.

    :ivar record: what it was.
    :ivar name: the finished file's name.
    :ivar inode: the finished file's number, to know it again.
    :ivar sha256: of the whole content.
    :ivar when: seconds since the epoch.
    """

    record: Record
    name: str
    inode: int
    sha256: str
    when: float

    def encode(self) -> bytes:
        """All of it as a line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def decode(cls, written: bytes) -> Done:
        """
        Read it back.

        :raises ValueError: if it is not one.
        """
        found = dict(_fields(written))
        try:
            record = Record(**found.pop("record"))
            return cls(record=record, **found)
        except (KeyError, TypeError) as error:
            raise ValueError("not a record") from error


def _fields(line: bytes) -> Mapping[str, Any]:
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError("not a record")
    return found
