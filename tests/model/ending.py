"""How each schedule ends, so that nothing can be left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .upload import Request, Upload

if TYPE_CHECKING:
    from .world import World

__all__ = ["finish"]

_BETWEEN_SWEEPS = 600.0


def finish(world: World) -> None:
    """
    Release everything, let time pass, bring all files home, start anew, and ask for what is there.

    :raises ModelFailed: if something is wrong.
    """
    world.come_to_rest()
    _check_responses(world)
    if world.life.is_closing or world.is_razed:
        world.restart()
    if world.settings.is_abandoned:
        _wait_for_expiry(world)
    _bring_home(world)
    world.restart()
    for upload in world.uploads:
        for number in sorted(upload.present):
            checksum = "right" if number in upload.acked else ""
            _ask(world, upload.test(number, checksum, world.now()))
    world.check_whole()
    world.check_kept()
    world.stop()


def _check_responses(world: World) -> None:
    for wire in world.wires:
        if wire.waiting and not wire.ended:
            world.fail(f"never responded to: {wire.waiting[0]}")
    world.check()


def _wait_for_expiry(world: World) -> None:
    """Nobody comes back: in the end nothing that is unfinished takes room."""
    if world.settings.expire is None or world.jumped:
        return
    for _ in range(2):
        world.let_pass(world.settings.expire + _BETWEEN_SWEEPS + 100)
        world.come_to_rest()
    for upload in world.unfinished():
        if not all(upload.possible(number) for number in range(1, upload.count + 1)):
            world.fail(f"{upload} has expired, and is not forgotten")
    world.check()


def _bring_home(world: World) -> None:
    """Send what is missing of each file; all must arrive that there is room for."""
    missing = list(world.uploads)
    for _ in world.uploads:
        missing = [upload for upload in missing if not _send_home(world, upload)]
    for upload in missing:
        if _has_room(world, upload):
            world.fail(f"{upload} cannot be completed")
    world.check()


def _has_room(world: World, upload: Upload) -> bool:
    limits = (world.settings.max_file_size, world.settings.max_unfinished_size)
    too_big = any(limit is not None and upload.plan.size > limit for limit in limits)
    return not too_big and world.settings.capacity is None


def _send_home(world: World, upload: Upload) -> bool:
    for _ in range(2):
        for number in range(1, upload.count + 1):
            if number not in upload.acked and not _send_chunk_home(world, upload, number):
                break
    return _is_complete(world, upload) or _is_home(world, upload)


def _is_complete(world: World, upload: Upload) -> bool:
    """Whether it is; that it was received may have been forgotten since."""
    return upload.complete or (upload.kept is not None and world.settings.expire is not None)


def _is_home(world: World, upload: Upload) -> bool:
    """Whether it was completed, though nobody said so: ``on_complete`` may have it moved."""
    if world.settings.hook == "moves":
        return True
    _ask(world, upload.test(1, "", world.now()))
    return _is_complete(world, upload)


def _send_chunk_home(world: World, upload: Upload, number: int) -> bool:
    for data in dict.fromkeys([*upload.possible(number), upload.file.chunk(number)]):
        asked = _ask(world, upload.upload(number, data, "", world.now()))
        if asked.status == 410:
            # Who knows what it does may send it once more.
            asked = _ask(world, upload.upload(number, data, "", world.now(), again=True))
        if asked.status == 200:
            return True
    return False


def _ask(world: World, asked: tuple[Request, bytes]) -> Request:
    """Send a request on a connection of its own, and wait for its response."""
    request, data = asked
    wire = world.connect()
    wire.begin(request, data, len(data))
    world.come_to_rest()
    if request.status is None:
        world.fail(f"its connection ended without a response: {request}")
    wire.lose()
    world.settle()
    return request
