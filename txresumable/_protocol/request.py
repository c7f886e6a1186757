"""
Requests encoded from options, a file and a chunk.

They equal, byte by byte, what a browser running resumable.js sends: the order and the escaping of
parameters, the parts of a body.  :class:`RequestEncoder` encodes a single request; most are filled
into its outlines instead (see :class:`~txresumable._protocol.template.Template`).
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from attrs import define, field, frozen

from .dialect import ParameterNames
from .encoding import (
    encode_component,
    joinable,
    js_order,
    url_layer,
)
from .multipart import closing, data_part, file_part, form_fields
from .outline import (
    BOUNDARY,
    CHUNK_MARKS,
    FILE_MARKS,
    FORM_MARKS,
    PART_NAME,
    PART_TYPE,
    Outline,
    mark,
)

__all__ = ["ChunkFacts", "FileFacts", "Pairs", "RequestEncoder", "RequestHead"]

Pairs = Sequence["tuple[str, str]"]

MOST_OUTLINES = 32
"""An uploader has three, unless a custom query differs from request to request."""

_PRINTABLE = re.compile(r"[\x20-\x7e]*\Z")
_FORM = re.compile("multipart/|application/x-www-form-urlencoded")
"""A body that is of such a type is taken apart by servers."""


class FileFacts(NamedTuple):
    """
    What requests state about a file.

    :ivar file_name: its name, without folders.
    :ivar relative_path: its path below what was added, with ``/``.
    :ivar identifier: how the server identifies it.
    :ivar type: its media type, or nothing.
    :ivar size: bytes.
    :ivar total_chunks: how many chunks it has.
    """

    file_name: str
    relative_path: str
    identifier: str
    type: str
    size: int | str
    total_chunks: int | str


@define
class ChunkFacts:
    """
    What requests state about a chunk.

    :ivar number: counted from 1.
    :ivar size: bytes.
    :ivar checksum: its SHA-256 as hexadecimal, or nothing.

    (Placeholders stand in for the numbers while an outline is made.)
    """

    number: int | str
    size: int | str
    checksum: str = ""


@frozen(kw_only=True)
class RequestEncoder:
    """
    Encodes requests as the options say.

    :ivar names: what the parameters are called.
    :ivar namespace: the prefix of every name.
    :ivar chunk_size: the configured size of a chunk in bytes.
    :ivar octet: whether the body of an upload is the chunk alone.
    :ivar base64: whether the chunk is sent as a ``data:`` URL in a field.
    :ivar type_from_file: whether the file's type is the type of its chunks.
    :ivar checksum: whether each chunk carries its digest.
    :ivar tests_merged: see :class:`Dialect`.
    :ivar custom_query_first: see :class:`Dialect`.
    :ivar in_url: see :class:`Dialect`.
    """

    names: ParameterNames = field(factory=ParameterNames)
    namespace: str = ""
    chunk_size: int = 1024 * 1024
    octet: bool = False
    base64: bool = False
    type_from_file: bool = False
    checksum: bool = False
    tests_merged: bool = False
    custom_query_first: bool = False
    in_url: bool = True
    _outlines: dict[tuple[str, str, tuple[tuple[str, str], ...]], Outline] = field(
        factory=dict, init=False, eq=False, repr=False
    )

    def parameters(self, file: FileFacts, chunk: ChunkFacts) -> list[tuple[str, str]]:
        """The nine parameters in their order, if they have a name, and then the checksum."""
        names = self.names
        pairs = [
            (names.chunk_number, str(chunk.number)),
            (names.chunk_size, str(self.chunk_size)),
            (names.current_chunk_size, str(chunk.size)),
            (names.total_size, str(file.size)),
            (names.type, file.type),
            (names.identifier, file.identifier),
            (names.file_name, file.file_name),
            (names.relative_path, file.relative_path),
            (names.total_chunks, str(file.total_chunks)),
        ]
        if self.checksum:
            pairs.append((names.checksum, f"sha256:{chunk.checksum}"))
        return [pair for pair in pairs if pair[0]]

    def test_pairs(self, file: FileFacts, chunk: ChunkFacts, query: Pairs) -> list[str]:
        """The encoded parameters of a test: the custom query, then the nine, if not merged."""
        if self.tests_merged:
            return self.upload_pairs(file, chunk, query)
        space = self.namespace
        pairs = [f"{encode_component(space + k)}={encode_component(v)}" for k, v in js_order(query)]
        pairs += [
            f"{url_layer(space + name)}={encode_component(value)}"
            for name, value in self.parameters(file, chunk)
        ]
        return pairs

    def upload_fields(
        self, file: FileFacts, chunk: ChunkFacts, query: Pairs
    ) -> list[tuple[str, str]]:
        """An upload's parameters; of two that have the same name, the second replaces the first."""
        ours, custom = self.parameters(file, chunk), list(query)
        merged = dict(custom + ours if self.custom_query_first else ours + custom)
        return [(self.namespace + name, value) for name, value in js_order(merged.items())]

    def multipart(
        self, file: FileFacts, fields: Iterable[tuple[str, str]], boundary: str
    ) -> tuple[bytes, bytes]:
        """The bytes before and after the chunk in a multipart body."""
        name, kind = self.namespace + self.names.file, self.chunk_type(file)
        head = form_fields(fields, boundary)
        if self.base64:
            return head + data_part(name, kind, boundary), closing(boundary)
        return head + file_part(name, file.file_name, kind, boundary), closing(boundary)

    def chunk_type(self, file: FileFacts) -> str:
        """The Content-Type of a chunk: of its part, or of the body that it is."""
        kind = file.type.lower() if self.type_from_file else ""
        if not kind or not _PRINTABLE.match(kind) or (self.octet and _FORM.match(kind)):
            return "application/octet-stream"
        return kind

    def upload_url(self, target: str, file: FileFacts, chunk: ChunkFacts, query: Pairs) -> str:
        """The URL for uploading a chunk."""
        if not self.in_url and not self.octet:
            return joinable(target)[:-1]
        return joinable(target) + "&".join(self.upload_pairs(file, chunk, query))

    def upload_pairs(self, file: FileFacts, chunk: ChunkFacts, query: Pairs) -> list[str]:
        """The encoded parameters of an upload."""
        fields = self.upload_fields(file, chunk, query)
        return [f"{encode_component(name)}={encode_component(value)}" for name, value in fields]

    def outline(self, what: str, target: str, query: Pairs) -> Outline:
        """
        The text of all requests of a kind, with placeholders for what differs from file to file and
        from chunk to chunk.

        :param what: ``test`` for the URL of a test; ``body`` for the bytes before the chunk in an
            upload, and ``upload`` for its URL, a newline and these bytes.
        :param target: the URL before the parameters.
        :param query: the custom query.
        """
        key = (what, target, tuple(query))
        outline = self._outlines.get(key)
        if outline is None:
            if len(self._outlines) >= MOST_OUTLINES:  # a custom query may be new for each chunk
                self._outlines.clear()
            outline = self._outlines[key] = Outline(self._outline(what, target, query))
        return outline

    def _outline(self, what: str, target: str, query: Pairs) -> str:
        file, chunk = FileFacts(**FILE_MARKS), ChunkFacts(*CHUNK_MARKS)
        if what == "test":
            return joinable(target) + "&".join(self.test_pairs(file, chunk, query))
        if what == "upload":
            return (
                self.upload_url(target, file, chunk, query)
                + "\n"
                + self._outline("body", "", query)
            )
        if self.octet:
            return ""
        fields = self.upload_fields(file._replace(**FORM_MARKS), chunk, query)
        # Names and types are escaped differently in the headers of a part than in a field.
        part = file._replace(file_name=mark(PART_NAME), type=mark(PART_TYPE))
        return self.multipart(part, fields, mark(BOUNDARY))[0].decode("latin-1")

    def encode_chunk(self, data: bytes) -> bytes:
        """A chunk as it is sent in base64."""
        return b64encode(data)

    def encoded_size(self, size: int) -> int:
        """The number of bytes that a chunk of this size takes in a body."""
        return -(-size // 3) * 4 if self.base64 else size


@define
class RequestHead:
    """
    An upload request without its chunk.

    :ivar url: encoded.
    :ivar content_type: its Content-Type.
    :ivar head: the bytes of the body before the chunk.
    :ivar tail: those after it.
    """

    url: str
    content_type: str
    head: bytes = b""
    tail: bytes = b""
