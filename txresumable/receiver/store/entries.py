"""
The uploads of a store, as requests ask for them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .announced import AnnouncedFile
from .chunk import Chunk
from .entry import RecordedEntry
from .names import key_of
from .naming import Naming
from .record import Record
from .refused import Refused
from .small import SmallFiles
from .uploads import OpenUploads

__all__ = ["Entries"]


class Entries:
    """
    Finds or begins the upload that a request is about.

    :param uploads: the uploads of the store.
    :param small: files that come there all at once.
    :param naming: decides where new ones will lie.
    """

    def __init__(self, uploads: OpenUploads, small: SmallFiles, naming: Naming) -> None:
        self._uploads = uploads
        self._small = small
        self._naming = naming

    async def find(self, owner: str, chunk: Chunk, *, again: bool = False) -> RecordedEntry | None:
        """
        The upload that a request is about, if there is one; nothing is made.

        :param again: take what ``received_once`` would refuse.
        :returns: a use of the upload, to be released.
        :raises Refused: with 410 if it was received before and taken since, 503 if the store is
            closing.
        :raises OSError: if the disk fails.
        """
        key = key_of(owner, chunk.identifier, chunk.layout)
        return await self._look_up(key, chunk, None, again)

    async def begin(self, owner: str, chunk: Chunk, *, again: bool = False) -> RecordedEntry:
        """
        The upload that a request is about, made if need be.

        :param again: take what ``received_once`` would refuse.
        :returns: a use of the upload, to be released.
        :raises Refused: if it is too big, over quota, received before and taken since, or if the
            store is closing.
        :raises OSError: if the disk fails.
        """
        key = key_of(owner, chunk.identifier, chunk.layout)
        wanted = partial(self._record, owner, chunk)
        ordinary = partial(self._begin, key, chunk, wanted, again)
        return self._small.begin(key, chunk, wanted, ordinary) or await ordinary()

    async def abandon(self, owner: str, chunk: Chunk) -> bool:
        """Forget an unfinished upload; see :class:`~txresumable.receiver.UploadStore`."""
        key = key_of(owner, chunk.identifier, chunk.layout)
        was_arriving = self._small.abandon(key)
        return await self._uploads.abandon(key) or was_arriving

    async def _begin(
        self, key: str, chunk: Chunk, wanted: Callable[[], Record], again: bool
    ) -> RecordedEntry:
        entry = await self._look_up(key, chunk, wanted, again)
        assert entry is not None
        return entry

    async def _look_up(
        self, key: str, chunk: Chunk, wanted: Callable[[], Record] | None, again: bool
    ) -> RecordedEntry | None:
        entry = await self._uploads.look_up(key, wanted, again)
        if entry is not None and not entry.record.fits(chunk.layout):
            entry.release()
            raise Refused(500, "the record of this upload is damaged")
        return entry

    def _record(self, owner: str, chunk: Chunk) -> Record:
        path = self._naming.path_of(AnnouncedFile.of(owner, chunk))
        return Record.of(owner, chunk, path)
