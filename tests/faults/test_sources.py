"""Faults of what is uploaded."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import socket
import tempfile
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, DeferredQueue

from txresumable import FileRejected
from txresumable._engine import relay
from txresumable._source.source import PathSource
from txresumable.errors import SourceChanged

from .case import NEIGHBOUR, FaultCase, or_serve
from .server import Peer, RawServer, Request

MIB = 1024 * 1024
OLD, NEW = b"old " * 250, b"NEW " * 250


class ChangeTests(FaultCase):
    """C17: sources that change while they are sent."""

    def between(self, number: int) -> RawServer:
        """A server that waits before it stores one chunk."""

        def fault(peer: Peer, request: Request) -> None:
            if request.number == number:
                peer.tell("there")
                peer.wait()
            peer.serve(request)

        return self.serve(or_serve(fault))

    async def check(self, change: Callable[[str], object], reason: str) -> None:
        """
        A change is noticed, between two chunks and within one, and nothing of the new content is
        stored.
        """
        for size, pieces in ((1000, 20), (16 * MIB, 1)):
            server = self.between(3) if pieces > 3 else self.within()
            content = (OLD * (size // 1000 + 1))[:size] * pieces
            uploader = self.uploader(
                server.url, chunk_size=size, simultaneous_uploads=1, force_chunk_size=True
            )
            path = self.file(content)
            os.utime(path, (1, 1))
            upload = uploader.add_file(path)
            await server.when("there")
            change(path)
            server.gate.set()
            error = await self.failure(upload, SourceChanged)
            self.assertRegex(str(error), reason)
            stored = server.content("upload.bin")
            self.assertEqual(stored, content[: len(stored)])
            self.assertLess(len(stored), len(content))
            self.assertEqual(self.open_files(), [])
            neighbour = self.neighbour(uploader)
            await self.check_neighbour(neighbour, server)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def within(self) -> RawServer:
        """A server that waits in the middle of a chunk."""

        def fault(peer: Peer, request: Request) -> None:
            peer.receive(1)
            peer.tell("there")
            peer.wait()
            for _ in range(request.length - 1):
                peer.receive()

        return self.serve(or_serve(fault))

    async def test_shrinks(self) -> None:
        """C17: a file that gets shorter is noticed."""
        await self.check(lambda path: os.truncate(path, 1500), "bytes and has 1500|it ends at")

    async def test_emptied(self) -> None:
        """C17: a file that is emptied is noticed."""
        await self.check(lambda path: os.truncate(path, 0), "bytes and has 0|it ends at")

    async def test_grows(self) -> None:
        """C17: a file that gets longer is noticed."""

        def change(path: str) -> None:
            with open(path, "ab") as file:
                file.write(NEW)

        await self.check(change, "bytes and has")

    async def test_edited(self) -> None:
        """C17: a file that is written to in place, its size kept, is noticed."""

        def change(path: str) -> None:
            with open(path, "r+b") as file:
                file.write(NEW)
                file.seek(-1000, os.SEEK_END)
                file.write(NEW)

        await self.check(change, "written to")

    async def test_replaced(self) -> None:
        """C17: a file that is replaced by another of its size is noticed."""

        def change(path: str) -> None:
            os.replace(self.file(NEW * (os.path.getsize(path) // 1000), "new.bin"), path)

        await self.check(change, "deleted or replaced")

    async def test_deleted(self) -> None:
        """C17: a file that is deleted is noticed."""
        await self.check(os.unlink, "deleted or replaced")

    async def test_changed_before_it_is_opened(self) -> None:
        """C17: a file that changes between being added and being opened is noticed."""

        def fault(peer: Peer, request: Request) -> None:
            peer.tell("came")
            peer.wait()
            peer.serve(request)

        server = self.serve(or_serve(fault))
        uploader = self.uploader(server.url, simultaneous_uploads=1, chunk_size=1000)
        looked_at: Deferred[None] = Deferred()
        uploader.file_added.register(
            lambda file: looked_at.callback(None) if file.file_name == "39.bin" else None
        )
        first = uploader.add_file(self.file(OLD * 5, "first.bin"))
        # Nothing is opened ahead of its turn when there is more than that.
        uploads = [uploader.add_file(self.file(OLD, f"{number}.bin")) for number in range(40)]
        await server.when("came")
        await looked_at
        self.file(NEW + b"!", "39.bin")
        server.gate.set()
        await first
        await self.failure(uploads.pop(), SourceChanged)
        for upload in uploads:
            await upload

    async def test_unreadable(self) -> None:
        """C17: a disk that fails in mid-file fails that upload with its error, and no other."""
        original = PathSource._read

        def glance(source: Any, start: int, size: int) -> bytes:
            return b""

        def read(source: Any, fd: int, start: int, size: int) -> bytes:
            if source.path.endswith("upload.bin") and start >= 2 * MIB:
                raise OSError(errno.EIO, os.strerror(errno.EIO), source.path)
            return original(source, fd, start, size)

        server = self.serve(Peer.serve_all)
        uploader = self.uploader(server.url, chunk_size=4 * MIB)
        upload = uploader.add_file(self.file(OLD * 4000))
        neighbour = self.neighbour(uploader)
        await neighbour  # looked at, both of them
        other = uploader.add_file(self.file(OLD * 4000, "other.bin"))
        self.patch(PathSource, "glance", glance)
        self.patch(PathSource, "_read", read)
        with contextlib.suppress(OSError):
            await upload  # it may have been quicker
        again = uploader.add_file(self.file(OLD * 4001))
        error = await self.failure(again, OSError)
        self.assertEqual(error.errno, errno.EIO)
        await other
        self.assertEqual(server.content("other.bin"), OLD * 4000)
        self.assertEqual(self.open_files(), [])

    async def test_hung(self) -> None:
        """C17: a disk that hangs in mid-file holds up a chunk of it; all else goes on."""
        glance, read = PathSource.glance, PathSource._read
        hangs: Deferred[None] = Deferred()
        goes_on = threading.Event()
        self.addCleanup(goes_on.set)

        def cold(source: Any, start: int, size: int) -> Any:
            return b"" if source.path.endswith("upload.bin") else glance(source, start, size)

        def hang(source: Any, fd: int, start: int, size: int) -> bytes:
            if source.path.endswith("upload.bin") and start == 8 * MIB:
                reactor.callFromThread(hangs.callback, None)
                goes_on.wait(20)
            return read(source, fd, start, size)

        def arm(file: Any) -> None:
            self.patch(PathSource, "glance", cold)
            self.patch(PathSource, "_read", hang)

        server = self.serve(Peer.serve_all)
        uploader = self.uploader(server.url, chunk_size=4 * MIB)
        uploader.file_added.register(arm)
        upload = uploader.add_file(self.file(OLD * 16_000))
        await hangs
        uploader.file_added.unregister(arm)
        await self.check_neighbour(self.neighbour(uploader), server)
        self.assertFalse(upload.called)
        goes_on.set()
        await upload
        self.assertEqual(server.content("upload.bin"), OLD * 16_000)


class HangingTests(FaultCase):
    """C17: disks that hang before a byte was sent."""

    def setUp(self) -> Any:
        self.patch(relay, "TICK", 0.05)
        self.goes_on = threading.Event()
        self.addCleanup(self.goes_on.set)
        self.opened: set[str] = set()
        self.hangs: DeferredQueue[str] = DeferredQueue()
        return super().setUp()

    def hang(self, when: Callable[[str], bool]) -> None:
        """Let opening a file hang."""
        original = PathSource._open

        def opening(source: Any, *seen: Any) -> Any:
            name = os.path.basename(source.path)
            if when(name):
                reactor.callFromThread(self.hangs.put, name)
                self.goes_on.wait(20)
            self.opened.add(name)
            return original(source, *seen)

        self.patch(PathSource, "_open", opening)

    async def check(self, when: Callable[[str], bool], *hanging: str) -> None:
        """Some of ten files hang until all others are there; then they arrive as well."""
        server = self.serve(Peer.serve_all)
        uploader = self.uploader(server.url, chunk_size=1000)
        names = [f"{number}.bin" for number in range(10)]
        paths = [self.file(OLD[:900] + name.encode() * 300, name) for name in names]
        self.hang(when)
        uploads = dict(zip(names, uploader.add_files(paths), strict=True))
        for name in names:
            if name not in hanging:
                await uploads[name]
        self.assertEqual([uploads[name].called for name in hanging], [False] * len(hanging))
        self.goes_on.set()
        for name in names:
            await uploads[name]
            self.assertEqual(server.content(name), OLD[:900] + name.encode() * 300)

    async def test_looking(self) -> None:
        """C17: a file that cannot be looked at, since its disk hangs, holds up no other."""
        await self.check(lambda name: name == "4.bin", "4.bin")

    async def test_opening(self) -> None:
        """C17: nor does a file that was looked at, and then hangs when it is opened."""
        await self.check(lambda name: name == "4.bin" and name in self.opened, "4.bin")

    async def test_several(self) -> None:
        """C17: nor do some of them, more than chunks are sent at a time."""
        hanging = ("1.bin", "2.bin", "3.bin", "8.bin")
        await self.check(lambda name: name in hanging and name in self.opened, *hanging)

    async def test_cancelled(self) -> None:
        """C17: what hangs can be cancelled, and added again."""
        server = self.serve(Peer.serve_all)
        uploader = self.uploader(server.url)
        path = self.file(OLD)
        for again in (False, True):
            self.goes_on.clear()
            self.opened.clear()
            self.hang(lambda name, again=again: not again or name in self.opened)
            upload = uploader.add_file(path)
            await self.hangs.get()
            upload.cancel()
            await self.failure(upload, CancelledError)
            upload = uploader.add_file(path)
            self.goes_on.set()
            await upload
        self.assertEqual(server.content("upload.bin"), OLD)


class OddFile(io.RawIOBase):
    """A file object that fails as nobody expects when it is read from somewhere."""

    def __init__(self, size: int, error: BaseException) -> None:
        self._size, self._at, self._error = size, 0, error
        self.armed = False

    def arm(self) -> None:
        """Fail from now on."""
        self.armed = True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (self._size if whence == os.SEEK_END else 0)
        return self._at

    def read(self, size: int = -1) -> bytes:
        if self.armed and self._at > self._size // 2:
            raise self._error
        size = min(size, self._size - self._at)
        self._at += size
        return b"x" * size


class FileObjectTests(FaultCase):
    """C17: what can become of a file object."""

    def waiting_server(self) -> RawServer:
        def fault(peer: Peer, request: Request) -> None:
            peer.receive(1)
            peer.tell("there")
            peer.wait()
            peer.receive()

        return self.serve(or_serve(fault))

    async def check(
        self, source: Any, change: Callable[[], object], *kinds: type[BaseException]
    ) -> None:
        server = self.waiting_server()
        uploader = self.uploader(server.url, chunk_size=64 * MIB)
        upload = uploader.add_file(source, file_name="upload.bin")
        neighbour = self.neighbour(uploader)
        await server.when("there")
        change()
        server.gate.set()
        await self.failure(upload, *kinds)
        await self.check_neighbour(neighbour, server)
        self.assertEqual(server.content("upload.bin"), b"")

    async def test_raises_anything(self) -> None:
        """C17: whatever a file object raises fails its upload, once, and no other."""
        for error in (RuntimeError("odd"), ValueError("odd"), KeyError("odd"), MemoryError()):
            source = OddFile(16 * MIB, error)
            await self.check(source, source.arm, type(error))

    async def check_whole(self, source: Any, change: Callable[[], object]) -> None:
        """What becomes of a file object does not matter to what is sent."""

        def fault(peer: Peer, request: Request) -> None:
            peer.tell("there")
            peer.wait()
            peer.serve(request)

        server = self.serve(or_serve(fault))
        uploader = self.uploader(server.url, chunk_size=64 * MIB)
        upload = uploader.add_file(source, file_name="upload.bin")
        await server.when("there")
        change()
        server.gate.set()
        await upload
        self.assertEqual(server.content("upload.bin"), b"x" * 16 * MIB)

    async def test_closed(self) -> None:
        """C17: a file object that is closed while it is sent is sent to its end."""
        memory = io.BytesIO(b"x" * 16 * MIB)
        await self.check_whole(memory, memory.close)
        with open(self.file(b"x" * 16 * MIB), "rb") as file:
            await self.check_whole(file, file.close)

    async def test_closed_for_another(self) -> None:
        """C17: not a byte is sent of the file that got a closed one's descriptor."""
        secret = self.file(b"secret" * 3 * MIB, "secret.bin")
        with open(self.file(b"x" * 16 * MIB), "rb") as file:
            opened: list[int] = []

            def change() -> None:
                number = file.fileno()
                file.close()
                while number not in opened:
                    opened.append(os.open(secret, os.O_RDONLY))

            await self.check_whole(file, change)
            for descriptor in opened:
                os.close(descriptor)

    async def test_shrinks(self) -> None:
        """C17: a file object in memory is sent as it was when it was added."""
        memory = io.BytesIO(b"x" * 16 * MIB)
        await self.check_whole(memory, lambda: memory.truncate(5 * MIB))

    async def test_changed_beneath(self) -> None:
        """C17: a file that changes beneath a file object is noticed, which stays open."""
        path = self.file(b"x" * 16 * MIB)
        with open(path, "rb") as file:
            await self.check(file, lambda: os.truncate(path, 5 * MIB), SourceChanged)
            self.assertFalse(file.closed)

    async def test_cancelled_while_read(self) -> None:
        """C2: cancelling while a thread reads closes the file as soon as it is through."""
        server = self.serve(Peer.serve_all)
        self.patch(PathSource, "read_now", lambda *_: None)
        uploader = self.uploader(server.url, chunk_size=64 * MIB)
        for _ in range(20):
            upload = uploader.add_file(self.file(b"x" * 2 * MIB))
            uploader.file_added.register(lambda file: file.cancel())
            await self.failure(upload, CancelledError)


