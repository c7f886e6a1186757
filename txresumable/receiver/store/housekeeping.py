"""
What a store does unasked: finishing what a crash left, and forgetting what has expired.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from .admission import Admission
from .ages import Ages
from .folder import Folder
from .refused import Refused
from .rejection import Rejected
from .state import State
from .uploads import OpenUploads
from .usage import Usage
from .work import Work

__all__ = ["Housekeeping"]

_RECOVERED_AT_ONCE = 16


class Housekeeping:
    """
    Recovers and sweeps.

    :param folder: where uploads are.
    :param uploads: those that are open.
    :param admission: those that are unfinished.
    :param work: what is under way in the store.
    :param now: the wall clock.
    """

    _log = Logger()

    def __init__(
        self,
        folder: Folder,
        uploads: OpenUploads,
        admission: Admission,
        work: Work,
        now: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._uploads = uploads
        self._admission = admission
        self._work = work
        self._now = now
        self._recovery = Usage()
        # In the order of their names; a dictionary, since each is there once.
        self._full: dict[str, None] = {}

    def scan(self) -> None:
        """Find, without threads, what there is at the start."""
        for found in self._folder.scan():
            self._admission.add(found.key, found.record, found.missing)
            if found.full:
                self._full[found.key] = None
        if self._admission.counts_received:
            self._admission.recount(self._folder.received())

    async def recover(self) -> None:
        """Finish the uploads that are full."""
        with self._work.usage, self._recovery:
            full = {**self._full, **dict.fromkeys(self._uploads.take_not_finished())}
            keys, self._full = deque(full), {}
            # One whose on_complete takes its time does not hold the others up.
            finishing = [
                Deferred.fromCoroutine(self._finish_each(keys)) for _ in range(_RECOVERED_AT_ONCE)
            ]
            for each in finishing:
                await each

    async def _finish_each(self, keys: deque[str]) -> None:
        while keys and not self._work.closed:
            key = keys.popleft()
            try:
                entry = await self._uploads.look_up(key, None, again=True)
                if entry is not None:
                    with entry:
                        if entry.full:
                            await entry.finish()
            except Rejected:
                pass  # which is its end
            except Refused as error:
                if not self._work.closed:
                    self._full[key] = None
                    self._log.warn("{key} cannot be finished now: {error}", key=key, error=error)
            except Exception:
                if not self._work.closed:
                    self._full[key] = None
                    self._log.failure("an upload that is complete cannot be finished")

    async def sweep(self, ages: Ages) -> int:
        """
        Forget what has expired, and recover.

        :param ages: how long what is kept.
        :returns: how many were forgotten.
        :raises OSError: if the disk cannot say what there is.
        """
        with self._work.usage:
            await self._recovery.idle()
            forgotten, keys = 0, list[str]()
            if not self._work.closed:
                keys = await self._work.run(self._folder.expired, ages.at(self._now()))
            for key in keys:
                try:
                    forgotten += await self._forget_expired(key, ages)
                except Exception:
                    if not self._work.closed:
                        self._log.failure("an upload that has expired cannot be removed")
            await self._forget_removed()
            await self._recount()
            await self.recover()
            return forgotten

    async def _recount(self) -> None:
        """Find out anew what finished files come to, since some may have been taken away."""
        if self._admission.counts_received and not self._work.closed:
            self._admission.begin_recount()
            self._admission.recount(await self._work.run(self._folder.received))

    async def _forget_removed(self) -> None:
        """Count uploads no longer whose files somebody has removed."""
        keys = list(self._admission)
        for key in [] if self._work.closed else await self._work.run(self._folder.removed, keys):
            async with self._uploads.holding(key):
                if self._work.closed:
                    break
                if not await self._work.run(self._folder.removed, [key]):
                    continue
                upload = self._uploads.get(key)
                if upload is None:
                    self._uploads.forget(key)
                elif upload.idle:
                    self._uploads.take_out(upload)
                    await upload.close(State.DISCARDED)
                    self._uploads.forget(key)

    async def _forget_expired(self, key: str, ages: Ages) -> bool:
        async with self._uploads.holding(key):
            # The clock may have been set back since the upload was found.
            expiry = ages.at(self._now())
            upload = self._uploads.get(key)
            if upload is not None and upload.full:
                self._full[key] = None
                return False
            if upload is not None:
                if upload.state is State.UNSURE:
                    await upload.put_right()
                if not upload.idle or upload.last_used >= expiry.unfinished:
                    return False
                self._uploads.take_out(upload)
                await upload.close()
            # Whoever comes back now waits for the lock; who was here before has written to it.
            if not await self._work.run(self._folder.discard_expired, key, expiry):
                if key in self._admission:
                    self._full[key] = None
                return False
            self._uploads.forget(key)
            return True
