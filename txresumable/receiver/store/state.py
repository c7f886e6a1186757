"""
What an upload that is being received is at.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import Enum

from ..._runtime.transitions import advancing
from .refused import Refused

__all__ = ["TRANSITIONS", "State", "advance", "check"]


class State(Enum):
    """What an upload is at."""

    # By identity: what Enum does instead is Python, and shows in what a chunk costs.
    __hash__ = object.__hash__

    RECEIVING = "receiving"
    """Chunks are missing, or the end failed and may be tried again."""
    UNSURE = "unsure"
    """The record on the disk may say more than is true, and the disk refuses to have that put
    right: nothing is taken until it has been."""
    FINISHING = "finishing"
    """It is full and gets its place."""
    FINISHED = "finished"
    """It is in its place, and that is written down."""
    DISCARDED = "discarded"
    """Its files are removed, or were removed by somebody."""
    CLOSED = "closed"
    """Its files are on the disk, and others may have opened them anew."""


TRANSITIONS: Mapping[State, AbstractSet[State]] = {
    State.RECEIVING: {State.UNSURE, State.FINISHING, State.DISCARDED, State.CLOSED},
    State.UNSURE: {State.RECEIVING, State.CLOSED},
    State.FINISHING: {State.RECEIVING, State.FINISHED, State.CLOSED},
    State.FINISHED: {State.CLOSED},
    State.DISCARDED: {State.CLOSED},
    State.CLOSED: {State.CLOSED},
}
"""The states that each one leads to."""

_REFUSED: Mapping[State, tuple[int, str, int | None]] = {
    State.UNSURE: (503, "the receiver's disk failed", 5),
    State.DISCARDED: (500, "this upload was removed from the receiver: send it again", None),
    State.CLOSED: (503, "the receiver is closing this upload", 1),
}


advance = advancing(TRANSITIONS, "an upload")
"""The state that follows."""


def check(state: State) -> None:
    """
    Whether requests may use an upload.

    :raises Refused: if they may not.
    """
    if state in _REFUSED:
        status, reason, retry_after = _REFUSED[state]
        raise Refused(status, reason, retry_after, about="upload")
