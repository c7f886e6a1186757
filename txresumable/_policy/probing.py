"""
While the server cannot be reached or refuses everybody, one chunk probes, and the others wait.
"""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["Outage"]

_File = TypeVar("_File")


class Outage(Generic[_File]):
    """
    Whether the server can be reached at all, and accepts requests.

    :ivar reached: whether it ever responded.
    :ivar probe: the chunk that tries for all of them, while there is an outage.
    :ivar failures: how many attempts in a row have failed for the same of the two reasons.
    :ivar refuses: whether the server responds, and refuses.
    :ivar tried: the chunks that were refused since it began to refuse.
    :ivar since: when the outage began, in seconds of the clock.
    """

    def __init__(self) -> None:
        self.reached = self.refuses = False
        self.tried: set[tuple[_File, int]] = set()
        self.probe: tuple[_File, int] | None = None
        self.failures = 0
        self.since = 0.0

    @property
    def lasts(self) -> bool:
        """Whether there is an outage."""
        return self.failures > 0

    def failed(self, file: _File, offset: int, now: float, refused: bool = False) -> bool:
        """
        No connection could be made for a chunk, or the server refused it as it does all.

        :returns: whether that chunk is the one that probes.
        """
        if not self.lasts:
            self.since = now
        if self.probe is None:
            self.probe = (file, offset)
        if self.probe != (file, offset):
            return False
        if self.refuses is not refused:
            self.refuses, self.failures = refused, 0
            self.tried.clear()
        if refused:
            self.tried.add(self.probe)
        self.failures += 1
        return True

    @property
    def is_worth_a_line(self) -> bool:
        """Whether the log should have this failure: the first, the second, the fourth..."""
        return self.failures & (self.failures - 1) == 0

    def responded(self) -> bool:
        """
        The server responded.

        :returns: whether that ends an outage.
        """
        ended = self.failures > 0
        self.give_up()
        return ended

    @property
    def least_delay(self) -> float:
        """Seconds to wait at least: not even a retry interval of 0 makes it a busy loop."""
        return min(0.05 * 2.0 ** min(self.failures, 10), 1.0)

    def give_up(self) -> None:
        """All that waited for the server has failed."""
        self.probe, self.failures, self.refuses = None, 0, False
        self.tried.clear()

    def leave(self, file: _File) -> None:
        """
        A file was stopped, and does not probe any longer.

        :param file: the file.
        """
        if self.probe is not None and self.probe[0] is file:
            self.probe = None
