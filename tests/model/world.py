"""The receiver, its clients, its operator and its disk, and what must hold."""

from __future__ import annotations

import gc
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from twisted.internet.task import Clock

from ..receiver_rig import Response
from .acts import ACTS
from .application import Application
from .disk import Fault, Killed, ModelDisk
from .life import Life, Settings, random_of
from .limits import broken_limits
from .log import bury
from .platter import Platter, names_in
from .step import Step
from .upload import Request, Upload
from .wire import Wire
from .workers import Workers

__all__ = ["ModelFailed", "World"]

_START = 1_700_000_000.0
_LONGEST = 400
_LONGEST_CLOSE = 60.0


class ModelFailed(AssertionError):
    """Something does not hold."""


class World:
    """
    :param settings: how the receiver is set up.
    :param place: an empty folder.
    :param note: told what happens.
    :ivar life: the receiver's present life.
    :ivar lives: which one it is.
    :ivar wires: the connections of clients.
    :ivar disturbed: whether there is a reason for errors of the disk.
    :ivar next_fault: what will go wrong from the next start on.
    :ivar has_started_ill: whether the disk failed at the start of this life.
    :ivar is_razed: whether somebody has removed the folder that this life works in.
    :ivar was_razed: whether somebody ever has.
    :ivar was_operated: whether somebody has done something to a file in its place.
    :ivar jumped: by how much the wall clock was set.
    :ivar waited: how much time has passed, by either clock.
    """

    def __init__(
        self, settings: Settings, place: str, note: Callable[[str], None] | None = None
    ) -> None:
        self.settings = settings
        self.clock = Clock()
        self.jumped = self.waited = 0.0
        moved, attic = os.path.join(place, "moved"), os.path.join(place, "attic")
        os.mkdir(moved)
        os.mkdir(attic)
        self.platter = Platter(os.path.join(place, "root"), attic, self.now)
        random, most = random_of(settings.seed), settings.max_file_size
        self.uploads = [Upload(plan, random, most) for plan in settings.plans]
        self.by_key = {upload.key: upload for upload in self.uploads}
        self.application = Application(self, moved)
        self.wires: list[Wire] = []
        self.disturbed = False
        self.next_fault: Fault | None = None
        self.has_started_ill = False
        self.is_razed = self.was_razed = self.was_operated = False
        self.counted: Counter[str] = Counter(schedules=1)
        self.lives = 0
        self._wrong: list[str] = []
        self._note = note
        self._nested = 0
        self._has_unburied = False
        self._connected = 0
        self.life: Any = self._start()

    def upload_of(self, owner: str, identifier: str) -> Upload:
        """The upload of an owner that has this identifier."""
        return next(
            upload
            for upload in self.uploads
            if (upload.plan.owner, upload.plan.identifier) == (owner, identifier)
        )

    def now(self) -> float:
        """The wall clock."""
        return _START + self.clock.seconds() + self.jumped

    def note(self, text: str) -> None:
        """Tell what happens."""
        if self._note is not None:
            self._note(text)

    def fail(self, text: str) -> None:
        """Something does not hold; the next :meth:`check` says so."""
        self.note(f"WRONG: {text}")
        self._wrong.append(text)

    def check(self) -> None:
        """
        Look around.

        :raises ModelFailed: if something is wrong.
        """
        if self.life is not None:
            self._wrong += self.life.disk.wrong
            self.life.disk.wrong = []
        self._wrong += broken_limits(self)
        if self._wrong and not self._nested:
            raise ModelFailed("; ".join(dict.fromkeys(self._wrong)))

    def may_fail(self) -> bool:
        """Whether there is a reason for errors of the disk."""
        return self.disturbed or self.settings.capacity is not None

    # Steps -------------------------------------------------------------------------------------

    def do(self, step: Step) -> None:
        """Let a step happen, and all that follows from it at once."""
        self.note(str(step))
        with suppress(Killed):
            ACTS[step.what][0](self, step)
        if self._has_unburied and not self._nested:
            # Where they were in the middle of something, the dead could not be collected.
            self._has_unburied = False
            bury()
        self.settle()

    @contextmanager
    def nested(self) -> Iterator[None]:
        """What happens meanwhile happens in the middle of a thread's work."""
        self._nested += 1
        try:
            yield
        finally:
            self._nested -= 1

    @property
    def is_nested(self) -> bool:
        """Whether a thread is in the middle of its work."""
        return self._nested > 0

    def connect(self) -> Wire:
        """A new connection."""
        self._connected += 1
        wire = Wire(self.life.site, self._connected)
        self.wires.append(wire)
        return wire

    def let_pass(self, seconds: float) -> None:
        """Let time pass."""
        self.waited += seconds
        self.clock.advance(seconds)
        self._expire()

    def set_clock(self, seconds: float) -> None:
        """Set the wall clock forward or back."""
        self.waited += abs(seconds)
        self.jumped += seconds
        for upload in self.uploads:
            # What comes later may be noted with an earlier time.
            upload.touched = min(upload.touched, self.now())
        self._expire()

    def _expire(self) -> None:
        """What got nothing for long enough may be forgotten, but not what is only not finished."""
        if self.settings.expire is None:
            return
        finished = {upload.key for _, _, upload in self.finished()}
        for upload in self.uploads:
            if upload.touched >= self.now() - self.settings.expire or not upload.present:
                continue
            if upload.key in finished or not upload.is_acked:
                upload.next_generation()

    def _removing(self, name: str) -> None:
        """That an upload was received is forgotten: whoever is still at it speaks of that one."""
        key, _, ending = name.partition(".")
        upload, expire = self.by_key.get(key), self.settings.expire
        if upload is None or ending != "done" or expire is None:
            return
        # The clock may have been set since that was decided.
        if self.platter.written(key) < self.workers.asked - expire:
            upload.next_generation()

    def raze(self, folder: str) -> None:
        """Somebody removes a folder with all that is in it."""
        self.note(f"  {folder} is removed")
        self.disturbed = self.is_razed = self.was_razed = True
        shutil.rmtree(folder)
        self.platter.forget()
        for upload in self.uploads:
            upload.taken()

    # Responses -----------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let arrive what is on its way, and look at the responses."""
        moved = True
        while moved:
            moved = self.life.disk.dead
            if moved:
                self.crash(None if self.life.disk.has_power else self.lives)
            for wire in list(self.wires):
                with suppress(Killed):
                    moved = wire.pump() or moved
                self._hear(wire)
                if self.life.disk.dead:
                    moved = True
                    break
        self.wires = [wire for wire in self.wires if not wire.ended]
        self.check()

    def _hear(self, wire: Wire) -> None:
        for response in wire.responses():
            if not wire.waiting:
                self.fail(f"a response that nobody waits for: {response.status}")
                return
            asked = wire.waiting.popleft()
            asked.status = response.status
            self.note(f"  {response.status} {response.body[:60]!r} to {asked}")
            if asked.upload is not None:
                self._judge(asked, asked.upload, response)

    def _judge(self, asked: Request, upload: Upload, response: Response) -> None:
        if asked.generation != upload.generation:
            return
        wrong = upload.judge(asked)
        if response.status == 410 and not (upload.was_taken and self.settings.received_once):
            wrong = "nobody had taken it"
        if wrong is not None:
            self.fail(f"{asked}: {response.status}: {wrong}")
        if response.status == 200 and response.content.get("status") == "complete":
            self._judge_complete(asked, upload)

    def _judge_complete(self, asked: Request, upload: Upload) -> None:
        content = next((found for _, found, of in self.finished() if of is upload), None)
        if content is not None:
            self.counted["complete"] += not upload.complete
            upload.completed(content)
            expire = self.settings.expire
            if expire is not None and self.platter.written(upload.key) < self.now() - expire:
                # That it was received may be forgotten at any time.
                upload.next_generation()
        elif upload.is_handed_over:
            # The application has it; only writing that down had failed before.
            upload.next_generation()
            upload.is_handed_over = False
        else:
            self.fail(f"{asked}: complete, and the file is not there")

    # What is on the disk -----------------------------------------------------------------------

    def finished(self) -> Iterator[tuple[str, bytes, Upload]]:
        """The finished files in their places, with what they hold and whose they are."""
        for name, content in self.platter.finished():
            for upload in self.uploads:
                if upload.fits(content):
                    yield name, content, upload

    def unfinished(self) -> list[Upload]:
        """The uploads that the receiver has begun and not finished."""
        # What was set aside has other names.
        names = set(names_in(self.platter.private))
        keys = [key for key in sorted(self.by_key) if key + ".chunks" in names]
        return [self.by_key[key] for key in keys if key + ".done" not in names]

    def check_whole(self) -> None:
        """Nothing is in a place of a finished file that is not whole, unless somebody edited it."""
        for name, content in () if self.was_operated else self.platter.finished():
            if not any(upload.sent(content) for upload in self.uploads):
                self.fail(f"{name} is in its place, and is not whole")

    def check_kept(self) -> None:
        """What was complete, and was not taken, is in its place for ever."""
        there = [content for _, content in self.platter.finished()]
        for upload in self.uploads:
            if upload.kept is not None and upload.kept not in there:
                self.fail(f"{upload} was complete, and is gone")
        self.check()

    # Lives -------------------------------------------------------------------------------------

    def _start(self) -> Life:
        fault, self.next_fault = self.next_fault, None
        while True:
            self.lives += 1
            self.workers = Workers(self.now, held=self.settings.held)
            random = random_of(self.settings.seed, self.lives, self._connected)
            disk = ModelDisk(self.platter, random, self.settings.capacity)
            disk.fault, fault = fault, None
            disk.removing = self._removing
            parts = self.platter, self.clock, self.workers, disk, self.application.received
            try:
                life = Life(self.settings, *parts)
            except OSError:
                # Nothing is left of it, so that it can be tried again.
                if disk.opened_now:
                    self.fail("a store that could not be opened left descriptors")
                disk.die()
            except Killed:
                if not disk.has_power:
                    self.platter.cut(random)
            else:
                self.has_started_ill = disk.faults > 0
                self.note(f"life {self.lives} begins")
                return life

    def _end_life(self) -> None:
        """The process is gone, however it came; so are its connections."""
        self.counted["disk_calls"] += self.life.disk.calls
        self.counted["failed_calls"] += self.life.disk.faults
        self._wrong += self.life.disk.wrong
        self.life.disk.die()
        self.life = None
        self.is_razed = False
        self.wires.clear()
        self.application.die()
        self.workers.jobs.clear()
        # What the process had still to do will not be done.
        seconds, self.clock = self.clock.seconds(), Clock()
        self.clock.advance(seconds)

    def _begin_life(self) -> None:
        for upload in self.uploads:
            # What was only asked for leaves no trace that outlives the process.
            upload.touched = min(upload.touched, self.platter.written(upload.key))
            upload.is_handed_over = False
        self._expire()
        self.check_kept()
        self.life = self._start()

    def crash(self, seed: int | None) -> None:
        """
        The receiver is killed, and started again.

        :param seed: what a cut of the power leaves follows from it; nothing if only the process
            is killed, so that all that it wrote is there still, durable or not.
        """
        self._end_life()
        self.counted["kills" if seed is None else "power_cuts"] += 1
        bury()
        self._has_unburied = True
        touched = set() if seed is None else self.platter.cut(random_of(self.settings.seed, seed))
        for name, _, upload in self.finished():
            # Its names were moved about, as if somebody had.
            if upload.complete and self.platter.number_of(name) in touched:
                upload.next_generation()
        self.check_whole()
        self._begin_life()

    def restart(self) -> None:
        """Stop, look at what is left, and start again."""
        self.stop()
        self._begin_life()
        self.come_to_rest()
        self._check_recovered()

    def _check_recovered(self) -> None:
        """What only lacked its end has got it, though no client asked."""
        full = [x for x in self.unfinished() if self.platter.is_full(x.key, x.count)]
        finished = {upload.key for _, _, upload in self.finished()} if full else set()
        for upload in full:
            if upload.key not in finished and not self.life.disk.faults:
                self.fail(f"{upload} is full, and was not finished at the start")
        self.check()

    def stop(self) -> None:
        """
        Stop, and look at what is left.

        :raises ModelFailed: if anything is.
        """
        self.life.stop()
        begun = self.clock.seconds()
        self.come_to_rest()
        if self.clock.seconds() - begun > _LONGEST_CLOSE:
            self.fail(f"close() took {self.clock.seconds() - begun:g} s")
        if not self.life.is_closed:
            self.fail("close() does not end")
        for wire in list(self.wires):
            wire.lose()
        for handle in self.life.disk.opened_now:
            self.fail(f"a descriptor was left open: {handle}")
        for call in self.clock.getDelayedCalls():
            self.fail(f"a delayed call was left: {call.func}")
        self._end_life()
        gc.collect()
        self.check()

    def end(self) -> None:
        """Let go of what a failure left."""
        if self.life is not None:
            self._end_life()

    def come_to_rest(self) -> None:
        """Release what was held back, and let time pass for as long as anybody waits."""
        self.life.disk.fault = None
        self.workers.held = False
        for _ in range(_LONGEST):
            self.workers.flush()
            self.application.end_all()
            self.settle()
            if not self._goes_on():
                break
        else:
            self.fail("it does not come to rest")
        self.check()

    def _goes_on(self) -> bool:
        """Let time pass to the next call, if anybody waits."""
        if self.workers.jobs:
            return True
        closing = self.life.is_closing and not self.life.is_closed
        calls = self.clock.getDelayedCalls()
        if calls and (closing or not all(wire.is_idle for wire in self.wires)):
            self.let_pass(max(0.0, calls[0].getTime() - self.clock.seconds()))
            return True
        return False
