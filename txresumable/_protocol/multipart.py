"""
Bodies of ``multipart/form-data``: the boundary, fields, and the part with the chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from secrets import token_hex

from .encoding import form_file_name, form_name, form_value

__all__ = ["closing", "data_part", "file_part", "form_fields", "next_boundary"]


def form_fields(fields: Iterable[tuple[str, str]], boundary: str) -> bytes:
    """The parts of fields, as a browser writes them."""
    mark = boundary.encode()
    lines = []
    for name, value in fields:
        lines.append(b'--%b\r\nContent-Disposition: form-data; name="' % mark)
        lines.append(b'%b"\r\n\r\n%b\r\n' % (form_name(name), form_value(value)))
    return b"".join(lines)


def file_part(name: str, file_name: str, kind: str, boundary: str) -> bytes:
    """The head of the part with the chunk, up to its content."""
    return b'%b; filename="%b"\r\nContent-Type: %b\r\n\r\n' % (
        _part(name, boundary),
        form_file_name(file_name),
        kind.encode(),
    )


def data_part(name: str, kind: str, boundary: str) -> bytes:
    """The head of a field that holds the chunk as a ``data:`` URL, up to its base64."""
    return b"%b\r\n\r\ndata:%b;base64," % (_part(name, boundary), kind.encode())


def _part(name: str, boundary: str) -> bytes:
    disposition = b'--%b\r\nContent-Disposition: form-data; name="%b"'
    return disposition % (boundary.encode(), form_name(name))


def closing(boundary: str) -> bytes:
    """What stands after the chunk."""
    return b"\r\n--%b--\r\n" % boundary.encode()


def _boundaries() -> Iterator[str]:
    """Random boundaries; random bytes are cheaper in bulk."""
    while True:
        many = token_hex(16 * 64)
        for at in range(0, len(many), 32):
            yield f"----txresumable{many[at : at + 32]}"


next_boundary = _boundaries().__next__
"""A boundary that no content has: 128 random bits."""
