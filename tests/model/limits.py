"""The limits that the receiver was given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .platter import files_in, names_in

if TYPE_CHECKING:
    from .upload import Upload
    from .world import World

__all__ = ["broken_limits"]

_PROMISED = 800.0


def broken_limits(world: World) -> Iterator[str]:
    """What is more than it may be, by what is on the disk."""
    if world.has_started_ill or not world.settings.has_limits:
        # What could not be read at the start is not counted.
        return
    settings, unfinished = world.settings, world.unfinished()
    for owner in sorted({upload.plan.owner for upload in unfinished}):
        sizes = [upload.plan.size for upload in unfinished if upload.plan.owner == owner]
        if settings.max_unfinished is not None and len(sizes) > settings.max_unfinished:
            yield f"{len(sizes)} unfinished uploads of one owner"
        if settings.max_unfinished_size is not None and sum(sizes) > settings.max_unfinished_size:
            yield f"unfinished uploads of one owner come to {sum(sizes)} bytes"
    for upload in unfinished:
        if settings.max_file_size is not None and upload.plan.size > settings.max_file_size:
            yield f"{upload} was begun, and is too big"
    # What was promised to those who are silent for long is given to others.
    if settings.capacity is not None and world.waited < _PROMISED:
        promised = _promised(world, unfinished)
        if promised > settings.capacity:
            yield f"{promised} bytes were promised where there is room for {settings.capacity}"


def _promised(world: World, unfinished: list[Upload]) -> int:
    """How many bytes there will be when all is finished that was begun."""
    private = {
        os.stat(os.path.join(world.platter.private, name)).st_ino
        for name in names_in(world.platter.private)
    }
    found = [os.stat(os.path.join(world.platter.root, x)) for x in files_in(world.platter.root)]
    finished = sum(each.st_size for each in found if each.st_ino not in private)
    return finished + sum(upload.plan.size for upload in unfinished)
