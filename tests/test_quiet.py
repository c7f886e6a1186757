"""Tests for files that wait until nobody writes to them."""

from __future__ import annotations

import gzip
import os
import time
from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher

from txresumable import FileRejected, FileState, Resumable, SourceChanged
from txresumable._engine.prefetch import Prefetcher
from txresumable._engine.totals import ProgressTotals
from txresumable.identifiers import content
from txresumable.uploader import engine_of

from .uploader_rig import UploaderTestCase


class QuietTestCase(UploaderTestCase):
    """
    Files whose times are those of the uploader's clock.
    """

    def setUp(self) -> None:
        super().setUp()
        self.start = 1_700_000_000
        self.patch(time, "time_ns", self.now)
        self.events = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)

    def tearDown(self) -> None:
        """Nothing is remembered of files that have waited."""
        for uploader, _ in self._uploaders:
            self.assertEqual(engine_of(uploader).admission._quiet._quiet, {})
        super().tearDown()

    def now(self) -> int:
        """The time of day, in nanoseconds."""
        return int((self.start + self.clock.seconds()) * 1e9)

    def write(self, path: str, written: bytes) -> None:
        """Write a file, now."""
        with open(path, "wb") as file:
            file.write(written)
        os.utime(path, ns=(self.now(), self.now()))

    def path(self, written: bytes = b"x" * 30) -> str:
        """The path of a file that is written now."""
        path = self.mktemp()
        self.write(path, written)
        return path

    def waiting(self, **options: Any) -> Resumable:
        """An uploader whose files wait if they have changed."""
        return self.uploader(**{"when_changed": "wait", "test_chunks": False, **options})

    def warnings(self) -> list[str]:
        """What was warned of."""
        return [formatEvent(event) for event in self.events if event["log_level"].name == "warn"]

    def pass_time(self, seconds: float) -> None:
        """Let time pass, as it does."""
        self.clock.pump([0.5] * int(seconds * 2))


