"""
The uploader as a whole: all its events from beginning to end, starting and pausing.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.python.failure import Failure

from txresumable import (
    ChunkRejected,
    FileState,
    Resumable,
    RetriesExhausted,
)
from txresumable.testing.process import ProcessClock
from txresumable.uploader import engine_of

from .uploader_rig import UploaderTestCase


class EventTests(UploaderTestCase):
    """
    Every event, in its place.
    """

    def hear(self, uploader: Resumable) -> list[Any]:
        """:returns: where the events will be, with what they carry."""
        heard: list[Any] = []
        uploader.catch_all.register(lambda *event: heard.append(event))
        return heard

    def test_a_life(self) -> None:
        """All events of one file, from the first to the last."""
        uploader = self.uploader(test_chunks=False)
        heard = self.hear(uploader)
        upload = uploader.add_file(b"x" * 10, file_name="a")
        file = upload.file
        self.client.respond(200)
        self.successResultOf(upload)
        self.assertEqual(
            heard,
            [
                ("chunking_start", file),
                ("chunking_progress", file, 1.0),
                ("chunking_complete", file),
                ("file_added", file),
                ("files_added", [file], []),
                ("upload_start",),
                ("file_progress", file),
                ("progress",),
                ("chunk_completed", file, file.chunks[0]),
                ("file_completed", file),
                ("completed", []),
            ],
        )

    def test_start(self) -> None:
        """Uploading starts once for all that is there, and again after its end."""
        uploader, heard = self.uploader(test_chunks=False), []
        uploader.upload_start.register(lambda: heard.append("start"))
        uploader.completed.register(lambda failed: heard.append("end"))
        for name in "ab":
            uploader.add_file(b"x", file_name=name)
        uploader.upload()  # nothing, since chunks are under way
        self.assertEqual(heard, ["start"])
        self.answer_all()
        self.assertEqual(heard, ["start", "end"])
        upload = uploader.add_file(b"x", file_name="c")
        self.answer_all()
        self.successResultOf(upload)
        self.assertEqual(heard, ["start", "end"] * 2)

    def test_upload(self) -> None:
        """upload() begins by itself: it is told of, though there is nothing to do."""
        uploader, heard = self.uploader(), []
        uploader.upload_start.register(lambda: heard.append("start"))
        uploader.upload()
        uploader.upload()
        self.assertEqual(heard, ["start"] * 2)
        upload = uploader.add_file(b"x", file_name="a")
        self.answer_all()
        self.successResultOf(upload)
        self.assertEqual(heard, ["start"] * 2)

    def test_resume(self) -> None:
        """resume() after pause() is a start; without a pause it is nothing."""
        uploader, heard = self.uploader(test_chunks=False), []
        uploader.upload_start.register(lambda: heard.append("start"))
        upload = uploader.add_file(b"x", file_name="a")
        uploader.resume()
        self.assertEqual(heard, ["start"])
        uploader.pause()
        self.assertFalse(uploader.is_uploading)
        uploader.resume()
        self.assertEqual((heard, uploader.is_uploading), (["start"] * 2, True))
        self.answer_all()
        self.successResultOf(upload)

    def test_paused_while_a_chunk_waits(self) -> None:
        """upload() goes on after pause(), though a chunk waits to be tried again."""
        uploader = self.uploader(last_chunk_alone=False, test_chunks=False)
        upload = uploader.add_file(b"x" * 20, file_name="a")
        self.client.respond(503)
        uploader.pause()
        self.assertTrue(uploader.is_uploading)
        uploader.upload()
        self.assertEqual(len(self.client.waiting), 1)
        self.clock.advance(1)
        self.answer_all()
        self.successResultOf(upload)

    def test_failed_files(self) -> None:
        """The end tells of the files that failed since the beginning, and of no others."""
        uploader, ends = self.uploader(test_chunks=False), []
        uploader.completed.register(ends.append)
        uploads = [uploader.add_file(b"x", file_name=name) for name in "abc"]
        for status in (404, 200, 404):
            self.client.respond(status)
        for index in (0, 2):
            self.failureResultOf(uploads[index], ChunkRejected)
        self.assertEqual(ends, [[uploads[0].file, uploads[2].file]])
        self.assertEqual(uploader.files, [upload.file for upload in uploads])
        uploads[0].file.retry()
        self.client.respond(200)
        self.assertEqual(ends[1:], [[]])
        self.assertTrue(uploads[0].file.is_completed)

    def test_several_end_together(self) -> None:
        """The end comes after the news of each file, also if several fail at the same moment."""
        uploader = self.uploader(test_chunks=False, max_chunk_retries=0)
        heard = self.hear(uploader)
        uploads = [uploader.add_file(b"x", file_name=name) for name in "abc"]
        self.client.fail(ConnectionRefusedError())
        for upload in uploads:
            self.failureResultOf(upload, RetriesExhausted)
        told = [event for event in heard if event[0] in ("file_error", "completed")]
        self.assertEqual([event[0] for event in told], ["file_error"] * 3 + ["completed"])
        self.assertEqual(told[-1][1], [upload.file for upload in uploads])

    def test_a_failure_that_is_mended(self) -> None:
        """A file that fails and is tried again before the end has not failed."""
        uploader, ends = self.uploader(test_chunks=False), []
        uploader.completed.register(ends.append)
        failing = uploader.add_file(b"x", file_name="a")
        uploader.add_file(b"x", file_name="b")
        self.client.respond(404)
        self.failureResultOf(failing, ChunkRejected)
        failing.file.retry()
        self.answer_all()
        self.assertEqual(ends, [[]])
        self.assertIsNone(self.successResultOf(uploader.join()))

    def test_nothing_completed(self) -> None:
        """What was cancelled altogether does not come to completion."""
        uploader = self.uploader()
        heard = self.hear(uploader)
        upload = uploader.add_file(b"x", file_name="a")
        uploader.cancel()
        self.assert_cancelled(upload)
        self.assertEqual([event[0] for event in heard[-2:]], ["before_cancel", "cancelled"])
        self.assertNotIn("completed", [event[0] for event in heard])

    def test_cancel_takes_all_off_the_list(self) -> None:
        """After cancel() nothing is listed, what was done before neither."""
        uploader = self.uploader(test_chunks=False)
        done, failed, under_way = [uploader.add_file(b"x", file_name=name) for name in "abc"]
        self.client.respond(200)
        self.client.respond(404)
        self.failureResultOf(failed, ChunkRejected)
        uploader.cancel()
        self.assert_cancelled(under_way)
        self.assertEqual(uploader.files, [])
        self.assertTrue(self.successResultOf(done).is_completed)


class ListTests(UploaderTestCase):
    """
    What is on the list.
    """

    def test_fraction(self) -> None:
        """Files count by their size; files of nothing are done when they are stored."""
        uploader = self.uploader(
            test_chunks=False, simultaneous_uploads=1, min_file_size=0, chunk_size=100
        )
        uploads = [uploader.add_file(b"x" * size, file_name=str(size)) for size in (30, 0, 90)]
        self.assertEqual((uploader.get_size(), uploader.fraction_completed), (120, 0.0))
        for fraction in (0.25, 0.25, 1.0):
            self.client.respond(200)
            self.assertEqual(uploader.fraction_completed, fraction)
        for upload in uploads:
            self.successResultOf(upload)
        empty = self.uploader(test_chunks=False, min_file_size=0)
        upload = empty.add_file(b"", file_name="nothing")
        self.assertEqual(empty.fraction_completed, 0.0)
        self.client.respond(200)
        self.successResultOf(upload)
        self.assertEqual(empty.fraction_completed, 1.0)
        both = self.uploader(test_chunks=False, min_file_size=0, simultaneous_uploads=1)
        uploads = [both.add_file(b"x" * size, file_name="c") for size in (1, 0)]
        self.client.respond(200)
        self.assertEqual(both.fraction_completed, 1.0)  # of all bytes, that is
        self.client.respond(200)
        for upload in uploads:
            self.successResultOf(upload)

    def test_type(self) -> None:
        """A type is guessed from the name, if it tells, unless it is given."""
        uploader = self.uploader(self.receiver)
        for name, given, type in (
            ("a.png", None, "image/png"),
            ("a.unknown-suffix", None, ""),
            ("a.png", "", ""),
            ("a.png", "text/plain", "text/plain"),
        ):
            file = uploader.add_file(os.urandom(9), file_name=name, type=given).file
            self.assertEqual(file.type, type)
        self.addCleanup(mimetypes.init)
        mimetypes.add_type("x-own/type", ".own", strict=False)
        self.assertEqual(uploader.add_file(b"x", file_name="a.own").file.type, "x-own/type")

    def test_type_without_tables(self) -> None:
        """If the tables of types cannot be read, the type is not known, and that is all."""

        def starve(name: str, strict: bool) -> None:
            raise OSError(24, "Too many open files")

        self.patch(mimetypes, "guess_type", starve)
        file = self.uploader(self.receiver).add_file(b"x", file_name="a.never-asked.png").file
        self.assertEqual(file.type, "")

    def test_paths(self) -> None:
        """The relative path is what is given, or else the name."""
        uploader = self.uploader(self.receiver)
        [first, second] = uploader.add_files(
            [
                {"source": b"x", "file_name": "a", "relative_path": "d/a"},
                {"source": b"y", "file_name": "b"},
            ]
        )
        self.assertEqual([first.file.relative_path, second.file.relative_path], ["d/a", "b"])
        self.assertEqual(self.successResultOf(first).file_name, "a")

    def test_room(self) -> None:
        """max_files counts what is accepted and what is about to be; all of a group, or none."""
        uploader, told = self.uploader(self.receiver, max_files=3), []
        uploader.files_added.register(lambda *added: told.append(added))
        two = uploader.add_files([{"source": b"x", "file_name": name} for name in "ab"])
        refused = uploader.add_files([{"source": b"x", "file_name": name} for name in "cd"])
        one = uploader.add_file(b"x", file_name="e")
        for upload in (*two, one):
            self.successResultOf(upload)
        for upload in refused:
            error = self.failureResultOf(upload).value
            self.assertEqual(error.rule, "max_files")
        self.assertEqual(len(uploader.files), 3)
        self.assertEqual(told, [([upload.file for upload in two], []), ([one.file], [])])

    def test_room_while_files_are_looked_at(self) -> None:
        """Files whose identifiers are being fetched count as well."""
        identifiers: list[Deferred[str]] = []

        def identify(file: Any) -> Deferred[str]:
            identifiers.append(Deferred())
            return identifiers[-1]

        uploader = self.uploader(self.receiver, max_files=2, generate_unique_identifier=identify)
        uploads = [uploader.add_file(b"x", file_name=name) for name in "abc"]
        self.assertEqual(self.failureResultOf(uploads[2]).value.rule, "max_files")
        while identifiers:
            identifiers.pop(0).callback(f"id-{len(identifiers)}-{len(uploader.files)}")
        for upload in uploads[:2]:
            self.successResultOf(upload)

    def test_not_on_the_list(self) -> None:
        """What is no file, or one of another uploader, is refused, and goes on."""
        uploader, other = self.uploader(), self.uploader()
        upload = other.add_file(b"x", file_name="a.bin")
        error = self.assertRaises(ValueError, uploader.remove_file, upload.file)
        self.assertIn("'a.bin'", str(error))
        self.assertNoResult(upload)
        wrong: Any = "a.bin"
        error = self.assertRaises(TypeError, uploader.remove_file, wrong)
        self.assertIn("'a.bin'", str(error))
        other.remove_file(upload.file)
        self.assert_cancelled(upload)

    def test_back_on_the_list(self) -> None:
        """A file that was taken off the list is on it again when it is tried again."""
        uploader = self.uploader(test_chunks=False)
        upload = uploader.add_file(b"x", file_name="a")
        self.client.respond(404)
        self.failureResultOf(upload, ChunkRejected)
        uploader.remove_file(upload.file)
        self.assertEqual(uploader.files, [])
        upload.file.retry()
        self.assertEqual(uploader.files, [upload.file])
        uploader.remove_file(upload.file)
        twin = uploader.add_file(b"x", file_name="a")
        upload.file.retry()
        self.assertEqual(uploader.files, [twin.file])
        again = upload.file.when_completed()
        self.assertNoResult(again)
        self.answer_all()
        self.successResultOf(twin)
        self.successResultOf(again)

    def test_unreadable_folder(self) -> None:
        """What could not be read is called by its name, wherever it lies."""
        top = os.path.join(self.mktemp(), "missing")
        [upload] = self.successResultOf(self.uploader().add_directory(top))
        self.failureResultOf(upload, FileNotFoundError)
        self.assertEqual((upload.file.file_name, upload.file.relative_path), ("missing",) * 2)

    def test_a_folder_has_a_path(self) -> None:
        """Content is no folder."""
        error = self.assertRaises(TypeError, self.uploader().add_directory, b"content")
        self.assertIn("a folder is given by its path", str(error))

    def test_own_client(self) -> None:
        """Without a client there is one, which nobody else has to close."""
        uploader = Resumable("http://receiver.example/", reactor=self.clock)
        self.assertIsNone(self.successResultOf(uploader.close()))


class ThreadTests(UploaderTestCase):
    """
    What happens while threads take a second for all that they do.
    """

    def setUp(self) -> None:
        super().setUp()
        self.time = self.clock
        self.clock = ProcessClock(self.time, lambda: 1.0)

    def folder(self) -> str:
        path = self.mktemp()
        os.mkdir(path)
        return path

    def test_an_empty_folder_comes_last(self) -> None:
        """All is completed when the last folder was looked through, be it that it was empty."""
        uploader, ends = self.uploader(self.receiver), []
        uploader.completed.register(ends.append)
        upload = uploader.add_file(b"x", file_name="a")
        self.time.pump([0.5] * 3)
        walked = uploader.add_directory(self.folder())
        self.time.advance(0.5)
        self.successResultOf(upload)
        self.assertEqual(ends, [])
        self.time.advance(1)
        self.assertEqual((self.successResultOf(walked), ends), ([], [[]]))

    def test_resumed_while_it_is_looked_at(self) -> None:
        """A file that has no chunks yet is not complete for having none that is absent."""
        upload = self.uploader(self.receiver).add_file(b"x", file_name="a")
        upload.file.suspend()
        upload.file.resume()
        self.assertNoResult(upload)
        self.time.pump([0.5] * 10)
        self.successResultOf(upload)
        self.assertEqual(self.receiver.stored("a").content, b"x")

    def test_cancelled_while_a_folder_is_looked_through(self) -> None:
        """cancel() is for files that are not known yet as well."""
        uploader, folder = self.uploader(self.receiver), self.folder()
        with open(os.path.join(folder, "a"), "wb") as file:
            file.write(b"x")
        walked = uploader.add_directory(folder)
        uploader.cancel()
        self.assert_cancelled(walked)
        self.time.pump([0.5] * 20)
        self.assertEqual((uploader.files, self.receiver.sent), ([], []))

    def test_started_over_while_it_is_compared(self) -> None:
        """A file that starts over while its digest is taken is not complete by that digest."""
        for same in (True, False):
            uploader = self.uploader(checksum="sha256", test_chunks=False)
            upload = uploader.add_file(b"x", file_name="a")
            self.time.pump([0.5] * 10)
            digest = hashlib.sha256(b"x" if same else b"y").hexdigest()
            self.client.respond(200, headers={"Resumable-File-Checksum": f"sha256:{digest}"})
            upload.file.bootstrap()
            self.time.pump([0.5] * 10)
            self.assertNoResult(upload)
            self.client.respond(200)
            self.time.pump([0.5] * 10)
            self.successResultOf(upload)


class PreparingTests(UploaderTestCase):
    """
    ``preprocess_file``.
    """

    def test_waits_for_it(self) -> None:
        """Chunks of a file wait until it is prepared; others do not."""
        hooks: dict[str, Deferred[None]] = {}

        def prepare(file: Any) -> Deferred[None] | None:
            return hooks.setdefault("a", Deferred()) if file.file_name == "a" else None

        uploader = self.uploader(preprocess_file=prepare, test_chunks=False)
        first = uploader.add_file(b"x", file_name="a")
        second = uploader.add_file(b"y", file_name="b")
        self.assertEqual(len(self.client.waiting), 1)
        first.file.suspend()
        first.file.resume()
        self.assertEqual(len(self.client.waiting), 1)
        self.client.respond(200)
        self.successResultOf(second)
        hooks["a"].callback(None)
        self.client.respond(200)
        self.successResultOf(first)

    def test_suspended_meanwhile(self) -> None:
        """A file that was prepared while it was suspended goes on when it may."""
        hook: Deferred[None] = Deferred()
        uploader = self.uploader(preprocess_file=lambda file: hook, test_chunks=False)
        upload = uploader.add_file(b"x", file_name="a")
        upload.file.suspend()
        hook.callback(None)
        self.assertEqual(self.client.sent, [])
        upload.file.resume()
        self.client.respond(200)
        self.successResultOf(upload)

    def test_cancelled_as_it_is_added(self) -> None:
        """A file that is cancelled by who hears of it is not prepared."""
        prepared: list[Any] = []
        uploader = self.uploader(preprocess_file=prepared.append)
        uploader.file_added.register(lambda file: file.cancel())
        self.assert_cancelled(uploader.add_file(b"x", file_name="a"))
        self.assertEqual(prepared, [])

    def test_cancelled(self) -> None:
        """A file that is cancelled is prepared no further."""
        hook: Deferred[None] = Deferred()
        uploader = self.uploader(preprocess_file=lambda file: hook)
        upload = uploader.add_file(b"x", file_name="a")
        upload.cancel()
        self.assertTrue(hook.called)
        self.assert_cancelled(upload)
        self.assertEqual((self.client.sent, engine_of(uploader).preparation.running), ([], {}))

    def test_fails(self) -> None:
        """A file that cannot be prepared fails with the reason."""
        hook: Deferred[None] = Deferred()
        uploader = self.uploader(preprocess_file=lambda file: hook)
        upload = uploader.add_file(b"x", file_name="a")
        hook.errback(Failure(ZeroDivisionError()))
        self.failureResultOf(upload, ZeroDivisionError)
        again = self.uploader(preprocess_file=lambda file: 1 / 0)
        self.failureResultOf(again.add_file(b"x", file_name="a"), ZeroDivisionError)
        self.assertEqual(self.client.sent, [])

    def test_no_way_leads_past_it(self) -> None:
        """Whatever is asked of a file that is not prepared, nothing of it is sent."""
        hooks: list[Deferred[None]] = []

        def prepare(_: object) -> Deferred[None]:
            hooks.append(Deferred())
            return hooks[-1]

        for step_in in (
            lambda file: file.mark_chunks_completed(1),
            lambda file: file.resume(),
            lambda file: file.retry(),
            lambda file: file.bootstrap(),
            lambda file: file.abort() or file.resume(),
            lambda file: file.cancel() or file.retry(),
            lambda file: hooks[-1].errback(ZeroDivisionError()) or file.retry(),
        ):
            uploader = self.uploader(preprocess_file=prepare, test_chunks=False)
            upload = uploader.add_file(b"x" * 20, file_name="a")
            upload.addErrback(lambda _: None)
            step_in(upload.file)
            self.assertEqual((self.client.waiting, upload.file.state), ([], FileState.PREPARING))
            hooks[-1].callback(None)
            self.assertIs(upload.file.state, FileState.READY)
            self.answer_all()
            self.assertTrue(upload.file.is_completed)
        hooks.clear()
        upload.file.retry()
        self.assertEqual(hooks, [])  # once is enough
        self.answer_all()
