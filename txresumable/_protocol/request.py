"""
Requests written from options, a file and a chunk.

What a browser running resumable.js puts on the wire is the measure: the order and the escaping of
parameters, the parts of a body.  :class:`Rendering` says it plainly.  A :class:`Template` comes to
the same text sooner: what the options decide is written once, and has places to be filled with
what is known of a file, and then with what is known of a chunk.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from secrets import token_hex
from typing import NamedTuple

from attrs import field, frozen

from .dialect import ParameterNames
from .encoding import (
    encode_component,
    form_file_name,
    form_name,
    form_value,
    joinable,
    js_order,
    url_layer,
)

__all__ = ["ChunkFacts", "FileFacts", "Rendering", "RequestHead", "Template"]

Pairs = Sequence["tuple[str, str]"]

MOST_OUTLINES = 32

_PRINTABLE = re.compile(r"[\x20-\x7e]*\Z")


class FileFacts(NamedTuple):
    """
    What requests say about a file.

    :ivar file_name: its name, without folders.
    :ivar relative_path: its path below what was added, with ``/``.
    :ivar identifier: what the server knows it by.
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


class ChunkFacts(NamedTuple):
    """
    What requests say about a chunk.

    :ivar number: counted from 1.
    :ivar size: bytes.
    :ivar checksum: its SHA-256 as hexadecimal, or nothing.

    (While an outline is cut, texts stand in for the numbers.)
    """

    number: int | str
    size: int | str
    checksum: str = ""


