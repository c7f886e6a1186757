"""
Those who wait until all files are done, and the failure that they would hear of.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .._runtime.observers import Outcome
from .file import ResumableFile

__all__ = ["Joined"]

MOST = 1000
"""How many failed files are remembered until somebody asks."""


class Joined:
    """What ``join()`` waits for, again and again."""

    def __init__(self) -> None:
        self._outcome: Outcome[None] = Outcome()
        self._failed: dict[ResumableFile, None] = {}

    @property
    def is_awaited(self) -> bool:
        """Whether anybody waits."""
        return self._outcome.is_awaited

    @property
    def has_failed(self) -> bool:
        """Whether there is a :attr:`failure`."""
        return bool(self._failed)

    @property
    def failure(self) -> Failure | None:
        """The first failure that nobody has heard of by waiting."""
        for file in self._failed:
            assert file.error is not None
            return Failure(file.error)
        return None

    def wait(self) -> Deferred[None]:
        """:returns: a new Deferred that fires at the next :meth:`settle`."""
        return self._outcome.wait()

    def failed(self, file: ResumableFile) -> None:
        """
        Remember a failure.

        :param file: it has failed.
        """
        if len(self._failed) < MOST:
            self._failed[file] = None

    def forgive(self, file: ResumableFile) -> None:
        """
        Forget a failure.

        :param file: it is tried again.
        """
        self._failed.pop(file, None)

    def begin(self) -> Outcome[None]:
        """
        Begin anew.

        :returns: what to settle for those who wait now.
        """
        outcome, self._outcome = self._outcome, Outcome()
        self._failed = {}
        return outcome
