"""
Running blocking work.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar, cast

from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.threads import deferToThreadPool

__all__ = ["Run", "at_once", "in_threads", "to_the_end", "while_wanted"]

_T = TypeVar("_T")


class Run(Protocol):
    """
    Runs a function somewhere and gives a Deferred of what it returns; raises nothing itself.
    """

    def __call__(self, work: Callable[..., _T], *args: Any) -> Deferred[_T]: ...


def in_threads(reactor: Any) -> Run:
    """
    Run functions in a reactor's threads; what none can be started for fails with :exc:`OSError`.

    :param reactor: one that has threads.
    """

    def run(work: Callable[..., _T], *args: Any) -> Deferred[_T]:
        try:
            return deferToThreadPool(reactor, reactor.getThreadPool(), work, *args)
        except RuntimeError as error:
            return fail(OSError(errno.EAGAIN, str(error)))

    return run


def to_the_end(run: Run) -> Run:
    """
    Run functions somewhere, and wait for their end whatever is cancelled.

    A thread cannot be stopped, and those who wait for it hold a lock because of what it does.
    """

    def run_to_the_end(work: Callable[..., _T], *args: Any) -> Deferred[_T]:
        ended = run(work, *args)
        ended.cancel = _ignored  # type: ignore[method-assign]
        return ended

    return run_to_the_end


def _ignored() -> None:
    """Cancelling does nothing."""


def while_wanted(work: Callable[[Callable[[], bool]], Coroutine[Any, Any, _T]]) -> Deferred[_T]:
    """
    Begin something that ends of itself when nobody wants it any more.

    :param work: called with what says whether it is wanted.
    :returns: a Deferred of its result; cancelling it does not cancel what is under way.
    """
    result: Deferred[_T] = Deferred()

    def ended(outcome: Any) -> None:
        if not result.called:
            result.callback(outcome)

    Deferred.fromCoroutine(work(lambda: not result.called)).addBoth(ended)
    return result


def at_once(work: Callable[..., _T], *args: Any) -> Deferred[_T]:
    """Run a function synchronously, for tests."""
    return cast("Deferred[_T]", execute(work, *args))
