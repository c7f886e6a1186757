"""
What waits, of several folders in turn.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

__all__ = ["Turns"]

_T = TypeVar("_T")


class Turns(Generic[_T]):
    """
    Things of folders that wait.  Each folder has its turn, however many things of another one
    were there before.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[_T]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, folder: str, thing: _T) -> None:
        """Something of a folder waits, behind what else is the folder's."""
        self._waiting.setdefault(folder, deque()).append(thing)

    def remove(self, folder: str, thing: _T) -> None:
        """It waits no more; if it does not, do nothing."""
        line = self._waiting.get(folder, deque())
        if thing in line:
            line.remove(thing)
            if not line:
                del self._waiting[folder]

    def next(self) -> _T:
        """
        Take what has its turn.

        :raises StopIteration: if nothing waits.
        """
        folder = next(iter(self._waiting))
        line = self._waiting.pop(folder)
        thing = line.popleft()
        if line:
            self._waiting[folder] = line  # behind all others
        return thing
