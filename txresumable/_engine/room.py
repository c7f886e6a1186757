"""
How many files there may be: ``max_files``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import FileRejected
from ..states import FAILED
from .admission import Admission
from .roster import Roster
from .transfer import Transfer

__all__ = ["Room"]


class Room:
    """
    Room for files, if there is a limit: files on the list count, and files that are looked at.

    :ivar is_limited: whether there is.
    :param most: how many there may be, or :data:`None`.
    :param roster: the files on the list.
    :param admission: the files that are looked at.
    """

    def __init__(self, most: int | None, roster: Roster, admission: Admission) -> None:
        self._most = most
        self.is_limited = most is not None
        self._roster = roster
        self._admission = admission
        self._passing = 0
        self._waiting: list[Callable[[], object]] = []

    def limit(self, count: int) -> int:
        """:returns: as many as that, or as there may be."""
        return min(count, self._most or count)

    def replaced(self, transfers: Sequence[Transfer]) -> Transfer | None:
        """:returns: the one file that another one takes the place of, as in resumable.js."""
        if self._most != 1 or len(transfers) != 1:
            return None
        present = [*self._roster.transfers, *self._admission.transfers]
        return present[0] if len(present) == 1 else None

    def admits(self, transfers: Sequence[Transfer]) -> bool:
        """:returns: whether there is room for all of these; if not, each of them fails."""
        if self._most is None or self._count() + len(transfers) <= self._most:
            return True
        self._admission.report("max_files", [each.file for each in transfers])
        for each in transfers:
            reason = f"at most {self._most} may be uploaded"
            each.end(FAILED, FileRejected(each.file_name, "max_files", reason))
        return False

    def _count(self) -> int:
        return len(self._roster) + len(self._admission.transfers)

    # Files that leave the list at their end ----------------------------------------------------

    def must_wait(self, until: Callable[[], object]) -> bool:
        """
        Whether there is no room, but is going to be.

        :param until: called when one of the files that :meth:`enter` has left, if it must.
        """
        if self._most is None or not self._passing or self._count() < self._most:
            return False
        if until not in self._waiting:
            self._waiting.append(until)
        return True

    def enter(self) -> None:
        """A file is there that leaves the list at its end."""
        self._passing += 1

    def leave(self) -> None:
        """It has left."""
        self._passing -= 1
        waiting, self._waiting = self._waiting, []
        for until in waiting:
            until()
