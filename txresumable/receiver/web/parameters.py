"""
What a request says about a chunk, strictly read.

Numbers are ASCII digits and nothing else; the layout must be one that resumable.js can produce;
and where a parameter stands in the URL and in the body, both must agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from ..._protocol.dialect import ParameterNames
from ..._protocol.encoding import fold_newlines
from ..._protocol.layout import ChunkLayout, chunk_count
from ..store.chunk import Chunk
from ..store.refused import Refused

__all__ = [
    "LONGEST_NAME",
    "ChunkReader",
    "merged",
    "read_chunk",
    "standard_names",
    "url_parameters",
]

LONGEST_NAME = 4096
"""The most bytes of an identifier, a name or a type, which are kept; no path is longer."""

_MOST_PARAMETERS = 256
_NUMBER = re.compile(r"[0-9]{1,18}\Z", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_CHECKSUM = re.compile(r"sha256:([0-9a-f]{64})\Z", re.ASCII | re.IGNORECASE)


class ChunkReader:
    """
    Reads chunks from parameters.

    :param names: what the parameters are called.
    :param kept: the names of those of the application's that are kept.
    :ivar names: the same as the first.
    :ivar known: the names that matter.
    """

    def __init__(self, names: ParameterNames, kept: Iterable[str] = ()) -> None:
        self.names = names
        self._kept = tuple(kept)
        self.known = standard_names(names).union(self._kept)

    def read(self, url: Mapping[str, str], body: Iterable[tuple[str, str]] = ()) -> Chunk:
        """
        The chunk that a request describes.

        :param url: the parameters of its URL.
        :param body: those of its body.
        :raises Refused: with 400, saying what is wrong.
        """
        return read_chunk(merged(url, body, self.known), self.names, self._kept)


def read_chunk(given: Mapping[str, str], names: ParameterNames, kept: Iterable[str] = ()) -> Chunk:
    """
    The chunk that the parameters of a request describe.

    :param given: their values by name.
    :param names: what they are called.
    :param kept: the names of those of the application's that are kept.
    :raises Refused: with 400, saying what is wrong.
    """
    size = _number(given, names.total_size)
    chunk_size = _number(given, names.chunk_size)
    number = _number(given, names.chunk_number)
    if chunk_size < 1:
        raise Refused(400, f"{names.chunk_size} must be 1 or more")
    layout = _layout(size, chunk_size, _optional(given, names.total_chunks), names)
    if not 1 <= number <= layout.count:
        raise Refused(400, f"{names.chunk_number} must be 1 to {layout.count}")
    identifier = _text(given, names.identifier)
    if not identifier:
        raise Refused(400, f"{names.identifier} is missing")
    found = Chunk(
        identifier=identifier,
        offset=number - 1,
        layout=layout,
        file_name=_text(given, names.file_name),
        relative_path=_text(given, names.relative_path),
        type=_text(given, names.type),
        parameters={name: _text(given, name) for name in kept if name in given},
        checksum=_checksum(given.get(names.checksum, ""), names),
    )
    current = _optional(given, names.current_chunk_size)
    if current is not None and current != found.length:
        raise Refused(400, f"{names.current_chunk_size} of chunk {number} is {found.length}")
    return found


def standard_names(names: ParameterNames) -> frozenset[str]:
    """The names that have a meaning, the file part's apart."""
    found = (
        names.chunk_number,
        names.chunk_size,
        names.current_chunk_size,
        names.total_size,
        names.type,
        names.identifier,
        names.file_name,
        names.relative_path,
        names.total_chunks,
        names.checksum,
    )
    return frozenset(name for name in found if name)


def url_parameters(url: bytes) -> list[tuple[str, str]]:
    """
    The parameters of a URL, in their order; bytes that are not UTF-8 are surrogates.

    :raises Refused: with 400 if there are too many.
    """
    query = url.partition(b"?")[2].decode("utf-8", "surrogateescape")
    try:
        return parse_qsl(
            query,
            keep_blank_values=True,
            errors="surrogateescape",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError as error:
        raise Refused(400, "the URL has too many parameters") from error


def merged(
    url: Mapping[str, str], body: Iterable[tuple[str, str]], known: frozenset[str]
) -> dict[str, str]:
    """
    The parameters of a request, from its URL and its body.

    Bytes that are not UTF-8 are surrogates in what is given (``surrogateescape``), and refused:
    replaced, two identifiers could become one.  Browsers turn a lone CR or LF of a field into
    CRLF, so line ends do not count as different.

    :param url: those of the URL.
    :param body: those of the body.
    :param known: the names that matter; others are left out.
    :raises Refused: with 400 if the two disagree, or a value is not UTF-8.
    """
    found = {name: value for name, value in url.items() if name in known}
    for name, value in body:
        if name not in known:
            continue
        if name not in found:
            found[name] = value
        elif fold_newlines(found[name]) != fold_newlines(value):
            raise Refused(400, f"{name} is given twice with different values")
    for name, value in found.items():
        if not value.isascii() and _SURROGATE.search(value):
            raise Refused(400, f"{name} is not UTF-8")
    return found


def _text(given: Mapping[str, str], name: str) -> str:
    text = given.get(name, "")
    if len(text) > LONGEST_NAME or len(text.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
        raise Refused(400, f"{name} is longer than {LONGEST_NAME} bytes")
    return text


def _number(given: Mapping[str, str], name: str) -> int:
    found = _optional(given, name)
    if found is None:
        raise Refused(400, f"{name} is missing")
    return found


def _optional(given: Mapping[str, str], name: str) -> int | None:
    if not name or name not in given:
        return None
    if _NUMBER.match(given[name]) is None:
        raise Refused(400, f"{name} must be 1 to 18 ASCII digits")
    return int(given[name])


def _layout(size: int, chunk_size: int, count: int | None, names: ParameterNames) -> ChunkLayout:
    floor = chunk_count(size, chunk_size)
    ceil = chunk_count(size, chunk_size, force=True)
    if count is None:
        count = floor
    if count not in (floor, ceil):
        either = f"{floor}" if floor == ceil else f"{floor} or {ceil}"
        raise Refused(400, f"{names.total_chunks} must be {either}")
    return ChunkLayout(size, chunk_size, count != floor)


def _checksum(text: str, names: ParameterNames) -> str:
    if not text:
        return ""
    found = _CHECKSUM.match(text)
    if found is None:
        raise Refused(400, f"{names.checksum} must be sha256: and 64 hexadecimal digits")
    return found[1].lower()
