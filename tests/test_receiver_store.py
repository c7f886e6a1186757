"""Tests for what the receiver leaves on the disk, whatever happens to it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from random import Random
from typing import Any, TypeVar

from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.task import Clock

from tests.model.disk import Fault, ModelDisk
from tests.model.disk import Killed as ModelKilled
from tests.model.platter import Platter
from tests.receiver_rig import (
    ClientFile,
    Connection,
    FaultyDisk,
    Killed,
    LinklessDisk,
    QuickDisk,
    Response,
    Thread,
    fail_once,
)
from tests.receiver_rig import ReceiverTestCase as _ReceiverTestCase
from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import ReceivedFile, Refused
from txresumable.receiver.store import Disk
from txresumable.receiver.store.chunk import Chunk
from txresumable.receiver.store.names import key_of

_T = TypeVar("_T")
BROKEN = OSError(errno.EIO, "broken")
CONTENT = bytes(range(65, 100))  # 35 bytes: three chunks of 10, 10 and 15


class ReceiverTestCase(_ReceiverTestCase):
    """Tests that send the whole of a file."""

    def send_all(self, file: ClientFile, order: tuple[int, ...] = (3, 1, 2)) -> list[int]:
        """Send a file as a client does, and give the chunks that were stored."""
        stored = []
        for number in order:
            if 200 in map(self.ask_safely, (file.test(number), file.upload(number))):
                stored.append(number)
        return stored

    def ask_safely(self, data: bytes) -> int:
        """The status of a response; 0 if there was none."""
        wire = Connection(self.site)
        responses = wire.send(data).responses()
        wire.lose()
        return responses[0].status if responses else 0


class CrashTests(ReceiverTestCase):
    """The receiver is killed."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.forget_killed, Killed, ModelKilled)

    make_disk: type[FaultyDisk] = FaultyDisk

    def crash(self, at: int, disk: FaultyDisk) -> tuple[bool, list[int]]:
        """Be killed at a step while a file arrives; whether it was, and what was acknowledged."""
        disk.fail_at, disk.error = at, Killed()
        stored: list[int] = []
        try:
            store = self.make_store(disk=disk)
        except Killed:
            return True, stored
        self.site = self.site_over(store)
        stored = self.send_all(ClientFile(CONTENT))
        if disk.dead:
            return True, stored
        self.successResultOf(store.close())
        return False, stored

    def test_killed_at_each_step(self) -> None:
        """Whatever step a crash comes at, nothing is false and nothing acknowledged is lost."""
        step, events = 0, set()
        killed = True
        while killed:
            step += 1
            self.root, self.received = self.mktemp(), []
            killed, stored = self.crash(step, self.make_disk())
            self.check_after(stored, f"killed at step {step}")
            events.add(len(self.received))
        self.assertGreater(step, 40)
        # A crash after the observer was told and before that was written down tells it again.
        self.assertEqual(events, {1, 2})

    def test_killed_twice(self) -> None:
        """A crash while the receiver finishes what another crash left loses nothing either."""
        for first in range(40, 75, 3):
            for second in range(1, 40, 3):
                self.root, self.received = self.mktemp(), []
                _, stored = self.crash(first, self.make_disk())
                disk = self.make_disk()
                disk.fail_at, disk.error = second, Killed()
                try:
                    store = self.make_store(disk=disk)
                    store.recover().addErrback(lambda failure: failure.trap(Killed))
                    if not disk.dead:
                        self.successResultOf(store.close())
                except Killed:
                    pass
                self.check_after(stored, f"killed at {first}, then at {second}")

    def check_after(self, stored: list[int], message: str) -> None:
        """Start again: what was acknowledged is there, and the rest can be sent."""
        self.start()
        self.successResultOf(self.store.recover())
        file = ClientFile(CONTENT)
        for number in stored:
            self.assertEqual(self.ask(file.test(number)).status, 200, message)
        for name, content in self.finished().items():
            self.assertEqual((name, content), ("file.dat", CONTENT), message)
        if len(stored) == 3:
            self.assertIn("file.dat", self.finished(), message)
        self.assertEqual(self.send_all(file), [3, 1, 2], message)
        self.assertEqual(self.finished(), {"file.dat": CONTENT}, message)
        self.assertEqual(self.private(), ["done"], message)
        self.successResultOf(self.store.close())

    def test_killed_then_power_cut(self) -> None:
        """
        What a killed process had written and not synced, and the next one says is there, is there
        after a power cut too.
        """
        for step in range(1, 6):
            lives = self.lives()
            disk = next(lives)
            disk.fault = Fault(-1, step - 1, 1, only=("sync", "sync_data"))
            with contextlib.suppress(ModelKilled):
                self.begin_chunk(disk)
            self.assertTrue(disk.dead, f"killed at sync {step}")
            disk = next(lives)
            self.assertEqual(self.begin_chunk(disk), 200)
            disk.die()
            self.platter.cut(_AllIsLost())
            self.site = self.site_over(self.make_store(disk=next(lives)))
            there = self.ask_safely(ClientFile(CONTENT).test(1))
            self.assertEqual(there, 200, f"killed at sync {step}")
            self.successResultOf(self.site.resource.store.close())

    def lives(self) -> Iterator[ModelDisk]:
        """A disk for each life of a receiver, over the same platter."""
        self.root, attic = self.mktemp(), self.mktemp()
        os.mkdir(attic)
        self.platter = Platter(os.path.abspath(self.root), attic, self.clock.seconds)
        while True:
            yield ModelDisk(self.platter, Random(0))

    def begin_chunk(self, disk: ModelDisk) -> int:
        """Start, ask for a chunk, and send it if it is not there; the last status."""
        self.site, file = self.site_over(self.make_store(disk=disk)), ClientFile(CONTENT)
        found = self.ask_safely(file.test(1))
        return found if found == 200 else self.ask_safely(file.upload(1))

    def test_cut_short_with_nothing_stored(self) -> None:
        """An upload with no chunk, whose length a power cut took, is forgotten like one unbegun."""
        self.start()
        file = ClientFile(CONTENT)
        self.assertEqual(self.ask(file.upload(1, b"short")).status, 400)
        self.successResultOf(self.store.close())
        private = os.path.join(self.root, ".resumable")
        (data,) = (name for name in os.listdir(private) if name.endswith(".data"))
        os.truncate(os.path.join(private, data), 0)
        self.start()
        self.assertEqual(self.private(), [])
        self.assertEqual(self.send_all(file), [3, 1, 2])

    def test_power_cut(self) -> None:
        """After a power cut a chunk that is on record has its bytes, at whatever step it came."""
        step, killed = 0, True
        while killed:
            step += 1
            self.root, self.received = self.mktemp(), []
            killed, stored = self.crash(step, ForgetfulDisk())
            self.check_after(stored, f"power cut at step {step}")


