"""
What the record of an upload in object storage says.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import Enum

from ..._runtime.transitions import advancing

__all__ = ["TRANSITIONS", "State", "advance"]


class State(Enum):
    """What an upload is at."""

    OPEN = "open"
    """Chunks are missing, or nobody finishes it yet."""
    FINISHING = "finishing"
    """All chunks are there, and a receiver makes the file of them."""
    DONE = "done"
    """The file is in its place, and the application was notified."""
    REJECTED = "rejected"
    """The application did not want it."""
    DEAD = "dead"
    """Abandoned, or expired: its chunks go away, and it may begin anew."""
    LEAVING = "leaving"
    """The record itself goes away."""


TRANSITIONS: Mapping[State, AbstractSet[State]] = {
    State.OPEN: {State.OPEN, State.FINISHING, State.DEAD},
    State.FINISHING: {State.FINISHING, State.OPEN, State.DONE, State.REJECTED},
    State.DONE: {State.OPEN, State.DEAD},
    State.REJECTED: {State.OPEN, State.DEAD},
    State.DEAD: {State.OPEN, State.LEAVING},
    State.LEAVING: {State.OPEN, State.LEAVING},
}
"""The states that each one leads to; OPEN to OPEN, and FINISHING to FINISHING, are renewals."""


advance = advancing(TRANSITIONS, "an upload")
"""The state that follows."""
