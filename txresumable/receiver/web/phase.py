"""
What a connection of the receiver is doing.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import Enum

from ..._runtime.transitions import advancing

__all__ = ["TRANSITIONS", "Phase", "advance"]


class Phase(Enum):
    """What a connection is doing."""

    # By identity: what Enum does instead is Python, and shows in what a chunk costs.
    __hash__ = object.__hash__

    IDLE = "idle"
    """It waits for a request."""
    ARRIVING = "arriving"
    """Some of a request is there."""
    RESPONDING = "responding"
    """A request is there as a whole, and its response is not written as a whole."""
    REFUSING = "refusing"
    """The last response is being written, and what still arrives is ignored."""
    CLOSING = "closing"
    """The last response is written, and the peer may still read it."""


TRANSITIONS: Mapping[Phase, AbstractSet[Phase]] = {
    # A request may arrive as a whole at once.
    Phase.IDLE: {Phase.ARRIVING, Phase.RESPONDING, Phase.REFUSING, Phase.CLOSING},
    # What arrived may have been the empty lines between requests (RFC 9112, 2.2).
    Phase.ARRIVING: {Phase.IDLE, Phase.RESPONDING, Phase.REFUSING, Phase.CLOSING},
    Phase.RESPONDING: {Phase.IDLE, Phase.CLOSING},
    Phase.REFUSING: {Phase.CLOSING},
    Phase.CLOSING: set(),
}
"""The phases that each one leads to."""


advance = advancing(TRANSITIONS, "a connection")
"""The phase that follows."""
