"""
A receiver's list of the chunks that it has.
"""

from __future__ import annotations

import re

__all__ = ["parse_ranges"]


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
