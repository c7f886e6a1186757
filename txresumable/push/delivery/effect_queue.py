"""
Effects on files, in a thread: all that have come meanwhile are made durable together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..._runtime.threads import run_in_thread
from ..effects import Effects

__all__ = ["EffectQueue"]

_T = TypeVar("_T")
_MOST = 64
"""Effects between two syncs."""


class EffectQueue:
    """
    Has a thread cause effects, in order.
    """

    def __init__(self, effects: Effects, reactor: Any) -> None:
        """
        :param effects: what causes them.
        :param reactor: has the threads.
        """
        self._effects = effects
        self._reactor = reactor
        self._waiting: list[tuple[Callable[[Effects], Any], Deferred[Any]]] = []
        self._is_running = False

    def run(self, effect: Callable[[Effects], _T]) -> Deferred[_T]:
        """
        Cause an effect.

        :param effect: called in the thread.
        :returns: a Deferred that fires with what that returned once it is durable, and fails with
            what it raised, or with :exc:`OSError` if it cannot be made durable.
        """
        caused: Deferred[_T] = Deferred(lambda _: None)
        self._waiting.append((effect, caused))
        self._go_on()
        return caused

    def _go_on(self) -> None:
        if self._is_running or not self._waiting:
            return
        self._is_running = True
        batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        work = [effect for effect, _ in batch]
        run_in_thread(self._reactor, self._cause, work).addBoth(self._caused, batch)

    def _cause(self, effects: list[Callable[[Effects], Any]]) -> list[Any]:
        results: list[Any] = []
        for effect in effects:
            try:
                results.append(effect(self._effects))
            except Exception:
                results.append(Failure())
        self._effects.sync()
        return results

    def _caused(
        self, results: Any, batch: list[tuple[Callable[[Effects], Any], Deferred[Any]]]
    ) -> None:
        self._is_running = False
        if isinstance(results, Failure):
            results = [results] * len(batch)
        for result, (_, caused) in zip(results, batch, strict=True):
            if not caused.called:
                caused.callback(result)
        self._go_on()
