"""Tests for how long what is on the disk is kept."""

from __future__ import annotations

import os

from tests.receiver_rig import ClientFile, ReceiverTestCase
from txresumable.receiver.store.ages import Ages, Expiry

CONTENT = bytes(range(65, 100))  # 35 bytes: three chunks of 10, 10 and 15


class AgesTests(ReceiverTestCase):
    """Ages."""

    def age(self, seconds: float) -> None:
        """Let everything be so old."""
        folder = os.path.join(self.root, ".resumable")
        for name in os.listdir(folder):
            os.utime(os.path.join(folder, name), (0, 0))
        self.clock.advance(seconds - self.clock.seconds())

    def test_times(self) -> None:
        """Each kind has a time of its own, and others never expire."""
        self.assertEqual(Ages(10, 20).at(100), Expiry(90, 80))
        expiry = Ages(10, None).at(100)
        self.assertEqual([expiry.of(each) for each in (".chunks", ".done")], [90, float("-inf")])
        expiry = Ages(None, 20).at(100)
        endings = (".chunks", ".done", ".rejected", ".data", ".new")
        never = float("-inf")
        self.assertEqual([expiry.of(each) for each in endings], [never, 80, 80, never, never])

    def test_remembered_longer(self) -> None:
        """That a file was received is remembered longer than an upload is kept, or less long."""
        for options, left in (
            ({"expire": 10}, []),
            ({"expire": 10, "remember": 100}, ["done"]),
            ({"expire": 100, "remember": 10}, ["chunks", "data"]),
            ({"remember": 10}, ["chunks", "data"]),
            ({"expire": None}, ["chunks", "data", "done"]),
        ):
            self.root = self.mktemp()
            self.start(**options)
            done, begun = ClientFile(CONTENT), ClientFile(CONTENT, identifier="other")
            for data in (done.upload(1), done.upload(2), done.upload(3), begun.upload(1)):
                self.ask(data)
            self.successResultOf(self.store.close())
            self.start(**options)
            self.age(50)
            forgotten = 3 - len([each for each in left if each != "data"]) - 1
            self.assertEqual(self.successResultOf(self.store.sweep()), forgotten, options)
            self.assertEqual(self.private(), left, options)
            self.successResultOf(self.store.close())
            self.clock.advance(-self.clock.seconds())

    def test_received_again(self) -> None:
        """What is forgotten is received again, beside the file that is still there."""
        self.start(remember=10)
        file = ClientFile(CONTENT, chunk_size=100)
        self.ask(file.upload(1))
        self.age(50)
        self.successResultOf(self.store.sweep())
        self.assertEqual(self.ask(file.test(1)).status, 404)
        self.ask(file.upload(1))
        self.assertEqual(len(self.finished()), 2)
