"""
In which order the chunks of a file begin.
"""

from __future__ import annotations

from enum import Enum, auto

from ..errors import InvalidOption

__all__ = ["ChunkOrder", "check_order"]


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


def check_order(ends_first: bool, in_order: bool | None, last_alone: bool | None) -> None:
    """
    Check the options that say in which order the chunks of a file begin.

    :param ends_first: ``prioritize_first_and_last_chunk``.
    :param in_order: the option.
    :param last_alone: ``last_chunk_alone``.
    :raises InvalidOption: if they exclude each other.
    """
    if ends_first:
        for name, value in (("in_order", in_order), ("last_chunk_alone", last_alone)):
            if value:
                reason = "cannot go with prioritize_first_and_last_chunk=True"
                raise InvalidOption(name, True, reason)
    elif in_order and last_alone is False:
        reason = "cannot go with in_order=True"
        raise InvalidOption("last_chunk_alone", False, reason)
