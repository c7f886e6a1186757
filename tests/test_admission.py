"""
Letting files in.
"""

from __future__ import annotations

import errno
import gc
import io
import os
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher

from txresumable import (
    FileRejected,
    FileState,
    InvalidOption,
    Resumable,
    ResumableFile,
    identifiers,
)
from txresumable._engine.relay import TICK
from txresumable._source.source import PathSource
from txresumable.testing.process import ProcessClock
from txresumable.uploader import engine_of

from .test_relay import Threads
from .uploader_rig import UploaderTestCase


class IntakeTests(UploaderTestCase):
    """
    Looked at, checked, named, announced in order.
    """

    def test_announced(self) -> None:
        """files_added has those that are in and those that are not, of one call."""
        uploader, heard = self.uploader(self.receiver), []
        uploader.files_added.register(lambda added, skipped: heard.append((added, skipped)))
        uploads = uploader.add_files([self.file(b"x"), self.file(b""), self.file(b"y")])
        files = [upload.file for upload in uploads]
        self.failureResultOf(uploads[1], FileRejected)
        self.assertEqual(heard, [([files[0], files[2]], [files[1]])])
        self.assertEqual(uploader.add_files([]), [])
        self.assertEqual((len(heard), engine_of(uploader).admission.is_idle), (1, True))

    def test_no_view_of_what_nobody_sees(self) -> None:
        """Of files that wait, nobody has a view until somebody asks for one."""

        def views() -> int:
            gc.collect()
            return sum(isinstance(each, ResumableFile) for each in gc.get_objects())

        uploader = Resumable("http://example.com", reactor=self.clock, client=self.receiver)
        uploader.pause()
        before = views()
        uploads = uploader.add_files([self.file(b"x") for _ in range(10)])
        self.assertEqual(views(), before)
        self.assertIs(uploads[0].file, uploads[0].file)
        self.assertEqual(views(), before + 1)
        for upload in uploads:
            self.assertTrue(upload.file.unique_identifier)
            upload.cancel()
            self.assert_cancelled(upload)
        self.successResultOf(uploader.close())

    def test_in_order(self) -> None:
        """Files are announced in their order, though a name for the first takes its time."""
        first: Deferred[str] = Deferred()
        heard: list[str] = []
        uploader = self.uploader(
            self.receiver,
            generate_unique_identifier=lambda f: first if f.file_name == "a" else f.file_name,
        )
        uploader.file_added.register(lambda file: heard.append(file.unique_identifier))
        uploader.add_file(b"x", file_name="a")
        uploader.add_file(b"x", file_name="b")
        self.assertEqual(heard, [])
        first.callback("first")
        self.assertEqual(heard, ["first", "b"])

    def test_name_that_does_not_come(self) -> None:
        """Others wait a second for a name, together; those whose name comes later come alone."""
        names: dict[str, Deferred[str]] = {name: Deferred() for name in "abc"}
        heard: list[Any] = []
        uploader = self.uploader(
            self.receiver,
            generate_unique_identifier=lambda f: names.get(f.file_name, f.file_name),
        )
        uploader.files_added.register(
            lambda added, _: heard.append([file.file_name for file in added])
        )
        first = uploader.add_file(b"x", file_name="a")
        rest = uploader.add_files([{"source": b"x", "file_name": name} for name in "bcd"])
        self.clock.advance(0.9)
        self.assertNoResult(rest[2])
        self.clock.advance(0.1)
        self.assertNoResult(rest[2])
        self.clock.advance(1)
        self.successResultOf(rest[2])
        self.assertEqual(heard, [["d"]])
        waiting = [first.file, rest[0].file, rest[1].file]
        self.assertCountEqual(
            [each.file for each in engine_of(uploader).admission.transfers], waiting
        )
        names["b"].callback("b")
        self.successResultOf(rest[0])
        rest[1].cancel()
        self.assert_cancelled(rest[1])
        names["a"].callback("a")
        self.successResultOf(first)
        self.assertEqual((heard, names["c"].called), ([["d"], ["b"], ["a"]], True))
        self.assertTrue(engine_of(uploader).admission.is_idle)

    def test_late_name_cannot_be_had(self) -> None:
        """A file whose name comes late waits like others if too many files are open by then."""
        name: Deferred[str] = Deferred()
        names: list[Any] = [name, "name"]
        uploader = self.uploader(self.receiver, generate_unique_identifier=lambda _: names.pop(0))
        upload = uploader.add_file(b"x", file_name="a")
        self.clock.advance(1)
        name.errback(OSError(errno.EMFILE, "Too many open files"))
        self.successResultOf(upload)

    def test_closed_while_a_name_is_waited_for(self) -> None:
        """Closing leaves nothing behind of a file that waits for its name, early or late."""
        for wait in (0, 2):
            uploader = self.uploader(generate_unique_identifier=lambda _: Deferred())
            upload = uploader.add_file(b"x", file_name="a")
            self.clock.advance(wait)
            uploader.close()
            self.assert_cancelled(upload)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelled_before_it_is_in(self) -> None:
        """A file whose name never comes does not hold up the others once it is cancelled."""
        waiting: list[Deferred[str]] = []

        def identify(file: Any) -> Any:
            asked.append(file.file_name)
            if file.file_name != "a":
                return file.file_name
            waiting.append(Deferred())
            return waiting[0]

        asked: list[str] = []
        heard: list[Any] = []
        uploader = self.uploader(self.receiver, generate_unique_identifier=identify)
        uploader.files_added.register(lambda added, skipped: heard.append((added, skipped)))
        first = uploader.add_file(b"x", file_name="a")
        second = uploader.add_file(b"x", file_name="b")
        third = uploader.add_file(b"x", file_name="c")
        third.cancel()
        self.assertNoResult(second)
        self.assertIs(first.file.state, FileState.ADDED)
        first.cancel()
        self.assert_cancelled(first, third)
        self.successResultOf(second)
        self.assertEqual(asked, ["a", "b"])
        self.assertEqual(heard, [([], []), ([second.file], []), ([], [])])

    def test_closed_before_it_is_in(self) -> None:
        """Closing the uploader lets nothing in any more."""
        waiting: list[Deferred[str]] = []

        def identify(file: Any) -> Deferred[str]:
            waiting.append(Deferred())
            return waiting[-1]

        uploader = self.uploader(generate_unique_identifier=identify)
        uploads = uploader.add_files([self.file(b"x"), self.file(b"y")])
        late = uploader.add_file(b"z", file_name="late")
        uploader.close()
        self.assert_cancelled(*uploads, late)
        self.assertEqual((uploader.files, self._added, self.client.sent), ([], [], []))
        self.assertEqual(len(waiting), 2)
        for each in waiting:
            self.assertTrue(each.called)

    def test_cancelled_as_it_hangs(self) -> None:
        """A file that hangs as it is looked at holds up no other, though it was cancelled."""
        self.clock = threads = Threads()
        uploader = self.uploader(self.receiver)
        ends: list[Any] = []

        class Hanging(io.BytesIO):
            def seek(self, *args: Any) -> int:
                if not ends:
                    ends.append("hangs")
                    hanging.cancel()
                    later = uploader.add_file(b"x", file_name="later")
                    later.addCallback(lambda file: ends.append(file.file_name))
                    threads.pump([TICK, TICK])
                    threads.work()
                    ends.append("is over")
                return super().seek(*args)

        hanging = uploader.add_file(Hanging(b"x"), file_name="hangs")
        threads.work()
        self.assertEqual(ends, ["hangs", "later", "is over"])
        self.assert_cancelled(hanging)

    def test_identifiers_that_fail(self) -> None:
        """A file whose identifier cannot be had fails with the reason, or is cancelled by it."""
        waiting: list[Deferred[str]] = []

        def identify(file: Any) -> Deferred[str]:
            waiting.append(Deferred())
            return waiting[-1]

        uploader = self.uploader(test_chunks=False, generate_unique_identifier=identify)
        uploads = [uploader.add_file(b"x", file_name=name) for name in "abc"]
        waiting[0].errback(ZeroDivisionError())
        self.failureResultOf(uploads[0], ZeroDivisionError)
        waiting[1].cancel()
        self.assert_cancelled(uploads[1])
        waiting[2].callback("c")
        self.assertEqual(
            (engine_of(uploader).admission._naming, engine_of(uploader).admission.is_idle),
            ({}, True),
        )
        self.client.respond(200)
        self.successResultOf(uploads[2])

    def test_most_chunks(self) -> None:
        """A file that would have more chunks than are possible is refused, and one as many not."""
        path, most = self.file(b""), 134_217_728
        uploader = self.uploader(chunk_size=1)
        uploader.pause()
        os.truncate(path, most + 1)
        error = self.failureResultOf(uploader.add_file(path), FileRejected).value
        self.assertEqual(error.rule, "chunk_size")
        os.truncate(path, most)
        upload = uploader.add_file(path)
        self.assertEqual((upload.file.state, len(upload.file.chunks)), (FileState.READY, most))
        upload.cancel()
        self.assert_cancelled(upload)

    def test_bad_identifiers(self) -> None:
        """What cannot be an identifier, or is not found, fails its file only."""
        for given in ("", "a\0b", 5, None):
            upload = self.uploader(generate_unique_identifier=lambda _, g=given: g).add_file(
                b"x", file_name="a"
            )
            self.failureResultOf(upload, InvalidOption)

    def test_content_identifier(self) -> None:
        """An identifier may come from the whole content."""
        paths = [self.file(b"x" * 100) for _ in range(2)]
        uploader = self.uploader(self.receiver, generate_unique_identifier=identifiers.content)
        found = {
            self.successResultOf(uploader.add_file(path, file_name="a")).unique_identifier
            for path in paths
        }
        self.assertEqual(len(found), 1)

    def test_names_with_nul(self) -> None:
        """A name that no request can carry is refused."""
        upload = self.uploader().add_file(b"x", file_name="a\0b")
        self.assertEqual(self.failureResultOf(upload, FileRejected).value.rule, "file_name")

    def test_max_files(self) -> None:
        """More files than max_files are refused together, those being looked at counted."""
        waiting: Deferred[str] = Deferred()
        heard: list[Any] = []
        uploader = self.uploader(
            max_files=2,
            generate_unique_identifier=lambda file: waiting,
            max_files_error_callback=lambda files, count: heard.append((files, count)),
        )
        first = uploader.add_file(b"x", file_name="a")
        refused = uploader.add_files([self.file(b"x"), self.file(b"y")])
        for upload in refused:
            self.failureResultOf(upload, FileRejected)
        self.assertEqual(heard, [([upload.file for upload in refused], 0)])
        first.cancel()
        self.assert_cancelled(first)

    def test_max_files_and_tried_again(self) -> None:
        """A file that is tried again needs room like any other."""
        uploader = self.uploader(max_files=1, test_chunks=False)
        first = uploader.add_file(b"x", file_name="a")
        self.client.respond(404)
        first.addErrback(lambda _: None)
        second = uploader.add_file(b"x", file_name="b")
        first.file.retry()
        error = self.failureResultOf(first.file.when_completed(), FileRejected).value
        self.assertEqual((error.rule, uploader.files), ("max_files", [second.file]))
        second.cancel()
        self.assert_cancelled(second)
        first.file.retry()
        self.client.respond(200)
        self.assertTrue(first.file.is_completed)

    def test_aborted_before_it_is_in(self) -> None:
        """abort() of a file whose identifier is awaited only holds it."""
        waiting: Deferred[str] = Deferred()
        uploader = self.uploader(self.receiver, generate_unique_identifier=lambda _: waiting)
        upload = uploader.add_file(b"x", file_name="a")
        upload.file.abort()
        self.assertNoResult(upload)
        waiting.callback("name")
        self.assertNoResult(upload)
        upload.file.resume()
        self.successResultOf(upload)

    def test_tried_again_before_its_turn(self) -> None:
        """A file that is tried again before its first try has left the queue goes in once."""
        waiting: dict[str, Deferred[str]] = {}

        def identify(file: Any) -> Deferred[str]:
            asked = waiting[file.file_name] = Deferred()
            return asked

        uploader = self.uploader(self.receiver, generate_unique_identifier=identify)
        uploads = uploader.add_files([{"source": b"x", "file_name": name} for name in "abc"])
        for upload in uploads[1:]:
            upload.cancel()
            upload.file.retry()
            self.assert_cancelled(upload)
        waiting["a"].callback("a")
        for name in "bc":
            waiting[name].callback(name)
        self.assertEqual([file.file_name for file in uploader.files], ["a", "b", "c"])
        self.assertTrue(all(file.is_completed for file in uploader.files))
        self.successResultOf(uploads[0])
        self.assertTrue(engine_of(uploader).admission.is_idle)

    def test_adding_from_within(self) -> None:
        """A hook that finds an identifier may add files, and hold up none that way."""
        waiting: Deferred[str] = Deferred()
        inner: list[Any] = []

        def identify(file: Any) -> Any:
            if file.file_name == "a":
                inner.append(uploader.add_file(b"x", file_name="b"))
            return waiting if file.file_name == "b" else file.file_name

        uploader = self.uploader(self.receiver, generate_unique_identifier=identify)
        self.successResultOf(uploader.add_file(b"x", file_name="a"))
        waiting.callback("b")
        self.successResultOf(inner[0])

    def test_names_that_are_no_text(self) -> None:
        """Names and types that are no text are refused at once, and nothing is added."""
        uploader = self.uploader()
        for given in ("file_name", "relative_path", "type"):
            other = {"source": b"x", "file_name": "a"}
            wrong = {**other, given: b"text/plain"}
            self.assertRaises(TypeError, uploader.add_files, [other, wrong])
        self.assertEqual(uploader.files, [])

    def test_one_file_replaces_another(self) -> None:
        """With max_files=1 a new file takes the place of the one before."""
        uploader = self.uploader(max_files=1)
        first = uploader.add_file(b"x", file_name="a")
        second = uploader.add_file(b"y", file_name="b")
        self.assert_cancelled(first)
        self.assertEqual(uploader.files, [second.file])
        self.answer_all()
        self.successResultOf(second)

    def test_error_callbacks(self) -> None:
        """Each rule has a callback of its own, which may do as it likes."""
        heard: list[Any] = []

        def cancel(file: Any, count: int) -> None:
            heard.append((file.file_name, count))
            file.cancel()
            raise KeyError(file.file_name)

        uploader = self.uploader(
            file_type=["txt"],
            max_file_size=5,
            file_type_error_callback=cancel,
            max_file_size_error_callback=cancel,
            min_file_size_error_callback=cancel,
        )
        uploads = [
            uploader.add_file(content, file_name=name)
            for content, name in ((b"x", "a.jpg"), (b"x" * 6, "b.txt"), (b"", "c.txt"))
        ]
        for upload in uploads:
            self.failureResultOf(upload, FileRejected)
        self.assertEqual(heard, [("a.jpg", 0), ("b.txt", 1), ("c.txt", 2)])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 3)

    def test_error_callback_that_is_a_coroutine(self) -> None:
        """A coroutine function is run, as for a signal; its failure is logged."""
        heard: list[Any] = []

        async def refused(file: Any, count: int) -> None:
            heard.append((file.file_name, count, await succeed("awaited")))
            raise KeyError(file.file_name)

        uploader = self.uploader(max_file_size=5, max_file_size_error_callback=refused)
        upload = uploader.add_file(b"x" * 6, file_name="a")
        self.failureResultOf(upload, FileRejected)
        self.assertEqual(heard, [("a", 0, "awaited")])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_too_many_open_files(self) -> None:
        """When no more files can be opened, a file waits until they can."""
        path, starved = self.file(b"x"), [True]
        original = PathSource._open

        def open_or_not(source: PathSource, *seen: Any) -> Any:
            if starved:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return original(source, *seen)

        self.patch(PathSource, "_open", open_or_not)
        logged = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        upload = self.uploader(self.receiver).add_file(path)
        self.assertIn("Too many open files", formatEvent(logged[0]))
        self.clock.advance(5)
        self.assertNoResult(upload)
        starved.clear()
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(upload).size, 1)

    def test_closed_while_starved(self) -> None:
        """An uploader that waits for descriptors can be closed."""

        def open_not(source: PathSource, *seen: Any) -> None:
            raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))

        path = self.file(b"x")
        self.patch(PathSource, "_open", open_not)
        uploader = self.uploader()
        upload = uploader.add_file(path)
        uploader.close()
        self.assert_cancelled(upload)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ThreadTests(UploaderTestCase):
    """
    Files that are looked at in threads, which take a second each time.
    """

    def setUp(self) -> None:
        super().setUp()
        self.time = self.clock
        self.clock = self.threads = FailingThreads(self.time, lambda: 1.0)

    def test_one_after_another(self) -> None:
        """What comes while others are looked at, and after that, is looked at as well."""
        uploader = self.uploader(self.receiver)
        uploads = []
        for name in "abc":
            uploads.append(uploader.add_file(b"x", file_name=name))
            self.time.pump([0.25] * (2 if name == "a" else 20))
        for upload in uploads:
            self.successResultOf(upload)

    def test_opened_ahead(self) -> None:
        """Nobody waits for a file to be opened but the first: the others are, in good time."""
        uploader = self.uploader(test_chunks=False, simultaneous_uploads=1)
        names = [f"{number}.bin" for number in range(100)]
        uploads = uploader.add_files([{"source": b"x", "file_name": name} for name in names])
        self.time.pump([0.5] * 8)
        for _ in names:
            self.assertEqual(len(self.client.waiting), 1)
            self.client.respond(200)
            self.time.advance(0.1)
        for upload in uploads:
            self.successResultOf(upload)

    def test_threads_that_fail(self) -> None:
        """Files that can neither be looked at nor opened fail; those that come later do not."""
        uploader = self.uploader(self.receiver)
        uploads = []
        for name in "ab":
            uploads.append(uploader.add_file(b"x", file_name=name))
        self.threads.failing = True
        self.time.advance(1)
        for upload in uploads:
            self.failureResultOf(upload, MemoryError)
        self.threads.failing = False
        uploads.append(uploader.add_file(b"x", file_name="c"))
        self.time.pump([0.5] * 10)
        self.successResultOf(uploads[2])


class FailingThreads(ProcessClock):
    """
    Threads of which there may be none.
    """

    failing = False

    def callInThreadWithCallback(self, *args: Any) -> None:
        if self.failing:
            raise MemoryError("no thread can be started")
        super().callInThreadWithCallback(*args)
