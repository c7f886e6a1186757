"""What clients, threads, disks, clocks and operators do, each by the numbers of a step."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

from .disk import Fault, Killed
from .step import Step
from .upload import Request, Upload, odd_requests

if TYPE_CHECKING:
    from .wire import Wire
    from .workers import Job
    from .world import World

__all__ = ["ACTS"]

_ODD = odd_requests()
_ERRORS = (errno.EIO, errno.ENOSPC, errno.EMFILE)

# Clients ---------------------------------------------------------------------------------------


def _upload(world: World, step: Step) -> tuple[Upload, int]:
    upload = world.uploads[step.a % len(world.uploads)]
    return upload, step.b % upload.count + 1


def _begin(world: World, asked: tuple[Request, bytes], number: int) -> None:
    """Begin a request: on its own connection, after another one, or before its response."""
    request, data = asked
    idle = [wire for wire in world.wires if wire.is_idle]
    busy = [wire for wire in world.wires if wire.waiting and not wire.ended]
    if idle and number % 3:
        wire = idle[number % len(idle)]
    elif busy and number % 7 == 0:
        wire = busy[number % len(busy)]
    else:
        wire = world.connect()
    first = len(data) if number % 2 else number % (len(data) + 1)
    world.note(f"  {request} on {wire.number}, {first} of {len(data)} bytes")
    world.counted["requests"] += 1
    wire.begin(request, data, first)


def send(world: World, step: Step) -> None:
    """Send a chunk: mostly as it should be, sometimes with other bytes, or other lengths."""
    upload, number = _upload(world, step)
    variety = step.c // 8 % 16
    data, checksum = upload.file.chunk(number), ("", "right")[step.c // 128 % 2]
    if variety == 0 or (variety > 8 and upload.has_failed(number)):
        data = upload.other(number, step.c)
    elif variety == 1:
        checksum = "wrong"
    elif variety == 2:
        data = data[:-1]
    elif variety == 3:
        data += b"!"
    late = upload.plan.method == "multipart" and step.c // 256 % 4 == 0
    _begin(world, upload.upload(number, data, checksum, world.now(), late=late), step.c)


def send_all(world: World, step: Step) -> None:
    """Send a whole file."""
    upload, _ = _upload(world, step)
    for number in range(1, upload.count + 1):
        asked = upload.upload(number, upload.file.chunk(number), "", world.now())
        _begin(world, asked, step.c | 1)
        world.settle()


def crowd(world: World, step: Step) -> None:
    """Send the first chunks of all files at once, which may end amid what makes them durable."""
    if step.b % 8 in (3, 5, 7):
        error = -1 if step.b % 8 == 3 else 0
        world.life.disk.fault = Fault(error, step.a % 8, 1, only=("sync_all", "link", "replace"))
    for upload in world.uploads:
        asked = upload.upload(1, upload.file.chunk(1), "", world.now())
        _begin(world, asked, step.c | 1)
    world.settle()
    if step.b % 2:
        # In a moment those that have arrived together are on their way to the disk.
        for _ in range(10):
            world.let_pass(0)


def test(world: World, step: Step) -> None:
    """Ask for a chunk."""
    upload, number = _upload(world, step)
    checksum = ("", "", "right", "right", "wrong")[step.c // 8 % 5]
    _begin(world, upload.test(number, checksum, world.now()), step.c)


def odd(world: World, step: Step) -> None:
    """Send something that no client of ours sends."""
    _begin(world, (Request(None), _ODD[step.a % len(_ODD)]), step.c)


def more(world: World, step: Step) -> None:
    """A client sends more of what it began."""
    if world.wires:
        world.wires[step.a % len(world.wires)].more(step.b % 400 + 1)


def abort(world: World, step: Step) -> None:
    """A connection breaks."""
    if world.wires:
        world.wires[step.a % len(world.wires)].lose()


# Threads and the application -------------------------------------------------------------------


def hold(world: World, step: Step) -> None:
    """The disk becomes slow, or quick again."""
    world.workers.held = not world.workers.held


def work(world: World, step: Step) -> None:
    """A thread does its work; others do things meanwhile; the reactor may hear of it later."""
    jobs = [job for job in world.workers.jobs if not job.is_working]
    if not jobs:
        return
    job = jobs[step.a % len(jobs)]
    if job.outcome is None:
        _work(world, job, step)
    if step.c % 4:
        world.workers.tell(job)


def _work(world: World, job: Job, step: Step) -> None:
    disk, left = world.life.disk, step.b % 6

    def between() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            disk.between = lambda: None
            with world.nested():
                for inner in step.inner:
                    world.do(inner)

    if step.inner:
        disk.between = between
    world.workers.work(job)
    disk.between = lambda: None


def flush(world: World, step: Step) -> None:
    """The threads do all that they have to do."""
    world.workers.flush()


def hook(world: World, step: Step) -> None:
    """The application is done with a file."""
    world.application.end_one(step.a, well=step.b % 3 != 0)


# Time ------------------------------------------------------------------------------------------


def sweep(world: World, step: Step) -> None:
    """What has expired is looked for."""
    if not world.life.is_closing:
        world.life.store.sweep().addErrback(lambda failure: failure.trap(OSError, Killed))


def advance(world: World, step: Step) -> None:
    """Time passes."""
    world.let_pass((1.0, 5.0, 30.0, 130.0, 700.0)[step.a % 5])


def jump(world: World, step: Step) -> None:
    """The wall clock is set."""
    world.set_clock((-4000.0, -50.0, 50.0, 4000.0)[step.a % 4])


# The disk and the process ----------------------------------------------------------------------


def fault(world: World, step: Step) -> None:
    """The disk is going to fail, in this life or at the start of the next."""
    error, times = _ERRORS[step.a % len(_ERRORS)], (1, 1, 2, 5)[step.c % 4]
    if step.c % 8 == 7:
        found = Fault(errno.EIO, step.b % 4, 1 + step.a % 2, only=("sync_data",))
    elif step.c % 8 == 5:
        # What is new gets no name: an upload does not begin, or has no end.
        found = Fault(errno.ENOSPC, step.b % 3, 1 + step.a % 2, only=("replace",))
    else:
        found = Fault(error, step.b % 20, times)
    world.disturbed = True
    if step.c % 16 < 13 or step.c % 8 == 7:
        world.life.disk.fault = found
    else:
        world.next_fault = found


def kill(world: World, step: Step) -> None:
    """The power fails, or the process is killed: now, at a call, or soon after the next start."""
    error = 0 if step.c % 3 else -1
    if step.a % 4 == 0:
        world.crash(step.c if step.c % 3 else None)
    elif step.a % 4 == 1:
        world.next_fault = Fault(error, step.b % 25, 1)
    else:
        world.life.disk.fault = Fault(error, step.b % 25, 1)


def stop(world: World, step: Step) -> None:
    """The receiver is stopped in good order."""
    world.life.stop()


def close(world: World, step: Step) -> None:
    """The store is closed while the site still responds."""
    world.life.close()


def restart(world: World, step: Step) -> None:
    """The receiver is stopped, and started again once it has; a thread cannot wait for that."""
    if world.is_nested:
        world.life.stop()
    else:
        world.restart()


# The operator ----------------------------------------------------------------------------------


def operator(world: World, step: Step) -> None:
    """
    Somebody does something to a file in its place, whether its client has heard of that or not.

    What happens while ``on_complete`` works counts as done by that.
    """
    early = world.settings.hook == "none"
    found = [each for each in world.finished() if each[2].complete or early]
    if not found:
        return
    name, content, upload = found[step.a % len(found)]
    do = (*_OPERATIONS, *_HARMLESS)[step.b % len(_OPERATIONS + _HARMLESS)]
    path = os.path.join(world.platter.root, name)
    if do in _HARMLESS:
        if upload.complete:
            world.note(f"  {do.__name__} {name}")
            do(world, path, content)
        return
    world.note(f"  {do.__name__} {name}")
    world.disturbed = world.was_operated = True
    do(world, path, content)
    if os.path.exists(path):
        later = int((world.now() + 1) * 1e9)
        os.utime(path, ns=(later, later))
    upload.taken()


# What rarely meets ------------------------------------------------------------------------------


def come_back(world: World, step: Step) -> None:
    """A client comes back just when its upload has expired and is swept."""
    if world.settings.expire is None or world.life.is_closing or world.is_nested:
        return
    workers = world.workers
    upload, number = _upload(world, step)
    if not upload.present:
        _begin(world, upload.upload(number, upload.file.chunk(number), "", world.now()), 1)
    workers.flush()
    world.settle()
    number = min(upload.present, default=number) if step.c % 4 else number
    workers, before = world.workers, len(world.workers.jobs)
    workers.held = True
    world.let_pass(world.settings.expire + 1)
    sweep(world, step)
    sweeping = workers.jobs[before:]
    for job in sweeping:
        workers.work(job)
        if step.b % 2:
            workers.tell(job)
    if step.b // 2 % 2:
        asked = upload.test(number, "", world.now())
    else:
        asked = upload.upload(number, upload.file.chunk(number), "", world.now())
    _begin(world, asked, 1)
    for _ in range(20):
        world.settle()
        others = [job for job in workers.jobs if job not in sweeping]
        if workers is not world.workers or not others:
            break
        workers.work(others[0])
        workers.tell(others[0])
    for job in sweeping:
        workers.tell(job)


def spoil(world: World, step: Step) -> None:
    """The sync of a chunk fails while another is half sent, or other bytes follow."""
    if world.life.is_closing or world.is_nested:
        return
    upload, number = _upload(world, step)
    other = number % upload.count + 1
    slow = _half(world, upload, number, upload.file.chunk(number))
    world.disturbed = True
    world.life.disk.fault = Fault(errno.EIO, step.b % 2, 1 + step.a % 2, only=("sync_data",))
    _begin(world, upload.upload(other, upload.file.chunk(other), "", world.now()), 1)
    world.settle()
    world.workers.flush()
    if step.c % 3 == 0:
        slow.more(1000)
        return
    slow.lose()
    _half(world, upload, other, upload.other(other, step.c)).lose()
    world.workers.flush()
    if step.c % 3 == 1:
        world.restart()
    else:
        world.crash(step.c)


def end_badly(world: World, step: Step) -> None:
    """Something fails, or everything, while the last chunk of a file arrives and it is finished."""
    upload, number = _upload(world, step)
    for missing in sorted(set(range(1, upload.count + 1)) - upload.present - {number}):
        asked = upload.upload(missing, upload.file.chunk(missing), "", world.now())
        _begin(world, asked, step.c | 1)
        world.settle()
    world.workers.flush()
    world.disturbed = True
    world.life.disk.fault = Fault((0, -1, errno.EIO, errno.ENOSPC)[step.c % 4], step.b % 40, 1)
    asked = upload.upload(number, upload.file.chunk(number), "", world.now())
    _begin(world, asked, step.c | 1)


def _half(world: World, upload: Upload, number: int, data: bytes) -> Wire:
    """Send most of a chunk."""
    request, sent = upload.upload(number, data, "", world.now())
    tail = sent.rindex(data) + len(data) * 2 // 3 if data else len(sent) - 1
    wire = world.connect()
    wire.begin(request, sent, tail)
    world.workers.flush()
    world.settle()
    return wire


def raze(world: World, step: Step) -> None:
    """Somebody removes everything while the receiver works in it."""
    if not (world.is_nested or world.is_razed):
        world.raze(world.platter.root if step.a % 2 else world.platter.private)


def _remove(world: World, path: str, content: bytes) -> None:
    os.unlink(path)


def _move(world: World, path: str, content: bytes) -> None:
    world.application.move(path)


def _edit(world: World, path: str, content: bytes) -> None:
    with open(path, "r+b") as file:
        file.write(_other(content))


def _empty(world: World, path: str, content: bytes) -> None:
    os.truncate(path, 0)


def _replace(world: World, path: str, content: bytes) -> None:
    with open(path + "~", "wb") as file:
        file.write(_other(content))
    os.rename(path + "~", path)


def _chmod(world: World, path: str, content: bytes) -> None:
    os.chmod(path, 0o600 if os.stat(path).st_mode & 0o077 else 0o644)


def _restore(world: World, path: str, content: bytes) -> None:
    shutil.copy2(path, path + "~")
    os.rename(path + "~", path)


def _other(content: bytes) -> bytes:
    return bytes(byte ^ 1 for byte in content)


_OPERATIONS = (_remove, _move, _edit, _empty, _replace)
# It is the same file still.
_HARMLESS = (_chmod, _restore)

ACTS: dict[str, tuple[Callable[[World, Step], None], int]] = {
    "send": (send, 30),
    "send_all": (send_all, 12),
    "crowd": (crowd, 8),
    "test": (test, 10),
    "odd": (odd, 2),
    "more": (more, 10),
    "abort": (abort, 4),
    "hold": (hold, 2),
    "work": (work, 30),
    "flush": (flush, 6),
    "hook": (hook, 6),
    "sweep": (sweep, 6),
    "advance": (advance, 6),
    "jump": (jump, 2),
    "fault": (fault, 8),
    "kill": (kill, 4),
    "stop": (stop, 1),
    "close": (close, 1),
    "restart": (restart, 2),
    "operator": (operator, 6),
    "raze": (raze, 1),
    "come_back": (come_back, 4),
    "spoil": (spoil, 4),
    "end_badly": (end_badly, 6),
}
"""What there is to do, and how often it is done."""
