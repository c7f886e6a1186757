"""
Text with placeholders, so that a request is filled in instead of being encoded anew.
"""

from __future__ import annotations

from operator import itemgetter
from secrets import token_hex

__all__ = [
    "BOUNDARY",
    "CHUNK_MARKS",
    "FILE_MARKS",
    "FORM_MARKS",
    "PART_NAME",
    "PART_TYPE",
    "Outline",
    "mark",
]

_MARK = token_hex(16)
"""The beginning of each placeholder: random, so that nothing else can contain it."""


def mark(place: int) -> str:
    """The placeholder for a value that is not known yet."""
    return f"{_MARK}{place:02}"


CHUNK_MARKS = tuple(mark(place) for place in range(3))
FILE_MARKS = {
    name: mark(place)
    for place, name in enumerate(
        ("size", "type", "identifier", "file_name", "relative_path", "total_chunks"), 3
    )
}
FORM_MARKS = {
    name: mark(place)
    for place, name in enumerate(("type", "identifier", "file_name", "relative_path"), 9)
}
PART_NAME, PART_TYPE, BOUNDARY = 13, 14, 15


class Outline:
    """
    Text with placeholders, some of which may occur more than once.
    """

    __slots__ = ("_constants", "_pick")

    def __init__(self, text: str) -> None:
        """:param text: with the placeholders that :func:`mark` makes."""
        first, *parts = text.split(_MARK)
        self._constants = (first, *[part[2:] for part in parts])
        order = [0]
        for at, part in enumerate(parts, 1):
            order += len(self._constants) + int(part[:2]), at
        self._pick = itemgetter(*order)  # a constant, a value, a constant, ...

    def fill(self, values: tuple[str, ...]) -> str:
        """The text with these values, each in the places that have its index."""
        return "".join(self._pick(self._constants + values))
