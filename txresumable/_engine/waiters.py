"""
Those who wait until all files are done, and the failure that they would hear of.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .._runtime.observers import OneShotObserver
from .._runtime.private import mark_heard
from .handle import is_handled

__all__ = ["JoinWaiters"]

MOST = 1000
"""How many failed files are remembered until somebody asks."""


class JoinWaiters:
    """
    What ``join()`` waits for, again and again.

    :ivar observer: those who wait now.
    """

    def __init__(self) -> None:
        self.observer: OneShotObserver[None] = OneShotObserver()
        self._failed: dict[object, tuple[Failure, Deferred[Any]]] = {}

    @property
    def failure(self) -> Failure | None:
        """The first failure that nobody has handled where it was given out."""
        for failure, handle in self._failed.values():
            if not is_handled(handle):
                return failure
        return None

    def wait(self) -> Deferred[None]:
        """:returns: a new Deferred that fires at the next :meth:`settle`."""
        return self.observer.wait()

    def failed(self, what: object, failure: Failure, handle: Deferred[Any]) -> None:
        """
        Remember a failure.

        :param what: what has failed: a file, or what was to bring files.
        :param failure: why.
        :param handle: what the application has of it, and may handle that failure by.
        """
        if len(self._failed) < MOST:
            self._failed[what] = failure, handle

    def forgive(self, what: object) -> None:
        """
        Forget a failure.

        :param what: it is tried again.
        """
        self._failed.pop(what, None)

    def begin(self) -> OneShotObserver[None]:
        """
        Begin anew.

        :returns: what to settle for those who wait now.
        """
        observer, self.observer = self.observer, OneShotObserver()
        failed, self._failed = self._failed, {}
        for _, handle in failed.values():
            if handle.called:
                mark_heard(handle)
        return observer
