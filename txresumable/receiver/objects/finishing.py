"""
The end of an upload.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, DeferredSemaphore, TimeoutError
from twisted.internet.task import deferLater
from twisted.logger import Logger

from ..store.completion import Completion
from ..store.received import ReceivedFile
from ..store.refused import FilesRemoved, Refused
from ..store.rejection import Rejection
from .assembly import Assembly, Draft
from .interface import StorageError
from .lease import Lease, LeaseLost
from .records import Known, Records
from .refusing import refusing
from .state import State

__all__ = ["Finishing", "Times"]

_ATTEMPTS = 8
_MADE_AT_ONCE = 4  # of those that are in memory part by part
_POLLS = 1.0
_GIVING_BACK = 10.0


@frozen(kw_only=True)
class Times:
    """
    How long what lasts, in seconds.

    :ivar lease: for how long who finishes an upload may be silent before another takes over.
    :ivar patience: how long a request is held while another receiver finishes its file.
    :ivar settled: after how long nothing comes of a request to the storage that failed.
    """

    lease: float = 30.0
    patience: float = 20.0
    settled: float = 300.0


class Finishing:
    """
    Finishes uploads of which all chunks are there: one receiver at a time, and any other one after
    it has stalled.

    :param records: the records.
    :param assembly: makes the files.
    :param completion: who is notified then.
    :param location: gives the URL of an object.
    :param check: raises if the store closes.
    :param clock: the time, as a reactor has it.
    :param times: how long what lasts.
    """

    _log = Logger()

    def __init__(
        self,
        records: Records,
        assembly: Assembly,
        completion: Completion,
        location: Callable[[str], str],
        check: Callable[[], None],
        clock: Any,
        times: Times,
    ) -> None:
        self._records = records
        self._assembly = assembly
        self._completion = completion
        self._location = location
        self._check = check
        self._clock = clock
        self._times = times
        self._room = DeferredSemaphore(_MADE_AT_ONCE)

    def received(self, known: Known) -> ReceivedFile:
        """The file that an upload has become."""
        name = self._assembly.name_of(known)
        file = known.record.upload.received_as(name, known.record.sha256)
        return evolve(file, location=self._location(name))

    async def finish(self, key: str, id: str, *, patiently: bool = True) -> Known:
        """
        Finish an upload, or wait until another receiver has.

        :param id: of which beginning.
        :param patiently: whether to wait for some time.
        :returns: its record, DONE.
        :raises Refused: if it is not there any more, rejected, or not finished in time.
        """
        until = self._clock.seconds() + (self._times.patience if patiently else 0.0)
        for _ in range(_ATTEMPTS):
            with refusing():
                known = await self._records.read(key)
            if known is None or known.record.id != id or known.record.is_gone:
                raise FilesRemoved.by_somebody()
            record = known.record
            if record.state is State.DONE:
                return known
            if record.rejection is not None:
                raise record.rejection.refusal()
            if record.state is State.FINISHING and known.age <= self._times.lease:
                known = await self._another(known, until)
                if known.record.state is not State.FINISHING:
                    continue
            began = self._clock.seconds()
            with refusing():
                claimed = await self._records.change(
                    known, lambda record: record.changed(State.FINISHING, by=token_hex(8))
                )
            if claimed is None:
                continue
            try:
                return await self._finish(claimed, began, took_over=known.record.by != "")
            except LeaseLost:
                continue
        raise Refused(503, "several receivers finish this file", 2, about="upload")

    async def _another(self, known: Known, until: float) -> Known:
        """Wait until another receiver has finished, or has stalled."""
        key, id = known.key, known.record.id
        while known.record.state is State.FINISHING and known.age <= self._times.lease:
            if self._clock.seconds() >= until:
                raise Refused(503, "another receiver finishes this file", 2, about="upload")
            await deferLater(self._clock, _POLLS)
            with refusing():
                found = await self._records.read(key)
            if found is None or found.record.id != id:
                raise FilesRemoved.by_somebody()
            known = found
        return known

    async def _finish(self, claimed: Known, began: float, *, took_over: bool) -> Known:
        lease = Lease(self._records, claimed, self._clock, self._times.lease, began)
        try:
            with refusing():
                if took_over:
                    await lease.hold(self._assembly.abort_stale(claimed))
                if self._assembly.needs_memory(claimed):
                    await self._room.run(lambda: Deferred.fromCoroutine(self._make(lease)))
                else:
                    await self._make(lease)
            known = await self._notify(lease)
        except LeaseLost:
            raise
        except Exception:
            await self._give_back(lease)
            raise
        finally:
            lease.end()
        if known.record.rejection is not None:
            raise known.record.rejection.refusal()
        upload = known.record.upload
        self._log.info("received {name} ({size} bytes)", name=upload.path, size=upload.size)
        return known

    async def _make(self, lease: Lease) -> None:
        draft = await lease.hold(self._assembly.prepare(lease.known))
        await self._publish(lease, draft)

    async def _publish(self, lease: Lease, draft: Draft) -> None:
        try:
            # Who has stalled finds out here.
            await lease.change(sha256=draft.sha256)
            await lease.hold(self._assembly.publish(draft))
        except Exception:
            await self._assembly.discard(draft)
            raise

    async def _notify(self, lease: Lease) -> Known:
        try:
            await lease.hold(self._told(self.received(lease.known)))
        except LeaseLost:
            raise
        except Refused as error:
            if error.status >= 500:
                raise
            with refusing():
                known = await lease.change(
                    State.REJECTED, rejection=Rejection(error.status, error.reason)
                )
            with suppress(StorageError):  # else it is removed by a sweep
                await self._assembly.remove(known)
            return known
        with refusing():
            return await lease.change(State.DONE)

    async def _told(self, file: ReceivedFile) -> None:
        await self._completion.notify(file)
        # If it was cancelled, as the store closes, it has to be told again.
        self._check()

    async def _give_back(self, lease: Lease) -> None:
        """Let the next one try at once, unless how it ended is written down."""
        if lease.known.record.state is not State.FINISHING:
            return
        giving: Deferred[Known] = Deferred.fromCoroutine(lease.change(State.OPEN, by=""))
        giving.addTimeout(_GIVING_BACK, self._clock)
        with suppress(StorageError, Refused, TimeoutError):
            await giving
