"""
Reads of whole chunks, before there is a request whose limits would end them: one at a time for each
source, and for few sources at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from .._runtime.threads import run_in_thread
from .._source.source import Source
from .relay import MOST_HUNG

__all__ = ["Lanes"]

_T = TypeVar("_T")


class Lanes:
    """
    Has sources read in threads.

    A file whose disk hangs holds one of the reactor's threads, for as long as that takes, and not
    one for each of its chunks; and however many files there are on that disk, there are threads
    left for all else.

    :param reactor: its threads read.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._busy: set[Source] = set()
        # In the order in which they came; a dictionary, as those that are cancelled leave it.
        self._waiting: dict[Deferred[None], Source] = {}

    def run(self, source: Source, read: Callable[..., _T], *args: Any) -> Deferred[_T]:
        """
        Read, when the source's turn has come.

        :param source: what is read.
        :param read: may block; called with ``args``.
        :returns: a Deferred that fires with what it returned and fails as it did.  Cancelling it
            leaves the thread to itself; until that is through, the source is not read here.
        """
        return Deferred.fromCoroutine(self._run(source, read, args))

    async def _run(self, source: Source, read: Callable[..., _T], args: tuple[Any, ...]) -> _T:
        if source in self._busy or len(self._busy) >= MOST_HUNG:
            turn: Deferred[None] = Deferred(self._withdraw)
            self._waiting[turn] = source
            await turn
        else:
            self._busy.add(source)
        result: Deferred[_T] = Deferred()

        def returned(found: Any) -> None:
            if not result.called:
                result.callback(found)
            self._busy.discard(source)
            self._let_go()

        run_in_thread(self._reactor, read, *args).addBoth(returned)
        return await result

    def _withdraw(self, turn: Deferred[None]) -> None:
        del self._waiting[turn]

    def _let_go(self) -> None:
        """Let the first ones go on whose sources are free."""
        while len(self._busy) < MOST_HUNG:
            free = (turn for turn, source in self._waiting.items() if source not in self._busy)
            turn = next(free, None)
            if turn is None:
                return
            self._busy.add(self._waiting.pop(turn))
            turn.callback(None)
