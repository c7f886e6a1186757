"""Tests for how requests come to uploads."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred

from tests.receiver_rig import ClientFile, FaultyDisk, ReceiverTestCase
from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import Refused
from txresumable.receiver.store.chunk import Chunk
from txresumable.receiver.store.entry import RecordedEntry
from txresumable.receiver.store.names import key_of

CONTENT = bytes(range(65, 100))  # 35 bytes: three chunks of 10, 10 and 15


class EntriesTests(ReceiverTestCase):
    """Uploads are looked for, and begun."""

    def chunk(self, size: int = 35) -> Chunk:
        """A chunk of a file of so many bytes."""
        return Chunk(identifier="i", offset=0, layout=ChunkLayout(size, 10), file_name="f")

    def begin(self, chunk: Chunk, **options: Any) -> RecordedEntry:
        """Begin an upload."""
        return self.successResultOf(Deferred.fromCoroutine(self.store.begin("", chunk, **options)))

    def find(self, chunk: Chunk, **options: Any) -> RecordedEntry | None:
        """Find an upload."""
        return self.successResultOf(Deferred.fromCoroutine(self.store.find("", chunk, **options)))

    def test_found(self) -> None:
        """Nothing is made of what is only looked for."""
        self.start()
        self.assertIsNone(self.find(self.chunk()))
        self.assertEqual(self.private(), [])
        self.begin(self.chunk()).release()
        found = self.find(self.chunk())
        assert found is not None
        self.assertEqual(found.record.file_name, "f")
        found.release()

    def test_other_sizes(self) -> None:
        """A record of another file than its name says is refused, and the upload is not used."""
        disk = FaultyDisk()
        self.start(disk=disk, max_open=0)
        self.begin(self.chunk()).release()
        folder, other = os.path.join(self.root, ".resumable"), self.chunk(36)
        for name in os.listdir(folder):
            moved = key_of("", "i", other.layout) + name[64:]
            os.rename(os.path.join(folder, name), os.path.join(folder, moved))
        for look in (self.store.begin, self.store.find):
            looking = Deferred.fromCoroutine(look("", other))
            refused = self.failureResultOf(looking, Refused)
            self.assertEqual(refused.value.status, 500)
            self.assertEqual(len(disk.descriptors), 2)

    def test_received_once(self) -> None:
        """What was received and taken is refused, unless it is wanted again."""
        self.start(received_once=True)
        file = ClientFile(CONTENT, "f", "i")
        for number in (1, 2, 3):
            self.ask(file.upload(number))
        os.remove(os.path.join(self.root, "f"))
        for look in (self.store.begin, self.store.find):
            looking = Deferred.fromCoroutine(look("", self.chunk()))
            self.assertEqual(self.failureResultOf(looking, Refused).value.status, 410)
        self.assertIsNone(self.find(self.chunk(), again=True))
        self.begin(self.chunk(), again=True).release()

    def test_received_again(self) -> None:
        """By default it is received again."""
        self.start()
        file = ClientFile(CONTENT, "f", "i")
        for number in (1, 2, 3):
            self.ask(file.upload(number))
        os.remove(os.path.join(self.root, "f"))
        self.assertIsNone(self.find(self.chunk()))
        self.begin(self.chunk()).release()
