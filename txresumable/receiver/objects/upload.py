"""
An upload in object storage, as one receiver knows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..store.chunk import Chunk
from ..store.claims import Claims
from ..store.present import Present
from ..store.received import ReceivedFile
from ..store.refused import Refused
from ..store.writer import ChunkComparison, ChunkSink
from .assembly import Assembly
from .chunks import Chunks
from .finishing import Finishing
from .memory import Memory
from .outage import Outage
from .records import Known, Records
from .refusing import refusing
from .rounds import Rounds
from .running import Running
from .sink import MemorySink
from .state import State
from .together import persistently
from .totals import UnfinishedTotals

__all__ = ["ObjectUpload", "Tools"]

_ATTEMPTS = 5


@define(kw_only=True)
class Tools:
    """
    What the uploads of a store work with.

    :ivar records: the records.
    :ivar chunks: the chunks.
    :ivar assembly: makes files of them.
    :ivar finishing: finishes uploads.
    :ivar memory: bounds the chunks that arrive.
    :ivar outage: has requests wait while the storage is away.
    :ivar running: what is under way in the store.
    :ivar totals: what has begun.
    :ivar clock: the time, as a reactor has it.
    :ivar expire: gives after how many seconds an upload has expired, or :data:`None`.
    """

    records: Records
    chunks: Chunks
    assembly: Assembly
    finishing: Finishing
    memory: Memory
    outage: Outage
    running: Running
    totals: UnfinishedTotals
    clock: Any
    expire: Callable[[], float | None]


class ObjectUpload:
    """
    An upload that any receiver may change at any time.

    What is known of it was true once: that a chunk is there stays true, but the upload may have
    been finished, or abandoned and begun anew.  So a chunk is confirmed only after its record was
    read once more, later than the chunk was stored.

    :param known: its record.
    :param tools: what it works with.
    :ivar key: what it is known by.
    :ivar id: of this beginning.
    :ivar is_doubtful: whether it could not be finished, so that all is to be found out anew.
    """

    def __init__(self, known: Known, tools: Tools) -> None:
        self.key = known.key
        self.id = known.record.id
        self._known = known
        self._tools = tools
        self._present = _present(known)
        self._claims = Claims(tools.clock)
        self._looks = Rounds(self._look)
        self._fills = Rounds(self._fill)
        self._is_gone = False
        self.is_doubtful = False
        self._finishing: list[Deferred[ReceivedFile]] = []

    @property
    def known(self) -> Known:
        """Its record, as it was seen last."""
        return self._known

    @property
    def is_open(self) -> bool:
        """Whether it can be taken for what it was, until a look says otherwise."""
        return not (self._is_gone or self.is_doubtful) and self._known.record.state is State.OPEN

    @property
    def full(self) -> bool:
        """Whether all chunks are there."""
        return self._present.first_missing == self._present.count

    @property
    def memory(self) -> int:
        """How many bytes of memory it needs, about."""
        return self._present.memory

    def ranges(self) -> str:
        """The chunks that are known to be there, counted from 1."""
        return self._present.ranges()

    def take(self, known: Known) -> None:
        """Its record was read, or written; some time ago, perhaps, when that was newer is known."""
        if known.record.id != self.id or known.record.is_gone:
            # Another beginning counts its versions from 1 if the record was removed meanwhile.
            self._is_gone = True
        elif known.record.version >= self._known.record.version:
            self._known = known
            if known.record.is_whole:
                self._present = _present(known)

    def check(self) -> None:
        """
        Whether requests may use it.

        :raises Refused: if they may not.
        """
        self._tools.running.check()
        if self._is_gone:
            raise Refused(503, "this upload was abandoned, or has expired", 1, about="chunk")

    async def list(self) -> None:
        """Find out which chunks are there."""
        if not self._known.record.is_whole:
            async for offset in self._tools.chunks.listed(self.key, self.id):
                self._add(offset)
            await self._fills.join()

    async def fill(self) -> None:
        """Find out whether all chunks are there."""
        await self._fills.join()

    async def holds(self, chunk: Chunk) -> bool:
        """Whether a chunk is there, and has the digest that was asked for, if any."""
        return await self._tools.outage.patiently(self._holds(chunk))

    async def claim(self, chunk: Chunk, listed: Callable[[], object]) -> ChunkSink:
        """
        Where a chunk goes, once no other request to this receiver sends it.

        :param chunk: which.
        :param listed: called if it is the last one of the file, and all that are there were listed
            after it was stored: clients send that last, and are to know what is missing.
        """
        offset = chunk.offset
        while True:
            self.check()
            if self.full or offset in self._present:
                return ChunkComparison(
                    chunk, lambda: self._tools.outage.patiently(self._compared(chunk))
                )
            other = self._claims.get(offset)
            if other is None:
                break
            await other.wait()
        claim = self._claims.make(offset, lambda: None)

        async def store(pieces: Sequence[bytes], digest: str) -> None:
            await self._store(chunk, pieces, digest)
            if offset == self._present.count - 1 and not self.full:
                with self._tools.running.usage, refusing():
                    await self.list()
                listed()

        return MemorySink(chunk, claim, self._tools.memory, self._tools.outage, store)

    def finish(self, *, patiently: bool = True) -> Deferred[ReceivedFile]:
        """Finish it, once, and fire for everyone who asks."""
        waiter: Deferred[ReceivedFile] = Deferred()
        self._finishing.append(waiter)
        if len(self._finishing) == 1:
            work = self._finish_patiently() if patiently else self._finish(patiently)
            self._tools.running.until_closed(work).addBoth(self._finished)
        return waiter

    async def abandon(self) -> bool:
        """
        Forget it, with its chunks.

        :returns: whether it was there.
        :raises Refused: with 409 if all of the file has arrived.
        """
        records, known = self._tools.records, self._known
        for _ in range(_ATTEMPTS):
            if known.record.state is not State.REJECTED:
                if known.record.state is State.OPEN:
                    await self._fills.join()
                if self.full or known.record.is_whole:
                    raise Refused(409, "all of this file has arrived")
            dead = await records.change(known, lambda record: record.changed(State.DEAD))
            if dead is not None:
                self._is_gone = True
                await self._tools.chunks.remove(self.key, self.id)
                return True
            found = await records.read(self.key)
            if found is None or found.record.id != self.id or found.record.is_gone:
                self._is_gone = True
                return False
            self.take(found)
            known = found
        raise Refused(503, "this upload changes all the time", 1, about="upload")

    async def _holds(self, chunk: Chunk) -> bool:
        self.check()
        with self._tools.running.usage, refusing():
            if not self.full and chunk.offset not in self._present:
                if not await self._is_stored(chunk.offset):
                    return False
                self._add(chunk.offset)
            if chunk.checksum:
                return await self._digest_of(chunk) == chunk.checksum
            if not self.full:
                await self._looks.join()
            return True

    async def _store(self, chunk: Chunk, pieces: Sequence[bytes], digest: str) -> None:
        self.check()
        with self._tools.running.usage, refusing():
            chunks = self._tools.chunks
            stored = await chunks.store(self.key, self.id, chunk.offset, pieces, digest)
            self._add(chunk.offset)
            if await self._confirmed(chunk, stored) != digest:
                raise Refused(409, "this chunk is already stored, with other bytes")

    async def _compared(self, chunk: Chunk) -> str:
        with self._tools.running.usage, refusing():
            return await self._digest_of(chunk)

    async def _digest_of(self, chunk: Chunk) -> str:
        """The digest of a chunk that is there."""
        stored = None
        if self._known.record.state is not State.DONE:
            stored = await self._tools.chunks.digest(self.key, self.id, chunk.offset)
        return await self._confirmed(chunk, stored)

    async def _confirmed(self, chunk: Chunk, stored: str | None) -> str:
        """
        The digest of a chunk, after a look at what has become of the upload.

        :param stored: the digest of what was stored before that.  Of a finished file the chunk is
            removed, or others may have stored it anew: there the file itself is read.
        """
        await self._looks.join()
        if stored is None or self._known.record.state is State.DONE:
            start, end = chunk.layout.range(chunk.offset)
            return await self._tools.assembly.digest(self._known, start, end)
        return stored

    async def _look(self) -> None:
        """
        See whether all of it has arrived, and then what it is at, if it is still there.

        In this order: a chunk that is not there has yet to come if the upload is open later, and
        else it may have been removed with those of a finished file.
        """
        await self._fill()
        await self._refresh()
        self.check()

    async def _refresh(self) -> None:
        tools = self._tools
        for _ in range(_ATTEMPTS):
            known = await persistently(tools.clock, lambda: tools.records.read(self.key))
            if known is None:
                self._is_gone = True
            else:
                self.take(known)
            expire = tools.expire()
            if known is None or not self.is_open or expire is None or known.age <= expire / 2:
                return
            renewed = await tools.records.change(known, lambda record: record.changed(State.OPEN))
            if renewed is not None:
                self.take(renewed)
                return
        raise Refused(503, "this upload changes all the time", 1, about="upload")

    async def _fill(self) -> None:
        """
        Find out whether all chunks are there, by the last one that is not known: only if it is,
        the others are listed.
        """
        is_listed = False
        while not self.full:
            last = self._present.last_missing
            if not await persistently(self._tools.clock, partial(self._is_stored, last)):
                return
            self._add(last)
            if self._present.last_missing >= 0 and not is_listed:
                is_listed = True
                async for offset in self._tools.chunks.listed(self.key, self.id):
                    self._add(offset)

    async def _is_stored(self, offset: int) -> bool:
        return await self._tools.chunks.digest(self.key, self.id, offset) is not None

    def _add(self, offset: int) -> None:
        if offset < self._present.count:
            self._present.add(offset)

    async def _finish_patiently(self) -> ReceivedFile:
        return await self._tools.outage.patiently(self._finish(patiently=True))

    async def _finish(self, patiently: bool) -> ReceivedFile:
        tools = self._tools
        try:
            done = await tools.finishing.finish(self.key, self.id, patiently=patiently)
        except Exception:
            # Perhaps a chunk is missing that was there: those who come later look for all of them.
            self.is_doubtful = True
            raise
        self.take(done)
        tools.totals.forget(self.key)
        tools.running.in_background(tools.chunks.remove(self.key, self.id))
        return tools.finishing.received(done)

    def _finished(self, result: ReceivedFile | Failure) -> None:
        waiting, self._finishing = self._finishing, []
        for waiter in waiting:
            if not waiter.called:
                waiter.callback(result)


def _present(known: Known) -> Present:
    """The chunks that are there for certain: all, once somebody finishes it."""
    count = known.record.upload.layout.count
    return Present(count, (0, count) if known.record.is_whole else ())
