"""
What an upload's body holds: its parts, read back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

__all__ = ["Part", "parse_form"]

_ATTRIBUTE = re.compile(rb'; (name|filename)="([^"]*)"')
_ESCAPES = ((b"%22", b'"'), (b"%0D", b"\r"), (b"%0A", b"\n"))


@frozen
class Part:
    """
    A part of a multipart body.

    :ivar name: its name.
    :ivar content: its bytes.
    :ivar file_name: the name of the file that it holds, or :data:`None` for a field.
    :ivar content_type: its media type, or :data:`None`.
    """

    name: str
    content: bytes
    file_name: str | None = None
    content_type: str | None = None

    @property
    def text(self) -> str:
        """Its content as text."""
        return self.content.decode()


def parse_form(content_type: str, body: bytes) -> list[Part]:
    """
    Take a ``multipart/form-data`` body apart.

    :param content_type: the request's Content-Type.
    :param body: all of the body.
    :returns: its parts, in order.
    :raises ValueError: if it is anything else, or not whole.
    """
    kind, _, boundary = content_type.partition("; boundary=")
    if kind != "multipart/form-data" or not boundary:
        raise ValueError(f"not a form: {content_type!r}")
    mark = b"--" + boundary.encode()
    first, *parts, last = (b"\r\n" + body).split(b"\r\n" + mark)
    if first or last != b"--\r\n":
        raise ValueError("a form that does not begin and end as it should")
    return [_parse_part(part) for part in parts]


def _parse_part(part: bytes) -> Part:
    head, found, content = part.partition(b"\r\n\r\n")
    if not part.startswith(b"\r\n") or not found:
        raise ValueError("a part without a head")
    fields = _fields(head[2:].split(b"\r\n"))
    disposition = fields.get(b"content-disposition", b"")
    names = {found[1]: _unescaped(found[2]) for found in _ATTRIBUTE.finditer(disposition)}
    if not disposition.startswith(b"form-data") or b"name" not in names:
        raise ValueError("a part without a name")
    content_type = fields.get(b"content-type")
    return Part(
        names[b"name"],
        content,
        names.get(b"filename"),
        None if content_type is None else content_type.decode(),
    )


def _fields(lines: Iterable[bytes]) -> dict[bytes, bytes]:
    pairs = (line.partition(b": ") for line in lines)
    return {name.lower(): value for name, _, value in pairs}


def _unescaped(text: bytes) -> str:
    for escape, character in _ESCAPES:
        text = text.replace(escape, character)
    return text.decode()
