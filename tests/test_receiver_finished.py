"""Tests for what counts as received."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from twisted.internet.defer import Deferred

from tests.receiver_rig import (
    ClientFile,
    FaultyDisk,
    LinklessDisk,
    ReceiverTestCase,
    Thread,
    fail_once,
)
from txresumable.receiver import ReceivedFile, ReceiverSite

CONTENT = bytes(range(65, 100))
OTHER = bytes(reversed(CONTENT))


class InPlaceTests(ReceiverTestCase):
    """A finished file, and what somebody does to it."""

    def setUp(self) -> None:
        super().setUp()
        self.file = ClientFile(CONTENT, chunk_size=100)
        self.path = os.path.join(self.root, "file.dat")

    def receive(self) -> None:
        """Send it once."""
        self.assertEqual(self.ask(self.file.upload(1)).content["status"], "complete")

    def write(self, content: bytes) -> None:
        """Write a file in its place, in place."""
        with open(self.path, "r+b") as file:
            file.truncate(0)
            file.write(content)

    def restore(self) -> None:
        """Put the file back from a backup."""
        shutil.copy2(self.path, self.path + ".backup")
        os.rename(self.path + ".backup", self.path)

    def test_what_is_not_it(self) -> None:
        """A file that was removed, replaced, edited or emptied is absent, and received again."""

        def replace(content: bytes) -> None:
            os.remove(self.path)
            with open(self.path, "wb") as file:
                file.write(content)

        def edit_unseen() -> None:
            before = os.stat(self.path)
            self.write(OTHER)
            os.utime(self.path, ns=(before.st_atime_ns, before.st_mtime_ns))

        def link() -> None:
            os.rename(self.path, self.path + ".moved")
            os.symlink(os.path.abspath(self.path + ".moved"), self.path)

        def folder() -> None:
            os.remove(self.path)
            os.mkdir(self.path)

        changes: tuple[Callable[[], object], ...] = (
            lambda: os.remove(self.path),
            lambda: os.rename(self.path, self.path + ".away"),
            lambda: replace(OTHER),
            lambda: replace(b""),
            lambda: self.write(OTHER),
            lambda: self.write(b""),
            lambda: self.write(CONTENT + b"more"),
            lambda: os.truncate(self.path, 3),
            edit_unseen,
            link,
            folder,
        )
        for change in changes:
            self.root = self.mktemp()
            self.path = os.path.join(self.root, "file.dat")
            self.start()
            self.receive()
            change()
            self.assertEqual(self.ask(self.file.test(1)).status, 404)
            self.assertEqual(self.ask(self.file.test(1, "ab" * 32)).status, 404)
            self.receive()
            with open(self.received[-1].path, "rb") as file:
                self.assertEqual(file.read(), CONTENT)
            self.assertEqual(self.ask(self.file.test(1)).content["status"], "complete")
            self.successResultOf(self.store.close())

    def test_what_is_it_all_the_same(self) -> None:
        """After chmod, a hard link, or from a backup it is the same file: it is read once."""

        for change in (
            lambda: os.chmod(self.path, 0o640),
            lambda: os.link(self.path, self.path + ".second"),
            self.restore,
        ):
            self.root = self.mktemp()
            self.path = os.path.join(self.root, "file.dat")
            self.start()
            self.receive()
            change()
            self.assertEqual(self.ask(self.file.test(1)).content["status"], "complete")
            self.assertEqual(self.ask(self.file.upload(1)).content["status"], "complete")
            self.assertEqual(len(self.received), 1)
            self.received = []
            self.successResultOf(self.store.close())

    def test_read_once(self) -> None:
        """What was compared is written down, also for the next start."""
        for change in (lambda: os.chmod(self.path, 0o640), self.restore):
            self.root = self.mktemp()
            self.path = os.path.join(self.root, "file.dat")
            self.start()
            self.receive()
            change()
            self.ask(self.file.test(1))
            self.successResultOf(self.store.close())
            disk = FaultyDisk()
            self.start(disk=disk)
            disk.calls.clear()
            self.assertEqual(self.ask(self.file.test(1)).status, 200)
            self.assertEqual(disk.calls.count("read"), 1)
            self.successResultOf(self.store.close())

    def test_asked_by_many(self) -> None:
        """Those who wait while it is looked for have it looked for once more, all together."""
        thread, disk = Thread(), FaultyDisk()
        self.start(disk=disk, run=thread.run)
        self.connect().send(self.file.upload(1))
        thread.work()
        for _ in range(2):
            disk.calls.clear()
            wires = [self.connect().send(self.file.test(1)) for _ in range(20)]
            thread.work()
            self.assertEqual([wire.response().status for wire in wires], [200] * 20)
            self.assertEqual(disk.calls.count("read"), 2)
        closing = self.store.close()
        thread.work()
        self.successResultOf(closing)

    def test_taken_while_many_ask(self) -> None:
        """What one has found is not what another finds who asks later."""
        thread = Thread()
        self.start(run=thread.run)
        self.connect().send(self.file.upload(1))
        thread.work()
        wires = [self.connect().send(self.file.test(1)) for _ in range(10)]
        while not wires[0].transport.value():
            thread.work(1)
        os.remove(os.path.join(self.root, "file.dat"))
        thread.work()
        self.assertEqual([wire.response().status for wire in wires], [200] + [404] * 9)
        closing = self.store.close()
        thread.work()
        self.successResultOf(closing)

    def test_untouched_is_not_read(self) -> None:
        """A file that nobody touched is not read, after a restart neither."""
        self.start()
        self.receive()
        self.successResultOf(self.store.close())
        disk = FaultyDisk()
        self.start(disk=disk)
        disk.calls.clear()
        self.assertEqual(self.ask(self.file.test(1)).status, 200)
        self.assertEqual(disk.calls.count("read"), 1)

    def test_clock_set_back(self) -> None:
        """A file that was taken away is absent whatever the clock says."""
        for jump in (-1e9, 1e9):
            self.root = self.mktemp()
            self.start()
            self.receive()
            os.remove(os.path.join(self.root, "file.dat"))
            self.clock.rightNow += jump
            self.assertEqual(self.ask(self.file.test(1)).status, 404)
            self.successResultOf(self.store.close())

    def test_taken_while_a_chunk_arrives(self) -> None:
        """A chunk that is sent again while the file is taken away is not called complete."""
        self.start()
        self.receive()
        data = self.file.upload(1)
        wire = self.connect().send(data[:-60])
        os.remove(self.path)
        response = wire.send(data[-60:]).response()
        self.assertEqual((response.status, response.headers["retry-after"]), (503, "1"))
        self.receive()

    def test_changed_while_it_is_compared(self) -> None:
        """A file that is changed or taken away between two looks at it is absent."""

        def append() -> None:
            before = os.stat(self.path)
            with open(self.path, "ab") as file:
                file.write(b"more")
            os.utime(self.path, ns=(before.st_atime_ns, before.st_mtime_ns))

        for change in (lambda: os.remove(self.path), append):
            self.root, disk = self.mktemp(), FaultyDisk()
            self.path = os.path.join(self.root, "file.dat")
            self.start(disk=disk)
            self.receive()
            os.chmod(self.path, 0o640)
            opened, changes = disk.open, [change]

            def open_changed(
                name: str,
                *arguments: Any,
                opened: Any = opened,
                changes: list[Any] = changes,
                **options: Any,
            ) -> int:
                if name == "file.dat" and changes:
                    changes.pop()()
                return opened(name, *arguments, **options)  # type: ignore[no-any-return]

            disk.open = open_changed  # type: ignore[method-assign]
            self.assertEqual(self.ask(self.file.test(1)).status, 404)
            self.assertEqual(changes, [])
            self.successResultOf(self.store.close())

    def test_chunks(self) -> None:
        """All of its chunks are told to be there."""
        for size, told in ((100, "1"), (15, "1-2"), (10, "1-3")):
            self.root = self.mktemp()
            self.start()
            file = ClientFile(CONTENT, chunk_size=size)
            for number in range(1, file.layout.count + 1):
                self.ask(file.upload(number))
            found = self.ask(file.test(1))
            self.assertEqual(found.headers["resumable-stored"], told)
            self.successResultOf(self.store.close())

    def test_taken_while_it_is_in_use(self) -> None:
        """Who has used the upload since before its end hears that the file is gone, too."""
        self.start()
        file = ClientFile(CONTENT, chunk_size=10)
        self.ask(file.upload(1))
        self.ask(file.upload(2))
        data = file.upload(1)
        wire = self.connect().send(data[:-60])
        self.assertEqual(self.ask(file.upload(3)).content["status"], "complete")
        os.remove(self.path)
        self.assertEqual(wire.send(data[-60:]).response().status, 503)

    def test_cannot_be_read(self) -> None:
        """A disk that fails while a file is compared is an error, and no verdict."""
        disk = FaultyDisk()
        self.start(disk=disk)
        self.receive()
        os.chmod(self.path, 0o640)
        read = disk.read
        disk.read = lambda fd, size, at: (  # type: ignore[method-assign]
            read(fd, size, at)
            if size != len(CONTENT)
            else fail_once(read, OSError(errno.EIO, "broken"))(fd, size, at)
        )
        self.assertEqual(self.ask(self.file.test(1)).status, 500)
        self.flushLoggedErrors(OSError)
        disk.read = read  # type: ignore[method-assign]
        self.assertEqual(self.ask(self.file.test(1)).status, 200)


class ClosingTests(ReceiverTestCase):
    """A store closes while a finished file is read."""

    def test_closed_first(self) -> None:
        """Whatever step a close comes at, no file is open once it has ended."""
        content = bytes(35)
        for change in ("none", "copied"):
            for steps in range(12):
                self.root, thread, disk = self.mktemp(), Thread(), FaultyDisk()
                self.start(run=thread.run, disk=disk)
                file = ClientFile(content, chunk_size=100)
                wire = self.connect().send(file.upload(1))
                thread.work()
                self.assertEqual(wire.response().content["status"], "complete")
                if change == "copied":
                    path = os.path.join(self.root, "file.dat")
                    shutil.copy2(path, path + ".copy")
                    os.replace(path + ".copy", path)
                wire.send(file.upload(1))
                thread.work(steps)
                left: list[int] = []
                open_now = disk.descriptors
                self.store.close().addCallback(
                    lambda _, left=left, open_now=open_now: left.append(len(open_now))
                )
                thread.work()
                self.assertEqual(left, [0], f"{change}, {steps} steps")
                self.hang_up()


class OnCompleteTests(ReceiverTestCase):
    """What on_complete does to a file is part of its end."""

    def receive(self, change: Callable[[ReceivedFile], object]) -> str:
        """Receive a file that is changed; the status of a later test."""
        self.root = self.mktemp()
        self.start(on_complete=lambda file: change(file) and None)
        file = ClientFile(CONTENT, chunk_size=100)
        self.assertEqual(self.ask(file.upload(1)).content["status"], "complete")
        status = str(self.ask(file.test(1)).content["status"])
        self.successResultOf(self.store.close())
        return status

    def test_touched(self) -> None:
        """A file whose mode, time or content on_complete changed is in its place."""

        def write(file: ReceivedFile) -> None:
            with open(file.path, "wb") as opened:
                opened.write(bytes(len(CONTENT)))

        def append(file: ReceivedFile) -> None:
            with open(file.path, "ab") as opened:
                opened.write(b"more")

        for change in (
            lambda file: os.chmod(file.path, 0o644),
            lambda file: os.utime(file.path, (1, 1)),
            lambda file: os.truncate(file.path, 10),
            write,
            append,
        ):
            self.assertEqual(self.receive(change), "complete")

    def test_sent_again(self) -> None:
        """A chunk that is sent again is compared with what on_complete has made of it."""
        file = ClientFile(CONTENT, chunk_size=10)
        data = file.upload(2)
        for size, status in ((15, 409), (25, 200), (50, 200)):
            self.root = self.mktemp()
            self.start(on_complete=lambda file, size=size: os.truncate(file.path, size))
            for number in (1, 2):
                self.ask(file.upload(number))
            wire = self.connect().send(data[:-20])
            self.assertEqual(self.ask(file.upload(3)).content["status"], "complete")
            # Before and after its end was looked up.
            self.assertEqual(wire.send(data[-20:]).response().status, status)
            self.assertEqual(self.ask(data).status, status)
            self.hang_up()
            self.successResultOf(self.store.close())

    def test_sent_again_meanwhile(self) -> None:
        """Who asks or sends again while on_complete changes the file waits for its end."""
        done: Deferred[None] = Deferred()

        def change(file: ReceivedFile) -> Deferred[None]:
            os.truncate(file.path, 25)
            return done

        self.start(on_complete=change)
        file = ClientFile(CONTENT, chunk_size=10)
        wires = [self.connect().send(file.upload(number)) for number in (1, 2, 3)]
        digest = f"sha256:{sha256(file.chunk(2)).hexdigest()}"
        again = [file.test(2), file.test(2, checksum=digest), file.upload(2)]
        wires += [self.connect().send(data) for data in (*again, file.upload(2, b"x" * 10))]
        self.assertEqual([wire.transport.value() for wire in wires[2:]], [b""] * 5)
        done.callback(None)
        statuses = [wire.response().status for wire in wires]
        self.assertEqual(statuses, [200] * 6 + [409])

    def test_moved(self) -> None:
        """A file that on_complete moved or removed is not."""
        for change in (
            lambda file: os.rename(file.path, file.path + ".moved"),
            lambda file: os.remove(file.path),
        ):
            self.assertEqual(self.receive(change), "absent")

    def test_removed_meanwhile(self) -> None:
        """Those who ask wait for on_complete, although it has removed the file."""
        done: Deferred[None] = Deferred()

        def remove(file: ReceivedFile) -> Deferred[None]:
            os.unlink(file.path)
            return done

        self.start(on_complete=remove)
        file = ClientFile(CONTENT, chunk_size=10)
        wires = [self.connect().send(file.upload(number)) for number in (1, 2, 3)]
        wires.append(self.connect().send(file.test(2)))
        self.assertEqual([wire.transport.value() for wire in wires[2:]], [b""] * 2)
        done.callback(None)
        self.assertEqual([wire.response().status for wire in wires], [200] * 4)

    def test_name_given_to_another(self) -> None:
        """A file that has got the name of one that on_complete moved is not taken for it."""

        def move(file: ReceivedFile) -> None:
            os.rename(file.path, file.path + ".moved")
            with open(file.path, "wb") as opened:
                opened.write(OTHER)

        self.assertEqual(self.receive(move), "absent")


class LinklessOnCompleteTests(OnCompleteTests):
    """The same on a file system without hard links."""

    def start(self, **options: Any) -> ReceiverSite:
        """A receiver with such a disk."""
        return super().start(disk=LinklessDisk(), **options)


class ReceivedOnceTests(ReceiverTestCase):
    """A folder that somebody empties."""

    def setUp(self) -> None:
        super().setUp()
        self.start(received_once=True, expire=1000)
        self.file = ClientFile(CONTENT, chunk_size=100)
        self.ask(self.file.upload(1))
        os.remove(os.path.join(self.root, "file.dat"))

    def test_refused(self) -> None:
        """What was taken is refused, whatever is asked and whatever the clock says."""
        for jump in (0, -1e9, 2e9):
            self.clock.rightNow += jump
            for data in (self.file.test(1), self.file.upload(1), self.file.test(1, method="HEAD")):
                response = self.ask(data)
                self.assertEqual(response.status, 410)
                self.assertEqual(response.headers["resumable-received"], "before")
        reason = self.ask(self.file.test(1)).content["error"]
        self.assertEqual(reason, "received before, taken since")
        self.assertEqual(self.finished(), {})

    def test_again(self) -> None:
        """Who wants it to be received again says so."""
        digest = sha256(CONTENT).hexdigest()
        self.assertEqual(self.ask(self.file.test(1, resumable_again="1")).status, 404)
        response = self.ask(self.file.upload(1, resumable_again="1"))
        self.assertEqual((response.status, response.content["sha256"]), (200, digest))
        self.assertEqual(self.finished(), {"file.dat": CONTENT})

    def test_expires(self) -> None:
        """Once it has expired it is received like a new one."""
        self.clock.advance(1e10)
        self.assertEqual(self.successResultOf(self.store.sweep()), 1)
        self.assertEqual(self.ask(self.file.upload(1)).status, 200)
