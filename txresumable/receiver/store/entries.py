"""
The uploads of a store, as requests ask for them.
"""

from __future__ import annotations

from functools import partial

from .announced import AnnouncedFile
from .chunk import Chunk
from .entry import RecordedEntry
from .names import key_of
from .naming import Naming
from .record import Record
from .refused import Refused
from .uploads import OpenUploads

__all__ = ["Entries"]


class Entries:
    """
    Finds or begins the upload that a request is about.

    :param uploads: the uploads of the store.
    :param naming: decides where new ones will lie.
    """

    def __init__(self, uploads: OpenUploads, naming: Naming) -> None:
        self._uploads = uploads
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
        return await self._enter(owner, chunk, make=False, again=again)

    async def begin(self, owner: str, chunk: Chunk, *, again: bool = False) -> RecordedEntry:
        """
        The upload that a request is about, made if need be.

        :param again: take what ``received_once`` would refuse.
        :returns: a use of the upload, to be released.
        :raises Refused: if it is too big, over quota, received before and taken since, or if the
            store is closing.
        :raises OSError: if the disk fails.
        """
        entry = await self._enter(owner, chunk, make=True, again=again)
        assert entry is not None
        return entry

    async def abandon(self, owner: str, chunk: Chunk) -> bool:
        """Forget an unfinished upload; see :class:`~txresumable.receiver.UploadStore`."""
        return await self._uploads.abandon(key_of(owner, chunk.identifier, chunk.layout))

    async def _enter(
        self, owner: str, chunk: Chunk, make: bool, again: bool
    ) -> RecordedEntry | None:
        key = key_of(owner, chunk.identifier, chunk.layout)
        wanted = partial(self._record, owner, chunk)
        entry = await self._uploads.look_up(key, wanted if make else None, again)
        if entry is not None and not entry.record.fits(chunk.layout):
            entry.release()
            raise Refused(500, "the record of this upload is damaged")
        return entry

    def _record(self, owner: str, chunk: Chunk) -> Record:
        path = self._naming.path_of(AnnouncedFile.of(owner, chunk))
        return Record.of(owner, chunk, path)
