"""
Blocking work off the reactor thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool

__all__ = ["run_in_reactor", "run_in_thread", "run_while_wanted"]

_T = TypeVar("_T")


def run_in_thread(reactor: Any, work: Callable[..., _T], *args: Any) -> Deferred[_T]:
    """
    Call a function that may block.

    :param reactor: whose thread pool is used; with a fake reactor without threads, the function is
        called synchronously.
    :param work: the function.
    :param args: its arguments.
    :returns: a Deferred that fires in the reactor thread with what ``work`` returned.  It fails
        with what ``work`` raised, and with :exc:`RuntimeError` if no thread can be started.
        Cancelling it does not stop the call.
    """
    if not IReactorThreads.providedBy(reactor):
        return maybeDeferred(work, *args)
    return maybeDeferred(deferToThreadPool, reactor, reactor.getThreadPool(), work, *args)


def run_in_reactor(reactor: Any, work: Callable[..., object], *args: Any) -> None:
    """
    Call a function in the reactor thread, from any other one.

    :param reactor: as for :func:`run_in_thread`.
    :param work: the function.
    :param args: its arguments.
    """
    if IReactorThreads.providedBy(reactor):
        reactor.callFromThread(work, *args)
    else:
        work(*args)


def run_while_wanted(reactor: Any, work: Callable[..., _T], *args: Any) -> Deferred[_T]:
    """
    Call a function that may block for long, such as one that reads a whole disk.

    :param reactor: as for :func:`run_in_thread`.
    :param work: the function; called with ``args``, and with a function that says whether anybody
        still waits for its result.
    :returns: a Deferred, likewise.  Cancelling it fails it at once, and lets the call know.
    """
    wanted: Deferred[_T] = Deferred()

    def returned(result: Any) -> None:
        if not wanted.called:
            wanted.callback(result)

    run_in_thread(reactor, work, *args, lambda: not wanted.called).addBoth(returned)
    return wanted
