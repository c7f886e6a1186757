"""
Whether two sources have the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum, auto

from .source import PathSource, Source

__all__ = ["Comparison", "compare"]


class Comparison(Enum):
    """What two sources are to each other."""

    SAME_FILE = auto()
    EQUAL = auto()
    DIFFERENT = auto()


def compare(one: Source, other: Source, is_wanted: Callable[[], bool] = lambda: True) -> Comparison:
    """
    Compare two sources, that were looked at.  Blocks, and reads both unless they are one file.

    :param is_wanted: whether anybody still waits for it; asked from time to time.
    :raises OSError: if one cannot be read.
    :raises SourceChanged: if one is no longer what was looked at.
    :raises CancelledError: if nobody waits for it any more.
    """
    if isinstance(one, PathSource) and isinstance(other, PathSource) and _is_one(one, other):
        return Comparison.SAME_FILE
    if one.digest(0, None, is_wanted) == other.digest(0, None, is_wanted):
        return Comparison.EQUAL
    return Comparison.DIFFERENT


def _is_one(one: PathSource, other: PathSource) -> bool:
    if one.seen != other.seen:  # the path may have been given to another file meanwhile
        return False
    # One path is one file also where file numbers are not constant.
    return one.path == other.path or os.path.samefile(one.path, other.path)