@frozen(kw_only=True)
class Rendering:
    """
    How requests are written: the options that shape them.

    :ivar names: what the parameters are called.
    :ivar namespace: what stands before every name.
    :ivar chunk_size: the configured size of a chunk in bytes.
    :ivar octet: whether the body of an upload is the bare chunk.
    :ivar base64: whether the chunk is sent as a ``data:`` URL in a field.
    :ivar type_from_file: whether the file's type is the type of its part.
    :ivar checksum: whether each chunk carries its digest.
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
    custom_query_first: bool = False
    in_url: bool = True
    _outlines: dict[tuple[str, str, tuple[tuple[str, str], ...]], _Outline] = field(
        factory=dict, init=False, eq=False, repr=False
    )

    def parameters(self, file: FileFacts, chunk: ChunkFacts) -> list[tuple[str, str]]:
        """The nine, in their order and without those that have no name; then the checksum."""
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
        """A test's parameters, encoded: the custom query, then the nine with bare names."""
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
        """An upload's parameters; a custom name equal to a standard one replaces it in place."""
        ours, custom = self.parameters(file, chunk), list(query)
        merged = dict(custom + ours if self.custom_query_first else ours + custom)
        return [(self.namespace + name, value) for name, value in js_order(merged.items())]

    def multipart(
        self, file: FileFacts, fields: Iterable[tuple[str, str]], boundary: str
    ) -> tuple[bytes, bytes]:
        """What stands before and after the chunk in a multipart body."""
        mark = boundary.encode()
        lines = []
        for name, value in fields:
            lines.append(b'--%b\r\nContent-Disposition: form-data; name="' % mark)
            lines.append(b'%b"\r\n\r\n%b\r\n' % (form_name(name), form_value(value)))
        kind = self._part_type(file).encode()
        lines.append(b'--%b\r\nContent-Disposition: form-data; name="' % mark)
        lines.append(form_name(self.namespace + self.names.file))
        if self.base64:
            lines.append(b'"\r\n\r\ndata:%b;base64,' % kind)
        else:
            lines.append(b'"; filename="%b"\r\n' % form_file_name(file.file_name))
            lines.append(b"Content-Type: %b\r\n\r\n" % kind)
        return b"".join(lines), b"\r\n--%b--\r\n" % mark

    def _part_type(self, file: FileFacts) -> str:
        kind = file.type.lower() if self.type_from_file else ""
        return kind if kind and _PRINTABLE.match(kind) else "application/octet-stream"

    def upload_url(self, target: str, file: FileFacts, chunk: ChunkFacts, query: Pairs) -> str:
        """Where to send a chunk."""
        if not self.in_url and not self.octet:
            return joinable(target)[:-1]
        return joinable(target) + "&".join(self.upload_pairs(file, chunk, query))

    def upload_pairs(self, file: FileFacts, chunk: ChunkFacts, query: Pairs) -> list[str]:
        """An upload's parameters, encoded."""
        fields = self.upload_fields(file, chunk, query)
        return [f"{encode_component(name)}={encode_component(value)}" for name, value in fields]

    def outline(self, what: str, target: str, query: Pairs) -> _Outline:
        """
        The text of all requests of a kind, with places for what differs from file to file and
        from chunk to chunk.

        :param what: ``test`` for the URL of one; for an upload ``body``, what stands before the
            chunk, or ``upload``, its URL and that on the next lines.
        :param target: the URL before the parameters.
        :param query: the custom query.
        """
        key = (what, target, tuple(query))
        outline = self._outlines.get(key)
        if outline is None:
            if len(self._outlines) >= MOST_OUTLINES:  # a custom query may be new for each chunk
                self._outlines.clear()
            outline = self._outlines[key] = _Outline(self._outline(what, target, query))
        return outline

    def _outline(self, what: str, target: str, query: Pairs) -> str:
        file, chunk = FileFacts(**_FILE_MARKS), ChunkFacts(*_CHUNK_MARKS)
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
        fields = self.upload_fields(file._replace(**_FORM_MARKS), chunk, query)
        # A name and a type are not written into a part's headers as they are into a field.
        part = file._replace(file_name=_mark(PART_NAME), type=_mark(PART_TYPE))
        return self.multipart(part, fields, _mark(BOUNDARY))[0].decode("latin-1")

    def encode_chunk(self, data: bytes) -> bytes:
        """A chunk as it stands in a body that is not streamed: base64."""
        return b64encode(data)

    def encoded_size(self, size: int) -> int:
        """How many bytes of a body a chunk of so many bytes takes."""
        return -(-size // 3) * 4 if self.base64 else size


class RequestHead(NamedTuple):
    """
    An upload request but for its chunk.

    :ivar url: where to, encoded.
    :ivar content_type: its Content-Type.
    :ivar head: the bytes of the body before the chunk.
    :ivar tail: those after it.
    """

    url: str
    content_type: str
    head: bytes = b""
    tail: bytes = b""


class Template:
    """
    The requests of one file.

    :ivar rendering: how requests are written.
    :ivar file: what they are about.
    :ivar boundary: between the parts of a body.
    """

    __slots__ = ("_filled", "_known", "boundary", "file", "rendering")

    def __init__(self, rendering: Rendering, file: FileFacts) -> None:
        self.rendering = rendering
        self.file = file
        self.boundary = _next_boundary()
        self._filled: dict[str, tuple[_Outline, _Outline]] = {}
        self._known = self._values()

    def test_pairs(self, chunk: ChunkFacts, query: Pairs) -> list[str]:
        """The encoded parameters of a test, for a ``target`` that is a function."""
        return self.rendering.test_pairs(self.file, chunk, query)

    def upload_pairs(self, chunk: ChunkFacts, query: Pairs) -> list[str]:
        """The encoded parameters of an upload, for a ``target`` that is a function."""
        return self.rendering.upload_pairs(self.file, chunk, query)

    def test_url(self, target: str, chunk: ChunkFacts, query: Pairs) -> str:
        """
        Where to ask for a chunk.

        :param target: the URL before the parameters.
        :param chunk: which chunk.
        :param query: the custom query.
        :returns: an encoded URL.
        """
        return self._text("test", target, query, chunk)

    def upload(self, target: str, chunk: ChunkFacts, query: Pairs) -> RequestHead:
        """
        Where to send a chunk, and what with it; see :meth:`test_url`.
        """
        url, _, body = self._text("upload", target, query, chunk).partition("\n")
        return self._around(url, body)

    def upload_to(self, url: str, chunk: ChunkFacts, query: Pairs) -> RequestHead:
        """
        What to send with a chunk.

        :param url: where to, as a function gave it.
        :param chunk: which chunk.
        :param query: the custom query.
        """
        return self._around(url, self._text("body", "", query, chunk))

    def _around(self, url: str, body: str) -> RequestHead:
        if self.rendering.octet:
            return RequestHead(url, "application/octet-stream")
        content_type = f"multipart/form-data; boundary={self.boundary}"
        tail = b"\r\n--%b--\r\n" % self.boundary.encode()
        return RequestHead(url, content_type, body.encode("latin-1"), tail)

    def _text(self, what: str, target: str, query: Pairs, chunk: ChunkFacts) -> str:
        outline = self.rendering.outline(what, target, query)
        values = (str(chunk.number), str(chunk.size), chunk.checksum)
        if self.file.total_chunks == 1:
            return outline.fill(values + self._known)
        filled = self._filled.get(what)
        if filled is None or filled[0] is not outline:
            filled = self._filled[what] = (
                outline,
                _Outline(outline.fill(_CHUNK_MARKS + self._known)),
            )
        return filled[1].fill(values)

    def _values(self) -> tuple[str, ...]:
        """What is known of the file, by place: as it stands in a URL, then in a form as Latin-1."""
        file = self.file
        name, path = file.file_name, file.relative_path
        url_name, field_name, part_name = _written_name(name)
        url_path, field_path = url_name, field_name
        if path is not name:
            url_path, field_path, _ = _written_name(path)
        url_identifier, field_identifier, _ = _written_name(file.identifier)
        url_type, field_type, _ = _written_type(file.type)
        return (
            str(file.size),
            url_type,
            url_identifier,
            url_name,
            url_path,
            str(file.total_chunks),
            field_type,
            field_identifier,
            field_name,
            field_path,
            part_name,
            self.rendering._part_type(file),
            self.boundary,
        )


def _boundaries() -> Iterator[str]:
    """One after the other; random bytes cost less by the dozen."""
    while True:
        many = token_hex(16 * 64)
        for at in range(0, len(many), 32):
            yield f"----txresumable{many[at : at + 32]}"


_next_boundary = _boundaries().__next__


def _written_name(text: str) -> tuple[str, str, str]:
    """A text as it stands in a URL, in a field, and as a file name; the last two as Latin-1."""
    encoded = encode_component(text)
    if encoded is text:  # what needs no escape in a URL needs none in a form
        return text, text, text
    return encoded, form_value(text).decode("latin-1"), form_file_name(text).decode("latin-1")


_written_type = lru_cache(maxsize=64)(_written_name)


_MARK = token_hex(16)
"""What begins the places in a text: nothing else can contain it."""


def _mark(place: int) -> str:
    """What stands for a value that is not known yet."""
    return f"{_MARK}{place:02}"


_CHUNK_MARKS = tuple(_mark(place) for place in range(3))
_FILE_MARKS = {
    name: _mark(place)
    for place, name in enumerate(
        ("size", "type", "identifier", "file_name", "relative_path", "total_chunks"), 3
    )
}
_FORM_MARKS = {
    name: _mark(place)
    for place, name in enumerate(("type", "identifier", "file_name", "relative_path"), 9)
}
PART_NAME, PART_TYPE, BOUNDARY = 13, 14, 15


class _Outline:
    """
    A text with places for values, some of them more than once.
    """

    __slots__ = ("_format", "_pick")

    def __init__(self, text: str) -> None:
        """:param text: with marks for the values."""
        first, *parts = text.split(_MARK)
        constants = [first, *[part[2:] for part in parts]]
        self._format = "%s".join([constant.replace("%", "%%") for constant in constants])
        self._pick = _picker([int(part[:2]) for part in parts])

    def fill(self, values: Sequence[str]) -> str:
        """The text with these values, by the number of their place, in it."""
        return self._format % self._pick(values)


def _picker(places: list[int]) -> Callable[[Sequence[str]], str | tuple[str, ...]]:
    """What takes those in these places: several in a tuple, one as it is."""
    return itemgetter(*places) if places else lambda values: ()