class ChangedTests(QuietTestCase):
    """
    A file that has changed while it was uploaded.
    """

    def test_uploaded_when_quiet(self) -> None:
        """It is uploaded anew, as it is when nobody has written to it for five seconds."""
        path = self.path()
        uploader = self.waiting(simultaneous_uploads=1)
        upload = uploader.add_file(path)
        first = upload.file.unique_identifier
        self.client.respond(200)
        self.write(path, b"y" * 20)
        self.client.respond(200)
        self.assertIs(upload.file.state, FileState.ADDED)
        self.assertEqual((self.client.waiting, uploader.files), ([], []))
        self.assertEqual((upload.fraction_completed, upload.file.unique_identifier), (0.0, ""))
        [warning] = self.warnings()
        self.assertIn("changed while it was being uploaded: it had 30 bytes and has 20", warning)
        self.assertTrue(warning.endswith("; it waits until it is 5 s old"), warning)
        self.pass_time(4)
        self.write(path, b"z" * 10)
        self.pass_time(4.5)
        self.assertEqual(self.client.waiting, [])
        self.pass_time(1)
        self.assertEqual(uploader.files, [upload.file])
        self.assertNotIn(upload.file.unique_identifier, ("", first))
        self.assertEqual(self.client.waiting[0].content, b"z" * 10)
        self.answer_all()
        self.assertEqual(self.successResultOf(upload).size, 10)
        self.successResultOf(uploader.join())

    def test_every_way(self) -> None:
        """It waits whatever notices the change, and however many chunks are under way."""
        for notice in ("chunk", "opening", "naming", "preparing", "verifying"):
            path, changes = self.path(), [notice]

            def change(_: Any, at: str, path: str = path, changes: list[str] = changes) -> None:
                if at in changes:
                    changes.remove(at)
                    self.write(path, b"y" * 25)

            def naming(file: Any, change: Any = change) -> Any:
                change(file, "naming")
                return content(file)

            def preparing(file: Any, change: Any = change) -> Any:
                change(file, "preparing")
                return file.content_digest()

            def verifying(file: Any, change: Any = change) -> Any:
                change(file, "verifying")
                return file.content_digest()

            uploader = self.waiting(
                generate_unique_identifier=naming, preprocess_file=preparing, verify=verifying
            )
            uploader.pause()
            upload = uploader.add_file(path)
            change(None, "opening")
            uploader.resume()
            self.client.waiting and change(None, "chunk")
            self.answer_all()
            self.assertIs(upload.file.state, FileState.ADDED, notice)
            self.assertEqual(changes, [])
            sent = len(self.client.sent)
            self.pass_time(6)
            self.answer_all()
            self.assertEqual(self.successResultOf(upload).size, 25)
            self.assertEqual(len(self.client.sent), sent + 2)

    def test_fails(self) -> None:
        """It fails if it is not to wait, and so does what has no file of which that can be seen."""

        class Odd(BytesIO):
            """It has fewer bytes than it says."""

            def read(self, size: int | None = -1) -> bytes:
                return super().read(size)[:-1] if self.tell() else super().read(size)

        path = self.path()
        uploader = self.waiting(when_changed="fail", simultaneous_uploads=1)
        upload = uploader.add_file(path)
        self.write(path, b"y")
        self.answer_all()
        self.failureResultOf(upload, SourceChanged)
        odd = self.waiting(chunk_size=40_000).add_file(Odd(b"x" * 200_000), file_name="odd")
        self.answer_all()
        self.failureResultOf(odd, SourceChanged)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_file_objects(self) -> None:
        """Open files wait, and what reads from one."""
        plain, packed = self.path(), self.path(gzip.compress(b"x" * 30))
        with open(plain, "rb") as first, gzip.open(packed, "rb") as second:
            for opened, path, written in (
                (first, plain, b"y" * 20),
                (second, packed, gzip.compress(b"y" * 20, 0)),
            ):
                upload = self.waiting(simultaneous_uploads=1).add_file(opened, file_name="a")
                with open(path, "r+b") as file:
                    file.write(written)
                    file.truncate()
                os.utime(path, ns=(self.now(), self.now()))
                self.client.respond(200)
                self.assertIs(upload.file.state, FileState.ADDED)
                if opened is second:
                    second.seek(0)
                    upload.cancel()
                    self.assert_cancelled(upload)
                    continue
                self.pass_time(6)
                self.answer_all()
                self.assertEqual(self.successResultOf(upload).size, 20)

    def test_copy(self) -> None:
        """A copy that shares an upload and changes meanwhile waits, and is uploaded by itself."""
        one, other = self.path(), self.path()
        uploader = self.waiting(generate_unique_identifier=lambda _: "a")
        first, second = uploader.add_files([one, other])
        self.write(other, b"y" * 10)
        self.answer_all()
        self.successResultOf(first)
        self.assertIs(second.file.state, FileState.ADDED)
        self.pass_time(6)
        self.assertEqual(uploader.files, [first.file, second.file])
        self.answer_all()
        self.assertEqual(self.successResultOf(second).size, 10)

    def test_deleted(self) -> None:
        """A file that is deleted meanwhile fails, and says so."""
        path = self.path()
        upload = self.waiting(simultaneous_uploads=1).add_file(path)
        os.unlink(path)
        self.client.respond(200)
        self.pass_time(1)
        self.failureResultOf(upload, FileNotFoundError)

    def test_refused_then(self) -> None:
        """A file that is not acceptable any more is refused, and is not on the list."""
        path = self.path()
        uploader = self.waiting(simultaneous_uploads=1, max_file_size=30)
        upload = uploader.add_file(path)
        self.write(path, b"y" * 31)
        self.client.respond(200)
        self.pass_time(6)
        self.failureResultOf(upload, FileRejected)
        self.assertEqual(uploader.files, [])

    def test_cancelled(self) -> None:
        """A file that waits can be cancelled, by itself or with its uploader."""
        for way in ("cancel", "close"):
            path = self.path()
            uploader = self.waiting(simultaneous_uploads=1)
            upload = uploader.add_file(path)
            self.write(path, b"y")
            self.client.respond(200)
            self.pass_time(2)
            getattr(upload if way == "cancel" else uploader, way)()
            self.assert_cancelled(upload)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_in_vain(self) -> None:
        """Where nobody writes, and the file is another one each time, it waits once, and fails."""
        fstat, numbers = os.fstat, iter(range(10**6, 10**9))

        def unstable(fd: int) -> os.stat_result:
            now = fstat(fd)
            extra = {"st_mtime_ns": now.st_mtime_ns, "st_ctime_ns": now.st_ctime_ns}
            return os.stat_result((now[0], next(numbers), *now[2:]), extra)

        upload = self.waiting().add_file(self.path())
        self.patch(os, "fstat", unstable)
        self.client.respond(200)
        self.pass_time(5)
        self.assertNoResult(upload)
        self.pass_time(2)
        error = self.failureResultOf(upload, SourceChanged).value
        self.assertIn('source_check="size"', str(error))
        self.assertIn("--source-check size", str(error))

    def test_progress(self) -> None:
        """Totals count the file as it is now."""
        path = self.path()
        uploader = self.waiting(simultaneous_uploads=1)
        totals = ProgressTotals(uploader)
        uploader.add_file(path)
        uploader.add_file(b"z" * 5, file_name="z")
        self.client.respond(200)
        self.assertEqual((totals.total, totals.done, totals.files), (35, 10, 2))
        self.write(path, b"y" * 20)
        self.answer_all()
        self.pass_time(6)
        self.answer_all()
        self.assertEqual((totals.total, totals.done, totals.files), (25, 25, 2))
        self.assertEqual(totals.files_completed, 2)

    def test_touched(self) -> None:
        """With identifiers of the content, what was stored before a touch is not sent again."""
        path = self.path()
        uploader = self.uploader(
            self.receiver, when_changed="wait", generate_unique_identifier=content
        )
        touched: list[object] = []

        def touch(*_: object) -> None:
            if not touched:
                touched.append(os.utime(path, (1, 1)))

        uploader.chunk_completed.register(touch)
        upload = uploader.add_file(path)
        self.assertIs(upload.file.state, FileState.ADDED)
        self.pass_time(7)
        self.successResultOf(upload)
        numbers = [each.parameters["resumableChunkNumber"] for each in self.receiver.uploads]
        self.assertEqual(numbers, ["1", "2", "2", "3"])
        self.assertEqual(upload.file.chunks_found, 1)


