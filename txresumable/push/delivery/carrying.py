"""
One job of a queue: its file is sent, and then seen to.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from ..._runtime.threads import run_in_thread
from ..._source.version import VersionSource
from ...errors import SourceChanged
from ...file import ResumableFile, transfer_of
from ...service.report import bytes_found, explain
from ..entry import TAKEN, Entry, Version
from ..errors import JobLost, WouldNotResume
from ..hooks import HookFailed, Hooks, Ping
from ..settings import FolderSettings
from ..state import FAILED, STORED
from .claims import Claimed, Claims
from .effect_queue import EffectQueue
from .facts import facts_of
from .fate import Fate, fate_of
from .postponing import postpone
from .storage import Storage
from .target import Target

__all__ = ["Carried", "Carrier"]

_ELSEWHERE = 5.0
"""Seconds until a job may be claimed again whose target cannot be reached from here."""
_CHANGED = "it is another version by now"

_log = Logger()


class Carried:
    """
    What the source of an upload is to us: the settings of its folder, and what gives the file its
    identifier.
    """

    def __init__(self, claims: Claims, claimed: Claimed, settings: FolderSettings) -> None:
        self._claims = claims
        self._claimed = claimed
        self._settings = settings

    def identifier(self, file: ResumableFile) -> Deferred[str]:
        """
        The identifier of the file, written down before anything is sent under it.

        :returns: a Deferred that fails with :exc:`WouldNotResume` if it was begun under another
            one, and with :exc:`JobLost`.
        """
        return Deferred.fromCoroutine(self._identify(file))

    async def _identify(self, file: ResumableFile) -> Any:
        found = self._settings.identifier(file)
        given: Any = await found if hasattr(found, "__await__") else found
        if not isinstance(given, str):
            return given  # which is refused
        shown = given.encode("utf-8", "backslashreplace").decode()
        before = self._claimed.job.progress.get("identifier")
        if before is None:
            await self._claims.note(self._claimed, identifier=shown)
        elif before != shown:
            raise WouldNotResume(self._claimed.job.name, before, shown)
        return given


class Carrier:
    """
    Carries the jobs of one folder: each is sent, and that is durable before anything is done to its
    file; an effect that may have been caused before is caused again, with the same ``id``.

    What a job has in ``progress``: ``version``, size and time of the file; ``identifier``, that of
    the server; ``stored`` once all of it is there, with ``sent``, the bytes of the last claim, and
    ``digest``, if the server's was right; ``reported`` once ``on_sent`` was run; ``failed``, why
    it has failed for good and is to be put aside; ``aside``, where it was put; ``gone``, if the
    file did not lie there as it was to be, and who adds it once more has it begun anew.
    """

    def __init__(
        self,
        settings: FolderSettings,
        target: Target,
        claims: Claims,
        hooks: Hooks,
        effects: EffectQueue,
        ping: Ping,
        reactor: Any,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        :param settings: those of the folder.
        :param target: where to.
        :param claims: writes down what happens.
        :param hooks: runs commands.
        :param effects: deletes and moves files.
        :param ping: calls a URL.
        :param reactor: the reactor.
        :param now: the wall clock.
        """
        self._settings = settings
        self._target = target
        self._claims = claims
        self._hooks = hooks
        self._effects = effects
        self._ping = ping
        self._reactor = reactor
        self._now = now
        self._root = os.fsencode(settings.path)
        self._storage = Storage(self._root, reactor)

    @property
    def is_away(self) -> bool:
        """Whether the folder cannot be seen from here."""
        return self._storage.is_away

    async def carry(self, claimed: Claimed) -> None:
        """
        Do all that is left to do for a job.

        :param claimed: the job.
        """
        try:
            await self._carry(claimed)
        except JobLost as error:
            _log.info("{error}", error=error)

    async def _carry(self, claimed: Claimed) -> None:
        progress = claimed.job.progress
        try:
            if "failed" in progress:
                await self._put_aside(claimed, str(progress["failed"]))
            elif "stored" in progress or await self._send(claimed):
                await self._finish(claimed)
        except (HookFailed, OSError, CancelledError) as error:
            if claimed.is_stopped:
                await self._claims.failed(claimed, "", 0.0)
            else:
                await self._put_off(claimed, error)

    # Sending -----------------------------------------------------------------------------------

    async def _send(self, claimed: Claimed) -> bool:
        """:returns: whether it is stored; else it is written down what becomes of it."""
        try:
            file = await self._upload(claimed)
        except JobLost:
            raise
        except WouldNotResume as error:
            await self._claims.failed(claimed, str(error), None)
            return False
        except (Exception, CancelledError) as error:
            if not await self._decide(claimed, error):
                return False
            await self._claims.note(claimed, stored=True)
        else:
            self._target.stored(claimed.job.id)
            sent = file.size - bytes_found(file)
            await self._claims.note(claimed, stored=True, sent=sent)
        return True

    async def _upload(self, claimed: Claimed) -> ResumableFile:
        job = claimed.job
        path = os.path.join(self._root, job.path)
        version = await self._look(path)
        if version is None:
            raise FileNotFoundError(2, "it is not there")
        await self._storage.found()
        key = version.shared
        if job.version not in ("", key) or job.progress.get("version", key) != key:
            raise SourceChanged(job.name, _CHANGED)
        if "version" not in job.progress:
            await self._claims.note(claimed, version=key)
        name = os.fsdecode(job.path)
        facts = version.inode, version.size, version.mtime_ns
        carried = Carried(self._claims, claimed, self._settings)
        source = VersionSource(
            *(os.fsdecode(path), facts, carried, self._target.source_check),
            was_begun="identifier" in job.progress,
        )
        file_name = os.path.basename(name)
        given = {"source": source, "relative_path": name, "file_name": file_name}
        [upload] = self._target.add([given])
        verified = transfer_of(upload.file).signal("verified")
        verified.register(partial(_keep_digest, claimed))
        claimed.halt, claimed.done = upload.cancel, lambda: upload.fraction_completed
        if claimed.is_stopped:
            upload.cancel()
        return await upload

    async def _look(self, path: bytes) -> Version | None:
        """What lies there now; a symbolic link, or what is no file, is nothing."""
        try:
            status = await run_in_thread(self._reactor, os.lstat, path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Version.of(status) if stat.S_ISREG(status.st_mode) else None

    async def _decide(self, claimed: Claimed, error: BaseException) -> bool:
        """What becomes of a job whose upload has failed; whether it is stored all the same."""
        fate, why, job = fate_of(error), explain(error), claimed.job
        failed = self._claims.failed
        if fate is Fate.STORED:
            self._target.stored(job.id)
            return True
        if fate is Fate.STOPPED:
            await failed(claimed, "", 0.0)
        elif fate is Fate.CHANGED and not job.version:  # then whatever it has become
            await failed(claimed, why, max(1.0, self._settings.settle), progress={})
        elif fate is Fate.GONE and (problem := await self._storage.missed()):
            await failed(claimed, problem, 0.0)  # others may see it
        elif fate in (Fate.CHANGED, Fate.GONE):
            progress = {**claimed.job.progress, "gone": True}
            await failed(claimed, why, None, progress=progress)
        elif fate is Fate.UNREACHABLE:
            self._target.unreachable(why)
            await failed(claimed, why, _ELSEWHERE)
        elif fate is Fate.REFUSED and not self._target.refused(job.id, why):
            # The next to try is another one: this file may be the reason.
            await failed(claimed, why, max(self._target.until - self._now(), 0.0) + 1.0)
        elif fate is Fate.FAILED or job.attempts + 1 >= self._settings.attempts:
            await self._claims.note(claimed, failed=why)
            await self._put_aside(claimed, why)
        else:
            attempts = job.attempts + 1
            await failed(claimed, why, self._settings.again, attempts=attempts)
        return False

    # What is left to do then -------------------------------------------------------------------

    async def _finish(self, claimed: Claimed) -> None:
        settings, progress = self._settings, claimed.job.progress
        if settings.on_sent and "reported" not in progress:
            await self._run_hook(claimed, settings.on_sent, "")
        if settings.after != "keep":
            await self._claims.note(claimed, reported=True)
            await self._take_away(claimed)
        await self._claims.done(claimed)
        self._ping.sent()

    async def _run_hook(self, claimed: Claimed, command: Any, failed: str) -> None:
        entry = _entry_of(claimed, failed, self._now())
        facts = facts_of(entry, self._settings)
        path = entry.location or os.path.join(self._root, claimed.job.path)
        limit, is_again = self._settings.hook_timeout, claimed.job.attempts > 0
        running = self._hooks.run(command, facts, path, limit=limit, is_again=is_again)
        claimed.halt = running.cancel
        if claimed.is_stopped:
            running.cancel()
        await running

    async def _take_away(self, claimed: Claimed) -> None:
        """Delete or move the file, unless another one lies there by now."""
        job, key = claimed.job, claimed.job.event_id
        found = await self._look(os.path.join(self._root, job.path))
        if found is None:  # as another machine has got so far; or not quite
            folder = os.path.dirname(os.path.join(self._root, job.path))
            found = await self._look(os.path.join(folder, TAKEN + key.encode()))
        if found is None or found.shared != job.progress.get("version"):
            return
        version, sent = found, self._settings.sent
        if sent is None:
            await self._effects.run(lambda do: do.delete(job.path, version, key))
        else:
            there = os.fsencode(sent)
            await self._effects.run(lambda do: do.move(job.path, version, there))
        await self._delete_marker(claimed)

    async def _delete_marker(self, claimed: Claimed) -> None:
        path, key, ending = claimed.job.path, claimed.job.event_id, self._settings.marker
        if ending:
            text = os.fsencode(ending)
            await self._effects.run(lambda do: do.delete_marker(path, text, key))

    async def _put_aside(self, claimed: Claimed, why: str) -> None:
        job, settings = claimed.job, self._settings
        if settings.failed:
            await self._move_aside(claimed, why, os.fsencode(settings.failed))
        if settings.on_failed:
            await self._run_hook(claimed, settings.on_failed, why)
        _log.warn("{name} has failed: {why}", name=job.name, why=why)
        await self._claims.failed(claimed, why, None, attempts=job.attempts + 1)
        self._ping.failed()

    async def _move_aside(self, claimed: Claimed, why: str, there: bytes) -> None:
        job = claimed.job
        found = await self._look(os.path.join(self._root, job.path))
        if found is None or found.shared != job.progress.get("version"):
            return
        version, key = found, job.event_id
        facts = facts_of(_entry_of(claimed, why, self._now()), self._settings)
        put = await self._effects.run(lambda do: do.put_aside(job.path, version, there, key, facts))
        if put is not None:
            await self._claims.note(claimed, aside=quote(put))
        await self._delete_marker(claimed)

    async def _put_off(self, claimed: Claimed, error: BaseException) -> None:
        job, why = claimed.job, str(error)
        attempts = job.attempts + 1
        delay = postpone(job.name, why, attempts, self._settings.attempts)
        await self._claims.failed(claimed, why, delay, attempts=attempts)


def _keep_digest(claimed: Claimed, digest: str) -> None:
    progress = {**claimed.job.progress, "digest": digest}
    claimed.job = evolve(claimed.job, progress=progress)


def _entry_of(claimed: Claimed, failed: str, now: float) -> Entry:
    """A job as hooks know files."""
    job = claimed.job
    progress = job.progress
    return Entry(
        id=job.id,
        folder=job.folder,
        path=job.path,
        version=Version.from_shared(str(progress.get("version", job.version) or "0-0")),
        state=FAILED if failed else STORED,
        identifier=progress.get("identifier", ""),
        event_id=job.event_id,
        attempts=job.attempts + 1,
        why=failed,
        until=0.0,
        seen=job.added,
        changed=now,
        sent=progress.get("sent", 0),
        digest=progress.get("digest", ""),
        note="",
        location=unquote_to_bytes(progress.get("aside", "")),
        is_aside=False,
    )
