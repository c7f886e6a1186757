"""The application that hears of received files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from txresumable.receiver import ReceivedFile

from .life import HookFailed

if TYPE_CHECKING:
    from .upload import Upload
    from .world import World

__all__ = ["Application"]


class Application:
    """
    :param world: what it lives in.
    :param moved: a folder for files that it, or the operator, moves away.
    """

    def __init__(self, world: World, moved: str) -> None:
        self._world = world
        self._moved = moved
        self._waiting: list[Deferred[None]] = []
        self._told: dict[str, tuple[tuple[int, int], float]] = {}

    def received(self, file: ReceivedFile) -> Deferred[None] | None:
        """``on_complete``."""
        world = self._world
        upload = world.upload_of(file.owner, file.identifier)
        world.note(f"on_complete({upload})")
        if not upload.fits(_content(file.path)):
            world.fail("on_complete heard of a file that is not what was sent")
        self._check_once(upload)
        kind = world.settings.hook
        if kind == "raises":
            raise HookFailed("on_complete")
        if kind == "moves":
            self.move(file.path)
            upload.taken()
            upload.is_handed_over = True
        if kind in ("waits", "never"):
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            return waiting
        return None

    def _check_once(self, upload: Upload) -> None:
        world = self._world
        told = world.lives, upload.generation
        before, when = self._told.get(upload.key, ((0, 0), 0.0))
        expired = world.now() - when > (world.settings.expire or float("inf"))
        if before == told and not expired:
            world.fail(f"{upload} was concluded twice")
        self._told[upload.key] = told, world.now()

    def move(self, path: str) -> None:
        """Move a file away."""
        os.rename(path, os.path.join(self._moved, str(len(os.listdir(self._moved)))))

    def end_one(self, number: int, *, well: bool) -> None:
        """Be done with a file, one way or the other."""
        if self._waiting and self._world.settings.hook == "waits":
            waiting = self._waiting.pop(number % len(self._waiting))
            if waiting.called:
                return
            if well:
                waiting.callback(None)
            else:
                waiting.errback(HookFailed("later"))

    def end_all(self) -> None:
        """Be done with all of them."""
        while self._waiting and self._world.settings.hook == "waits":
            self.end_one(0, well=True)

    def die(self) -> None:
        """The process is gone."""
        self._waiting.clear()


def _content(path: str) -> bytes:
    """What is in a file; nothing if it is gone."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
