"""
Waiting.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

__all__ = ["pause"]


def pause(clock: Any, seconds: float) -> Deferred[None]:
    """
    A Deferred that fires after some seconds, and can be cancelled.

    :param clock: the time, as a reactor has it.
    """
    over: Deferred[None] = Deferred(lambda _: call.cancel())
    call = clock.callLater(seconds, over.callback, None)
    return over
