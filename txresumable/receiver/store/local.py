"""
Where received files are kept.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from weakref import WeakSet

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from .chunk import Chunk
from .completion import Completion, OnComplete
from .disk import Disk
from .entry import Entry
from .files import UploadFiles
from .finished import Shelf
from .folder import Folder
from .keylock import KeyLocks
from .names import key_of
from .quota import Quota
from .record import Done, Record
from .refused import Refused
from .room import Room
from .thread import Run, in_threads, to_the_end
from .unfinished import Listener, State, UnfinishedUpload
from .usage import Usage

__all__ = ["Store"]

_T = TypeVar("_T")
_RECOVERED_AT_ONCE = 16


class Store:
    """
    A folder that files are received into.

    Finished files lie in it under their own names, made harmless; a name that is taken is never
    overwritten, the newcomer gets a suffix.  What is unfinished is in a private folder in it.
    The folder belongs to one store at a time.

    A finished upload counts as received for as long as its file is in its place with all its
    bytes.  Once it was taken away, replaced or edited it is received again, like a new one.

    :param root: the folder; made if it is not there.
    :param reactor: whose threads do what blocks, and whose clock is used; the installed one by
        default.
    :param max_file_size: refuse files of more bytes than this.
    :param max_unfinished: refuse to begin a file when its owner has this many unfinished ones.
    :param max_unfinished_size: refuse to begin a file when its owner's unfinished ones would
        come to more bytes than this.
    :param expire: forget uploads that got nothing for this many seconds (see :meth:`sweep`).
    :param received_once: refuse with 410 what was received before and is not in its place any
        more, for as long as it is not expired: for folders that somebody empties.
    :param on_complete: called with each :class:`ReceivedFile` once it is durable and in its
        place; may return a Deferred, and the client gets its response after that.  It may change,
        move or remove the file.  Called once, but again after the next start if the receiver
        stopped, or crashed, before the end was written down.
    :param on_complete_timeout: for how many seconds that Deferred is waited for.
    :param max_open: how many idle uploads are kept open.
    :param disk: what asks the operating system.
    :param run: runs blocking work, instead of the reactor's threads.
    :param now: the wall clock.
    :raises OSError: if the folder cannot be used, :exc:`BlockingIOError` if another store has it.
    """

    _log = Logger()

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        reactor: Any = None,
        max_file_size: int | None = None,
        max_unfinished: int | None = None,
        max_unfinished_size: int | None = None,
        expire: float | None = None,
        received_once: bool = False,
        on_complete: OnComplete | None = None,
        on_complete_timeout: float = 300.0,
        max_open: int = 64,
        disk: Disk | None = None,
        run: Run | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        if run is None:
            if reactor is None:
                from twisted.internet import reactor
            run = in_threads(reactor)
        self.root = os.path.abspath(root)
        self.expire = expire
        self.on_complete = on_complete
        self._quota = Quota(
            file_size=max_file_size,
            unfinished=max_unfinished,
            unfinished_size=max_unfinished_size,
        )
        self._received_once = received_once
        self._max_open = max_open
        self._run = to_the_end(run)
        self._now = now
        self._completion = Completion(lambda: self.on_complete, on_complete_timeout, reactor)
        self._listener = Listener(
            stored=lambda upload, size: self._room.written(upload.key, size),
            finished=self._finished,
            lost=self._drop,
            unused=self._unused,
        )
        self._work = Usage()
        self._recovery = Usage()
        self._locks = KeyLocks()
        self._open: OrderedDict[str, UnfinishedUpload] = OrderedDict()
        # Of those that are open, the ones that were released and not used since.
        self._idle: OrderedDict[str, UnfinishedUpload] = OrderedDict()
        self._uploads: WeakSet[UnfinishedUpload] = WeakSet()
        self._unfinished: dict[str, Record] = {}
        self._room = Room(now)
        # In the order of their names; a dictionary, since each is there once.
        self._full: dict[str, None] = {}
        self._closed = False
        self._folder = Folder(self.root, disk or Disk())
        self._shelf = Shelf(
            self.root,
            self._folder.places,
            lambda work, *arguments: Deferred.fromCoroutine(self._in_thread(work, *arguments)),
        )
        try:
            self._scan()
        except BaseException:
            self._folder.close()
            raise

    async def find(self, owner: str, chunk: Chunk, *, again: bool = False) -> Entry | None:
        """
        The upload that a request is about, if there is one; nothing is made.

        :param again: take what ``received_once`` would refuse.
        :returns: a use of the upload, to be released.
        :raises Refused: with 400 if it is another file than it was, 410 if it was received before
            and taken since, 503 if the store is closing.
        :raises OSError: if the disk fails.
        """
        return await self._enter(owner, chunk, make=False, again=again)

    async def begin(self, owner: str, chunk: Chunk, *, again: bool = False) -> Entry:
        """
        The upload that a request is about, made if need be.

        :param again: take what ``received_once`` would refuse.
        :returns: a use of the upload, to be released.
        :raises Refused: if it is too big, over quota, another file than it was, received before
            and taken since, or if the store is closing.
        :raises OSError: if the disk fails.
        """
        entry = await self._enter(owner, chunk, make=True, again=again)
        assert entry is not None
        return entry

    def recover(self) -> Deferred[None]:
        """
        Finish the uploads that a crash left with every chunk there.

        :returns: a Deferred that fires when all are in their places; what fails is logged and
            tried again when a client asks, or the store is swept.
        """
        return Deferred.fromCoroutine(self._recover())

    def sweep(self) -> Deferred[int]:
        """
        Forget what has expired: unfinished uploads with their bytes, and that finished ones were
        received.  Finished files stay, and so do uploads that are full: their end is tried again.

        :returns: a Deferred that fires with how many were forgotten, once a recovery that is
            under way has ended; fails with :exc:`OSError` if the disk cannot say what there is.
            What fails of one upload is logged.
        """
        return Deferred.fromCoroutine(self._sweep())

    def close(self) -> Deferred[None]:
        """
        End: no request gets an upload any more, those that have one are refused what they ask of
        it, and ``on_complete`` is cancelled.

        :returns: a Deferred that fires when all that was under way is durable, no thread is at
            work and all is closed.  Who cancels it waits no longer, and the store closes still.
        """
        closed: Deferred[None] = Deferred()
        Deferred.fromCoroutine(self._close()).addBoth(closed.callback)
        return closed

    def _scan(self) -> None:
        for found in self._folder.scan():
            self._unfinished[found.key] = found.record
            self._room.promise(found.key, found.missing)
            if found.full:
                self._full[found.key] = None

    async def _enter(self, owner: str, chunk: Chunk, make: bool, again: bool) -> Entry | None:
        key, wanted = key_of(owner, chunk.identifier), Record.of(owner, chunk)
        entry = await self._look_up(key, wanted if make else None, again)
        if entry is not None and entry.record.layout != wanted.layout:
            entry.release()
            raise Refused(400, "the sizes differ from those of this upload's first request")
        return entry

    async def _look_up(self, key: str, wanted: Record | None, again: bool) -> Entry | None:
        """A use of an upload; made as it is wanted, if it is."""
        with self._work:
            entry = self._at_hand(key)
            if entry is None:
                async with self._locks.holding(key):
                    entry = self._at_hand(key) or await self._load(key, wanted, again)
            return entry

    def _at_hand(self, key: str) -> Entry | None:
        upload = self._open.get(key)
        if upload is None or upload.state is State.UNSURE:
            return None
        self._open.move_to_end(key)
        self._idle.pop(key, None)
        return self._use(upload)

    def _use(self, upload: UnfinishedUpload) -> Entry:
        upload.last_used = self._now()
        return upload.use()

    async def _load(self, key: str, wanted: Record | None, again: bool) -> Entry | None:
        upload = self._open.get(key)
        if upload is not None:
            await upload.put_right()
            return self._use(upload)
        found = await self._in_thread(self._folder.resume, key)
        if isinstance(found, Done):
            finished = await self._shelf.find(key, found)
            if finished is not None:
                return finished
            if self._received_once and not again:
                raise Refused(410, "received before, taken since")
            found = None
        if found is None:
            self._forget(key)
            if wanted is None:
                return None
            found = await self._create(key, wanted)
        return self._keep(found)

    async def _create(self, key: str, wanted: Record) -> UploadFiles:
        self._quota.admit(wanted, self._unfinished.values())
        promised = self._room.promised()
        # From here on it counts for others that begin meanwhile.
        self._unfinished[key] = wanted
        self._room.promise(key, wanted.size)
        try:
            return await self._in_thread(self._folder.create, key, wanted, promised)
        except BaseException:
            self._forget(key)
            raise

    def _keep(self, files: UploadFiles) -> Entry:
        if self._closed:
            files.close()
            raise _closing()
        key = files.key
        upload = UnfinishedUpload(files, self._shelf, self._run, self._completion, self._listener)
        self._unfinished[key] = files.record
        self._room.promise(key, files.missing_size)
        self._uploads.add(upload)
        self._open[key] = upload
        entry = self._use(upload)
        self._close_idle()
        return entry

    def _close_idle(self) -> None:
        excess = len(self._open) - self._max_open
        if excess > 0:
            idle = [upload for upload in self._open.values() if upload.idle]
            for upload in idle[:excess]:
                self._in_background(self._close_one(upload))

    async def _close_one(self, upload: UnfinishedUpload) -> None:
        async with self._locks.holding(upload.key):
            if upload.idle and self._open.get(upload.key) is upload:
                del self._open[upload.key]
                await self._in_thread(upload.touch)
                await upload.close()

    def _unused(self, upload: UnfinishedUpload) -> None:
        """Give the room of an upload back in which nothing is; keep few others open."""
        if upload.worthless:
            self._in_background(self._discard_one(upload))
        elif self._open.get(upload.key) is upload:
            self._idle[upload.key] = upload
            self._idle.move_to_end(upload.key)
            if len(self._idle) > self._max_open:
                _, oldest = self._idle.popitem(last=False)
                self._in_background(self._close_one(oldest))

    async def _discard_one(self, upload: UnfinishedUpload) -> None:
        async with self._locks.holding(upload.key):
            if upload.worthless and self._open.get(upload.key) is upload and not self._closed:
                del self._open[upload.key]
                self._idle.pop(upload.key, None)
                await upload.close(State.DISCARDED)
                await self._in_thread(self._folder.discard, upload.key)
                self._forget(upload.key)

    def _finished(self, upload: UnfinishedUpload, done: Done) -> None:
        self._drop(upload)
        self._log.info("received {name} ({size} bytes)", name=done.name, size=done.record.size)

    def _drop(self, upload: UnfinishedUpload) -> None:
        if self._open.get(upload.key) is upload:
            del self._open[upload.key]
            self._idle.pop(upload.key, None)
            self._forget(upload.key)

    def _forget(self, key: str) -> None:
        self._unfinished.pop(key, None)
        self._room.forget(key)

    async def _recover(self) -> None:
        with self._work, self._recovery:
            keys, self._full = deque(self._full), {}
            # One whose on_complete takes its time does not hold the others up.
            finishing = [
                Deferred.fromCoroutine(self._finish_each(keys)) for _ in range(_RECOVERED_AT_ONCE)
            ]
            for each in finishing:
                await each

    async def _finish_each(self, keys: deque[str]) -> None:
        while keys and not self._closed:
            key = keys.popleft()
            try:
                entry = await self._look_up(key, None, again=True)
                if entry is not None:
                    with entry:
                        if entry.full:
                            await entry.finish()
            except Exception:
                if not self._closed:
                    self._full[key] = None
                    self._log.failure("an upload that is complete cannot be finished")

    async def _sweep(self) -> int:
        if self.expire is None:
            return 0
        with self._work:
            await self._recovery.idle()
            before, forgotten = self._now() - self.expire, 0
            keys = [] if self._closed else await self._in_thread(self._folder.expired, before)
            for key in keys:
                if self._closed:
                    break
                try:
                    forgotten += await self._forget_expired(key, before)
                except Exception:
                    if not self._closed:
                        self._log.failure("an upload that has expired cannot be removed")
            await self._forget_removed()
            await self._recover()
            return forgotten

    async def _forget_removed(self) -> None:
        """Count uploads no longer whose files somebody has removed."""
        keys = list(self._unfinished)
        for key in [] if self._closed else await self._in_thread(self._folder.removed, keys):
            async with self._locks.holding(key):
                if self._closed:
                    break
                if not await self._in_thread(self._folder.removed, [key]):
                    continue
                upload = self._open.get(key)
                if upload is None:
                    self._forget(key)
                elif upload.idle:
                    del self._open[key]
                    self._idle.pop(key, None)
                    await upload.close(State.DISCARDED)
                    self._forget(key)

    async def _forget_expired(self, key: str, before: float) -> bool:
        async with self._locks.holding(key):
            upload = self._open.get(key)
            if upload is not None and upload.full:
                self._full[key] = None
                return False
            if upload is not None:
                if upload.state is State.UNSURE:
                    await upload.put_right()
                if not upload.idle or upload.last_used >= before:
                    return False
                del self._open[key]
                self._idle.pop(key, None)
                await upload.close()
            # Whoever comes back now waits for the lock; who was here before has written to it.
            if not await self._in_thread(self._folder.discard_expired, key, before):
                if key in self._unfinished:
                    self._full[key] = None
                return False
            self._forget(key)
            return True

    async def _in_thread(self, work: Callable[..., _T], *arguments: Any) -> _T:
        if self._closed:
            raise _closing()
        with self._work:
            return await self._run(work, *arguments)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        async def counted() -> None:
            with self._work:
                await work

        def failed(failure: Failure) -> None:
            if not self._closed:
                self._log.failure("the disk failed", failure)

        Deferred.fromCoroutine(counted()).addErrback(failed)

    async def _close(self) -> None:
        self._closed = True
        await gatherResults([Deferred.fromCoroutine(each.close()) for each in self._uploads])
        await self._work.idle()
        self._open.clear()
        self._idle.clear()
        self._folder.close()


def _closing() -> Refused:
    return Refused(503, "the receiver is closing", retry_after=5)
