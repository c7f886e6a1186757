"""
Chunks that a receiver has lost since it confirmed them.
"""

from __future__ import annotations

from twisted.logger import Logger
from twisted.web.http_headers import Headers

from .._http.response import Response
from .._protocol.ranges import OTHERS, gaps, is_cut_short
from ..errors import ResumableError, RetriesExhausted
from .attempt import Attempt
from .queue import ChunkQueue

__all__ = ["Losses"]

MOST_SILENT = 64
"""So many heads of responses are remembered, as they are new with each second that they name."""

_log = Logger()


class Losses:
    """
    Puts back the chunks of a file that its receiver has lost: ours forgets uploads that are idle
    for too long, and says with each response what it has.  One of several over object storage says
    with most responses only what it knows of; if none says that the file is whole, it is asked.

    :param most: how often a receiver may lose chunks of a file.
    :param queue: takes the file in again.
    """

    def __init__(self, most: int, queue: ChunkQueue) -> None:
        self._most = most
        self._queue = queue
        # Of another server than ours, by their id: each connection has those that it parsed last.
        self._silent: dict[int, Headers] = {}

    def any(self, attempt: Attempt, answer: Response) -> bool:
        """
        Look for them, when every chunk of a file is stored.

        :param attempt: the last one at the file.
        :param answer: the last response to arrive, which need not be the last one that was given:
            then what was stored after it is found there.
        :returns: whether there are any, or may be: then a chunk is tested.
        :raises RetriesExhausted: if there were too often.
        """
        transfer, headers = attempt.transfer, answer.headers
        if self._silent.get(id(headers)) is headers:
            if transfer.flags:
                transfer.is_like_ours = False
            return False
        said, digest = answer.header("Resumable-Stored"), answer.header("Resumable-File-Checksum")
        transfer.is_like_ours = (said or digest) is not None
        if not transfer.is_like_ours:
            if len(self._silent) >= MOST_SILENT:
                self._silent.clear()
            self._silent[id(headers)] = headers
        if said is None or digest is not None:
            return False
        ledger, plan, offset = attempt.ledger, attempt.ledger.plan, attempt.offset
        is_partial = said.startswith(OTHERS)
        asks = is_partial and not plan.insists
        if asks:  # as a rule, the response to a test lists all
            lost = [range(offset, offset + 1)]
        else:  # or else whatever is not known to be there is tested
            lost = gaps(said.removeprefix(OTHERS), len(ledger.states))
        if not lost or plan.is_complete:
            return False
        plan.losses += not asks
        if plan.losses > self._most:
            error = ResumableError("the server confirmed it, and has it no longer")
            raise RetriesExhausted(error, plan.losses, lost[0].start + 1)
        if not asks:
            _log.info("The server lacks chunks of {name!r} that it had", name=transfer.file_name)
        plan.insists = is_partial
        ledger.put_back_stored(lost)
        if is_cut_short(said):  # the others are asked for one by one, if there are tests at all
            plan.whole, plan.misses = False, 0
        self._queue.add(transfer)
        return True
