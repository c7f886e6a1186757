"""
In which order the chunks of a file begin.
"""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["ChunkOrder"]


class ChunkOrder(Enum):
    """
    In which order the chunks of a file begin.  Files have nothing to do with each other in this.
    """

    LOWEST_FIRST = auto()
    """The lowest number first, whatever became of those before."""

    ENDS_FIRST = auto()
    """The first and the last before all others, also those of other files."""

    LAST_ALONE = auto()
    """The lowest number first, and the last when all others are stored."""

    IN_ORDER = auto()
    """Each when all before it are stored."""