class _AllIsLost(Random):
    """Chance, at its worst."""

    def random(self) -> float:
        return 0.0

    def randint(self, a: int, b: int) -> int:
        return a


class ForgetfulDisk(FaultyDisk):
    """A disk that forgets, when it is killed, every write that was not synced after."""

    def __init__(self) -> None:
        super().__init__()
        self.unsynced: list[tuple[int, int, bytes]] = []

    def write(self, fd: int, data: bytes | memoryview, offset: int) -> None:
        self.unsynced.append((fd, offset, os.pread(fd, len(data), offset)))
        super().write(fd, data, offset)

    def sync_data(self, fd: int) -> None:
        self.unsynced = [each for each in self.unsynced if each[0] != fd]

    sync = sync_data

    def die(self) -> None:
        for fd, offset, before in reversed(self.unsynced):
            if fd in self.descriptors:
                os.pwrite(fd, before, offset)
        super().die()


class FailureTests(ReceiverTestCase):
    """The disk fails."""

    make_disk: type[FaultyDisk] = FaultyDisk

    def fail_at_each_step(self, number: int, statuses: set[int]) -> None:
        """Fail each step once with an error number, and see the file arrive all the same."""
        file = ClientFile(CONTENT)
        step, seen = 0, set()
        while True:
            step += 1
            self.root, self.received = self.mktemp(), []
            disk = self.make_disk()
            self.start(disk=disk)
            begun = len(disk.calls)
            disk.fail_at, disk.error = begun + step, OSError(number, os.strerror(number))
            for chunk in (3, 1, 2):
                for data in (file.test(chunk), file.upload(chunk)):
                    seen.add(self.ask(data).status)
            reached = len(disk.calls) >= begun + step
            self.assertEqual(self.send_all(file), [3, 1, 2], step)
            self.flushLoggedErrors(OSError)
            self.assertEqual(self.finished(), {"file.dat": CONTENT}, step)
            self.assertEqual(self.private(), ["done"], step)
            self.successResultOf(self.store.close())
            self.assertEqual(disk.descriptors, set(), step)
            if not reached:
                break
        self.assertEqual(seen, statuses)

    def test_full(self) -> None:
        """A full disk gets 507, at whatever step; later the file arrives."""
        self.fail_at_each_step(errno.ENOSPC, {200, 404, 507})

    def test_broken(self) -> None:
        """A broken disk gets 500, at whatever step; later the file arrives."""
        self.fail_at_each_step(errno.EIO, {200, 404, 500})

    def test_start_fails(self) -> None:
        """A store that cannot be opened leaves no descriptor behind."""
        for step in range(1, 11):
            disk = self.make_disk()
            disk.fail_at, disk.error = step, OSError(errno.EIO, "broken")
            with self.assertRaises(OSError):
                self.make_store(disk=disk)
            self.assertEqual(disk.descriptors, set())

    def test_room_comes_back(self) -> None:
        """When nothing of an upload could be stored, nothing of it stays."""
        for call in ("write", "sync_data"):
            self.root = self.mktemp()
            disk = FullDisk(call)
            self.start(disk=disk)
            response = self.ask(ClientFile(CONTENT).upload(1))
            self.assertEqual((response.status, response.headers["retry-after"]), (507, "10"))
            self.assertNotIn("resumable-refused", response.headers)
            self.assertEqual(self.private(), [])
            self.flushLoggedErrors(OSError)

    def test_does_not_fit(self) -> None:
        """A file that is bigger than the room there is, is refused before anything is stored."""
        self.start(disk=FullDisk("free"))
        self.assertEqual(self.ask(ClientFile(CONTENT).upload(1)).status, 507)
        self.assertEqual(self.private(), [])
        self.flushLoggedErrors(OSError)

    def test_others_fail_with_it(self) -> None:
        """After a failed sync, chunks that were half written then are not taken for durable."""
        disk = self.make_disk()
        self.start(disk=disk)
        file = ClientFile(CONTENT)
        self.assertEqual(self.ask(file.upload(3)).status, 200)
        wire = self.connect()
        data = file.upload(1)
        wire.send(data[:-60])
        disk.fail_at, disk.error = len(disk.calls) + 2, OSError(errno.EIO, "broken")
        self.assertEqual(self.ask(file.upload(2)).status, 500)
        self.assertEqual(wire.send(data[-60:]).response().status, 500)
        self.assertEqual(self.ask(file.test(1)).status, 404)
        self.assertEqual(self.send_all(file), [3, 1, 2])
        self.flushLoggedErrors(OSError)

    def test_digest_after_a_failure(self) -> None:
        """A chunk whose bytes went with a failed sync has no wrong digest: the disk failed."""
        disk = self.make_disk()
        self.start(disk=disk)
        file = ClientFile(CONTENT, checksum=True)
        data = file.upload(1, checksum=sha256(file.chunk(1)).hexdigest())
        wire = self.connect().send(data[:-60])
        disk.sync_data = fail_once(  # type: ignore[method-assign]
            disk.sync_data, OSError(errno.EIO, "broken")
        )
        self.assertEqual(self.ask(ClientFile(CONTENT).upload(2)).status, 500)
        private = os.path.join(self.root, ".resumable")
        (name,) = (name for name in os.listdir(private) if name.endswith(".data"))
        with open(os.path.join(private, name), "r+b") as lost:
            lost.write(bytes(len(CONTENT)))
        self.assertEqual(wire.send(data[-60:]).response().status, 500)


class LinklessCrashTests(CrashTests):
    """The receiver is killed, on a file system without hard links."""

    make_disk = LinklessDisk


class LinklessFailureTests(FailureTests):
    """The disk fails, on a file system without hard links."""

    make_disk = LinklessDisk


class FullDisk(FaultyDisk):
    """A disk with no room, as one kind of call finds out."""

    def __init__(self, call: str) -> None:
        super().__init__()
        self._call = call

    def write(self, fd: int, data: bytes | memoryview, offset: int) -> None:
        # A record fits; a chunk does not.
        if self._call == "write" and len(data) < 50:
            raise OSError(errno.ENOSPC, "full")
        super().write(fd, data, offset)

    def sync_data(self, fd: int) -> None:
        if self._call == "sync_data":
            raise OSError(errno.ENOSPC, "full")

    def free(self, fd: int) -> int:
        return 0 if self._call == "free" else 1000


