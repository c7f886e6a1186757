"""
Where received files are kept.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred

from ..._runtime.clock import steady
from ..._runtime.reactor import Reactor
from ..arguments import as_existing, as_mode, check_callable, check_flag, check_number, check_whole
from .admission import Admission
from .ages import Ages
from .beginning import Beginning
from .chunk import Chunk
from .completion import Completion, OnComplete
from .disk import Disk, UnsyncedDisk
from .entries import Entries
from .finished import Shelf
from .folder import Folder
from .housekeeping import Housekeeping
from .interface import Entry
from .jobs import Jobs
from .naming import ChooseName, Naming
from .places import Placing
from .quota import Quota
from .room import Room
from .small import SmallFiles
from .small_groups import Groups
from .starting import OnStarted, Starting
from .thread import Run, in_threads
from .uploads import OpenUploads
from .work import Work

__all__ = ["Store"]


class Store:
    """
    A folder that files are received into.

    Finished files lie in it under their own names and in the folders that their clients had them
    in, made harmless.  What is unfinished is in a private folder in it.  The folder belongs to one
    store at a time.

    A finished upload counts as received for as long as its file is in its place with all its
    bytes.  Once it was taken away, replaced or edited it is received again, like a new one.

    :param root: the folder; made if it is not there.
    :param reactor: whose threads do what blocks, and whose clock is used; the installed one by
        default.
    :param max_file_size: refuse files of more bytes than this.
    :param max_chunks: refuse to begin a file that has more chunks than this.
    :param max_unfinished: refuse to begin a file when its owner has this many unfinished ones.
    :param max_unfinished_size: refuse to begin a file when its owner's unfinished ones would
        come to more bytes than this.
    :param quota: refuse to begin a file when all that is its owner's would come to more bytes than
        this: unfinished uploads, files that were received, are in their places and not forgotten,
        and what is set aside.  That files were taken away is noticed by :meth:`sweep`.
    :param expire: forget uploads that got nothing for this many seconds (see :meth:`sweep`).
    :param remember: forget that a file was received, or rejected, after this many seconds, if that
        differs from ``expire``; it is received again then if its client comes back.
    :param received_once: refuse with 410 what was received before and is not in its place any
        more, for as long as it is not expired: for folders that somebody empties.
    :param keep_folders: whether files lie in the folders of ``relative_path``, which are made; else
        all lie in the folder itself.
    :param choose_name: called with the :class:`AnnouncedFile` when an upload begins; returns the
        path that the file will get, below the folder.  It is made harmless, too, and leads to no
        other place.  May raise :class:`Refused`.
    :param existing: what becomes of a file whose name is taken: with ``suffix`` it gets a name with
        a suffix, with ``replace`` it takes the place of what is there once it is complete, with
        ``refuse`` it is refused with 409.
    :param mode: the permissions of finished files, ``0o640`` for instance, and of folders, which
        who may read can enter.  By default those that umask leaves.
    :param fsync: whether the disk is waited for.  Without, what clients were told is stored may be
        lost if the power is cut; a crash of the process does no harm.
    :param on_started: called with the :class:`AnnouncedFile` when an upload begins; may return a
        Deferred, for which the client waits, and which is cancelled if the store closes.  May fail
        with :class:`Refused`; if it fails otherwise that is logged, and the response is 500.
    :param on_complete: called with each :class:`ReceivedFile` once it is durable and in its
        place; may return a Deferred, and the client gets its response after that.  It may change,
        move or remove the file.  Called once, but again after the next start if the receiver
        stopped, or crashed, before the end was written down.

        If it fails with a :class:`Refused` of a status below 500, with 422 for instance, the file
        is rejected: it is set aside in the private folder, and each request for it is refused with
        the same until it is expired, or comes with ``again``.  With 503, it is called again when
        the client asks again, or the store is swept.  What it fails with otherwise is logged, and
        the file is received.
    :param on_complete_timeout: for how many seconds that Deferred is waited for; a connection of
        our site waits for a quarter of an hour at most, and is aborted then.
    :param max_open: how many idle uploads are kept open.
    :raises InvalidOption: if a limit is no such number, or ``on_complete`` cannot be called.
    :raises OSError: if the folder cannot be used, :exc:`BlockingIOError` if another store has it.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        reactor: Reactor | None = None,
        max_file_size: int | None = None,
        max_chunks: int = 1024 * 1024,
        max_unfinished: int | None = None,
        max_unfinished_size: int | None = None,
        quota: int | None = None,
        expire: float | None = None,
        remember: float | None = None,
        received_once: bool = False,
        keep_folders: bool = True,
        choose_name: ChooseName | None = None,
        existing: str = "suffix",
        mode: int | None = None,
        fsync: bool = True,
        on_started: OnStarted | None = None,
        on_complete: OnComplete | None = None,
        on_complete_timeout: float = 300.0,
        max_open: int = 64,
        _disk: Disk | None = None,
        _run: Run | None = None,
        _now: Callable[[], float] = time.time,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        if _run is None:
            _run = Jobs(in_threads(reactor), reactor)
        check_flag("received_once", received_once)
        check_flag("keep_folders", keep_folders)
        disk = Disk() if check_flag("fsync", fsync) else UnsyncedDisk()
        naming = Naming(keep_folders, check_callable("choose_name", choose_name, none=True))
        placing = Placing(as_mode(mode), as_existing(existing))
        check_whole("max_open", max_open)
        check_number("on_complete_timeout", on_complete_timeout)
        self.root = os.path.abspath(root)
        self.expire = check_number("expire", expire, none=True)
        self.remember = check_number("remember", remember, none=True)
        self.on_complete = check_callable("on_complete", on_complete, none=True)
        limits = Quota.checked(
            max_file_size=max_file_size,
            max_chunks=max_chunks,
            max_unfinished=max_unfinished,
            max_unfinished_size=max_unfinished_size,
            quota=quota,
        )
        self._work = Work(_run)
        self._folder = Folder(self.root, _disk or disk, placing)
        self._admission = admission = Admission(limits, Room(_now))
        shelf = Shelf(self.root, self._folder.places, self._work.run, self._work.usage)
        completion = Completion(lambda: self.on_complete, on_complete_timeout, reactor)
        at_once = choose_name is None and on_started is None
        clock = steady(reactor)
        self._uploads = OpenUploads(
            self._folder,
            shelf,
            admission,
            self._work,
            completion,
            Beginning(
                self._folder,
                admission,
                self._work,
                Starting(check_callable("on_started", on_started, none=True)),
                at_once=at_once,
            ),
            received_once=received_once,
            max_open=max_open,
            now=_now,
            clock=clock,
        )
        self._housekeeping = Housekeeping(self._folder, self._uploads, admission, self._work, _now)
        try:
            self._housekeeping.scan()
            small = SmallFiles(
                self._uploads,
                Groups(self._work, self._folder.whole.store, admission.promised, clock),
                admission,
                shelf,
                completion,
                self._work,
                possible=at_once and self._folder.whole.possible(),
            )
        except BaseException:
            self._folder.close()
            raise
        self._entries = Entries(self._uploads, small, naming)

    def __repr__(self) -> str:
        return f"<Store {self.root!r}>"

    def find(self, owner: str, chunk: Chunk, *, again: bool = False) -> Awaitable[Entry | None]:
        """See :class:`~txresumable.receiver.UploadStore`."""
        return self._entries.find(owner, chunk, again=again)

    def begin(self, owner: str, chunk: Chunk, *, again: bool = False) -> Awaitable[Entry]:
        """See :class:`~txresumable.receiver.UploadStore`."""
        return self._entries.begin(owner, chunk, again=again)

    def abandon(self, owner: str, chunk: Chunk) -> Awaitable[bool]:
        """See :class:`~txresumable.receiver.UploadStore`."""
        return self._entries.abandon(owner, chunk)

    def check(self) -> Deferred[None]:
        """See :class:`~txresumable.receiver.UploadStore`: the folder is where it was."""
        return self._work.run(self._folder.check)

    @property
    def unfinished(self) -> int:
        """How many uploads have begun and are not finished."""
        return len(self._admission)

    def recover(self) -> Deferred[None]:
        """
        Finish the uploads that a crash left with every chunk there.

        :returns: a Deferred that fires when all are in their places; what fails is logged and
            tried again when a client asks, or the store is swept.
        """
        return Deferred.fromCoroutine(self._housekeeping.recover())

    def sweep(self) -> Deferred[int]:
        """
        Forget what has expired: unfinished uploads with their bytes, and that finished ones were
        received.  Finished files stay, and so do uploads that are full: their end is tried again.

        :returns: a Deferred that fires with how many were forgotten, once a recovery that is
            under way has ended; fails with :exc:`OSError` if the disk cannot say what there is.
            What fails of one upload is logged.
        """
        ages = Ages(self.expire, self.expire if self.remember is None else self.remember)
        return Deferred.fromCoroutine(self._housekeeping.sweep(ages))

    def close(self) -> Deferred[None]:
        """
        Close: new requests are refused, so is what the others still ask of their uploads, and
        ``on_complete`` is cancelled.

        :returns: a Deferred that fires when all that was under way is durable, no thread is at
            work and all is closed.  Who cancels it waits no longer, and the store closes still.
        """
        closed: Deferred[None] = Deferred()
        Deferred.fromCoroutine(self._close()).addBoth(closed.callback)
        return closed

    async def _close(self) -> None:
        self._work.closed = True
        await self._uploads.close()
        self._folder.close()
