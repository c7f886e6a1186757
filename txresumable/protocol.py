"""
The resumable.js protocol: from files and chunks to requests, from statuses to verdicts.

Requests and verdicts are values; nothing here sends, waits or looks at a clock.  What a browser
running resumable.js puts on the wire is the measure: the order and the escaping of parameters,
the parts of a body, the statuses that mean something.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from secrets import token_hex
from urllib.parse import quote, urlsplit

from attrs import field, frozen
from hyperlink import EncodedURL

__all__ = [
    "DIALECTS",
    "ChunkFacts",
    "Dialect",
    "FileFacts",
    "ParameterNames",
    "Rendering",
    "RequestHead",
    "Template",
    "Verdict",
    "classify",
    "encode_component",
    "js_string",
    "parse_ranges",
    "without_query",
]

Pairs = Sequence["tuple[str, str]"]


class Verdict(Enum):
    """What an answer means for a chunk."""

    STORED = "stored"
    """The server has it."""
    ABSENT = "absent"
    """The server does not have it: send it (tests only)."""
    RETRY = "retry"
    """It may work later."""
    REDIRECTED = "redirected"
    """The server points elsewhere: permanent, and never followed."""
    REJECTED = "rejected"
    """It will never work."""


@frozen(kw_only=True)
class ParameterNames:
    """
    What the parameters are called.  An empty name drops that parameter.
    """

    chunk_number: str = "resumableChunkNumber"
    chunk_size: str = "resumableChunkSize"
    current_chunk_size: str = "resumableCurrentChunkSize"
    total_size: str = "resumableTotalSize"
    type: str = "resumableType"
    identifier: str = "resumableIdentifier"
    file_name: str = "resumableFilename"
    relative_path: str = "resumableRelativePath"
    total_chunks: str = "resumableTotalChunks"
    checksum: str = "resumableChunkChecksum"
    file: str = "file"


@frozen(kw_only=True)
class Dialect:
    """
    A protocol of the family: its parameter names and what its servers' answers mean.

    :ivar names: what the parameters are called.
    :ivar stored: the statuses that mean that a chunk is on the server.
    :ivar permanent: the statuses of an upload that fail the file.
    :ivar test_permanent: the statuses of a test that fail the file.
    :ivar custom_query_first: whether the custom query comes before the parameters in uploads too.
    :ivar in_url: whether the parameters of a multipart upload stand in the URL as well.
    """

    names: ParameterNames = ParameterNames()
    stored: frozenset[int] = frozenset((200, 201))
    permanent: frozenset[int] = frozenset((400, 401, 403, 404, 409, 415, 500, 501))
    test_permanent: frozenset[int] = frozenset()
    custom_query_first: bool = False
    in_url: bool = True


_FLOW_NAMES = ParameterNames(
    chunk_number="flowChunkNumber",
    chunk_size="flowChunkSize",
    current_chunk_size="flowCurrentChunkSize",
    total_size="flowTotalSize",
    type="",
    identifier="flowIdentifier",
    file_name="flowFilename",
    relative_path="flowRelativePath",
    total_chunks="flowTotalChunks",
    checksum="flowChunkChecksum",
)
_SIMPLE_NAMES = ParameterNames(
    chunk_number="chunkNumber",
    chunk_size="chunkSize",
    current_chunk_size="currentChunkSize",
    total_size="totalSize",
    type="",
    identifier="identifier",
    file_name="filename",
    relative_path="relativePath",
    total_chunks="totalChunks",
    checksum="chunkChecksum",
)
_FLOW_STORED = frozenset((200, 201, 202))
_FLOW_PERMANENT = frozenset((404, 413, 415, 500, 501))

DIALECTS: Mapping[str, Dialect] = {
    "resumable": Dialect(),
    "flow": Dialect(
        names=_FLOW_NAMES,
        stored=_FLOW_STORED,
        permanent=_FLOW_PERMANENT,
        test_permanent=_FLOW_PERMANENT,
        custom_query_first=True,
        in_url=False,
    ),
    "simple": Dialect(
        names=_SIMPLE_NAMES,
        stored=_FLOW_STORED,
        permanent=_FLOW_PERMANENT,
        test_permanent=_FLOW_PERMANENT,
        custom_query_first=True,
        in_url=False,
    ),
}


def classify(
    status: int, *, stored: frozenset[int], permanent: frozenset[int], test: bool = False
) -> Verdict:
    """
    What a status means.

    :param status: the HTTP status.
    :param stored: the statuses that mean that the chunk is there.
    :param permanent: the statuses that fail the file.
    :param test: whether a test was asked, not an upload.
    :returns: the verdict; total over all numbers.
    """
    if status in stored:
        return Verdict.STORED
    if status in permanent:
        return Verdict.REJECTED
    if test:
        return Verdict.ABSENT
    if 300 <= status < 400:
        return Verdict.REDIRECTED
    return Verdict.RETRY


# Text ------------------------------------------------------------------------------------------

_SURROGATES = re.compile("[\ud800-\udfff]")
_UNRESERVED = re.compile(r"[0-9A-Za-z_.!~*()-]*\Z")
_NEWLINES = re.compile("\r\n|\r|\n")
_NOT_URL_TEXT = re.compile(r"[^\x21\x24-\x26\x28-\x3b\x3d\x3f-\x7e]")
_NOT_PATH_TEXT = re.compile(r"[^\x21\x24-\x3b\x3d\x40-\x5f\x61-\x7a\x7c\x7e]")
_PRINTABLE = re.compile(r"[\x20-\x7e]*\Z")
_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,9})\Z")


def _scalars(text: str) -> str:
    """Text as a browser would send it: what no UTF-8 can say becomes U+FFFD."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def encode_component(text: str) -> str:
    """
    Percent-encode as ``encodeURIComponent`` does, then as the URL layer does (``'`` too).

    :param text: any text; a lone surrogate is sent as U+FFFD.
    :returns: ASCII.
    """
    if _UNRESERVED.match(text):
        return text
    return quote(_scalars(text), safe="!~*()")


