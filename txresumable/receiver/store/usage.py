"""
Whether anything is under way.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from twisted.internet.defer import Deferred

__all__ = ["Usage"]


class Usage:
    """
    Counts what is under way, each in a ``with`` block.

    :param ended: called each time that the last one has ended.
    :ivar count: how many are under way.
    """

    def __init__(self, ended: Callable[[], None] = lambda: None) -> None:
        self._ended = ended
        self.count = 0
        self._waiting: list[Deferred[None]] = []

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.count -= 1
        if self.count:
            return
        waiting, self._waiting = self._waiting, []
        for idle in waiting:
            idle.callback(None)
        self._ended()

    def idle(self) -> Deferred[None]:
        """A Deferred that fires when nothing is under way."""
        idle: Deferred[None] = Deferred()
        if self.count:
            self._waiting.append(idle)
        else:
            idle.callback(None)
        return idle
