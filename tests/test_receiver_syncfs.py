"""Tests for making a whole file system durable."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.store import syncfs
from txresumable.receiver.store.syncfs import can_sync_all, sync_all


class SyncTests(SynchronousTestCase):
    """Only a file system that is known to do it is asked to."""

    def setUp(self) -> None:
        self.fd = os.open(".", os.O_RDONLY)
        self.addCleanup(os.close, self.fd)
        self.calls: list[int] = []

    def system(
        self, kind: int = 0xEF53, release: str = "6.1.0-9-amd64", name: str = "Linux"
    ) -> None:
        """A system with a file system of a kind."""

        def fstatfs(fd: int, found: Any) -> int:
            found[0] = kind
            return 0

        def sync(fd: int) -> int:
            self.calls.append(fd)
            return 0

        self.patch(syncfs, "_fstatfs", fstatfs)
        self.patch(syncfs, "_syncfs", sync)
        self.patch(os, "uname", lambda: SimpleNamespace(release=release, sysname=name))

    def test_kinds(self) -> None:
        """ext4, XFS, Btrfs, F2FS and tmpfs are; FUSE, NFS and overlays are not."""
        for kind in (0xEF53, 0x58465342, 0x9123683E, 0xF2F52010, 0x01021994):
            self.system(kind)
            self.assertTrue(can_sync_all(self.fd), hex(kind))
        for kind in (0x65735546, 0x6969, 0x794C7630):
            self.system(kind)
            self.assertFalse(can_sync_all(self.fd), hex(kind))

    def test_signed(self) -> None:
        """A number may come as a negative one."""
        self.system(0x9123683E - (1 << 32))
        self.assertTrue(can_sync_all(self.fd))

    def test_releases(self) -> None:
        """Linux reports all errors since 5.17."""
        releases = ("5.8.0", "5.16.20", "4.19.1", "odd", "5.17.0", "6.0.1")
        for release, can in zip(releases, (False, False, False, False, True, True), strict=True):
            self.system(release=release)
            self.assertEqual(can_sync_all(self.fd), can, release)
        self.system(name="FreeBSD", release="14.1")
        self.assertFalse(can_sync_all(self.fd))

    def test_absent(self) -> None:
        """Other systems have no such call."""
        self.patch(syncfs, "_syncfs", None)
        self.assertFalse(can_sync_all(self.fd))
        self.assertRaises(OSError, sync_all, self.fd)

    def test_syncs(self) -> None:
        """It is called, and fails as the system says."""
        self.system()
        sync_all(self.fd)
        self.assertEqual(self.calls, [self.fd])

    def test_fails(self) -> None:
        """What the system reports is raised."""
        if syncfs._syncfs is None:
            return
        for call in (sync_all, can_sync_all):
            error = self.assertRaises(OSError, call, -1)
            self.assertEqual(error.errno, errno.EBADF)
