"""
Doing one thing for many who ask at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred

__all__ = ["Rounds"]


class Rounds:
    """
    Looks at something for all who ask: those who ask while a round is under way get the next one,
    so that what each is told was seen after it had asked.

    :param work: a round.
    """

    def __init__(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._work = work
        self._is_running = False
        self._next: list[Deferred[None]] = []

    def join(self) -> Deferred[None]:
        """
        Ask for a round.

        :returns: a Deferred that fires when one has ended that began after this was called, and
            fails as that does.  Cancelling it ends the waiting, and not the round.
        """
        joined: Deferred[None] = Deferred()
        self._next.append(joined)
        if not self._is_running:
            self._begin()
        return joined

    def _begin(self) -> None:
        self._is_running = True
        joined, self._next = self._next, []
        Deferred.fromCoroutine(self._work()).addBoth(self._end, joined)

    def _end(self, result: Any, joined: list[Deferred[None]]) -> None:
        self._is_running = False
        if self._next:
            self._begin()
        for each in joined:
            if not each.called:
                each.callback(result)