def _url_layer(text: str, unwanted: re.Pattern[str] = _NOT_URL_TEXT) -> str:
    """What a browser's URL parser leaves of a piece of a query that nobody encoded."""
    return unwanted.sub(lambda found: quote(found[0], safe=""), _scalars(text))


def js_string(value: object) -> str:
    """
    A value of a custom query as JavaScript's ``String()`` writes it.

    :param value: text, a number, a boolean, :data:`None` or a sequence of these.
    :returns: its text.
    :raises TypeError: for anything else.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _js_number(value)
    if isinstance(value, (list, tuple)):
        return ",".join("" if item is None else js_string(item) for item in value)
    raise TypeError(f"query takes text, numbers, booleans, None and lists of them, not {value!r}")


def _js_number(value: float) -> str:
    """A float as JavaScript writes it (ECMA-262, Number::toString)."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if not value:
        return "0"
    _, digits, exponent = Decimal(repr(abs(value))).normalize().as_tuple()
    assert isinstance(exponent, int)
    text, point, sign = "".join(map(str, digits)), len(digits) + exponent, "-" * (value < 0)
    if 0 < point <= 21:
        whole, rest = text[:point].ljust(point, "0"), text[point:]
        return f"{sign}{whole}.{rest}" if rest else sign + whole
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{text}"
    rest = f".{text[1:]}" if text[1:] else ""
    return f"{sign}{text[0]}{rest}e{point - 1:+d}"


