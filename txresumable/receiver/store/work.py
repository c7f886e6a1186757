"""
What is under way in a store.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .refused import Refused
from .thread import Run, to_the_end
from .usage import Usage

__all__ = ["Work", "closing"]

_T = TypeVar("_T")


class Work:
    """
    Runs the blocking work of a store, until it closes.

    :param run: runs blocking work.
    :ivar to_the_end: the same, also after the store is closed, and not to be cancelled.
    :ivar usage: is in use while anything is under way.
    :ivar closed: whether the store closes, and nothing new may begin.
    """

    _log = Logger()

    def __init__(self, run: Run) -> None:
        self.to_the_end = to_the_end(run)
        self.usage = Usage()
        self.closed = False

    def run(self, work: Callable[..., _T], *arguments: Any) -> Deferred[_T]:
        """
        Run something in a thread.

        :returns: a Deferred of what it returns; fails with :exc:`Refused` if the store closes.
        """
        return Deferred.fromCoroutine(self._in_thread(work, *arguments))

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin something that nobody waits for, except a store that closes."""

        async def counted() -> None:
            with self.usage:
                await work

        def failed(failure: Failure) -> None:
            if not self.closed:
                self._log.failure("the disk failed", failure)

        Deferred.fromCoroutine(counted()).addErrback(failed)

    async def _in_thread(self, work: Callable[..., _T], *arguments: Any) -> _T:
        if self.closed:
            raise closing()
        with self.usage:
            return await self.to_the_end(work, *arguments)


def closing() -> Refused:
    """The refusal of what is asked of a store that closes."""
    return Refused(503, "the receiver is closing", retry_after=5)
