"""
One process: a journal whose writes take time, and may be the last ones.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred

from txresumable.push import (
    NEXT_PUSH_STATES,
    Entry,
    ImpossibleTransition,
    Journal,
    JournalUnavailable,
    PushState,
    Seen,
    UnknownEntry,
)
from txresumable.push.folder.scan import Found
from txresumable.push.folder.settle import Settling
from txresumable.push.journal.possession import Possession
from txresumable.push.journal.transaction import Transaction

from .folder import Wrong

if TYPE_CHECKING:
    from .simulation import Simulation

__all__ = ["Life", "SlowPossession"]

_LEFT = (PushState.STORED, PushState.HOOK, PushState.MOVING, PushState.FAILED)
_T = TypeVar("_T")


class SlowPossession:
    """A folder of state whose thread takes its time; and the process may be killed meanwhile."""

    def __init__(self, life: Life, possession: Possession) -> None:
        self.database = possession.database
        self._life = life
        self._possession = possession

    def write(self, works: Sequence[Any]) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        delay = self._life.world.random.choice((0.0, 0.001, 0.1))
        self._life.later(delay, lambda: self._write(works, done))
        return done

    def _write(self, works: Sequence[Any], done: Deferred[Any]) -> None:
        world = self._life.world
        connection = self.database._connection
        assert connection is not None
        if not world.is_full and world.chance("before commit") and self._changes(works):
            self._life.kill("before commit")
            return
        connection.execute(f"PRAGMA query_only = {world.is_full:d}")
        round = self.database.write(works)
        for before, after in round.changes:
            world.note_change(before, after)
        if round.changes and world.chance("after commit"):
            self._life.kill("after commit")
            return
        done.callback(round)

    def _changes(self, works: Sequence[Any]) -> bool:
        """Do it, but for the commit. :returns: whether anything has changed."""
        world, connection = self._life.world, self.database._connection
        assert connection is not None
        connection.execute("PRAGMA query_only = 0")
        connection.execute("BEGIN")
        transaction = Transaction(connection, world.now(), world.clock.seconds())
        for work in works:
            with suppress(ImpossibleTransition, UnknownEntry):
                work(transaction)
        if not transaction.changes:
            connection.execute("ROLLBACK")
        return bool(transaction.changes)

    def drop(self) -> None:
        """What the system does when a process ends."""
        self.database.close()
        self._possession._lock.release()


class Life:
    """
    What one process does: it scans, delivers, and wakes what waits, as the service does it.

    :ivar world: everything else.
    :ivar is_over: whether it was killed.
    """

    def __init__(self, world: Simulation) -> None:
        self.world = world
        self.is_over = False
        self.at_work: set[int] = set()
        self._uploads: dict[int, object] = {}
        self._settling = Settling(world.settle)
        self._waiters: list[Deferred[None]] = []
        opened = Deferred.fromCoroutine(
            Possession.take(world.state, world.clock, world.now, world.clock.seconds)
        )
        possession = opened.result
        assert isinstance(possession, Possession), possession
        self._possession = SlowPossession(self, possession)
        self.journal = Journal(self._possession, world.clock.seconds)  # type: ignore[arg-type]
        self.journal.changed.register(self._changed)
        world.compare(self)
        self.spawn(self._begin())

    # The process -------------------------------------------------------------------------------

    def later(self, delay: float, call: Callable[[], object]) -> None:
        """Call something after a while, if it lives then."""
        self.world.clock.callLater(delay, lambda: None if self.is_over else call())

    async def sleep(self, seconds: float) -> None:
        """Wait; for ever, if it is killed meanwhile."""
        slept: Deferred[None] = Deferred()
        self.later(seconds, lambda: slept.callback(None))
        await slept

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something besides."""
        if self.is_over:
            work.close()
            return
        Deferred.fromCoroutine(work).addErrback(self.world.failed)

    def kill(self, where: str) -> None:
        """Kill it."""
        assert not self.is_over
        self.is_over = True
        self.world.killed(where, self.at_work)
        self._possession.drop()

    async def point(self, where: str) -> None:
        """A point at which it may be killed."""
        if self.world.chance(where, 5):
            self.kill(where)
            await Deferred()

    async def ask(self, call: Callable[[], Deferred[_T]]) -> _T:
        """Ask the journal until it is available."""
        while True:
            try:
                result = await call()
            except JournalUnavailable:
                await self.sleep(3)
                continue
            if self.is_over:  # who was notified before has been killed at it
                await Deferred()
            return result

    async def move(self, entry: Entry, to: PushState, **facts: Any) -> Entry:
        """A transition."""
        return await self.ask(lambda: self.journal.move(entry.id, to, **facts))

    # What it does ------------------------------------------------------------------------------

    async def _begin(self) -> None:
        # Before anything new is begun: what is under way then is not what was left.
        for entry in await self.ask(lambda: self.journal.entries(_LEFT)):
            self.spawn(self._finish(entry))
        self.spawn(self._scan_often())
        self.spawn(self._wake())
        for _ in range(self.world.window):
            self.spawn(self._deliver_often())

    async def _scan_often(self) -> None:
        world = self.world
        while True:
            began = self.journal.seconds()
            paths = list(world.folder.files)
            world.random.shuffle(paths)
            while paths:
                part = [paths.pop() for _ in range(min(len(paths), world.random.randint(1, 3)))]
                await self._observe([each for path in part for each in self._seen(path)])
                if world.random.random() < 0.3:
                    await self.sleep(world.random.random())
            await self.ask(partial(self.journal.vanished, "a", began))
            if world.random.random() < 0.2:
                await self.ask(lambda: self.journal.prune(world.random.choice((0, 60, 3600))))
            await self.sleep(world.random.choice((2, 15)))

    def notice(self, path: bytes) -> None:
        """The system reports a file that was renamed to its place."""
        version = self.world.folder.version(path)
        if version is not None:
            self.spawn(self._observe([Seen(path, version, is_marked=True)]))

    def _seen(self, path: bytes) -> list[Seen]:
        """What a scan sees of a path."""
        version = self.world.folder.version(path)
        if version is None:
            return []
        found = Found(path, version)
        is_settled = self._settling.is_settled(found, self.journal.seconds())
        return [Seen(path, version, is_settled)]

    async def _observe(self, seen: list[Seen]) -> None:
        observed = await self.ask(lambda: self.journal.observe("a", seen))
        self._settling.forget({each.path for each in seen}.difference(observed.unsettled))

    async def _wake(self) -> None:
        while True:
            at = await self.ask(self.journal.wake_at)
            wait = 10.0 if at is None else min(10.0, max(0.0, at - self.world.now()))
            await self.sleep(wait)
            await self.ask(self.journal.due)

    async def _deliver_often(self) -> None:
        world = self.world
        while True:
            for entry in await self.ask(lambda: self.journal.take("a", 1, world.order)):
                try:
                    await self._upload(entry)
                except (ImpossibleTransition, UnknownEntry):
                    world.say(f"{entry.name} was taken away from its upload")
                break
            else:
                await self._queued()

    async def _queued(self) -> None:
        """Wait until something is queued, or for a while."""
        waiter: Deferred[None] = Deferred()
        self._waiters.append(waiter)
        self.later(30.0, lambda: waiter.called or waiter.callback(None))
        await waiter

    def _changed(self, before: Entry | None, after: Entry) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.called:
                self.later(0.0, lambda waiter=waiter: waiter.called or waiter.callback(None))
        if before is not None and before.state is PushState.UPLOADING:
            self._uploads.pop(after.id, None)  # whoever took it away, it ends

    async def _upload(self, entry: Entry) -> None:
        world = self.world
        upload = self._uploads[entry.id] = object()
        for _ in range(world.random.randint(1, 3)):
            file = world.folder.files.get(entry.path)
            if file is None:
                await self.move(entry, PushState.GONE)
                return
            if file.version != entry.version:
                await self.move(entry, PushState.CHANGED)
                return
            if world.fails():
                await self._failed(entry)
                return
            await self.sleep(world.random.choice((0.0, 0.5, 3.0)))
            if self._uploads.get(entry.id) is not upload:
                return
        if world.folder.version(entry.path) != entry.version:
            await self.move(entry, PushState.CHANGED)
            return
        world.say(f"{entry.name} {entry.version} is stored")
        world.ledger.store(entry, file)
        self.at_work.add(entry.id)
        await self.point("after the upload")
        await self._finish(await self.move(entry, PushState.STORED))

    async def _failed(self, entry: Entry) -> None:
        attempts = entry.attempts + 1
        if attempts < 2:
            until = self.world.now() + self.world.random.choice((1, 10, 600))
            await self.move(entry, PushState.WAITING, attempts=attempts, until=until, why="no")
        else:
            await self._finish(await self.move(entry, PushState.FAILED, attempts=attempts))

    async def _finish(self, entry: Entry) -> None:
        world = self.world
        if entry.state is PushState.FAILED:
            await self._put_aside(entry)
            return
        if entry.state is PushState.STORED:
            entry = await self.move(entry, PushState.HOOK)
        while entry.state is PushState.HOOK:
            world.say(f"{entry.name} is reported")
            world.ledger.report(entry)
            self.at_work.add(entry.id)
            await self.point("after the hook")
            if world.fails():
                world.ledger.excuse_hook(entry)
                await self.ask(partial(self.journal.note, entry.id, why="hook"))
                await self.sleep(world.random.choice((1, 10)))
                continue
            entry = await self.move(entry, PushState.MOVING)
        if world.after == "delete":
            file = world.folder.files.get(entry.path)
            if file is not None and file.version == entry.version:
                world.say(f"{entry.name} is deleted")
                world.ledger.delete(entry, file)
                world.folder.delete(entry.path)
            await self.point("after the deletion")
        await self.move(entry, PushState.DONE)

    async def _put_aside(self, entry: Entry) -> None:
        folder = self.world.folder
        if self.world.has_aside and not entry.is_aside:
            if folder.version(entry.path) == entry.version:
                folder.aside[entry.id] = entry.path, folder.files.pop(entry.path)
            await self.point("after it was put aside")
            await self.ask(lambda: self.journal.note(entry.id, is_aside=True))

    # The operator ------------------------------------------------------------------------------

    async def operate(self, id: int, to: PushState) -> None:
        """An operator wants something with an entry."""
        world = self.world
        try:
            entry = await self.ask(lambda: self.journal.entry(id))
            world.say(f"an operator wants {entry.name} {entry.state.value} {to.value}")
            if to not in NEXT_PUSH_STATES[entry.state]:
                return
            if entry.state is PushState.FAILED:
                path, file = world.folder.aside.pop(id, (b"", None))
                if file is not None and path in world.folder.files:
                    world.folder.aside[id] = path, file
                elif file is not None:
                    world.folder.files[path] = file
                    await self.point("after it was put back")
            await self.move(entry, to)
        except (ImpossibleTransition, UnknownEntry):
            pass


def check_transition(before: Entry | None, after: Entry) -> None:
    """An entry's change must be one of the table."""
    if before is None:
        if after.state is not PushState.SEEN:
            raise Wrong(f"{after.name} began as {after.state.value}")
    elif before.state is not after.state and after.state not in NEXT_PUSH_STATES[before.state]:
        raise Wrong(f"{after.name} went from {before.state.value} to {after.state.value}")
