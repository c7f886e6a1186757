"""Tests for files that share an upload."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred

from txresumable import (
    ChunkRejected,
    FileRejected,
    ResumableFile,
    RetriesExhausted,
    SourceChanged,
    identifiers,
)
from txresumable._engine.prefetch import Prefetcher
from txresumable._source.comparison import Comparison
from txresumable._source.source import PathSource

from .uploader_rig import UploaderTestCase


class TwinTests(UploaderTestCase):
    """
    The same content twice at once.
    """

    def setUp(self) -> None:
        super().setUp()
        self.events: list[tuple[str, Any]] = []

    def pair(self, *sources: Any, **options: Any) -> tuple[Any, ...]:
        """Files that are added to an uploader that knows them by one identifier."""
        options = {"generate_unique_identifier": lambda _: "a", "test_chunks": False, **options}
        uploader = self.uploader(**options)
        uploader.catch_all.register(lambda name, *args: self.events.append((name, args)))
        uploads = uploader.add_files(
            [{"source": each, "file_name": f"{at}"} for at, each in enumerate(sources)]
        )
        return uploader, *uploads

    def test_shared(self) -> None:
        """It is sent once, and both are complete then; only the first is on the list."""
        uploader, first, second = self.pair(b"x" * 25, b"x" * 25)
        self.assertEqual(uploader.files, [first.file])
        [(_, announced)] = [each for each in self.events if each[0] == "files_added"]
        self.assertEqual(announced, ([first.file], [second.file]))
        self.assertNoResult(second)
        self.answer_all()
        self.assertEqual(len(self.client.sent), 2)
        self.assertIs(self.successResultOf(first), first.file)
        self.assertIs(self.successResultOf(second), second.file)
        self.assertEqual((second.file.chunks_found, second.fraction_completed), (2, 1.0))
        self.assertEqual(second.file.unique_identifier, "a")
        names = [name for name, _ in self.events]
        completed = [args[0] for name, args in self.events if name == "file_completed"]
        self.assertEqual(completed, [first.file])
        self.assertEqual((names.count("file_added"), names.count("completed")), (1, 1))
        self.assertEqual(names[-1], "completed")
        self.successResultOf(uploader.join())

    def test_many(self) -> None:
        """Any number of files share an upload, and files that are added later as well."""
        uploader, *first_two = self.pair(b"x", b"x")
        uploads = [*first_two, *(uploader.add_file(b"x", file_name="more") for _ in range(3))]
        self.client.respond(200)
        for upload in uploads:
            self.successResultOf(upload)
        self.assertEqual(len(self.client.sent), 1)

    def test_different(self) -> None:
        """Another content under the same identifier is refused, and not taken for stored."""
        for other in (b"y", b"xx"):
            _, first, second = self.pair(b"x", other)
            error = self.failureResultOf(second, FileRejected).value
            self.assertEqual((error.rule, error.file_name), ("duplicate", "1"))
            self.assertIn("another file, '0', has its identifier", str(error))
            self.answer_all()
            self.successResultOf(first)

    def test_failed(self) -> None:
        """If it is refused, both fail, each by its own name; nothing is sent twice."""
        _, first, second = self.pair(b"x", b"x")
        self.client.respond(404)
        for upload, name in ((first, "0"), (second, "1")):
            self.assertEqual(self.failureResultOf(upload, ChunkRejected).value.file_name, name)
        self.assertEqual(len(self.client.sent), 1)
        told = [args for name, args in self.events if name in ("file_error", "completed")]
        self.assertEqual([each[0] for each in told], [first.file, [first.file]])
        _, first, second = self.pair(b"x", b"x", max_chunk_retries=0)
        self.client.respond(503)
        for upload, name in ((first, "0"), (second, "1")):
            self.assertEqual(self.failureResultOf(upload, RetriesExhausted).value.file_name, name)

    def test_failed_by_a_hook(self) -> None:
        """An error that names no file is that of both."""
        error = ValueError("infected")

        def refuse(_: ResumableFile) -> None:
            raise error

        _, first, second = self.pair(b"x", b"x", verify=refuse)
        self.client.respond(200)
        for upload in (first, second):
            self.assertIs(self.failureResultOf(upload, ValueError).value, error)

    def test_cancelled(self) -> None:
        """If the first is cancelled, the second is uploaded by itself."""
        uploader, first, second = self.pair(b"x", b"x")
        first.cancel()
        self.assert_cancelled(first)
        self.assertEqual(uploader.files, [second.file])
        self.client.respond(200)
        self.successResultOf(second)

    def test_second_cancelled(self) -> None:
        """The second can be cancelled, which the first does not hear of."""
        _, first, second = self.pair(b"x", b"x")
        second.cancel()
        self.assert_cancelled(second)
        self.client.respond(200)
        self.successResultOf(first)

    def test_closed(self) -> None:
        """Both are cancelled with the uploader, and none of them begins."""
        uploader, first, second = self.pair(b"x", b"x")
        self.successResultOf(uploader.close())
        self.assert_cancelled(first, second)
        self.assertEqual(len(self.client.sent), 1)

    def test_source_gone(self) -> None:
        """If the file of the first is gone, the copy is uploaded by itself."""
        one, other = self.file(b"x" * 30), self.file(b"x" * 30)
        _, first, second = self.pair(one, other, simultaneous_uploads=1)
        os.unlink(one)
        self.client.respond(200)
        self.failureResultOf(first, SourceChanged)
        self.answer_all()
        self.successResultOf(second)

    def test_copy_changed(self) -> None:
        """If the copy was written to meanwhile, it does not count as stored."""
        one, other = self.file(b"x"), self.file(b"x")
        _, first, second = self.pair(one, other)
        with open(other, "wb") as file:
            file.write(b"y")
        self.client.respond(200)
        self.successResultOf(first)
        self.failureResultOf(second, SourceChanged)

    def test_path_twice(self) -> None:
        """A path given twice is read by its upload only, and may be deleted after it."""
        path = self.file(b"x" * 25)
        read: list[str] = []
        self.patch(PathSource, "digest", lambda source, *_: read.append(source.path))
        uploader, first, second = self.pair(path, path)
        uploader.file_completed.register(lambda _: os.path.exists(path) and os.unlink(path))
        self.answer_all()
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(read, [])

    def test_path_of_another_file(self) -> None:
        """A path that another file was given is sent once more, with what it has now."""
        verified: Deferred[None] = Deferred()
        path = self.file(b"x" * 20)
        uploader, first = self.pair(path, verify=lambda _: verified)
        self.answer_all()
        self.assertNoResult(first)
        os.rename(path, self.mktemp())
        with open(path, "wb") as file:
            file.write(b"y" * 20)
        second = uploader.add_file(path)
        verified.callback(None)
        self.successResultOf(first)
        self.assertIn(b"y" * 10, self.client.waiting[0].body)
        self.answer_all()
        self.successResultOf(second)

    def test_first_changed(self) -> None:
        """
        If the first changes and waits, the copy is uploaded by itself, compared or not: what is on
        the server in the end is not what the copy has.
        """
        for comparing in (False, True):
            one, other = self.file(b"x" * 20), self.file(b"x" * 20)
            if comparing:
                self.patch(Prefetcher, "compare", lambda *_: Deferred())
            uploader, first, second = self.pair(
                one, other, when_changed="wait", simultaneous_uploads=1
            )
            self.client.respond(200)
            with open(one, "wb") as file:
                file.write(b"y" * 20)
            self.client.respond(200)
            self.assertEqual(uploader.files, [second.file])
            sent = len(self.client.sent)
            self.answer_all()
            self.successResultOf(second)
            self.assertIn(b"x" * 10, self.client.sent[sent - 1].body)
            self.assertEqual(len(self.client.sent), sent + 1)
            first.cancel()
            self.assert_cancelled(first)

    def test_identifiers_of_content(self) -> None:
        """Identifiers of the content are proof enough: it is not read once more."""
        read: list[int] = []
        digest = PathSource.digest

        def counted(source: PathSource, start: int, end: Any, *wanted: Any) -> str:
            if end != 0:
                read.append(1)
            return digest(source, start, end, *wanted)

        self.patch(PathSource, "digest", counted)
        one, other = self.file(b"x"), self.file(b"x")
        _, first, second = self.pair(one, other, generate_unique_identifier=identifiers.content)
        self.client.respond(200)
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(len(read), 2)

    def test_unreadable(self) -> None:
        """A copy that cannot be read any more is looked at again once the first has ended."""
        one, other = self.file(b"x"), self.file(b"x")

        def identify(file: ResumableFile) -> str:
            if file.file_name == "1":
                os.unlink(other)
            return "a"

        _, first, second = self.pair(one, other, generate_unique_identifier=identify)
        self.assertNoResult(second)
        self.client.respond(200)
        self.successResultOf(first)
        self.failureResultOf(second, FileNotFoundError)

    def test_tried_again(self) -> None:
        """What has shared an upload can be uploaded by itself."""
        uploader, first, second = self.pair(b"x", b"x")
        self.client.respond(404)
        self.failureResultOf(first, ChunkRejected)
        self.failureResultOf(second, ChunkRejected)
        second.retry()
        self.assertEqual(uploader.files, [first.file, second.file])
        self.client.respond(200)
        self.successResultOf(second.when_completed())
        _, first, second = self.pair(b"x", b"x")
        self.client.respond(200)
        self.successResultOf(second)
        second.retry()
        self.client.respond(200)
        self.successResultOf(first)
        completed = [args[0] for name, args in self.events if name == "file_completed"]
        self.assertEqual(completed[1:], [first.file, second.file])

    def test_limit(self) -> None:
        """A file that shares an upload counts for max_files until that has ended."""
        uploader, first, second = self.pair(b"x", b"x", max_files=2)
        self.failureResultOf(uploader.add_file(b"z", file_name="z"), FileRejected)
        self.client.respond(200)
        self.successResultOf(second)
        third = uploader.add_file(b"z", file_name="z")
        self.client.respond(200)
        self.successResultOf(third)
        self.successResultOf(first)

    def test_fed(self) -> None:
        """An iterable may give the same again and again."""
        uploader = self.uploader(self.receiver)
        fed = uploader.feed({"source": b"x", "file_name": "a"} for _ in range(20))
        self.assertEqual(self.successResultOf(fed), 20)
        self.assertEqual(len(self.receiver.uploads), 1)


class ComparingTests(UploaderTestCase):
    """
    Comparing takes its time, in which other things happen.
    """

    def setUp(self) -> None:
        super().setUp()
        self.comparing: list[Deferred[Comparison]] = []
        self.cancelled: list[Deferred[Comparison]] = []

        def compare(*_: object) -> Deferred[Comparison]:
            self.comparing.append(Deferred(self.cancelled.append))
            return self.comparing[-1]

        self.patch(Prefetcher, "compare", compare)
        self.files = self.uploader(generate_unique_identifier=lambda _: "a", test_chunks=False)
        self.first, self.second = self.files.add_files(
            {"source": b"x", "file_name": name} for name in ("1", "2")
        )

    def test_completed_meanwhile(self) -> None:
        """A file that was completed meanwhile completes what is equal to it."""
        self.client.respond(200)
        self.successResultOf(self.first)
        self.assertNoResult(self.second)
        self.comparing[0].callback(Comparison.EQUAL)
        self.successResultOf(self.second)
        self.assertEqual(len(self.client.sent), 1)

    def test_cancelled_meanwhile(self) -> None:
        """If it was cancelled meanwhile, the other one is uploaded by itself."""
        self.first.cancel()
        self.assert_cancelled(self.first)
        self.comparing[0].callback(Comparison.EQUAL)
        self.client.respond(200)
        self.successResultOf(self.second)

    def test_different(self) -> None:
        """What is different is refused while the first is under way."""
        self.comparing[0].callback(Comparison.DIFFERENT)
        self.failureResultOf(self.second, FileRejected)
        self.client.respond(200)
        self.successResultOf(self.first)

    def test_second_cancelled(self) -> None:
        """A file that nobody wants is compared no further, and the next one is."""
        third = self.files.add_file(b"x", file_name="3")
        self.assertEqual(len(self.comparing), 1)  # one at a time
        self.second.cancel()
        self.assert_cancelled(self.second)
        self.assertEqual(self.cancelled, self.comparing[:1])
        self.comparing[1].callback(Comparison.SAME_FILE)
        self.client.respond(200)
        self.successResultOf(self.first)
        self.successResultOf(third)

    def test_cancelled_in_line(self) -> None:
        """A file that waits for its turn to be compared can be cancelled, too."""
        third = self.files.add_file(b"x", file_name="3")
        third.cancel()
        self.assert_cancelled(third)
        self.comparing[0].callback(Comparison.EQUAL)
        self.assertEqual(len(self.comparing), 1)
        self.client.respond(200)
        self.successResultOf(self.first)
        self.successResultOf(self.second)

    def test_unequal_sizes(self) -> None:
        """Files of two sizes are not read."""
        self.failureResultOf(self.files.add_file(b"xx", file_name="3"), FileRejected)
        self.assertEqual(len(self.comparing), 1)
        self.comparing[0].callback(Comparison.EQUAL)
        self.client.respond(200)
        self.successResultOf(self.first)
        self.successResultOf(self.second)