class AgeTests(QuietTestCase):
    """
    A file that is too young.
    """

    def test_waits(self) -> None:
        """It is uploaded when nobody has written to it for so long; one that is old, at once."""
        young, old = self.path(b"young"), self.path(b"old")
        os.utime(old, ns=(self.now(), self.now() - 10 * 10**9))
        uploader = self.uploader(min_age=10.0, test_chunks=False)
        uploads = uploader.add_files([young, old])
        [request] = self.client.waiting
        self.assertEqual(request.content, b"old")
        self.answer_all()
        self.pass_time(8)
        self.write(young, b"grown")
        self.pass_time(9)
        self.assertEqual(self.client.waiting, [])
        self.pass_time(2)
        self.assertEqual(self.client.waiting[0].content, b"grown")
        self.answer_all()
        for upload in uploads:
            self.successResultOf(upload)
        self.assertEqual(self.warnings(), [])
        said = [formatEvent(event) for event in self.events]
        self.assertIn(f"{os.path.basename(young)!r} waits until it is 10 s old", said)

    def test_time_put_back(self) -> None:
        """A write whose time was put back makes a file that waits wait again."""
        path = self.path(b"first")
        upload = self.uploader(self.receiver, min_age=10.0).add_file(path)
        self.pass_time(8)
        self.write(path, b"second")
        os.utime(path, (1, 1))
        self.pass_time(9.5)
        self.assertNoResult(upload)
        self.pass_time(2)
        self.assertEqual(self.successResultOf(upload).size, 6)

    def test_groups(self) -> None:
        """Those that need not wait are announced at once, the others when they are old enough."""
        uploader = self.uploader(self.receiver, min_age=10.0)
        announced: list[tuple[int, int]] = []
        uploader.files_added.register(lambda new, out: announced.append((len(new), len(out))))
        path = self.path(b"young")
        uploader.add_files([path, {"source": b"bytes", "file_name": "b"}])
        self.assertEqual(announced, [(1, 0)])
        self.pass_time(11)
        self.assertEqual(announced, [(1, 0), (1, 0)])

    def test_clock_that_is_ahead(self) -> None:
        """A file from the future is watched for as long as it would have to be old."""
        path = self.path()
        os.utime(path, ns=(self.now(), self.now() + 10**12))
        upload = self.uploader(self.receiver, min_age=10.0).add_file(path)
        self.pass_time(10.5)
        self.assertNoResult(upload)
        self.pass_time(1)
        self.successResultOf(upload)

    def test_no_times(self) -> None:
        """Where times do not count, the size must not change for so long."""
        path = self.path()
        os.utime(path, ns=(1, 1))
        upload = self.uploader(self.receiver, min_age=5.0, source_check="size").add_file(path)
        self.pass_time(5.5)
        self.assertNoResult(upload)
        self.pass_time(1)
        self.successResultOf(upload)

    def test_hanging(self) -> None:
        """A look that hangs is waited for, and no other begins before it is through."""
        path = self.path()
        looks: list[Any] = []

        def status(_: Any, files: list[Any]) -> Any:
            looks.append(Deferred())
            return succeed([looks[-1]])

        self.patch(Prefetcher, "status", status)
        upload = self.uploader(self.receiver, min_age=5.0).add_file(path)
        self.pass_time(20)
        self.assertEqual(len(looks), 1)
        looks[0].callback(os.stat(path))
        self.successResultOf(upload)
