"""
Notifying observers: :class:`Signal` many times, :class:`OneShotObserver` once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["OneShotObserver", "Signal"]

_T = TypeVar("_T")
_log = Logger()


class Signal:
    """
    Something that happens many times, and the callbacks that are notified of it.

    Callbacks run in the reactor thread, in the order in which they registered.  One that raises
    is logged; the others are called all the same and the upload goes on.

    :ivar callbacks: those that are registered.
    """

    __slots__ = ("callbacks",)

    def __init__(self) -> None:
        self.callbacks: tuple[Callable[..., object], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.callbacks)

    def register(self, callback: Callable[..., object]) -> None:
        """
        Notify a callback each time this happens.

        :param callback: called with what the signal carries.  Registered twice, it is called
            twice.
        """
        if not callable(callback):
            raise TypeError(f"a callback must be callable, not {callback!r}")
        self.callbacks += (callback,)

    def unregister(self, callback: Callable[..., object]) -> None:
        """
        Stop notifying a callback.

        :param callback: as it was registered.
        :raises ValueError: if it is not registered.
        """
        remaining = list(self.callbacks)
        remaining.remove(callback)
        self.callbacks = tuple(remaining)

    def fire(self, *args: object) -> None:
        """
        Notify all callbacks that are registered at this moment.

        :param args: what to call them with.
        """
        for callback in self.callbacks:
            try:
                callback(*args)
            except BaseException:  # such as asyncio's CancelledError: it concerns nobody else
                _log.failure("An observer raised: {callback}", callback=callback)


class OneShotObserver(Generic[_T]):
    """
    Something that happens once, and any number of waiters, before or after it.
    """

    __slots__ = ("_result", "_waiting")

    def __init__(self) -> None:
        self._result: list[Any] = []
        self._waiting: list[Deferred[_T]] = []

    @property
    def settled(self) -> bool:
        """Whether it has happened."""
        return bool(self._result)

    @property
    def is_awaited(self) -> bool:
        """Whether anybody is waiting for it."""
        return bool(self._waiting)

    def wait(self) -> Deferred[_T]:
        """
        Wait for it.

        :returns: a new Deferred that fires with the result, immediately if it is known.  Cancelling
            it detaches this waiter and nothing else.
        """
        waiter: Deferred[_T] = Deferred(self._detach)
        if self._result:
            waiter.callback(self._result[0])
        else:
            self._waiting.append(waiter)
        return waiter

    def settle(self, result: _T | Failure) -> None:
        """
        Notify all waiters.  Only the first call has an effect.

        :param result: what their Deferreds fire with; a Failure fails them.
        """
        if self._result:
            return
        self._result.append(result)
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.called:  # another waiter may just have cancelled it
                waiter.callback(result)

    def _detach(self, waiter: Deferred[_T]) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
