"""
Identifiers that a hook takes its time to find out.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .lending import settled

__all__ = ["PATIENCE", "Naming"]

PATIENCE = 1.0
"""Seconds that files wait for the identifier of one that was added before them."""


class Naming:
    """
    An identifier that is being found out.

    :ivar asked: what the hook is busy with.
    :ivar known: fires with the identifier, or with what ended the hook.
    """

    __slots__ = ("asked", "known")

    def __init__(self, identifier: Any) -> None:
        self.known: Deferred[Any] = Deferred()
        self.asked: Deferred[Any] = Deferred.fromCoroutine(settled(identifier))
        self.asked.addBoth(self.end)

    def end(self, result: Any) -> None:
        """
        It is known, or nobody needs it any more.

        :param result: the identifier, or a Failure.
        """
        if not self.known.called:
            self.known.callback(result.value if isinstance(result, Failure) else result)

    def is_late(self, clock: Any) -> Deferred[bool]:
        """
        Wait for a while.

        :param clock: an ``IReactorTime``.
        :returns: a Deferred that fires when it is known, or soon: with whether it is not.
        """
        waiting: Deferred[bool] = Deferred(lambda _: timer.cancel())
        timer = clock.callLater(PATIENCE, waiting.callback, True)

        def in_time(name: Any) -> Any:
            if not waiting.called:
                timer.cancel()
                waiting.callback(False)
            return name

        self.known.addCallback(in_time)
        return waiting
