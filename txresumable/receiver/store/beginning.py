"""
Beginning uploads that are not there yet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .admission import Admission
from .files import UploadFiles
from .folder import Folder
from .record import Done, Record
from .refused import Refused
from .rejection import Rejection
from .starting import Starting
from .work import Work

__all__ = ["Beginning"]

_T = TypeVar("_T")


class Beginning:
    """
    Finds uploads on the disk, and begins new ones.

    :param folder: where unfinished ones are.
    :param admission: says whether one more may begin.
    :param work: what is under way in the store.
    :param starting: is asked whether files may begin.
    :param at_once: whether no code of the application decides about new files, so that the thread
        that finds that there is no upload may begin one.
    """

    def __init__(
        self,
        folder: Folder,
        admission: Admission,
        work: Work,
        starting: Starting,
        *,
        at_once: bool,
    ) -> None:
        self._folder = folder
        self._admission = admission
        self._work = work
        self._starting = starting
        self._at_once = at_once

    def cancel(self) -> None:
        """Wait for the application no more."""
        self._starting.cancel()

    async def find(
        self, key: str, wanted: Callable[[], Record] | None
    ) -> UploadFiles | Done | Rejection | None:
        """
        What is known about an upload; if there is none, one is begun where that is simple.

        :param wanted: gives its record, if it is wanted.
        :raises OSError: if the disk fails.
        """
        found = await self._find(key, wanted)
        if not isinstance(found, UploadFiles):
            self._admission.not_found(key)
        return found

    async def create(self, key: str, wanted: Record) -> UploadFiles:
        """
        Begin an upload that is not there.

        :raises Refused: if it may not be.
        :raises OSError: if the disk fails.
        """
        promised = self._admission.accept(key, wanted)
        try:
            await self._starting.ask(wanted.announced())
        except Exception:
            self._admission.forget(key)
            raise
        return await self._begin(key, self._folder.create, wanted, promised)

    async def _find(
        self, key: str, wanted: Callable[[], Record] | None
    ) -> UploadFiles | Done | Rejection | None:
        if wanted is not None and self._at_once and key not in self._admission:
            try:
                record = wanted()
                promised = self._admission.accept(key, record)
            except Refused:
                pass  # which does not matter if there is one
            else:
                return await self._begin(key, self._folder.resume_or_create, record, promised)
        return await self._work.run(self._folder.resume, key)

    async def _begin(
        self, key: str, begin: Callable[[str, Record, int], _T], wanted: Record, promised: int
    ) -> _T:
        try:
            return await self._work.run(begin, key, wanted, promised)
        except Exception:
            # It counts for as long as what was made of it cannot be removed.
            if not await self._work.run(self._folder.has_record, key):
                self._admission.forget(key)
            raise
