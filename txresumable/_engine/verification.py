"""
After the last chunk: the digest of the whole file that the server gives must be ours.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..errors import ChecksumMismatch
from ..states import COMPLETED, READY
from .transfer import Transfer

__all__ = ["verify"]


def verify(
    transfer: Transfer, fail: Callable[[Transfer, BaseException | None], None]
) -> Deferred[None] | None:
    """
    Complete a file of which every chunk is stored, if the server gives the right digest of it.

    :param transfer: the file.
    :param fail: called with the file and the error, if it does not, or if reading fails.
    :returns: :data:`None` if the server gives none: the file is completed.  Else a Deferred that
        fires when the file was compared, which takes a thread; it never fails.
    """
    ledger = transfer.ledger
    said = ledger.plan.checksum if ledger.plan is not None else ""
    if not said:
        transfer.end(COMPLETED, None)
        return None
    theirs = said.rpartition(":")[2].strip().lower()

    def compare(ours: str) -> None:
        if transfer.state is not READY or transfer.ledger is not ledger:
            return
        if ours != theirs:
            transfer.source.check()  # what was written to since then has another digest now
            raise ChecksumMismatch(transfer.file_name, ours, theirs)
        transfer.end(COMPLETED, None)

    def differs(failure: Failure) -> None:
        if transfer.ledger is ledger:
            fail(transfer, failure.value)

    return transfer.digest().addCallback(compare).addErrback(differs)
