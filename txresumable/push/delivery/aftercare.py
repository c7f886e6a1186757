"""
What is left to do for the files of one folder that are stored or have failed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.logger import Logger

from ..entry import Entry
from ..hooks import HookFailed, Hooks, Ping
from ..settings import FolderSettings
from ..state import DONE, FAILED, HOOK, MOVING, STORED
from .effect_queue import EffectQueue
from .facts import facts_of
from .postponing import postpone
from .steps import Steps

__all__ = ["Aftercare"]

_AT_ONCE = 64
"""Files that are seen to at a time, or more if more commands may run; others are in the journal."""

_log = Logger()


class Aftercare:
    """
    Sees to files that are STORED, until they are DONE; and puts those aside that have FAILED.

    What fails here is tried again, a few times by itself and then when an operator wants it: the
    file is on the server, but it is not deleted or moved before all was done for it.
    """

    def __init__(
        self,
        settings: FolderSettings,
        steps: Steps,
        hooks: Hooks,
        effects: EffectQueue,
        ping: Ping,
        clock: Any,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        :param settings: those of the folder.
        :param steps: writes down what happens.
        :param hooks: runs commands.
        :param effects: deletes and moves files.
        :param ping: calls a URL.
        :param clock: an ``IReactorTime``.
        :param now: the wall clock.
        """
        self._settings = settings
        self._at_once = max(_AT_ONCE, hooks.at_once)
        self._steps = steps
        self._hooks = hooks
        self._effects = effects
        self._ping = ping
        self._clock = clock
        self._now = now
        self._under_way: dict[int, Deferred[None]] = {}
        self._next: dict[int, Entry] = {}
        self._locks: dict[int, DeferredLock] = {}
        self._due: dict[int, float] = {}  # by the clock that nobody sets; after a restart, now
        self._has_more = False
        self._finding: Deferred[None] | None = None
        self._wake: Any = None
        self._wake_at = 0.0
        self._is_stopped = False
        self._idle: Deferred[None] | None = None

    # What comes --------------------------------------------------------------------------------

    def is_done_when_stored(self) -> bool:
        """Whether nothing is left to do for a file that is stored."""
        return self._settings.after == "keep" and not self._settings.on_sent

    def done(self, entry: Entry) -> None:
        """A file is DONE."""
        self._ping.sent()

    def is_well(self) -> None:
        """The folder was looked at, and its target takes files, as far as that is known."""
        self._ping.sent()

    def stored(self, entry: Entry) -> None:
        """A file is STORED."""
        self._comes(entry)

    def failed(self, entry: Entry) -> None:
        """A file is FAILED."""
        self._ping.failed()
        self._comes(entry)

    def resume(self) -> None:
        """See to all files of the journal to which nobody sees, as soon as their time has come."""
        self._has_more = True
        self._find()

    def retry(self, entry: Entry) -> None:
        """See to a file now, and forget how often that was in vain."""
        self._due.pop(entry.id, None)
        self._see_to(entry, is_new=False)

    @asynccontextmanager
    async def alone(self, id: int) -> AsyncIterator[None]:
        """
        Have a file that has failed for oneself: nobody else moves it, or has it sent again.

        :param id: the file; where it lies is written down, and to be read anew.
        """
        lock = self._locks.setdefault(id, DeferredLock())
        await lock.acquire()
        try:
            yield
        finally:
            lock.release()
            if not lock.locked and self._locks.get(id) is lock:
                del self._locks[id]

    def idle(self) -> Deferred[None]:
        """
        Begin nothing more.

        :returns: a Deferred that fires when what is under way has come to its end.
        """
        self._is_stopped = True
        self._idle = Deferred()
        self._check_idle()
        return self._idle

    def _check_idle(self) -> None:
        if self._idle is not None and not self._idle.called and not self._under_way:
            self._idle.callback(None)

    def stop(self) -> None:
        """Begin nothing more, and end what is under way; it is begun again at the next start."""
        self._is_stopped = True
        if self._wake is not None and self._wake.active():
            self._wake.cancel()
        for each in (self._finding, *list(self._under_way.values())):
            if each is not None:
                each.cancel()
        self._ping.stop()

    # One after the other -----------------------------------------------------------------------

    def _comes(self, entry: Entry) -> None:
        if entry.id in self._under_way:  # as it had failed before, and was sent again
            self._next[entry.id] = entry
        else:
            self._see_to(entry)

    def _see_to(self, entry: Entry, *, is_new: bool = True) -> None:
        if self._is_stopped or entry.id in self._under_way:
            return
        if len(self._under_way) >= self._at_once:
            self._has_more = True
            return
        seeing = Deferred.fromCoroutine(self._run(entry) if is_new else self._run_left(entry.id))
        if not seeing.called:
            self._under_way[entry.id] = seeing
        seeing.addBoth(self._seen_to, entry)

    def _seen_to(self, result: Any, entry: Entry) -> None:
        self._under_way.pop(entry.id, None)
        if getattr(result, "check", None) is not None and not result.check(CancelledError):
            _log.failure("Processing {name!r} failed", result, name=entry.name)
        if entry.id in self._next:
            self._see_to(self._next.pop(entry.id), is_new=False)
        self._find_more()
        self._check_idle()

    def _find(self) -> None:
        if self._finding is None and not self._is_stopped:
            self._has_more = False
            finding = Deferred.fromCoroutine(self._look())
            if not finding.called:
                self._finding = finding
            finding.addErrback(lambda _: None)
            finding.addBoth(self._found)

    def _found(self, _: object) -> None:
        self._finding = None
        self._find_more()

    def _find_more(self) -> None:
        if self._has_more and len(self._under_way) <= self._at_once // 2:
            self._find()

    async def _look(self) -> None:
        after = 0
        while entries := await self._steps.entries(_OURS, self._settings.name, after):
            after = entries[-1].id
            for entry in entries:
                due = self._due.get(entry.id, 0.0)
                if due > self._clock.seconds():
                    self._wake_for(due)
                elif self._is_left(entry):
                    self._see_to(entry, is_new=False)
            if self._has_more:  # there is no room
                return

    def _wake_for(self, due: float) -> None:
        """Look once more when a file is due."""
        if self._is_stopped:
            return
        if self._wake is not None and self._wake.active():
            if self._wake_at <= due:
                return
            self._wake.cancel()
        self._wake_at = due
        self._wake = self._clock.callLater(max(due - self._clock.seconds(), 0.0), self.resume)

    def _is_left(self, entry: Entry) -> bool:
        is_over = entry.state not in _OURS or (entry.state is FAILED and entry.is_aside)
        return not is_over and _tries(entry) < self._settings.attempts

    # One file ----------------------------------------------------------------------------------

    async def _run_left(self, id: int) -> None:
        """See to a file as it is now: meanwhile that may have been done."""
        entry = await self._steps.entry(id)
        if entry is not None and self._is_left(entry):
            await self._run(entry)

    async def _run(self, entry: Entry) -> None:
        self._due.pop(entry.id, None)
        try:
            if entry.state is FAILED:
                await self._put_aside(entry)
            else:
                await self._finish(entry)
        except (HookFailed, OSError) as error:
            await self._put_off(entry, error)

    async def _finish(self, entry: Entry) -> None:
        at: Entry | None = entry
        if entry.state is STORED:
            at = await self._steps.move(entry.id, HOOK)
        if at is not None and at.state is HOOK:
            await self._run_hook(self._settings.on_sent, at)
            at = await self._steps.move(entry.id, MOVING, note="")
        if at is None:
            return
        location = await self._move(at)
        is_aside = self._settings.after != "keep"
        done = await self._steps.move(entry.id, DONE, location=location, is_aside=is_aside, note="")
        if done is not None:
            self.done(done)

    async def _run_hook(self, command: Any, entry: Entry) -> None:
        if command:
            path = os.path.join(os.fsencode(self._settings.path), entry.path)
            facts = facts_of(entry, self._settings)
            limit, is_again = self._settings.hook_timeout, _tries(entry) > 0
            there = entry.location or path
            await self._hooks.run(command, facts, there, limit=limit, is_again=is_again)

    async def _move(self, entry: Entry) -> bytes:
        path, version, sent = entry.path, entry.version, self._settings.sent
        location = b""
        if self._settings.after == "delete":
            await self._effects.run(lambda do: do.delete(path, version, entry.event_id))
        elif sent is not None:
            there = os.fsencode(sent)
            location = await self._effects.run(lambda do: do.move(path, version, there) or b"")
        if self._settings.after != "keep":
            await self._delete_marker(entry)
        return location

    async def _delete_marker(self, entry: Entry) -> None:
        ending, path, key = os.fsencode(self._settings.marker), entry.path, entry.event_id
        if ending:
            await self._effects.run(lambda do: do.delete_marker(path, ending, key))

    async def _put_aside(self, entry: Entry) -> None:
        if self._settings.failed and not entry.location:
            async with self.alone(entry.id):
                noted = await self._move_aside(entry.id)
            if noted is None:
                return
            entry = noted
        if self._settings.failed:
            await self._delete_marker(entry)
        await self._run_hook(self._settings.on_failed, entry)
        await self._steps.note(entry.id, at=FAILED, is_aside=True, until=0.0, note="")

    async def _move_aside(self, id: int) -> Entry | None:
        """The file, if it is still one that has failed."""
        entry = await self._steps.entry(id)
        if entry is None or entry.state is not FAILED:
            return None
        there, path, version = os.fsencode(self._settings.failed or ""), entry.path, entry.version
        facts, key = facts_of(entry, self._settings), entry.event_id
        location = await self._effects.run(
            lambda do: do.put_aside(path, version, there, key, facts) or b""
        )
        return await self._steps.note(id, at=FAILED, location=location)

    async def _put_off(self, entry: Entry, error: Exception) -> None:
        tries, why = _tries(entry) + 1, str(error)
        delay = postpone(entry.name, why, tries, self._settings.attempts)
        until = 0.0 if delay is None else self._now() + delay
        facts: dict[str, Any] = {"until": until, "note": json.dumps({"tries": tries})}
        if entry.state is not FAILED:  # else it says why that is
            facts["why"] = why
        if delay is not None:
            self._due[entry.id] = due = self._clock.seconds() + delay
            self._wake_for(due)
        at = FAILED if entry.state is FAILED else None
        await self._steps.note(entry.id, at=at, **facts)


_OURS = [STORED, HOOK, MOVING, FAILED]
"""What is seen to here."""


def _tries(entry: Entry) -> int:
    """How often seeing to a file has failed."""
    if not entry.note:
        return 0
    return int(json.loads(entry.note).get("tries", 0))