class OrderTests(ReceiverTestCase):
    """Nothing is said before it is true."""

    def test_absent_until_durable(self) -> None:
        """While a chunk is made durable it is still absent, and its sender waits."""
        thread = Thread()
        self.start(run=thread.run)
        file = ClientFile(CONTENT)
        wire = self.connect().send(file.upload(1))
        thread.work(1)  # begun
        self.assertEqual(len(thread.waiting), 1)
        for before in (True, False):
            asking = self.connect().send(file.test(1))
            self.assertEqual(asking.response().status, 404 if before else 200)
            if before:
                self.assertEqual(wire.responses(), [])
                thread.work(1)
                self.assertEqual(wire.response().status, 200)
        thread.work()

    def test_chunks_share_a_sync(self) -> None:
        """Chunks that end while others are made durable go together in the next round."""
        thread, disk = Thread(), FaultyDisk()
        self.start(run=thread.run, disk=disk)
        file = ClientFile(bytes(1000))
        wires = [self.connect().send(file.upload(1))]
        thread.work(1)
        wires += [self.connect().send(file.upload(number)) for number in range(2, 20)]
        thread.work()
        self.assertEqual([wire.response().status for wire in wires], [200] * 19)
        self.assertEqual(disk.calls.count("sync_data"), 4)

    def test_pauses_while_it_begins(self) -> None:
        """While an upload's files are made, its body waits in the network."""
        thread = Thread()
        self.start(run=thread.run)
        file = ClientFile(CONTENT)
        data = file.upload(1)
        wire = self.connect().send(data[:-60])
        self.assertEqual(wire.transport.producerState, "paused")
        thread.work(1)
        self.assertEqual(wire.transport.producerState, "producing")
        wire.send(data[-60:])
        thread.work()
        self.assertEqual(wire.response().status, 200)

    def test_breaks_while_it_begins(self) -> None:
        """A connection that breaks while an upload's files are made leaves nothing claimed."""
        thread = Thread()
        self.start(run=thread.run)
        file = ClientFile(CONTENT)
        self.connect().send(file.upload(1)[:-60])
        self.hang_up()
        thread.work()
        wire = self.connect().send(file.upload(1))
        thread.work()
        self.assertEqual(wire.response().status, 200)

    def test_breaks_after_it_ends(self) -> None:
        """A connection that breaks while its chunk is made durable loses only the response."""
        thread = Thread()
        self.start(run=thread.run)
        file = ClientFile(CONTENT)
        self.connect().send(file.upload(1))
        self.hang_up()
        thread.work()
        self.assertEqual(self.connect().send(file.test(1)).response().status, 200)

    def test_again_before_it_is_durable(self) -> None:
        """A chunk that comes again while it is made durable waits for that, and is not refused."""
        for data, status in ((None, 200), (b"other byte", 409)):
            thread = Thread()
            self.start(run=thread.run)
            file = ClientFile(CONTENT, identifier=str(status))
            self.connect().send(file.upload(1))
            thread.work(1)
            self.hang_up()
            wire = self.connect().send(file.upload(1, data))
            self.assertEqual(wire.responses(), [])
            thread.work(1)
            self.assertEqual(wire.responses(), [])  # until it was compared
            thread.work()
            self.assertEqual(wire.response().status, status)
            self.assertEqual(self.connect().send(file.test(1)).response().status, 200)
            self.hang_up()
            self.successResultOf(self.store.close())

    def test_again_after_a_failure(self) -> None:
        """A chunk that comes again while it fails to become durable is to be sent once more."""
        thread, disk = Thread(), FaultyDisk()
        self.start(run=thread.run, disk=disk)
        file = ClientFile(CONTENT)
        first = self.connect().send(file.upload(1))
        thread.work(1)
        wire = self.connect().send(file.upload(1))
        disk.sync_data = fail_once(  # type: ignore[method-assign]
            disk.sync_data, OSError(errno.EIO, "broken")
        )
        thread.work()
        self.assertEqual(first.response().status, 500)
        response = wire.response()
        self.assertEqual((response.status, response.headers["retry-after"]), (503, "1"))
        self.flushLoggedErrors(OSError)
        again = self.connect().send(file.upload(1))
        thread.work()
        self.assertEqual(again.response().status, 200)

    def test_close_waits(self) -> None:
        """A store closes once what is under way is durable, and responds no more after that."""
        thread = Thread()
        self.start(run=thread.run)
        file = ClientFile(CONTENT)
        wire = self.connect().send(file.upload(1))
        thread.work(1)
        closing = self.store.close()
        self.assertNoResult(closing)
        late = self.connect().send(file.test(1))
        thread.work()
        self.successResultOf(closing)
        self.assertEqual(wire.response().status, 200)
        self.assertEqual(late.response().status, 503)
        self.store = self.make_store()

    def test_finish_on_a_test(self) -> None:
        """A file whose end failed is finished by the next question for one of its chunks."""
        disk = FaultyDisk()
        self.start(disk=disk)
        file = ClientFile(CONTENT)
        disk.link = fail_once(disk.link, OSError(errno.EIO, "broken"))  # type: ignore[method-assign]
        for number, status in ((1, 200), (2, 200), (3, 500)):
            self.assertEqual(self.ask(file.upload(number)).status, status)
        self.assertEqual(self.finished(), {})
        self.assertEqual(self.ask(file.test(2)).content["status"], "complete")
        self.assertEqual(self.finished(), {"file.dat": CONTENT})
        self.flushLoggedErrors(OSError)

    def test_told_once(self) -> None:
        """If only writing the end down fails, who was told of the file is not told again."""
        disk = FaultyDisk()
        self.start(disk=disk)
        file = ClientFile(CONTENT, chunk_size=100)
        disk.replace = fail_second(disk.replace, OSError(errno.EIO, "broken"))  # type: ignore[method-assign]
        self.assertEqual(self.ask(file.upload(1)).status, 500)
        self.assertEqual(self.ask(file.test(1)).content["status"], "complete")
        self.assertEqual(len(self.received), 1)
        self.flushLoggedErrors(OSError)

    def test_told_once_though_pushed_out(self) -> None:
        """An upload whose end could not be written down stays open while others come."""
        disk = FaultyDisk()
        self.start(disk=disk, max_open=1)
        file = ClientFile(CONTENT, chunk_size=100)
        disk.replace = fail_second(disk.replace, OSError(errno.EIO, "broken"))  # type: ignore[method-assign]
        self.assertEqual(self.ask(file.upload(1)).status, 500)
        for name in ("a", "b"):
            self.assertEqual(self.ask(ClientFile(CONTENT, name, name).upload(1)).status, 200)
        self.assertEqual(self.ask(file.test(1)).content["status"], "complete")
        self.assertEqual(len(self.received), 1)
        self.flushLoggedErrors(OSError)

    def test_one_end_for_all(self) -> None:
        """Whoever asks while the end is under way waits for it; there is one."""
        done: Deferred[None] = Deferred()
        told: list[ReceivedFile] = []

        def observe(file: ReceivedFile) -> Deferred[None]:
            told.append(file)
            return done

        self.start(on_complete=observe)
        file = ClientFile(CONTENT)
        wires = [self.connect().send(file.upload(number)) for number in (1, 2, 3)]
        wires += [self.connect().send(data) for data in (file.test(1), file.upload(2))]
        self.assertEqual([wire.responses() == [] for wire in wires], [False] * 2 + [True] * 3)
        done.callback(None)
        for wire in wires[2:]:
            self.assertEqual(wire.response().content["status"], "complete")
        self.assertEqual(len(told), 1)


