"""
Blocking work on many files in one thread; where that hangs, another thread goes on with the rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .._runtime.threads import run_in_thread
from .._runtime.ticker import Ticker

__all__ = ["MOST_HUNG", "TICK", "Relay"]

TICK = 0.5
"""Seconds. Work that was under way one tick ago, and still is, hangs."""
MOST_HUNG = 4
"""How many threads may hang before the rest has to wait for one of them: the reactor has ten."""


class _Stage(Enum):
    WAITS = auto()
    RUNS = auto()


# Before Python 3.12, looking a member up in its class costs as much as calling a function.
_WAITS, _RUNS = _Stage


class Relay:
    """
    Has work done in threads.

    :ivar hung: how many threads hang at this moment.
    :param reactor: its threads work.
    :param clock: an ``IReactorTime``.
    """

    def __init__(self, reactor: Any, clock: Any) -> None:
        self.reactor = reactor
        self.clock = clock
        self.hung = 0
        self._rounds: set[_Round] = set()

    def is_working_for(self, whom: Any) -> bool:
        """Whether work for somebody is under way, or was begun together with some that is."""
        return any(whom in each.wanted for each in self._rounds) if self._rounds else False

    def run(self, works: Mapping[Any, Callable[[], Any]]) -> Deferred[list[Any]]:
        """
        Do one after the other.

        :param works: for whom is to be done what; each may block.
        :returns: a Deferred that fires with what each returned, or with a Failure of what it
            raised; in the place of work that hangs there is a Deferred of either.  Cancelling it
            does no more of them.
        """
        return _Round(self, works, self._rounds).start()

    def forget(self, whom: Any) -> None:
        """
        Somebody has no use for his work any more.  Where nobody has, what was not begun is not
        done, and has no result; what runs counts as hanging.

        :param whom: as given to :meth:`run`.
        """
        for each in list(self._rounds):
            each.forget(whom)

    def close(self) -> None:
        """Look after nothing any more: what hangs is left alone."""
        for each in list(self._rounds):
            each.stop()


class _Round:
    """
    Work that came together.

    :ivar wanted: for whom.
    """

    def __init__(
        self, relay: Relay, works: Mapping[Any, Callable[[], Any]], rounds: set[_Round]
    ) -> None:
        self._relay = relay
        self._rounds = rounds
        self.wanted = set(works)
        self._left = deque(enumerate(works.values()))  # shared by the threads, as are the results
        self._results: list[Any] = [_WAITS] * len(works)
        self._hanging: dict[int, Deferred[Any]] = {}
        self._seen: set[int] = set()
        self._ticker: Ticker | None = None
        self._done: Deferred[list[Any]] = Deferred(lambda _: self.stop())

    def start(self) -> Deferred[list[Any]]:
        if self._left:
            self._go_on()
        self._check()
        if not self._done.called:
            self._rounds.add(self)
            self._ticker = Ticker(self._relay.clock, TICK, self._tick)
            self._ticker.start()
        return self._done

    def stop(self) -> None:
        """Begin nothing more, and wait for nothing."""
        self._skip(None)
        self._rounds.discard(self)
        ticker, self._ticker = self._ticker, None  # they refer to each other
        if ticker is not None:
            ticker.stop()

    def forget(self, whom: Any) -> None:
        self.wanted.discard(whom)
        if not self.wanted:
            self._skip(None)
            self._set_aside(self._unfinished())
            self._check()

    def _go_on(self) -> None:
        run_in_thread(self._relay.reactor, self._work).addBoth(self._returned)

    def _work(self) -> None:
        """In a thread."""
        take, results = self._left.popleft, self._results
        while True:
            try:
                at, do = take()
            except IndexError:
                return
            results[at] = _RUNS
            try:
                results[at] = do()
            except BaseException:  # a file object of the user's may raise anything
                results[at] = Failure()

    def _take(self) -> tuple[int, Callable[[], Any]] | None:
        try:
            return self._left.popleft()
        except IndexError:
            return None

    def _skip(self, result: Any) -> None:
        """What was not begun will not be, and comes to this."""
        while (work := self._take()) is not None:
            self._results[work[0]] = result

    def _returned(self, result: Any) -> None:
        """A thread has found nothing left to do, or could not be started."""
        if isinstance(result, Failure):
            self._skip(result)
        for at in [at for at in self._hanging if not isinstance(self._results[at], _Stage)]:
            self._relay.hung -= 1
            self._hanging.pop(at).callback(self._results[at])
        self._check()

    def _unfinished(self) -> set[int]:
        """What waits or runs, and does not hang; a thread that has just taken it may say so yet."""
        staged = (at for at, result in enumerate(self._results) if isinstance(result, _Stage))
        return {at for at in staged if at not in self._hanging}

    def _set_aside(self, hanging: set[int]) -> None:
        for at in hanging:
            if self._relay.hung < MOST_HUNG:
                self._relay.hung += 1
                self._hanging[at] = Deferred()
                if self._left:
                    self._go_on()

    def _tick(self) -> bool:
        """:returns: whether to look again."""
        running = {at for at in self._unfinished() if self._results[at] is _RUNS}
        self._set_aside(running & self._seen)
        self._seen = running
        self._check()
        return self in self._rounds

    def _check(self) -> None:
        """Whether all is done but for what hangs."""
        if self._done.called:
            return
        results = self._results
        if self._hanging:
            if self._unfinished():
                return
            results = [self._hanging.get(at, result) for at, result in enumerate(results)]
        elif _WAITS in results or _RUNS in results:
            return
        self.stop()
        self._done.callback(results)
