"""
Where received files are kept.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock, gatherResults
from twisted.logger import Logger

from ..web.parameters import Parameters
from ..web.reply import Refused
from .disk import Disk
from .entry import Entry
from .finished import Finished
from .folder import Folder, Opened
from .names import key_of
from .quota import Quota
from .received import ReceivedFile
from .record import Done, Record
from .thread import Run, in_threads
from .unfinished import Incoming

__all__ = ["Store"]

_T = TypeVar("_T")
OnComplete = Callable[[ReceivedFile], "Awaitable[object] | None"]


class Store:
    """
    A folder that files are received into.

    Finished files lie in it under their own names, made harmless; a name that is taken is never
    overwritten, the newcomer gets a suffix.  What is unfinished is in a private folder in it.
    The folder belongs to one store at a time.

    :param root: the folder; made if it is not there.
    :param reactor: whose threads do what blocks; the installed one by default.
    :param max_file_size: refuse files of more bytes than this.
    :param max_unfinished: refuse to begin a file when its owner has this many unfinished ones.
    :param max_unfinished_size: refuse to begin a file when its owner's unfinished ones would
        come to more bytes than this.
    :param expire: forget uploads that got nothing for this many seconds (see :meth:`sweep`).
    :param remember: for how many seconds a finished upload counts as received even though
        somebody has taken its file away; after that it may be sent anew.
    :param on_complete: called with each :class:`ReceivedFile` once it is durable and in its
        place; may return a Deferred, and the client gets its answer after that.  Called once,
        but again after a crash that came before the end was written down.
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
        remember: float = 3600.0,
        on_complete: OnComplete | None = None,
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
        self._remember = remember
        self._max_open = max_open
        self._run = run
        self._now = now
        self._open: OrderedDict[str, Incoming] = OrderedDict()
        self._locks: dict[str, DeferredLock] = {}
        self._folder = Folder(self.root, disk or Disk())
        try:
            found = list(self._folder.scan())
        except BaseException:
            self._folder.close()
            raise
        self._unfinished = {each.key: each.record for each in found}
        self._told: set[str] = set()
        self._closed = False
        self._full = [each.key for each in found if each.full]

    async def find(self, owner: str, given: Parameters) -> Entry | None:
        """
        The upload that a request is about, if there is one; nothing is made.

        :raises Refused: with 400 if it is another file than it was.
        :raises OSError: if the disk fails.
        """
        return await self._enter(Record.of(owner, given), make=False)

    async def begin(self, owner: str, given: Parameters) -> Entry:
        """
        The upload that a request is about, made if need be.

        :raises Refused: if it is too big, over quota, or another file than it was.
        :raises OSError: if the disk fails.
        """
        entry = await self._enter(Record.of(owner, given), make=True)
        assert entry is not None
        return entry

    def recover(self) -> Deferred[None]:
        """
        Finish the uploads that a crash left with every chunk there.

        :returns: a Deferred that fires when all are in their places; what fails is logged and
            tried again when a client asks.
        """
        return Deferred.fromCoroutine(self._recover())

    def sweep(self) -> Deferred[int]:
        """
        Forget what has expired: unfinished uploads with their bytes, and that finished ones were
        received.  Finished files stay.

        :returns: a Deferred that fires with how many were forgotten.
        """
        return Deferred.fromCoroutine(self._sweep())

    def close(self) -> Deferred[None]:
        """
        End.

        :returns: a Deferred that fires when nothing is written any more and all is closed.
        """
        return Deferred.fromCoroutine(self._close())

    async def _enter(self, wanted: Record, make: bool) -> Entry | None:
        key = key_of(wanted.owner, wanted.identifier)
        entry: Entry | None = self._open.get(key)
        if entry is None:
            entry = await self._alone(key, self._load(key, wanted, make))
        else:
            self._open.move_to_end(key)
        if entry is not None and entry.record.layout != wanted.layout:
            raise Refused(400, "the sizes differ from those of this upload's first request")
        return entry

    async def _load(self, key: str, wanted: Record, make: bool) -> Entry | None:
        if key in self._open:
            return self._open[key]
        if self._closed:
            raise Refused(503, "the receiver is closing", retry_after=5)
        found = await self._run(self._folder.load, key)
        if isinstance(found, Done):
            in_place = await self._run(self._folder.in_place, found)
            if in_place or self._now() - found.when < self._remember:
                return Finished(found, self._received(found), self._folder, self._run)
            found = None
        if found is None:
            if not make:
                return None
            self._quota.admit(wanted, self._unfinished.values())
            found = await self._run(self._folder.create, key, wanted)
            self._unfinished[key] = wanted
        entry = self._open[key] = Incoming(
            found, self._folder, self._run, self._finish, self._forsake
        )
        self._shut_idle()
        return entry

    def _shut_idle(self) -> None:
        for key, entry in list(self._open.items()):
            if len(self._open) <= self._max_open:
                break
            if not entry.in_use and entry is not next(reversed(self._open.values())):
                del self._open[key]
                entry.retire()

    async def _finish(self, opened: Opened, sha256: str) -> ReceivedFile:
        name, inode = await self._run(self._folder.place, opened)
        done = Done(record=opened.record, name=name, inode=inode, sha256=sha256, when=self._now())
        file = self._received(done)
        if opened.key not in self._told:
            await self._announce(file)
            self._told.add(opened.key)
        await self._run(self._folder.settle, opened.key, done)
        self._told.discard(opened.key)
        self._unfinished.pop(opened.key, None)
        entry = self._open.pop(opened.key, None)
        if entry is not None:
            entry.retire()
        self._log.info("received {name} ({size} bytes)", name=name, size=file.size)
        return file

    def _forsake(self, key: str) -> None:
        """Give the room of an upload back in which nothing is."""
        forgotten = Deferred.fromCoroutine(self._alone(key, self._forget(key)))
        forgotten.addErrback(lambda failure: self._log.failure("cannot make room", failure))

    async def _announce(self, file: ReceivedFile) -> None:
        if self.on_complete is None:
            return
        try:
            result = self.on_complete(file)
            if result is not None:
                await result
        except Exception:
            self._log.failure("on_complete failed for {path}", path=file.path)

    def _received(self, done: Done) -> ReceivedFile:
        record = done.record
        return ReceivedFile(
            path=os.path.join(self.root, done.name),
            size=record.size,
            sha256=done.sha256,
            identifier=record.identifier,
            file_name=record.file_name,
            relative_path=record.relative_path,
            owner=record.owner,
            type=record.type,
        )

    async def _recover(self) -> None:
        full, self._full = self._full, []
        for key in full:
            try:
                entry = await self._enter(self._unfinished[key], make=False)
                if entry is not None:
                    await entry.conclude()
            except (OSError, Refused):
                self._log.failure("an upload that is complete cannot be finished")

    async def _sweep(self) -> int:
        if self.expire is None:
            return 0
        forgotten = 0
        for key in await self._run(self._folder.expired, self._now() - self.expire):
            forgotten += await self._alone(key, self._forget(key))
        return forgotten

    async def _forget(self, key: str) -> bool:
        entry = self._open.get(key)
        if entry is not None:
            if entry.in_use:
                return False
            del self._open[key]
            await entry.retire()
        await self._run(self._folder.discard, key)
        self._unfinished.pop(key, None)
        return True

    async def _alone(self, key: str, work: Coroutine[Any, Any, _T]) -> _T:
        """Do work on an upload that is not open while nobody else does."""
        lock = self._locks.setdefault(key, DeferredLock())
        try:
            await lock.acquire()
            try:
                return await work
            finally:
                lock.release()
        finally:
            if not lock.locked:
                self._locks.pop(key, None)

    async def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        entries, self._open = list(self._open.values()), OrderedDict()
        await gatherResults([entry.retire() for entry in entries])
        self._folder.close()