def fail_second(call: Callable[..., _T], error: OSError) -> Callable[..., _T]:
    """A call that fails the second time."""
    failing = fail_once(call, error)
    calls = [call]

    def second(*arguments: Any) -> _T:
        return calls.pop()(*arguments) if calls else failing(*arguments)

    return second


def failing_from(number: int, call: Callable[..., _T]) -> Callable[..., _T]:
    """A call that fails from so many times on."""
    calls = 0

    def failing(*arguments: Any) -> _T:
        nonlocal calls
        calls += 1
        if calls >= number:
            raise OSError(errno.EIO, "broken")
        return call(*arguments)

    return failing


class IntruderTests(ReceiverTestCase):
    """Somebody plants things in the folder."""

    def test_planted_names(self) -> None:
        """A name that is a link, a folder or another file is left alone, and so is its target."""
        target = self.mktemp()
        with open(target, "w") as file:
            file.write("precious")
        plants = (
            lambda path: os.symlink(os.path.abspath(target), path),
            lambda path: os.symlink("nowhere", path),
            os.mkdir,
            os.mkfifo,
        )
        for plant in plants:
            self.root = self.mktemp()
            self.start()
            plant(os.path.join(self.root, "file.dat"))
            self.assertEqual(self.send_all(ClientFile(CONTENT)), [3, 1, 2])
            with open(self.received[-1].path, "rb") as received:
                self.assertEqual(received.read(), CONTENT)
            with open(target) as file:
                self.assertEqual(file.read(), "precious")
            self.assertFalse(os.path.exists(os.path.join(self.root, "nowhere")))

    def test_planted_inside(self) -> None:
        """Links in the private folder are not followed, and the upload begins anew."""
        target = os.path.abspath(self.mktemp())
        for ending in ("data", "chunks", "done", "new"):
            self.root = self.mktemp()
            self.start()
            file = ClientFile(CONTENT)
            self.ask(file.upload(1))
            self.successResultOf(self.store.close())
            private = os.path.join(self.root, ".resumable")
            key = os.listdir(private)[0].partition(".")[0]
            path = os.path.join(private, f"{key}.{ending}")
            if os.path.exists(path):
                os.remove(path)
            os.symlink(target, path)
            self.start()
            self.assertEqual(self.send_all(file), [3, 1, 2])
            self.assertEqual(self.finished(), {"file.dat": CONTENT})
            self.assertFalse(os.path.exists(target))

    def test_everything_removed(self) -> None:
        """A chunk whose files somebody has removed is not said to be there, and is sent again."""
        file = ClientFile(CONTENT)
        for again in (file.test(1), file.upload(1), file.upload(2)):
            self.root = self.mktemp()
            self.start()
            self.assertEqual(self.ask(file.upload(1)).status, 200)
            shutil.rmtree(os.path.join(self.root, ".resumable"))
            self.assertEqual(self.ask(again).status, 500)
            self.successResultOf(self.store.close())
            self.start()
            self.assertEqual(self.send_all(file), [3, 1, 2])
            self.assertEqual(self.finished(), {"file.dat": CONTENT})

    def test_removed_before_the_end_is_written_down(self) -> None:
        """A file of which nothing is left while it is finished is not called complete."""

        def remove(file: ReceivedFile) -> None:
            private = os.path.join(self.root, ".resumable")
            for path in [file.path, *(os.path.join(private, name) for name in os.listdir(private))]:
                os.remove(path)

        self.start(on_complete=remove)
        self.assertEqual(self.ask(ClientFile(CONTENT, chunk_size=100).upload(1)).status, 500)

    def test_time_cut_short(self) -> None:
        """A disk that is full in the middle of a file's time costs nothing that was stored."""
        disk = FaultyDisk()
        self.start(disk=disk, on_complete=None)
        file = ClientFile(CONTENT)
        for number in (1, 2):
            self.assertEqual(self.ask(file.upload(number)).status, 200)
        write = disk.write

        def write_half(fd: int, data: bytes, offset: int) -> None:
            if len(data) == 8:
                write(fd, data[:4], offset)
                raise OSError(errno.ENOSPC, "full")
            write(fd, data, offset)

        disk.write = write_half  # type: ignore[method-assign, assignment]
        self.assertEqual(self.ask(file.upload(3)).status, 507)
        self.successResultOf(self.store.close())
        self.start(on_complete=None)
        for number in (1, 2, 3):
            self.assertEqual(self.ask(file.test(number)).content["status"], "complete")

    def test_private_folder_is_a_link(self) -> None:
        """A private folder that is a link to elsewhere is refused."""
        os.mkdir(self.root)
        os.symlink(os.path.abspath(self.mktemp()), os.path.join(self.root, ".resumable"))
        with self.assertRaises(OSError):
            self.make_store()

    def test_garbage(self) -> None:
        """Records that are none are as good as absent."""
        for garbage in (b"", b"\n", b"[]\n\0", b"{}\n", b"\xff\n", b"x" * 3000):
            for ending in ("chunks", "done"):
                self.root = self.mktemp()
                self.start()
                file = ClientFile(CONTENT)
                self.ask(file.upload(1))
                self.successResultOf(self.store.close())
                private = os.path.join(self.root, ".resumable")
                key = os.listdir(private)[0].partition(".")[0]
                with open(os.path.join(private, f"{key}.{ending}"), "wb") as record:
                    record.write(garbage)
                self.start()
                self.assertEqual(self.send_all(file), [3, 1, 2])
                self.assertEqual(self.finished(), {"file.dat": CONTENT})

    def test_other_files(self) -> None:
        """Files in the private folder that are not the receiver's stay."""
        self.start()
        path = os.path.join(self.root, ".resumable", "note")
        with open(path, "w"):
            pass
        self.successResultOf(self.store.close())
        self.start(expire=1)
        self.clock.advance(10**10)
        self.successResultOf(self.store.sweep())
        self.assertTrue(os.path.exists(path))

    def test_two_receivers(self) -> None:
        """A folder belongs to one store at a time."""
        self.start()
        with self.assertRaises(BlockingIOError):
            self.make_store()
        self.successResultOf(self.store.close())
        self.start()


