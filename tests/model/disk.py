"""The calls of the store: counted, checked and failed."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from inspect import signature
from random import Random
from typing import Any

from attrs import define

from txresumable.receiver.store import Disk

from .platter import Platter

_HANDLES = ("fd", "folder", "new_folder")
_OPENING = ("open_root", "open_folder", "enter_folder", "create", "open")
_GROWING = (
    "make_folder",
    "create",
    "write",
    "resize",
    "link",
    "replace",
    "sync",
    "sync_data",
    "sync_all",
)


class Killed(BaseException):
    """The process is gone."""


@define
class Fault:
    """
    Something that will go wrong.

    :ivar error: the error's number; 0 for a power cut, -1 for a process that is killed.
    :ivar after: how many calls, of those that it can hit, it lets pass.
    :ivar times: how many it hits then.
    :ivar only: which calls it can hit; all that can fail so by default.
    """

    error: int
    after: int
    times: int
    only: tuple[str, ...] = ()

    def hits(self, call: str) -> bool:
        """Whether it hits this call."""
        if self.only:
            concerned = call in self.only
        elif self.error == errno.EMFILE:
            concerned = call in _OPENING or call == "names"
        elif self.error == errno.ENOSPC:
            concerned = call in _GROWING
        else:
            concerned = call != "close"
        if not concerned or not self.times:
            return False
        if self.after:
            self.after -= 1
            return False
        self.times -= 1
        return True


@define
class Opened:
    """What is behind a handle."""

    fd: int
    inode: int
    is_folder: bool


class ModelDisk(Disk):
    """
    A disk of one life of a receiver.

    Its descriptors are numbers that are never given out twice, so that each use after the end,
    and each second end, is seen for what it is.

    :param platter: where things are.
    :param random: what is left to chance.
    :param capacity: how many bytes there is room for.
    :ivar has_power: whether what is dead was only killed.
    :ivar wrong: what the store did that it must not do.
    :ivar between: called before each call that a thread makes.
    :ivar removing: called with each name before it is removed.
    """

    def __init__(
        self,
        platter: Platter,
        random: Random,
        capacity: int | None = None,
    ) -> None:
        self.platter = platter
        self.fault: Fault | None = None
        self.faults = 0
        self.calls = 0
        self.dead = False
        self.has_power = True
        self.ended = False
        self.opened_now: dict[int, Opened] = {}
        self.wrong: list[str] = []
        self.between: Callable[[], None] = lambda: None
        self.removing: Callable[[str], None] = lambda name: None
        self._random = random
        self._capacity = capacity
        self._last = 1000

    def die(self) -> None:
        """The process is killed: the system closes what it had open."""
        self.dead = True
        for opened in self.opened_now.values():
            os.close(opened.fd)
        self.opened_now.clear()

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """One call of the store's."""
        if not self.dead:
            self.between()
        if self.dead:
            if name == "close":
                return None
            raise Killed
        self.calls += 1
        if self.ended:
            self.wrong.append(f"{name}() after the end of close()")
        behind = {key: self._behind(name, arguments[key]) for key in _HANDLES if key in arguments}
        if self.fault is not None and self.fault.hits(name):
            self._fail(self.fault.error, name, arguments, behind)
        if name in ("sync", "sync_data") and self.platter.failed_before(behind["fd"].inode):
            raise OSError(errno.EIO, "an error from before")
        if name == "can_sync_all":
            return True
        real = {**arguments, **{key: opened.fd for key, opened in behind.items()}}
        if name == "sync_all":
            self.platter.all_synced()
            return None
        before = getattr(self, f"_before_{name}", None)
        after = before(real, behind) if before is not None else None
        result = getattr(Disk, name)(self, **real)
        if after is not None:
            after()
        if name in _OPENING:
            return self._give(result, created=name == "create")
        if name == "close":
            del self.opened_now[arguments["fd"]]
        return result

    def _behind(self, call: str, handle: int) -> Opened:
        opened = self.opened_now.get(handle)
        if opened is None:
            self.wrong.append(f"{call}() of a descriptor that is closed")
            raise OSError(errno.EBADF, "closed")
        return opened

    def _give(self, fd: int, *, created: bool) -> int:
        self._last += 1
        inode = os.fstat(fd).st_ino
        if created:
            self.platter.made(inode)
            self.platter.stamp(fd)
        self.opened_now[self._last] = Opened(fd, inode, os.path.isdir(f"/proc/self/fd/{fd}"))
        return self._last

    def _fail(
        self, error: int, name: str, arguments: dict[str, Any], behind: dict[str, Opened]
    ) -> None:
        self.faults += 1
        if error <= 0:
            self.has_power = error != 0
            self.die()
            raise Killed
        if name == "sync_all":
            self.platter.all_failed(self._random)
        elif name in ("sync", "sync_data") and not behind["fd"].is_folder:
            at_once = self._random.random() < 0.5
            self.platter.sync_failed(behind["fd"].fd, behind["fd"].inode, at_once=at_once)
        if name == "write" and len(arguments["data"]) > 1:
            # A part of it was written.
            half = {**arguments, "data": bytes(arguments["data"])[: len(arguments["data"]) // 2]}
            real = {**half, "fd": behind["fd"].fd}
            stamp = self._before_write(real, behind)
            Disk.write(self, **real)
            stamp()
        raise OSError(error, os.strerror(error))

    # What calls change -------------------------------------------------------------------------

    def _before_write(self, real: dict[str, Any], behind: dict[str, Opened]) -> Callable[[], None]:
        change = ("write", real["offset"], bytes(real["data"]))
        self.platter.change(real["fd"], behind["fd"].inode, change)
        return lambda: self.platter.stamp(real["fd"])

    def _before_resize(self, real: dict[str, Any], behind: dict[str, Opened]) -> Callable[[], None]:
        self.platter.change(real["fd"], behind["fd"].inode, ("resize", real["size"], b""))
        return lambda: self.platter.stamp(real["fd"])

    def _before_touch(self, real: dict[str, Any], behind: dict[str, Opened]) -> Callable[[], None]:
        return lambda: self.platter.stamp(real["fd"])

    def _before_create(self, real: dict[str, Any], behind: dict[str, Opened]) -> Callable[[], None]:
        where = behind["folder"]
        return lambda: self._journal(where, lambda path: os.unlink(path(real["name"])))

    def _before_link(self, real: dict[str, Any], behind: dict[str, Opened]) -> Callable[[], None]:
        where = behind["new_folder"]
        return lambda: self._journal(where, lambda path: os.unlink(path(real["new_name"])))

    def _before_make_folder(
        self, real: dict[str, Any], behind: dict[str, Opened]
    ) -> Callable[[], None]:
        where = behind["folder"]
        if os.path.lexists(f"/proc/self/fd/{where.fd}/{real['name']}"):
            return lambda: None
        return lambda: self._journal(where, lambda path: shutil.rmtree(path(real["name"])))

    def _before_remove(self, real: dict[str, Any], behind: dict[str, Opened]) -> Callable[[], None]:
        kept = self.platter.keep(real["name"], real["folder"])
        if kept is None:
            return lambda: None
        self.removing(real["name"])
        return lambda: self._journal(
            behind["folder"], lambda path: os.link(kept, path(real["name"]))
        )

    def _before_replace(
        self, real: dict[str, Any], behind: dict[str, Opened]
    ) -> Callable[[], None]:
        kept = self.platter.keep(real["new_name"], real["folder"])

        def undo(path: Callable[[str], str]) -> None:
            with suppress(FileNotFoundError):
                os.rename(path(real["new_name"]), path(real["name"]))
            if kept is not None:
                os.link(kept, path(real["new_name"]))

        return lambda: self._journal(behind["folder"], undo)

    def _journal(self, where: Opened, undo: Callable[[Callable[[str], str]], None]) -> None:
        folder = os.readlink(f"/proc/self/fd/{where.fd}")
        self.platter.renamed(where.inode, lambda: undo(lambda name: os.path.join(folder, name)))

    def _before_sync(self, real: dict[str, Any], behind: dict[str, Opened]) -> Callable[[], None]:
        opened = behind["fd"]
        if opened.is_folder:
            return lambda: self.platter.folder_synced(opened.inode)
        return lambda: self.platter.synced(opened.inode)

    _before_sync_data = _before_sync


def _counted(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    names = list(signature(method).parameters)[1:]

    def call(self: ModelDisk, *arguments: Any, **options: Any) -> Any:
        return self.call(name, {**dict(zip(names, arguments, strict=False)), **options})

    return call


def _free(self: ModelDisk, fd: int) -> int:
    self.call("status_of", {"fd": fd})
    if self._capacity is None:
        return 1 << 40
    return max(0, self._capacity - self.platter.used())


def _write_pieces(self: ModelDisk, fd: int, pieces: Sequence[bytes], offset: int) -> None:
    self.write(fd, b"".join(pieces), offset)


for _name, _method in list(vars(Disk).items()):
    if not _name.startswith("_") and _name not in ("opened", "free", "write_pieces"):
        setattr(ModelDisk, _name, _counted(_name, _method))
ModelDisk.free = _free  # type: ignore[method-assign]
ModelDisk.write_pieces = _write_pieces  # type: ignore[method-assign]
