"""Tests for what a store does unasked."""

from __future__ import annotations

import errno
import os
from shutil import copytree

from twisted.internet.defer import Deferred

from tests.receiver_rig import ClientFile, FaultyDisk, ReceiverTestCase, Response, Thread, fail_once
from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import ReceivedFile
from txresumable.receiver.store.names import key_of

CONTENT = bytes(range(65, 100))  # 35 bytes: three chunks of 10, 10 and 15


class HousekeepingTestCase(ReceiverTestCase):
    """Tests with uploads that are old, full or gone."""

    def setUp(self) -> None:
        super().setUp()
        self.pending: list[Deferred[None]] = []

    def file(self, name: str) -> ClientFile:
        """A file of three chunks."""
        return ClientFile(CONTENT, name, name)

    def later(self, file: ReceivedFile) -> Deferred[None]:
        """Take some time with a file."""
        self.received.append(file)
        self.pending.append(Deferred())
        return self.pending[-1]

    def age(self, seconds: float = 2000) -> None:
        """Let so much time pass, and what is on the disk be older than that."""
        private = os.path.join(self.root, ".resumable")
        for name in os.listdir(private):
            os.utime(os.path.join(private, name), (1, 1))
        self.clock.rightNow += seconds  # no call is due

    def remove(self) -> None:
        """Remove all that is in the private folder."""
        private = os.path.join(self.root, ".resumable")
        for name in os.listdir(private):
            os.remove(os.path.join(private, name))

    def leave(self, *, full: str = "", unfinished: str = "") -> None:
        """Leave uploads that a store has begun, some of them full."""
        disk = FaultyDisk()
        self.start(disk=disk)
        for name in full:
            error = OSError(errno.EIO, "broken")
            disk.link = fail_once(disk.link, error)  # type: ignore[method-assign]
            statuses = [self.ask(self.file(name).upload(number)).status for number in (1, 2, 3)]
            self.assertEqual(statuses, [200, 200, 500])
        for name in unfinished:
            self.assertEqual(self.ask(self.file(name).upload(1)).status, 200)
        self.flushLoggedErrors(OSError)
        self.successResultOf(self.store.close())


class RecoveryTests(HousekeepingTestCase):
    """What a crash left is finished."""

    def test_at_once(self) -> None:
        """So many are finished at once, and the next as soon as one of them is."""
        names = "abcdefghijklmnopqrs"
        self.leave(full=names, unfinished="z")
        self.start(on_complete=self.later)
        recovered = self.store.recover()
        self.assertEqual(len(self.received), 16)
        for number in range(len(names)):
            self.assertNoResult(recovered)
            self.pending[number].callback(None)
        self.successResultOf(recovered)
        self.assertEqual(self.finished(), dict.fromkeys(names, CONTENT))
        self.assertEqual(len(self.received), len(names))

    def test_closed_meanwhile(self) -> None:
        """A store that closes finishes no more, and that is no failure."""
        self.leave(full="abcdefghijklmnopqrs")
        self.start(on_complete=self.later)
        recovered = self.store.recover()
        self.successResultOf(self.store.close())
        self.successResultOf(recovered)
        self.assertEqual(len(self.received), 16)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_taken_meanwhile(self) -> None:
        """One that a client had finished, and that was taken since, is no failure either."""
        self.leave(full="a")
        self.start(received_once=True)
        self.assertEqual(self.ask(self.file("a").test(1)).content["status"], "complete")
        os.remove(os.path.join(self.root, "a"))
        self.successResultOf(self.store.recover())
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(len(self.received), 1)

    def test_swept_after(self) -> None:
        """A sweep waits for a recovery, and finishes what that could not."""
        self.leave(full="ab", unfinished="c")
        disk = FaultyDisk()
        self.start(disk=disk, on_complete=self.later, expire=100)
        error = OSError(errno.EIO, "broken")
        disk.link = fail_once(disk.link, error)  # type: ignore[method-assign]
        recovered = self.store.recover()
        self.age()
        swept = self.store.sweep()
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.assertNoResult(recovered)
        self.assertEqual(len(self.private()), 6)
        self.pending[0].callback(None)
        self.successResultOf(recovered)
        self.assertNoResult(swept)
        self.pending[1].callback(None)
        self.assertEqual(self.successResultOf(swept), 1)
        self.assertEqual(sorted(self.finished()), ["a", "b"])


