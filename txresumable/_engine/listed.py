"""
What a receiver says of all chunks at once.
"""

from __future__ import annotations

from array import array

from .._http.response import Response
from .._protocol.ranges import is_cut_short, parse_ranges
from ..options import Options
from ..states import PENDING
from .attempt import Attempt
from .plan import Plan

__all__ = ["take_list"]


def take_list(options: Options, attempt: Attempt, plan: Plan, answer: Response) -> None:
    """
    Count the chunks that are in a receiver's list as stored, if tests are to be cheap.

    :param options: the options.
    :param attempt: that of a chunk of the file.
    :param plan: that of the file.
    :param answer: the response to a test.
    :raises CancelledError: if an observer has cancelled the attempt.
    """
    if options.test_chunks != "adaptive" or options.checksum is not None:
        return
    said = answer.header("Resumable-Stored")
    if said is None or plan.whole:
        return
    plan.whole = not is_cut_short(said)
    states, offsets = attempt.ledger.states, array("I")
    for span in parse_ranges(said, len(states)):
        offsets.extend(offset for offset in span if states[offset] == PENDING)
    attempt.transfer.found(offsets)
    attempt.check()
