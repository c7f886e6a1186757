"""
Facts that are true or false, of which an object keeps several in one number.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Flag"]


class Flag:
    """
    A bit of an object's ``flags``: of many objects that wait, each attribute takes its memory.

    :param bit: a power of two.
    """

    def __init__(self, bit: int) -> None:
        self._bit = bit

    def __get__(self, owner: Any, kind: type | None = None) -> bool:
        return bool(owner.flags & self._bit)

    def __set__(self, owner: Any, value: bool) -> None:
        owner.flags = owner.flags | self._bit if value else owner.flags & ~self._bit
