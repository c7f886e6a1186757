"""
The door between an accepted file and the queue: past ``preprocess_file``, once for each file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..file import ResumableFile
from ..states import PREPARING, READY
from .lending import settled
from .transfer import Transfer
from .turn import Turn

__all__ = ["Preparation"]


class Preparation:
    """
    Runs ``preprocess_file``.

    :ivar running: the files at whose hooks somebody waits, with the Deferred of each.

    :param turn: the hook runs in it.
    :param hook: the option.
    :param ready: called with a file that is READY, and with whether it had to wait for that.
    :param fail: called with one whose hook failed, and why.
    """

    def __init__(
        self,
        turn: Turn,
        hook: Callable[[ResumableFile], Any] | None,
        ready: Callable[[Transfer, bool], None],
        fail: Callable[[Transfer, BaseException | None], None],
    ) -> None:
        self._turn = turn
        self._hook = hook
        self._ready = ready
        self._fail = fail
        self.running: dict[Transfer, Deferred[None]] = {}

    def begin(self, transfer: Transfer) -> None:
        """Let a file through, after the hook if there is one and it has not run yet."""
        if self._hook is None or transfer.is_prepared:
            transfer.become(READY)
            self._ready(transfer, False)
        else:
            transfer.become(PREPARING)
            self._turn.post(self._prepare, transfer, transfer.handle)

    def stop(self, transfer: Transfer) -> None:
        """A file is at its end: nobody waits for its hook."""
        running = self.running.pop(transfer, None)
        if running is not None:
            self._turn.abandon(running)

    def _prepare(self, transfer: Transfer, handle: Deferred[ResumableFile]) -> None:
        if transfer.handle is not handle:  # it has come to its end meanwhile
            return
        running = Deferred.fromCoroutine(self._run(transfer))
        if transfer.handle is not handle:  # the hook itself has seen to that
            self._turn.abandon(running)
        elif not running.called:
            self.running[transfer] = running
        whom = (transfer, handle)
        running.addCallbacks(self._prepared, self._unprepared, whom, {}, whom)

    async def _run(self, transfer: Transfer) -> None:
        if self._hook is not None:
            await settled(self._hook(transfer.file))

    def _prepared(self, _: None, transfer: Transfer, handle: Deferred[ResumableFile]) -> None:
        if transfer.handle is handle:
            waited = self.running.pop(transfer, None) is not None
            transfer.is_prepared = True
            transfer.become(READY)
            self._ready(transfer, waited)
            self._turn.run()

    def _unprepared(
        self, failure: Failure, transfer: Transfer, handle: Deferred[ResumableFile]
    ) -> None:
        if transfer.handle is handle:
            self.running.pop(transfer, None)
            self._fail(transfer, failure.value)
            self._turn.run()
