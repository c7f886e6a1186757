"""
What an operator sees and does.
"""

from __future__ import annotations

import os
from typing import Any, Union

from twisted.internet.defer import Deferred, DeferredList

from .._runtime.observers import Signal
from .._runtime.printable import printable
from ..errors import InvalidOption
from ..options import Options
from .changes import Changes
from .delivery.delivery import Delivery
from .delivery.handover import ONCE_MORE
from .delivery.route import Route
from .entry import BEGUN, Entry
from .errors import ImpossibleTransition, NotRunning, NotThere, UnknownEntry
from .folder import WatchedFolder
from .journal import Journal
from .rates import RateSchedule
from .settings import PushSettings
from .state import (
    DONE,
    FAILED,
    HELD,
    HOOK,
    MOVING,
    QUEUED,
    STORED,
    UPLOADING,
    WAITING,
    PushState,
)
from .status import status_of

__all__ = ["Operator"]

_HELD = "held by an operator"
_CANCELLED = "cancelled by an operator"


class Operator:
    """
    The control over a service.

    The methods that are about a file take its number; their Deferreds fire with the file, in its
    new state, and fail with :exc:`UnknownEntry`, with :exc:`ImpossibleTransition` if that cannot
    be from the state that it is in, and with :exc:`NotRunning`.
    """

    settings: PushSettings
    journal: Journal | None
    delivery: Delivery | None
    rates: RateSchedule
    changed: Signal[[Union[Entry, None], Entry]]
    was_damaged: bool
    opening_trouble: str

    is_paused = False
    """Whether :meth:`pause` holds everything until :meth:`resume`."""
    _concurrency: int | str | None = None

    @property
    def folders(self) -> dict[str, WatchedFolder]:
        """The folders that are watched, by their names; none while it is not running."""
        routes = {} if self.delivery is None else self.delivery.routes
        return {name: route.folder for name, route in routes.items()}

    @property
    def trouble(self) -> str:
        """Why the journal cannot be used now, or nothing."""
        if self.delivery is None:
            return self.opening_trouble
        return self.opening_trouble or self.delivery.steps.trouble

    def status(self) -> Deferred[dict[str, Any]]:
        """
        Where everything is.

        :returns: a Deferred that fires with what JSON can have.
        """
        return Deferred.fromCoroutine(status_of(self))

    def changes(self) -> Changes:
        """
        Files as they get into other states from now on, for ``async for``::

            with service.changes() as changes:
                async for entry in changes:
                    print(entry.name, entry.state.value, entry.why, entry.until)
        """
        return Changes(self.changed)

    # Everything --------------------------------------------------------------------------------

    def pause(self) -> None:
        """Send nothing until :meth:`resume`; what was begun goes on then."""
        self.is_paused = True
        if self.delivery is not None:
            self.delivery.pause(True)

    def resume(self) -> None:
        """Go on after :meth:`pause`; and try targets now that take no files."""
        self.is_paused = False
        if self.delivery is None:
            return
        self.delivery.pause(False)
        for target in self.delivery.targets.values():
            if target.why:
                target.try_again()

    def set_rate(self, *rate: float | None) -> None:
        """
        Send at a rate, whatever the rules say.

        :param rate: bytes a second; 0 sends nothing, :data:`None` is no limit.  Left out, the rules
            count again.
        :raises InvalidOption: if it is no such number.
        """
        self.rates.set(*rate)

    def set_concurrency(self, number: int | str) -> None:
        """
        Send so many chunks at once to each target, of the files that are begun from now on.

        :param number: how many, or ``"auto"``.
        :raises InvalidOption: if it is neither.
        """
        given: Any = number
        for target in self.settings.targets.values():
            Options(**{**target.options, "simultaneous_uploads": given})
        if self.delivery is not None:
            for each in self.delivery.targets.values():
                each.set_concurrency(number)
        self._concurrency = number

    def apply_to(self, delivery: Delivery) -> None:
        """Have a new delivery do as an operator wanted before."""
        if self._concurrency is not None:
            for target in delivery.targets.values():
                target.set_concurrency(self._concurrency)
        delivery.pause(self.is_paused)

    def rescan(self, folder: str | None = None) -> Deferred[None]:
        """
        Look at everything in the folders now.

        :param folder: the name of one; all by default.
        :returns: a Deferred that fires when that is done, and fails if one cannot be looked at.
        :raises InvalidOption: if there is no such folder.
        """
        if folder is not None and folder not in self.settings.folders:
            raise InvalidOption("folder", folder, "must be the name of a folder")
        chosen = [each for name, each in self.folders.items() if folder in (None, name)]
        scans: Deferred[Any] = DeferredList(
            [each.rescan() for each in chosen], fireOnOneErrback=True, consumeErrors=True
        )
        return scans.addCallbacks(lambda _: None, lambda failure: failure.value.subFailure)

    # One file ----------------------------------------------------------------------------------

    def retry(self, id: int) -> Deferred[Entry]:
        """
        Try now what is tried later or has failed: to send a file, or to see to it then.

        :param id: the file.
        """
        return Deferred.fromCoroutine(self._retry(id))

    def again(self, id: int) -> Deferred[Entry]:
        """
        Send a file once more that is DONE or has FAILED; it is moved back for that if need be.

        :param id: the file.
        :returns: a Deferred, which also fails with :exc:`NotThere` if it cannot be moved back, or
            was handed over to a queue and does not lie in its folder any more.
        """
        return Deferred.fromCoroutine(self._again(id))

    def hold(self, id: int) -> Deferred[Entry]:
        """
        Do not send a file before :meth:`release`.

        :param id: the file.
        """
        return Deferred.fromCoroutine(self._stop_file(id, HELD, _HELD))

    def release(self, id: int) -> Deferred[Entry]:
        """
        Send a file that is HELD.

        :param id: the file.
        """
        return Deferred.fromCoroutine(self._release(id))

    def cancel(self, id: int) -> Deferred[Entry]:
        """
        Do not send a file: it has FAILED, with all that this leads to.

        :param id: the file.
        """
        return Deferred.fromCoroutine(self._stop_file(id, FAILED, _CANCELLED))

    def retry_all(self, state: PushState | str) -> Deferred[int]:
        """
        :meth:`retry` all files in a state.

        :param state: the state.
        :returns: a Deferred that fires with how many these were.
        :raises ValueError: if there is no such state.
        """
        return Deferred.fromCoroutine(self._retry_all(PushState(state)))

    def add(self, folder: str, path: str) -> Deferred[Entry | None]:
        """
        Queue a file that lies in a folder now, without waiting until it has settled.

        :param folder: the name of the folder.
        :param path: its path, absolute or below the folder.
        :returns: a Deferred that fires with it, or with :data:`None` if it was known already.  It
            fails with :exc:`InvalidOption` if that is no path of a file in it, and with
            :exc:`OSError` if it cannot be looked at.
        :raises InvalidOption: if there is no such folder.
        """
        if folder not in self.settings.folders:
            raise InvalidOption("folder", folder, "must be the name of a folder")
        return Deferred.fromCoroutine(self._add(folder, path))

    async def _add(self, folder: str, path: str) -> Entry | None:
        if self.delivery is None:
            raise NotRunning()
        seen = await self.delivery.routes[folder].look(path)
        journal, found = self._open(), []

        def changed(_: Entry | None, entry: Entry) -> None:
            if (entry.folder, entry.path, entry.version) == (folder, seen.path, seen.version):
                found.append(entry)

        journal.changed.register(changed)
        try:
            await journal.observe(folder, [seen])
        finally:
            journal.changed.unregister(changed)
        if found:
            self._route(found[-1]).sending.wake()
        return found[-1] if found else None

    def _open(self) -> Journal:
        if self.journal is None or self.delivery is None:
            raise NotRunning()
        return self.journal

    def _route(self, entry: Entry) -> Route:
        route = None if self.delivery is None else self.delivery.route_of(entry)
        if route is None:
            raise NotRunning()
        return route

    async def _retry(self, id: int) -> Entry:
        entry = await self._open().entry(id)
        if entry.state is FAILED:
            return await self._again(id)
        if entry.state in (STORED, HOOK, MOVING):
            route = self._route(entry)
            entry = await self._open().note(id, until=0.0, note="", why="")
            route.aftercare.retry(entry)
            return entry
        if entry.state is not WAITING:
            raise ImpossibleTransition(entry, QUEUED)
        return await self._queue(entry)

    async def _again(self, id: int) -> Entry:
        entry = await self._open().entry(id)
        if entry.state is not FAILED:
            return await self._send_again(entry)
        async with self._route(entry).aftercare.alone(id):
            return await self._send_again(await self._open().entry(id))

    async def _send_again(self, entry: Entry) -> Entry:
        if entry.state not in (DONE, FAILED):
            raise ImpossibleTransition(entry, QUEUED)
        route = self._route(entry)
        if entry.location:
            path, version, location = entry.path, entry.version, entry.location
            back = route.effects.run(lambda do: do.put_back(path, version, location))
            if not await back:
                raise NotThere(entry.name, printable(os.fsdecode(location)))
        elif entry.state is DONE and route.is_shared and not await route.has(entry):
            raise NotThere(entry.name, "")  # as whoever sent it took it away
        return await self._queue(entry, ONCE_MORE if route.is_shared else BEGUN)

    async def _release(self, id: int) -> Entry:
        entry = await self._open().entry(id)
        if entry.state is not HELD:
            raise ImpossibleTransition(entry, QUEUED)
        return await self._queue(entry)

    async def _queue(self, entry: Entry, note: str | None = None) -> Entry:
        facts = {} if note is None else {"note": note}
        queued = await self._open().move(entry.id, QUEUED, at=entry.state, **facts)
        self._route(entry).sending.wake()
        return queued

    async def _stop_file(self, id: int, state: PushState, why: str) -> Entry:
        entry = await self._open().entry(id)
        while entry.state is not UPLOADING:
            try:
                stopped = await self._open().move(id, state, at=entry.state, why=why)
            except ImpossibleTransition as error:
                if error.entry.state is entry.state:
                    raise
                entry = error.entry  # its turn has come meanwhile
            else:
                if state is FAILED:
                    self._route(entry).failed(stopped)
                return stopped
        await self._route(entry).sending.stop_file(id, state, why)
        entry = await self._open().entry(id)
        if entry.state is not state:
            raise ImpossibleTransition(entry, state)
        return entry

    async def _retry_all(self, state: PushState) -> int:
        count = after = 0
        while entries := await self._open().entries([state], None, after):
            after = entries[-1].id
            for retrying in [self.retry(entry.id) for entry in entries]:
                try:
                    await retrying
                    count += 1
                except (ImpossibleTransition, NotThere, NotRunning, UnknownEntry, OSError):
                    continue
        return count
