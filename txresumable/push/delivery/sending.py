"""
Files of one folder on their way to its target, a window of them at a time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from attrs import Factory, define
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._engine.handle import Upload
from ..._runtime.clock import steady
from ..._runtime.threads import run_in_reactor
from ..._source.version import VersionSource
from ...file import ResumableFile, transfer_of
from ...service.report import bytes_found, explain
from ..entry import Entry
from ..settings import FolderSettings
from ..state import CHANGED, FAILED, GONE, QUEUED, STORED, UPLOADING, WAITING, PushState
from .fate import Fate, fate_of
from .gathering import Gathering
from .known_digest import as_facts, known_digest
from .steps import Steps
from .target import Target

__all__ = ["WINDOW", "Sending", "SendingListener"]

WINDOW = 256
"""Files of a folder that are with the uploader at a time."""
_FEW = 32
"""Of so many files each is written down as it ends."""
_LARGE = 64 << 20
"""Bytes of a file whose digest is worth to be written down as soon as it is known."""

_log = Logger()


class SendingListener(Protocol):
    """Who is to go on with a file."""

    def is_done_when_stored(self) -> bool:
        """Whether nothing is left to do for a file that is stored."""

    def stored(self, entry: Entry) -> None:
        """A file is STORED."""

    def done(self, entry: Entry) -> None:
        """A file is DONE already."""

    def failed(self, entry: Entry) -> None:
        """A file is FAILED."""

    def waits(self, entry: Entry) -> None:
        """A file is WAITING."""

    def has_changed(self) -> None:
        """A path holds another version."""


@define(eq=False)
class _Sent:
    """
    A file that is with the uploader.

    :ivar entry: the file.
    :ivar upload: its upload, once there is one.
    :ivar wanted: the state that an operator has stopped it for.
    :ivar why: why it is in that then.
    :ivar digest: what the server has, as hexadecimal, if it is known to be right.
    :ivar over: fires when it is written down how it ended.
    """

    entry: Entry
    upload: Upload | None = None
    wanted: PushState = QUEUED
    why: str = ""
    digest: str = ""
    over: Deferred[None] = Factory(Deferred)


class Sending:
    """
    Takes the files of a folder that are QUEUED, sends them, and writes down how that ended.
    """

    def __init__(
        self,
        settings: FolderSettings,
        target: Target,
        steps: Steps,
        listener: SendingListener,
        reactor: Any,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        :param settings: those of the folder.
        :param target: where to.
        :param steps: writes down what happens.
        :param listener: goes on with files.
        :param reactor: the reactor.
        :param now: the wall clock.
        """
        self._settings = settings
        self._target = target
        self._steps = steps
        self._listener = listener
        self._reactor = reactor
        self._gathering = Gathering(steady(reactor))
        self._now = now
        self._root = os.fsencode(settings.path)
        self._sent: dict[int, _Sent] = {}
        self._is_taking = self._is_empty = self._is_stopped = False
        self._again = self._has_begun = False
        self._idle: list[Deferred[None]] = []
        target.opened.register(self._opened)

    @property
    def under_way(self) -> dict[int, float]:
        """The numbers of the files that are with the uploader, and how much of each is sent."""
        return {entry.id: share for entry, share in self.files}

    @property
    def files(self) -> list[tuple[Entry, float]]:
        """The files that are with the uploader, and how much of each is sent, from 0 to 1."""
        return [
            (each.entry, 0.0 if each.upload is None else each.upload.fraction_completed)
            for each in self._sent.values()
        ]

    # Taking ------------------------------------------------------------------------------------

    def wake(self) -> None:
        """There may be files that are QUEUED."""
        self._is_empty = False
        self._go_on()

    def _opened(self) -> None:
        if not self._is_empty:
            self._go_on()

    def _go_on(self) -> None:
        self._again = True
        if not self._is_taking and not self._is_stopped and len(self._sent) <= WINDOW // 2:
            self._is_taking = True
            taking = Deferred.fromCoroutine(self._take())
            taking.addErrback(lambda failure: _log.failure("Taking queued files failed", failure))
            taking.addBoth(self._taken)

    def _taken(self, _: object) -> None:
        self._is_taking = False
        self._check_idle()

    async def _take(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            await self._steps.take_back(self._settings.name)
        while self._is_to_take():
            self._again = False
            count = self._target.reserve(WINDOW - len(self._sent))
            if not count:
                return
            entries = await self._steps.take(self._settings.name, count, self._settings.order)
            self._is_empty = len(entries) < count
            self._target.release(count - len(entries))
            if entries and self._is_stopped:
                self._target.release(len(entries))
                for entry in entries:
                    await self._steps.move(entry.id, QUEUED)
            elif entries:
                self._add(entries)
                self._again = self._again or len(self._sent) <= WINDOW // 2

    def _is_to_take(self) -> bool:
        return self._again and not self._is_stopped

    def _add(self, entries: Sequence[Entry]) -> None:
        sent = [_Sent(entry) for entry in entries]
        self._sent.update((each.entry.id, each) for each in sent)
        uploads = self._target.add([self._arguments(each.entry) for each in sent])
        for each, upload in zip(sent, uploads, strict=True):
            each.upload = upload
            transfer_of(upload.file).signal("verified").register(partial(setattr, each, "digest"))
            upload.addCallbacks(self._arrived, self._not_arrived, (each,), {}, (each,))

    def _arguments(self, entry: Entry) -> dict[str, Any]:
        path = os.path.join(self._root, entry.path)
        version = entry.version.inode, entry.version.size, entry.version.mtime_ns
        check = self._target.source_check
        source = VersionSource(
            *(os.fsdecode(path), version, self._settings, check),
            known=known_digest(entry),
            was_begun=bool(entry.note),
            found=partial(run_in_reactor, self._reactor, self._found, entry),
        )
        name = os.fsdecode(entry.path)
        return {"source": source, "relative_path": name, "file_name": os.path.basename(name)}

    def _found(self, entry: Entry, digest: str, ctime_ns: int) -> None:
        """All of a file was read for its digest: after a restart, it need not be once more."""
        if entry.version.size >= _LARGE and not self._is_stopped:
            noting = self._steps.note(entry.id, at=UPLOADING, **as_facts(digest, ctime_ns))
            Deferred.fromCoroutine(noting).addErrback(_not_noted)

    # How it ended ------------------------------------------------------------------------------

    def _arrived(self, file: ResumableFile, sent: _Sent) -> None:
        self._target.stored(sent.entry.id)
        facts = {
            "identifier": file.unique_identifier,
            "sent": sent.entry.sent + file.size - bytes_found(file),
            "digest": sent.digest,
        }
        self._write(sent, self._stored(sent, facts))

    def _not_arrived(self, failure: Failure, sent: _Sent) -> None:
        self._write(sent, self._decide(failure, sent))

    def _write(self, sent: _Sent, writing: Any) -> None:
        written = Deferred.fromCoroutine(writing)
        written.addErrback(lambda failure: _log.failure("A file's end is not recorded", failure))
        written.addBoth(self._written, sent)

    def _written(self, _: object, sent: _Sent) -> None:
        del self._sent[sent.entry.id]
        self._target.release()
        sent.over.callback(None)
        self._go_on()
        self._check_idle()

    async def _stored(self, sent: _Sent, facts: dict[str, Any]) -> None:
        if len(self._sent) > _FEW and not self._is_stopped:
            await self._gathering.wait()
        if self._listener.is_done_when_stored():
            entry = await self._steps.move(sent.entry.id, *_WHOLE_WAY, **facts)
            if entry is not None:
                self._listener.done(entry)
            return
        entry = await self._steps.move(sent.entry.id, STORED, **facts)
        if entry is not None:
            self._listener.stored(entry)

    async def _decide(self, failure: Failure, sent: _Sent) -> None:
        error, fate = failure.value, fate_of(failure.value)
        assert error is not None
        why, id = explain(error), sent.entry.id
        if fate is Fate.STORED:
            self._target.stored(id)
            identifier = transfer_of(sent.upload).unique_identifier
            await self._stored(sent, {"identifier": identifier})
        elif fate is Fate.STOPPED:
            await self._stopped(sent)
        elif fate is Fate.CHANGED:
            await self._steps.move(id, CHANGED, why=why)
            self._listener.has_changed()
        elif fate is Fate.GONE:
            await self._steps.move(id, GONE, why=why)
        elif fate is Fate.UNREACHABLE:
            self._target.unreachable(why)
            await self._steps.move(id, QUEUED, why=why)
            self._is_empty = False
        elif fate is Fate.REFUSED and not self._target.refused(id, why):
            # The next to try is another one: this file may be the reason.
            await self._wait(sent, why, max(self._target.until, self._now()) + 1.0, 0)
        elif fate is Fate.FAILED or sent.entry.attempts + 1 >= self._settings.attempts:
            await self._fail(sent, why, sent.entry.attempts + 1)
        else:
            await self._wait(sent, why, self._now() + self._settings.again, 1)

    async def _wait(self, sent: _Sent, why: str, until: float, attempt: int) -> None:
        attempts = sent.entry.attempts + attempt
        facts = {"why": why, "until": until, "attempts": attempts}
        entry = await self._steps.move(sent.entry.id, WAITING, **facts)
        if entry is not None:
            self._listener.waits(entry)

    async def _fail(self, sent: _Sent, why: str, attempts: int) -> None:
        entry = await self._steps.move(sent.entry.id, FAILED, why=why, attempts=attempts)
        if entry is not None:
            self._listener.failed(entry)

    # Control -----------------------------------------------------------------------------------

    def stop_file(self, id: int, wanted: PushState, why: str) -> Deferred[None]:
        """
        Stop sending a file.

        :param id: the file.
        :param wanted: the state that it comes to then.
        :param why: why it is in that.
        :returns: a Deferred that fires when it is written down how it ended, which may be another
            way; at once if it is not being sent.
        """
        sent = self._sent.get(id)
        over: Deferred[None] = Deferred()
        if sent is None or sent.upload is None:
            over.callback(None)
            return over
        sent.over.chainDeferred(over)
        if not sent.upload.called:
            sent.wanted, sent.why = wanted, why
            sent.upload.cancel()
        return over

    async def _stopped(self, sent: _Sent) -> None:
        if sent.wanted is FAILED:
            await self._fail(sent, sent.why, sent.entry.attempts)
        else:
            await self._steps.move(sent.entry.id, sent.wanted, why=sent.why)
            self._is_empty = False

    def stop(self) -> None:
        """Take no more; how those that are with the uploader end is still written down."""
        self._is_stopped = True
        self._target.opened.unregister(self._opened)
        self._gathering.go_on()

    def idle(self) -> Deferred[None]:
        """When the end of each file that is with the uploader is written down."""
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        self._check_idle()
        return idle

    def _check_idle(self) -> None:
        if not self._sent and not self._is_taking:
            idle, self._idle = self._idle, []
            for each in idle:
                each.callback(None)


_WHOLE_WAY = (STORED, PushState.HOOK, PushState.MOVING, PushState.DONE)
"""Where nothing is to be done on the way."""


def _not_noted(failure: Failure) -> None:
    _log.failure("A digest is not written down", failure)
