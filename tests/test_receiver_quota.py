"""Tests for how much an owner may have."""

from __future__ import annotations

import os
from collections import Counter

from attrs import evolve

from tests.receiver_rig import ClientFile, ReceiverTestCase
from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import Chunk, ReceivedFile, Refused
from txresumable.receiver.store.admission import Admission
from txresumable.receiver.store.quota import Quota
from txresumable.receiver.store.record import Record
from txresumable.receiver.store.room import Room

CONTENT = bytes(range(65, 100))  # 35 bytes


class QuotaTests(ReceiverTestCase):
    """A quota for all that is an owner's."""

    def begin(self, **options: object) -> None:
        """Start with a quota for two files, and owners."""
        site = {"owner": lambda request: request.getHeader("x-user") or ""}
        self.start(quota=80, site=site, **options)

    def send(self, identifier: str, owner: str = "ada", size: int = 35) -> int:
        """Send a file of one chunk."""
        file = ClientFile(CONTENT[:1] * size, identifier, identifier, chunk_size=1000)
        return self.ask(file.upload(1, x_user=owner)).status

    def test_all_counts(self) -> None:
        """Unfinished and finished files of an owner count together, up to the last byte."""
        self.begin()
        self.assertEqual(self.send("a"), 200)
        unfinished = ClientFile(CONTENT, "b", "b")
        self.assertEqual(self.ask(unfinished.upload(1, x_user="ada")).status, 200)
        response = self.ask(ClientFile(CONTENT, "c", "c").upload(1, x_user="ada"))
        self.assertEqual((response.status, response.headers["retry-after"]), (507, "600"))
        self.assertEqual(response.headers["resumable-refused"], "upload")
        self.assertEqual(self.send("c", size=11), 507)
        self.assertEqual(self.send("c", size=10), 200)
        self.assertEqual(self.send("c", "eve"), 200)

    def test_restart(self) -> None:
        """It holds after a restart."""
        for _ in range(2):
            self.begin()
            self.assertEqual([self.send(each) for each in "abc"], [200, 200, 507])
            self.successResultOf(self.store.close())

    def test_taken_away(self) -> None:
        """What was taken away, or is forgotten, does not count after a sweep."""
        self.begin(remember=100)
        self.assertEqual([self.send(each) for each in "ab"], [200, 200])
        os.remove(os.path.join(self.root, "a"))
        self.assertEqual(self.send("c"), 507)
        self.successResultOf(self.store.sweep())
        self.assertEqual(self.send("c"), 200)
        self.assertEqual(self.send("d"), 507)
        folder = os.path.join(self.root, ".resumable")
        for name in os.listdir(folder):
            os.utime(os.path.join(folder, name), (0, 0))
        self.clock.advance(200)
        self.successResultOf(self.store.sweep())
        self.assertEqual([self.send(each) for each in "def"], [200, 200, 507])

    def test_rejected(self) -> None:
        """What is rejected, and set aside, counts until somebody takes it away."""

        def reject(file: ReceivedFile) -> None:
            raise Refused(422, "a virus")

        self.begin(on_complete=reject)
        self.assertEqual([self.send(each) for each in "abc"], [422, 422, 507])
        self.successResultOf(self.store.sweep())
        self.assertEqual(self.send("c"), 507)
        self.successResultOf(self.store.close())
        self.begin(on_complete=reject)
        self.assertEqual(self.send("c"), 507)
        chunks, _, _, data = self.aside()
        for path in (chunks, data):
            # What cannot be read back is nobody's.
            with open(path, "wb"):
                pass
            self.successResultOf(self.store.sweep())
            self.assertEqual([self.send(path), self.send("x")], [422, 507])
        for path in self.aside():
            os.remove(path)
        self.successResultOf(self.store.sweep())
        self.assertEqual([self.send(each) for each in "xyz"], [422, 422, 507])

    def aside(self) -> list[str]:
        """What is set aside."""
        folder = os.path.join(self.root, ".resumable")
        return [f"{folder}/{name}" for name in sorted(os.listdir(folder)) if ".aside-" in name]

    def test_finished_during_a_sweep(self) -> None:
        """What is finished while all is counted anew counts."""
        admission = Admission(Quota(chunks=10, total=100), Room(self.clock.seconds))
        admission.received("ada", 30)
        admission.begin_recount()
        admission.received("ada", 40)
        admission.recount(Counter(ada=25))
        chunk = Chunk(identifier="i", offset=0, layout=ChunkLayout(36, 10))
        refused = self.assertRaises(Refused, admission.accept, "1", Record.of("ada", chunk, "f"))
        self.assertEqual(refused.status, 507)
        fitting = evolve(chunk, layout=ChunkLayout(35, 10))
        admission.accept("1", Record.of("ada", fitting, "f"))

    def test_not_counted(self) -> None:
        """Without a quota nobody counts."""
        self.start()
        self.assertEqual([self.send(each) for each in "abc"], [200] * 3)
        self.assertEqual(self.store._admission._received, {})
