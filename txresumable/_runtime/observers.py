"""
Notifying observers: :class:`Signal` many times, :class:`OneShotObserver` once.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, Generic, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["Observers", "OneShotObserver", "Signal", "observers_of"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_T = TypeVar("_T")
_RAISED = "An observer raised: {callback}"
_log = Logger()


class Signal(Generic[_P]):
    """
    Something that happens many times, and the callbacks that are notified of it.  Its parameters
    are theirs: a ``Signal[[ResumableFile]]`` calls them with a file.

    Callbacks run in the reactor thread, in the order in which they registered.  One that raises
    is logged; the others are called all the same and the upload goes on.  A coroutine function is
    run as a Deferred for which nobody waits; its failure is logged.  That a generator function
    lacks ``inlineCallbacks``, and does nothing, is logged as well.
    """

    __slots__ = ("_observers",)

    def __init__(self, name: str) -> None:
        """
        :param name: what it is called by.
        """
        self._observers = Observers(name)

    def __repr__(self) -> str:
        observers = self._observers
        return f"<Signal {observers.name} callbacks={len(observers.callbacks)}>"

    def __bool__(self) -> bool:
        raise TypeError(
            f"the signal {self._observers.name!r} has no truth value: register() a callback, or "
            "ask a property such as is_paused or is_completed"
        )

    def register(self, callback: Callable[_P, _R]) -> Callable[_P, _R]:
        """
        Notify a callback each time this happens.

        :param callback: called with what the signal carries.  Registered twice, it is called
            twice.
        :returns: the callback, so that this can be used as a decorator.
        :raises TypeError: if it is not callable.
        """
        if not callable(callback):
            raise TypeError(f"a callback must be callable, not {callback!r}")
        self._observers.callbacks += (callback,)
        return callback

    def unregister(self, callback: Callable[_P, object]) -> None:
        """
        Stop notifying a callback.

        :param callback: as it was registered.
        :raises ValueError: if it is not registered.
        """
        remaining = list(self._observers.callbacks)
        remaining.remove(callback)
        self._observers.callbacks = tuple(remaining)


class Observers:
    """
    The callbacks of a signal, for who fires it.

    :ivar name: that of the signal.
    :ivar callbacks: those that are registered.
    """

    __slots__ = ("callbacks", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.callbacks: tuple[Callable[..., object], ...] = ()

    def notify(self, *args: object) -> None:
        """
        Notify all callbacks that are registered at this moment.

        :param args: what to call them with.
        """
        for callback in self.callbacks:
            try:
                result: Any = callback(*args)
            except BaseException:  # such as asyncio's CancelledError: it concerns nobody else
                _log.failure(_RAISED, callback=callback)
                continue
            kind = type(result)
            if kind is GeneratorType or kind is AsyncGeneratorType:
                error = TypeError(f"{result!r} never runs: with yield it needs @inlineCallbacks")
                _log.failure(_RAISED, Failure(error), callback=callback)
            elif kind is CoroutineType:
                running: Deferred[object] = Deferred.fromCoroutine(result)
                running.addErrback(_log_failure, callback)


observers_of: Callable[[Signal[...]], Observers] = attrgetter("_observers")
"""From a signal to its callbacks: for who fires it."""


def _log_failure(failure: Failure, callback: Callable[..., object]) -> None:
    _log.failure(_RAISED, failure, callback=callback)


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
