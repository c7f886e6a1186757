"""
``join()``: the Deferreds it has returned, and the failures it reports unless they are handled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .._runtime.observers import OneShotObserver
from .._runtime.private import mark_handled
from .handle import is_handled
from .turn import Turn

__all__ = ["Join", "JoinListener"]

MOST = 1000
"""How many failures are remembered until the next ``join()``."""


class JoinListener(Protocol):
    """What ``join()`` waits for, and how it stops that."""

    @property
    def is_done(self) -> bool: ...
    def cancel_all(self) -> None: ...


class Join:
    """
    Waits for the end of everything, or for the first failure that is not handled, any number of
    times.

    :ivar observer: fires at the next end.
    """

    def __init__(self, listener: JoinListener, clock: Any, turn: Turn) -> None:
        """
        :param listener: asked whether everything is done.
        :param clock: an ``IReactorTime``.
        :param turn: notifies.
        """
        self.observer: OneShotObserver[None] = OneShotObserver()
        self._listener = listener
        self._clock = clock
        self._turn = turn
        self._failed: dict[object, tuple[Failure, Deferred[Any]]] = {}
        self._calls = 0  # under way, which return handles
        self._postponed: Any = None

    @property
    def is_postponed(self) -> bool:
        """Whether nothing is reported before the reactor's next iteration."""
        return self._postponed is not None

    def wait(self) -> Deferred[None]:
        """A new Deferred of the end of everything that was added; see ``Resumable.join``."""
        joined = self.observer.wait()
        self._turn.post(self.check)
        return joined

    def failed(self, what: object, failure: Failure, handle: Deferred[Any]) -> None:
        """
        Remember a failure, to be reported unless it is handled.

        :param what: what has failed: a file, or what was to bring files.
        :param failure: why.
        :param handle: what the application may handle it by.
        """
        if len(self._failed) < MOST:
            self._failed[what] = failure, handle
        if self._calls and self._postponed is None and self.observer.is_awaited:
            self._postponed = self._clock.callLater(0, self._resume)

    def forget(self, what: object) -> None:
        """
        Forget a failure.

        :param what: what had failed; it is tried again.
        """
        self._failed.pop(what, None)

    def within_call(self, do: Callable[..., object], *args: Any) -> None:
        """
        Do something in a call that returns a handle, and run the turn.  Its caller cannot handle a
        failure before the call has returned, so that none is reported before the reactor's next
        iteration.
        """
        self._calls += 1
        try:
            do(*args)
            self._turn.run()
        finally:
            self._calls -= 1

    def _resume(self) -> None:
        self._postponed = None
        self.check()

    def check(self) -> None:
        """Notify those who wait if everything is done, or if something failed; cancel the rest."""
        if self._postponed is not None or not self.observer.is_awaited:
            return
        failure = self._first_unhandled()
        if failure is None and not self._listener.is_done:
            return
        waiting, self.observer = self.observer, OneShotObserver()
        failed, self._failed = self._failed, {}
        for _, handle in failed.values():
            if handle.called:
                mark_handled(handle)
        self._listener.cancel_all()
        self._turn.post(waiting.settle, failure)
        self._turn.run()

    def _first_unhandled(self) -> Failure | None:
        for failure, handle in self._failed.values():
            if not is_handled(handle):
                return failure
        return None
