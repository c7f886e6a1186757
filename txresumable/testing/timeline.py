"""
Simulated time, from one thing that happens to the next.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock

__all__ = ["Timeline"]

LONGEST = 3 * 86400.0
"""Simulated seconds after which an upload without an end counts as silent."""
MOST_STEPS = 200_000


class Timeline:
    """
    Time for all who take part.

    :ivar clock: simulated time.
    """

    def __init__(self, note: Callable[[str], None] | None = None) -> None:
        """
        :param note: told line by line what happens.
        """
        self.clock = Clock()
        self._note = note

    def say(self, line: str) -> None:
        """
        Tell what happens.

        :param line: what.
        """
        if self._note is not None:
            self._note(f"{self.clock.seconds():12.3f}  {line}")

    @property
    def is_told(self) -> bool:
        """Whether anybody listens."""
        return self._note is not None

    def until(
        self, over: Callable[[], bool], meanwhile: Callable[[int], None] | None = None
    ) -> bool:
        """
        Let things happen until something is so.

        :param over: whether it is.
        :param meanwhile: called before each step of time, with the steps' number.
        :returns: whether it came to that.
        """
        for number in range(MOST_STEPS):
            if over():
                return True
            if meanwhile is not None:
                meanwhile(number)
                if over():
                    return True
            if not self._step(LONGEST):
                return False
        return False

    def run_out(self) -> None:
        """Let happen all that is still to happen."""
        while self._step(float("inf")):
            pass

    def _step(self, latest: float) -> bool:
        """To the next thing that happens. :returns: whether there is one before a time."""
        calls = self.clock.getDelayedCalls()
        if not calls:
            return False
        due = calls[0].getTime()
        if due > latest:
            return False
        self.clock.advance(max(0.0, due - self.clock.seconds()))
        return True
