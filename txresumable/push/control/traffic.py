"""
How many bytes have got to the targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..entry import Entry
from ..state import STORED, UPLOADING, PushState

__all__ = ["Traffic"]

_ON_THE_WAY = frozenset((STORED, PushState.HOOK, PushState.MOVING, PushState.DONE))


class Traffic:
    """
    Counts the bytes of files that were stored, and of what is under way the part that is.

    Bytes that were found on the server count as well.
    """

    def __init__(self) -> None:
        self._stored = 0
        self._sizes: dict[int, int] = {}

    def changed(self, before: Entry | None, after: Entry) -> None:
        """An entry has changed."""
        if after.state is UPLOADING:
            self._sizes[after.id] = after.version.size
        elif self._sizes.pop(after.id, None) is not None and after.state in _ON_THE_WAY:
            self._stored += after.version.size

    def total(self, status: Mapping[str, Any]) -> int:
        """
        How many bytes these are by now.  It gets less if an attempt fails.

        :param status: that of the service.
        """
        under_way: float = sum(
            fraction * self._sizes.get(int(id), 0)
            for folder in status["folders"].values()
            for id, fraction in folder["sending"].items()
        )
        return self._stored + round(under_way)
