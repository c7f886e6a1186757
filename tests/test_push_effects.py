"""
Tests for what happens to files that are sent or have failed.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from txresumable.push import effects
from txresumable.push.effects import Effects
from txresumable.push.entry import Version

KEY = "0123456789abcdef0123456789abcdef"


class Crashed(BaseException):
    """The process is gone."""


class EffectsTestCase(SynchronousTestCase):
    """A folder, a place for what is sent or has failed, and one for what is deleted."""

    def setUp(self) -> None:
        self.base = os.fsencode(os.path.abspath(self.mktemp()))
        self.root, self.there = self.base + b"/folder", self.base + b"/there"
        os.makedirs(self.root)
        self.effects = Effects(self.root, self.base + b"/trash")

    def write(self, path: bytes, text: str = "mine", root: bytes = b"") -> Version:
        """Write a new file, in the place of what is there."""
        whole = os.path.join(root or self.root, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(self.base + b"/draft", "w") as file:
            file.write(text)
        os.rename(self.base + b"/draft", whole)
        return Version.of(os.stat(whole))

    def found(self) -> dict[bytes, str]:
        """All files there are, with their text."""
        found = {}
        for folder, _, names in os.walk(self.base):
            for name in names:
                path = os.path.join(folder, name)
                with open(path) as file:
                    found[os.path.relpath(path, self.base)] = file.read()
        return found

    def replaced(self, at: int, path: bytes) -> Any:
        """Have another program replace a file just before a rename, of which this is the number."""
        rename, left = effects.rename_new, [at]

        def racing(*args: Any) -> None:
            left[0] -= 1
            if left[0] == 0:
                self.write(path, "newer")
            rename(*args)

        return patch.object(effects, "rename_new", racing)

    def crash_everywhere(self, act: Callable[[], object]) -> int:
        """Repeat an effect that crashes at each of its calls in turn; how many there were."""
        names = ("rename", "unlink", "mkdir", "stat", "replace", "fsync", "open")
        calls, fatal = [0], [0]

        def wrap(real: Any) -> Any:
            def call(*args: Any, **options: Any) -> Any:
                calls[0] += 1
                if calls[0] == fatal[0]:
                    raise Crashed
                return real(*args, **options)

            return call

        while True:
            fatal[0] += 1
            calls[0] = 0
            patches = [patch.object(os, name, wrap(getattr(os, name))) for name in names]
            patches.append(patch.object(effects, "rename_new", wrap(effects.rename_new)))
            try:
                for each in patches:
                    each.start()
                act()
                return fatal[0]
            except Crashed:
                pass
            finally:
                for each in patches:
                    each.stop()


class MarkerTests(EffectsTestCase):
    """Markers of files that are not there any more."""

    def test_deleted(self) -> None:
        """It is deleted, and nothing else; once is enough, more does nothing."""
        self.write(b"a/b.done")
        self.write(b"a/c.done")
        for _ in range(2):
            self.effects.delete_marker(b"a/b", b".done", KEY)
            self.assertEqual(self.found(), {b"folder/a/c.done": "mine"})
        self.effects.delete_marker(b"gone/b", b".done", KEY)
        self.effects.delete_marker(b"n" * 253, b".done", KEY)

    def test_new_file(self) -> None:
        """It stays if there is a file that it may be of."""
        self.write(b"a")
        self.write(b"a.done")
        self.effects.delete_marker(b"a", b".done", KEY)
        self.assertEqual(set(self.found()), {b"folder/a", b"folder/a.done"})

    def test_no_file(self) -> None:
        """A folder or a link of that name is no marker."""
        os.mkdir(self.root + b"/a.done")
        os.symlink(b"nowhere", self.root + b"/b.done")
        for name in (b"a", b"b"):
            self.effects.delete_marker(name, b".done", KEY)
        self.assertEqual(sorted(os.listdir(self.root)), [b"a.done", b"b.done"])

    def test_new_marker(self) -> None:
        """One that is made just then, with another file, is given back."""
        self.write(b"a.done", "old")
        with self.replaced(1, b"a.done"):
            self.effects.delete_marker(b"a", b".done", KEY)
        self.assertEqual(list(self.found()), [b"folder/a.done"])
        self.assertNotEqual(self.found()[b"folder/a.done"], "old")


class DeleteTests(EffectsTestCase):
    """A file is deleted, and nothing else is."""

    def test_deletes(self) -> None:
        """It is gone, and so it is when that is repeated."""
        version = self.write(b"a/b")
        self.assertTrue(self.effects.delete(b"a/b", version, KEY))
        self.assertEqual(self.found(), {})
        self.assertTrue(self.effects.delete(b"a/b", version, KEY))

    def test_another_version(self) -> None:
        """What has been put in its place stays, whatever distinguishes it."""
        version = self.write(b"a")
        newer = self.write(b"a", "newer")
        self.assertFalse(self.effects.delete(b"a", version, KEY))
        for other in (
            Version(newer.inode + 1, newer.size, newer.mtime_ns),
            Version(newer.inode, newer.size + 1, newer.mtime_ns),
            Version(newer.inode, newer.size, newer.mtime_ns + 1),
        ):
            self.assertFalse(self.effects.delete(b"a", other, KEY))
        self.assertEqual(self.found(), {b"folder/a": "newer"})

    def test_replaced_at_the_last_moment(self) -> None:
        """What is put there after the look is given back."""
        version = self.write(b"a")
        with self.replaced(1, b"a"):
            self.assertFalse(self.effects.delete(b"a", version, KEY))
        self.assertEqual(self.found(), {b"folder/a": "newer"})

    def test_replaced_twice(self) -> None:
        """If its name is taken meanwhile, it gets another one: no content is lost."""
        version = self.write(b"a.txt")
        rename, calls = effects.rename_new, [0]

        def racing(*args: Any) -> None:
            calls[0] += 1
            if calls[0] in (1, 2):
                self.write(b"a.txt", f"newer {calls[0]}")
            rename(*args)

        with patch.object(effects, "rename_new", racing):
            self.assertFalse(self.effects.delete(b"a.txt", version, KEY))
        self.assertEqual(self.found(), {b"folder/a.txt": "newer 2", b"folder/a.1.txt": "newer 1"})

    def test_crashes(self) -> None:
        """Whenever it crashes, it is deleted in the end, and what is new there is not."""
        version = self.write(b"a/b")
        calls = self.crash_everywhere(lambda: self.effects.delete(b"a/b", version, KEY))
        self.assertGreater(calls, 5)
        self.assertEqual(self.found(), {})

    def test_crash_and_newer(self) -> None:
        """After a crash in between, the old version goes and a new one stays."""
        version = self.write(b"a")
        os.mkdir(self.base + b"/trash")
        os.rename(self.root + b"/a", self.base + b"/trash/" + KEY.encode())
        self.write(b"a", "newer")
        self.assertFalse(self.effects.delete(b"a", version, KEY))
        self.assertEqual(self.found(), {b"folder/a": "newer"})

    def test_other_file_system(self) -> None:
        """Where nothing can be renamed to the place for deletion, it is deleted where it is."""
        version = self.write(b"a")

        rename = effects.rename_new

        def refuse(name: bytes, folder: int, new_name: bytes, there: int) -> None:
            if os.fstat(folder).st_ino != os.fstat(there).st_ino:
                raise OSError(errno.EXDEV, "other file system")
            rename(name, folder, new_name, there)

        with patch.object(effects, "rename_new", refuse):
            self.assertTrue(self.effects.delete(b"a", version, KEY))
        self.assertEqual(self.found(), {})

    def test_replaced_on_other_file_system(self) -> None:
        """There, too, what has just been put in its place is left alone."""
        version = self.write(b"a")
        rename = effects.rename_new

        def racing(name: bytes, folder: int, new_name: bytes, there: int) -> None:
            if os.fstat(folder).st_ino != os.fstat(there).st_ino:
                self.write(b"a", "newer")
                raise OSError(errno.EXDEV, "other file system")
            rename(name, folder, new_name, there)

        with patch.object(effects, "rename_new", racing):
            self.assertFalse(self.effects.delete(b"a", version, KEY))
        self.assertEqual(self.found(), {b"folder/a": "newer"})

    def test_crash_and_replaced(self) -> None:
        """What had replaced it just before a crash is given back, whichever place it is in."""
        for held in (b"trash/" + KEY.encode(), b"folder/.resumable-" + KEY.encode()):
            version = self.write(b"a")
            newer = self.write(b"a", "newer")
            os.makedirs(self.base + b"/trash", exist_ok=True)
            os.rename(self.root + b"/a", os.path.join(self.base, held))
            self.assertNotEqual(version, newer)
            self.assertFalse(self.effects.delete(b"a", version, KEY))
            self.assertEqual(self.found(), {b"folder/a": "newer"}, held)

    def test_links(self) -> None:
        """Neither a link in its place nor one on its way is followed."""
        version = self.write(b"b", root=self.there)
        os.symlink(self.there, self.root + b"/link")
        os.symlink(self.there + b"/b", self.root + b"/b")
        self.assertFalse(self.effects.delete(b"b", version, KEY))
        self.assertRaises(OSError, self.effects.delete, b"link/b", version, KEY)
        self.assertIn(b"there/b", self.found())

    def test_folder_gone(self) -> None:
        """With its folder, it is gone."""
        self.assertTrue(self.effects.delete(b"no/such", Version(1, 2, 3), KEY))


class MoveTests(EffectsTestCase):
    """A file is moved to a name that nothing has."""

    def move(self, path: bytes, version: Version) -> bytes | None:
        """Where a file lies now."""
        location = self.effects.move(path, version, self.there)
        return None if location is None else os.path.relpath(location, self.base)

    def test_moves(self) -> None:
        """It lies at the same path there, and that is found again when it is repeated."""
        version = self.write(b"a/\xff\n")
        for _ in range(2):
            self.assertEqual(self.move(b"a/\xff\n", version), b"there/a/\xff\n")
        self.assertEqual(self.found(), {b"there/a/\xff\n": "mine"})
        self.assertEqual(Version.of(os.stat(self.there + b"/a/\xff\n")), version)

    def test_taken(self) -> None:
        """If the name is taken, it gets a number; which one is found again as well."""
        for name in (b"a.txt", b"a.1.txt"):
            self.write(name, "other", self.there)
        version = self.write(b"a.txt")
        for _ in range(2):
            self.assertEqual(self.move(b"a.txt", version), b"there/a.2.txt")

    def test_long_name(self) -> None:
        """A number does not make a name too long."""
        name = b"n" * 255
        self.write(name, "other", self.there)
        self.assertEqual(self.move(name, self.write(name)), b"there/" + b"n" * 253 + b".1")

    def test_taken_at_the_last_moment(self) -> None:
        """A name that another program has just taken is left to it."""
        version = self.write(b"a")
        rename, calls = effects.rename_new, [0]

        def racing(*args: Any) -> None:
            calls[0] += 1
            if calls[0] == 1:
                self.write(b"a", "other", self.there)
            rename(*args)

        with patch.object(effects, "rename_new", racing):
            self.assertEqual(self.move(b"a", version), b"there/a.1")
        self.assertEqual(self.found(), {b"there/a": "other", b"there/a.1": "mine"})

    def test_another_version(self) -> None:
        """What has been put in its place stays."""
        version = self.write(b"a")
        self.write(b"a", "newer")
        self.assertIsNone(self.move(b"a", version))
        self.assertEqual(self.found(), {b"folder/a": "newer"})

    def test_replaced_at_the_last_moment(self) -> None:
        """What is put there after the look is given back."""
        version = self.write(b"a")
        with self.replaced(1, b"a"):
            self.assertIsNone(self.move(b"a", version))
        self.assertEqual(self.found(), {b"folder/a": "newer"})

    def test_gone(self) -> None:
        """What is not there cannot be moved, nor what is in a folder that is not."""
        self.assertIsNone(self.move(b"a", Version(1, 2, 3)))
        self.assertIsNone(self.move(b"b/a", Version(1, 2, 3)))

    def test_crashes(self) -> None:
        """Whenever it crashes, it is moved once in the end."""
        version = self.write(b"a/b/c")
        self.crash_everywhere(lambda: self.move(b"a/b/c", version))
        self.assertEqual(self.found(), {b"there/a/b/c": "mine"})


class PutAsideTests(EffectsTestCase):
    """A file that has failed is put aside, with the reason beside it, and put back."""

    def put_aside(self, version: Version, key: str = KEY) -> bytes | None:
        """Where it lies now."""
        return self.effects.put_aside(b"a/b", version, self.there, key, {"why": "bad"})

    def test_reason(self) -> None:
        """Why it has failed lies beside it, durable and whole; repeated, once."""
        version = self.write(b"a/b")
        for _ in range(2):
            self.assertEqual(self.put_aside(version), self.there + b"/a/b")
        found = self.found()
        self.assertEqual(sorted(found), [b"there/a/b", b"there/a/b.error.json"])
        where = os.fsdecode(self.there + b"/a/b")
        facts = json.loads(found[b"there/a/b.error.json"])
        self.assertEqual(facts, {"why": "bad", "path": where, "id": KEY})

    def test_taken(self) -> None:
        """Neither a file nor a reason of another one is written over."""
        self.write(b"a/b.error.json", "other", self.there)
        self.assertEqual(self.put_aside(self.write(b"a/b")), self.there + b"/a/b.1")
        found = self.found()
        self.assertEqual(found[b"there/a/b.error.json"], "other")
        self.assertIn(b"there/a/b.1.error.json", found)

    def test_reason_taken_at_the_last_moment(self) -> None:
        """A file that another program has just put where the reason goes stays there."""
        version = self.write(b"a/b")
        rename, calls = effects.rename_new, [0]

        def racing(*args: Any) -> None:
            calls[0] += 1
            if calls[0] == 2:
                self.write(b"a/b.error.json", "[]", self.there)
            rename(*args)

        with patch.object(effects, "rename_new", racing):
            self.put_aside(version)
        self.assertEqual(self.found()[b"there/a/b.error.json"], "[]")
        self.assertIn(b"there/a/b.error.1.json", self.found())

    def test_crashes(self) -> None:
        """Whenever it crashes, both are there once in the end."""
        version = self.write(b"a/b")
        self.crash_everywhere(lambda: self.put_aside(version))
        self.assertEqual(sorted(self.found()), [b"there/a/b", b"there/a/b.error.json"])

    def test_nothing_to_put_aside(self) -> None:
        """If it is gone, no reason is written."""
        os.mkdir(self.root + b"/a")
        self.assertIsNone(self.put_aside(Version(1, 2, 3)))
        self.assertEqual(self.found(), {})

    def test_back(self) -> None:
        """It lies where it was, and the reason is gone; repeated, that stays so."""
        version = self.write(b"a/b")
        location = self.put_aside(version)
        assert location is not None
        os.rmdir(self.root + b"/a")
        for _ in range(2):
            self.assertTrue(self.effects.put_back(b"a/b", version, location))
        self.assertEqual(self.found(), {b"folder/a/b": "mine"})

    def test_not_back(self) -> None:
        """It is not put over another file, and another file is not put there."""
        version = self.write(b"a/b")
        location = self.put_aside(version)
        assert location is not None
        self.write(b"a/b", "newer")
        self.assertFalse(self.effects.put_back(b"a/b", version, location))
        os.unlink(self.root + b"/a/b")
        self.write(b"a/b", "other", self.there)
        self.assertFalse(self.effects.put_back(b"a/b", version, location))
        self.assertFalse(self.effects.put_back(b"a/b", version, self.base + b"/no/b"))
        self.assertEqual(self.found()[b"there/a/b"], "other")


class SyncTests(EffectsTestCase):
    """What was done is made durable."""

    def test_folders(self) -> None:
        """Each folder that was changed is synced, once."""
        synced: list[str] = []

        def sync(fd: int) -> None:
            synced.append(
                os.path.relpath(os.readlink(f"/proc/self/fd/{fd}"), os.fsdecode(self.base))
            )

        self.effects.move(b"a/b", self.write(b"a/b"), self.there)
        self.effects.move(b"a/c", self.write(b"a/c"), self.there)
        with patch.object(os, "fsync", sync):
            self.effects.sync()
            self.assertEqual(sorted(synced), ["folder/a", "there", "there/a"])
            self.effects.sync()
        self.assertEqual(len(synced), 3)

    def test_gone(self) -> None:
        """A folder that is gone needs no syncing."""
        self.effects.delete(b"a/b", self.write(b"a/b"), KEY)
        os.rmdir(self.root + b"/a")
        self.effects.sync()
