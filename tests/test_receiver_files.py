"""Tests for the open files of an upload."""

from __future__ import annotations

import errno
import os

from tests.receiver_rig import ClientFile, FaultyDisk, ReceiverTestCase, Thread, fail_once
from txresumable.receiver.store.record import Record

CONTENT = bytes(range(65, 100))  # 35 bytes
BROKEN = OSError(errno.EIO, "broken")


class OnlyChunkTests(ReceiverTestCase):
    """The time of the last write is made durable with the only chunk of a file."""

    def setUp(self) -> None:
        super().setUp()
        self.thread, self.disk = Thread(), FaultyDisk()
        self.disk.can_sync_all = lambda fd: False  # type: ignore[method-assign]
        self.file = ClientFile(CONTENT, chunk_size=100)

    def syncs(self) -> int:
        """How many times the disk was waited for since the last time."""
        calls = [call for call in self.disk.calls if call in ("sync", "sync_data")]
        self.disk.calls.clear()
        return len(calls)

    def noted(self) -> tuple[bool, int | None]:
        """Whether the record says that the chunk is durable, and the time in it."""
        private = os.path.join(self.root, ".resumable")
        (name,) = (name for name in os.listdir(private) if name.endswith(".chunks"))
        with open(os.path.join(private, name), "rb") as file:
            _, present, mtime = Record.decode(file.read())
        return 0 in present, mtime

    def test_syncs(self) -> None:
        """It needs seven syncs from the first byte to its place, in three jobs."""
        self.start(run=self.thread.run, disk=self.disk, on_complete=None)
        self.disk.calls.clear()
        wire = self.connect().send(self.file.upload(1))
        for syncs in (2, 2, 3):
            self.thread.work(1)
            self.assertEqual(self.syncs(), syncs)
        self.assertEqual(wire.response().status, 200)

    def test_may_change(self) -> None:
        """Not if the application may change the file before its end is written down."""
        self.start(run=self.thread.run, disk=self.disk, on_complete=lambda file: None)
        self.connect().send(self.file.upload(1))
        self.thread.work(2)
        self.assertEqual(self.noted(), (True, None))
        self.thread.work()

    def test_may_change_after_all(self) -> None:
        """It is taken from the record if the application wants to look at the file after all."""
        self.start(run=self.thread.run, disk=self.disk, on_complete=None)
        wire = self.connect().send(self.file.upload(1))
        self.thread.work(1)
        seen: list[tuple[bool, int | None]] = []
        self.store.on_complete = lambda file: seen.append(self.noted())
        self.thread.work(1)
        present, mtime = self.noted()
        self.assertTrue(present and mtime)
        self.thread.work()
        self.assertEqual((wire.response().status, seen), (200, [(True, None)]))

    def test_taken_back(self) -> None:
        """It is taken back with a chunk whose sync failed."""
        self.start(run=self.thread.run, disk=self.disk, on_complete=None)
        wire = self.connect().send(self.file.upload(1))
        self.thread.work(1)
        self.disk.sync_data = fail_once(  # type: ignore[method-assign]
            self.disk.sync_data, BROKEN
        )
        self.thread.work(1)
        self.assertEqual((wire.response().status, self.noted()), (500, (False, None)))
        self.flushLoggedErrors(OSError)
        again = self.connect().send(self.file.upload(1))
        self.thread.work()
        self.assertEqual(again.response().content["status"], "complete")
        self.assertEqual(self.finished(), {"file.dat": CONTENT})
