"""
Files of one folder on their way into a queue that several machines share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from ..entry import HANDED_OVER, Entry
from ..errors import JobsUnavailable
from ..jobs.job import NewJob
from ..jobs.source import JobQueue
from ..settings import FolderSettings
from ..state import DONE, HOOK, MOVING, STORED, PushState
from .insisting import Insisting
from .steps import Steps

__all__ = ["ONCE_MORE", "Handover"]

_AT_ONCE = 256
"""Files that are handed over in one transaction."""
_WHY = "in the queue"
ONCE_MORE = '{"again": true}'
"""The note of files that are to be sent although they were."""

_log = Logger()


class Handover:
    """
    Takes the files of a folder that are QUEUED, and adds them to the queue: then they are DONE as
    far as the journal is concerned.  One that is there already is not added once more, so a crash
    in between, or another machine that watches the same folder, does no harm; nor does a file that
    was away and is back, unless who was to send it has missed it.
    """

    under_way: Mapping[int, float] = {}
    """What is being sent; nothing, as that is up to the queue."""
    files: Sequence[tuple[Entry, float]] = ()
    """Likewise."""

    def __init__(
        self,
        settings: FolderSettings,
        queue: JobQueue,
        steps: Steps,
        added: Callable[[], object],
        clock: object,
    ) -> None:
        """
        :param settings: those of the folder.
        :param queue: where to.
        :param steps: writes down what happens here.
        :param added: called when there is something new in the queue.
        :param clock: an ``IReactorTime``.
        """
        self._settings = settings
        self._queue = queue
        self._steps = steps
        self._added = added
        self._insisting = Insisting(clock, JobsUnavailable)
        self._again = self._has_begun = self._is_stopped = False
        self._handing: Deferred[None] | None = None

    def wake(self) -> None:
        """There may be files that are QUEUED."""
        self._again = True
        if self._handing is None and not self._is_stopped:
            handing = Deferred.fromCoroutine(self._hand_over())
            handing.addErrback(lambda failure: _log.failure("Handing files over failed", failure))
            if not handing.called:
                self._handing = handing
                handing.addBoth(self._handed)

    def _handed(self, _: object) -> None:
        self._handing = None

    async def _hand_over(self) -> None:
        name, order = self._settings.name, self._settings.order
        if not self._has_begun:  # before a reload they may have been added, or not
            self._has_begun = True
            await self._steps.take_back(name)
        while self._again and not self._is_stopped:
            self._again = False
            while entries := await self._steps.take(name, _AT_ONCE, order):
                if not await self._add(entries):
                    return

    async def _add(self, entries: Sequence[Entry]) -> bool:
        new = [_job_of(entry) for entry in entries if entry.note != ONCE_MORE]
        again = [_job_of(entry) for entry in entries if entry.note == ONCE_MORE]

        async def add() -> bool:
            if new:
                await self._queue.add(new)
            if again:
                await self._queue.again(again)
            return True

        if not await self._insisting.do(add):
            return False
        self._added()
        for entry in entries:
            await self._steps.move(entry.id, STORED, HOOK, MOVING, DONE, why=_WHY, note=HANDED_OVER)
        return True

    def stop_file(self, id: int, wanted: PushState, why: str) -> Deferred[None]:
        """A file that is being handed over cannot be stopped here any more."""
        return succeed(None)

    def stop(self) -> None:
        """Hand over no more; what is not written down yet is handed over once more."""
        self._is_stopped = True
        self._insisting.close()

    def idle(self) -> Deferred[None]:
        """When nothing is being written down."""
        idle: Deferred[None] = Deferred()
        if self._handing is None:
            idle.callback(None)
        else:
            self._handing.addBoth(lambda _: idle.callback(None))
        return idle


def _job_of(entry: Entry) -> NewJob:
    # What is asked for once more, as it is not known whether it was done, is known by its event id.
    folder, version = entry.folder, entry.version.shared
    return NewJob(folder=folder, path=entry.path, version=version, event_id=entry.event_id)