def _js_order(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs in the order in which JavaScript walks an object: whole numbers first, by size."""
    pairs = list(pairs)
    if any(name[:1].isdigit() for name, _ in pairs):
        pairs.sort(key=lambda pair: int(pair[0]) if _is_index(pair[0]) else 2**32)
    return pairs


def _is_index(name: str) -> bool:
    return _INDEX.match(name) is not None and int(name) < 2**32 - 1


def _file_name(text: str) -> bytes:
    """A file name inside a Content-Disposition header (HTML, multipart/form-data encoding)."""
    escaped = text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return _scalars(escaped).encode()


@lru_cache(maxsize=128)
def _field_name(text: str) -> bytes:
    """The name of a part: as a file name, but with the newlines of a value."""
    return _file_name(_NEWLINES.sub("\r\n", text))


def _field_value(text: str) -> bytes:
    return _NEWLINES.sub("\r\n", _scalars(text)).encode()


def without_query(url: str) -> str:
    """
    A URL that may be logged or shown.

    :param url: any URL.
    :returns: it, without user, password, query and fragment.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # what a server sends need not be a URL
        scheme, mark, rest = url.partition("?")[0].partition("#")[0].rpartition("//")
        return scheme + mark + rest.rpartition("@")[2]
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def _joinable(target: str) -> str:
    """A target as ASCII, without a fragment, with the separator for a query at its end."""
    address, mark, query = _scalars(target).partition("#")[0].partition("?")
    scheme, _, rest = address.partition("://")
    host, _, path = rest.partition("/")
    origin = f"{scheme}://{host}"
    if not origin.isascii():
        origin = EncodedURL.from_text(origin).to_uri().to_text().rstrip("/")
    address = f"{origin}/{_url_layer(path, _NOT_PATH_TEXT)}"
    return f"{address}?{_url_layer(query)}&" if mark else f"{address}?"


def parse_ranges(text: str, limit: int) -> list[range]:
    """
    Read a receiver's list of the chunks that it has.

    :param text: numbers and spans counted from 1, such as ``1-57,60``.
    :param limit: the number of chunks.
    :returns: the chunks as ranges counted from 0; nothing at all if any of it is malformed.
    """
    found = []
    for span in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,18})(?:-([0-9]{1,18}))?\s*", span, re.ASCII)
        if match is None:
            return []
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= limit:
            return []
        found.append(range(first - 1, last))
    return found


# Requests --------------------------------------------------------------------------------------


@frozen(kw_only=True)
class FileFacts:
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
    size: int
    total_chunks: int