class ExpiryTests(ReceiverTestCase):
    """Nothing is kept for ever."""

    def test_expires(self) -> None:
        """An upload that got nothing for long enough is forgotten; a finished file stays."""
        self.start(expire=100)
        stale = ClientFile(CONTENT, "stale", "stale")
        self.ask(stale.upload(1))
        self.send_all(ClientFile(CONTENT))
        sending = self.connect().send(ClientFile(CONTENT, "busy", "busy").upload(1)[:-60])
        newest = max(
            os.stat(os.path.join(self.root, ".resumable", name)).st_mtime
            for name in os.listdir(os.path.join(self.root, ".resumable"))
        )
        self.clock.advance(newest + 50)
        self.assertEqual(self.successResultOf(self.store.sweep()), 0)
        self.clock.advance(51)
        self.assertEqual(self.successResultOf(self.store.sweep()), 2)
        self.assertEqual(self.ask(stale.test(1)).status, 404)
        self.assertEqual(self.private(), ["chunks", "data"])
        self.assertEqual(self.finished(), {"file.dat": CONTENT})
        self.assertEqual(sending.responses(), [])

    def test_asked_for_lately(self) -> None:
        """What a client was told lately is not taken from it, though nothing was written since."""
        file, other = ClientFile(CONTENT), ClientFile(CONTENT, "other", "other")
        for question in (file.test(1), file.upload(1)):
            for pushed_out in (False, True):
                self.root = self.mktemp()
                self.clock = Clock()
                self.start(expire=100, max_open=1)
                self.assertEqual(self.ask(file.upload(1)).status, 200)
                long_ago = os.stat(self.root).st_mtime - 1000
                for name in os.listdir(os.path.join(self.root, ".resumable")):
                    os.utime(os.path.join(self.root, ".resumable", name), (long_ago, long_ago))
                self.clock.advance(long_ago + 1000)
                self.assertEqual(self.ask(question).status, 200)
                if pushed_out:
                    self.assertEqual(self.ask(other.upload(1)).status, 200)
                self.assertEqual(self.successResultOf(self.store.sweep()), 0)
                self.assertEqual(self.ask(file.test(1)).status, 200)

    def test_removed(self) -> None:
        """An upload whose files somebody has removed counts no more, open or not, once swept."""
        file, other = ClientFile(CONTENT), ClientFile(CONTENT, "other", "other")
        for is_open in (False, True):
            disk = FaultyDisk()
            self.start(disk=disk, expire=100, max_unfinished=1)
            if is_open:
                self.ask(file.test(1))
            self.assertEqual(self.ask(file.upload(1)).status, 200)
            if not is_open:
                self.successResultOf(self.store.close())
                disk = FaultyDisk()
                self.start(disk=disk, expire=100, max_unfinished=1)
            private = os.path.join(self.root, ".resumable")
            for name in os.listdir(private):
                os.unlink(os.path.join(private, name))
            self.assertEqual(self.ask(other.upload(1)).status, 507)
            self.assertEqual(self.successResultOf(self.store.sweep()), 0)
            self.assertEqual(len(disk.descriptors), 2)
            self.assertEqual(self.ask(other.upload(1)).status, 200)
            self.assertEqual(self.successResultOf(self.store.sweep()), 0)
            self.assertEqual(self.ask(other.test(1)).status, 200)
            self.successResultOf(self.store.close())
            self.root = self.mktemp()

    def test_expires_after_a_failure(self) -> None:
        """An upload whose record the disk refused to put right is put right, and then expires."""
        disk = FaultyDisk()
        self.start(expire=100, disk=disk)
        file = ClientFile(CONTENT)
        self.assertEqual(self.ask(file.upload(1)).status, 200)
        sync = disk.sync_data
        disk.sync_data = failing_from(2, sync)  # type: ignore[method-assign]
        self.assertEqual(self.ask(file.upload(2)).status, 500)
        disk.sync_data = sync  # type: ignore[method-assign]
        self.clock.advance(10**10)
        self.assertEqual(self.successResultOf(self.store.sweep()), 1)
        self.assertEqual(self.private(), [])

    def test_clock_set_back_during_a_sweep(self) -> None:
        """What was stored after the clock was set back is not as old as a sweep thought."""
        thread = Thread()
        self.start(expire=100, run=thread.run)
        file = ClientFile(CONTENT)
        wire = self.connect().send(file.upload(1))
        thread.work()
        self.assertEqual(wire.response().status, 200)
        private = os.path.join(self.root, ".resumable")
        names = [os.path.join(private, name) for name in os.listdir(private)]
        for name in names:
            os.utime(name, (1000, 1000))
        self.clock.advance(10000)
        swept = self.store.sweep()
        self.clock.rightNow = 1050.0
        thread.work()
        self.assertEqual(self.successResultOf(swept), 0)

    def test_sweep_while_closing(self) -> None:
        """A store that is closing forgets nothing, and that is no error."""
        self.start(expire=100)
        self.ask(ClientFile(CONTENT).upload(1))
        self.clock.advance(10**10)
        self.successResultOf(self.store.close())
        self.assertEqual(self.successResultOf(self.store.sweep()), 0)

    def test_never(self) -> None:
        """Without a time nothing expires."""
        self.start()
        self.ask(ClientFile(CONTENT).upload(1))
        self.clock.advance(10**10)
        self.assertEqual(self.successResultOf(self.store.sweep()), 0)

    def test_descriptors(self) -> None:
        """However many uploads begin, few files are open, and none when the store is closed."""
        disk = FaultyDisk()
        self.start(disk=disk, max_open=5)
        files = [ClientFile(CONTENT, f"{n}", f"{n}") for n in range(50)]
        for number in (1, 2, 3):
            for file in files:
                self.assertEqual(self.ask(file.upload(number)).status, 200)
                self.assertLessEqual(len(disk.descriptors), 2 * 6 + 2)
        self.assertEqual(len(self.finished()), 50)
        self.successResultOf(self.store.close())
        self.assertEqual(disk.descriptors, set())

    def test_real_disk(self) -> None:
        """The real disk does all this too."""
        self.start(disk=Disk())
        self.assertEqual(self.send_all(ClientFile(CONTENT)), [3, 1, 2])
        self.assertEqual(self.finished(), {"file.dat": CONTENT})


class AnyOrderTests(ReceiverTestCase):
    """Properties of arbitrary uploads."""

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def test_any_schedule(self, data: st.DataObject) -> None:
        """In any order, with restarts and repetitions anywhere, the file arrives byte for byte."""
        self.root, self.received = self.mktemp(), []
        content = data.draw(st.binary(max_size=64))
        chunk_size = data.draw(st.integers(1, 70))
        force = data.draw(st.booleans())
        file = ClientFile(content, chunk_size=chunk_size, force=force)
        numbers = list(range(1, file.layout.count + 1))
        order = data.draw(st.lists(st.sampled_from(numbers), max_size=20))
        order += data.draw(st.permutations(numbers))
        self.start(disk=QuickDisk())
        for number in order:
            if data.draw(st.integers(0, 9)) == 0:
                self.successResultOf(self.store.close())
                self.start(disk=QuickDisk())
            self.assertEqual(self.ask(file.upload(number)).status, 200)
        self.assertEqual(self.finished(), {"file.dat": content})
        self.assertEqual(len(self.received), 1)
        self.successResultOf(self.store.close())


