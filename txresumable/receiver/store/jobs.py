"""
What is to be done in threads, a little of it at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from .thread import Run

__all__ = ["Jobs"]

_T = TypeVar("_T")
_FEW = 4
_STILL = 0.01


class Jobs:
    """
    A :class:`~txresumable.receiver.store.thread.Run` that runs at most four functions at once, as
    long as these end.

    The reactor waits for each thread that wants the interpreter's lock before it, so with ten at
    work its turns take ten times as long, and a disk that is quick is no quicker for them.  One
    that is slow may be: for each 10 ms in which nothing ends, one more begins.

    :param run: runs functions in threads.
    :param clock: the time, as a reactor has it.
    """

    def __init__(self, run: Run, clock: Any) -> None:
        self._run = run
        self._clock = clock
        self._waiting: deque[tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]]] = deque()
        self._running = 0
        self._moves = False
        self._is_beginning = False
        self._timer: Any = None

    def __call__(self, work: Callable[..., _T], *args: Any) -> Deferred[_T]:
        """
        Run a function as soon as it may be.

        :returns: a Deferred of what it returns; if that is cancelled before, it is not run.
        """
        done: Deferred[_T] = Deferred()
        self._waiting.append((done, work, args))
        self._begin(_FEW)
        if self._waiting and self._timer is None:
            self._moves = False
            self._timer = self._clock.callLater(_STILL, self._look)
        return done

    def _begin(self, most: int) -> None:
        if self._is_beginning:
            return  # those that cannot be run end here one by one, and none inside another
        self._is_beginning = True
        while self._waiting and self._running < most:
            done, work, args = self._waiting.popleft()
            if not done.called:
                self._running += 1
                self._run(work, *args).addBoth(self._ended, done)
        self._is_beginning = False
        if self._timer is not None and not self._waiting:
            self._timer.cancel()
            self._timer = None

    def _ended(self, result: Any, done: Deferred[Any]) -> None:
        self._running -= 1
        self._moves = True
        self._begin(_FEW)
        done.callback(result)

    def _look(self) -> None:
        self._timer = self._clock.callLater(_STILL, self._look)
        if not self._moves:
            self._begin(self._running + 1)
        self._moves = False
