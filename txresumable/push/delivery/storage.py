"""
Whether a folder is to be seen from here: not while its disk is not mounted, or it does not exist.
"""

from __future__ import annotations

import os
from typing import Any

from ..._runtime.clock import steady
from ..._runtime.printable import printable
from ..._runtime.threads import run_in_thread
from ..folder.presence import Presence

__all__ = ["PAUSE", "Storage"]

PAUSE = 5.0
"""Seconds until it is used again."""


class Storage:
    """
    Where the files of jobs lie.  A machine that sees none of them knows nothing about any.
    """

    def __init__(self, root: bytes, reactor: Any) -> None:
        """
        :param root: the folder.
        :param reactor: whose threads look.
        """
        self._root = root
        self._reactor = reactor
        self._clock = steady(reactor)
        self._presence = Presence()
        self._is_known = False
        self._until = 0.0

    @property
    def is_away(self) -> bool:
        """Whether it was away a moment ago."""
        return bool(self._clock.seconds() < self._until)

    async def found(self) -> None:
        """
        A file lies there.

        :raises OSError: if the folder cannot be looked at any more.
        """
        if not self._is_known:
            status = await run_in_thread(self._reactor, os.stat, self._root)
            self._presence.problem(status.st_dev, 1)
            self._is_known = True

    async def missed(self) -> str:
        """
        A file does not lie there.

        :returns: why that may not be so: the folder cannot be looked at, it is on another file
            system than before, or nothing was ever seen in it; otherwise empty.
        """
        try:
            device, names = await run_in_thread(self._reactor, _look, self._root)
        except OSError as error:
            why = f"its folder cannot be looked at: {printable(str(error.strerror))}"
        else:
            why = self._presence.problem(device, names)
            if not why and not self._presence.is_certain(device):
                why = "its folder is empty: is the disk mounted?"
        if why:
            self._until = self._clock.seconds() + PAUSE
        return why


def _look(root: bytes) -> tuple[int, int]:
    """The file system of a folder, and whether anything is in it."""
    with os.scandir(root) as names:
        return os.stat(root).st_dev, next(names, None) is not None
