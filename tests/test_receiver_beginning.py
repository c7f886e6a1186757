"""Tests for beginning uploads."""

from __future__ import annotations

from tests.receiver_rig import ClientFile, LonelyDisk, ReceiverTestCase, Thread

CONTENT = bytes(range(65, 100))  # 35 bytes: three chunks of 10, 10 and 15


class BeginningTests(ReceiverTestCase):
    """A file begins in the thread that finds that it is new, where nobody else is to be asked."""

    def test_three_jobs(self) -> None:
        """A file of one chunk that is not stored with others takes a thread three times."""
        for on_complete, jobs in ((None, 3), (lambda file: None, 4)):
            self.root, thread = self.mktemp(), Thread()
            self.start(run=thread.run, disk=LonelyDisk(), on_complete=on_complete)
            wire = self.connect().send(ClientFile(CONTENT, chunk_size=100).upload(1))
            for _ in range(jobs):
                self.assertEqual(wire.responses(), [])
                thread.work(1)
            self.assertEqual((wire.response().status, thread.waiting), (200, []))
            self.hang_up()

    def test_asked_before(self) -> None:
        """If the application decides about new files, it is asked once it is known that one is."""
        asked: list[str] = []
        thread = Thread()
        self.start(run=thread.run, on_started=lambda file: asked.append(file.file_name))
        file = ClientFile(CONTENT, chunk_size=100)
        for _ in range(2):
            wire = self.connect().send(file.upload(1))
            thread.work()
            self.assertEqual((wire.response().status, asked), (200, ["file.dat"]))

    def test_known_over_quota(self) -> None:
        """A file that was received is not refused for a limit that one more would break."""
        thread = Thread()
        self.start(run=thread.run, max_unfinished=1)
        done, other = ClientFile(CONTENT, chunk_size=100), ClientFile(CONTENT, "b", "b")
        for data in (done.upload(1), other.upload(1), done.upload(1)):
            wire = self.connect().send(data)
            thread.work()
            self.assertEqual(wire.response().status, 200)
        self.assertEqual(self.store.unfinished, 1)
        wire = self.connect().send(ClientFile(CONTENT, "c", "c").upload(1))
        thread.work()
        self.assertEqual((wire.response().status, self.store.unfinished), (507, 1))
