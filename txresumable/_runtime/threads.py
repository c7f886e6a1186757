"""
Blocking work off the reactor thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool

__all__ = ["run_in_thread"]

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
