"""
Records of uploads in object storage, which any receiver may change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.internet.task import deferLater
from twisted.logger import Logger

from ..store.refused import Refused
from .interface import Conflict, Objects, Stat, Unavailable
from .keys import Keys
from .record import UploadRecord
from .together import persistently

__all__ = ["Known", "Records"]

_ATTEMPTS = 3
_PAUSE = 0.2


@frozen(kw_only=True)
class Known:
    """
    A record as it was read or written.

    :ivar key: the upload's.
    :ivar record: what it says.
    :ivar stat: what the storage says of it.
    """

    key: str
    record: UploadRecord
    stat: Stat

    @property
    def age(self) -> float:
        """How many seconds old it was when it was looked at, by the storage's clock."""
        return self.stat.now - self.stat.modified


class Records:
    """
    Reads records, and changes them only from what they were known as.

    :param objects: the storage.
    :param keys: what they are called.
    :param clock: the time, as a reactor has it.
    """

    _log = Logger()

    def __init__(self, objects: Objects, keys: Keys, clock: Any) -> None:
        self._objects = objects
        self._keys = keys
        self._clock = clock

    async def read(self, key: str) -> Known | None:
        """
        The record of an upload, if there is one.

        :raises Refused: with 500 if it is damaged.
        :raises StorageError: if the storage fails.
        """
        found = await self._objects.get(self._keys.record(key))
        if found is None:
            return None
        stat, written = found
        try:
            return Known(key=key, record=UploadRecord.decode(written), stat=stat)
        except ValueError:
            self._log.error("the record of an upload is damaged: {key}", key=key)
            raise Refused(500, "the record of this upload is damaged") from None

    async def write(self, key: str, record: UploadRecord, after: Known | None) -> Known | None:
        """
        Write a record, if the one there is the one that is known.

        Whatever the storage says of a write that it does not confirm, the record is read again: if
        its nonce is there, it was written.

        :param record: the record.
        :param after: the one that is known; nothing if there is to be none.
        :returns: it, as it was written; nothing if there is another one.
        :raises StorageError: if that cannot be found out; it may be written later.
        """
        if after is None:
            condition: dict[str, Any] = {"absent": True}
        else:
            condition = {"match": after.stat.etag}
        name, body = self._keys.record(key), record.encode()
        problem: Conflict | Unavailable | None = None
        for attempt in range(_ATTEMPTS):
            if attempt:
                await deferLater(self._clock, _PAUSE * attempt)
            try:
                stat = await self._objects.put(name, body, type="application/json", **condition)
            except (Conflict, Unavailable) as error:
                problem = error
            else:
                return Known(key=key, record=record, stat=stat)
            found = await persistently(self._clock, lambda: self.read(key))
            if found is not None and found.record.nonce == record.nonce:
                return found
            if _etag(found) != _etag(after):
                return None
        assert problem is not None
        raise problem

    async def change(
        self, known: Known, made: Callable[[UploadRecord], UploadRecord]
    ) -> Known | None:
        """
        Change a record.

        :param known: it.
        :param made: makes the next version of it.
        :returns: as :meth:`write` does.
        """
        return await self.write(known.key, made(known.record), known)

    async def remove(self, key: str) -> None:
        """Remove a record, whatever it says."""
        await self._objects.delete(self._keys.record(key))


def _etag(known: Known | None) -> str | None:
    return None if known is None else known.stat.etag