class InterleavingTests(ReceiverTestCase):
    """Something happens between a look and what follows from it."""

    def setUp(self) -> None:
        super().setUp()
        self.thread, self.disk = Thread(), FaultyDisk()

    def send(self, file: ClientFile, number: int) -> Response:
        """Send a chunk, and let everything happen."""
        wire = self.connect().send(file.upload(number))
        self.thread.work()
        return wire.response()

    def age(self, seconds: float = 1000) -> None:
        """Let so much time pass for what is on the disk."""
        private = os.path.join(self.root, ".resumable")
        newest = max(os.stat(os.path.join(private, name)).st_mtime for name in os.listdir(private))
        self.clock.rightNow = newest + seconds

    def crash_full(self, names: str) -> None:
        """Leave uploads of which all chunks are there and only the end is missing."""
        self.start(disk=self.disk)
        for name in names:
            self.disk.link = fail_once(self.disk.link, BROKEN)  # type: ignore[method-assign]
            self.ask(ClientFile(CONTENT, name, name, chunk_size=100).upload(1))
        self.successResultOf(self.store.close())
        self.assertEqual(self.finished(), {})
        self.disk = FaultyDisk()

    def close(self) -> None:
        """Close the store, and let everything happen."""
        closing = self.store.close()
        self.thread.work()
        self.successResultOf(closing)

    def test_back_during_a_sweep(self) -> None:
        """An upload that is sent to while a sweep is at work is not forgotten."""
        files = [ClientFile(CONTENT, name, name) for name in "abc"]
        for late in range(1, 8):
            self.root = self.mktemp()
            self.start(expire=100, run=self.thread.run)
            for file in files:
                self.assertEqual(self.send(file, 1).status, 200)
            self.age()
            sweep = self.store.sweep()
            self.thread.work(late)
            wires = [self.connect().send(file.upload(2)) for file in files]
            self.thread.work()
            self.assertEqual([wire.response().status for wire in wires], [200] * 3)
            self.successResultOf(sweep)
            for file in files:
                asking = self.connect().send(file.test(2))
                self.thread.work()
                self.assertEqual(asking.response().status, 200)
            self.hang_up()
            self.close()

    def test_back_and_gone_during_a_sweep(self) -> None:
        """One that was sent to since the list of the expired was made, and is idle again, stays."""
        files = [ClientFile(CONTENT, name, name) for name in "abc"]
        self.start(expire=100, run=self.thread.run)
        for file in files:
            self.send(file, 1)
        self.age()
        now = self.clock.seconds()
        sweep = self.store.sweep()
        self.thread.work(1)
        wires = [self.connect().send(file.upload(2)) for file in files]
        removing = self.thread.waiting.pop(0)
        self.thread.work()
        statuses = [response.status for wire in wires for response in wire.responses()]
        self.assertEqual(statuses, [200, 200])  # the third waits for its lock
        self.thread.waiting.append(removing)
        private = os.path.join(self.root, ".resumable")
        for name in os.listdir(private):
            os.utime(os.path.join(private, name), (now, now))
        self.thread.work()
        self.assertEqual(self.successResultOf(sweep), 0)
        self.close()

    def test_repr(self) -> None:
        """It is shown with its folder, and has for applications what they need."""
        self.start()
        self.assertEqual(repr(self.store), f"<Store {self.store.root!r}>")
        public = {name for name in dir(self.store) if not name.startswith("_")}
        methods = {"find", "begin", "abandon", "check", "recover", "sweep", "close"}
        self.assertEqual(
            public, {"root", "expire", "remember", "on_complete", "unfinished"} | methods
        )

    def test_limits_at_once(self) -> None:
        """Uploads that begin at once are held against limits together."""
        for limits in ({"max_unfinished": 2}, {"max_unfinished_size": 70}):
            self.root = self.mktemp()
            self.start(run=self.thread.run, **limits)
            files = [ClientFile(CONTENT, f"{n}", f"{n}") for n in range(20)]
            wires = [self.connect().send(file.upload(1)) for file in files]
            self.thread.work()
            statuses = [wire.response().status for wire in wires]
            self.assertEqual((statuses.count(200), statuses.count(507)), (2, 18))
            self.hang_up()
            self.close()

    def test_limits_after_a_failure(self) -> None:
        """An upload that could not begin counts for nothing."""
        self.start(disk=self.disk, max_unfinished=1)
        self.disk.create = fail_once(self.disk.create, BROKEN)  # type: ignore[method-assign]
        self.assertEqual(self.ask(ClientFile(CONTENT, "a", "a").upload(1)).status, 500)
        self.assertEqual(self.ask(ClientFile(CONTENT, "b", "b").upload(1)).status, 200)
        self.assertEqual(self.ask(ClientFile(CONTENT, "a", "a").upload(1)).status, 507)

    def test_limits_while_it_cannot_be_removed(self) -> None:
        """One that could not begin counts for as long as its record is there."""
        first, second = (ClientFile(CONTENT, name, name) for name in "ab")
        for stays, status in ((".chunks", 507), (".data", 200)):
            self.root, disk = self.mktemp(), FaultyDisk()
            sync, remove = disk.sync, disk.remove
            self.start(disk=disk, max_unfinished=1, expire=100)

            def broken(fd: int, sync: Any = sync) -> None:
                if os.path.isdir(f"/proc/self/fd/{fd}"):
                    raise BROKEN
                sync(fd)

            def stuck(name: str, folder: int, remove: Any = remove, stays: str = stays) -> None:
                if name.endswith(stays) and self.private():
                    raise BROKEN
                remove(name, folder)

            disk.sync, disk.remove = broken, stuck  # type: ignore[method-assign]
            self.assertEqual(self.ask(first.upload(1)).status, 500)
            disk.sync, disk.remove = sync, remove  # type: ignore[method-assign]
            self.assertEqual(self.ask(second.upload(1)).status, status)
            self.age()
            self.successResultOf(self.store.sweep())
            self.assertEqual(self.ask(second.upload(1)).status, 200)
            self.hang_up()
            self.successResultOf(self.store.close())

    def test_room_is_promised_once(self) -> None:
        """Two files that fit alone and not together are not both begun, also when at once."""
        first, second = (ClientFile(CONTENT, name, name) for name in "ab")
        self.disk.free = lambda fd: 45  # type: ignore[method-assign]
        self.start(disk=self.disk, run=self.thread.run)
        wires = [self.connect().send(file.upload(1)) for file in (first, second)]
        self.thread.work()
        self.assertEqual([wire.response().status for wire in wires], [200, 507])
        self.clock.advance(899)
        self.assertEqual(self.send(second, 1).status, 507)
        self.assertEqual(self.send(first, 2).status, 200)
        self.clock.advance(899)
        self.assertEqual(self.send(second, 1).status, 507)
        self.clock.advance(2)
        self.assertEqual(self.send(second, 1).status, 200)
        self.hang_up()
        self.close()

    def test_room_that_was_used(self) -> None:
        """What an upload has written is not promised to it any more."""
        first, second = (ClientFile(CONTENT, name, name) for name in "ab")
        self.disk.free = lambda fd: 50  # type: ignore[method-assign]
        self.start(disk=self.disk)
        self.ask(first.upload(1))
        self.assertEqual(self.ask(second.upload(1)).status, 507)
        self.ask(first.upload(2))
        self.assertEqual(self.ask(second.upload(1)).status, 200)

    def test_room_after_a_restart(self) -> None:
        """What was begun before a restart has still its room, less what is written."""
        self.disk.free = lambda fd: 59  # type: ignore[method-assign]
        self.start(disk=self.disk)
        first, second = (ClientFile(CONTENT, name, name) for name in "ab")
        self.ask(first.upload(3))
        self.successResultOf(self.store.close())
        self.disk = FaultyDisk()
        self.disk.free = lambda fd: 54  # type: ignore[method-assign]
        self.start(disk=self.disk)
        self.assertEqual(self.ask(second.upload(1)).status, 507)
        self.disk.free = lambda fd: 55  # type: ignore[method-assign]
        self.assertEqual(self.ask(second.upload(1)).status, 200)

    def test_client_during_recovery(self) -> None:
        """A client that asks for an upload during recovery ends neither of them."""
        self.crash_full("abcd")
        for steps in range(12):
            root = self.root
            self.root = self.mktemp()
            shutil.copytree(root, self.root)
            self.start(disk=FaultyDisk(), run=self.thread.run)
            recovery = self.store.recover()
            self.thread.work(steps)
            wires = [
                self.connect().send(ClientFile(CONTENT, name, name, chunk_size=100).test(1))
                for name in "bcda"
            ]
            self.thread.work()
            self.successResultOf(recovery)
            self.assertEqual(self.finished(), dict.fromkeys("abcd", CONTENT))
            for wire in wires:
                self.assertEqual(wire.response().content["status"], "complete")
            self.hang_up()
            self.close()
            self.root = root

    def test_one_fails_to_recover(self) -> None:
        """Recovery goes on after one that fails, and the next sweep tries that again."""
        self.crash_full("abc")
        self.start(disk=self.disk, expire=100)
        self.disk.link = fail_once(self.disk.link, BROKEN)  # type: ignore[method-assign]
        self.successResultOf(self.store.recover())
        self.assertEqual(len(self.finished()), 2)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.successResultOf(self.store.sweep())
        self.assertEqual(self.finished(), dict.fromkeys("abc", CONTENT))

    def test_full_ones_are_not_swept(self) -> None:
        """Uploads that are full are finished by a sweep, however old they are."""
        self.crash_full("abc")
        for recovers in (False, True):
            root = self.root
            self.root = self.mktemp()
            shutil.copytree(root, self.root)
            self.start(disk=FaultyDisk(), expire=100, run=self.thread.run)
            self.age()
            recovery = self.store.recover() if recovers else None
            sweep = self.store.sweep()
            self.thread.work()
            self.assertIsNone(None if recovery is None else self.successResultOf(recovery))
            self.successResultOf(sweep)
            self.assertEqual(self.finished(), dict.fromkeys("abc", CONTENT))
            self.close()
            self.root = root

    def test_one_fails_to_be_swept(self) -> None:
        """A sweep goes on after an upload that cannot be removed, and the next removes it."""
        self.start(disk=self.disk, expire=100)
        for name in "abc":
            self.ask(ClientFile(CONTENT, name, name).upload(1))
        self.age()
        self.disk.remove = fail_once(self.disk.remove, BROKEN)  # type: ignore[method-assign]
        self.assertEqual(self.successResultOf(self.store.sweep()), 2)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.assertEqual(self.successResultOf(self.store.sweep()), 1)
        self.assertEqual(self.private(), [])

    def test_one_cannot_be_read_at_the_start(self) -> None:
        """A receiver starts although the disk cannot read one upload now; later it can."""
        self.start(disk=self.disk)
        files = [ClientFile(CONTENT, name, name) for name in "ab"]
        for file in files:
            self.ask(file.upload(1))
        self.successResultOf(self.store.close())
        self.disk = FaultyDisk()
        self.disk.read = fail_once(self.disk.read, BROKEN)  # type: ignore[method-assign]
        self.start(disk=self.disk)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        for file in files:
            self.assertEqual(self.ask(file.test(1)).status, 200)


