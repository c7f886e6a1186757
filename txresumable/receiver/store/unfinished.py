"""
An upload that is being received.
"""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..web.parameters import Parameters
from ..web.reply import Refused
from .digest import FollowingDigest, hash_range
from .entry import spans
from .folder import Folder, Opened
from .received import ReceivedFile
from .record import Record
from .thread import Run
from .writer import ChunkSink, Comparison, Writing

__all__ = ["Incoming"]


class Incoming:
    """
    An upload with chunks missing, or just now being finished.

    Chunks are written by the reactor, into the system's memory, and made durable in a thread.
    While one round of that runs, the chunks that end wait, and go together in the next: two
    calls make any number of chunks durable.

    :param opened: its open files.
    :param folder: where they are.
    :param run: runs blocking work.
    :param finish: called with this and the digest at the end; gives the file in its place.
    :param forsake: called with the key when the disk failed and there is nothing worth keeping.
    """

    def __init__(
        self,
        opened: Opened,
        folder: Folder,
        run: Run,
        finish: Callable[[Opened, str], Awaitable[ReceivedFile]],
        forsake: Callable[[str], None],
    ) -> None:
        self.opened = opened
        self._folder = folder
        self._disk = folder.disk
        self._run = run
        self._finish = finish
        self._forsake = forsake
        self._failed = False
        self._layout = opened.record.layout
        self._prefix = 0
        self._ranges: str | None = None
        self._sending: set[int] = set()
        self._settling: dict[int, list[Deferred[None]]] = {}
        self._epoch = 0
        self._written: list[tuple[int, Deferred[None]]] = []
        self._committing = False
        self._concluding: list[Deferred[ReceivedFile]] = []
        self._uses = 0
        self._retired = False
        self._idle: list[Deferred[None]] = []
        self._digest = FollowingDigest(run, self._disk, opened.data, self._reach)

    @property
    def record(self) -> Record:
        return self.opened.record

    @property
    def full(self) -> bool:
        return self._missing() == self._layout.count

    @property
    def in_use(self) -> bool:
        """Whether somebody is sending, asking or finishing."""
        return self._uses > 0

    def ranges(self) -> str:
        if self._ranges is None:
            self._ranges = spans(self.opened.present)
        return self._ranges

    async def holds(self, given: Parameters) -> bool:
        if not self.opened.present[given.offset]:
            return False
        return not given.checksum or await self._digest_of(given) == given.checksum

    def claim(self, given: Parameters) -> ChunkSink:
        if self._retired:
            raise Refused(503, "the receiver is closing this upload", retry_after=1)
        if self.opened.present[given.offset]:
            self._use()
            return Comparison(given, lambda: self._digest_of(given), self._release)
        if given.offset in self._settling:
            # It is all there, and its sender may be gone: it will do for this one as well.
            self._use()
            return Comparison(given, lambda: self._digest_once_settled(given), self._release)
        if given.offset in self._sending:
            raise Refused(503, "this chunk is being sent by another request", retry_after=1)
        offset, epoch = given.offset, self._epoch
        self._sending.add(offset)
        self._use()

        def release() -> None:
            self._sending.discard(offset)
            self._release()

        return Writing(
            given,
            self._write,
            self._range_digest,
            lambda: self._commit(offset, epoch),
            release,
        )

    def conclude(self) -> Deferred[ReceivedFile]:
        waiter: Deferred[ReceivedFile] = Deferred()
        self._concluding.append(waiter)
        if len(self._concluding) == 1:
            self._use()
            Deferred.fromCoroutine(self._conclude()).addBoth(self._concluded)
        return waiter

    def retire(self) -> Deferred[None]:
        """
        Take no more chunks, and close the files once nobody uses them.

        :returns: a Deferred that fires then.
        """
        idle: Deferred[None] = Deferred()
        if self._retired and not self._idle:
            idle.callback(None)
            return idle
        self._idle.append(idle)
        if not self._retired:
            self._retired = True
            self._use()
            self._digest.stop().addCallback(lambda _: self._release())
        return idle

    def _write(self, data: bytes, at: int) -> None:
        try:
            self._disk.write(self.opened.data, data, at)
        except OSError:
            self._failed = True
            raise

    async def _conclude(self) -> ReceivedFile:
        digest = await self._digest.result(self.record.size)
        return await self._finish(self.opened, digest)

    def _concluded(self, result: ReceivedFile | Failure) -> None:
        waiting, self._concluding = self._concluding, []
        self._release()
        for waiter in waiting:
            waiter.callback(result)

    async def _commit(self, offset: int, epoch: int) -> None:
        if epoch != self._epoch:
            # After a failed sync the system may have dropped what other chunks had written.
            raise OSError(errno.EIO, "the disk failed while this chunk was written")
        done: Deferred[None] = Deferred()
        self._written.append((offset, done))
        self._settling[offset] = []
        if not self._committing:
            Deferred.fromCoroutine(self._commit_all())
        try:
            await done
        finally:
            for settled in self._settling.pop(offset):
                settled.callback(None)

    async def _commit_all(self) -> None:
        self._committing = True
        while self._written:
            batch, self._written = self._written, []
            try:
                await self._run(self._folder.commit, self.opened, [offset for offset, _ in batch])
            except Exception:
                # Whatever ended this round, nobody must wait for ever.
                self._epoch += 1
                self._failed = True
                failure = Failure()
                batch, self._written = batch + self._written, []
                for _, done in batch:
                    done.errback(failure)
            else:
                for offset, _ in batch:
                    self.opened.present[offset] = 1
                self._ranges = None
                self._digest.follow()
                for _, done in batch:
                    done.callback(None)
        self._committing = False

    def _missing(self) -> int:
        """The first chunk that is missing; their number if none is."""
        present = self.opened.present
        self._prefix = present.find(0, self._prefix)
        if self._prefix < 0:
            self._prefix = len(present)
        return self._prefix

    def _reach(self) -> int:
        missing = self._missing()
        if missing == self._layout.count:
            return self._layout.size
        return self._layout.range(missing)[0]

    async def _digest_of(self, given: Parameters) -> str:
        return await self._range_digest(*given.layout.range(given.offset))

    async def _digest_once_settled(self, given: Parameters) -> str:
        if given.offset in self._settling:
            settled: Deferred[None] = Deferred()
            self._settling[given.offset].append(settled)
            await settled
        if not self.opened.present[given.offset]:
            raise Refused(503, "the other request with this chunk failed", retry_after=1)
        return await self._digest_of(given)

    async def _range_digest(self, start: int, end: int) -> str:
        self._use()
        try:
            return await self._run(hash_range, self._disk, self.opened.data, start, end)
        finally:
            self._release()

    def _use(self) -> None:
        self._uses += 1

    def _release(self) -> None:
        self._uses -= 1
        if self._uses:
            return
        if self._failed and not self._retired and 1 not in self.opened.present:
            self._forsake(self.opened.key)
        elif self._retired:
            self._folder.shut(self.opened)
            waiting, self._idle = self._idle, []
            for idle in waiting:
                idle.callback(None)
