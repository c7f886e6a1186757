"""
Small files go to the disk in groups.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .whole import Outcome, WholeFile
from .work import Work

__all__ = ["Groups"]

_MOST = 64
# So many turns of the reactor in which no more arrive.
_QUIET = 5
# To make all of a file system durable takes long if others write much to it.
_LONG = 1.0
_AVOIDED = 60.0


class Groups:
    """
    Has small files stored, all that arrived meanwhile together: many wait for the disk once.

    While that takes more than a second, and for a minute after, files come the ordinary way, which
    waits for no bytes but their own.

    :param work: what is under way in the store.
    :param store: stores a group, in a thread; is given how many bytes are promised, too.
    :param promised: gives how many bytes of what is free are.
    :param clock: the time, as a reactor has it.
    """

    def __init__(
        self,
        work: Work,
        store: Callable[[Sequence[WholeFile], int], Sequence[Outcome]],
        promised: Callable[[], int],
        clock: Any,
    ) -> None:
        self._work = work
        self._store = store
        self._promised = promised
        self._clock = clock
        self._waiting: list[tuple[WholeFile, Deferred[Outcome]]] = []
        self._running = False
        self._avoided_until = float("-inf")

    @property
    def quick(self) -> bool:
        """Whether this is the quick way at present."""
        return bool(self._clock.seconds() >= self._avoided_until)

    def add(self, file: WholeFile) -> Deferred[Outcome]:
        """
        Store a file.

        :returns: a Deferred of what came of it, which never fails and is not to be cancelled.
        """
        stored: Deferred[Outcome] = Deferred()
        stored.cancel = _ignored  # type: ignore[method-assign]
        self._waiting.append((file, stored))
        if not self._running:
            Deferred.fromCoroutine(self._run())
        return stored

    async def _run(self) -> None:
        with self._work.usage:
            self._running = True
            while self._waiting:
                await self._gathered()
                group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                late = self._clock.callLater(_LONG, self._late)
                storing = self._work.run(self._store, [file for file, _ in group], self._promised())
                # Whatever ends this, nobody must wait for ever.
                (outcomes,) = await storing.addBoth(lambda result: (result,))
                if late.active():
                    late.cancel()
                else:
                    self._avoided_until = self._clock.seconds() + _AVOIDED
                if isinstance(outcomes, Failure):
                    outcomes = [None] * len(group)
                for (_, stored), outcome in zip(group, outcomes, strict=True):
                    stored.callback(outcome)
            self._running = False

    async def _gathered(self) -> None:
        """Return once no more arrive: threads and the reactor are quicker one after the other."""
        count = quiet = 0
        while quiet < _QUIET and count < _MOST:
            turn: Deferred[None] = Deferred()
            self._clock.callLater(0, turn.callback, None)
            await turn
            quiet = quiet + 1 if count == len(self._waiting) else 0
            count = len(self._waiting)

    def _late(self) -> None:
        self._avoided_until = float("inf")
        waiting, self._waiting = self._waiting, []
        for _, stored in waiting:
            stored.callback(None)


def _ignored() -> None:
    """The disk is waited for, whoever has gone."""
