"""
Tests for sources that are one version of a path.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

from twisted.internet.task import Clock

from txresumable import Resumable, SourceChanged
from txresumable._source.factory import make_source
from txresumable._source.version import VersionSource
from txresumable.testing import ScriptedReceiver

from .source_rig import SourceTestCase


class VersionTests(SourceTestCase):
    """A path is read while it holds the version that was seen."""

    def setUp(self) -> None:
        self.name = os.path.abspath(self.mktemp())
        self.write("mine")

    def write(self, text: str) -> None:
        """Another file in the place of what is there."""
        with open(f"{self.name}~", "w") as file:
            file.write(text)
        os.rename(f"{self.name}~", self.name)

    def source(self) -> VersionSource:
        """The version of the moment."""
        now = os.stat(self.name)
        return VersionSource(self.name, (now.st_ino, now.st_size, now.st_mtime_ns), 5)

    def test_same(self) -> None:
        """It is read as any other path; its name is that of the path."""
        source = self.source()
        self.assertEqual(make_source(source, None), (source, os.path.basename(self.name)))
        self.assertEqual(make_source(source, "other"), (source, "other"))
        self.assertEqual(source.look().size, 4)
        source.open()
        self.addCleanup(source.close)
        self.assertEqual((source.read(0, 4), source.key), (b"mine", 5))

    def test_another(self) -> None:
        """What another program has put there before the look is not read, however alike."""
        source, before = self.source(), os.stat(self.name)
        self.write("none")
        os.utime(self.name, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.assertNotEqual(os.stat(self.name).st_ino, before.st_ino)
        self.assertRaises(SourceChanged, source.look)

    def test_digest(self) -> None:
        """That of all of it is found once, and told; what is known is not read, parts are."""
        found: list[tuple[str, int]] = []
        now = os.stat(self.name)
        version = now.st_ino, now.st_size, now.st_mtime_ns

        def note(*facts: Any) -> None:
            found.append(facts)

        source = VersionSource(self.name, version, 5, found=note)
        source.look()
        whole = hashlib.sha256(b"mine").hexdigest()
        part = hashlib.sha256(b"in").hexdigest()
        self.assertEqual((source.digest(1, 3), found), (part, []))
        for end in 4, None:
            self.assertEqual((source.digest(0, end), found), (whole, [(whole, now.st_ctime_ns)]))
        known = VersionSource(self.name, version, 5, known=("known", now.st_ctime_ns), found=note)
        known.look()
        self.assertEqual((known.digest(0, 4), known.digest(1, 3)), ("known", part))
        self.assertEqual(len(found), 1)

    def test_digest_of_another_time(self) -> None:
        """What was known before the last change of any kind is read anew."""
        now = os.stat(self.name)
        version = now.st_ino, now.st_size, now.st_mtime_ns
        source = VersionSource(self.name, version, 5, known=("old", now.st_ctime_ns - 1))
        source.look()
        self.assertEqual(source.digest(0, 4), hashlib.sha256(b"mine").hexdigest())

    def test_written_to(self) -> None:
        """Nor is it if the same file was written to."""
        source = self.source()
        with open(self.name, "a") as file:
            file.write("more")
        self.assertRaises(SourceChanged, source.look)

    def test_link(self) -> None:
        """A link in its place is not followed, not even to the same file."""
        source = self.source()
        os.rename(self.name, f"{self.name}.moved")
        os.symlink(f"{self.name}.moved", self.name)
        self.assertRaises(SourceChanged, source.look)

    def test_gone(self) -> None:
        """Nothing in its place is an error of the system."""
        source = self.source()
        os.unlink(self.name)
        self.assertRaises(FileNotFoundError, source.look)

    def test_uploaded(self) -> None:
        """An uploader takes it, under the path that it is given."""
        receiver = ScriptedReceiver()
        uploader = Resumable("http://127.0.0.1/", client=receiver, reactor=Clock())
        given = {"source": self.source(), "relative_path": "a/b", "file_name": "b"}
        [upload] = uploader.add_files([given])  # type: ignore[list-item]
        self.assertEqual(self.successResultOf(upload).relative_path, "a/b")
        self.successResultOf(uploader.close())
