"""
Accepting files: examined in a thread, filtered, identified, and announced in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from inspect import isawaitable
from itertools import repeat
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._runtime.observers import Observers
from .._source.fingerprint import UNSEEN, Fingerprint
from ..errors import FileRejected, InvalidOption, SourceChanged
from ..file import transfer_of
from ..identifiers import identify, safe
from ..options import Options
from ..states import ADDED, CANCELLED, FAILED
from .filters import check_file
from .groups import Group, Groups
from .handle import Upload
from .naming import Naming
from .prefetch import Prefetcher
from .quiet import Quiet
from .reasons import as_error
from .roster import Roster
from .shortage import PAUSE, Shortage, out_of_descriptors
from .transfer import Transfer
from .turn import Turn
from .twins import Twins

__all__ = ["Admission", "AdmissionListener"]

BATCH = 64

_log = Logger()


class AdmissionListener(Protocol):
    """Who files are accepted for."""

    @property
    def options(self) -> Options: ...
    def accepted(self, transfer: Transfer) -> None: ...
    def announce(self, added: Sequence[Transfer], skipped: Sequence[Transfer]) -> None: ...


class Admission:
    """
    Files on their way in: each is known by the handle of this try, as one that was cancelled may
    be tried again before its turn has come.

    :param listener: notified of what becomes of them.
    :param clock: an ``IReactorTime``.
    :param turn: runs when a batch is through.
    :param roster: the files that were accepted.
    :param prefetcher: looks at files.
    :param shortage: to know when descriptors are short.
    :param twins: sees to files that another one is uploaded for.
    :param quiet: sees to files that are being written to.
    """

    def __init__(
        self,
        listener: AdmissionListener,
        clock: Any,
        turn: Turn,
        roster: Roster,
        prefetcher: Prefetcher,
        shortage: Shortage,
        twins: Twins,
        quiet: Quiet,
    ) -> None:
        self._clock = clock
        self._turn = turn
        self._roster = roster
        self._prefetcher = prefetcher
        self._shortage = shortage
        self._twins = twins
        self._quiet = quiet
        self._listener = listener
        self._queue: deque[Upload] = deque()
        self._groups_of: deque[Group | None] = deque()  # as long; nothing for who came alone
        self._batch: list[Upload] = []
        self._is_running = False
        self._running: Deferred[None] | None = None
        self._naming: dict[Transfer, Naming] = {}
        self._aside: dict[Transfer, Upload] = {}
        self._errors = 0
        self._groups = Groups(turn, listener.announce)
        self._closed = False

    @property
    def is_idle(self) -> bool:
        """Whether every file that was taken in is in or out, and announced."""
        return not self._groups.count

    @property
    def transfers(self) -> list[Transfer]:
        """The files that are neither in nor out, in order."""
        return [
            transfer_of(handle)
            for handle in (*self._batch, *self._queue, *self._aside.values())
            if _is_undecided(handle)
        ]

    def add(self, handles: Sequence[Upload]) -> None:
        """Take files in; each ends as READY, or fails with what was wrong with it."""
        if not handles:
            return
        count = len(handles)
        self._queue.extend(handles)
        self._groups_of.extend(repeat(self._groups.begin(count), count))
        if not self._is_running:
            self._go_on()

    def close(self) -> None:
        """Take nothing more in."""
        self._closed = True
        self._shortage.end()
        if self._running is not None:
            self._turn.abandon(self._running)

    def drop(self, transfer: Transfer) -> None:
        """
        A file has come to its end: nobody needs to know its identifier.

        :param transfer: the file.
        """
        if self._aside and self._aside.pop(transfer, None) is not None:
            self._twins.stop(transfer)
        self._quiet.stop(transfer)
        if self._naming:
            naming = self._naming.pop(transfer, None)
            if naming is not None:
                self._turn.abandon(naming.asked)
                self._turn.post(naming.end, None)

    def _go_on(self) -> None:
        if not self._is_running:  # nor called by a hook that it asks
            self._is_running = True
            self._running = Deferred.fromCoroutine(self._run())
            self._running.addCallbacks(self._idle, self._stopped)

    def _idle(self, _: None) -> None:
        self._is_running = False

    def _stopped(self, failure: Failure) -> None:
        self._is_running = False
        if self._closed:
            return
        _log.failure("Adding files failed", failure=failure)
        batch, self._batch = self._batch, []
        for handle in batch:
            if _is_undecided(handle):
                transfer_of(handle).end(FAILED, as_error(failure.value))
        self._go_on()
        self._turn.run()

    async def _run(self) -> None:
        while self._queue:
            count = min(BATCH, len(self._queue))
            batch = self._batch = [self._queue.popleft() for _ in range(count)]
            groups = [self._groups_of.popleft() for _ in range(count)]
            # One that came to its end here may be in the queue once more.
            alive = [handle for handle in batch if transfer_of(handle).handle is handle]
            try:
                looks = await self._prefetcher.look([transfer_of(handle) for handle in alive])
            except CancelledError:
                raise
            except Exception:  # no thread could be started
                looks = [Failure()] * len(alive)
            look_at = dict(zip(alive, looks, strict=True))
            looked = []
            for handle, group in zip(batch, groups, strict=True):
                look = look_at.get(handle)
                if isinstance(look, Fingerprint):
                    if self._quiet.is_young(transfer_of(handle), look):
                        self._groups.leave(group)
                        self._wait(handle, self._quiet.grow_old(transfer_of(handle)))
                        continue
                elif isinstance(look, Deferred):
                    self._set_aside(handle, group, "Looking at")
                    look.addBoth(self._returned, handle)
                    continue
                looked.append((handle, group, self._name(handle, look)))
            starved = late = False
            for handle, group, name in looked:
                if isinstance(name, Naming):
                    if not name.known.called:
                        self._turn.run()  # those before it need not wait
                        late = late or await name.is_late(self._clock)
                    if not name.known.called:
                        self._set_aside(handle, group, "Naming")
                        name.known.addCallback(self._named, handle)
                        continue
                    name = await name.known
                if self._closed:
                    return
                if self._conclude(handle, group, name):
                    starved = True
            self._batch = []
            self._turn.run()
            if starved:
                await deferLater(self._clock, PAUSE)

    def _set_aside(self, handle: Upload, group: Group | None, what: str) -> None:
        """What a file waits for takes too long: it is announced alone, when that is over."""
        transfer = transfer_of(handle)
        self._groups.leave(group)
        if transfer.handle is handle:
            name = transfer.file_name
            _log.warn("{what} {name!r} takes long; others go on", what=what, name=name)
            self._aside[transfer] = handle

    def share(self, handle: Upload, twin: Transfer) -> None:
        """A file has the identifier of one that is being uploaded, and waits for that."""
        self._aside[transfer_of(handle)] = handle
        self._twins.share(handle, twin, self._look_again)

    def wait_after_change(self, handle: Upload, error: SourceChanged) -> None:
        """A file has changed, and waits until nobody writes to it."""
        self._twins.part(transfer_of(handle))
        self._wait(handle, self._quiet.after_change(transfer_of(handle), error))

    def _wait(self, handle: Upload, until: Deferred[None]) -> None:
        self._aside[transfer_of(handle)] = handle
        until.addCallbacks(self._returned, self._in_vain, (handle,), {}, (handle,))

    def _in_vain(self, failure: Failure, handle: Upload) -> None:
        transfer_of(handle).end(FAILED, as_error(failure.value))
        self._turn.run()

    def _look_again(self, handle: Upload) -> None:
        if self._is_back(handle):
            self.add([handle])  # what it looked like before is of no use now

    def _returned(self, _: object, handle: Upload) -> None:
        self._look_again(handle)

    def _is_back(self, handle: Upload) -> bool:
        """Whether a file that was set aside is there, and still wanted."""
        if self._aside.get(transfer_of(handle)) is not handle:
            return False
        del self._aside[transfer_of(handle)]
        return True

    def _named(self, name: Any, handle: Upload) -> None:
        if self._is_back(handle):
            if self._conclude(handle, self._groups.begin(1), name):
                self._go_on()
            self._turn.run()

    def _name(self, handle: Upload, look: Any) -> Any:
        """
        Check a file against the rules, lay it out, and find its identifier.

        :returns: the identifier or what is going to know it; or the error that keeps the file out.
        """
        transfer = transfer_of(handle)
        try:
            if transfer.handle is not handle:
                raise CancelledError()
            if isinstance(look, Failure):
                look.raiseException()
            options = self._listener.options
            facts, force = (transfer.file_name, transfer.relative_path), options.force_chunk_size
            check_file(options, *facts, transfer.type, look.size)
            transfer.lay_out(look.size, force)
            name_by = options.generate_unique_identifier
            if name_by is safe:  # needs no view of the file, of which many that wait have none
                return identify(look, *facts, options.chunk_size, force)
            transfer.fingerprint = look
            identifier = name_by(transfer.file)
        except BaseException as error:
            return error
        if isinstance(identifier, str) or not isawaitable(identifier):
            return identifier
        naming = Naming(identifier)
        if transfer.handle is not handle:  # the hook itself has seen to that
            self._turn.abandon(naming.asked)
            naming.end(None)
        elif not naming.known.called:
            self._naming[transfer] = naming
        return naming

    def _conclude(self, handle: Upload, group: Group | None, name: Any) -> bool:
        """:returns: whether the file must wait until fewer files are open."""
        transfer = transfer_of(handle)
        if transfer.handle is not handle:
            self._groups.through(group)
            return False
        if self._naming:
            self._naming.pop(transfer, None)
        if isinstance(name, str) and name and "\0" not in name:
            self._accept(handle, group, name)
        elif isinstance(name, CancelledError):
            transfer.end(CANCELLED, None)
            self._groups.through(group)
        elif isinstance(name, SourceChanged) and self._quiet.may_wait(transfer):
            self._groups.leave(group)
            self.wait_after_change(handle, name)
        elif isinstance(name, BaseException):
            if out_of_descriptors(name):
                self._shortage.begin()
                self._queue.append(handle)
                self._groups_of.append(group)
                return True
            self._refuse(transfer, group, name)
        else:
            reason = "must give text that is not empty"
            self._refuse(transfer, group, InvalidOption("generate_unique_identifier", name, reason))
        return False

    def _accept(self, handle: Upload, group: Group | None, name: str) -> None:
        transfer = transfer_of(handle)
        transfer.unique_identifier, transfer.fingerprint = name, UNSEEN
        twin = self._roster.twin(name)
        if twin is None:
            self._listener.accepted(transfer)
            self._groups.through(group, transfer)
        else:
            self._groups.through(group, None, transfer)
            self.share(handle, twin)

    def _refuse(self, transfer: Transfer, group: Group | None, error: BaseException) -> None:
        if isinstance(error, FileRejected):
            self.report(error.rule, transfer.file)
        transfer.end(FAILED, as_error(error))
        self._groups.through(group, skipped=transfer)

    def report(self, rule: str, what: object) -> None:
        """Call the error callback of a rule, which hears how many errors came before."""
        callback = getattr(self._listener.options, f"{rule}_error_callback", None)
        count, self._errors = self._errors, self._errors + 1
        if callback is not None:
            observers = Observers(f"{rule}_error_callback")
            observers.callbacks = (callback,)
            self._turn.post(observers.notify, what, count)


def _is_undecided(handle: Upload) -> bool:
    """Whether a file is neither in nor out, and this is still the handle of it."""
    return transfer_of(handle).handle is handle and transfer_of(handle).state is ADDED