@frozen
class ChunkFacts:
    """
    What requests say about a chunk.

    :ivar number: counted from 1.
    :ivar size: bytes.
    :ivar checksum: its SHA-256 as hexadecimal, or nothing.

    (While a template is cut, texts stand in for the numbers.)
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

    names: ParameterNames = ParameterNames()
    namespace: str = ""
    chunk_size: int = 1024 * 1024
    octet: bool = False
    base64: bool = False
    type_from_file: bool = False
    checksum: bool = False
    custom_query_first: bool = False
    in_url: bool = True

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
        pairs = [
            f"{encode_component(space + k)}={encode_component(v)}" for k, v in _js_order(query)
        ]
        pairs += [
            f"{_url_layer(space + name)}={encode_component(value)}"
            for name, value in self.parameters(file, chunk)
        ]
        return pairs

    def upload_fields(
        self, file: FileFacts, chunk: ChunkFacts, query: Pairs
    ) -> list[tuple[str, str]]:
        """An upload's parameters; a custom name equal to a standard one replaces it in place."""
        ours, custom = self.parameters(file, chunk), list(query)
        merged = dict(custom + ours if self.custom_query_first else ours + custom)
        return [(self.namespace + name, value) for name, value in _js_order(merged.items())]

    def multipart(
        self, file: FileFacts, fields: Iterable[tuple[str, str]], boundary: str
    ) -> tuple[bytes, bytes]:
        """What stands before and after the chunk in a multipart body."""
        mark = boundary.encode()
        lines = []
        for name, value in fields:
            lines.append(b'--%b\r\nContent-Disposition: form-data; name="' % mark)
            lines.append(b'%b"\r\n\r\n%b\r\n' % (_field_name(name), _field_value(value)))
        kind = self._part_type(file)
        lines.append(b'--%b\r\nContent-Disposition: form-data; name="' % mark)
        lines.append(_field_name(self.namespace + self.names.file))
        if self.base64:
            lines.append(b'"\r\n\r\ndata:%b;base64,' % kind)
        else:
            lines.append(b'"; filename="%b"\r\n' % _file_name(file.file_name))
            lines.append(b"Content-Type: %b\r\n\r\n" % kind)
        return b"".join(lines), b"\r\n--%b--\r\n" % mark

    def _part_type(self, file: FileFacts) -> bytes:
        kind = file.type.lower() if self.type_from_file else ""
        return kind.encode() if kind and _PRINTABLE.match(kind) else b"application/octet-stream"

    def encode_chunk(self, data: bytes) -> bytes:
        """A chunk as it stands in a body that is not streamed: base64."""
        return b64encode(data)

    def encoded_size(self, size: int) -> int:
        """How many bytes of a body a chunk of so many bytes takes."""
        return -(-size // 3) * 4 if self.base64 else size


@frozen
class RequestHead:
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


@frozen
class Template:
    """
    The requests of one file, with what is the same for all its chunks rendered once.

    :ivar rendering: how requests are written.
    :ivar file: what they are about.
    :ivar boundary: between the parts of a body.
    """

    rendering: Rendering
    file: FileFacts
    boundary: str = field(factory=lambda: "----txresumable" + token_hex(16))
    _ready: dict[tuple[str, str, tuple[tuple[str, str], ...]], _Pieces] = field(
        factory=dict, init=False, eq=False, repr=False
    )

    def test_pairs(self, chunk: ChunkFacts, query: Pairs) -> list[str]:
        """The encoded parameters of a test, for a ``target`` that is a function."""
        return self.rendering.test_pairs(self.file, chunk, query)

    def upload_pairs(self, chunk: ChunkFacts, query: Pairs) -> list[str]:
        """The encoded parameters of an upload, for a ``target`` that is a function."""
        fields = self.rendering.upload_fields(self.file, chunk, query)
        return [f"{encode_component(name)}={encode_component(value)}" for name, value in fields]

    def test_url(self, target: str, chunk: ChunkFacts, query: Pairs) -> str:
        """
        Where to ask for a chunk.

        :param target: the URL before the parameters.
        :param chunk: which chunk.
        :param query: the custom query.
        :returns: an encoded URL.
        """
        return self._pieces("test", target, query).text(chunk)

    def upload_url(self, target: str, chunk: ChunkFacts, query: Pairs) -> str:
        """Where to send a chunk; see :meth:`test_url`."""
        return self._pieces("upload", target, query).text(chunk)

    def upload(self, url: str, chunk: ChunkFacts, query: Pairs) -> RequestHead:
        """
        What to send with a chunk.

        :param url: where to, as :meth:`upload_url` or a function gave it.
        :param chunk: which chunk.
        :param query: the custom query.
        """
        if self.rendering.octet:
            return RequestHead(url, "application/octet-stream")
        head = self._pieces("body", "", query).text(chunk).encode("latin-1")
        content_type = f"multipart/form-data; boundary={self.boundary}"
        return RequestHead(url, content_type, head, b"\r\n--%b--\r\n" % self.boundary.encode())

    def _pieces(self, what: str, target: str, query: Pairs) -> _Pieces:
        key = (what, target, tuple(query))
        pieces = self._ready.get(key)
        if pieces is None:
            # A custom query may be new for each chunk: keep no more than one of a kind.
            for old in [old for old in self._ready if old[0] == what]:
                del self._ready[old]
            pieces = self._ready[key] = _Pieces.cut(
                lambda chunk: self._render(what, target, chunk, query)
            )
        return pieces

    def _render(self, what: str, target: str, chunk: ChunkFacts, query: Pairs) -> str:
        rendering, file = self.rendering, self.file
        if what == "test":
            return _joinable(target) + "&".join(rendering.test_pairs(file, chunk, query))
        if what == "body":
            fields = rendering.upload_fields(file, chunk, query)
            head, _ = rendering.multipart(file, fields, self.boundary)
            return head.decode("latin-1")
        if not rendering.in_url and not rendering.octet:
            return _joinable(target)[:-1]
        return _joinable(target) + "&".join(self.upload_pairs(chunk, query))


_MARK = token_hex(16)
_MARKS = [f"{_MARK}{place}" for place in range(3)]


@frozen
class _Pieces:
    """
    A text with places for what differs from chunk to chunk: rendered once with tokens that
    nothing else can contain, and cut at them.
    """

    constants: tuple[str, ...]
    places: tuple[int, ...]

    @classmethod
    def cut(cls, render: Callable[[ChunkFacts], str]) -> _Pieces:
        first, *parts = render(ChunkFacts(*_MARKS)).split(_MARK)
        return cls((first, *[part[1:] for part in parts]), tuple([int(part[0]) for part in parts]))

    def text(self, chunk: ChunkFacts) -> str:
        values = (str(chunk.number), str(chunk.size), chunk.checksum)
        parts = [self.constants[0]]
        for place, constant in zip(self.places, self.constants[1:], strict=True):
            parts.append(values[place])
            parts.append(constant)
        return "".join(parts)
