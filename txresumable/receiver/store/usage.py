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
    """

    def __init__(self, ended: Callable[[], None] = lambda: None) -> None:
        self._ended = ended
        self._count = 0
        self._waiting: list[Deferred[None]] = []

    def __enter__(self) -> None:
        self._count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._count -= 1
        if self._count:
            return
        waiting, self._waiting = self._waiting, []
        for idle in waiting:
            idle.callback(None)
        self._ended()

    @property
    def active(self) -> bool:
        """Whether anything is under way."""
        return self._count > 0

    def idle(self) -> Deferred[None]:
        """A Deferred that fires when nothing is under way."""
        idle: Deferred[None] = Deferred()
        if self._count:
            self._waiting.append(idle)
        else:
            idle.callback(None)
        return idle
