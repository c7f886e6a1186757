"""
Tests for what bytes are read from.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import hashlib
import io
import lzma
import mmap
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError

from txresumable._source import changes
from txresumable._source import source as module
from txresumable._source.descriptor import NO_DESCRIPTOR, Descriptor
from txresumable._source.fileobject import FileObjectSource
from txresumable._source.source import BytesSource, OpenFileSource, PathSource, Source
from txresumable.errors import FileRejected, SourceChanged

from .source_rig import CONTENT, SourceTestCase


class DescriptorTests(SourceTestCase):
    """One owner, any number of readers."""

    def test_last_reader_closes(self) -> None:
        """Closed by its owner, it stays open for those who hold it, and opens to nobody new."""
        descriptor = Descriptor(os.open(self.path, os.O_RDONLY))
        self.assertTrue(descriptor.hold())
        with descriptor as fd:
            descriptor.close()
            descriptor.close()
            self.assertEqual(os.pread(fd, 10, 0), CONTENT[:10])
            self.assertFalse(descriptor.hold())
        self.assertEqual(self.opened(), 1)
        descriptor.release()
        self.assertEqual(self.opened(), 0)
        self.assertRaises(OSError, descriptor.__enter__)

    def test_closed_once(self) -> None:
        """A number that belongs to somebody else by then is not closed."""
        descriptor = Descriptor(os.open(self.path, os.O_RDONLY))
        descriptor.close()
        other = os.open(self.path, os.O_RDONLY)
        self.addCleanup(os.close, other)
        self.assertEqual(other, descriptor.fd)
        descriptor.close()
        self.assertEqual(self.opened(), 1)

    def test_none(self) -> None:
        """What is not open cannot be held, and is closed as often as one likes."""
        NO_DESCRIPTOR.close()
        self.assertFalse(NO_DESCRIPTOR.hold())
        self.assertRaises(OSError, os.fstat, NO_DESCRIPTOR.fd)


class PlainFileTests(SourceTestCase):
    """Files by their path, and open ones."""

    def sources(self) -> list[Source]:
        file = io.BufferedReader(io.FileIO(self.path))
        self.addCleanup(file.close)
        sources = [self.source(self.path), self.source(file)]
        self.assertEqual([type(each) for each in sources], [PathSource, OpenFileSource])
        return sources

    def test_digest_leaves_it_as_it_is(self) -> None:
        """A digest neither opens what is closed nor closes what is open."""
        for source in self.sources():
            source.look()
            before = self.opened()
            self.assertEqual(source.digest(0, 100), hashlib.sha256(CONTENT[:100]).hexdigest())
            self.assertEqual((source.is_open, self.opened()), (False, before))
            source.open()
            self.assertEqual(source.digest(5, 9), hashlib.sha256(CONTENT[5:9]).hexdigest())
            self.assertEqual((source.is_open, self.opened()), (True, before + 1))
            source.check()
            source.close()

    def test_digest_of_all(self) -> None:
        """A digest without an end is that of all bytes, of what nobody has looked at too."""
        expected = hashlib.sha256(CONTENT).hexdigest()
        others = [self.source(io.BytesIO(CONTENT)), self.source(CONTENT)]
        for source in [*self.sources(), *others]:
            self.assertEqual(source.digest(0, None), expected)

    def test_digest_that_nobody_wants(self) -> None:
        """A digest of whatever kind of source ends when nobody waits for it any more."""
        other = self.source(io.BufferedReader(io.BytesIO(CONTENT)))  # type: ignore[arg-type]
        for source in [*self.sources(), other, self.source(CONTENT)]:
            self.assertRaises(CancelledError, source.digest, 0, 10, lambda: False)

    def test_closed_under_a_digest(self) -> None:
        """A digest that is under way when the source is closed comes to its end."""
        for source in self.sources():
            source.look()
            before = self.opened()
            source.open()
            pread = os.pread

            def read(fd: int, size: int, at: int, source: Source = source) -> bytes:
                source.close()
                return pread(fd, size, at)  # noqa: B023

            self.patch(os, "pread", read)
            digest = source.digest(0, len(CONTENT))
            self.patch(os, "pread", pread)
            self.assertEqual(digest, hashlib.sha256(CONTENT).hexdigest())
            self.assertEqual((source.is_open, self.opened()), (False, before))

    def test_changed_under_a_digest(self) -> None:
        """There is no digest of two contents."""
        for source in self.sources():
            source.look()
            self.rewrite(b"x", 7)
            self.assertRaises(SourceChanged, source.digest, 0, 100)
        for source in self.sources():
            source.look()
            source.open()
            self.rewrite(b"y", 7)
            self.assertRaises(SourceChanged, source.digest, 0, 100)
            source.close()

    def test_digest_of_much(self) -> None:
        """A digest is read a piece at a time, and of all of them."""
        content = CONTENT * 20
        with open(self.path, "wb") as file:
            file.write(content)
        sizes: list[int] = []
        pread = os.pread

        def read(fd: int, size: int, at: int) -> bytes:
            sizes.append(size)
            return pread(fd, size, at)

        self.patch(os, "pread", read)
        digest = self.source(self.path).digest(1, len(content) - 1)
        self.assertEqual(digest, hashlib.sha256(content[1:-1]).hexdigest())
        mib = 1 << 20
        self.assertEqual(sizes, [mib, mib, mib, len(content) - 2 - 3 * mib])

    def test_read_in_parts(self) -> None:
        """A disk that gives less than it was asked for is asked for the rest."""
        for source in self.sources():
            source.look()
            source.open()
            pread = os.pread
            self.patch(os, "pread", lambda fd, size, at: pread(fd, min(size, 7), at))  # noqa: B023
            for size in (6, 7, 8, 20, 21):
                self.assertEqual(source.read(3, size), CONTENT[3 : 3 + size])
            end = len(CONTENT)
            error = self.assertRaises(SourceChanged, source.read, end - 10, 11)
            self.assertTrue(str(error).endswith(f"it ends at byte {end}"), error)
            self.patch(os, "pread", pread)
            source.close()

    def test_without_a_name(self) -> None:
        """A file that was deleted before it was added has no name that it could lose."""
        with tempfile.TemporaryFile() as file:
            file.write(CONTENT)
            source = self.source(file)
            self.assertEqual(source.digest(0, None), hashlib.sha256(CONTENT).hexdigest())
            source.look()
            source.open()
            source.check()
            source.close()

    def test_at_once(self) -> None:
        """What is in memory is given at once, all of it or nothing."""
        self.patch(module, "_NOWAIT", 0)
        for source in self.sources():
            source.look()
            source.open()
            self.assertEqual(bytes(source.glance(5, 10)), CONTENT[5:15])
            self.assertEqual(source.read_now(5, 10), CONTENT[5:15])
            self.assertIsNone(source.read_now(len(CONTENT) - 5, 10))
            source.close()

    def test_not_at_once(self) -> None:
        """Where it would take time, or the system cannot say, there is nothing; errors stay so."""
        source = self.source(self.path)
        source.look()
        source.open()
        self.addCleanup(source.close)

        def preadv(number: int, *_: object) -> int:
            raise OSError(number, os.strerror(number))

        self.patch(module, "_NOWAIT", 0)
        for number in (errno.EAGAIN, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
            self.patch(os, "preadv", partial(preadv, number))
            self.assertEqual(source.glance(0, 10), b"")
            self.assertIsNone(source.read_now(0, 10))
        self.patch(os, "preadv", partial(preadv, errno.EIO))
        self.assertRaises(OSError, source.glance, 0, 10)
        self.patch(module, "_NOWAIT", None)
        self.assertEqual(source.glance(0, 10), b"")

    def test_opened_twice(self) -> None:
        """What two have opened is open once, and closed with the first close()."""
        for source in self.sources():
            source.look()
            before = self.opened()
            source.open()
            source.open()
            self.assertEqual(self.opened(), before + 1)
            source.close()
            source.close()
            self.assertEqual(self.opened(), before)

    def test_looked_at_while_open(self) -> None:
        """Looking at a source does not close it."""
        for source in self.sources():
            source.open()
            source.look()
            self.assertTrue(source.is_open)
            self.assertEqual(source.read(0, 4), CONTENT[:4])
            source.close()

    def test_file_object_may_be_closed(self) -> None:
        """What is uploaded of an open file does not end when its owner closes it."""
        with open(self.path, "rb") as file:
            source = self.source(file)
            source.look()
            source.open()
        self.assertEqual(source.read(0, len(CONTENT)), CONTENT)
        source.check()
        source.close()
        self.assertRaises(ValueError, source.open)

    def test_position_stays(self) -> None:
        """An open file's position is neither used nor moved."""
        with open(self.path, "rb") as file:
            file.seek(77)
            source = self.source(file)
            source.look()
            source.open()
            self.assertEqual((source.read(3, 4), file.tell()), (CONTENT[3:7], 77))
            source.close()

    def test_written_and_not_yet_flushed(self) -> None:
        """What an open file still has in its buffer is part of it."""
        with open(self.path, "r+b") as file:
            file.write(b"new")
            source = self.source(file)
            source.look()
            source.open()
            self.assertEqual(source.read(0, 5), b"new" + CONTENT[3:5])
            source.close()


