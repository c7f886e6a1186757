"""
Text with placeholders, so that a request is filled in instead of being encoded anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

    __slots__ = ("_format", "_pick")

    def __init__(self, text: str) -> None:
        """:param text: with the placeholders that :func:`mark` makes."""
        first, *parts = text.split(_MARK)
        constants = [first, *[part[2:] for part in parts]]
        self._format = "%s".join([constant.replace("%", "%%") for constant in constants])
        self._pick = _picker([int(part[:2]) for part in parts])

    def fill(self, values: Sequence[str]) -> str:
        """The text with these values, each in the places that have its index."""
        return self._format % self._pick(values)


def _picker(places: list[int]) -> Callable[[Sequence[str]], str | tuple[str, ...]]:
    """A function that picks the values at these indices: several as a tuple, one as it is."""
    return itemgetter(*places) if places else lambda values: ()
