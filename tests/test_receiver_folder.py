"""Tests for the files of uploads on the disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import evolve
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.receiver_rig import FaultyDisk, fail_once
from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import Refused
from txresumable.receiver.store.ages import Expiry
from txresumable.receiver.store.files import UploadFiles
from txresumable.receiver.store.folder import Folder, Found
from txresumable.receiver.store.names import key_of
from txresumable.receiver.store.record import Done, Record
from txresumable.receiver.store.unwritten import Unwritten

KEY, OTHER = sorted(key_of("", name, ChunkLayout(35, 10)) for name in "ab")
RECORD = Record(
    id="1",
    owner="",
    identifier="a",
    file_name="file.dat",
    relative_path="",
    path="file.dat",
    type="",
    parameters={},
    size=35,
    chunk_size=10,
    force=False,
)


def broken(*_: Any) -> Any:
    """What a disk does."""
    raise OSError(errno.EIO, "broken")


class FolderTestCase(SynchronousTestCase):
    """Tests that need a folder, and a disk that counts."""

    def setUp(self) -> None:
        self.root = self.mktemp()
        self.private = os.path.join(self.root, ".resumable")
        self.start()
        self.addCleanup(lambda: self.folder.close())

    def start(self) -> None:
        """Open the folder with a new disk."""
        self.disk = FaultyDisk()
        self.folder = Folder(self.root, self.disk)

    def restart(self) -> list[Found]:
        """Open it once more, and scan it."""
        self.folder.close()
        self.start()
        return list(self.folder.scan())

    def begin(self, *durable: int, key: str = KEY, record: Record = RECORD) -> None:
        """Leave an upload with some of its chunks durable."""
        files = self.folder.create(key, record, 0)
        if durable:
            files.commit({offset: Unwritten(0) for offset in durable})
        files.close()

    def finish(self, key: str = KEY) -> None:
        """Leave a finished upload."""
        files = self.folder.create(key, RECORD, 0)
        files.commit({offset: Unwritten(0) for offset in range(3)})
        name = self.folder.places.place(files, may_change=False)
        self.folder.places.settle(files, name, "00" * 32)
        files.close()

    def unfinished(self, key: str = KEY) -> UploadFiles:
        """Load an upload, that is closed with the test."""
        found = self.folder.load(key)
        assert isinstance(found, UploadFiles)
        self.addCleanup(found.close)
        return found

    def path(self, ending: str, key: str = KEY) -> str:
        """Where a file of an upload is."""
        return os.path.join(self.private, f"{key}.{ending}")

    def write(self, ending: str, data: bytes = b"", key: str = KEY) -> None:
        """Write a file of an upload."""
        with open(self.path(ending, key), "wb") as file:
            file.write(data)

    def endings(self, key: str = KEY) -> list[str]:
        """The endings of the files of an upload."""
        names = (name.partition(".") for name in os.listdir(self.private))
        return sorted(ending for name, _, ending in names if name == key)

    def faults(self) -> Iterator[int]:
        """
        Let the disk fail once, at each of the steps from now on, until there are no more.

        What is done with it is done in a new folder each time.
        """
        step = 0
        while not step or self.failed:
            step += 1
            self.folder.close()
            self.root = self.mktemp()
            self.private = os.path.join(self.root, ".resumable")
            self.start()
            yield step

    @contextmanager
    def failing_at(self, step: int) -> Iterator[None]:
        """Let the disk fail at one of the steps in a block, counted from 1, if it comes to that."""
        end = len(self.disk.calls) + step
        self.disk.fail_at, self.disk.error = end, OSError(errno.EIO, "broken")
        try:
            yield
        except OSError:
            self.failed = True
        else:
            self.failed = False
            self.assertLess(len(self.disk.calls), end, "nothing was said of a failure")
        self.disk.fail_at = None

    def check_descriptors(self, more: int = 0) -> None:
        """Nothing is open but the folders, and so many files."""
        self.assertEqual(len(self.disk.descriptors), 2 + more)

    def calls(self, *names: str) -> list[str]:
        """Which of these calls the disk has got since the last time."""
        found = [name for name in self.disk.calls if name in names]
        self.disk.calls.clear()
        return found


class ClaimTests(FolderTestCase):
    """A folder is claimed."""

    def test_closed(self) -> None:
        """A folder belongs to one until that closes it, which closes everything."""
        with self.assertRaises(BlockingIOError):
            Folder(self.root, FaultyDisk())
        self.folder.close()
        self.assertEqual(self.disk.descriptors, set())
        self.start()
        self.check_descriptors()

    def test_cannot_be_claimed(self) -> None:
        """Whatever fails while a folder is opened is told, and leaves nothing open."""
        self.folder.close()
        for step in range(1, 7):
            disk = FaultyDisk()
            disk.fail_at, disk.error = step, OSError(errno.EIO, "broken")
            self.assertRaises(OSError, Folder, self.root, disk)
            self.assertEqual(disk.descriptors, set())
        self.start()
        self.assertEqual(self.calls("lock", "sync"), ["lock", "sync"])

    def test_moved(self) -> None:
        """A folder that was moved, removed or replaced is refused, and told to the operator."""
        logged = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        away = self.root + ".away"
        for path in (self.root, self.private):
            for replace in (None, os.mkdir, lambda path: os.close(os.open(path, os.O_CREAT))):
                self.folder.check()
                os.rename(path, away)
                if replace is not None:
                    replace(path)
                for use in (self.folder.check, self.begin):
                    error = self.assertRaises(Refused, use)
                    self.assertEqual((error.status, error.retry_after), (503, 60))
                self.assertEqual(logged[-1]["path"], self.root)
                if os.path.isdir(path):
                    os.rmdir(path)
                elif replace is not None:
                    os.remove(path)
                os.rename(away, path)
        self.begin()

    def test_above_moved(self) -> None:
        """So is one that is below what was replaced by a file."""
        self.folder.close()
        self.root, above = os.path.join(self.root, "above", "below"), self.root
        self.start()
        os.rename(os.path.join(above, "above"), os.path.join(above, "away"))
        with open(os.path.join(above, "above"), "w"):
            pass
        self.assertRaises(Refused, self.folder.check)


class CreateTests(FolderTestCase):
    """An upload begins."""

    def test_durable(self) -> None:
        """Its data has its length, its record no chunks, and both are durable."""
        self.disk.calls.clear()
        files = self.folder.create(KEY, RECORD, 0)
        self.assertEqual(
            self.calls("create", "resize", "write", "replace", "sync"),
            ["create", "resize", "create", "write", "resize", "sync", "replace", "sync"],
        )
        self.assertEqual((files.key, files.present.encode(), files.unsure), (KEY, bytes(3), set()))
        self.assertEqual(files.data.status().st_size, 35)
        self.assertEqual(files.chunks.read_all(), RECORD.encode() + bytes(3))
        files.close()
        self.check_descriptors()
        self.assertEqual(self.endings(), ["chunks", "data"])

    def test_room(self) -> None:
        """It has to fit into what is free and not promised."""
        self.disk.free = lambda fd: 39  # type: ignore[method-assign]
        error = self.assertRaises(Refused, self.folder.create, KEY, RECORD, 5)
        self.assertEqual((error.status, error.retry_after), (507, 10))
        self.assertEqual(self.endings(), [])
        self.folder.create(KEY, RECORD, 4).close()

    def test_after_an_end(self) -> None:
        """It takes the place of one of its name, whose finished file stays."""
        self.finish()
        self.begin()
        self.assertEqual(self.endings(), ["chunks", "data"])
        self.assertTrue(os.path.exists(os.path.join(self.root, "file.dat")))

    def test_fails(self) -> None:
        """Whatever fails leaves nothing open, and nothing of it in the folder."""
        for step in self.faults():
            with self.failing_at(step):
                self.folder.create(KEY, RECORD, 0).close()
            self.assertEqual(self.endings(), [] if self.failed else ["chunks", "data"])
            self.check_descriptors()
            self.begin(0)
            self.assertEqual(self.unfinished().present.encode(), b"\1\0\0")
            self.folder.discard(KEY)
            self.assertEqual(self.endings(), [])

    def test_cannot_be_removed(self) -> None:
        """What cannot be removed after a failure is made durable before it is used."""

        def replaced(*arguments: Any) -> None:
            replace(*arguments)
            self.disk.remove = self.disk.sync = broken  # type: ignore[method-assign]

        replace, self.disk.replace = self.disk.replace, replaced  # type: ignore[method-assign]
        self.assertRaises(OSError, self.folder.create, KEY, RECORD, 0)
        del self.disk.sync, self.disk.remove, self.disk.replace
        self.check_descriptors()
        self.disk.calls.clear()
        self.unfinished()
        self.assertEqual(self.calls("write", "sync", "sync_data"), ["write", "sync_data", "sync"])
        self.unfinished()
        self.assertEqual(self.calls("write", "sync", "sync_data"), [])
        self.folder.create(KEY, RECORD, 0).close()


class LoadTests(FolderTestCase):
    """An upload is looked for."""

    def test_known(self) -> None:
        """It is unknown, unfinished or finished."""
        self.assertIsNone(self.folder.load(KEY))
        self.assertIs(self.folder.has_record(KEY), False)
        self.begin(2)
        self.assertIs(self.folder.has_record(KEY), True)
        self.disk.calls.clear()
        found = self.unfinished()
        self.assertEqual(
            (found.key, found.record, found.present.encode()), (KEY, RECORD, b"\0\0\1")
        )
        self.assertEqual(self.calls("write", "sync", "sync_data"), [])
        found.commit({0: Unwritten(0)})
        found.close()
        self.assertEqual(self.unfinished().present.encode(), b"\1\0\1")
        self.folder.discard(KEY)
        self.finish()
        self.assertIsInstance(self.folder.load(KEY), Done)
        self.assertIs(self.folder.has_record(KEY), False)
        self.folder.discard(KEY)
        self.assertEqual(self.endings(), [])
        self.assertTrue(os.path.exists(os.path.join(self.root, "file.dat")))

    def test_other_data(self) -> None:
        """Without its data it is set aside if there was any, and forgotten if not."""
        for change in (
            lambda path: os.remove(path),
            lambda path: os.truncate(path, 34),
            lambda path: os.truncate(path, 36),
        ):
            for durable in ([], [1], [0, 1, 2]):
                self.begin(*durable)
                change(self.path("data"))
                self.assertIsNone(self.folder.load(KEY))
                left = [ending for ending in self.endings() if ending.startswith("aside")]
                self.assertEqual(left, self.endings())
                self.assertEqual("aside-1.chunks" in left, bool(durable))
                for ending in left:
                    os.remove(self.path(ending))
                self.check_descriptors()

    def test_changed(self) -> None:
        """One that was changed after it got its name is forgotten, and told to the operator."""
        logged = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        for size in (35, 0):
            files = self.folder.create(KEY, RECORD, 0)
            files.commit({offset: Unwritten(0) for offset in range(3)})
            name = self.folder.places.place(files, may_change=False)
            files.close()
            self.assertEqual(self.unfinished().present.encode(), b"\1\1\1")
            path = os.path.join(self.root, name)
            os.truncate(path, size)
            os.utime(path, (1, 1))
            self.assertIsNone(self.folder.load(KEY))
            self.assertEqual((logged[-1]["key"], logged[-1]["log_level"].name), (KEY, "error"))
            self.assertEqual((self.endings(), os.path.exists(path)), ([], True))
            os.remove(path)

    def test_garbage(self) -> None:
        """One whose record cannot be read back is set aside."""
        self.begin(1)
        self.write("chunks", b"garbage\n")
        self.assertIsNone(self.folder.load(KEY))
        self.assertEqual(self.endings(), ["aside-1.chunks", "aside-1.data"])
        self.check_descriptors()

    def test_fails(self) -> None:
        """A disk that fails is no verdict about it, and nothing stays open."""
        for load in (self.folder_load, self.folder_resume):
            for step in self.faults():
                self.begin(1)
                with self.failing_at(step):
                    load()
                self.check_descriptors()
                self.assertEqual(self.unfinished().present.encode(), b"\0\1\0")
            self.assertGreater(step, 4)

    def folder_load(self) -> None:
        """Load the upload, and close it."""
        found = self.folder.load(KEY)
        assert isinstance(found, UploadFiles)
        found.close()

    def folder_resume(self) -> None:
        """Resume the upload, and close it."""
        found = self.folder.resume(KEY)
        assert isinstance(found, UploadFiles)
        found.close()

    def test_resumed(self) -> None:
        """One that somebody comes back to is not old, but a finished one stays as it is."""
        self.begin(1)
        os.utime(self.path("chunks"), (1, 1))
        self.unfinished()
        self.assertEqual(self.folder.expired(Expiry(2, 2)), [KEY])
        self.folder_resume()
        self.assertEqual(self.folder.expired(Expiry(2, 2)), [])
        self.finish(OTHER)
        os.utime(self.path("done", OTHER), (1, 1))
        self.assertIsInstance(self.folder.resume(OTHER), Done)
        self.assertEqual(self.folder.expired(Expiry(2, 2)), [OTHER])

    def test_cannot_be_touched(self) -> None:
        """One whose time cannot be set is not handed out, and is closed."""
        self.begin(1)
        self.disk.touch = broken  # type: ignore[method-assign]
        self.assertRaises(OSError, self.folder.resume, KEY)
        self.check_descriptors()


class ScanTests(FolderTestCase):
    """What there is at the start."""

    def test_found(self) -> None:
        """The unfinished ones, in their order, and how much of them is missing."""
        self.begin(0, 1, 2, key=OTHER)
        self.begin(2)
        found = self.restart()
        self.assertEqual(found, [Found(KEY, RECORD, 20, False), Found(OTHER, RECORD, 0, True)])
        self.check_descriptors()

    def test_made_certain(self) -> None:
        """What another process left is made durable when it is looked for first."""
        self.begin(2)
        self.restart()
        self.disk.calls.clear()
        self.unfinished()
        self.assertEqual(self.calls("write", "sync", "sync_data"), ["write", "sync_data", "sync"])
        self.unfinished()
        self.assertEqual(self.calls("write", "sync", "sync_data"), [])

    def test_begun_anew(self) -> None:
        """One that is begun anew is durable as it is."""
        self.begin(2)
        self.restart()
        self.begin()
        self.disk.calls.clear()
        self.assertEqual(self.unfinished().present.encode(), bytes(3))
        self.assertEqual(self.calls("write", "sync", "sync_data"), [])

    def test_half_begun(self) -> None:
        """What a crash left half begun or half removed goes away."""
        for endings in (["data"], ["new"], ["data", "new"]):
            for ending in endings:
                self.write(ending)
            self.assertEqual(self.restart(), [])
            self.assertEqual(self.endings(), [])

    def test_half_ended(self) -> None:
        """Once an end is written down, the rest goes away."""
        self.finish()
        for ending in ("chunks", "data", "new"):
            self.write(ending)
        self.assertEqual(self.restart(), [])
        self.assertEqual(self.endings(), ["done"])

    def test_damaged_end(self) -> None:
        """An end that cannot be read back is none: an upload beside it is still there."""
        self.begin(0, 1, 2)
        self.write("done", b"garbage\n")
        self.assertEqual(self.restart(), [Found(KEY, RECORD, 0, True)])
        self.assertEqual(self.endings(), ["aside-1.done", "chunks", "data"])

    def test_others(self) -> None:
        """What is not an upload's is neither looked at nor removed."""
        self.write("data", key="note")
        self.assertEqual(self.restart(), [])
        self.assertEqual(self.endings("note"), ["data"])
        os.utime(self.path("data", "note"), (1, 1))
        self.assertEqual(self.folder.expired(Expiry(2, 2)), [])

    def test_cannot_be_read(self) -> None:
        """One that cannot be read now is logged, left for later, and made certain then."""
        self.begin(1)
        self.begin(1, key=OTHER)
        self.folder.close()
        self.start()
        error = OSError(errno.EIO, "broken")
        self.disk.read = fail_once(self.disk.read, error)  # type: ignore[method-assign]
        self.assertEqual([found.key for found in self.folder.scan()], [OTHER])
        (failure,) = self.flushLoggedErrors(OSError)
        self.assertIs(failure.value, error)
        self.disk.calls.clear()
        self.unfinished()
        self.assertEqual(self.calls("sync"), ["sync"])


