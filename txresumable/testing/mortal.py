"""
A disk whose process can be killed in the middle of its work.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

from ..receiver.store import Disk

__all__ = ["Killed", "MortalDisk"]

_OPENING = ("open_root", "open_folder", "enter_folder", "create", "open")


class Killed(BaseException):
    """The process is gone."""


class MortalDisk(Disk):
    """
    The disk of one life of a receiver.

    What was written stays, as it does when a process is killed; only a power cut takes what was not
    synced, so nothing waits for that here.

    :ivar is_dead: whether the process is gone: no call does anything any more.
    :ivar calls_left: after how many calls it is killed; :data:`None` for never.
    :ivar open_now: the descriptors that are open.
    :ivar wrong: what was done with others.
    """

    def __init__(self, died: Callable[[], object]) -> None:
        """
        :param died: called when it is killed.
        """
        self._died = died
        self.wrong: list[str] = []
        self.is_dead = False
        self.calls_left: int | None = None
        self.open_now: set[int] = set()

    def die(self) -> None:
        """The process is killed: the system closes what it had open."""
        self.is_dead = True
        for fd in self.open_now:
            os.close(fd)
        self.open_now.clear()
        self._died()

    def sync_data(self, fd: int) -> None:
        """See :class:`~txresumable.receiver.store.Disk`."""
        self.live()

    def sync(self, fd: int) -> None:
        """See :class:`~txresumable.receiver.store.Disk`."""
        self.live()

    def can_sync_all(self, fd: int) -> bool:
        """See :class:`~txresumable.receiver.store.Disk`."""
        self.live()
        return True

    def sync_all(self, fd: int) -> None:
        """See :class:`~txresumable.receiver.store.Disk`."""
        self.live()

    def close(self, fd: int) -> None:
        """See :class:`~txresumable.receiver.store.Disk`."""
        if self.is_dead:
            return
        if fd not in self.open_now:
            self.wrong.append("a descriptor is closed twice")
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        self.open_now.remove(fd)
        super().close(fd)

    def live(self) -> None:
        """
        One more call.

        :raises Killed: if the process is gone, or goes now.
        """
        if self.calls_left is not None and not self.is_dead:
            self.calls_left -= 1
            if self.calls_left < 0:
                self.die()
        if self.is_dead:
            raise Killed


def _mortal(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: MortalDisk, *args: Any, **named: Any) -> Any:
        self.live()
        result = call(self, *args, **named)
        if name in _OPENING:
            self.open_now.add(result)
        return result

    return method


for _name, _call in vars(Disk).items():
    if not _name.startswith("_") and _name != "opened" and _name not in vars(MortalDisk):
        setattr(MortalDisk, _name, _mortal(_name, _call))
