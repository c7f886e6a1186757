"""
Where a connection is in its life.
"""

from __future__ import annotations

from enum import IntEnum, auto

__all__ = [
    "ACTIVE",
    "CLOSED",
    "CLOSING",
    "CONNECTING",
    "IDLE",
    "TRANSITIONS",
    "ConnectionState",
    "change",
]


class ConnectionState(IntEnum):
    """
    The state of a connection; of integers, whose hashes cost no call.
    """

    CONNECTING = auto()
    """There is no transport yet, or TLS has yet to be agreed on."""
    IDLE = auto()
    """A request may be sent."""
    ACTIVE = auto()
    """A request is under way, until its response is whole."""
    CLOSING = auto()
    """It was aborted, and the transport has yet to say that it is lost."""
    CLOSED = auto()
    """The transport is lost."""


# Before Python 3.12, looking a member up in its class costs as much as calling a function.
CONNECTING, IDLE, ACTIVE, CLOSING, CLOSED = ConnectionState

TRANSITIONS: dict[ConnectionState, tuple[ConnectionState, ...]] = {
    CONNECTING: (IDLE, CLOSING, CLOSED),
    IDLE: (ACTIVE, CLOSING, CLOSED),
    ACTIVE: (IDLE, CLOSING, CLOSED),
    CLOSING: (CLOSED,),
    CLOSED: (),
}
"""From each state, those that may come next."""


def change(state: ConnectionState, following: ConnectionState) -> ConnectionState:
    """
    Go from one state to another.

    :returns: the other.
    :raises RuntimeError: if that cannot be.
    """
    if following not in TRANSITIONS[state]:
        raise RuntimeError(f"a connection that is {state.name} cannot become {following.name}")
    return following
