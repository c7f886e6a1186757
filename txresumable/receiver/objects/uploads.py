"""
Finding uploads in object storage, and beginning new ones.
"""

from __future__ import annotations

from collections import OrderedDict

from ..store.announced import AnnouncedFile
from ..store.chunk import Chunk
from ..store.keylock import KeyLocks
from ..store.names import key_of, safe_name
from ..store.quota import Quota
from ..store.record import Record
from ..store.refused import Refused
from ..store.starting import Starting
from .finishing import Times
from .parts import PartSizes
from .record import UploadRecord
from .records import Known
from .refusing import refusing
from .state import State
from .upload import ObjectUpload, Tools

__all__ = ["Uploads"]

_ATTEMPTS = 8
_MOST_KNOWN = 4096
_MOST_MEMORY = 64 << 20
_LISTED_AGAIN = 10.0
_FEW = 100
_MOST_LISTED = 10_000


class Uploads:
    """
    The uploads that this receiver knows.

    :param tools: what they work with.
    :param starting: is asked whether files may begin.
    :param quota: how much may be begun.
    :param sizes: how large parts are.
    :param times: how long what lasts.
    :param received_once: refuse what was received before, and is not in its place any more.
    """

    def __init__(
        self,
        tools: Tools,
        starting: Starting,
        quota: Quota,
        sizes: PartSizes,
        times: Times,
        *,
        received_once: bool,
    ) -> None:
        self._tools = tools
        self._starting = starting
        self._quota = quota
        self._sizes = sizes
        self._times = times
        self._received_once = received_once
        self._locks = KeyLocks()
        self._known: OrderedDict[str, ObjectUpload] = OrderedDict()
        self._listed: dict[str, float] = {}

    async def find(self, owner: str, chunk: Chunk, again: bool) -> tuple[ObjectUpload, bool] | None:
        """
        The upload that a request is about, and whether its chunks were listed just now.

        :raises Refused: see :class:`~txresumable.receiver.UploadStore`.
        """
        key = key_of(owner, chunk.identifier, chunk.layout)
        with refusing():
            known = await self._tools.records.read(key)
            if known is None or known.record.is_gone or not await self._is_there(known, again):
                return None
            upload = self.use(known)
            is_listed = self._is_to_be_listed(known)
            if is_listed:
                await upload.list()
            return upload, is_listed

    async def begin(self, owner: str, chunk: Chunk, again: bool) -> ObjectUpload:
        """
        The upload that a request is about, made if need be.

        :raises Refused: see :class:`~txresumable.receiver.UploadStore`.
        """
        key = key_of(owner, chunk.identifier, chunk.layout)
        upload = self._known.get(key)
        if upload is not None and upload.is_open:
            self._known.move_to_end(key)
            return upload
        with refusing():
            async with self._locks.holding(key):
                upload = self._known.get(key)
                if upload is not None and upload.is_open:
                    return upload
                return await self._begin(key, owner, chunk, again)

    async def abandon(self, owner: str, chunk: Chunk) -> bool:
        """Forget an unfinished upload; see :class:`~txresumable.receiver.UploadStore`."""
        key = key_of(owner, chunk.identifier, chunk.layout)
        with refusing():
            known = await self._tools.records.read(key)
            if known is None or known.record.is_gone:
                return False
            abandoned = await self.use(known).abandon()
            self._tools.totals.forget(key)
            return abandoned

    def use(self, known: Known) -> ObjectUpload:
        """The upload of a record that was just read, or written."""
        upload = self._known.get(known.key)
        if upload is None or upload.id != known.record.id or upload.is_doubtful:
            upload = self._known[known.key] = ObjectUpload(known, self._tools)
            self._forget_some()
        else:
            self._known.move_to_end(known.key)
            upload.take(known)
        return upload

    def _is_to_be_listed(self, known: Known) -> bool:
        """Whether a test is told of all chunks: not each time, and not of very many."""
        now = self._tools.clock.seconds()
        count = known.record.upload.layout.count
        if count <= _FEW:
            return True
        if count > _MOST_LISTED or now < self._listed.get(known.key, now):
            return False
        self._listed[known.key] = now + _LISTED_AGAIN
        while len(self._listed) > _MOST_KNOWN:
            del self._listed[next(iter(self._listed))]
        return True

    def _forget_some(self) -> None:
        """Forget what was not asked for lately: it is found again in the storage."""
        needed = sum(upload.memory for upload in self._known.values())
        while len(self._known) > _MOST_KNOWN or (needed > _MOST_MEMORY and len(self._known) > 1):
            _, oldest = self._known.popitem(last=False)
            needed -= oldest.memory

    async def _is_there(self, known: Known, again: bool) -> bool:
        """
        Whether an upload goes on, or has become a file that is in its place.

        :raises Refused: if what was received before is not to be received again.
        """
        record = known.record
        if record.rejection is not None:
            if again:
                return False
            raise record.rejection.refusal()
        if record.state is not State.DONE or await self._tools.assembly.is_there(known):
            return True
        if self._received_once and not again:
            raise Refused(410, "received before, taken since")
        return False

    async def _begin(self, key: str, owner: str, chunk: Chunk, again: bool) -> ObjectUpload:
        is_admitted = False
        for _ in range(_ATTEMPTS):
            known = await self._tools.records.read(key)
            if known is not None:
                if not known.record.is_gone and await self._is_there(known, again):
                    return self.use(known)
                if known.record.state is State.LEAVING and known.age < self._times.settled:
                    left = self._times.settled - known.age
                    reason = "this upload is just being forgotten"
                    raise Refused(503, reason, int(left) + 1, about="upload")
            # One that was written unnoticed may be gone by now, and its id with it.
            wanted = Record.of(owner, chunk, safe_name(chunk.file_name))
            if not is_admitted:
                is_admitted = True
                self._admit(key, wanted)
                self._tools.running.check()
                await self._starting.ask(AnnouncedFile.of(owner, chunk))
            self._tools.running.check()
            record = known.record.anew(wanted) if known else UploadRecord(upload=wanted)
            written = await self._tools.records.write(key, record, known)
            if written is not None:
                self._tools.totals.add(key, wanted)
                return self.use(written)
        raise Refused(503, "several receivers begin this upload", 1, about="upload")

    def _admit(self, key: str, wanted: Record) -> None:
        largest = max(
            wanted.layout.range(offset)[1] - wanted.layout.range(offset)[0]
            for offset in (0, wanted.layout.count - 1)
        )
        limit = self._tools.memory.limit
        if largest > limit:
            raise Refused(413, f"a chunk may have at most {limit} bytes")
        if self._sizes.regrouped(wanted.size) > max(limit, self._sizes.usual):
            raise Refused(413, f"a file may have at most {limit * self._sizes.most} bytes")
        count, size = self._tools.totals.of(wanted.owner, key)
        self._quota.admit(wanted, count, size, 0)
