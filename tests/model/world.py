"""The receiver, its clients, its operator and its disk: what they do, and what must hold."""

from __future__ import annotations

import errno
import gc
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

from attrs import frozen
from twisted.internet.defer import Deferred, FirstError
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher

from txresumable.receiver import ReceivedFile
from txresumable.receiver.store.names import key_of

from ..receiver_rig import Answer
from .disk import Fault, Killed, ModelDisk
from .life import HookFailed, Life, Settings, names_in, random_of
from .platter import Platter
from .upload import Request, Upload, odd_requests
from .wire import Wire
from .workers import Job, Workers

_START = 1_700_000_000.0
_ODD = odd_requests()
_ERRORS = (errno.EIO, errno.ENOSPC, errno.EMFILE)
_ENDINGS = (".chunks", ".done")
_PROMISED = 800.0
_EXPECTED_ERRORS = ("Unhandled error in Deferred", "on_complete has taken")
_FINISHED_ACTS = ("remove", "move", "edit", "empty", "replace")


class ModelFailed(AssertionError):
    """Something does not hold."""


@frozen
class Step:
    """
    Something that somebody does.

    The numbers say which and how; each is taken modulo what there is, so that a step means
    something wherever it stands, and a schedule can be shortened.

    :ivar inner: what happens while a thread is in the middle of it.
    """

    what: str
    a: int = 0
    b: int = 0
    c: int = 0
    inner: tuple[Step, ...] = ()

    def __str__(self) -> str:
        inner = f", inner=({', '.join(map(str, self.inner))},)" if self.inner else ""
        return f"Step({self.what!r}, {self.a}, {self.b}, {self.c}{inner})"


