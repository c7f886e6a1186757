"""
Buffers that pieces of files are read into, used again and again.

A piece belongs to whoever asked for it as long as anything refers to it: memory is handed out
again only when no view of it is left, so that neither a nested read nor a consumer that keeps what
it was given ever sees the bytes of another.  Each thread has memory of its own, and so has each
process: the mappings are private, where Python's default would share them over a fork.
"""

from __future__ import annotations

import mmap
import threading
from sys import getrefcount

__all__ = ["SIZE", "lend"]

SIZE = 1024 * 1024
"""The most that is lent at a time."""
KEPT = 4
"""How many pieces of this size a thread keeps; more at a time are lent from memory of their own."""

_PRIVATE = getattr(mmap, "MAP_PRIVATE", 0) | getattr(mmap, "MAP_ANONYMOUS", 0)


def _memory() -> mmap.mmap:
    """Where a page begins: the kernel copies pages there twice as fast as to any other place."""
    return mmap.mmap(-1, SIZE, flags=_PRIVATE) if _PRIVATE else mmap.mmap(-1, SIZE)


class _Pool(threading.local):
    """The memory of a thread."""

    def __init__(self) -> None:
        self.kept = [_memory()]


_pool = _Pool()


def _references() -> int:
    """How often memory is referred to that nobody has a view of, in a loop such as below."""
    for references in range(16):
        for memory in [_memory()]:
            if getrefcount(memory) == references:
                return references
    return -1


_UNUSED = _references()


def lend(size: int) -> memoryview:
    """
    Memory to read into.

    :param size: how many bytes; :data:`SIZE` at the most.
    :returns: so many, or as many as there are; nobody else's until nothing refers to them.
    """
    for memory in _pool.kept:
        if getrefcount(memory) == _UNUSED:  # each view of it, and each view of that, is one
            return memoryview(memory)[:size]
    memory = _memory()
    if len(_pool.kept) < KEPT:
        _pool.kept.append(memory)
    return memoryview(memory)[:size]
