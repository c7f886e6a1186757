"""
What has happened in a folder since it was last looked at.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import Any

from ..patterns import Patterns

__all__ = ["GATHER", "MOST", "Touched", "was_moved"]

GATHER = 0.2
"""Seconds from the first event until what has gathered is looked at."""
MOST = 5000
"""How many names are kept; if it is more, everything is looked at."""


class Touched:
    """
    The names that the system reported.

    :ivar due: when they are to be looked at, in monotonic time.
    :ivar has_lost_track: whether there may be others, so that everything has to be looked at.
    """

    def __init__(self, clock: Any, patterns: Patterns, poke: Callable[[], object]) -> None:
        """
        :param clock: an ``IReactorTime``, monotonic.
        :param patterns: which files are uploaded.
        :param poke: called when :attr:`due` has changed.
        """
        self.due = math.inf
        self.has_lost_track = False
        self._clock = clock
        self._patterns = patterns
        self._poke = poke
        self._paths: dict[bytes, bool | None] = {}

    def touched(self, path: bytes, moved_from: bytes | None) -> None:
        """See :class:`~txresumable.push.folder.notifier.NotifierListener`."""
        if self.has_lost_track:
            return
        if len(self._paths) >= MOST and path not in self._paths:
            self.lost_track()
            return
        if moved_from is not None:
            # What was moved from a name that is uploaded may be written to still, as a log is.
            self._paths[path] = not (moved_from and self._patterns.includes(moved_from))
        else:  # it may have been moved as well
            self._paths[path] = None if self._paths.get(path) is None else False
        self._set_due()

    def lost_track(self) -> None:
        """See :class:`~txresumable.push.folder.notifier.NotifierListener`."""
        self.has_lost_track = True
        self._paths.clear()
        self._set_due()

    def take(self) -> dict[bytes, bool | None]:
        """
        Those that have gathered, and begin anew.

        :returns: by their names, relative to the folder: true if they were renamed to that from
            something that is not uploaded, false if they were moved there and may be written to,
            :data:`None` if they were not moved.
        """
        paths, self._paths = self._paths, {}
        self.has_lost_track = False
        self.due = math.inf
        return paths

    def _set_due(self) -> None:
        if self.due == math.inf:
            self.due = self._clock.seconds() + GATHER
            self._poke()


def was_moved(path: bytes, touched: Mapping[bytes, bool | None]) -> bool:
    """
    Whether a file, or a folder that it is in, was moved to its place.

    :param path: relative to the watched folder.
    :param touched: as :meth:`Touched.take` returns it.
    """
    while path:
        if touched.get(path) is not None:
            return True
        path = os.path.dirname(path)
    return False
