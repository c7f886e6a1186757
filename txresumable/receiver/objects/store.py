"""
Where received files are kept in object storage.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from ..._runtime.clock import steady
from ..._runtime.reactor import Reactor
from ..arguments import check_callable, check_flag, check_number, check_whole
from ..store.chunk import Chunk
from ..store.completion import Completion, OnComplete
from ..store.interface import Entry
from ..store.quota import Quota
from ..store.starting import OnStarted, Starting
from .assembly import Assembly
from .chunks import Chunks
from .entry import ObjectEntry
from .finishing import Finishing, Times
from .interface import Objects
from .keys import Keys
from .memory import Memory
from .outage import Outage
from .parts import PartSizes
from .records import Records
from .refusing import refusing
from .running import Running
from .sweep import Sweep
from .totals import UnfinishedTotals
from .upload import Tools
from .uploads import Uploads

__all__ = ["ObjectStore"]

_T = TypeVar("_T")


class ObjectStore:
    """
    Object storage that files are received into.

    Any number of receivers may share it, behind any load balancer: each takes any chunk of any
    upload, and what one has begun another one goes on with.  Nothing is kept on a disk, and nothing
    in memory that matters.

    A finished upload counts as received for as long as its object is there with all its bytes.

    :param objects: the bucket; closed with the store.
    :param prefix: what the keys of all objects begin with.
    :param location: gives the URL of an object, by its key, for
        :attr:`ReceivedFile.location`; by default that is the key.
    :param reactor: whose clock is used; the installed one by default.
    :param memory: how many bytes of chunks may have arrived and not be stored yet; a chunk that
        there is no room for is not read until there is, and one that arrives slowly may be refused
        with 503 while others wait.  No chunk may have more.
    :param max_file_size: refuse files of more bytes than this.
    :param max_chunks: refuse to begin a file that has more chunks than this.
    :param max_unfinished: refuse to begin a file when its owner has this many unfinished ones, as
        far as this receiver knows: what others begin it finds out when it sweeps.
    :param max_unfinished_size: refuse to begin a file when its owner's unfinished ones would
        come to more bytes than this, likewise.
    :param expire: forget uploads that got nothing for this many seconds, but for half of them at
        least (see :meth:`sweep`).
    :param remember: forget that a file was received, or rejected, after this many seconds, if that
        differs from ``expire``.
    :param received_once: refuse with 410 what was received before and is not in its place any
        more, for as long as that is remembered.
    :param digest: whether :attr:`ReceivedFile.sha256` is known of files whose chunks, of 5 MiB and
        more, the storage copies by itself: they are read once only for that.
    :param lease: after how many seconds without a sign of life of the receiver that finishes a
        file another one does.
    :param on_started: called with the :class:`AnnouncedFile` when an upload begins, as the folder
        store's is; if two receivers begin it at the same time, by both.
    :param on_complete: called with each :class:`ReceivedFile` once it is in its place, as the
        folder store's is; once, but again, with the same ``id``, if the receiver ended before that
        was written down.  A file that it rejects is removed.
    :param on_complete_timeout: for how many seconds that is waited for.
    :raises InvalidOption: if a limit is no such number, or something cannot be called.
    """

    def __init__(
        self,
        objects: Objects,
        *,
        prefix: str = "",
        location: Callable[[str], str] | None = None,
        reactor: Reactor | None = None,
        memory: int = 64 << 20,
        max_file_size: int | None = None,
        max_chunks: int = 1024 * 1024,
        max_unfinished: int | None = None,
        max_unfinished_size: int | None = None,
        expire: float | None = None,
        remember: float | None = None,
        received_once: bool = False,
        digest: bool = True,
        lease: float = 30.0,
        on_started: OnStarted | None = None,
        on_complete: OnComplete | None = None,
        on_complete_timeout: float = 300.0,
        _sizes: PartSizes | None = None,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        clock = steady(reactor)
        check_flag("received_once", received_once)
        check_flag("digest", digest)
        check_number("on_complete_timeout", on_complete_timeout)
        self.expire = check_number("expire", expire, none=True)
        self.remember = check_number("remember", remember, none=True)
        self.on_complete = check_callable("on_complete", on_complete, none=True)
        limits = Quota.checked(
            max_file_size=max_file_size,
            max_chunks=max_chunks,
            max_unfinished=max_unfinished,
            max_unfinished_size=max_unfinished_size,
        )
        self._objects = objects
        self._keys = keys = Keys(prefix)
        self._running = Running()
        self._starting = Starting(check_callable("on_started", on_started, none=True))
        self._outage = Outage(self._running, clock)
        self._totals = UnfinishedTotals()
        self._is_closed = False
        times = Times(lease=check_number("lease", lease))
        sizes = _sizes or PartSizes()
        records = Records(objects, keys, clock)
        chunks = Chunks(objects, keys, clock)
        assembly = Assembly(objects, keys, chunks, sizes, digests=digest, clock=clock)
        completion = Completion(lambda: self.on_complete, on_complete_timeout, reactor)
        check_callable("location", location, none=True)
        tools = Tools(
            records=records,
            chunks=chunks,
            assembly=assembly,
            finishing=Finishing(
                records,
                assembly,
                completion,
                location or _itself,
                self._running.check,
                clock,
                times,
            ),
            memory=Memory(check_whole("memory", memory), clock),
            outage=self._outage,
            running=self._running,
            totals=self._totals,
            clock=clock,
            expire=lambda: self.expire,
        )
        self._uploads = Uploads(
            tools, self._starting, limits, sizes, times, received_once=received_once
        )
        self._sweep = Sweep(
            objects,
            keys,
            self._uploads,
            tools,
            times,
            lambda: self.expire if self.remember is None else self.remember,
        )

    def __repr__(self) -> str:
        return f"<ObjectStore {self._keys.prefix!r}>"

    @property
    def unfinished(self) -> int:
        """How many uploads have begun and are not finished, as far as this receiver knows."""
        return len(self._totals)

    async def find(self, owner: str, chunk: Chunk, *, again: bool = False) -> Entry | None:
        """See :class:`~txresumable.receiver.UploadStore`."""
        found = await self._counted(self._uploads.find(owner, chunk, again))
        return None if found is None else ObjectEntry(found[0], listed=found[1])

    async def begin(self, owner: str, chunk: Chunk, *, again: bool = False) -> Entry:
        """See :class:`~txresumable.receiver.UploadStore`."""
        upload = await self._counted(self._uploads.begin(owner, chunk, again))
        return ObjectEntry(upload, listed=False)

    async def abandon(self, owner: str, chunk: Chunk) -> bool:
        """See :class:`~txresumable.receiver.UploadStore`."""
        return await self._counted(self._uploads.abandon(owner, chunk))

    def check(self) -> Deferred[None]:
        """See :class:`~txresumable.receiver.UploadStore`: the storage responds."""
        return self._until_closed(self._check)

    def recover(self) -> Deferred[None]:
        """
        Finish the uploads that have every chunk there, and that nobody finishes.

        :returns: a Deferred that fires when all were tried; what fails is logged, and tried again
            when a client asks, or the store is swept.
        """
        return self._until_closed(self._sweep.recover)

    def sweep(self) -> Deferred[int]:
        """
        Do for all uploads, also those of other receivers, what is due: forget what has expired,
        finish what is whole though its client is gone, and remove the chunks of what is finished
        or was abandoned.

        :returns: a Deferred that fires with how many were forgotten; fails with :exc:`Refused` if
            the storage cannot say what there is.  What fails of one upload is logged.
        """
        return self._until_closed(self._sweep.sweep)

    def close(self) -> Deferred[None]:
        """
        Close: new requests are refused, and what finishes files is cancelled; another receiver
        does that, or this one after its next start.

        :returns: a Deferred that fires when nothing is under way any more.
        """
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        self._starting.cancel()
        await self._running.close()
        if not self._is_closed:
            self._is_closed = True
            await self._objects.close()

    async def _check(self) -> None:
        await self._objects.list(self._keys.records, limit=1)

    async def _counted(self, work: Coroutine[Any, Any, _T]) -> _T:
        try:
            self._running.check()
        except BaseException:
            work.close()
            raise
        with self._running.usage:
            return await self._outage.patiently(work)

    def _until_closed(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> Deferred[_T]:
        async def refused() -> _T:
            with refusing():
                return await work()

        return self._running.until_closed(refused())


def _itself(key: str) -> str:
    """Where an object is, if only its key is known."""
    return key
