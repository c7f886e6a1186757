"""
Incremental parsers of request bodies.

The parsers hold nothing of a chunk; of fields they keep at most 64 KiB each, 64 of them.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from enum import Enum
from typing import Protocol

from attrs import frozen
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from ..store.refused import Refused
from .whole_form import plain_form

__all__ = ["BodyParser", "Event", "Field", "Mark", "MultipartBody", "OctetBody", "body_parser"]

_MOST_PARTS = 64
_LONGEST_FIELD = 64 * 1024
_LONGEST_BOUNDARY = 256
_LONGEST_HEADER = 12 * 1024
_LONGEST_AROUND = 4 * 1024 * 1024
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


@frozen
class Field:
    """A field of a form."""

    name: str
    value: str


class Mark(Enum):
    """Where a chunk's bytes begin and end."""

    BEGIN = "begin"
    END = "end"


Event = Field | Mark | bytes
"""What a body consists of: fields, then a chunk between its marks."""


class BodyParser(Protocol):
    """Parses a body while it arrives."""

    def begin(self) -> Iterator[Event]:
        """What is known before the body arrives."""

    def parse(self, data: bytes) -> Iterator[Event]:
        """
        What more of the body says.

        :raises Refused: if it cannot be understood.
        """

    def end(self) -> Iterator[Event]:
        """
        What the end of the body says.

        :raises Refused: with 400 if it comes too early.
        """


class OctetBody:
    """A body that is the chunk itself."""

    def begin(self) -> Iterator[Event]:
        yield Mark.BEGIN

    def parse(self, data: bytes) -> Iterator[Event]:
        yield data

    def end(self) -> Iterator[Event]:
        yield Mark.END


class MultipartBody:
    """
    A ``multipart/form-data`` body.

    :param boundary: what stands between its parts.
    :param file: the name of the part that holds the chunk.
    """

    def __init__(self, boundary: str, file: str) -> None:
        self._file = file
        self._boundary = boundary.encode("latin-1", "replace")
        self._has_begun = self._is_whole = False
        self._field: bytearray | None = None
        self._segment: MultipartSegment | None = None
        self._data_url: _DataURL | None = None
        self._seen = False
        self._around = 0
        if not 0 < len(boundary) <= _LONGEST_BOUNDARY or "\n" in boundary:
            raise Refused(400, "the form has no boundary")
        try:
            self._parser = PushMultipartParser(
                self._boundary,
                max_header_size=_LONGEST_HEADER,
                max_segment_count=_MOST_PARTS,
            )
        except MultipartError as error:
            raise Refused(400, f"the form is malformed: {error}") from error

    def begin(self) -> Iterator[Event]:
        return iter(())

    def parse(self, data: bytes) -> Iterator[Event]:
        if not self._has_begun:
            self._has_begun = True
            events = self._plain(data)
            if events is not None:
                self._is_whole = self._seen = True
                return iter(events)
        return self._parse(data)

    def _plain(self, data: bytes) -> list[Event] | None:
        """What a form says that is all there, and as plain as most are."""
        parts = plain_form(data, self._boundary)
        if parts is None or len(parts) > _MOST_PARTS:
            return None
        events: list[Event] = []
        seen = 0
        for name, is_file, content in parts:
            if name == self._file:
                seen += 1
                if not is_file:
                    return None
                events += (Mark.BEGIN, content) if content else (Mark.BEGIN,)
            elif len(content) > _LONGEST_FIELD:
                return None
            else:
                events.append(Field(name, content.decode("utf-8", "surrogateescape")))
        return events if seen == 1 else None

    def _parse(self, data: bytes) -> Iterator[Event]:
        self._around += len(data)
        if self._parser.closed or self._is_whole:
            if self._around > _LONGEST_AROUND:
                raise _too_much()
            return
        try:
            for event in self._parser.parse(data):
                if event is None:
                    yield from self._part_ends()
                elif isinstance(event, MultipartSegment):
                    yield from self._part_begins(event)
                else:
                    yield from self._part_goes_on(bytes(event))
        except MultipartError as error:
            raise Refused(400, f"the form is malformed: {error}") from error
        if self._around > _LONGEST_AROUND:
            raise _too_much()

    def end(self) -> Iterator[Event]:
        try:
            self._parser.close(check_complete=not self._is_whole)
        except MultipartError as error:
            raise Refused(400, "the form ends too early") from error
        if not self._seen:
            raise Refused(400, f"the form has no part {self._file!r}")
        yield Mark.END

    def _part_begins(self, segment: MultipartSegment) -> Iterator[Event]:
        self._segment = segment
        self._field = None
        self._data_url = None
        if segment.name != self._file:
            self._field = bytearray()
            return
        if self._seen:
            raise Refused(400, f"the form has two parts {self._file!r}")
        self._seen = True
        if segment.filename is None:
            self._data_url = _DataURL()
        yield Mark.BEGIN

    def _part_goes_on(self, data: bytes) -> Iterator[Event]:
        if self._field is not None:
            if len(self._field) + len(data) > _LONGEST_FIELD:
                raise Refused(400, "a field is too long")
            self._field += data
            return
        self._around -= len(data)
        if self._data_url is not None:
            yield from self._data_url.decode(data)
        else:
            yield data

    def _part_ends(self) -> Iterator[Event]:
        if self._field is not None and self._segment is not None:
            yield Field(self._segment.name or "", self._field.decode("utf-8", "surrogateescape"))
        elif self._data_url is not None:
            self._data_url.end()


class _DataURL:
    """
    A chunk in a field without a file name: as a base64 ``data:`` URL, which is resumable.js's
    ``chunkFormat: 'base64'``.
    """

    def __init__(self) -> None:
        self._head: bytes | None = b""
        self._rest = b""
        self._padded = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        if self._head is not None:
            head, comma, data = (self._head + data).partition(b",")
            if not comma:
                self._head = head
                if len(head) > 1024:
                    raise Refused(400, "the chunk is neither a file nor a data: URL")
                return
            self._head = None
            if not head.startswith(b"data:") or not head.endswith(b";base64"):
                raise Refused(400, "the chunk is neither a file nor a base64 data: URL")
        data = self._rest + data
        whole = len(data) - len(data) % 4
        self._rest = data[whole:]
        if whole:
            yield self._decoded(data[:whole])

    def end(self) -> None:
        if self._head is not None or self._rest:
            raise Refused(400, "the chunk's data: URL ends too early")

    def _decoded(self, data: bytes) -> bytes:
        # Python skips what is not base64, and what follows the padding.
        padding = data.translate(None, _BASE64)
        if self._padded or padding not in (b"", b"=", b"==") or not data.endswith(padding):
            raise Refused(400, "the chunk's base64 is malformed")
        self._padded = bool(padding)
        try:
            return binascii.a2b_base64(data)
        except binascii.Error as error:
            raise Refused(400, "the chunk's base64 is malformed") from error


def _too_much() -> Refused:
    return Refused(400, "there is too much in the form besides the chunk")


def body_parser(content_type: str, file: str) -> BodyParser:
    """
    The parser for a body.

    :param content_type: the request's ``Content-Type``.
    :param file: the name of the part that holds the chunk.
    :raises Refused: with 415 for a form that is not multipart, 400 for one without a boundary.
    """
    kind, options = parse_options_header(content_type[:1024])
    if kind == "multipart/form-data":
        return MultipartBody(options.get("boundary", ""), file)
    if kind == "application/x-www-form-urlencoded":
        raise Refused(415, "send a chunk as multipart/form-data or application/octet-stream")
    return OctetBody()
