"""
One chunk on its way to object storage.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256

from twisted.internet.defer import Deferred

from ..store.chunk import Chunk
from ..store.claims import Claim, sent_again
from ..store.refused import Refused
from ..store.writer import Sink
from .memory import Memory
from .outage import Outage

__all__ = ["MemorySink"]

_AGAIN_AFTER = 10


class MemorySink(Sink):
    """
    Collects a chunk in memory, and stores it once all of it is there: the storage wants a
    digest first, and keeps its SHA-256 with it.

    :param chunk: which.
    :param claim: to the chunk; released at the end, however it comes.
    :param memory: has room for it, or will have.
    :param outage: has the request wait, without the chunk, if the storage is away.
    :param store: stores the bytes, with their digest.
    """

    def __init__(
        self,
        chunk: Chunk,
        claim: Claim,
        memory: Memory,
        outage: Outage,
        store: Callable[[Sequence[bytes], str], Awaitable[None]],
    ) -> None:
        super().__init__(chunk, claim.release)
        self._claim = claim
        self._holding = memory.hold(chunk.length, lambda: self.cut_off(_too_slow()))
        self._outage = outage
        self._store = store
        self._pieces: list[bytes] = []
        self._digest = sha256()
        claim.cut_off = lambda: self.cut_off(sent_again())

    def write(self, data: bytes) -> Deferred[None] | None:
        self.count(data)
        self._claim.progress()
        self._digest.update(data)
        self._pieces.append(data)
        held = self._holding.arrived(len(data))
        if held is not None:
            self._claim.hold()
            held.addCallback(lambda _: self._claim.progress())
        return held

    async def commit(self, checksum: str = "") -> None:
        await self._outage.patiently(self._commit(checksum))

    def abandon(self) -> None:
        self._pieces = []
        self._holding.release()
        super().abandon()

    async def _commit(self, checksum: str) -> None:
        try:
            self.check_length()
            self._claim.hold()
            self._holding.complete()
            digest = self._digest.hexdigest()
            if (checksum or self.chunk.checksum) not in ("", digest):
                raise Refused(422, "the chunk arrived with another digest")
            await self._store(self._pieces, digest)
        finally:
            self.abandon()


def _too_slow() -> Refused:
    reason = "others wait for the memory that this chunk holds, and it arrives slowly"
    return Refused(503, reason, _AGAIN_AFTER, about="chunk")