class SweepTests(HousekeepingTestCase):
    """What is old is forgotten."""

    def test_exactly_as_old(self) -> None:
        """An upload that was asked for just so many seconds ago stays."""
        self.start(expire=100)
        file = self.file("a")
        self.assertEqual(self.ask(file.upload(1)).status, 200)
        self.age()
        self.assertEqual(self.ask(file.test(1)).status, 200)
        self.age(100)
        self.assertEqual(self.successResultOf(self.store.sweep()), 0)
        self.assertEqual(self.private(), ["chunks", "data"])
        self.age(1)
        self.assertEqual(self.successResultOf(self.store.sweep()), 1)
        self.assertEqual(self.private(), [])

    def test_counts_no_more(self) -> None:
        """One that was forgotten counts no more, open or not, and its files are closed."""
        for is_open in (False, True):
            self.root, disk = self.mktemp(), FaultyDisk()
            if not is_open:
                self.leave(unfinished="a")
            self.start(disk=disk, expire=100, max_unfinished=1)
            if is_open:
                self.ask(self.file("a").upload(1))
            self.age()
            self.assertEqual(self.ask(self.file("b").upload(1)).status, 507)
            self.assertEqual(self.successResultOf(self.store.sweep()), 1)
            self.assertEqual((self.private(), len(disk.descriptors)), ([], 2))
            self.assertEqual(self.ask(self.file("b").upload(1)).status, 200)
            self.successResultOf(self.store.close())

    def test_in_use(self) -> None:
        """One that is being sent to stays, however old."""
        self.start(expire=100)
        file = self.file("a")
        data = file.upload(1)
        wire = self.connect().send(data[:-60])
        self.age()
        self.assertEqual(self.successResultOf(self.store.sweep()), 0)
        self.assertEqual(wire.send(data[-60:]).response().status, 200)

    def test_open_and_full(self) -> None:
        """One of which only the end is missing is finished, open or not."""
        for most in (0, 1):
            self.root, disk = self.mktemp(), FaultyDisk()
            self.start(disk=disk, expire=100, max_open=most)
            error = OSError(errno.EIO, "broken")
            disk.link = fail_once(disk.link, error)  # type: ignore[method-assign]
            for number in (1, 2, 3):
                self.ask(self.file("a").upload(number))
            self.assertEqual(len(disk.descriptors), 2 + 2 * most)
            self.age()
            self.assertEqual(self.successResultOf(self.store.sweep()), 0)
            self.assertEqual((self.finished(), self.private()), ({"a": CONTENT}, ["done"]))
            self.successResultOf(self.store.close())

    def test_begun_anew_meanwhile(self) -> None:
        """One that was removed, and begun anew while a sweep looks, counts."""
        for late in range(12):
            self.root, thread = self.mktemp(), Thread()
            if late % 2:
                self.leave(unfinished="a")
            self.start(expire=100, max_unfinished=1, run=thread.run)

            def ask(data: bytes, thread: Thread = thread) -> Response:
                wire = self.connect().send(data)
                thread.work()
                return wire.response()

            file, other = self.file("a"), self.file("b")
            if not late % 2:
                self.assertEqual(ask(file.upload(1)).status, 200)
            self.remove()
            swept = self.store.sweep()
            thread.work(late // 2)
            wires = [self.connect().send(file.upload(2)) for _ in range(2)]
            thread.work()
            self.assertEqual(self.successResultOf(swept), 0)
            statuses = [wire.response().status for wire in wires]
            if statuses[-1] != 200:
                self.assertEqual(ask(file.upload(2)).status, 200)
            self.assertEqual(ask(other.upload(1)).status, 507)
            self.assertEqual(ask(file.test(2)).status, 200)
            self.hang_up()
            closed = self.store.close()
            thread.work()
            self.successResultOf(closed)

    def test_begun_anew_and_left_meanwhile(self) -> None:
        """So does one whose client has gone by then."""
        self.leave(unfinished="a")
        thread = Thread()
        self.start(expire=100, max_unfinished=1, run=thread.run)
        self.remove()
        swept = self.store.sweep()
        thread.work(1)
        self.connect().send(self.file("a").upload(1)[:-60])
        self.hang_up()
        thread.work()
        self.assertEqual(self.successResultOf(swept), 0)
        self.assertEqual(self.private(), ["chunks", "data"])
        wire = self.connect().send(self.file("b").upload(1))
        thread.work()
        self.assertEqual(wire.response().status, 507)
        closed = self.store.close()
        thread.work()
        self.successResultOf(closed)

    def test_closed_meanwhile(self) -> None:
        """Whenever a store is closed during a sweep, that ends, and is no failure."""
        self.leave(full="ab", unfinished="cd")
        root, forgotten = self.root, set()
        for steps in range(24):
            self.root, thread, disk = self.mktemp(), Thread(), FaultyDisk()
            copytree(root, self.root)
            self.start(disk=disk, expire=100, run=thread.run)
            self.connect().send(self.file("e").upload(1))
            self.connect().send(self.file("f").upload(1))
            thread.work()
            self.hang_up()
            for name in os.listdir(os.path.join(self.root, ".resumable")):
                if name.startswith(key_of("", "f", ChunkLayout(35, 10))):
                    os.remove(os.path.join(self.root, ".resumable", name))
            self.age()
            swept = self.store.sweep()
            thread.work(steps)
            closed = self.store.close()
            thread.work()
            self.successResultOf(closed)
            forgotten.add(self.successResultOf(swept))
            self.assertEqual(disk.descriptors, set())
            self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(forgotten, {0, 1, 2, 3})

    def test_cannot_be_listed(self) -> None:
        """A disk that cannot say what there is makes a sweep fail."""
        disk = FaultyDisk()
        self.start(disk=disk, expire=100)
        error = OSError(errno.EIO, "broken")
        disk.names = fail_once(disk.names, error)  # type: ignore[method-assign]
        self.failureResultOf(self.store.sweep(), OSError)
        self.assertEqual(self.successResultOf(self.store.sweep()), 0)
