"""
What the objects of uploads are called.
"""

from __future__ import annotations

import re

from attrs import field, frozen

__all__ = ["Keys"]

_FILE = re.compile(r"(?P<key>[0-9a-f]{64})/(?P<id>[0-9a-f]{32})/")
_CHUNK = re.compile(_FILE.pattern + r"[0-9]{8,}")


def _folder(prefix: str) -> str:
    return prefix and prefix.strip("/") + "/"


@frozen
class Keys:
    """
    The names of all objects, as they are under a prefix.

    ``u/r/<key>`` is the record of an upload, ``u/c/<key>/<id>/<number>`` is a chunk, and
    ``files/<key>/<id>/<name>`` is what was received.  ``key`` is what an upload is known by, and
    ``id`` is new each time that it begins: what arrives late for one never mixes with the next.

    :param prefix: what stands before all; a slash at its end is added.
    :ivar records: what those of records begin with.
    :ivar chunks: what those of chunks begin with.
    :ivar files: what those of files begin with.
    """

    prefix: str = field(converter=_folder)
    records: str = field(init=False)
    chunks: str = field(init=False)
    files: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "records", f"{self.prefix}u/r/")
        object.__setattr__(self, "chunks", f"{self.prefix}u/c/")
        object.__setattr__(self, "files", f"{self.prefix}files/")

    def record(self, key: str) -> str:
        """The record of an upload."""
        return self.records + key

    def upload_of_record(self, name: str) -> str:
        """The upload that a record is of."""
        return name.removeprefix(self.records)

    def chunks_of(self, key: str, id: str) -> str:
        """What those of an upload's chunks begin with."""
        return f"{self.chunks}{key}/{id}/"

    def chunk(self, key: str, id: str, offset: int) -> str:
        """A chunk, counted from 0."""
        return f"{self.chunks}{key}/{id}/{offset:08d}"

    def upload_of_chunk(self, name: str) -> tuple[str, str] | None:
        """The upload that a chunk is of, and its id; nothing if that is no chunk."""
        found = _CHUNK.fullmatch(name.removeprefix(self.chunks))
        return None if found is None else (found["key"], found["id"])

    def offset_of(self, name: str) -> int:
        """Which chunk it is, counted from 0."""
        return int(name.rpartition("/")[2])

    def file(self, key: str, id: str, name: str) -> str:
        """The file that an upload becomes."""
        return f"{self.files}{key}/{id}/{name}"

    def upload_of_file(self, name: str) -> tuple[str, str] | None:
        """The upload that a file is of, and its id; nothing if that is no such file."""
        found = _FILE.match(name.removeprefix(self.files))
        return None if found is None else (found["key"], found["id"])
