"""
Who finishes an upload.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredLock

from ..store.refused import Refused
from .interface import Unavailable
from .record import UploadRecord
from .records import Known, Records
from .state import State

__all__ = ["Lease", "LeaseLost"]

_T = TypeVar("_T")
_ATTEMPTS = 5


class LeaseLost(Refused):
    """Another receiver has taken over."""


def _lost() -> LeaseLost:
    return LeaseLost(503, "another receiver finishes this file", 2, about="upload")


class Lease:
    """
    The right to finish an upload, for some seconds after its record was written, and renewed at a
    third of them.  Whoever stalls for longer loses it to others.

    :param records: where it is written.
    :param known: the record, FINISHING by this lease's holder.
    :param clock: the time, as a reactor has it.
    :param seconds: how long it lasts.
    :param began: when it was asked for, by that clock.
    :ivar known: the record as it was written last.
    """

    def __init__(
        self, records: Records, known: Known, clock: Any, seconds: float, began: float
    ) -> None:
        self.known = known
        self._records = records
        self._by = known.record.by
        self._clock = clock
        self._seconds = seconds
        self._since = began
        self._lock = DeferredLock()
        self._is_lost = False
        self._work: Deferred[Any] | None = None
        self._timer: Any = None
        self._renewing: Deferred[Any] | None = None
        self._schedule(seconds / 3)

    async def hold(self, work: Coroutine[Any, Any, _T]) -> _T:
        """
        Do something, for as long as the lease is held.

        :raises LeaseLost: once it is not; that is cancelled then.
        """
        if self._is_lost or self._is_over():
            # After it has stalled, it may be another's.
            self._is_lost = True
            work.close()
            raise _lost()
        doing: Deferred[_T] = Deferred.fromCoroutine(work)
        self._work = doing
        try:
            result = await doing
        except CancelledError:
            if self._is_lost:
                raise _lost() from None
            raise
        finally:
            self._work = None
        if self._is_lost:
            raise _lost()
        return result

    async def change(self, state: State = State.FINISHING, **changes: Any) -> Known:
        """
        Write the record, if it is still this lease's.

        :raises LeaseLost: if it is not.
        :raises StorageError: if that cannot be found out.
        """
        async with self._lock:
            return await self._change(state, changes)

    def end(self) -> None:
        """Renew it no more."""
        self._is_lost = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._renewing is not None:
            self._renewing.cancel()

    async def _change(self, state: State, changes: dict[str, Any]) -> Known:
        for _ in range(_ATTEMPTS):
            if self._is_lost:
                raise _lost()
            began = self._clock.seconds()
            record = self.known.record.changed(state, **changes)
            written = await self._records.write(self.known.key, record, self.known)
            if written is not None:
                self.known, self._since = written, began
                return written
            found = await self._records.read(self.known.key)
            if found is None or not self._is_mine(found.record):
                self._lose()
                raise _lost()
            # A renewal of which nothing was heard.
            self.known = found
        raise Unavailable("the record changes all the time")

    def _is_mine(self, record: UploadRecord) -> bool:
        return record.state is State.FINISHING and record.by == self._by

    def _is_over(self) -> bool:
        return bool(self._clock.seconds() - self._since > self._seconds * 0.9)

    def _lose(self) -> None:
        self._is_lost = True
        if self._work is not None:
            self._work.cancel()

    def _schedule(self, seconds: float) -> None:
        self._timer = self._clock.callLater(seconds, self._renew)

    def _renew(self) -> None:
        self._timer = None
        if self._is_over():
            # It may be another's by now; what is there says so, but nothing goes on until then.
            self._lose()
            return
        renewing = self._renewing = Deferred.fromCoroutine(self.change())
        renewing.addTimeout(self._seconds / 4, self._clock)
        # What fails is tried again; whether it is lost is seen above.
        renewing.addErrback(lambda failure: None)
        renewing.addCallback(lambda _: self._renewed())

    def _renewed(self) -> None:
        self._renewing = None
        if not self._is_lost:
            left = self._since + self._seconds / 3 - self._clock.seconds()
            self._schedule(max(left, self._seconds / 12))
