"""
What a file in a watched folder is at.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["ENDS", "NEXT_PUSH_STATES", "PushState"]


class PushState(Enum):
    """What one version of a file in a watched folder is at."""

    __hash__ = object.__hash__  # that of Enum is a call, and each file is looked up often

    SEEN = "seen"
    """It was seen, and has not changed since."""
    SETTLING = "settling"
    """It changed while it was watched, and may still change."""
    QUEUED = "queued"
    """It has settled, and waits for its turn."""
    UPLOADING = "uploading"
    """It is being uploaded."""
    STORED = "stored"
    """All of it is on the server."""
    HOOK = "hook"
    """It is on the server, and that is being reported."""
    MOVING = "moving"
    """It is on the server, and is deleted or moved here."""
    DONE = "done"
    """Nothing is left to do."""
    WAITING = "waiting"
    """It failed, and is tried again later."""
    CHANGED = "changed"
    """It changed before all of it was sent; what it became is another version."""
    FAILED = "failed"
    """It failed for good."""
    HELD = "held"
    """An operator holds it back."""
    GONE = "gone"
    """It vanished before it was sent."""


# Before Python 3.12, looking a member up in its class costs as much as calling a function.
(
    SEEN,
    SETTLING,
    QUEUED,
    UPLOADING,
    STORED,
    HOOK,
    MOVING,
    DONE,
    WAITING,
    CHANGED,
    FAILED,
    HELD,
    GONE,
) = PushState

ENDS = frozenset((DONE, CHANGED, FAILED, GONE))
"""Nothing happens to these by itself."""

NEXT_PUSH_STATES: dict[PushState, frozenset[PushState]] = {
    SEEN: frozenset((SETTLING, QUEUED, HELD, GONE)),
    SETTLING: frozenset((QUEUED, HELD, GONE)),
    QUEUED: frozenset((UPLOADING, HELD, GONE, CHANGED, FAILED)),
    # After a restart, and for an operator who stops it, it is queued again.
    UPLOADING: frozenset((STORED, WAITING, CHANGED, FAILED, HELD, GONE, QUEUED)),
    WAITING: frozenset((QUEUED, HELD, FAILED, GONE, CHANGED)),
    # What is stored can only go on: nothing here undoes that.
    STORED: frozenset((HOOK,)),
    HOOK: frozenset((MOVING,)),
    MOVING: frozenset((DONE,)),
    # An operator may have it sent again.
    DONE: frozenset((QUEUED, GONE)),
    FAILED: frozenset((QUEUED, GONE)),
    HELD: frozenset((QUEUED, GONE, FAILED)),
    # The same version may be there again: put back, or touched without another change.
    CHANGED: frozenset((SEEN,)),
    GONE: frozenset((SEEN,)),
}
"""The states that may follow each state of a file in a watched folder."""
