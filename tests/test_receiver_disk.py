"""Tests for what the store asks of the operating system."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Sequence
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.store import Disk, Store
from txresumable.receiver.store import disk as disk_module
from txresumable.receiver.store.disk import UnsyncedDisk


class UnsyncedDiskTests(SynchronousTestCase):
    """A disk that is not waited for."""

    def test_not_waited_for(self) -> None:
        """Nothing is synced, and all else is as it is."""
        synced: list[int] = []
        for name in ("fsync", "fdatasync"):
            self.patch(os, name, synced.append)
        self.patch(disk_module, "_fdatasync", synced.append)
        folder, counts = os.path.abspath(self.mktemp()), []
        os.makedirs(folder)
        for disk in (Disk(), UnsyncedDisk()):
            root = disk.open_root(folder)
            file = disk.create(type(disk).__name__, root)
            disk.write(file, b"x", 0)
            disk.sync_data(file)
            disk.sync(root)
            counts.append(len(synced))
            disk.close(file)
            disk.close(root)
        self.assertEqual(counts, [2, 2])
        self.assertEqual(len(os.listdir(folder)), 2)

    def test_store(self) -> None:
        """A store has one if that is wanted."""
        clock: Any = Clock()
        for fsync, kind in ((True, Disk), (False, UnsyncedDisk)):
            store = Store(self.mktemp(), reactor=clock, fsync=fsync)
            self.assertIs(type(store._folder._disk), kind)
            self.successResultOf(store.close())


class DiskTests(SynchronousTestCase):
    """The real disk."""

    def setUp(self) -> None:
        self.disk = Disk()
        self.path = self.mktemp()
        self.folder = self.disk.open_root(self.path)
        self.addCleanup(self.disk.close, self.folder)

    def test_regular_files_only(self) -> None:
        """Whatever is no regular file counts as absent, and opening it does not wait."""
        os.mkdir(f"{self.path}/folder")
        os.mkfifo(f"{self.path}/fifo")
        os.symlink("/dev/zero", f"{self.path}/link")
        os.symlink("loop", f"{self.path}/loop")
        before = len(os.listdir("/dev/fd"))
        for name in ("folder", "fifo", "link", "loop", "nothing"):
            for writable in (False, True):
                error = self.assertRaises(
                    FileNotFoundError, self.disk.open, name, self.folder, writable=writable
                )
                self.assertEqual(error.errno, errno.ENOENT)
        self.assertEqual(len(os.listdir("/dev/fd")), before)

    def test_pieces(self) -> None:
        """Many pieces are written in few calls, and what the system left is written after."""
        pieces = [b"%d" % number for number in range(3000)]
        whole, calls, limit = b"".join(pieces), list[int](), 0

        def short(fd: int, some: Sequence[bytes], offset: int) -> int:
            calls.append(len(some))
            return os.pwrite(fd, b"".join(some)[: limit * len(calls)], offset)

        for limit in (100_000, 999, 1, 0):
            calls.clear()
            self.patch(disk_module, "_pwritev", short)
            file = self.disk.create(str(limit), self.folder)
            self.disk.write_pieces(file, pieces, 5)
            self.assertEqual(os.pread(file, 100_000, 0), bytes(5) + whole)
            self.assertEqual(calls, [1024, 1024, 952])
            self.disk.close(file)

    def test_pieces_of_nothing(self) -> None:
        """No pieces are written, nor empty ones."""
        file = self.disk.create("a", self.folder)
        for pieces in ([], [b""], [b"", b"a", b""]):
            self.disk.write_pieces(file, pieces, 0)
        self.assertEqual(self.disk.read(file, 10, 0), b"a")
        self.disk.close(file)

    def test_pieces_joined(self) -> None:
        """Where the system takes one piece at a time they are joined."""
        self.patch(disk_module, "_pwritev", disk_module._write_joined)
        file = self.disk.create("a", self.folder)
        self.disk.write_pieces(file, [b"ab", b"c"], 1)
        self.assertEqual(self.disk.read(file, 10, 0), b"\0abc")
        self.disk.close(file)

    def test_other_errors(self) -> None:
        """Other errors are told."""
        self.assertRaises(OSError, self.disk.open, "x" * 300, self.folder)

    def test_never_overwrites(self) -> None:
        """Neither making nor linking a file takes a name that is taken."""
        self.disk.close(self.disk.create("a", self.folder))
        os.symlink("nowhere", f"{self.path}/b")
        for name in ("a", "b"):
            self.assertRaises(FileExistsError, self.disk.create, name, self.folder)
            link = ("a", self.folder, name, self.folder)
            self.assertRaises(FileExistsError, self.disk.link, *link)
        self.assertFalse(os.path.exists(f"{self.path}/nowhere"))

    def test_private(self) -> None:
        """What it makes is for its user alone."""
        self.disk.close(self.disk.create("a", self.folder))
        self.disk.close(self.disk.open_folder("b", self.folder))
        modes = [os.stat(f"{self.path}/{name}").st_mode & 0o777 for name in "ab"]
        self.assertEqual(modes, [0o600, 0o700])

    def test_writes_all(self) -> None:
        """A write that the system cuts short goes on, and what stops it is told."""
        with self.disk.opened(self.disk.create("a", self.folder)) as fd:
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
            try:
                error = self.assertRaises(OSError, self.disk.write, fd, b"x" * 150, 10)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            self.assertEqual(error.errno, errno.EFBIG)
            self.assertEqual(self.disk.read(fd, 1000, 0), bytes(10) + b"x" * 90)
            self.disk.write(fd, b"y" * 150, 10)
            self.assertEqual(self.disk.read(fd, 1000, 0), bytes(10) + b"y" * 150)

    def test_free(self) -> None:
        """It knows how much room there is."""
        self.assertGreater(self.disk.free(self.folder), 0)

    def test_free_is_not_known(self) -> None:
        """A file system that does not say how big it is (ramfs) has room."""
        unknown = os.statvfs_result((4096, 4096, 0, 0, 0, 0, 0, 0, 0, 255))
        self.patch(os, "statvfs", lambda fd: unknown)
        self.assertGreater(self.disk.free(self.folder), 2**60)
