"""
The requests of one file, filled into outlines that all files of an uploader share.
"""

from __future__ import annotations

from functools import lru_cache

from .encoding import encode_component, form_file_name, form_value
from .multipart import closing, next_boundary
from .outline import CHUNK_MARKS, Outline
from .request import ChunkFacts, FileFacts, Pairs, RequestEncoder, RequestHead

__all__ = ["Template"]


class Template:
    """
    The requests of one file.

    :ivar encoder: makes the outlines.
    :ivar file: the file.
    :ivar boundary: that of its multipart bodies.
    """

    __slots__ = ("_closing", "_content_type", "_filled", "_known", "boundary", "encoder", "file")

    def __init__(self, encoder: RequestEncoder, file: FileFacts) -> None:
        self.encoder = encoder
        self.file = file
        self.boundary = next_boundary()
        kind = encoder.chunk_type(file)
        self._content_type = (
            kind if encoder.octet else f"multipart/form-data; boundary={self.boundary}"
        )
        self._closing = closing(self.boundary)
        self._filled: dict[str, tuple[str, Pairs, Outline, Outline]] = {}
        self._known = self._values(kind)

    def test_pairs(self, chunk: ChunkFacts, query: Pairs) -> list[str]:
        """The encoded parameters of a test, for a ``target`` that is a function."""
        return self.encoder.test_pairs(self.file, chunk, query)

    def upload_pairs(self, chunk: ChunkFacts, query: Pairs) -> list[str]:
        """The encoded parameters of an upload, for a ``target`` that is a function."""
        return self.encoder.upload_pairs(self.file, chunk, query)

    def test_url(self, target: str, chunk: ChunkFacts, query: Pairs) -> str:
        """
        The URL for testing a chunk.

        :param target: the URL before the parameters.
        :param chunk: which chunk.
        :param query: the custom query.
        :returns: an encoded URL.
        """
        return self._text("test", target, query, chunk)

    def upload(self, target: str, chunk: ChunkFacts, query: Pairs) -> RequestHead:
        """
        The request for uploading a chunk; see :meth:`test_url`.
        """
        url, _, body = self._text("upload", target, query, chunk).partition("\n")
        return self._around(url, body)

    def upload_to(self, url: str, chunk: ChunkFacts, query: Pairs) -> RequestHead:
        """
        The request for uploading a chunk to a given URL.

        :param url: what a ``target`` that is a function returned.
        :param chunk: which chunk.
        :param query: the custom query.
        """
        return self._around(url, self._text("body", "", query, chunk))

    def _around(self, url: str, body: str) -> RequestHead:
        if self.encoder.octet:
            return RequestHead(url, self._content_type)
        return RequestHead(url, self._content_type, body.encode("latin-1"), self._closing)

    def _text(self, what: str, target: str, query: Pairs, chunk: ChunkFacts) -> str:
        values = (str(chunk.number), str(chunk.size), chunk.checksum)
        if self.file.total_chunks == 1:
            return self.encoder.outline(what, target, query).fill(values + self._known)
        filled = self._filled.get(what)
        if filled is None or filled[0] is not target or filled[1] is not query:
            outline = self.encoder.outline(what, target, query)
            if filled is not None and filled[2] is outline:  # an equal query, of a function's
                mine = filled[3]
            else:
                mine = Outline(outline.fill(CHUNK_MARKS + self._known))
            filled = self._filled[what] = (target, query, outline, mine)
        return filled[3].fill(values)

    def _values(self, kind: str) -> tuple[str, ...]:
        """
        The file's values by placeholder: encoded for URLs, then for forms, as Latin-1.

        :param kind: the media type of its chunks.
        """
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
            kind,
            self.boundary,
        )


def _written_name(text: str) -> tuple[str, str, str]:
    """Text encoded for a URL, for a field, and as a file name; the last two as Latin-1."""
    encoded = encode_component(text)
    if encoded is text:  # what needs no escaping in a URL needs none in a form
        return text, text, text
    return encoded, form_value(text).decode("latin-1"), form_file_name(text).decode("latin-1")


_written_type = lru_cache(maxsize=64)(_written_name)
