"""
The one thread that uses the database.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

__all__ = ["OneThread"]

_T = TypeVar("_T")


class OneThread:
    """
    A thread of its own, so that a folder on a disk that hangs, which may occupy all those of the
    reactor, keeps nobody from writing.  It ends with the reactor, if it was not stopped before.

    :param reactor: a reactor; with a fake one without threads, work is done synchronously.
    :param name: what it is called.
    """

    def __init__(self, reactor: Any, name: str = "txresumable journal") -> None:
        self._reactor = reactor
        self._pool: ThreadPool | None = None
        has_threads: bool = IReactorThreads.providedBy(reactor)
        if has_threads:
            self._pool = pool = ThreadPool(1, 1, name)
            pool.start()
            self._trigger = reactor.addSystemEventTrigger("after", "shutdown", pool.stop)

    def run(self, work: Callable[..., _T], *args: Any) -> Deferred[_T]:
        """
        Call a function.

        :param work: the function.
        :param args: its arguments.
        :returns: a Deferred that fires with what it returned, or fails with what it raised.
        """
        if self._pool is None:
            return maybeDeferred(work, *args)
        return deferToThreadPool(self._reactor, self._pool, work, *args)

    def stop(self) -> None:
        """End it when it has done what it was given; once is enough, more does nothing."""
        pool, self._pool = self._pool, None
        if pool is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)
            pool.stop()
