"""
The handle that ``add_file()`` returns.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, DeferredList

from txresumable import ChunkRejected, Upload

from .uploader_rig import UploaderTestCase


class UploadTests(UploaderTestCase):
    """
    A Deferred that knows its file.
    """

    def test_is_a_deferred(self) -> None:
        """It is a Deferred, so that everything that takes one takes it."""
        upload = self.uploader(self.receiver).add_file(b"x", file_name="a")
        self.assertIsInstance(upload, (Upload, Deferred))
        [(success, file)] = self.successResultOf(DeferredList([upload]))
        self.assertEqual((success, file), (True, upload.file))

    def test_forwards(self) -> None:
        """It has its file's signals, fraction and waiters; none of them can be replaced."""
        upload = self.uploader(test_chunks=False).add_file(b"x" * 40, file_name="a")
        self.assertIs(upload.completed, upload.file.completed)
        self.assertIs(upload.chunk_completed, upload.file.chunk_completed)
        waiting = upload.when_completed()
        self.client.respond(200)
        self.assertEqual(upload.fraction_completed, 0.25)
        self.answer_all()
        self.assertIs(self.successResultOf(waiting), upload.file)
        for name in ("completed", "chunk_completed", "progress", "fraction_completed"):
            self.assertRaises(AttributeError, setattr, upload, name, None)

    def test_suspends(self) -> None:
        """The upload is suspended and resumed by its handle, and tried again after its end."""
        upload = self.uploader(test_chunks=False).add_file(b"x" * 40, file_name="a")
        upload.suspend()
        self.assertTrue(upload.file.is_suspended)
        self.answer_all()
        self.assertNoResult(upload)
        upload.resume()
        self.client.respond(404)
        self.failureResultOf(upload, ChunkRejected)
        upload.retry()
        again = upload.when_completed()
        self.answer_all()
        self.assertIs(self.successResultOf(again), upload.file)

    def test_progress(self) -> None:
        """Its own progress is told when chunks begin and when they are stored, to nobody else."""
        uploader = self.uploader(test_chunks=False, simultaneous_uploads=1)
        first, second = (uploader.add_file(b"x" * 20, file_name=name) for name in "ab")
        heard: list[float] = []
        second.progress.register(lambda: heard.append(second.fraction_completed))
        self.client.respond(200)
        self.client.respond(200)
        self.assertEqual(heard, [0.0])
        self.client.respond(200)
        self.client.respond(200)
        self.assertEqual(heard, [0.0, 0.5, 0.5, 1.0])
        self.successResultOf(first)
        self.successResultOf(second)

    def test_unheard_failure(self) -> None:
        """A failure that came to somebody else by join() can still be had from the handle."""
        uploader = self.uploader(test_chunks=False)
        upload = uploader.add_file(b"x", file_name="a")
        joined = uploader.join()
        self.client.respond(404)
        self.failureResultOf(joined, ChunkRejected)
        self.failureResultOf(upload, ChunkRejected)

    def test_cancelled_is_not_logged(self) -> None:
        """A cancelled upload that nobody looks at is no news."""
        self.uploader().add_file(b"x", file_name="a").cancel()
        self.assertEqual(self.flushLoggedErrors(), [])
