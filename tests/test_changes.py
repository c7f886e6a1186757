"""
Tests for changes of files, which must be noticed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

from txresumable._source import changes
from txresumable._source.fingerprint import READ_WHOLE
from txresumable.errors import SourceChanged

from .source_rig import CONTENT, SourceTestCase
from .uploader_rig import UploaderTestCase


class CheckTests(SourceTestCase):
    """What tells that a file has changed."""

    def check(self, change: Callable[[], object], check: str = "strict") -> str:
        """
        Change a file that is open.

        :returns: what is said about it, or nothing.
        """
        source = self.source(self.path, check)
        source.look()
        source.open()
        source.check()
        change()
        try:
            source.check()
        except SourceChanged as error:
            return str(error)
        finally:
            source.close()
        source.open()
        source.close()
        return ""

    def test_time_put_back(self) -> None:
        """A write whose time was put back is noticed, unless that is not asked for."""
        self.assertIn("written to", self.check(lambda: self.rewrite(b"2")))
        self.assertEqual(self.check(lambda: self.rewrite(b"3"), "mtime"), "")

    def test_every_change_counts(self) -> None:
        """Whatever sets the time of the last change ends an upload, if it is strict."""
        for change in (
            lambda: os.chmod(self.path, 0o640),
            lambda: os.utime(self.path, ns=(1, os.stat(self.path).st_mtime_ns)),
            lambda: os.link(self.path, self.mktemp()),
        ):
            self.assertIn("its attributes changed", self.check(change))
            self.write()
            self.assertEqual(self.check(change, "mtime"), "")

    def test_written_to(self) -> None:
        """A write is noticed by its time, but for the size alone."""

        def write() -> None:
            self.rewrite(b"2", times=False)
            os.utime(self.path, (5, 5))

        os.utime(self.path, (1, 1))
        self.assertIn("written to", self.check(write, "mtime"))
        self.assertEqual(self.check(write, "size"), "")

    def test_size(self) -> None:
        """A change of the size is always noticed, and named."""
        for check in changes.CHECKS:
            with open(self.path, "ab") as file:
                text = self.check(lambda: (file.write(b"!"), file.flush()), check)
            self.assertRegex(text, r"it had \d+ bytes and has \d+$")

    def test_deleted(self) -> None:
        """A file that is gone, or another by now, is named so."""
        for check in changes.CHECKS:
            text = self.check(lambda: os.unlink(self.path), check)
            self.assertTrue(text.endswith("it was deleted or replaced"), text)
            self.write()

    def test_replaced_while_closed(self) -> None:
        """Another file in its place is not opened, unless nothing but its size counts."""
        for at, check in enumerate(changes.CHECKS):
            source = self.source(self.path, check)
            source.look()
            os.unlink(self.path)
            self.write()
            os.utime(self.path, (at, at))
            if check != "size":
                error = self.assertRaises(SourceChanged, source.open)
                self.assertIn("it is not the file that was added; or its file", str(error))
                os.truncate(self.path, 5)
                error = self.assertRaises(SourceChanged, source.open)
                self.assertTrue(str(error).endswith("it is not the file that was added"), error)
                self.write()
            else:
                source.open()
                source.check()
                source.close()

    def test_names_the_way_out(self) -> None:
        """Where nothing but numbers and times changed, the error says what can be done."""
        fstat, numbers = os.fstat, iter(range(10**6, 10**9))

        def unstable(fd: int) -> os.stat_result:
            now = fstat(fd)
            extra = {"st_mtime_ns": now.st_mtime_ns, "st_ctime_ns": now.st_ctime_ns}
            return os.stat_result((now[0], next(numbers), *now[2:]), extra)

        self.patch(os, "fstat", unstable)
        source = self.source(self.path)
        error = self.assertRaises(SourceChanged, source.look)
        self.assertIn('source_check="size"', str(error))
        for check in ("mtime", "size"):
            self.assertEqual(self.check(lambda: None, check), "")

    def test_what_identifies_it(self) -> None:
        """The facts of which an identifier is made are those that are compared."""
        now = os.stat(self.path)
        looks = {check: self.source(self.path, check).look() for check in changes.CHECKS}
        times = {check: (look.mtime_ns, look.ctime_ns) for check, look in looks.items()}
        mtime, ctime = now.st_mtime_ns, now.st_ctime_ns
        expected = {"strict": (mtime, ctime), "mtime": (mtime, None), "size": (None, None)}
        self.assertEqual(times, expected)
        self.assertEqual(looks["size"].sample, hashlib.sha256(CONTENT).digest())

    def rewrite_when_read(self) -> None:
        """Have the file written to just before each piece of it is read."""
        pread = os.pread

        def read(fd: int, size: int, at: int) -> bytes:
            self.rewrite(b"2", 50)
            return pread(fd, size, at)

        self.patch(os, "pread", read)

    def test_what_changes_as_it_is_looked_at(self) -> None:
        """What is written to between the look at its time and that at its content is refused."""
        source = self.source(self.path)
        self.rewrite_when_read()
        self.assertRaises(SourceChanged, source.look)

    def test_small_one_that_changes_as_it_is_looked_at(self) -> None:
        """Of what is one sample that is noticed when it is opened."""
        with open(self.path, "wb") as file:
            file.truncate(READ_WHOLE)
        source = self.source(self.path)
        self.rewrite_when_read()
        source.look()
        self.assertRaises(SourceChanged, source.open)


class SettledTests(SourceTestCase):
    """Kernels count time in ticks."""

    def settle(self, asleep: Callable[[float], None]) -> os.stat_result:
        self.patch(changes.time, "sleep", asleep)
        with open(self.path, "rb") as file:
            return changes.settled(self.path, file.fileno(), os.fstat(file.fileno()))

    def test_an_older_file(self) -> None:
        """What was not written to just now needs no waiting."""
        self.patch(changes, "_ticked", lambda: os.stat(self.path).st_ctime_ns + 1)
        self.assertEqual(self.settle(self.fail), os.stat(self.path))

    def test_a_new_file(self) -> None:
        """What was written to within this tick is looked at in the next one."""
        self.patch(changes, "_ticked", lambda: os.stat(self.path).st_ctime_ns)
        slept: list[float] = []
        self.assertEqual(self.settle(slept.append), os.stat(self.path))
        self.assertEqual(len(slept), 1)

    def test_written_to_meanwhile(self) -> None:
        """What is written to in that time needs one tick more; if that never ends, it ends."""
        self.patch(changes, "_ticked", lambda: 0)
        left = [1]

        def asleep(_: float) -> None:
            if left.pop():
                self.rewrite(b"x", times=False)
                left.append(left[0] if left else 0)

        settled = self.settle(asleep)
        self.assertEqual(settled, os.stat(self.path))
        ticks: list[float] = []

        def never(seconds: float) -> None:
            ticks.append(seconds)
            self.rewrite(b"x", times=False)

        error = self.assertRaises(SourceChanged, self.settle, never)
        self.assertIn("it is being written to", str(error))
        self.assertEqual(len(ticks), changes.TRIES)
        self.assertTrue(0 < max(ticks) * changes.TRIES <= 1)
        self.assertRaises(SourceChanged, self.source(self.path).look)


class UploadTests(UploaderTestCase):
    """A change that is seen before a chunk counts as stored ends its upload."""

    def rewrite(self, path: str) -> None:
        before = os.stat(path)
        with open(path, "r+b") as file:
            file.write(b"2" * before.st_size)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def test_between_two_chunks(self) -> None:
        """After a write whose time was put back nothing more is sent."""
        path = self.file(b"1" * 30)
        upload = self.uploader(simultaneous_uploads=1, test_chunks=False).add_file(path)
        self.client.respond(200)
        self.rewrite(path)
        self.client.respond(200)
        self.failureResultOf(upload, SourceChanged)
        self.assertEqual([request.content for request in self.client.sent], [b"1" * 10] * 2)

    def test_after_the_last_chunk(self) -> None:
        """The last chunk does not count when the file changed before it was confirmed."""
        path = self.file(b"1" * 10)
        upload = self.uploader(test_chunks=False).add_file(path)
        self.rewrite(path)
        self.client.respond(200)
        self.failureResultOf(upload, SourceChanged)

    def test_found_there(self) -> None:
        """Nor do chunks that the server has: they may be of the file as it was."""
        path = self.file(b"1" * 20)
        upload = self.uploader(simultaneous_uploads=1).add_file(path)
        self.client.respond(200)
        self.rewrite(path)
        self.client.respond(200)
        self.failureResultOf(upload, SourceChanged)
        self.assertEqual(upload.file.chunks_found, 1)

    def test_between_two_runs(self) -> None:
        """After a write whose time was put back another run finds none of the chunks."""
        path = self.file(b"1" * 200_000)  # so long that samples may miss the write
        first = self.uploader(self.receiver, chunk_size=50_000).add_file(path)
        self.successResultOf(first)
        before = os.stat(path)
        with open(path, "r+b") as file:
            file.seek(5000)
            file.write(b"2")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        again = self.uploader(self.receiver, chunk_size=50_000).add_file(path)
        self.successResultOf(again)
        self.assertEqual(again.file.chunks_found, 0)
        with open(path, "rb") as file:
            stored = self.receiver.files[again.file.unique_identifier].content
            self.assertEqual(stored, file.read())
