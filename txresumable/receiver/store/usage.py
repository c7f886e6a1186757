"""
Whether anything is under way.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from .thread import Run

__all__ = ["Usage", "counted"]

_T = TypeVar("_T")


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


def counted(run: Run, usage: Usage) -> Run:
    """
    Run functions somewhere, each of which counts.

    :param run: runs them.
    :param usage: counts them.
    """

    def run_counted(work: Callable[..., _T], *args: Any) -> Deferred[_T]:
        async def count() -> _T:
            with usage:
                return await run(work, *args)

        return Deferred.fromCoroutine(count())

    return run_counted
