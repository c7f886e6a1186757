"""
After the last chunk: what the server said must be as expected, its digest of the whole file must be
ours, and the application must agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import define
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..errors import ChecksumMismatch, UnexpectedResponse
from ..options import Options
from ..states import COMPLETED, READY
from .ledger import ChunkLedger
from .lending import settled
from .transfer import Transfer
from .turn import Turn

__all__ = ["Verification"]


@define(eq=False)
class _Check:
    """
    A file that is verified.

    :ivar ledger: that of the file when this began; the file may have started over since.
    :ivar waiting: what it waits for, once it does.
    """

    ledger: ChunkLedger
    waiting: Deferred[None] | None = None


class Verification:
    """
    Completes files of which every chunk is stored.  A file's signal ``verified`` has the digest
    that the server gave of all of it, as hexadecimal, once that is found to be right.

    :ivar running: the files that are verified, with what each waits for.

    :param turn: hooks run in it.
    :param options: the options.
    :param fail: called with a file that is not as it should be, and why.
    """

    def __init__(
        self,
        turn: Turn,
        options: Options,
        fail: Callable[[Transfer, BaseException | None], None],
    ) -> None:
        self._turn = turn
        self._expected = options.expect_response
        self._hook = options.verify
        self._verifies = not (self._expected is None and self._hook is None)
        self._fail = fail
        self.running: dict[Transfer, _Check] = {}

    def begin(self, transfer: Transfer) -> None:
        """Complete a file, at once if there is nothing to verify."""
        ledger = transfer.ledger
        if self.running and transfer in self.running:
            if self.running[transfer].ledger is ledger:
                return
            self.stop(transfer)
        if not (self._verifies or (ledger.plan is not None and ledger.plan.checksum)):
            transfer.end(COMPLETED, None)
            return
        check = self.running[transfer] = _Check(ledger)
        self._turn.post(self._start, transfer, check)

    def stop(self, transfer: Transfer) -> None:
        """A file is at its end, or starts over: nobody waits for its hook."""
        check = self.running.pop(transfer, None)
        if check is not None and check.waiting is not None:
            self._turn.abandon(check.waiting)

    def _start(self, transfer: Transfer, check: _Check) -> None:
        if self.running.get(transfer) is not check or transfer.ledger is not check.ledger:
            return
        check.waiting = Deferred.fromCoroutine(self._verify(transfer, check.ledger))
        whom = (transfer, check)
        check.waiting.addCallbacks(self._verified, self._unverified, whom, {}, whom)
        if self.running.get(transfer) is not check:  # the hook itself has seen to that
            self._turn.abandon(check.waiting)
            self._turn.run()

    async def _verify(self, transfer: Transfer, ledger: ChunkLedger) -> None:
        if isinstance(self._expected, re.Pattern):
            plan = ledger.plan
            if plan is None or not plan.is_expected:
                raise UnexpectedResponse(transfer.file_name, transfer.response)
        elif self._expected is not None and not await settled(self._expected(transfer.file)):
            raise UnexpectedResponse(transfer.file_name, transfer.response)
        theirs = _digest(ledger)
        if theirs:
            ours = await transfer.digest()
            if ours != theirs:
                transfer.source.check()  # what was written to since then has another digest now
                raise ChecksumMismatch(transfer.file_name, ours, theirs)
            if transfer.observers is not None:
                self._turn.post(transfer.observers.fire, "verified", theirs)
        if self._hook is not None:
            await settled(self._hook(transfer.file))

    def _verified(self, _: None, transfer: Transfer, check: _Check) -> None:
        if self._is_over(transfer, check):
            transfer.end(COMPLETED, None)
            self._turn.run()

    def _unverified(self, failure: Failure, transfer: Transfer, check: _Check) -> None:
        if self._is_over(transfer, check):
            self._fail(transfer, failure.value)
            self._turn.run()

    def _is_over(self, transfer: Transfer, check: _Check) -> bool:
        """:returns: whether what came of it concerns the file as it is now."""
        if self.running.get(transfer) is not check:
            return False
        del self.running[transfer]
        return transfer.state is READY and transfer.ledger is check.ledger


def _digest(ledger: ChunkLedger) -> str:
    """What the server calls the digest of the whole file, as hexadecimal, or nothing."""
    said = ledger.plan.checksum if ledger.plan is not None else ""
    return said and str(said).rpartition(":")[2].strip().lower()
