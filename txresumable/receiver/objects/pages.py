"""
Listings, page by page.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from .interface import Objects, Stat

__all__ = ["pages"]


async def pages(objects: Objects, prefix: str) -> AsyncIterator[Sequence[Stat]]:
    """
    All objects whose keys begin with a prefix, a page at a time.

    :raises StorageError: if a page cannot be had.
    """
    after = ""
    while True:
        page = await objects.list(prefix, after=after)
        yield page.objects
        after = page.next
        if not after:
            return
