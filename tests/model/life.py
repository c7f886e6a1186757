"""One life of a receiver: its store, its site and its service, from the start to the end."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from random import Random
from typing import Any

from attrs import fields, frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from txresumable.receiver import ReceivedFile, ReceiverService, Store, make_site

from .disk import ModelDisk
from .platter import Platter
from .upload import Plan
from .workers import Workers


class HookFailed(Exception):
    """What the application's code raised."""


@frozen(kw_only=True)
class Settings:
    """
    How a receiver is set up.

    :ivar plans: the files that clients have.
    :ivar held: whether the threads' work takes time from the start.
    :ivar hook: what ``on_complete`` does: ``none``, ``returns``, ``raises``, ``moves``, ``waits``
        or ``never``.
    :ivar capacity: how many bytes the disk has room for.
    :ivar is_abandoned: whether the clients, after all, stay away for long.
    :ivar seed: what the content of files, and the moods of disks, follow from.
    """

    plans: tuple[Plan, ...]
    held: bool = False
    hook: str = "returns"
    capacity: int | None = None
    expire: float | None = None
    max_unfinished: int | None = None
    max_unfinished_size: int | None = None
    max_file_size: int | None = None
    max_open: int = 64
    received_once: bool = False
    is_abandoned: bool = False
    seed: int = 0

    @property
    def has_limits(self) -> bool:
        """Whether there may be too much of anything."""
        limits = self.capacity, self.max_unfinished, self.max_unfinished_size, self.max_file_size
        return any(limit is not None for limit in limits)

    @property
    def store(self) -> dict[str, Any]:
        """What the store is given."""
        names = {field.name for field in fields(Settings)} & signature(Store).parameters.keys()
        return {name: getattr(self, name) for name in sorted(names)}


class _Endpoint:
    """Listens, as far as the service knows."""

    def listen(self, factory: Any) -> Deferred[Any]:
        return succeed(self)

    def getHost(self) -> object:
        return object()

    def stopListening(self) -> None:
        """There is nothing to stop."""


class Life:
    """
    A process that receives.

    :param received: called with each file that ``on_complete`` hears of.
    :ivar is_closing: whether it was asked to end.
    :ivar is_closed: whether it says that it has.
    """

    def __init__(
        self,
        settings: Settings,
        platter: Platter,
        clock: Clock,
        workers: Workers,
        disk: ModelDisk,
        received: Callable[[ReceivedFile], Any],
    ) -> None:
        self.disk = disk
        self.workers = workers
        self.is_closing = self.is_closed = False
        self.store = Store(
            platter.root,
            reactor=clock,
            on_complete=received if settings.hook != "none" else None,
            _disk=disk,
            _run=workers.run,
            _now=platter.seconds,
            **settings.store,
        )
        self.site = make_site(self.store, reactor=clock, owner=_owner)
        self.service = ReceiverService(_Endpoint(), self.site, store=self.store, reactor=clock)
        self.service.startService()

    def close(self) -> None:
        """Close the store under a site that goes on."""
        self.is_closing = True
        self.store.close().addCallback(self._closed)

    def stop(self) -> None:
        """Stop as ``SIGTERM`` does, once."""
        if self.service.running:
            self.is_closing = True
            self.is_closed = False
            # The service does not wait for a disk that hangs.
            stopped = self.service.stopService().addCallback(lambda _: self.store.close())
            stopped.addCallback(self._closed)

    def _closed(self, _: object) -> None:
        self.is_closed = self.disk.ended = True


def _owner(request: Any) -> str:
    owner = request.getHeader("x-owner") or ""
    if owner == "raises":
        raise HookFailed("no owner")
    return str(owner)


def random_of(*numbers: int) -> Random:
    """Chance that follows from numbers."""
    return Random(hash(numbers))
