"""
Writing down what becomes of files, however long the journal cannot be written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from twisted.logger import Logger

from ..entry import Entry
from ..errors import ImpossibleTransition, JournalUnavailable, UnknownEntry
from ..journal import Journal
from ..state import QUEUED, UPLOADING, PushState
from .insisting import Insisting

__all__ = ["Steps"]

_T = TypeVar("_T")
_log = Logger()


class Steps:
    """
    The steps of files, from one state to the next, in the journal.
    """

    def __init__(self, journal: Journal, clock: Any) -> None:
        """
        :param journal: where they are written down.
        :param clock: an ``IReactorTime``.
        """
        self._journal = journal
        self._insisting = Insisting(clock, JournalUnavailable)

    @property
    def trouble(self) -> str:
        """Why the journal cannot be written now, or nothing."""
        return self._insisting.trouble

    async def move(self, id: int, *to: PushState, **facts: Any) -> Entry | None:
        """
        Bring a file into a state.

        :param to: that state; of several, all that lead there, which have no effects in between.
        :param facts: what else to write down.
        :returns: the file, once that is durable; :data:`None` if it cannot get there any more, as
            an operator or a new journal wants otherwise, or if these steps are over.
        """
        return await self._insist(lambda: self._journal.move(id, *to, **facts))

    async def note(self, id: int, **facts: Any) -> Entry | None:
        """Write down facts, likewise."""
        return await self._insist(lambda: self._journal.note(id, **facts))

    async def take(self, folder: str, count: int, order: str) -> list[Entry]:
        """The next files of a folder, which are UPLOADING now; none once these steps are over."""
        return await self._insist(lambda: self._journal.take(folder, count, order)) or []

    async def entry(self, id: int) -> Entry | None:
        """A file; :data:`None` if it is not known any more, or these steps are over."""
        return await self._insist(lambda: self._journal.entry(id))

    async def entries(self, states: list[PushState], folder: str, after: int) -> list[Entry]:
        """Files in some states, by their numbers, from behind one on."""
        find = self._journal.entries
        return await self._insist(lambda: find(states, folder, after, _PAGE)) or []

    async def take_back(self, folder: str) -> None:
        """
        Have the files of a folder QUEUED that are UPLOADING, when nobody is at work with them:
        before a reload their ends could not be written down.
        """
        while left := await self.entries([UPLOADING], folder, 0):
            for entry in left:
                await self.move(entry.id, QUEUED, at=UPLOADING)

    async def due(self) -> list[Entry]:
        """Files that have waited long enough, which are QUEUED now; some hundred at most."""
        return await self._insist(self._journal.due) or []

    async def wake_at(self) -> float | None:
        """When the first of those that wait has waited long enough, by the wall clock."""
        return await self._insist(self._journal.wake_at)

    async def _insist(self, step: Callable[[], Awaitable[_T]]) -> _T | None:
        async def unless_impossible() -> _T | None:
            try:
                return await step()
            except (ImpossibleTransition, UnknownEntry) as error:
                _log.info("An operator changed the file first: {error}", error=error)
                return None

        return await self._insisting.do(unless_impossible)

    def close(self) -> None:
        """Insist no more."""
        self._insisting.close()


_PAGE = 256
