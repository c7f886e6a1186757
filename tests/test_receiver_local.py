"""Tests for where received files are kept."""

from __future__ import annotations

import errno
import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.receiver_rig import ClientFile, FaultyDisk, ReceiverTestCase
from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import ReceivedFile, Store
from txresumable.receiver.store import Disk
from txresumable.receiver.store.chunk import Chunk

CONTENT = bytes(range(65, 100))  # 35 bytes: three chunks of 10, 10 and 15


class ThreadedClock(Clock):
    """A reactor whose threads work at once."""

    def getThreadPool(self) -> Any:
        return self

    def callInThreadWithCallback(
        self, done: Any, work: Any, *arguments: Any, **options: Any
    ) -> None:
        done(True, work(*arguments, **options))

    def callFromThread(self, call: Any, *arguments: Any, **options: Any) -> None:
        call(*arguments, **options)


class StoreTests(ReceiverTestCase):
    """A store."""

    def begin(self, store: Store) -> None:
        """Begin an upload."""
        chunk = Chunk(identifier="i", offset=0, layout=ChunkLayout(35, 10), file_name="f")
        self.successResultOf(Deferred.fromCoroutine(store.begin("", chunk))).release()

    def test_by_default(self) -> None:
        """It is on the real disk, and at work in the reactor's threads."""
        os.mkdir(self.root)
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(os.path.dirname(os.path.abspath(self.root)))
        store = Store(os.path.basename(self.root), reactor=ThreadedClock())
        os.chdir(here)
        self.assertEqual(store.root, os.path.abspath(self.root))
        self.assertEqual(repr(store), f"<Store {os.path.abspath(self.root)!r}>")
        self.begin(store)
        self.assertEqual(self.private(), ["chunks", "data"])
        self.assertIsNone(store.expire)
        self.assertIsNone(store.on_complete)
        self.successResultOf(store.close())

    def test_cannot_be_scanned(self) -> None:
        """One that cannot say what there is at the start gives its folder up."""
        disk = FaultyDisk()
        disk.names = self.broken  # type: ignore[method-assign]
        error = self.assertRaises(OSError, self.make_store, disk=disk)
        self.assertEqual((error.errno, disk.descriptors), (errno.EIO, set()))
        self.start(disk=Disk())

    def broken(self, fd: int) -> Any:
        """What a disk does."""
        raise OSError(errno.EIO, "broken")

    def test_waits_for_on_complete(self) -> None:
        """By default on_complete is waited for for five minutes; it may be set later."""
        self.start(on_complete=None)
        pending: list[Deferred[None]] = []

        def later(file: ReceivedFile) -> Deferred[None]:
            pending.append(Deferred())
            return pending[-1]

        self.store.on_complete = later
        wire = self.connect().send(ClientFile(CONTENT, chunk_size=100).upload(1))
        self.clock.advance(299.5)
        self.assertEqual((wire.responses(), len(pending)), ([], 1))
        self.clock.advance(0.5)
        self.assertEqual(wire.response().status, 200)

    def test_never_swept(self) -> None:
        """Without a time nothing is swept; it may be set later."""
        self.start()
        self.begin(self.store)
        self.clock.rightNow = 1e11
        self.assertEqual(self.successResultOf(self.store.sweep()), 0)
        self.store.expire = 100
        self.assertEqual(self.successResultOf(self.store.sweep()), 1)