class OtherKindTests(SourceTestCase):
    """What is at a path, and is no file."""

    def refused(self, path: str, check: str = "strict") -> Exception:
        """What it is refused with, and that nothing of it stays open."""
        before = self.opened(path)
        source = self.source(path, check)
        error = self.assertRaises((OSError, FileRejected), source.look)
        self.assertRaises((OSError, FileRejected), source.open)
        self.assertEqual((source.is_open, self.opened(path)), (False, before))
        return error

    def test_folder(self) -> None:
        """A folder is named so."""
        folder = self.mktemp()
        os.mkdir(folder)
        error = self.refused(folder)
        self.assertIsInstance(error, IsADirectoryError)
        self.assertIn(folder, str(error))

    def test_pipe(self) -> None:
        """A pipe is refused, and not waited for."""
        path = self.mktemp()
        os.mkfifo(path)
        self.assertIn("it is not a regular file", str(self.refused(path)))

    def test_no_size(self) -> None:
        """What has content but no size, as files in /proc, is refused; an empty file is not."""
        for path in ("/proc/self/status", self.path):
            with open(self.path, "wb"):
                pass
            source = self.source(path, "size")
            if path == self.path:
                self.assertEqual(source.look().size, 0)
            else:
                error = self.assertRaises(FileRejected, source.look)
                self.assertIn("it has content but no size", str(error))
                self.assertEqual(self.opened(path), 0)

    def test_terminal(self) -> None:
        """A terminal does not take over a process that looks at it."""
        code = (
            "import os, sys; os.setsid()\n"
            "from txresumable._source.factory import make_source\n"
            "from txresumable.errors import FileRejected\n"
            "try: make_source(sys.argv[1], 'a', 'strict')[0].look()\n"
            "except FileRejected: pass\n"
            "try: os.open('/dev/tty', os.O_RDWR)\n"
            "except OSError: sys.exit(0)\n"
            "sys.exit('it has')"
        )
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, theirs)
        here = os.path.dirname(os.path.dirname(os.path.dirname(module.__file__)))
        done = subprocess.run(
            [sys.executable, "-c", code, os.ttyname(theirs)],
            cwd=here,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class MemoryTests(SourceTestCase):
    """Bytes are those of the moment at which they were given."""

    def test_rewritten(self) -> None:
        """A file object in memory may be written to, cut and closed: nothing of it is sent."""
        memory = io.BytesIO(CONTENT)
        source = self.source(memory)
        memory.write(b"other")
        memory.truncate(100)
        memory.close()
        self.assertEqual(source.look().size, len(CONTENT))
        self.assertEqual(source.read(0, len(CONTENT)), CONTENT)

    def test_buffer_in_use(self) -> None:
        """Nor is what is written to the buffer of a file object in memory."""
        memory = io.BytesIO()
        memory.write(CONTENT)
        with memory.getbuffer() as buffer:
            source = self.source(memory)
            buffer[:5] = b"other"
        self.assertEqual(source.read(0, len(CONTENT)), CONTENT)

    def test_position_stays(self) -> None:
        """A file object in memory stays as it is."""
        memory = io.BytesIO(CONTENT)
        memory.seek(9)
        self.source(memory)
        self.assertEqual((memory.tell(), memory.getvalue()), (9, CONTENT))

    def test_open(self) -> None:
        """It is open or not, as anything else, and read without waiting."""
        source = self.source(CONTENT)
        self.assertIsInstance(source, BytesSource)
        self.assertFalse(source.is_open)
        source.open()
        self.assertTrue(source.is_open)
        self.assertEqual(bytes(source.glance(5, 10)), CONTENT[5:15])
        self.assertEqual(source.read_now(5, 10), CONTENT[5:15])
        self.assertIsNone(source.read_now(len(CONTENT) - 5, 10))
        source.close()
        self.assertFalse(source.is_open)

    def test_array(self) -> None:
        """Nor is what is written to an array afterwards."""
        array = bytearray(CONTENT)
        source = self.source(array)
        array[:5] = b"other"
        self.assertEqual(source.read(0, 10), CONTENT[:10])


class Stream(io.RawIOBase):
    """A file object of a user's, over bytes."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0
        self.seeks = self.more = 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (len(self.content) if whence == os.SEEK_END else 0)
        return self.at

    def read(self, size: int = -1) -> bytes:
        piece = self.content[self.at : self.at + size + self.more]
        self.at += len(piece)
        return piece


class FileObjectTests(SourceTestCase):
    """File objects that have nothing but a position."""

    def setUp(self) -> None:
        super().setUp()
        self.packed = self.mktemp() + ".gz"
        with gzip.open(self.packed, "wb") as file:
            file.write(CONTENT)

    def share(self, *files: Any) -> list[FileObjectSource]:
        """Check that sources take turns, as seen when one of them is read in the midst of it."""
        sources: list[Any] = [self.source(file) for file in files]
        self.assertEqual({type(each) for each in sources}, {FileObjectSource})
        self.assertEqual(len({each._turn for each in sources}), 1)
        return sources

    def test_in_threads(self) -> None:
        """What has a position is read by threads alone."""
        (source,) = self.share(Stream(CONTENT))
        self.assertEqual((source.glance(0, 5), source.read_now(0, 5)), (b"", None))

    def test_mapping(self) -> None:
        """A file object need not say where it is as it is moved: ``mmap`` does since 3.13 only."""

        class Silent(Stream):
            def seek(self, offset: int, whence: int = 0) -> Any:
                super().seek(offset, whence)

            def tell(self) -> int:
                return self.at

        with mmap.mmap(-1, len(CONTENT)) as mapped:
            mapped.write(CONTENT)
            for file in (mapped, Silent(CONTENT)):
                source = self.source(file)
                self.assertEqual(source.look().size, len(CONTENT))
                self.assertEqual(source.read(5, 10), CONTENT[5:15])
                self.assertEqual(source.digest(0, None), hashlib.sha256(CONTENT).hexdigest())

    def test_two_uploads_of_one_object(self) -> None:
        """Two that read from one file object in threads of their own get what they asked for."""
        with gzip.open(self.packed) as file:
            sources = self.share(file, file)
            wrong: list[int] = []

            def read(source: Source, step: int) -> None:
                for start in range(0, len(CONTENT) - 2000, step):
                    if source.read(start, 2000) != CONTENT[start : start + 2000]:
                        wrong.append(start)

            threads = [
                threading.Thread(target=read, args=(source, 1000 + 300 * number))
                for number, source in enumerate(sources)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(wrong, [])

    def test_two_wrappers_of_one_file(self) -> None:
        """So do two wrappers that read from one file, whatever they are."""
        with open(self.packed, "rb") as raw:
            self.share(gzip.GzipFile(fileobj=raw), gzip.GzipFile(fileobj=raw))
            with bz2.BZ2File(raw) as second, lzma.LZMAFile(raw) as third:
                self.share(gzip.GzipFile(fileobj=raw), second, third)
            self.share(gzip.GzipFile(fileobj=raw), gzip.GzipFile(fileobj=raw.raw))
            with open(os.dup(raw.fileno()), "rb") as other:  # which has the same position
                self.share(gzip.GzipFile(fileobj=raw), gzip.GzipFile(fileobj=other))
        memory = io.BytesIO(gzip.compress(CONTENT))
        first, _ = self.share(gzip.GzipFile(fileobj=memory), gzip.GzipFile(fileobj=memory))
        self.assertIsNot(first._turn, self.share(Stream(b"1"))[0]._turn)

    def test_members_of_an_archive(self) -> None:
        """So do two members of an archive."""
        packed = self.mktemp()
        with tarfile.open(packed, "w") as archive:
            archive.add(self.path, "a")
            archive.add(self.packed, "b")
        with tarfile.open(packed) as archive:
            sources = self.share(archive.extractfile("a"), archive.extractfile("b"))
            self.assertEqual(sources[0].read(100, 50), CONTENT[100:150])
        with zipfile.ZipFile(packed, "w") as zipped:
            zipped.write(self.path, "a")
            zipped.write(self.packed, "b")
        with zipfile.ZipFile(packed) as zipped:
            sources = self.share(zipped.open("a"), zipped.open("b"))
            self.assertEqual(sources[0].read(100, 50), CONTENT[100:150])

    def test_spooled(self) -> None:
        """A file that is in memory until it is large stays one thing when it becomes large."""
        with tempfile.SpooledTemporaryFile(max_size=1000) as file:
            file.write(CONTENT[:900])
            first = self.source(file)
            self.assertEqual(first.look().size, 900)
            file.seek(0)
            file.write(CONTENT)
            second = self.source(file)
            self.assertIs(first._turn, second._turn)  # type: ignore[attr-defined]
            self.assertEqual(second.read(5, 5), CONTENT[5:10])

    def test_forked(self) -> None:
        """A lock that somebody held as the process was forked is nobody's in the new one."""
        with gzip.open(self.packed) as file:
            (source,) = self.share(file)
            with source._turn.lock:
                child = os.fork()
                if not child:
                    free = self.source(file)._turn.lock.acquire(timeout=1)  # type: ignore[attr-defined]
                    os._exit(0 if free else 1)
                self.assertEqual(os.waitpid(child, 0), (child, 0))

    def test_file_beneath(self) -> None:
        """Where there is a plain file beneath, writes to that are noticed."""
        with gzip.open(self.packed) as file:
            (source,) = self.share(file)
            source.look()
            source.check()
            with open(self.packed, "ab") as more:
                more.write(b"more")
            error = self.assertRaises(SourceChanged, source.check)
        self.assertIn("beneath it", str(error))

    def test_file_beneath_at_once(self) -> None:
        """Nor is it taken while that is being written to, or if it was as it was looked at."""
        with gzip.open(self.packed) as file:
            (source,) = self.share(file)
            source.check()
            self.patch(changes, "_ticked", lambda: 0)
            self.patch(changes.time, "sleep", lambda _: os.utime(self.packed))
            error = self.assertRaises(SourceChanged, source.look)
            self.assertIn("it is being written to", str(error))
            self.patch(changes, "_ticked", lambda: 1 << 80)
            seek = file.seek

            def touch(*args: int) -> int:
                os.utime(self.packed, (1, 1))
                return seek(*args)

            self.patch(file, "seek", touch)
            error = self.assertRaises(SourceChanged, source.look)
            self.assertIn("beneath it", str(error))

    def test_no_bounds_kept(self) -> None:
        """What gives more than it is asked for, or has no such place, is not sent."""
        stream = Stream(CONTENT)
        (source,) = self.share(stream)
        self.assertEqual(source.look().sample, hashlib.sha256(CONTENT).digest())
        self.assertEqual(source.read(7, 9), CONTENT[7:16])
        stream.more = 1
        error = self.assertRaises(SourceChanged, source.read, 0, 10)
        self.assertIn("more bytes than it is asked for", str(error))
        stream.more = 0
        stream.content = CONTENT[:50]
        error = self.assertRaises(SourceChanged, source.read, 40, 20)
        self.assertIn("it ends at byte 50", str(error))
        self.patch(stream, "seek", lambda at: at - 1)
        self.assertRaises(SourceChanged, source.read, 5, 5)

    def test_reused_memory(self) -> None:
        """A file object may give the same memory each time, and less than it was asked for."""
        memory = bytearray(3)

        class Reusing(Stream):
            def read(self, size: int = -1) -> Any:
                memory[:] = super().read(3)
                return memory

        (source,) = self.share(Reusing(CONTENT))
        self.assertEqual(source.read(0, 9), CONTENT[:9])

    def test_no_bytes(self) -> None:
        """What does not read bytes is an error of its own kind."""
        for wrong in ("text", 5):
            stream = Stream(CONTENT)
            self.patch(stream, "read", lambda size, wrong=wrong: wrong)
            (source,) = self.share(stream)
            self.assertRaises(TypeError, source.read, 0, 5)
