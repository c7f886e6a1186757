"""
What is written down about an upload.

While an upload is unfinished its record is a line of JSON, which never changes, and after it one
byte for each chunk: 0, or 1 once the chunk is durable.  To commit a chunk is to overwrite one
byte at a known place.  A single byte cannot be torn, no entry can be half there, and the price of
a commit does not grow with the number of chunks, be they a million; reading it back is one read.
A journal would need checks, replay and compaction for the same.

Just before the file gets its name, eight more bytes say when it was last written to; with the only
chunk of a file they are written at once, unless the application may change the file before its end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from secrets import token_hex
from struct import Struct
from typing import Any, TypeVar

from attrs import define, field, fields, frozen
from attrs.validators import deep_mapping, ge, instance_of, matches_re

from ..._protocol.layout import ChunkLayout
from .announced import AnnouncedFile
from .chunk import Chunk
from .present import Present
from .received import ReceivedFile

__all__ = ["ABSENT", "DURABLE", "Done", "Record", "encode_time"]

ABSENT, DURABLE = b"\0", b"\1"
_T = TypeVar("_T")
_TIME = Struct(">q")
_IDENTITY = Struct(">Qq")
# Downwards from the root, whatever a damaged record says.
_COMPONENT = r"(?!\.{1,2}(?:/|\Z))[^/\0\ud800-\udfff]+"
_TEXT, _OBJECT = instance_of(str), instance_of(dict)
_PATH = matches_re(f"{_COMPONENT}(?:/{_COMPONENT})*")


@frozen(kw_only=True)
class Record:
    """
    What is fixed about an upload from its first chunk on.

    :ivar id: its own.
    :ivar owner: whose it is.
    :ivar identifier: what the client calls it.
    :ivar file_name: the client's name for the file.
    :ivar relative_path: the client's path for it.
    :ivar path: where it will lie below the root, if nothing else lies there.
    :ivar type: its media type, or nothing.
    :ivar parameters: those of the application's that are kept.
    :ivar size: bytes.
    :ivar chunk_size: bytes.
    :ivar force: whether the number of chunks is rounded up.
    """

    id: str = field(validator=_TEXT, eq=False)
    owner: str = field(validator=instance_of(str))
    identifier: str = field(validator=instance_of(str))
    file_name: str = field(validator=instance_of(str))
    relative_path: str = field(validator=instance_of(str))
    path: str = field(validator=_PATH)
    type: str = field(validator=instance_of(str))
    parameters: Mapping[str, str] = field(validator=deep_mapping(_TEXT, _TEXT, _OBJECT), hash=False)
    size: int = field(validator=[instance_of(int), ge(0)])
    chunk_size: int = field(validator=[instance_of(int), ge(1)])
    force: bool = field(validator=instance_of(bool))

    @classmethod
    def of(cls, owner: str, chunk: Chunk, path: str) -> Record:
        """The record of an upload whose first request says this, and that will lie there."""
        return cls(
            id=token_hex(16),
            owner=owner,
            identifier=chunk.identifier,
            file_name=chunk.file_name,
            relative_path=chunk.relative_path,
            path=path,
            type=chunk.type,
            parameters=chunk.parameters,
            size=chunk.layout.size,
            chunk_size=chunk.layout.chunk_size,
            force=chunk.layout.force,
        )

    def fits(self, layout: ChunkLayout) -> bool:
        """Whether a chunk of a file that is laid out like this may be one of this upload."""
        wanted = (layout.size, layout.chunk_size, layout.force)
        return (self.size, self.chunk_size, self.force) == wanted

    @property
    def layout(self) -> ChunkLayout:
        """Which bytes belong to which chunk."""
        return ChunkLayout(self.size, self.chunk_size, self.force)

    def received_as(self, path: str, sha256: str) -> ReceivedFile:
        """
        The file that the upload has become.

        :param path: where it is.
        :param sha256: of the whole content, as hexadecimal.
        """
        return ReceivedFile(
            path=path,
            location=path,
            size=self.size,
            sha256=sha256,
            identifier=self.identifier,
            file_name=self.file_name,
            relative_path=self.relative_path,
            owner=self.owner,
            type=self.type,
            parameters=self.parameters,
            id=self.id,
        )

    def announced(self) -> AnnouncedFile:
        """The file as its client announced it."""
        return AnnouncedFile(
            identifier=self.identifier,
            file_name=self.file_name,
            size=self.size,
            relative_path=self.relative_path,
            owner=self.owner,
            type=self.type,
            parameters=self.parameters,
        )

    def encode(self) -> bytes:
        """The record as a line."""
        return json.dumps(self.facts()).encode() + b"\n"

    def facts(self) -> dict[str, Any]:
        """What is written down of it."""
        return {name: getattr(self, name) for name in _FACTS}

    @classmethod
    def decode(cls, written: bytes) -> tuple[Record, Present, int | None]:
        """
        Read a record and its chunks back, and when the file was last written to, in
        nanoseconds, if that was noted.

        :raises ValueError: if it is not one.
        """
        line, _, chunks = written.partition(b"\n")
        record = _made(cls, _fields(line))
        count = record.layout.count
        if not count <= len(chunks) <= count + _TIME.size:
            raise ValueError("the record does not fit its chunks")
        # A time that was not written to its end counts as not written.
        is_timed = len(chunks) == count + _TIME.size
        (mtime,) = _TIME.unpack(chunks[count:]) if is_timed else (0,)
        return record, Present.decode(chunks[:count]), mtime or None


_FACTS = tuple(fact.name for fact in fields(Record))


@define(kw_only=True)
class Done:
    """
    What is kept about a finished upload, so that its last chunk may come again.

    It is a line of JSON, and after it sixteen bytes for ``inode`` and ``ctime``.  The latter can
    only be known once the line is durable and the file has no other name any more; until then, and
    if a crash comes before, it is zero.  Both are overwritten once a file that has others was
    compared with what it was; should that be torn, it is compared once more.

    :ivar record: what it was.
    :ivar name: the finished file's path below the root.
    :ivar sha256: of the whole content that was received.
    :ivar size: how many bytes it has.
    :ivar mtime: when it was last written to, in nanoseconds.
    :ivar inode: the finished file's number.
    :ivar ctime: when anything about the file last changed, in nanoseconds; 0 for unknown.
    """

    record: Record
    name: str = field(validator=_PATH)
    sha256: str = field(validator=instance_of(str))
    size: int = field(validator=instance_of(int))
    mtime: int = field(validator=instance_of(int))
    inode: int = field(eq=False)
    ctime: int = field(default=0, eq=False)

    def encode(self) -> bytes:
        """All of it."""
        written = {
            "record": self.record.facts(),
            "name": self.name,
            "sha256": self.sha256,
            "size": self.size,
            "mtime": self.mtime,
        }
        return json.dumps(written).encode() + b"\n" + self.encode_identity()

    def encode_identity(self) -> bytes:
        """The bytes at its end."""
        return _IDENTITY.pack(self.inode, self.ctime)

    @classmethod
    def decode(cls, written: bytes) -> Done:
        """
        Read it back.

        :raises ValueError: if it is not one.
        """
        line, _, rest = written.partition(b"\n")
        if len(rest) != _IDENTITY.size:
            raise ValueError("not a record")
        found = dict(_fields(line))
        record = _made(Record, found.pop("record", {}))
        inode, ctime = _IDENTITY.unpack(rest)
        return _made(cls, {**found, "record": record, "inode": inode, "ctime": ctime})


def encode_time(nanoseconds: int) -> bytes:
    """A time as it is written down."""
    return _TIME.pack(nanoseconds)


def _made(kind: type[_T], found: Mapping[str, Any]) -> _T:
    try:
        return kind(**found)
    except TypeError as error:
        raise ValueError("not a record") from error


def _fields(line: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except RecursionError as error:
        raise ValueError("not a record") from error
    if not isinstance(found, dict):
        raise ValueError("not a record")
    return found