class CancelTests(ReceiverTestCase):
    """Those who look for an upload are cancelled."""

    def test_thread_ends_first(self) -> None:
        """Whoever comes after one that was cancelled waits for what that has a thread do."""
        thread, disk = Thread(), FaultyDisk()
        self.start(disk=disk, run=thread.run)
        given = Chunk(identifier="i", offset=0, layout=ChunkLayout(35, 10), file_name="f")
        for steps in (0, 1):
            first = ensureDeferred(self.store.begin("", given))
            second = ensureDeferred(self.store.begin("", given))
            thread.work(steps)
            self.assertEqual(len(thread.waiting), int(steps < 1))
            first.cancel()
            self.assertEqual(len(thread.waiting), int(steps < 1))
            thread.work()
            for entry in map(self.successResultOf, (first, second)):
                self.assertEqual(entry.record.file_name, "f")
                entry.release()
            given = evolve(given, identifier=f"{steps}")
        closing = self.store.close()
        thread.work()
        self.successResultOf(closing)


class CloseTests(ReceiverTestCase):
    """After the end nothing touches the disk."""

    def test_whatever_is_under_way(self) -> None:
        """Whenever a store is closed, what it does in threads ends first, and nothing follows."""
        file = ClientFile(CONTENT, chunk_size=100)
        for steps in range(8):
            self.root = self.mktemp()
            thread, disk = Thread(), FaultyDisk()
            self.start(disk=disk, run=thread.run, expire=1)
            wire = self.connect().send(file.upload(1))
            sweep = self.store.sweep()
            thread.work(steps)
            closing = [self.store.close(), self.store.close()]
            if thread.waiting:
                self.assertNoResult(closing[0])
                self.assertNoResult(closing[1])
            thread.work()
            for each in closing:
                self.successResultOf(each)
            self.assertEqual(disk.descriptors, set())
            sweep.addErrback(lambda failure: failure.trap(Refused))
            self.successResultOf(sweep)
            calls = len(disk.calls)
            for late in (file.test(1), file.upload(1)):
                self.assertEqual(self.connect().send(late).response().status, 503)
            self.assertEqual((len(disk.calls), thread.waiting), (calls, []))
            self.assertIn(wire.response().status, (200, 503))
            self.hang_up()
            self.start()
            self.successResultOf(self.store.recover())
            self.assertEqual(self.ask(file.upload(1)).status, 200)
            self.assertEqual(self.finished(), {"file.dat": CONTENT})
            self.successResultOf(self.store.close())

    def test_cancelled(self) -> None:
        """Who waits for the end no longer does not keep it from coming."""
        thread, disk = Thread(), FaultyDisk()
        self.start(disk=disk, run=thread.run)
        self.connect().send(ClientFile(CONTENT).upload(1))
        closing = self.store.close()
        closing.cancel()
        self.failureResultOf(closing, CancelledError)
        thread.work()
        self.assertEqual(disk.descriptors, set())

    def test_slow_sender(self) -> None:
        """Whoever is still sending does not hold up the end, and writes nothing after it."""
        digest = sha256(CONTENT[:10]).hexdigest()
        for missing, checksum in ((60, ""), (10, ""), (10, digest)):
            self.root, disk = self.mktemp(), FaultyDisk()
            self.start(disk=disk)
            file = ClientFile(CONTENT, checksum=bool(checksum))
            data = file.upload(1, checksum=checksum)
            wire = self.connect().send(data[:-missing])
            self.successResultOf(self.store.close())
            self.assertEqual(disk.descriptors, set())
            self.assertEqual(wire.send(data[-missing:]).response().status, 503)
            self.hang_up()

    def test_disk_fails_meanwhile(self) -> None:
        """A disk that fails while a store closes keeps nobody waiting."""

        def remove() -> None:
            for name in os.listdir(os.path.join(self.root, ".resumable")):
                os.remove(os.path.join(self.root, ".resumable", name))

        def fail() -> None:
            disk.sync_data = failing_from(1, disk.sync_data)  # type: ignore[method-assign]

        for breaks in (remove, fail):
            self.root, thread, disk = self.mktemp(), Thread(), FaultyDisk()
            self.start(disk=disk, run=thread.run)
            wire = self.connect().send(ClientFile(CONTENT).upload(1))
            thread.work(1)
            closing = self.store.close()
            breaks()
            thread.work()
            self.successResultOf(closing)
            self.assertEqual(wire.response().status, 500)
            self.assertEqual(disk.descriptors, set())
            self.hang_up()

    def test_finished_one_in_use(self) -> None:
        """Neither does whoever uses an upload that is finished."""
        disk = FaultyDisk()
        self.start(disk=disk, on_complete=None)
        file = ClientFile(CONTENT)
        for number in (1, 2):
            self.ask(file.upload(number))
        data = file.upload(1)
        wire = self.connect().send(data[:-60])
        self.ask(file.upload(3))
        self.successResultOf(self.store.close())
        self.assertEqual(disk.descriptors, set())
        self.assertEqual(wire.send(data[-60:]).response().status, 503)


