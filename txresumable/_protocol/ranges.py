"""
The header ``Resumable-Stored``: a receiver's list of the chunks that it has.
"""

from __future__ import annotations

import re

__all__ = ["MORE", "OTHERS", "gaps", "is_cut_short", "parse_ranges"]

MORE = ",..."
"""At the end of a list that would be too long: of the chunks that follow, any may be stored."""
OTHERS = "...,"
"""Before a list of what one receiver of several knows: any other chunk may be stored as well."""


def parse_ranges(text: str, limit: int) -> list[range]:
    """
    Parse a receiver's list of the chunks that it has.

    :param text: numbers and spans counted from 1, such as ``1-57,60``, or ``1-57,60,...`` if it
        was cut short, or ``...,1-57,60`` if others may be stored.
    :param limit: the number of chunks.
    :returns: the chunks as ranges counted from 0; nothing at all if any of it is malformed.
    """
    found = []
    for span in text.removeprefix(OTHERS).removesuffix(MORE).split(","):
        match = re.fullmatch(r"\s*([0-9]{1,18})(?:-([0-9]{1,18}))?\s*", span, re.ASCII)
        if match is None:
            return []
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= limit:
            return []
        found.append(range(first - 1, last))
    return found


def is_cut_short(text: str) -> bool:
    """Whether chunks that are not in a receiver's list may be stored nevertheless."""
    return text.endswith(MORE) or text.startswith(OTHERS)


def gaps(text: str, limit: int) -> list[range]:
    """
    The chunks that are missing from a receiver's list.

    :param text: as :func:`parse_ranges` takes it.
    :param limit: the number of chunks.
    :returns: the chunks that are not in it, as ranges counted from 0; none if it is malformed, or
        lists only some.
    """
    if text.startswith(OTHERS):
        return []
    spans = sorted(parse_ranges(text, limit), key=lambda span: span.start)
    found, after = [], 0
    for span in [*spans, range(limit, limit)] if spans else []:
        if span.start > after:
            found.append(range(after, span.start))
        after = max(after, span.stop)
    return found