class World:
    """
    :param settings: how the receiver is set up.
    :param place: an empty folder.
    :param note: told what happens.
    """

    def __init__(
        self,
        settings: Settings,
        place: str,
        note: Callable[[str], None] | None = None,
    ) -> None:
        self.settings = settings
        self.clock = Clock()
        self.jumped = self.waited = 0.0
        self.moved = os.path.join(place, "moved")
        attic = os.path.join(place, "attic")
        os.mkdir(self.moved)
        os.mkdir(attic)
        self.platter = Platter(os.path.join(place, "root"), attic, self.now)
        random = random_of(len(settings.plans))
        most = settings.max_file_size
        self.uploads = [Upload(plan, random, most) for plan in settings.plans]
        self.by_key = {upload.key: upload for upload in self.uploads}
        self.wires: list[Wire] = []
        self.told: dict[str, tuple[tuple[int, int], float]] = {}
        self.hooks: list[Deferred[None]] = []
        self.wrong: list[str] = []
        self.disturbed = False
        self.counted: Counter[str] = Counter(schedules=1)
        self._note = note
        self._nested = 0
        self._lives = 0
        self._begun = 0
        self.life: Any = self._start()

    def now(self) -> float:
        """The wall clock."""
        return _START + self.clock.seconds() + self.jumped

    def note(self, text: str) -> None:
        if self._note is not None:
            self._note(text)

    def fail(self, text: str) -> None:
        self.note(f"WRONG: {text}")
        self.wrong.append(text)

    # Lives -------------------------------------------------------------------------------------

    def _start(self) -> Life:
        fault = None
        while True:
            self._lives += 1
            self.workers = Workers(held=self.settings.held)
            random = random_of(self._lives, self._begun)
            disk = ModelDisk(self.platter, random, self.settings.capacity, self._used)
            disk.fault = fault
            try:
                life = Life(
                    self.settings, self.platter, self.clock, self.workers, disk, self._received
                )
            except OSError:
                if disk.opened_now:
                    self.fail("a store that could not be opened left descriptors")
                disk.die()
                continue
            except Killed:
                self.platter.cut(random)
                continue
            self.note(f"life {self._lives} begins")
            return life

    def _end_life(self) -> None:
        """The process is gone, however it came; so are its connections."""
        self.counted["disk_calls"] += self.life.disk.calls
        self.counted["failed_calls"] += self.life.disk.faults
        self.wrong += self.life.disk.wrong
        self.life.disk.wrong = []
        self.life.disk.die()
        self.wires.clear()
        self.hooks.clear()
        self.workers.jobs.clear()
        # What the process had still to do will not be done.
        seconds, self.clock = self.clock.seconds(), Clock()
        self.clock.advance(seconds)

    def _power_cut(self, seed: int) -> None:
        self._end_life()
        self.counted["power_cuts"] += 1
        # What the dead leave behind is nobody's fault.
        with patch.object(globalLogPublisher, "_observers", []):
            self.life = None
            gc.collect()
        self._forget_what_changed(self.platter.cut(random_of(seed)))
        self._begin_life()

    def _begin_life(self) -> None:
        for upload in self.uploads:
            # What was only asked for leaves no trace that outlives the process.
            upload.touched = self._last_written(upload)
            upload.is_handed_over = False
        self._expire()
        self.life = self._start()

    def _last_written(self, upload: Upload) -> float:
        """When the disk says that something of an upload came last."""
        paths = [os.path.join(self.platter.private, upload.key + ending) for ending in _ENDINGS]
        times = [os.stat(path).st_mtime for path in paths if os.path.exists(path)]
        return min(upload.touched, max(times, default=float("-inf")))

    def _forget_what_changed(self, inodes: set[int]) -> None:
        """A finished file whose names a power cut moved about may look as if somebody had."""
        for name, _, upload in self._finished():
            if os.stat(os.path.join(self.platter.root, name)).st_ino in inodes:
                if not upload.complete:
                    continue
                upload.next_generation()

    # What is on the disk -----------------------------------------------------------------------

    def _finished(self) -> Iterator[tuple[str, bytes, Upload]]:
        """The finished files in their places."""
        for name in names_in(self.platter.root):
            with open(os.path.join(self.platter.root, name), "rb") as file:
                content = file.read()
            for upload in self.uploads:
                if upload.fits(content):
                    yield name, content, upload

    def _unfinished(self) -> list[Upload]:
        """The uploads that the receiver has begun and not finished."""
        names = names_in(self.platter.private)
        keys = {name.partition(".")[0] for name in names if name.endswith(".chunks")}
        keys -= {name.partition(".")[0] for name in names if name.endswith(".done")}
        return [self.by_key[key] for key in sorted(keys) if key in self.by_key]

    def _used(self) -> int:
        """The bytes that the disk has no more room for."""
        total, seen = 0, set()
        for folder in (self.platter.root, self.platter.private):
            for name in names_in(folder):
                status = os.stat(os.path.join(folder, name))
                if status.st_ino not in seen and not name.endswith((".chunks", ".done", ".new")):
                    seen.add(status.st_ino)
                    total += self.platter.room_of(status.st_ino, status.st_size)
        return total

    # on_complete -------------------------------------------------------------------------------

    def _received(self, file: ReceivedFile) -> Deferred[None] | None:
        upload = self.by_key[key_of(file.owner, file.identifier)]
        self.note(f"on_complete({upload.plan.owner}/{upload.plan.identifier})")
        if not upload.fits(_content(file.path)):
            self.fail("on_complete heard of a file that is not what was sent")
        told = self._lives, upload.generation
        life_and_generation, when = self.told.get(upload.key, ((0, 0), 0.0))
        expired = self.now() - when > (self.settings.expire or float("inf"))
        if life_and_generation == told and not expired:
            self.fail("one upload was concluded twice")
        self.told[upload.key] = told, self.now()
        return self._hook(file, upload)

    def _hook(self, file: ReceivedFile, upload: Upload) -> Deferred[None] | None:
        kind = self.settings.hook
        if kind == "raises":
            raise HookFailed("on_complete")
        if kind == "moves":
            target = os.path.join(self.moved, f"{len(os.listdir(self.moved))}")
            if os.path.exists(file.path):
                os.rename(file.path, target)
            upload.next_generation()
            upload.is_taken = upload.is_handed_over = True
        if kind in ("waits", "never"):
            waiting: Deferred[None] = Deferred()
            self.hooks.append(waiting)
            return waiting
        return None

    # Steps -------------------------------------------------------------------------------------

    def do(self, step: Step) -> None:
        """Let a step happen, and all that follows from it at once."""
        self.note(str(step))
        with suppress(Killed):
            getattr(self, f"_do_{step.what}")(step)
        self.settle()

    def settle(self) -> None:
        """Let arrive what is on its way, and look at what was answered."""
        if self.life.disk.dead:
            self._power_cut(self._lives)
        moved = True
        while moved:
            moved = False
            for wire in list(self.wires):
                with suppress(Killed):
                    moved = wire.pump() or moved
                self._hear(wire)
                if self.life.disk.dead:
                    self._power_cut(self._lives)
                    moved = True
                    break
        self.wires = [wire for wire in self.wires if not wire.ended]
        self.check()

    def _hear(self, wire: Wire) -> None:
        for answer in wire.answers():
            if not wire.waiting:
                self.fail(f"an answer that nobody waits for: {answer.status}")
                return
            asked = wire.waiting.popleft()
            self.note(f"  {answer.status} {answer.body[:60]!r} to {asked}")
            if asked.upload is None:
                asked.status = answer.status
                continue
            wrong = asked.upload.judge(asked, answer)
            if answer.status == 410 and not (asked.upload.is_taken and self.settings.received_once):
                wrong = "was not taken away"
            if wrong is not None:
                self.fail(f"{asked}: {answer.status}: {wrong}")
            self._judge_completion(asked, answer)

    def _judge_completion(self, asked: Request, answer: Answer) -> None:
        upload = asked.upload
        assert upload is not None
        if answer.status != 200 or asked.generation != upload.generation:
            return
        if answer.content.get("status") != "complete":
            return
        if not any(of is upload for _, _, of in self._finished()):
            if not upload.is_handed_over:
                self.fail(f"{asked}: complete, and the file is not there")
            # The application had it; only writing that down had failed.
            upload.next_generation()
            upload.is_handed_over = False
            return
        if not upload.complete:
            self.counted["complete"] += 1
        upload.complete = True

    def _begin(self, asked: tuple[Request, bytes], step: Step) -> None:
        request, data = asked
        self._begun += 1
        self.counted["requests"] += 1
        idle = [wire for wire in self.wires if wire.is_idle]
        busy = [wire for wire in self.wires if wire.waiting and not wire.ended]
        if idle and step.c % 3:
            wire = idle[step.c % len(idle)]
        elif busy and step.c % 7 == 0:
            wire = busy[step.c % len(busy)]
        else:
            wire = Wire(self.life.site, self._begun)
            self.wires.append(wire)
        first = len(data) if step.c % 2 else step.c % (len(data) + 1)
        self.note(f"  {request} on {wire.number}, {first} of {len(data)} bytes")
        wire.begin(request, data, first)

    def _upload(self, step: Step) -> tuple[Upload, int]:
        upload = self.uploads[step.a % len(self.uploads)]
        return upload, step.b % upload.count + 1

    def _do_send(self, step: Step) -> None:
        """Send a chunk: mostly as it should be, sometimes with other bytes, or other lengths."""
        upload, number = self._upload(step)
        variety = step.c // 8 % 16
        data, checksum = upload.file.chunk(number), ("", "right")[step.c // 128 % 2]
        if variety == 0:
            data = upload.other(number, step.c)
        elif variety == 1:
            checksum = "wrong"
        elif variety == 2:
            data = data[:-1]
        elif variety == 3:
            data += b"!"
        late = upload.plan.method == "multipart" and step.c // 256 % 4 == 0
        self._begin(upload.upload(number, data, checksum, self.now(), late=late), step)

    def _do_send_all(self, step: Step) -> None:
        """Send a whole file, on one connection."""
        upload, _ = self._upload(step)
        for number in range(1, upload.count + 1):
            asked = upload.upload(number, upload.file.chunk(number), "", self.now())
            self._begin(asked, Step("send", c=step.c | 1))
            self.settle()

    def _do_test(self, step: Step) -> None:
        """Ask for a chunk."""
        upload, number = self._upload(step)
        checksum = ("", "", "right", "right", "wrong")[step.c // 8 % 5]
        self._begin(upload.test(number, checksum, self.now()), step)

    def _do_odd(self, step: Step) -> None:
        """Send something that no client of ours sends."""
        request = Request(None)
        self._begin((request, _ODD[step.a % len(_ODD)]), step)

    def _do_more(self, step: Step) -> None:
        """A client sends more of what it began."""
        if self.wires:
            self.wires[step.a % len(self.wires)].more(step.b % 400 + 1)

    def _do_abort(self, step: Step) -> None:
        """A connection breaks."""
        if self.wires:
            self.wires[step.a % len(self.wires)].lose()

    def _do_hold(self, step: Step) -> None:
        """The disk becomes slow, or quick again."""
        self.workers.held = not self.workers.held

    def _do_work(self, step: Step) -> None:
        """A thread does its work; others do things meanwhile; the reactor may hear of it later."""
        jobs = [job for job in self.workers.jobs if not job.is_working]
        if not jobs:
            return
        job = jobs[step.a % len(jobs)]
        if job.outcome is None:
            self._work(job, step)
        if step.c % 4:
            self.workers.tell(job)

    def _work(self, job: Job, step: Step) -> None:
        disk, left = self.life.disk, step.b % 6

        def between() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                disk.between = lambda: None
                self._nested += 1
                for inner in step.inner:
                    self.do(inner)
                self._nested -= 1

        if step.inner:
            disk.between = between
        self.workers.work(job)
        disk.between = lambda: None

    def _do_flush(self, step: Step) -> None:
        """The threads do all that they have to do."""
        self.workers.flush()

    def _do_hook(self, step: Step) -> None:
        """The application is done with a file."""
        hooks = self.hooks
        if hooks and self.settings.hook == "waits":
            waiting = hooks.pop(step.a % len(hooks))
            if waiting.called:
                return
            if step.b % 3 == 0:
                waiting.errback(HookFailed("later"))
            else:
                waiting.callback(None)

    def _do_sweep(self, step: Step) -> None:
        """What has expired is looked for."""
        if not self.life.is_closing:
            self.life.store.sweep().addErrback(lambda failure: failure.trap(OSError, Killed))

    def _do_advance(self, step: Step) -> None:
        """Time passes."""
        self._pass(float((1, 5, 30, 130, 700)[step.a % 5]))

    def _pass(self, seconds: float) -> None:
        self.waited += seconds
        self.clock.advance(seconds)
        self._expire()

    def _do_jump(self, step: Step) -> None:
        """The wall clock is set."""
        jump = (-4000.0, -50.0, 50.0, 4000.0)[step.a % 4]
        self.jumped += jump
        self.waited += abs(jump)
        self._expire()

    def _expire(self) -> None:
        """What got nothing for long enough may be forgotten, but not what is only not finished."""
        if self.settings.expire is None:
            return
        finished = {upload.key for _, _, upload in self._finished()}
        for upload in self.uploads:
            if upload.touched >= self.now() - self.settings.expire or not upload.present:
                continue
            if upload.key in finished or not upload.is_acked:
                upload.next_generation()

    def _do_fault(self, step: Step) -> None:
        """The disk is going to fail."""
        error = _ERRORS[step.a % len(_ERRORS)]
        self.disturbed = True
        self.life.disk.fault = Fault(error, step.b % 20, (1, 1, 2, 5)[step.c % 4])

    def _do_kill(self, step: Step) -> None:
        """The power fails, now or at one of the next calls."""
        if step.a % 3:
            self.life.disk.fault = Fault(0, step.b % 25, 1)
        else:
            self._power_cut(step.c)

    def _do_stop(self, step: Step) -> None:
        """The receiver is stopped in good order."""
        self.life.stop()

    def _do_close(self, step: Step) -> None:
        """The store is closed while the site still answers."""
        self.life.close()

    def _do_restart(self, step: Step) -> None:
        """The receiver is stopped, and started again once it has; a thread cannot wait for that."""
        if self._nested:
            self.life.stop()
        else:
            self._restart()

    def _do_operator(self, step: Step) -> None:
        """Somebody does something to a finished file."""
        found = [each for each in self._finished() if each[2].complete]
        if not found:
            return
        name, content, upload = found[step.a % len(found)]
        act = _FINISHED_ACTS[step.b % len(_FINISHED_ACTS)]
        path = os.path.join(self.platter.root, name)
        self.note(f"  {act} {name}")
        self._operate(act, path, content)
        upload.next_generation()
        upload.is_taken = True

    def _operate(self, act: str, path: str, content: bytes) -> None:
        self.disturbed = True
        if act == "remove":
            os.unlink(path)
        elif act == "move":
            os.rename(path, os.path.join(self.moved, f"{len(os.listdir(self.moved))}"))
        elif act == "replace":
            with open(path + "~", "wb") as file:
                file.write(bytes(byte ^ 1 for byte in content))
            os.rename(path + "~", path)
        else:
            with open(path, "wb" if act == "empty" else "r+b") as file:
                file.write(b"" if act == "empty" else bytes(byte ^ 1 for byte in content))
        if os.path.exists(path):
            later = int((self.now() + 1) * 1e9)
            os.utime(path, ns=(later, later))

    # What must hold ----------------------------------------------------------------------------

    def check(self) -> None:
        """
        Look around.

        :raises ModelFailed: if something is wrong.
        """
        if self.life is not None:
            self.wrong += self.life.disk.wrong
            self.life.disk.wrong = []
        self._check_limits()
        if self.wrong and not self._nested:
            raise ModelFailed("; ".join(dict.fromkeys(self.wrong)))

    def _check_limits(self) -> None:
        unfinished = self._unfinished()
        for owner in {upload.plan.owner for upload in unfinished}:
            sizes = [upload.plan.size for upload in unfinished if upload.plan.owner == owner]
            if len(sizes) > (self.settings.max_unfinished or 1000):
                self.fail(f"{len(sizes)} unfinished uploads of one owner")
            if sum(sizes) > (self.settings.max_unfinished_size or 1 << 40):
                self.fail(f"unfinished uploads of one owner come to {sum(sizes)} bytes")
        for upload in unfinished:
            if upload.plan.size > (self.settings.max_file_size or 1 << 40):
                self.fail("a file that is too big was begun")
        if self.settings.capacity is not None:
            self._check_room(unfinished)

    def _check_room(self, unfinished: list[Upload]) -> None:
        to_come = sum(upload.plan.size for upload in unfinished)
        private = {
            os.stat(os.path.join(self.platter.private, name)).st_ino
            for name in names_in(self.platter.private)
        }
        for name in names_in(self.platter.root):
            status = os.stat(os.path.join(self.platter.root, name))
            to_come += status.st_size if status.st_ino not in private else 0
        # What was promised to those who are silent for long is given to others.
        if to_come > (self.settings.capacity or 0) and self.waited < _PROMISED:
            self.fail(f"{to_come} bytes were promised where there is room for less")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at all that is logged."""
        with patch.object(globalLogPublisher, "_observers", [self._logged]):
            yield

    def _logged(self, event: dict[str, Any]) -> None:
        failure, text = event.get("log_failure"), event.get("log_format") or ""
        if failure is None:
            # Twisted reports what nobody handled in two events, the second with the failure.
            expected = (*_EXPECTED_ERRORS, *(("the disk failed",) if self._may_fail else ()))
            if event["log_level"] >= LogLevel.error and not text.startswith(expected):
                self.fail(f"logged: {text} {event.get('log_text')}")
            return
        while failure.check(FirstError):
            failure = failure.value.subFailure
        expected = failure.check(HookFailed) or (failure.check(OSError) and self._may_fail)
        if not failure.check(Killed) and not (text and expected):
            text = text or "Unhandled error in Deferred"
            self.fail(f"logged: {text}: {failure.type.__name__}: {failure.value}")

    @property
    def _may_fail(self) -> bool:
        return self.disturbed or self.settings.capacity is not None

    # The end -----------------------------------------------------------------------------------

    def finish(self) -> None:
        """
        Release everything, let time pass, bring all files home, stop, and look at what is left.

        :raises ModelFailed: if something is wrong.
        """
        self.life.disk.fault = None
        self._ready()
        self._check_answered()
        if self.life.is_closing:
            self._restart()
        if self.settings.is_abandoned:
            self._wait_for_expiry()
        self._bring_home()
        self._restart()
        for upload in self.uploads:
            for number in sorted(upload.present):
                self._ask(
                    upload.test(number, "right" if number in upload.acked else "", self.now())
                )
        self.life.stop()
        self._ready()
        self._check_left()
        self._end_life()
        self.life = None
        gc.collect()
        self.check()

    def end(self) -> None:
        """Let go of what a failure left."""
        if self.life is not None:
            self._end_life()
            self.life = None

    def _ready(self) -> None:
        """Everything that was held back is released, and time passes."""
        self.life.disk.fault = None
        self.workers.held = False
        for _ in range(400):
            self.workers.flush()
            if self.settings.hook == "waits":
                for waiting in self.hooks:
                    if not waiting.called:
                        waiting.callback(None)
                self.hooks.clear()
            self.settle()
            if not self._goes_on():
                break
        else:
            self.fail("it does not come to rest")
        self.check()

    def _goes_on(self) -> bool:
        """Let time pass to the next call; whether anybody waits for that."""
        if self.workers.jobs:
            return True
        waited_for = self.life.is_closing and not self.life.is_closed
        waited_for = waited_for or any(wire.waiting or not wire.is_idle for wire in self.wires)
        calls = self.clock.getDelayedCalls()
        if not waited_for or not calls:
            return False
        self._pass(max(0.0, calls[0].getTime() - self.clock.seconds()))
        return True

    def _wait_for_expiry(self) -> None:
        """Nobody comes back: in the end nothing that is unfinished takes room."""
        if self.settings.expire is None or self.jumped:
            return
        for _ in range(2):
            self._pass(self.settings.expire + 700)
            self._ready()
        for upload in self._unfinished():
            if not all(upload.possible(number) for number in range(1, upload.count + 1)):
                self.fail(f"{upload.plan.identifier} expired, and is not forgotten")
        self.check()

    def _check_answered(self) -> None:
        for wire in self.wires:
            if wire.waiting and not wire.ended:
                self.fail(f"never answered: {wire.waiting[0]}")
        self.check()

    def _restart(self) -> None:
        self.life.stop()
        self._ready()
        self._check_left()
        self._end_life()
        self.life = None
        gc.collect()
        self._begin_life()
        self.workers.held = False
        self._ready()

    def _check_left(self) -> None:
        """After the end nothing is left."""
        if not self.life.is_closed:
            self.fail("close() does not end")
        for wire in list(self.wires):
            wire.lose()
        for handle in self.life.disk.opened_now:
            self.fail(f"a descriptor was left open: {handle}")
        for call in self.clock.getDelayedCalls():
            self.fail(f"a delayed call was left: {call.func}")
        self.check()

    def _ask(self, asked: tuple[Request, bytes]) -> Request:
        wire = Wire(self.life.site, 0)
        self.wires.append(wire)
        wire.begin(*asked, 1 << 20)
        self._ready()
        if asked[0].status is None:
            self.fail(f"its connection ended without an answer: {asked[0]}")
        wire.lose()
        self.settle()
        return asked[0]

    def _bring_home(self) -> None:
        """Send what is missing of each file; all must arrive that there is room for."""
        missing = list(self.uploads)
        for _ in self.uploads:
            missing = [upload for upload in missing if not self._send_home(upload)]
        for upload in missing:
            if self._fits(upload):
                self.fail(f"{upload.plan.owner}/{upload.plan.identifier} cannot be completed")
        self.check()

    def _fits(self, upload: Upload) -> bool:
        limits = (self.settings.max_file_size, self.settings.max_unfinished_size)
        too_big = any(limit is not None and upload.plan.size > limit for limit in limits)
        return not too_big and self.settings.capacity is None

    def _send_home(self, upload: Upload) -> bool:
        for _ in range(2):
            for number in range(1, upload.count + 1):
                if number not in upload.acked and not self._send_chunk_home(upload, number):
                    break
            if upload.requests[-1].status == 410:
                return True
        return upload.complete or self._is_home(upload)

    def _is_home(self, upload: Upload) -> bool:
        """Whether it was completed, though nobody said so: ``on_complete`` may have it moved."""
        if self.settings.hook == "moves":
            return True
        self._ask(upload.test(1, "", self.now()))
        return upload.complete

    def _send_chunk_home(self, upload: Upload, number: int) -> bool:
        for data in dict.fromkeys([*upload.possible(number), upload.file.chunk(number)]):
            asked = self._ask(upload.upload(number, data, "", self.now()))
            if asked.status == 200:
                return True
        return False


def _content(path: str) -> bytes:
    """What is in a file; nothing if it is gone."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
