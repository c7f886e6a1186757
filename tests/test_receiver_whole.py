"""Tests for small files that arrive whole, and what a crash leaves of them."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from tempfile import mkdtemp

from attrs import evolve
from twisted.internet.task import Clock

from tests.model import Step, World
from tests.model.disk import Fault
from tests.model.ending import finish
from tests.model.life import Settings
from tests.model.log import watched
from tests.model.platter import names_in
from tests.model.schedule import PLACE, collected
from tests.model.upload import Plan
from tests.receiver_rig import ClientFile, FaultyDisk, LinklessDisk, ReceiverTestCase, Thread
from txresumable.receiver import Refused

POWER_CUT, KILLED = 0, -1
SIZES = (21, 22, 24)
SETTINGS = Settings(
    plans=tuple(
        Plan(
            owner="",
            identifier=f"upload-{size}",
            name=f"{size}.dat",
            size=size,
            chunk_size=100,
            force=False,
            method="octet",
        )
        for size in SIZES
    ),
    hook="none",
    held=False,
)


class FailedAndKilled(Fault):
    """
    The names of a group cannot be made durable, and after some calls more the process is killed.

    :ivar is_killed: whether it was.
    """

    def __init__(self, calls: int) -> None:
        super().__init__(errno.EIO, calls, 1)
        self._syncs = 2
        self.is_killed = False

    def hits(self, call: str) -> bool:
        if self._syncs:
            self._syncs -= call == "sync_all"
            return not self._syncs
        self.error = KILLED
        self.is_killed = self.is_killed or (not self.after and bool(self.times))
        return super().hits(call)


class CrashTests(ReceiverTestCase):
    """
    Three small files of one group, in two folders, and something that goes wrong at each call to
    the disk: what was acknowledged is there, nothing else has a name, and all arrive in the end.
    """

    def crowd(
        self,
        fault: Fault | None,
        seed: int,
        check: Callable[[World], None] = lambda world: None,
        end: Callable[[World], None] = lambda world: None,
    ) -> None:
        """Let it happen, and all files arrive; one check comes in between, one at the end."""
        with collected():
            place = mkdtemp(dir=PLACE)
            world = World(evolve(SETTINGS, seed=seed, received_once=seed % 2 == 1), place)
            try:
                with watched(world):
                    world.disturbed = True
                    world.life.disk.fault = fault
                    world.do(Step("crowd", 0, 1, 0))
                    self.check_names(world)
                    check(world)
                    finish(world)
                    end(world)
            finally:
                world.end()
                shutil.rmtree(place)

    def check_tidy(self, world: World) -> None:
        """Of what failed nothing is left, under no other name either."""
        world.come_to_rest()
        self.check_kept(world)

    def check_kept(self, world: World) -> None:
        """There is nothing but what arrived, under its own name, and the ends of that."""
        endings = {os.path.splitext(name)[1] for name in names_in(world.platter.private)}
        self.assertLessEqual(endings, {".done"})
        names = [name for name, _ in world.platter.finished()]
        self.assertLessEqual(set(names), {"21.dat", "24.dat", "a/22.dat"})

    def check_names(self, world: World) -> None:
        """Nothing is under its name that is not whole."""
        contents = [upload.file.content for upload in world.uploads]
        for name, content in world.platter.finished():
            self.assertIn(content, contents, f"{name} is not whole")

    def at_each_call(self, error: int, seeds: int, times: int = 1) -> int:
        """Let it go wrong at each call; how many there are."""
        check = self.check_tidy if error > 0 and times == 1 else lambda world: None
        calls = 0
        while True:
            for seed in range(seeds):
                fault = Fault(error, calls, times)
                self.crowd(fault, seed, check)
            if fault.times:
                return calls
            calls += 1

    def test_power_cuts(self) -> None:
        """The power is cut, and takes any part of what was not durable."""
        self.assertGreater(self.at_each_call(POWER_CUT, 4), 39)

    def test_kills(self) -> None:
        """The process is killed."""
        self.at_each_call(KILLED, 2)

    def test_errors(self) -> None:
        """The disk fails, once or twice."""
        for times in (1, 2):
            self.at_each_call(errno.EIO, 2, times)

    def test_full(self) -> None:
        """The disk is full."""
        self.at_each_call(errno.ENOSPC, 1)

    def test_killed_while_they_are_taken_back(self) -> None:
        """What failed is removed by the next start if the process is killed while it does that."""
        calls = 0
        while True:
            fault = FailedAndKilled(calls)
            self.crowd(fault, calls, end=self.check_kept)
            if not fault.is_killed:
                break
            calls += 1
        self.assertGreater(calls, 3 * 4)

    def test_after_the_responses(self) -> None:
        """The power is cut when all are there, before the system wrote their ends down."""

        def cut(world: World) -> None:
            self.assertTrue(all(upload.complete for upload in world.uploads))
            world.crash(world.settings.seed)
            self.assertEqual({name[64:] for name in names_in(world.platter.private)}, {".done"})
            self.assertEqual(len(names_in(world.platter.private)), len(SIZES))

        for seed in range(12):
            self.crowd(None, seed, cut)


class WholeTests(ReceiverTestCase):
    """Files that arrive in one request go to the disk together."""

    def setUp(self) -> None:
        super().setUp()
        self.thread, self.disk = Thread(), FaultyDisk()

    def send(self, *files: ClientFile) -> list[int]:
        """Send files at once; the statuses of the responses."""
        self.disk.calls.clear()
        wires = [self.connect().send(file.upload(1)) for file in files]
        settle(self.clock, self.thread)
        return [wire.response().status for wire in wires]

    def waits(self) -> list[str]:
        """How the disk was waited for."""
        return [call for call in self.disk.calls if call.startswith("sync")]

    def test_two_waits(self) -> None:
        """However many there are, and in however many folders, the disk is waited for twice."""
        self.start(run=self.thread.run, disk=self.disk, on_complete=None)
        files = [file_of(number, f"{number % 5}/{number}") for number in range(20)]
        self.assertEqual(self.send(*files), [200] * 20)
        self.assertEqual(self.waits(), ["sync_all"] * 2)
        self.assertEqual(self.finished(), {f"{n % 5}/{n}": files[n].content for n in range(20)})
        self.assertEqual(self.private(), ["done"] * 20)
        self.disk.calls.clear()
        for file in files:
            self.assertEqual(self.test(file), 200)
        # Each is as it was at its end, which is why none is read.
        self.assertEqual(self.disk.calls.count("read"), 20)

    def test(self, file: ClientFile) -> int:
        """Ask for a file."""
        wire = self.connect().send(file.test(1))
        settle(self.clock, self.thread)
        return wire.response().status

    def test_unreadable_at_the_start(self) -> None:
        """An end that a crash left, and that cannot be looked at then, counts once it can be."""
        for sent_first in (False, True):
            self.root, self.disk = self.mktemp(), FaultyDisk()
            self.start(run=self.thread.run, disk=self.disk, on_complete=None)
            self.assertEqual(self.send(file_of(1, "a")), [200])
            self.hang_up()
            self.successResultOf(self.store.close())
            private = os.path.join(self.root, ".resumable")
            (done,) = os.listdir(private)
            end = os.path.join(private, done)
            os.rename(end, end.replace(".done", ".new"))
            look, self.disk = self.disk.status, FaultyDisk()

            def status(name: str, folder: int, look: Callable[..., object] = look) -> object:
                if name == "a":
                    raise OSError(errno.EIO, "cannot be read")
                return look(name, folder)

            self.disk.status = status  # type: ignore
            self.start(run=self.thread.run, disk=self.disk, on_complete=None)
            self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
            del self.disk.status
            if sent_first:
                self.assertEqual(self.send(file_of(1, "a")), [200])
            self.assertEqual(self.test(file_of(1, "a")), 200)
            self.assertEqual((self.finished(), self.private()), ({"a": b"content 1"}, ["done"]))
            self.hang_up()

    def test_name_is_taken(self) -> None:
        """What wants a name that is taken goes the ordinary way; the others do not."""
        self.start(run=self.thread.run, disk=self.disk, on_complete=None)
        files = [file_of(1, "a"), file_of(2, "a"), file_of(3, "b")]
        self.assertEqual(self.send(*files), [200] * 3)
        self.assertEqual(sorted(self.finished().values()), [file.content for file in files])
        self.assertEqual(sorted(self.private()), ["done"] * 3)

    def test_sent_again(self) -> None:
        """What was received before is compared, and refused if it is another."""
        self.start(run=self.thread.run, disk=self.disk, on_complete=None)
        self.assertEqual(self.send(file_of(1, "a")), [200])
        self.assertEqual(self.send(file_of(1, "a"), file_of(2, "b")), [200, 200])
        self.assertEqual(self.send(file_of(1, "a", b"CONTENT 1")), [409])
        self.assertEqual(self.finished(), {"a": b"content 1", "b": b"content 2"})
        self.assertEqual(self.private(), ["done", "done"])

    def test_rejected(self) -> None:
        """What was rejected before still is."""

        def reject(file: object) -> None:
            raise Refused(422, "no")

        self.start(run=self.thread.run, disk=self.disk, on_complete=reject)
        self.assertEqual(self.send(file_of(1, "a")), [422])
        self.store.on_complete = None
        self.assertEqual(self.send(file_of(1, "a"), file_of(2, "b")), [422, 200])
        self.hang_up()
        self.successResultOf(self.store.close())
        self.start(run=self.thread.run, disk=self.disk, on_complete=None)
        self.assertEqual(self.send(file_of(1, "a"), file_of(3, "c")), [422, 200])

    def test_checksum(self) -> None:
        """One that is not what was announced is refused, and leaves nothing."""
        self.start(run=self.thread.run, disk=self.disk, on_complete=None)
        wrong = ClientFile(b"other", "a", "a", chunk_size=100, checksum=True)
        wire = self.connect().send(wrong.upload(1, checksum="0" * 64))
        self.assertEqual(self.send(file_of(2, "b")), [200])
        self.assertEqual((wire.response().status, self.private()), (422, ["done"]))

    def test_mode(self) -> None:
        """They have the permissions that files are given."""
        self.start(run=self.thread.run, disk=self.disk, on_complete=None, mode=0o604)
        self.assertEqual(self.send(file_of(1, "folder/a")), [200])
        for name, mode in (("folder/a", 0o604), ("folder", 0o705)):
            found = os.stat(os.path.join(self.root, name)).st_mode
            self.assertEqual(found & 0o777, mode, name)

    def test_usual_mode(self) -> None:
        """Without a mode the process's own mask decides, as it does elsewhere."""
        self.start(run=self.thread.run, disk=self.disk, on_complete=None)
        before = os.umask(0)
        try:
            self.assertEqual(self.send(file_of(1, "a")), [200])
        finally:
            os.umask(before)
        self.assertEqual(os.stat(os.path.join(self.root, "a")).st_mode & 0o777, 0o666)

    def private_path(self, suffix: str) -> str:
        """Receive a file, take it away with its end, and tell where another part of it would be."""
        self.start(run=self.thread.run, disk=self.disk, on_complete=None)
        self.assertEqual(self.send(file_of(1, "a")), [200])
        private = os.path.join(self.root, ".resumable")
        (done,) = os.listdir(private)
        with open(os.path.join(private, done), "rb") as file:
            self.end = file.read()
        os.remove(os.path.join(private, done))
        os.remove(os.path.join(self.root, "a"))
        return os.path.join(private, done.replace(".done", suffix))

    def test_ends_that_do_not_count(self) -> None:
        """Of a file whose end was not written to its end, or without a name, nothing is left."""
        for size in (10, None):
            self.root, self.disk = self.mktemp(), FaultyDisk()
            data = self.private_path(".data")
            self.hang_up()
            self.successResultOf(self.store.close())
            for path, content in ((data, b"content 1"), (data[:-5] + ".new", self.end[:size])):
                with open(path, "wb") as file:
                    file.write(content)
            self.start(run=self.thread.run, disk=self.disk, on_complete=None)
            self.assertEqual((self.private(), self.finished()), ([], {}))
            self.hang_up()

    def test_in_the_way(self) -> None:
        """What is in the way of one file, in the private folder, is no matter of the others."""
        for suffix in (".data", ".new"):
            self.root, self.disk = self.mktemp(), FaultyDisk()
            with open(self.private_path(suffix), "wb"):
                pass
            self.assertEqual(self.send(file_of(1, "a"), file_of(2, "b")), [200, 200], suffix)
            self.assertEqual(self.waits()[:2], ["sync_all"] * 2)
            self.assertEqual(self.finished(), {"a": b"content 1", "b": b"content 2"})
            self.hang_up()

    def test_taken_back(self) -> None:
        """If names cannot be made durable, what others have put there meanwhile is not removed."""
        for replaced in (True, False):
            self.root, self.disk = self.mktemp(), FaultyDisk()
            self.start(run=self.thread.run, disk=self.disk, on_complete=None)
            path, sync, calls = os.path.join(self.root, "a"), self.disk.sync_all, iter((0, 1))

            def failing(
                fd: int,
                replaced: bool = replaced,
                path: str = path,
                sync: Callable[[int], None] = sync,
                calls: Iterator[int] = calls,
            ) -> None:
                if not next(calls):
                    sync(fd)
                    return
                os.remove(path)
                if replaced:
                    with open(path, "wb") as file:
                        file.write(b"another's")
                raise OSError(errno.EIO, "broken")

            self.disk.sync_all = failing  # type: ignore[method-assign]
            self.assertEqual(self.send(file_of(1, "a"), file_of(2, "b")), [200, 200])
            contents = [b"another's"] if replaced else []
            self.assertEqual(
                sorted(self.finished().values()), sorted([*contents, b"content 1", b"content 2"])
            )
            self.assertEqual(self.private(), ["done"] * 2)
            self.hang_up()

    def test_one_fails(self) -> None:
        """What the disk says of one file, or of its name, is no matter of the others."""
        for call, name in (("create", ".data"), ("create", ".new"), ("link", ""), ("replace", "")):
            self.root, self.disk = self.mktemp(), FaultyDisk()
            self.start(run=self.thread.run, disk=self.disk, on_complete=None)
            real, failed = getattr(self.disk, call), []

            def failing(
                *arguments: object,
                real: Callable[..., object] = real,
                name: str = name,
                failed: list[object] = failed,
            ) -> object:
                if not failed and str(arguments[0]).endswith(name):
                    failed.append(arguments)
                    raise OSError(errno.EIO, "broken")
                return real(*arguments)

            setattr(self.disk, call, failing)
            files = [file_of(number, f"{number}") for number in range(5)]
            self.assertEqual(self.send(*files), [200] * 5)
            self.assertEqual(self.finished(), {f"{n}": files[n].content for n in range(5)})
            self.assertEqual(self.private(), ["done"] * 5)
            # Those of the group, and those of the one that came the ordinary way.
            self.assertEqual(self.waits()[:2], ["sync_all"] * 2)
            self.assertLess(len(self.waits()), 12)
            self.hang_up()
            self.successResultOf(self.store.close())

    def test_no_room(self) -> None:
        """Where there is no room for all, each is accepted or refused for itself."""
        self.start(run=self.thread.run, disk=self.disk, on_complete=None)
        self.disk.free = lambda fd: 12  # type: ignore[method-assign]
        self.assertEqual(self.send(file_of(1, "a"), file_of(2, "b")), [507, 507])
        self.assertEqual(
            (self.send(file_of(1, "a")), self.finished()), ([200], {"a": b"content 1"})
        )

    def test_folder_is_gone(self) -> None:
        """Where the folder was removed all are refused."""
        self.start(run=self.thread.run, disk=self.disk, on_complete=None)
        os.rename(self.root, self.root + ".moved")
        self.assertEqual(self.send(file_of(1, "a"), file_of(2, "b")), [503, 503])
        self.assertEqual(os.listdir(self.root + ".moved"), [".resumable"])
        os.rename(self.root + ".moved", self.root)

    def test_not_possible(self) -> None:
        """Where not all can be made durable at once, or there are no links, each goes alone."""
        for disk, can_sync_all in ((LinklessDisk(), True), (FaultyDisk(), False)):
            self.root, self.disk = self.mktemp(), disk
            disk.can_sync_all = lambda fd, it=can_sync_all: it  # type: ignore
            self.start(run=self.thread.run, disk=disk, on_complete=None)
            self.assertEqual(self.send(file_of(1, "a")), [200])
            self.assertEqual(
                (self.finished(), "sync_all" in self.waits()), ({"a": b"content 1"}, False)
            )
            self.hang_up()


def file_of(number: int, path: str, content: bytes | None = None) -> ClientFile:
    """A file of one chunk."""
    data = b"content %d" % number if content is None else content
    name = os.path.basename(path)
    return ClientFile(data, name, f"file-{number}", chunk_size=100, relative_path=path)


def settle(clock: Clock, thread: Thread) -> None:
    """Let all happen that needs no time."""
    for _ in range(20):
        clock.advance(0)
        thread.work()
