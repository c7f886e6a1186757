"""
The uploader: what users write, hear and get, over a fake client.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import hashlib
import os
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, inlineCallbacks, succeed
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath

from txresumable import (
    ChecksumMismatch,
    ChunkRejected,
    ConnectFailed,
    FileRejected,
    FileState,
    InvalidOption,
    Resumable,
    ResumableChunk,
    ResumableFile,
    RetriesExhausted,
    SourceChanged,
    TransportError,
    UnexpectedResponse,
    UploaderClosed,
)
from txresumable._engine.record import FileRecord
from txresumable._source.source import PathSource
from txresumable.file import transfer_of
from txresumable.retry import FailedAttempt
from txresumable.testing import FakeClient, Response, ScriptedReceiver
from txresumable.uploader import engine_of

from .reentrancy.reactor import SplitReactor
from .uploader_rig import TARGET, UploaderTestCase


class UsageTests(UploaderTestCase):
    """
    What users write.
    """

    def test_fires_with_the_file(self) -> None:
        """add_file() fires with the file when every chunk is on the server."""
        upload = self.uploader(self.receiver).add_file(b"x" * 35, file_name="a.txt")
        file = self.successResultOf(upload)
        self.assertEqual((file.file_name, file.size, file.type), ("a.txt", 35, "text/plain"))
        self.assertEqual(self.receiver.stored("a.txt").content, b"x" * 35)

    def test_yielded(self) -> None:
        """inlineCallbacks waits for what add_file() returns."""

        @inlineCallbacks
        def main() -> Any:
            file = yield self.uploader().add_file(b"x", file_name="a")
            return file.file_name

        running = main()
        self.assertNoResult(running)
        self.answer_all()
        self.assertEqual(self.successResultOf(running), "a")

    def test_awaited(self) -> None:
        """A coroutine can await what add_file() returns."""

        async def main() -> str:
            return (await self.uploader(self.receiver).add_file(b"x", file_name="a")).file_name

        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(main())), "a")

    def test_sources(self) -> None:
        """A path, an open file, a file object in memory and bytes arrive alike."""
        uploader, content = self.uploader(self.receiver), os.urandom(57)
        path = self.file(content, "path")
        with open(path, "rb") as opened:
            handles = [
                uploader.add_file(path),
                uploader.add_file(FilePath(path), file_name="file path"),
                uploader.add_file(opened, file_name="opened"),
                uploader.add_file(BytesIO(content), file_name="memory"),
                uploader.add_file(bytearray(content), file_name="bytes"),
            ]
            for handle in handles:
                self.successResultOf(handle)
            self.assertFalse(opened.closed)
        for name in (os.path.basename(path), "file path", "opened", "memory", "bytes"):
            self.assertEqual(self.receiver.stored(name).content, content)

    def test_directory(self) -> None:
        """A folder's files keep their paths from its name on; a warning counts the links in it."""
        top = self.mktemp()
        os.makedirs(os.path.join(top, "inner"))
        for path in ("a", "inner/b"):
            with open(os.path.join(top, path), "wb") as file:
                file.write(path.encode())
        os.symlink("/etc", os.path.join(top, "link"))
        events = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        uploads = self.successResultOf(self.uploader(self.receiver).add_directory(top))
        [warning] = [formatEvent(event) for event in events if event["log_level"].name == "warn"]
        self.assertTrue(warning.startswith("1 symbolic link was left out"), warning)
        self.successResultOf(DeferredList(uploads))
        name = os.path.basename(top)
        paths = sorted(file.relative_path for file in self.receiver.files.values())
        self.assertEqual(paths, [f"{name}/a", f"{name}/inner/b"])

    def test_links_followed(self) -> None:
        """Links within a folder are followed if that is asked for."""
        top = self.mktemp()
        os.makedirs(top)
        with open(os.path.join(top, "a"), "wb") as file:
            file.write(b"content")
        os.symlink("a", os.path.join(top, "link"))
        uploader = self.uploader(self.receiver, links="follow")
        uploads = self.successResultOf(uploader.add_directory(top))
        self.successResultOf(DeferredList(uploads))
        self.assertEqual(self.receiver.stored("link").content, b"content")

    def test_missing_directory(self) -> None:
        """A folder that cannot be read is an upload that fails with its OSError."""
        [upload] = self.successResultOf(self.uploader().add_directory(self.mktemp()))
        self.failureResultOf(upload, FileNotFoundError)

    def test_directory_that_nobody_wants(self) -> None:
        """A folder is not listed for an uploader that was closed meanwhile."""
        reactor, listed = SplitReactor(), list[str]()
        uploader = Resumable(TARGET, client=self.client, reactor=reactor)
        listing = uploader.add_directory(self.mktemp())
        self.successResultOf(uploader.close())
        self.failureResultOf(listing, CancelledError)
        self.patch(os, "scandir", listed.append)
        reactor.let_all_arrive()
        self.assertEqual(listed, [])

    def test_missing_file(self) -> None:
        """A file that is not there fails its upload with an OSError that names it."""
        path = self.mktemp()
        error = self.failureResultOf(self.uploader().add_file(path), FileNotFoundError).value
        self.assertEqual(error.filename, path)

    def test_what_is_no_file(self) -> None:
        """What can never be a file, or has no name, is refused at once."""
        uploader = self.uploader()
        self.assertRaises(TypeError, uploader.add_file, 5)
        self.assertRaises(ValueError, uploader.add_file, b"no name")
        for path in ("a\0b", Path("a\0b")):
            self.assertRaises(ValueError, uploader.add_file, path)
        self.assertRaises(TypeError, uploader.add_directory, b"".join)

    def test_what_is_no_argument(self) -> None:
        """An argument of a file that does not exist is named, and so is one that is missing."""
        uploader = self.uploader()
        for given, said in (({"source": b"x", "nope": 1}, "not 'nope'"), ({}, "source is missing")):
            for add in (uploader.add_files, lambda files: self.failureOf(uploader.feed(files))):
                with self.assertRaises(TypeError) as caught:
                    add([given])
                self.assertIn(said, str(caught.exception))

    def failureOf(self, deferred: Deferred[Any]) -> None:
        """Raise what it failed with."""
        self.failureResultOf(deferred).raiseException()

    def test_after_close(self) -> None:
        """A closed uploader takes no files, tries none again, does not begin, and says so."""
        uploader = self.uploader(self.receiver)
        file = self.successResultOf(uploader.add_file(b"x", file_name="a"))
        uploader.pause()
        uploader.close()
        calls: list[Callable[[], object]] = [
            lambda: uploader.add_file(b"x", file_name="b"),
            lambda: uploader.add_files([]),
            lambda: uploader.feed([]),
            lambda: uploader.add_directory("."),
            uploader.resume,
            uploader.upload,
            file.retry,
            file.bootstrap,
            lambda: uploader.__aenter__().send(None),
        ]
        for call in calls:
            self.assertRaises(UploaderClosed, call)
        self.assertIsNone(self.successResultOf(uploader.join()))
        self.assertIsNone(self.successResultOf(uploader.close()))
        self.assertIs(self.successResultOf(file.when_completed()), file)

    def test_closed_by_what_gives_files(self) -> None:
        """Nor does it take those that an iterable gives before it closes the uploader itself."""
        uploader = self.uploader(self.receiver)

        def files() -> Iterator[dict[str, Any]]:
            yield {"source": b"x", "file_name": "a"}
            uploader.close()

        self.assertRaises(UploaderClosed, uploader.add_files, files())

    def test_join_says_which(self) -> None:
        """What comes of join() names the file, whatever has failed."""

        def broken(file: Any, chunk: Any) -> Any:
            raise ZeroDivisionError

        for options, statuses, expected in (
            ({}, [404], "chunk 1 of 'the file' was refused with 404"),
            ({}, [302], "chunk 1 of 'the file' was redirected with 302"),
            ({"max_chunk_retries": 0}, [503], "chunk 1 of 'the file' failed 1 times"),
            ({"headers": broken}, [], "while 'the file' was being uploaded"),
        ):
            uploader = self.uploader(test_chunks=False, **options)
            uploader.add_file(b"x", file_name="the file")
            joined = uploader.join()
            for status in statuses:
                self.client.respond(status)
            error = self.failureResultOf(joined).value
            said = "\n".join([str(error), *getattr(error, "__notes__", ())])
            if statuses or hasattr(error, "add_note"):
                self.assertIn(expected, said)

    def test_unreachable_for_all(self) -> None:
        """Each file that a server cannot be reached for has an error of its own, with its name."""
        uploader = self.uploader(test_chunks=False, max_chunk_retries=0)
        uploads = [uploader.add_file(b"x", file_name=name) for name in "ab"]
        self.client.fail(ConnectionRefusedError())
        errors = [self.failureResultOf(upload, RetriesExhausted).value for upload in uploads]
        self.assertEqual(
            [(each.file_name, each.chunk_number) for each in errors], [("a", 1), ("b", 0)]
        )
        self.assertRegex(str(errors[0]), "^chunk 1 of 'a' failed 1 times")
        self.assertRegex(str(errors[1]), "^'b' failed 1 times")

    def test_file_that_cannot_be_read(self) -> None:
        """An OSError of reading, which knows of a descriptor only, has the name of its file."""

        class Broken(BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        upload = self.uploader(test_chunks=False).add_file(Broken(b"x" * 10), file_name="the file")
        error = self.failureResultOf(upload, OSError).value
        self.assertEqual((error.errno, error.filename), (errno.EIO, "the file"))

    def test_what_is_no_client(self) -> None:
        """What cannot send requests is refused at once, and not tried a hundred times."""
        for client in (5, "http://h", object(), FakeClient, {"request": print}):
            with self.assertRaises(InvalidOption) as caught:
                Resumable(TARGET, client=client, reactor=self.clock)
            self.assertEqual(caught.exception.option, "client")
            self.assertIn(repr(client), str(caught.exception))

    def test_what_is_no_reactor(self) -> None:
        """What has no time is refused at once, and not by each file."""
        for given in (5, object(), FakeClient()):
            reactor: Any = given
            with self.assertRaises(InvalidOption) as caught:
                Resumable(TARGET, client=FakeClient(), reactor=reactor)
            self.assertEqual((caught.exception.option, caught.exception.value), ("reactor", given))

    def test_what_tls_cannot_use(self) -> None:
        """A path in the place of a certificate is refused at once, not by each file."""
        for option in ("trust_root", "client_certificate"):
            given: Any = {option: "certificate.pem"}
            with self.assertRaises(InvalidOption) as caught:
                Resumable("https://a.example/", reactor=self.clock, **given)
            self.assertEqual(caught.exception.option, option)

    def test_options_of_another_client(self) -> None:
        """What a given client would not know of is refused, not ignored; defaults are accepted."""
        for option, value, default in (
            ("trust_root", object(), None),
            ("client_certificate", object(), None),
            ("connect_timeout", 5.0, 30.0),
            ("proxy", "http://anna:s3cret@proxy.example", None),
            ("with_credentials", True, False),
        ):
            self.uploader(**{option: default})
            with self.assertRaises(InvalidOption) as caught:
                self.uploader(**{option: value})
            self.assertEqual(caught.exception.option, option)
            self.assertIn("cannot go with client", str(caught.exception))
            self.assertNotIn("s3cret", str(caught.exception))

    def test_repr(self) -> None:
        """It is shown with its target, without what may be a secret, and how far it is."""
        uploader = self.uploader(target=f"{TARGET}?key=SECRET", test_chunks=False)
        upload = uploader.add_file(b"x" * 20, file_name="a")
        self.client.respond(200)
        self.assertEqual(repr(uploader), f"<Resumable '{TARGET}' open, 1 files, 50.0%>")
        uploader.pause()
        self.assertIn("paused", repr(uploader))
        uploader.close()
        self.assertIn("closed", repr(uploader))
        self.assert_cancelled(upload)

    def test_futures(self) -> None:
        """Hooks may return asyncio's futures and tasks, on a reactor that runs the loop."""
        loop = asyncio.new_event_loop()
        self.addCleanup(loop.close)
        asyncio.set_event_loop(loop)
        self.addCleanup(asyncio.set_event_loop, None)
        futures: list[Any] = []

        def later(result: Any) -> Any:
            futures.append((loop.create_future(), result))
            return futures[-1][0]

        uploader = self.uploader(
            target=lambda _: later(TARGET),
            headers=lambda *_: later({"X-Name": "value"}),
            query=lambda *_: later({"q": "1"}),
            preprocess=lambda chunk: later(None),
            preprocess_file=lambda file: later(None),
            generate_unique_identifier=lambda file: later("identifier"),
            test_chunks=False,
        )
        upload = uploader.add_file(b"x", file_name="a")
        while futures:
            future, result = futures.pop()
            future.set_result(result)
            loop.run_until_complete(asyncio.sleep(0))
        self.assertEqual(self.client.waiting[0].headers.getRawHeaders("X-Name"), ["value"])
        self.client.respond(200)
        self.assertEqual(self.successResultOf(upload).unique_identifier, "identifier")

    def test_future_that_fails(self) -> None:
        """What a future of a hook fails with fails the file."""
        loop = asyncio.new_event_loop()
        self.addCleanup(loop.close)
        asyncio.set_event_loop(loop)
        self.addCleanup(asyncio.set_event_loop, None)
        future = loop.create_future()
        upload = self.uploader(preprocess_file=lambda _: future).add_file(b"x", file_name="a")
        future.set_exception(ZeroDivisionError())
        loop.run_until_complete(asyncio.sleep(0))
        self.failureResultOf(upload, ZeroDivisionError)

    def test_what_is_private(self) -> None:
        """What moves files is not the application's: neither views nor handles lead to it."""
        upload = self.uploader(self.receiver).add_file(b"x", file_name="a")
        for each in (upload, upload.file):
            for name in ("transfer", "source", "ledger"):
                self.assertFalse(hasattr(each, name), name)
        for name in ("size", "state", "error", "reply", "unique_identifier"):
            self.assertRaises(AttributeError, setattr, upload.file, name, 5)
        for name in ("stop", "proceed", "finish", "fail", "admission", "roster"):
            self.assertFalse(hasattr(self.uploader(), name), name)

    def test_forgets_what_is_complete(self) -> None:
        """If completed files are not kept, at most the last is held, however many they were."""
        uploader = self.uploader(self.receiver, keep_completed=False)
        there: list[bool] = []
        uploader.file_completed.register(lambda file: there.append(file in uploader.files))
        for number in range(100):
            self.successResultOf(uploader.add_file(b"x", file_name=f"forgotten {number}"))
        self._added.clear()  # what the test itself holds
        gc.collect()
        held = [each for each in gc.get_objects() if isinstance(each, FileRecord)]
        self.assertLessEqual(len([e for e in held if e.file_name.startswith("forgotten")]), 1)
        self.assertEqual((uploader.files, uploader.get_size()), ([], 0))
        self.assertEqual(there, [True] * 100)

    def test_keeps_what_is_not_complete(self) -> None:
        """A file that failed stays to be tried again, and so does one that is begun anew."""
        uploader = self.uploader(keep_completed=False, test_chunks=False)
        failed = uploader.add_file(b"x", file_name="a")
        self.client.respond(404)
        self.failureResultOf(failed, ChunkRejected)
        self.assertEqual(uploader.files, [failed.file])
        failed.retry()
        self.client.respond(200)
        self.assertEqual(uploader.files, [])
        anew = uploader.add_file(b"y", file_name="b")
        anew.addCallback(lambda file: file.retry())
        self.client.respond(200)
        self.assertEqual(uploader.files, [anew.file])
        self.client.respond(200)
        self.assertEqual(uploader.files, [])

    def test_keeps_what_was_begun_anew_in_vain(self) -> None:
        """Nor is a file taken off that is tried again as it completes, and fails at once."""
        uploader = self.uploader(
            keep_completed=False, test_chunks=False, generate_unique_identifier=lambda _: "a"
        )
        first, twins = uploader.add_file(b"x", file_name="a"), []

        def again(file: ResumableFile) -> None:
            twins.append(uploader.add_file(b"y", file_name="b"))
            file.retry()

        first.addCallback(again)
        self.client.respond(200)
        self.assertIs(first.file.state, FileState.FAILED)
        self.assertEqual(uploader.files, [first.file, twins[0].file])
        self.client.respond(200)
        self.assertEqual(uploader.files, [first.file])

    def test_lists(self) -> None:
        """The uploader knows its files, their size, and how much of them is done."""
        uploader = self.uploader(simultaneous_uploads=1, test_chunks=False)
        self.assertEqual((uploader.fraction_completed, uploader.is_uploading), (0.0, False))
        first = uploader.add_file(b"x" * 10, file_name="a")
        second = uploader.add_file(b"x" * 30, file_name="b")
        files = [first.file, second.file]
        self.assertEqual((uploader.files, uploader.get_size()), (files, 40))
        identifier = second.file.unique_identifier
        self.assertIs(uploader.get_from_unique_identifier(identifier), second.file)
        self.assertIsNone(uploader.get_from_unique_identifier("none"))
        self.client.respond(200)
        self.assertEqual((uploader.fraction_completed, uploader.is_uploading), (0.25, True))
        self.answer_all()
        self.assertEqual(uploader.fraction_completed, 1.0)
        uploader.remove_file(first.file)
        self.assertEqual(uploader.files, [second.file])

    def test_update_query(self) -> None:
        """A new query is used from the next request on."""
        uploader = self.uploader(query={"token": "1"}, simultaneous_uploads=1, test_chunks=False)
        uploader.add_file(b"x" * 20, file_name="a")
        uploader.update_query({"token": "2"})
        self.answer_all()
        tokens = [request.parameters["token"] for request in self.client.sent]
        self.assertEqual(tokens, ["1", "2"])

    def test_same_file_twice(self) -> None:
        """The same content is not uploaded twice at once, but may be later."""
        uploader = self.uploader()
        first = uploader.add_file(b"x", file_name="a")
        second = uploader.add_file(b"x", file_name="a")
        self.assertEqual(len(self.client.waiting), 1)
        self.answer_all()
        self.successResultOf(first)
        self.successResultOf(second)
        again = uploader.add_file(b"x", file_name="a")
        self.answer_all()
        self.successResultOf(again)

    def test_identifier_after_all_its_kind(self) -> None:
        """Identifiers come from the option, at once or later; what is none fails the upload."""
        given: Deferred[str] = Deferred()
        upload = self.uploader(generate_unique_identifier=lambda _: given).add_file(
            b"x", file_name="a"
        )
        self.assertEqual(self.client.sent, [])
        given.callback("the-one")
        self.answer_all()
        self.assertEqual(self.successResultOf(upload).unique_identifier, "the-one")
        upload = self.uploader(generate_unique_identifier=lambda _: "").add_file(
            b"x", file_name="a"
        )
        self.failureResultOf(upload, InvalidOption)


class ConcurrencyTests(UploaderTestCase):
    """
    Slots, taken lazily.
    """

    def test_slots(self) -> None:
        """As many chunks are under way as there are slots, the lowest numbers first."""
        uploader = self.uploader(last_chunk_alone=False, simultaneous_uploads=3, test_chunks=False)
        uploader.add_file(b"x" * 50, file_name="a")
        uploader.add_file(b"y" * 20, file_name="b")
        numbers = [request.parameters["resumableChunkNumber"] for request in self.client.sent]
        self.assertEqual(numbers, ["1", "2", "3"])
        self.client.respond(200)
        self.assertEqual(len(self.client.waiting), 3)
        self.answer_all()
        names = [request.parameters["resumableFilename"] for request in self.client.sent]
        self.assertEqual(names, ["a"] * 5 + ["b"] * 2)

    def test_test_and_upload_share_a_slot(self) -> None:
        """A slot tests one chunk and then sends it."""
        uploader = self.uploader(simultaneous_uploads=1)
        uploader.add_file(b"x" * 20, file_name="a")
        methods = []
        while self.client.waiting:
            self.assertEqual(len(self.client.waiting), 1)
            methods.append(self.client.respond(404 if len(methods) % 2 == 0 else 200).method)
        self.assertEqual(methods, ["GET", "POST"] * 2)

    def test_ends_first(self) -> None:
        """The first and the last chunk of each file go before anything else, if wanted."""
        uploader = self.uploader(
            prioritize_first_and_last_chunk=True, simultaneous_uploads=1, test_chunks=False
        )
        uploader.add_file(b"x" * 40, file_name="a")
        self.answer_all()
        numbers = [request.parameters["resumableChunkNumber"] for request in self.client.sent]
        self.assertEqual(numbers, ["1", "4", "2", "3"])

    def test_small_files_are_known(self) -> None:
        """Small files that wait make the number of slots begin with more over a long line."""
        for size, number in ((1, 32), (10_000, 13)):
            uploader = self.uploader(
                simultaneous_uploads="auto", chunk_size=10_000, test_chunks=False
            )
            for name in range(40):
                uploader.add_file(b"x" * size, file_name=f"{name}")
            engine_of(uploader).breadth.connected(0.08)
            self.assertEqual(len(self.client.waiting), number)
            self.answer_all()

    def test_a_retry_waits_without_a_slot(self) -> None:
        """A chunk gives its slot back before it waits to be tried again."""
        uploader = self.uploader(
            in_order=False, last_chunk_alone=False, simultaneous_uploads=1, test_chunks=False
        )
        upload = uploader.add_file(b"x" * 20, file_name="a")
        self.client.respond(503)
        self.assertEqual(self.client.waiting[0].parameters["resumableChunkNumber"], "2")
        self.client.respond(200)
        self.assertEqual(self.client.waiting, [])
        self.clock.advance(1)
        self.client.respond(200)
        self.successResultOf(upload)

    def test_jobs_that_finish_at_once(self) -> None:
        """Two thousand chunks that are answered at once do not recurse."""
        upload = self.uploader(self.receiver, chunk_size=1).add_file(bytes(2000), file_name="a")
        self.assertEqual(len(self.successResultOf(upload).chunks), 2000)


class RetryTests(UploaderTestCase):
    """
    Trying again.
    """

    def test_waits_out_the_interval(self) -> None:
        """A chunk to be tried again is not sent before its time."""
        upload = self.uploader(chunk_retry_interval=4.0, test_chunks=False).add_file(
            b"x", file_name="a"
        )
        self.client.respond(503)
        self.clock.advance(3.9)
        self.assertEqual(len(self.client.sent), 1)
        self.clock.advance(0.1)
        self.client.respond(200)
        self.successResultOf(upload)

    def test_retry_after(self) -> None:
        """The server may ask for a longer wait."""
        self.uploader(test_chunks=False).add_file(b"x", file_name="a")
        self.client.respond(503, headers={"Retry-After": "60"})
        self.clock.advance(59)
        self.assertEqual(self.client.waiting, [])
        self.clock.advance(1)
        self.client.respond(200)

    def test_policy(self) -> None:
        """
        A policy of one's own hears which attempt failed, why, and what the server asked for;
        refusals of the server are counted apart.
        """
        heard: list[FailedAttempt] = []

        def policy(failed: FailedAttempt) -> float:
            heard.append(failed)
            return 2.0

        uploader = self.uploader(retry_policy=policy, test_chunks=False)
        upload = uploader.add_file(b"x", file_name="a")
        self.client.respond(503, headers={"Retry-After": "7"})
        self.clock.advance(2)
        self.client.fail(ConnectionLost())
        self.clock.advance(2)
        # A broken connection leaves it open whether the chunk was stored: but tests are off.
        self.client.respond(200)
        self.assertEqual([(each.attempts, each.requested) for each in heard], [(1, 7.0), (1, None)])
        self.assertEqual([(each.file, each.chunk_number) for each in heard], [(upload.file, 1)] * 2)
        kinds = [type(each.error) for each in heard]
        self.assertEqual(kinds, [ChunkRejected, TransportError])
        self.assertRaises(AttributeError, setattr, heard[0], "attempts", 5)

    def test_policy_that_gives_up(self) -> None:
        """None ends the tries of a chunk, and those to connect, with what the last one came to."""
        for fail, last in (
            (lambda: self.client.respond(503), ChunkRejected),
            (lambda: self.client.fail(ConnectionRefusedError()), ConnectFailed),
        ):
            uploader = self.uploader(
                retry_policy=lambda failed: 1.0 if failed.attempts < 3 else None, test_chunks=False
            )
            upload = uploader.add_file(b"x", file_name="a")
            for _ in range(3):
                self.assertNoResult(upload)
                fail()
                self.clock.advance(1)
            error = self.failureResultOf(upload, RetriesExhausted).value
            self.assertEqual((error.attempts, type(error.last)), (3, last))
            self.assertIs(error.__cause__, error.last)

    def test_hook_that_is_a_generator(self) -> None:
        """A hook that yields without inlineCallbacks would never run: its file fails."""

        def hook(*_: object) -> Any:
            yield succeed(None)

        async def asynchronous(*_: object) -> Any:
            yield

        for option in ("preprocess", "preprocess_file", "expect_response", "verify"):
            for given, fails in (
                (hook, True),
                (asynchronous, True),
                (inlineCallbacks(hook), False),
            ):
                uploader = self.uploader(ScriptedReceiver(), **{option: given})
                upload = uploader.add_file(b"x", file_name="a")
                if fails:
                    error = self.failureResultOf(upload, TypeError).value
                    self.assertIn("inlineCallbacks", str(error))
                elif option == "expect_response":  # what it came to is nothing
                    self.failureResultOf(upload, UnexpectedResponse)
                else:
                    self.successResultOf(upload)

    def test_policy_that_fails(self) -> None:
        """A policy that raises, or gives no seconds, fails the file and is no silence."""
        for policy, expected in (
            (lambda *_: 1 / 0, ZeroDivisionError),
            (lambda *_: float("inf"), InvalidOption),
            (lambda *_: float("nan"), InvalidOption),
            (lambda *_: -1, InvalidOption),
            (lambda *_: 10**400, InvalidOption),
            (lambda *_: "1", InvalidOption),
            (lambda *_: Deferred(), InvalidOption),
        ):
            upload = self.uploader(retry_policy=policy, test_chunks=False).add_file(
                b"x", file_name="a"
            )
            self.client.respond(503)
            self.failureResultOf(upload, expected)

    def test_asks_again_after_a_lost_answer(self) -> None:
        """A chunk whose answer was lost is tested before it is sent again."""
        upload = self.uploader().add_file(b"x", file_name="a")
        self.client.respond(404)
        self.client.fail(ConnectionLost())
        self.clock.advance(1)
        self.assertEqual(self.client.respond(200).method, "GET")
        self.successResultOf(upload)
        self.assertEqual(len(self.client.uploads), 1)

    def test_exhausted(self) -> None:
        """The error says how often a chunk was tried, which, and what happened last."""
        upload = self.uploader(
            last_chunk_alone=False, max_chunk_retries=2, test_chunks=False
        ).add_file(b"x" * 20, file_name="a")
        for _ in range(2):
            self.client.respond(503, b"too much")
            self.client.respond(200) if len(self.client.sent) == 2 else None
            self.clock.advance(1)
        self.client.respond(503, b"too much")
        error = self.failureResultOf(upload, RetriesExhausted).value
        self.assertEqual((error.attempts, error.chunk_number), (3, 1))
        self.assertEqual((error.last.status, error.last.body), (503, "too much"))

    def tokens(self, where: str) -> dict[str, Any]:
        """Options for a token with each request; hooks note why they are called."""
        tokens = iter("abcdefgh")
        self.refused: list[int] = []

        def token(file: ResumableFile, chunk: ResumableChunk) -> dict[str, str]:
            self.refused.append(chunk.refused)
            return {"X-Token" if where == "headers" else "token": next(tokens)}

        if where == "target":
            return {"target": lambda pairs: f"{TARGET}?token={next(tokens)}&{'&'.join(pairs)}"}
        return {where: token}

    def sent_tokens(self) -> str:
        """The token of each request, in order."""
        sent = self.client.sent
        found = [each.header("X-Token") or each.parameters.get("token") for each in sent]
        return "".join(str(each) for each in found)

    def test_token_that_ran_out(self) -> None:
        """After a 401 or 403, functions are called once more before that is permanent."""
        for where in ("headers", "query", "target"):
            for status in (401, 403):
                self.setUp()
                options = self.tokens(where)
                uploader = self.uploader(test_chunks=False, chunk_size=10, **options)
                upload = uploader.add_file(b"x" * 20, file_name="a")
                self.client.respond(200)  # the first chunk; the last one goes alone
                self.client.respond(status)
                self.client.respond(200)
                self.successResultOf(upload)
                failing = uploader.add_file(b"x", file_name="b")
                self.client.respond(status)
                self.client.respond(status)
                error = self.failureResultOf(failing, ChunkRejected).value
                self.assertEqual((error.status, self.sent_tokens()), (status, "abcde"))
                if where != "target":
                    self.assertEqual(self.refused, [0, 0, status, 0, status])

    def test_once_an_attempt(self) -> None:
        """Each attempt may find that a token ran out; nothing is asked anew without a function."""
        upload = self.uploader(
            test_chunks=False, chunk_retry_interval=1, **self.tokens("headers")
        ).add_file(b"x", file_name="a")
        for status in (401, 503, 403, 200):
            self.client.respond(status)
            self.clock.advance(1)
        self.successResultOf(upload)
        self.assertEqual((self.sent_tokens(), self.refused), ("abcd", [0, 401, 0, 403]))
        upload = self.uploader(test_chunks=False, test_target=None).add_file(b"x", file_name="b")
        self.client.respond(401)
        self.failureResultOf(upload, ChunkRejected)

    def test_token_of_tests(self) -> None:
        """A test that is refused is made once more, and its upload may be, too."""
        for where in ("headers", "query", "target"):
            self.setUp()
            upload = self.uploader(**self.tokens(where)).add_file(b"x", file_name="a")
            for status in (401, 404, 403, 200):
                self.client.respond(status)
            self.successResultOf(upload)
            methods = [each.method for each in self.client.sent]
            self.assertEqual((methods, self.sent_tokens()), (["GET"] * 2 + ["POST"] * 2, "abcd"))

    def test_tests_that_are_always_refused(self) -> None:
        """Where it was no token that a test lacked, later tests of the file are made once."""
        upload = self.uploader(
            chunk_size=10, simultaneous_uploads=1, **self.tokens("headers")
        ).add_file(b"x" * 30, file_name="a")
        for status in (403, 403, 200, 403, 200, 403, 200):
            self.client.respond(status)
        self.successResultOf(upload)
        self.assertEqual(self.refused, [0, 403, 0, 0, 0, 0, 0])


class ObserverTests(UploaderTestCase):
    """
    What observers hear, and in which order.
    """

    def test_order(self) -> None:
        """State, chunk signals, file signals, the end of all, waiters, handle."""
        uploader, heard = self.uploader(test_chunks=False), []
        upload = uploader.add_file(b"x" * 20, file_name="a")
        file = upload.file
        names = ("chunk_completed", "file_completed", "completed")
        for name in names:
            getattr(uploader, name).register(lambda *_, name=name: heard.append(name))
        upload.chunk_completed.register(
            lambda chunk: heard.append(f"{chunk.number} at {file.fraction_completed}")
        )
        upload.completed.register(lambda: heard.append("file.completed"))
        file.when_completed().addCallback(lambda _: heard.append("waiter"))
        file.chunks[1].when_completed().addCallback(lambda _: heard.append("chunk's waiter"))
        upload.addCallback(lambda _: heard.append("handle"))
        uploader.join().addCallback(lambda _: heard.append("join"))
        self.answer_all()
        self.assertEqual(
            heard,
            [
                *("1 at 0.5", "chunk_completed", "2 at 1.0", "chunk_completed", "chunk's waiter"),
                *("file.completed", "file_completed", "completed", "waiter", "handle", "join"),
            ],
        )

    def test_events_of_a_failure(self) -> None:
        """A file that fails is told of with its error, and again at the end of all."""
        uploader, heard = self.uploader(test_chunks=False), []
        uploader.catch_all.register(lambda name, *args: heard.append(name))
        failed: list[Any] = []
        uploader.completed.register(failed.append)
        upload = uploader.add_file(b"x", file_name="a")
        self.client.respond(404)
        self.failureResultOf(upload, ChunkRejected)
        self.assertEqual(failed, [[upload.file]])
        self.assertEqual(
            [name for name in heard if "progress" not in name][-3:],
            ["file_error", "error", "completed"],
        )

    def test_retry_by_an_observer(self) -> None:
        """An observer may try a file again as it hears of its failure."""
        uploader, again = self.uploader(test_chunks=False), []

        def retry(file: Any, failure: Failure) -> None:
            if not again:
                file.retry()
                again.append(file.when_completed())

        uploader.file_error.register(retry)
        upload = uploader.add_file(b"x", file_name="a")
        waiter = upload.when_completed()
        self.client.respond(404)
        self.failureResultOf(upload, ChunkRejected)
        self.failureResultOf(waiter, ChunkRejected)
        self.client.respond(200)
        self.assertIs(self.successResultOf(again[0]), upload.file)
        self.assertIsNone(self.successResultOf(uploader.join()))

    def test_observer_that_cancels(self) -> None:
        """An observer may cancel a file at any event of it."""
        for name in ("file_added", "chunking_start", "file_progress", "chunk_completed"):
            uploader = self.uploader(test_chunks=False)
            getattr(uploader, name).register(lambda file, *_: file.cancel())
            upload = uploader.add_file(b"x" * 20, file_name="a")
            self.answer_all()
            self.assert_cancelled(upload)

    def test_announced_before_sent(self) -> None:
        """Nothing is sent before all files that were added together are announced."""
        uploader, sent = self.uploader(), []
        uploader.files_added.register(lambda *_: sent.append(len(self.client.sent)))
        uploader.file_added.register(lambda file: file.suspend() or file.resume())
        uploads = uploader.add_files([self.file(b"x"), self.mktemp(), self.file(b"y")])
        self.assertEqual(sent, [0])
        self.failureResultOf(uploads[1], FileNotFoundError)
        self.answer_all()

    def test_nothing_to_do(self) -> None:
        """All suspended as they are added, files begin when they are released."""
        uploader = self.uploader()
        uploader.file_added.register(lambda file: file.suspend())
        upload = uploader.add_file(b"x", file_name="a")
        self.assertEqual(self.client.sent, [])
        self.assertTrue(upload.file.is_suspended)
        upload.file.resume()
        self.answer_all()
        self.successResultOf(upload)


class EndingTests(UploaderTestCase):
    """
    join(), close(), leaving the context, pausing.
    """

    def test_join(self) -> None:
        """join() fires when all are done, for everybody who waits."""
        uploader = self.uploader()
        uploader.add_file(b"x", file_name="a")
        joined = [uploader.join(), uploader.join()]
        joined[0].cancel()
        self.assert_cancelled(joined[0])
        self.assertNoResult(joined[1])
        self.answer_all()
        self.assertIsNone(self.successResultOf(joined[1]))
        self.assertIsNone(self.successResultOf(uploader.join()))

    def test_join_with_a_failure(self) -> None:
        """The first failure fails join() and cancels what is left; the next join() is a new one."""
        uploader = self.uploader(test_chunks=False)
        first = uploader.add_file(b"x", file_name="a")
        second = uploader.add_file(b"y", file_name="b")
        joined = uploader.join()
        self.client.respond(404)
        self.failureResultOf(joined, ChunkRejected)
        self.failureResultOf(first, ChunkRejected)
        self.assert_cancelled(second)
        self.assertIsNone(self.successResultOf(uploader.join()))

    def test_cancelled_files_do_not_count(self) -> None:
        """A file that somebody cancelled does not fail join()."""
        uploader = self.uploader()
        upload = uploader.add_file(b"x", file_name="a")
        joined = uploader.join()
        upload.cancel()
        self.assertIsNone(self.successResultOf(joined))
        self.assert_cancelled(upload)

    def test_a_waiter_that_cancels_another(self) -> None:
        """Of those who wait, one that cancels another does not keep the rest from being told."""
        uploader = self.uploader()
        upload = uploader.add_file(b"x", file_name="a")
        waiting = [upload.when_completed() for _ in range(3)]
        waiting[0].addCallback(lambda _: waiting[1].cancel())
        self.answer_all()
        self.assert_cancelled(waiting[1])
        self.successResultOf(waiting[2])
        self.successResultOf(upload)

    def with_uploader(self, body: Any) -> Deferred[None]:
        async def main() -> None:
            async with self.uploader() as uploader:
                await body(uploader)

        return Deferred.fromCoroutine(main())

    def test_context(self) -> None:
        """Leaving the context waits for all."""

        async def body(uploader: Any) -> None:
            uploader.add_file(b"x", file_name="a")
            uploader.add_file(b"y", file_name="b")

        running = self.with_uploader(body)
        self.assertNoResult(running)
        self.answer_all()
        self.assertIsNone(self.successResultOf(running))

    def test_context_with_a_failure(self) -> None:
        """Leaving the context raises the first failure and cancels the rest."""

        async def body(uploader: Any) -> None:
            uploader.add_file(b"x", file_name="a")
            uploader.add_file(b"y", file_name="b")

        running = self.with_uploader(body)
        self.client.respond(404)
        self.client.respond(404)
        self.client.respond(404)
        self.failureResultOf(running, ChunkRejected)

    def test_leaving_while_cancelled(self) -> None:
        """Whoever cancels the coroutine that waits in a context stops the uploads."""

        async def body(uploader: Any) -> None:
            uploader.add_file(b"x", file_name="a")

        running = self.with_uploader(body)
        running.cancel()
        self.assert_cancelled(running)
        self.assertTrue(self.client.sent[0].given_up)

    def test_close(self) -> None:
        """close() cancels all, and may be called again."""
        uploader = self.uploader()
        upload = uploader.add_file(b"x", file_name="a")
        waiting = uploader.join()
        self.successResultOf(uploader.close())
        self.assert_cancelled(upload)
        self.assertIsNone(self.successResultOf(waiting))
        self.successResultOf(uploader.close())

    def test_pause(self) -> None:
        """pause() aborts what is under way and holds all; resume() goes on where it was."""
        uploader, heard = self.uploader(last_chunk_alone=False, test_chunks=False), []
        uploader.paused.register(lambda: heard.append("paused"))
        upload = uploader.add_file(b"x" * 40, file_name="a")
        self.client.respond(200)
        self.client.respond(503)
        uploader.pause()
        uploader.pause()
        self.assertEqual((self.client.waiting, heard), ([], ["paused"]))
        self.clock.advance(10)
        uploader.add_file(b"y", file_name="b").addErrback(lambda _: None)
        self.assertEqual(self.client.waiting, [])
        uploader.resume()
        self.answer_all()
        self.successResultOf(upload)
        numbers = [r.parameters["resumableChunkNumber"] for r in self.client.sent[-4:]]
        self.assertEqual(numbers, ["2", "3", "4", "1"])

    def test_cancel(self) -> None:
        """cancel() ends every file and takes all off the list; more may be added."""
        uploader, heard = self.uploader(), []
        for name in ("before_cancel", "cancelled"):
            getattr(uploader, name).register(lambda name=name: heard.append(name))
        uploads = uploader.add_files([self.file(b"x"), self.file(b"y")])
        uploader.cancel()
        self.assert_cancelled(*uploads)
        self.assertEqual((uploader.files, heard), ([], ["before_cancel", "cancelled"]))
        upload = uploader.add_file(b"z", file_name="z")
        self.answer_all()
        self.successResultOf(upload)

    def test_unhandled_failure_is_logged(self) -> None:
        """A failed upload that nobody looks at is reported when its uploader is collected."""
        uploader = Resumable(TARGET, reactor=self.clock, client=self.client, test_chunks=False)
        uploader.add_file(b"x", file_name="a")
        self.client.respond(404)
        self.assertEqual(self.flushLoggedErrors(ChunkRejected), [])
        del uploader
        self.client.sent.clear()
        gc.collect()
        self.assertEqual(len(self.flushLoggedErrors(ChunkRejected)), 1)

    def test_joined_failure_is_not_logged(self) -> None:
        """A failure that join() hands on is not reported a second time."""
        uploader = self.uploader(test_chunks=False)
        uploader.add_file(b"x", file_name="a")
        joined = uploader.join()
        self.client.respond(404)
        self.failureResultOf(joined, ChunkRejected)
        self.assertEqual(self.flushLoggedErrors(ChunkRejected), [])


class ChecksumTests(UploaderTestCase):
    """
    Digests on the way and at the end.
    """

    def test_sent_and_compared(self) -> None:
        """Each chunk carries its digest, and that of the whole is compared with the server's."""
        upload = self.uploader(self.receiver, checksum="sha256").add_file(
            self.file(b"x" * 35), file_name="a"
        )
        self.successResultOf(upload)
        for request in self.receiver.sent:
            self.assertTrue(request.parameters["resumableChunkChecksum"].startswith("sha256:"))

    def test_no_digest_unasked(self) -> None:
        """A file is not read once more for a digest that nobody will compare."""
        opened: list[PathSource] = []
        original = PathSource._open

        def counted(source: PathSource, *seen: Any) -> Any:
            opened.append(source)
            return original(source, *seen)

        self.patch(PathSource, "_open", counted)
        upload = self.uploader(self.receiver).add_file(self.file(b"x" * 20))
        self.successResultOf(upload)
        self.assertEqual(len(opened), 2)  # to look at it, and to send it

    def test_other_digest(self) -> None:
        """A server that has something else fails the file, whichever answer says so."""
        for status in (0, 1):
            upload = self.uploader(checksum="sha256", test_chunks=False).add_file(
                b"x" * 20, file_name="a"
            )
            for index in (0, 1):
                said = {"Resumable-File-Checksum": "sha256:00"} if index == status else {}
                self.client.respond(200, headers=said)
            error = self.failureResultOf(upload, ChecksumMismatch).value
            self.assertEqual(error.received, "00")

    def test_changed_before_the_comparison(self) -> None:
        """A file that was written to after its last chunk was sent is said to have changed."""
        path = self.file(b"x" * 20)
        upload = self.uploader(checksum="sha256", test_chunks=False).add_file(path)
        self.client.respond(200)
        with open(path, "wb") as file:
            file.write(b"y" * 20)
        os.utime(path, (1, 1))
        digest = hashlib.sha256(b"x" * 20).hexdigest()
        self.client.respond(200, headers={"Resumable-File-Checksum": f"sha256:{digest}"})
        self.failureResultOf(upload, SourceChanged)

    def test_damaged_on_the_way(self) -> None:
        """A chunk that arrives damaged is sent again."""
        self.receiver.script.extend([None, Response(422)])
        upload = self.uploader(self.receiver, checksum="sha256").add_file(b"x", file_name="a")
        self.clock.advance(1)
        self.successResultOf(upload)


class HookTests(UploaderTestCase):
    """
    Hooks that take their time.
    """

    def test_every_hook_may_take_its_time(self) -> None:
        """target, headers, query, preprocess and preprocess_file may return Deferreds."""
        asked: list[tuple[str, Deferred[Any]]] = []

        def hook(name: str) -> Any:
            def call(*args: object) -> Deferred[Any]:
                waiting: Deferred[Any] = Deferred()
                asked.append((name, waiting))
                return waiting

            return call

        names = ("preprocess_file", "preprocess", "query", "target", "headers")
        upload = self.uploader(test_chunks=False, **{name: hook(name) for name in names}).add_file(
            b"x", file_name="a"
        )
        results = {"query": {"q": "1"}, "headers": {"X-H": "2"}, "target": "http://other.example/"}
        for index, name in enumerate(names):
            self.assertEqual([each[0] for each in asked], list(names[: index + 1]))
            asked[-1][1].callback(results.get(name))
        request = self.client.respond(200)
        self.assertEqual((request.url, request.header("X-H")), ("http://other.example/", "2"))
        self.successResultOf(upload)

    def test_hook_that_raises(self) -> None:
        """A hook that raises fails its file with what it raised, and no other."""
        for name in ("preprocess_file", "preprocess", "query", "target", "headers"):
            uploader = self.uploader(**{name: lambda *args: 1 / 0}, test_chunks=False)
            upload = uploader.add_file(b"x", file_name="a")
            self.failureResultOf(upload, ZeroDivisionError)

    def test_cancelled_while_a_hook_runs(self) -> None:
        """Cancelling a file cancels the hook that it waits for."""
        names = ("preprocess_file", "preprocess", "query", "target", "headers")
        for name in (*names, "generate_unique_identifier"):
            cancelled: list[object] = []
            waiting: Deferred[Any] = Deferred(cancelled.append)
            uploader = self.uploader(**{name: lambda *args, w=waiting: w}, test_chunks=False)
            upload = uploader.add_file(b"x", file_name="a")
            upload.cancel()
            self.assert_cancelled(upload)
            self.assertEqual(cancelled, [waiting], name)

    def test_hook_that_cannot_be_cancelled(self) -> None:
        """Nothing is sent for a cancelled chunk, even if a hook answers instead of stopping."""
        waiting: Deferred[Any] = Deferred(lambda each: each.callback({}))
        upload = self.uploader(headers=lambda *args: waiting).add_file(b"x", file_name="a")
        upload.cancel()
        self.assert_cancelled(upload)
        self.assertEqual(self.client.sent, [])


class OriginalTests(UploaderTestCase):
    """
    What the thread-based original got wrong.
    """

    def test_identifier_is_the_same_in_every_process(self) -> None:
        """A second uploader of the same file asks for the same chunks and sends what is missing."""
        path, identifiers = self.file(b"x" * 50), []
        first = self.uploader(simultaneous_uploads=1)
        interrupted = first.add_file(path)
        for status in (404, 200, 404, 200):
            self.client.respond(status)
        interrupted.cancel()
        self.assert_cancelled(interrupted)
        identifiers.append(interrupted.file.unique_identifier)
        second = self.uploader(simultaneous_uploads=1)
        upload = second.add_file(path)
        identifiers.append(upload.file.unique_identifier)
        for status in (200, 200, 404, 200, 404, 200, 404, 200):
            self.client.respond(status)
        self.successResultOf(upload)
        self.assertEqual(identifiers[0], identifiers[1])
        self.assertEqual(len(self.client.uploads), 2 + 3)

    def test_test_parameters_in_the_query_string(self) -> None:
        """A test is a GET without a body, with its parameters in the URL."""
        self.uploader().add_file(b"x", file_name="a")
        [request] = self.client.waiting
        self.assertEqual((request.method, request.body), ("GET", b""))
        self.assertEqual(dict(request.query)["resumableChunkNumber"], "1")
        self.client.respond(200)

    def test_upload_parameters_in_both_places(self) -> None:
        """An upload has its parameters in the URL and in the body."""
        self.uploader(test_chunks=False, query={"mine": "too"}).add_file(b"x", file_name="a")
        request = self.client.respond(200)
        self.assertEqual(dict(request.query), request.fields)
        self.assertEqual(request.fields["mine"], "too")
        self.assertEqual(request.content, b"x")

    def test_a_dropped_connection_does_not_end_the_session(self) -> None:
        """One connection that breaks is one retry."""
        uploader = self.uploader(test_chunks=False)
        uploads = [uploader.add_file(each, file_name="a") for each in (b"x", b"y")]
        self.client.fail(ConnectionLost())
        self.client.respond(200)
        self.clock.advance(1)
        self.client.respond(200)
        for upload in uploads:
            self.successResultOf(upload)

    def test_a_redirect_is_no_upload(self) -> None:
        """A redirect fails the file, naming where it points."""
        upload = self.uploader(test_chunks=False).add_file(b"x", file_name="a")
        self.client.respond(303, headers={"Location": "http://elsewhere.example/?secret"})
        error = self.failureResultOf(upload, ChunkRejected).value
        self.assertEqual((error.status, error.location), (303, "http://elsewhere.example/"))

    def test_time_outs(self) -> None:
        """A server that says nothing costs no more than the time-out and a retry."""
        upload = self.uploader(stall_timeout=20, test_chunks=False).add_file(b"x", file_name="a")
        self.clock.pump([1] * 20)
        self.assertTrue(self.client.sent[0].given_up)
        self.clock.advance(1)
        self.client.respond(200)
        self.successResultOf(upload)

    def test_total_time_out(self) -> None:
        """chunk_timeout limits a request as a whole."""
        upload = self.uploader(chunk_timeout=5, test_chunks=False).add_file(b"x", file_name="a")
        self.clock.pump([0.5] * 10)
        self.assertTrue(self.client.sent[0].given_up)
        self.clock.advance(1)
        self.client.respond(200)
        self.successResultOf(upload)

    def test_retries_with_delay(self) -> None:
        """A chunk that failed is not sent again at once."""
        self.uploader(test_chunks=False, chunk_retry_interval=0.5).add_file(b"x", file_name="a")
        self.client.respond(503)
        self.assertEqual(self.client.waiting, [])
        self.clock.advance(0.5)
        self.client.respond(200)

    def test_one_retry_is_one(self) -> None:
        """max_chunk_retries=1 tries once more, and 0 never."""
        for retries in (0, 1):
            upload = self.uploader(max_chunk_retries=retries, test_chunks=False).add_file(
                b"x", file_name="a"
            )
            for _ in range(retries + 1):
                self.assertNoResult(upload)
                self.client.respond(503)
                self.clock.advance(1)
            self.failureResultOf(upload, RetriesExhausted)

    def test_empty_file(self) -> None:
        """An empty file sends one empty chunk and is complete."""
        upload = self.uploader(self.receiver, min_file_size=0).add_file(b"", file_name="a")
        file = self.successResultOf(upload)
        self.assertEqual((file.fraction_completed, len(file.chunks)), (1.0, 1))
        self.assertEqual(len(self.receiver.uploads), 1)
        self.assertTrue(self.receiver.stored("a").is_complete)

    def test_floor_rule(self) -> None:
        """The last chunk takes the rest, unless chunk sizes are forced."""
        for force, sizes in ((False, [10, 19]), (True, [10, 10, 9])):
            upload = self.uploader(self.receiver, force_chunk_size=force).add_file(
                b"x" * 29, file_name=f"a{force}"
            )
            chunks = self.successResultOf(upload).chunks
            self.assertEqual([chunk.size for chunk in chunks], sizes)

    def test_chunk_size_of_nothing(self) -> None:
        """A chunk size of 0 is refused."""
        self.assertRaises(InvalidOption, self.uploader, chunk_size=0)

    def test_no_deferred_for_each_chunk(self) -> None:
        """A million chunks are a byte each until somebody looks."""
        upload = self.uploader(chunk_size=1).add_file(bytes(10**6), file_name="a")
        self.assertIsInstance(transfer_of(upload).ledger.states, bytearray)
        self.assertIsNone(transfer_of(upload).observers)
        self.assertLess(len(self.client.sent), 5)
        upload.cancel()
        self.assert_cancelled(upload)

    def test_not_every_file_is_open(self) -> None:
        """Of a hundred files a few are open at any time."""
        uploader = self.uploader(test_chunks=False)
        uploads = uploader.add_files([self.file(b"%d" % each) for each in range(100)])
        most = 0
        while self.client.waiting:
            most = max(most, sum(transfer_of(upload).source.is_open for upload in uploads))
            self.client.respond(200)
        self.assertLess(most, 52)

    def test_completed_comes_last_and_once(self) -> None:
        """completed comes after the last chunk_completed, and once."""
        heard: list[Any] = []
        upload = self.uploader(test_chunks=False).add_file(b"x" * 30, file_name="a")
        upload.chunk_completed.register(lambda chunk: heard.append(chunk.number))
        upload.completed.register(lambda: heard.append("completed"))
        self.answer_all()
        self.assertEqual(heard, [1, 2, 3, "completed"])

    def test_a_callback_that_raises(self) -> None:
        """An observer that raises is logged and breaks nothing."""
        uploader = self.uploader(self.receiver)
        uploader.chunk_completed.register(lambda *args: 1 / 0)
        self.successResultOf(uploader.add_file(b"x", file_name="a"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_one_bad_file(self) -> None:
        """A file that cannot be uploaded does not stop the others."""
        uploads = self.uploader(self.receiver).add_files(
            [self.mktemp(), self.file(b""), self.file(b"good"), "/dev/zero", os.curdir]
        )
        kinds = (FileNotFoundError, FileRejected, None, FileRejected, IsADirectoryError)
        for upload, kind in zip(uploads, kinds, strict=True):
            if kind is None:
                self.successResultOf(upload)
            else:
                self.failureResultOf(upload, kind)

    def test_an_error_added_during_join(self) -> None:
        """A file that is added while join() waits counts, and so does its failure."""
        uploader = self.uploader()
        uploader.add_file(b"x", file_name="a")
        joined = uploader.join()
        uploader.add_file(self.mktemp())
        self.clock.advance(0)
        self.failureResultOf(joined, FileNotFoundError)

    def test_an_error_before_join(self) -> None:
        """A failure from before join() fails it too, unless it was handled or tried again."""
        uploader = self.uploader(test_chunks=False)
        upload = uploader.add_file(b"x", file_name="a")
        self.client.respond(404)
        self.failureResultOf(upload, ChunkRejected)
        upload.file.retry()
        self.client.respond(200)
        self.assertIsNone(self.successResultOf(uploader.join()))
        self.failureResultOf(uploader.add_file(self.mktemp()), FileNotFoundError)
        self.assertIsNone(self.successResultOf(uploader.join()))
        uploader.add_file(self.mktemp())
        self.failureResultOf(uploader.join(), FileNotFoundError)

    def test_local_path_stays_here(self) -> None:
        """No request says where a file lies."""
        path = self.file(b"x")
        self.uploader(test_chunks=False).add_file(path)
        request = self.client.respond(200)
        self.assertEqual(request.fields["resumableRelativePath"], os.path.basename(path))
        where = os.path.dirname(os.path.abspath(path)).encode()
        self.assertNotIn(where, request.url.encode() + request.body)

    def test_shrunken_file(self) -> None:
        """A file that shrinks fails; nothing of it is sent short."""
        path = self.file(b"x" * 40)
        upload = self.uploader(simultaneous_uploads=1, test_chunks=False).add_file(path)
        os.truncate(path, 25)
        self.client.respond(200)
        failure = self.failureResultOf(upload)
        self.assertIn("had 40 bytes and has 25", str(failure.value))
        self.assertEqual([len(request.content) for request in self.client.sent], [10])

    def test_errors_say_what_and_where(self) -> None:
        """An error has the status, the URL without its query, and what the server said."""
        upload = self.uploader(test_chunks=False).add_file(b"x", file_name="a")
        self.client.respond(415, b"no such type here")
        error = self.failureResultOf(upload, ChunkRejected).value
        self.assertEqual(error.status, 415)
        self.assertEqual(error.url, "http://receiver.example/upload")
        self.assertEqual(error.body, "no such type here")

    def test_an_exception_in_the_context(self) -> None:
        """An exception inside the context uploads nothing more."""

        async def main() -> None:
            async with self.uploader() as uploader:
                uploader.add_file(b"x" * 100, file_name="a")
                raise KeyError("mine")

        self.failureResultOf(Deferred.fromCoroutine(main()), KeyError)
        self.assertEqual(len(self.client.sent), 3)
        self.assertTrue(all(request.given_up for request in self.client.sent))