class SetAsideTests(ReceiverTestCase):
    """What cannot be read back is kept."""

    def test_set_aside(self) -> None:
        """A record or data that is damaged is set aside, each time, and the upload begins anew."""
        file = ClientFile(CONTENT)
        for ending, content in ((".chunks", b"garbage"), (".data", None)):
            for restarted in (False, True):
                self.root = self.mktemp()
                for _ in range(2):
                    self.start()
                    self.ask(file.upload(1))
                    self.successResultOf(self.store.close())
                    if restarted:
                        self.spoil(ending, content)
                    self.start()
                    if not restarted:
                        self.spoil(ending, content)
                    self.assertEqual(self.ask(file.test(1)).status, 404)
                    self.successResultOf(self.store.close())
                self.assertEqual(
                    [name for name in self.private() if "aside" in name],
                    ["aside-1.chunks", "aside-1.data", "aside-2.chunks", "aside-2.data"],
                )
                self.start(expire=1)
                self.assertEqual(self.send_all(file), [3, 1, 2])
                self.clock.rightNow = 1e10
                self.successResultOf(self.store.sweep())
                self.assertEqual(len([n for n in self.private() if "aside" in n]), 4)
                self.successResultOf(self.store.close())
                self.clock.rightNow = 0

    def spoil(self, ending: str, content: bytes | None) -> None:
        """Overwrite one of the upload's files, or cut its end off."""
        key = key_of("", "an-identifier", ChunkLayout(35, 10))
        path = os.path.join(self.root, ".resumable", key + ending)
        with open(path, "r+b") as opened:
            if content is None:
                opened.truncate(5)
            else:
                opened.write(content)

    def test_damaged_end(self) -> None:
        """A damaged record of an end is set aside as well."""
        self.start()
        file = ClientFile(CONTENT)
        self.send_all(file)
        self.spoil(".done", None)
        self.assertEqual(self.ask(file.test(1)).status, 404)
        self.assertEqual(self.private(), ["aside-1.done"])
        self.assertEqual(self.finished(), {"file.dat": CONTENT})

    def test_garbage(self) -> None:
        """Whatever stands in a record, a receiver starts, and looks nowhere else."""
        self.start()
        file = ClientFile(CONTENT)
        self.send_all(file)
        path = os.path.join(
            self.root, ".resumable", key_of("", "an-identifier", ChunkLayout(35, 10)) + ".done"
        )
        with open(path, "rb") as opened:
            good = opened.read()
        os.link(os.path.join(self.root, "file.dat"), os.path.join(self.root, "..", "elsewhere"))
        self.addCleanup(os.unlink, os.path.join(self.root, "..", "elsewhere"))
        for name in ('"../elsewhere"', '".."', '""', '"a\\u0000"', '"\\ud800"', "[" * 10**5):
            self.successResultOf(self.store.close())
            with open(path, "wb") as opened:
                opened.write(good.replace(b'"name": "file.dat"', b'"name": ' + name.encode()))
            self.start()
            self.assertEqual(self.ask(file.test(1)).status, 404, name[:20])

    def test_long_names(self) -> None:
        """However long the names are that a client gives, the record can be read back."""
        disk = FaultyDisk()
        self.start(disk=disk)
        long = "\x01" * 60000
        given = [
            Chunk(
                identifier=long + each,
                offset=0,
                layout=ChunkLayout(35, 10),
                file_name=long,
                relative_path=long,
                type=long,
            )
            for each in "ab"
        ]
        for each in given:
            with self.successResultOf(ensureDeferred(self.store.begin("", each))):
                pass
        self.assertEqual(self.private(), ["chunks", "chunks", "data", "data"])
        self.successResultOf(self.store.close())
        self.start()
        for each in given:
            entry = self.successResultOf(ensureDeferred(self.store.find("", each)))
            self.assertEqual(entry.record.layout, each.layout)

    def test_folder_is_durable(self) -> None:
        """The names of folders that were made are durable before any response."""
        disk = FaultyDisk()
        self.start(disk=disk)
        self.assertEqual(disk.calls[:4], ["open_root", "open_folder", "lock", "sync"])
