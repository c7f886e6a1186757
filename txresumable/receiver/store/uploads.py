"""
The uploads that are open.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from weakref import WeakSet

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from .admission import Admission
from .beginning import Beginning
from .completion import Completion
from .entry import RecordedEntry
from .files import UploadFiles
from .finished import Shelf
from .folder import Folder
from .keylock import KeyLocks
from .record import Done, Record
from .refused import Refused
from .rejection import Rejection
from .state import State
from .unfinished import UnfinishedUpload
from .work import Work, closing

__all__ = ["MOST_MEMORY", "OpenUploads"]

MOST_MEMORY = 64 * 1024 * 1024
"""The most bytes that the records of open uploads may need: enough for some million gaps."""


class OpenUploads:
    """
    Finds uploads for requests, opens those that are not open, and closes some that nobody uses.

    It is the :class:`~txresumable.receiver.store.unfinished.UploadListener` of each.

    :param folder: where unfinished ones are.
    :param shelf: where finished ones are.
    :param admission: says whether one more may begin.
    :param work: what is under way in the store.
    :param completion: is notified of files that were received.
    :param beginning: begins those that are not there.
    :param received_once: refuse what was received before, and is not in its place any more.
    :param max_open: how many idle ones are kept open.
    :param now: the wall clock.
    :param clock: the time, as a reactor has it.
    """

    _log = Logger()

    def __init__(
        self,
        folder: Folder,
        shelf: Shelf,
        admission: Admission,
        work: Work,
        completion: Completion,
        beginning: Beginning,
        *,
        received_once: bool,
        max_open: int,
        now: Callable[[], float],
        clock: Any,
    ) -> None:
        self._folder = folder
        self._shelf = shelf
        self._admission = admission
        self._work = work
        self._completion = completion
        self._received_once = received_once
        self._max_open = max_open
        self._now = now
        self._clock = clock
        self._beginning = beginning
        self._not_finished: dict[str, None] = {}
        self._locks = KeyLocks()
        self._open: OrderedDict[str, UnfinishedUpload] = OrderedDict()
        # Of those that are open, the ones that were released and not used since.
        self._idle: OrderedDict[str, UnfinishedUpload] = OrderedDict()
        self._all: WeakSet[UnfinishedUpload] = WeakSet()
        # How often an upload was looked up; and while others wait, what was found, and when.
        self._count = 0
        self._found: dict[str, tuple[int, RecordedEntry]] = {}

    def get(self, key: str) -> UnfinishedUpload | None:
        """An upload, if it is open."""
        return self._open.get(key)

    def holding(self, key: str) -> AbstractAsyncContextManager[None]:
        """Hold the lock of an upload until the end of the block."""
        return self._locks.holding(key)

    def take(self, key: str) -> bool:
        """
        Hold the lock of an upload that is not open, if nobody else has it or waits for it.

        :returns: whether it is held, until :meth:`give_back`.
        """
        return key not in self._open and self._locks.take(key)

    def give_back(self, key: str) -> None:
        """Hold the lock no more."""
        self._locks.give_back(key)

    def take_out(self, upload: UnfinishedUpload) -> None:
        """Let no request find an upload that will be closed."""
        del self._open[upload.key]
        self._idle.pop(upload.key, None)

    async def close(self) -> None:
        """Close all, and return when all that was under way has ended."""
        self._beginning.cancel()
        await gatherResults([Deferred.fromCoroutine(each.close()) for each in self._all])
        await self._work.usage.idle()
        self._open.clear()

    async def look_up(
        self, key: str, wanted: Callable[[], Record] | None, again: bool
    ) -> RecordedEntry | None:
        """A use of an upload; made as it is wanted, if it is."""
        with self._work.usage:
            self._count += 1
            return self._at_hand(key) or await self._in_turn(self._count, key, wanted, again)

    async def abandon(self, key: str) -> bool:
        """Forget an unfinished upload, with its bytes."""
        with self._work.usage:
            async with self._locks.holding(key):
                if self._work.closed:
                    raise closing()
                self._found.pop(key, None)
                upload = self._open.get(key)
                is_there = await self._abandon(upload) if upload else await self._is_there(key)
                if is_there:
                    await self._work.run(self._folder.discard, key)
                    self.forget(key)
                return is_there

    async def _abandon(self, upload: UnfinishedUpload) -> bool:
        if upload.state is State.UNSURE:
            await upload.put_right()
        if upload.full:
            raise _complete()
        self.take_out(upload)
        await upload.close(State.DISCARDED)
        return True

    async def _is_there(self, key: str) -> bool:
        """Whether an upload that is not open is unfinished."""
        found = await self._work.run(self._folder.load, key)
        if isinstance(found, UploadFiles):
            found.close()
        if isinstance(found, Done) or (isinstance(found, UploadFiles) and found.full):
            raise _complete()
        return found is not None

    def _at_hand(self, key: str) -> RecordedEntry | None:
        upload = self._open.get(key)
        if upload is None or upload.state is State.UNSURE or upload.changed:
            return None
        self._open.move_to_end(key)
        self._idle.pop(key, None)
        return self._use(upload)

    async def _in_turn(
        self, number: int, key: str, wanted: Callable[[], Record] | None, again: bool
    ) -> RecordedEntry | None:
        try:
            async with self._locks.holding(key):
                found = self._at_hand(key) or self._found_since(key, number)
                return found or await self._load(key, wanted, again)
        finally:
            if key not in self._locks:
                self._found.pop(key, None)

    def _found_since(self, key: str, number: int) -> RecordedEntry | None:
        """
        A finished upload that was looked for after a request had asked: hundreds may wait, and a
        slow disk would not be done with one before its client has given up and asks again.
        """
        found = self._found.get(key)
        return found[1] if found is not None and found[0] >= number else None

    def _use(self, upload: UnfinishedUpload) -> RecordedEntry:
        upload.last_used = self._now()
        return upload.use()

    async def _load(
        self, key: str, wanted: Callable[[], Record] | None, again: bool
    ) -> RecordedEntry | None:
        upload = self._open.get(key)
        if upload is not None and upload.changed:
            await self._leave(upload)
        elif upload is not None:
            await upload.put_right()
            return self._use(upload)
        count = self._count
        found = await self._beginning.find(key, wanted)
        if isinstance(found, Done):
            finished = await self._shelf.find(key, found)
            if finished is not None:
                self._found[key] = count, finished
                return finished
            if self._received_once and not again:
                raise Refused(410, "received before, taken since")
            found = None
        if isinstance(found, Rejection):
            if not again:
                raise found.refusal()
            found = None
        if found is None:
            if wanted is None:
                return None
            found = await self._beginning.create(key, wanted())
        return self._keep(found)

    async def _leave(self, upload: UnfinishedUpload) -> None:
        """Let go of an upload that was changed in its place, and will be received anew."""
        if upload.handed_over:
            await upload.finish()
        else:
            self.take_out(upload)
            await upload.close()

    def _keep(self, files: UploadFiles) -> RecordedEntry:
        try:
            self._check_room(files)
        except Refused:
            files.close()
            raise
        key = files.key
        run, completion = self._work.to_the_end, self._completion
        upload = UnfinishedUpload(files, self._shelf, run, completion, self, self._clock)
        self._admission.add(key, files.record, files.missing_size)
        self._all.add(upload)
        self._open[key] = upload
        entry = self._use(upload)
        self._close_idle()
        return entry

    def _check_room(self, files: UploadFiles) -> None:
        if self._work.closed:
            raise closing()
        others = sum(upload.memory for upload in self._open.values())
        if others and others + files.present.memory > MOST_MEMORY:
            for upload in list(self._open.values()):
                if upload.idle:
                    self._work.in_background(self._close_one(upload))
            raise Refused(503, "uploads with too many gaps are open", 5, about="upload")

    def _close_idle(self) -> None:
        excess = len(self._open) - self._max_open
        if excess > 0:
            idle = [upload for upload in self._open.values() if upload.idle]
            for upload in idle[:excess]:
                self._work.in_background(self._close_one(upload))

    async def _close_one(self, upload: UnfinishedUpload) -> None:
        async with self._locks.holding(upload.key):
            if upload.idle and self._open.get(upload.key) is upload:
                self.take_out(upload)
                await self._work.run(upload.touch)
                await upload.close()

    def unused(self, upload: UnfinishedUpload) -> None:
        """Give the room of an upload back in which nothing is; keep few others open."""
        if upload.worthless:
            self._work.in_background(self._discard_one(upload))
        elif self._open.get(upload.key) is upload:
            self._idle[upload.key] = upload
            if len(self._idle) > self._max_open:
                _, oldest = self._idle.popitem(last=False)
                self._work.in_background(self._close_one(oldest))

    async def _discard_one(self, upload: UnfinishedUpload) -> None:
        async with self._locks.holding(upload.key):
            if upload.worthless and self._open.get(upload.key) is upload and not self._work.closed:
                self.take_out(upload)
                await upload.close(State.DISCARDED)
                await self._work.run(self._folder.discard, upload.key)
                self.forget(upload.key)

    def stored(self, upload: UnfinishedUpload, size: int) -> None:
        """See the protocol."""
        self._admission.stored(upload.key, size)

    def finished(self, upload: UnfinishedUpload, done: Done) -> None:
        """See the protocol."""
        self.lost(upload)
        self.received(done)

    def received(self, done: Done) -> None:
        """A file is in its place."""
        self._admission.received(done.record.owner, done.size)
        self._log.info("received {name} ({size} bytes)", name=done.name, size=done.record.size)

    def rejected(self, upload: UnfinishedUpload) -> None:
        """See the protocol."""
        self.lost(upload)
        self._admission.received(upload.record.owner, upload.record.size)

    def not_finished(self, upload: UnfinishedUpload) -> None:
        """See the protocol."""
        self._not_finished[upload.key] = None

    def take_not_finished(self) -> list[str]:
        """Those that were full and could not be finished, each once."""
        keys, self._not_finished = list(self._not_finished), {}
        return keys

    def lost(self, upload: UnfinishedUpload) -> None:
        """See the protocol."""
        if self._open.get(upload.key) is upload:
            self.take_out(upload)
            self.forget(upload.key)

    def forget(self, key: str) -> None:
        """An upload is there no more."""
        self._admission.forget(key)


def _complete() -> Refused:
    return Refused(409, "all of this file has arrived")