class KindTests(FaultCase):
    """C18 and C19: what kinds of files there are."""

    async def refuse(self, path: str, *kinds: type[BaseException]) -> Any:
        server = self.serve(Peer.serve_all)
        uploader = self.uploader(server.url)
        upload = uploader.add_file(path)
        neighbour = self.neighbour(uploader)
        error = await self.failure(upload, *kinds)
        await self.check_neighbour(neighbour, server)
        self.assertEqual({each.name for each in server.requests}, {NEIGHBOUR})
        return error

    async def test_pipe(self) -> None:
        """C18: a named pipe is refused without waiting for a writer."""
        os.mkfifo("pipe")
        error = await self.refuse("pipe", FileRejected)
        self.assertEqual(error.rule, "regular_file")

    async def test_device(self) -> None:
        """C18: a device is refused."""
        for path in ("/dev/zero", "/dev/null", "/dev/full"):
            error = await self.refuse(path, FileRejected)
            self.assertEqual(error.rule, "regular_file")

    async def test_without_size(self) -> None:
        """C18: a file of the kernel's, which has content but no size, is refused."""
        error = await self.refuse("/proc/self/status", FileRejected)
        self.assertEqual(error.rule, "regular_file")

    async def test_socket(self) -> None:
        """C18: a socket is an error that names it."""
        with tempfile.TemporaryDirectory() as short:
            path = os.path.join(short, "s")
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(path)
                error = await self.refuse(path, OSError)
        self.assertEqual((error.errno, error.filename), (errno.ENXIO, path))

    async def test_loop(self) -> None:
        """C18: symbolic links in a circle are an error."""
        os.symlink("loop", "loop")
        self.assertEqual((await self.refuse("loop", OSError)).errno, errno.ELOOP)

    async def test_dangling(self) -> None:
        """C18: a symbolic link to nothing is an error, as is nothing."""
        os.symlink("nothing", "dangling")
        for path in ("dangling", "nothing", "nothing/below", ""):
            self.assertEqual((await self.refuse(path, OSError)).errno, errno.ENOENT)

    async def test_folder(self) -> None:
        """C18: a folder is an error."""
        os.mkdir("folder")
        self.assertEqual((await self.refuse("folder", OSError)).errno, errno.EISDIR)

    async def test_impossible_names(self) -> None:
        """C18: a path that no file can have is an error."""
        uploader = self.uploader("http://127.0.0.1/")
        self.assertRaises(ValueError, uploader.add_file, "a\0b")
        await self.refuse("x" * 5000, OSError)

    async def test_link(self) -> None:
        """C18: a symbolic link to a file is that file, under the link's name."""
        os.symlink(self.file(b"linked", "target"), "link")
        server = self.serve(Peer.serve_all)
        await self.uploader(server.url).add_file("link")
        self.assertEqual(server.content("link"), b"linked")

    async def test_empty(self) -> None:
        """C19: an empty file is one chunk of nothing, if it is accepted."""
        server = self.serve(Peer.serve_all)
        uploader = self.uploader(server.url, min_file_size=0)
        await uploader.add_file(self.file(b""))
        self.assertEqual(server.stored["upload.bin"], {1: b""})

    async def test_huge(self) -> None:
        """C19: beyond 4 GiB, and over holes, the right bytes are sent."""
        path = self.file(b"")
        size = 5 * 1024 * MIB + 1
        with open(path, "r+b") as file:
            file.truncate(size)
            file.seek(size - 4)
            file.write(b"tail")
        server = self.serve(Peer.serve_all)
        uploader = self.uploader(server.url, force_chunk_size=True)
        uploader.file_added.register(lambda file: file.mark_chunks_completed(5 * 1024 - 2))
        await uploader.add_file(path)
        last = b"\0" * (2 * MIB - 3) + b"tail"
        self.assertEqual(server.content("upload.bin"), last)
        self.assertEqual(max(server.stored["upload.bin"]), 5 * 1024 + 1)
