"""
A reactor whose time and threads move only when the schedule says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorThreads
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["SplitReactor"]

Call = Callable[[], object]


@implementer(IReactorThreads)
class SplitReactor(Clock):
    """
    A :class:`~twisted.internet.task.Clock` with threads, whose work is split in two: it is done at
    one moment, and its result arrives at a later one, in any order.

    :ivar works: what threads have yet to do.
    :ivar results: what has yet to arrive in the reactor thread.
    """

    def __init__(self) -> None:
        super().__init__()
        self.works: list[Call] = []
        self.results: list[Call] = []

    def getThreadPool(self) -> Any:
        """The pool of threads: itself."""
        return self

    def callInThread(self, work: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Do something in a thread, some time."""
        self.works.append(lambda: work(*args, **kwargs))

    def callInThreadWithCallback(
        self,
        done: Callable[[bool, Any], object] | None,
        work: Callable[..., object],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Do something in a thread, some time, and hand on what comes of it."""

        def run() -> None:
            try:
                result: Any = work(*args, **kwargs)
                success = True
            except BaseException:
                result, success = Failure(), False
            if done is not None:
                done(success, result)

        self.works.append(run)

    def callFromThread(self, call: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Call something in the reactor thread, some time."""
        self.results.append(lambda: call(*args, **kwargs))

    def let_all_arrive(self) -> None:
        """Let threads do all they have to, and all results arrive."""
        while self.works or self.results:
            (self.works or self.results).pop(0)()

    def suggestThreadPoolSize(self, size: int) -> None:
        """There are as many threads as there is work."""
