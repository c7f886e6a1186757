"""Tests for open files that have one owner."""

from __future__ import annotations

import gc
import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.receiver_rig import FaultyDisk
from txresumable.receiver.store.descriptor import Descriptor


class DescriptorTests(SynchronousTestCase):
    """A descriptor."""

    def setUp(self) -> None:
        self.disk = FaultyDisk()
        self.folder = Descriptor(self.disk, self.disk.open_root(self.mktemp()))
        with self.folder as folder:
            self.file = Descriptor(self.disk, self.disk.create("a", folder))
        self.addCleanup(self.folder.close)

    def test_operations(self) -> None:
        """It reads, writes and makes durable what is in the file."""
        self.file.write_pieces([b"a", b"bc"], 1)
        self.assertEqual((self.file.read(2, 2), self.file.read_all()), (b"bc", b"\0abc"))
        self.file.resize(2)
        self.assertEqual(self.file.status().st_size, 2)
        with self.file as fd:
            os.utime(fd, (1, 1))
        self.file.touch()
        self.assertGreater(self.file.status().st_mtime, 1)
        self.disk.calls.clear()
        self.file.sync()
        self.file.sync_data()
        self.assertEqual(self.disk.calls, ["sync", "sync_data"])

    def test_read_in_pieces(self) -> None:
        """A disk that gives less than it is asked for gives the rest when it is asked again."""
        self.file.write(b"abcde", 0)
        read = self.disk.read
        self.disk.read = lambda fd, size, at: read(fd, min(size, 2), at)  # type: ignore
        self.assertEqual(self.file.read_all(), b"abcde")
        self.disk.read = lambda fd, size, at: read(fd, min(size, 2), at) if at < 4 else b""  # type: ignore
        self.assertEqual(self.file.read_all(), b"abcd")

    def test_closed(self) -> None:
        """Once it is closed it raises, whoever has its number by then."""
        with self.file as fd:
            pass
        self.file.close()
        with self.folder as folder:
            stranger = Descriptor(self.disk, self.disk.create("b", folder))
        with stranger as other:
            self.assertEqual(other, fd)
        uses: tuple[Any, ...] = (
            lambda: self.file.write(b"x", 0),
            lambda: self.file.write_pieces([b"x"], 0),
            lambda: self.file.read(1, 0),
            self.file.read_all,
            self.file.sync,
            self.file.sync_data,
            self.file.status,
            self.file.touch,
            lambda: self.file.resize(1),
        )
        for use in uses:
            self.assertRaises(ValueError, use)
        self.file.close()
        self.assertEqual(stranger.status().st_size, 0)
        stranger.close()

    def test_closed_at_the_end_of_use(self) -> None:
        """One that is closed while it is used stays open until the last use ends."""
        with self.file as fd:
            with self.file:
                self.file.close()
                self.assertRaises(ValueError, self.file.sync)
            self.assertEqual(os.fstat(fd).st_size, 0)
        self.assertNotIn(fd, self.disk.descriptors)

    def test_fails_at_its_end(self) -> None:
        """One that is closed during work that fails is given back, whoever keeps the error."""
        file, fails = self.file, self.fails
        works: tuple[tuple[str, Any], ...] = (
            ("read", lambda: file.read(1, 0)),
            ("write", lambda: file.write(b"x", 0)),
            ("resize", lambda: file.resize(1)),
            ("sync_data", lambda: file.sync_data()),
            ("sync", lambda: file.sync()),
            ("status_of", lambda: file.status()),
        )
        for name, work in works:
            with self.folder as folder:
                file = Descriptor(self.disk, self.disk.create(name, folder))
            with file as fd:
                pass
            setattr(self.disk, name, lambda *_, file=file: fails(file))
            error = self.assertRaises(OSError, work)
            self.assertNotIn(fd, self.disk.descriptors, name)
            delattr(self.disk, name)
            del error

    def fails(self, file: Descriptor) -> None:
        """A disk that fails while a file is closed."""
        file.close()
        raise OSError("broken")

    def test_collected(self) -> None:
        """One that was forgotten is closed when it is collected."""
        with self.file as fd:
            pass
        del self.file
        gc.collect()
        self.assertNotIn(fd, self.disk.descriptors)

    def test_close_fails(self) -> None:
        """An error of closing is nobody's business: the number is free all the same."""

        def close(fd: int) -> None:
            FaultyDisk.close(self.disk, fd)
            raise OSError("broken")

        self.disk.close = close  # type: ignore[method-assign]
        self.file.close()
        self.assertTrue(self.file.closed)