class ExpiryTests(FolderTestCase):
    """What is old is forgotten."""

    def test_expired(self) -> None:
        """It is old if nothing was written to it since then, finished or not."""
        self.begin(1)
        self.finish(OTHER)
        for key, ending in ((KEY, "chunks"), (OTHER, "done")):
            os.utime(self.path(ending, key), (100, 100))
        os.utime(self.path("data"), (1, 1))
        self.assertEqual(self.folder.expired(Expiry(100, 100)), [])
        self.assertEqual(self.folder.expired(Expiry(100.5, 100.5)), [KEY, OTHER])
        for key in (KEY, OTHER):
            self.assertIs(self.folder.discard_expired(key, Expiry(100, 100)), False)
            self.assertNotEqual(self.endings(key), [])
            self.assertIs(self.folder.discard_expired(key, Expiry(100.5, 100.5)), True)
            self.assertEqual(self.endings(key), [])
            self.assertIs(self.folder.discard_expired(key, Expiry(100.5, 100.5)), False)
        self.check_descriptors()
        self.assertTrue(os.path.exists(os.path.join(self.root, "file.dat")))

    def test_full(self) -> None:
        """One that is full is not forgotten, however old."""
        self.begin(0, 1, 2)
        self.assertIs(self.folder.discard_expired(KEY, Expiry(1e11, 1e11)), False)
        self.check_descriptors()
        self.assertEqual(self.endings(), ["chunks", "data"])

    def test_removed(self) -> None:
        """One of which either file is gone was removed."""
        self.begin(1)
        self.assertEqual(self.folder.removed([KEY, OTHER]), [OTHER])
        for ending in ("chunks", "data"):
            self.begin(1, key=OTHER)
            os.remove(self.path(ending, OTHER))
            self.assertEqual(self.folder.removed([KEY, OTHER]), [OTHER])
        self.assertEqual(self.folder.removed([]), [])

    def test_force(self) -> None:
        """The number of chunks is the layout's."""
        self.begin(3, record=evolve(RECORD, force=True))
        self.assertEqual(self.unfinished().present.encode(), b"\0\0\0\1")
