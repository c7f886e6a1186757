"""
Forms that are there as a whole, and as plain as browsers write them.

To take a small form apart piece by piece takes longer than all else that is done about it.
"""

from __future__ import annotations

import re

__all__ = ["Part", "plain_form"]

Part = tuple[str, bool, bytes]
"""The name of a part, whether it is a file, and its content."""

_LONGEST = 512 * 1024
_LONGEST_HEAD = 4096
_HEAD = re.compile(
    rb'Content-Disposition: form-data; name="([A-Za-z0-9_.\[\]-]+)"'
    rb'(; filename="[^"\\%\r\n]*"(?:\r\nContent-Type: [A-Za-z0-9/.+-]+)?)?'
)


def plain_form(data: bytes, boundary: bytes) -> list[Part] | None:
    """
    The parts of a form.

    :param data: what has arrived of it.
    :param boundary: what stands between its parts.
    :returns: nothing if it is not all there, or anything about it is unusual.
    """
    delimiter = b"\r\n--" + boundary
    start = delimiter[2:] + b"\r\n"
    last = delimiter + b"--"
    end = len(data) - len(last) - (2 if data.endswith(b"\r\n") else 0)
    is_whole = data.startswith(start) and data.startswith(last, max(end, 0))
    if not is_whole or end < len(start) or len(data) > _LONGEST:
        return None
    pieces = data[len(start) : end].split(delimiter + b"\r\n")
    if data.count(delimiter) != len(pieces):
        return None
    parts: list[Part] = []
    for piece in pieces:
        head, is_ended, content = piece.partition(b"\r\n\r\n")
        found = _HEAD.fullmatch(head)
        if found is None or not is_ended or len(head) > _LONGEST_HEAD:
            return None
        name, file = found.groups()
        if file is not None and not _is_text(file):
            return None
        parts.append((name.decode(), file is not None, content))
    return parts


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
