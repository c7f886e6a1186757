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
from typing import Any, TypeVar

from attrs import asdict, field, frozen
from attrs.validators import ge, instance_of

from ..._protocol.layout import ChunkLayout
from ..web.parameters import Parameters

__all__ = ["ABSENT", "DURABLE", "Done", "Record"]

ABSENT, DURABLE = b"\0", b"\1"
_T = TypeVar("_T")
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

    owner: str = field(validator=instance_of(str))
    identifier: str = field(validator=instance_of(str))
    file_name: str = field(validator=instance_of(str))
    relative_path: str = field(validator=instance_of(str))
    type: str = field(validator=instance_of(str))
    size: int = field(validator=ge(0))
    chunk_size: int = field(validator=ge(1))
    force: bool = field(validator=instance_of(bool))

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
        record = _made(cls, _fields(line))
        chunks = written[len(line) + 1 :]
        if len(chunks) != record.layout.count:
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
    name: str = field(validator=instance_of(str))
    inode: int = field(validator=ge(0))
    sha256: str = field(validator=instance_of(str))
    when: float = field(validator=ge(0))

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
        record = _made(Record, found.pop("record", {}))
        return _made(cls, {"record": record, **found})


def _made(kind: type[_T], found: Mapping[str, Any]) -> _T:
    try:
        return kind(**found)
    except TypeError as error:
        raise ValueError("not a record") from error


def _fields(line: bytes) -> Mapping[str, Any]:
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError("not a record")
    return found
