"""
Tests for opening files ahead of their turn, and for reading them.
"""

from __future__ import annotations

import errno
import hashlib
import os
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txresumable import Resumable
from txresumable._engine import relay
from txresumable._engine.prefetch import Prefetcher
from txresumable._engine.relay import MOST_HUNG, TICK
from txresumable._source.source import BytesSource, PathSource
from txresumable.file import transfer_of
from txresumable.states import COMPLETED
from txresumable.testing import FakeClient
from txresumable.uploader import engine_of

from .reentrancy.reactor import SplitReactor


class PrefetchTests(SynchronousTestCase):
    """
    Sources that are opened in a thread.
    """

    def setUp(self) -> None:
        self.client, self.reactor = FakeClient(), SplitReactor()
        self.raised: list[Failure] = []

    def tearDown(self) -> None:
        self.assertEqual([each.getTraceback() for each in self.raised], [])

    def uploader(self, **options: Any) -> Resumable:
        chosen = {"test_chunks": False, "simultaneous_uploads": 1, **options}
        uploader = Resumable(
            "http://example.com/", client=self.client, reactor=self.reactor, **chosen
        )
        self.addCleanup(lambda: self.successResultOf(uploader.close()))
        return uploader

    def files(self, number: int) -> list[str]:
        """The paths of so many files."""
        folder = self.mktemp()
        os.mkdir(folder)
        paths = [os.path.join(folder, f"{at:03}") for at in range(number)]
        for path in paths:
            with open(path, "w") as file:
                file.write(path)
        return paths

    def add(self, uploader: Resumable, number: int) -> list[Any]:
        """Add so many files, of which each is looked at."""
        uploads = uploader.add_files(self.files(number))
        while not all(upload.file.chunks for upload in uploads):
            self.step()
        return uploads

    def step(self) -> None:
        """Threads do what they have to by now, and that arrives."""
        works, self.reactor.works = self.reactor.works, []
        for work in works:
            work()
        results, self.reactor.results = self.reactor.results, []
        for result in results:
            result()

    def watch_opening(self) -> None:
        """See what is opened; while the first file is, for the first time, :attr:`meanwhile`."""
        original = PathSource.open
        self.opened: list[str] = []
        self.meanwhile: Any = lambda: None

        def opening(source: PathSource) -> None:
            name = os.path.basename(source.path)
            self.opened.append(name)
            if self.opened.count("000") == 1 and name == "000":
                try:
                    self.meanwhile()
                except BaseException:  # which a thread would keep to itself
                    self.raised.append(Failure())
            original(source)

        self.patch(PathSource, "open", opening)

    def hang(self) -> None:
        """Let a disk hang for so long that it is noticed, while other threads go on."""
        self.reactor.advance(TICK)
        self.reactor.advance(TICK)
        self.reactor.let_all_arrive()

    @staticmethod
    def are_open(uploads: list[Any]) -> list[int]:
        """Which of them are open."""
        return [at for at, each in enumerate(uploads) if transfer_of(each.file).source.is_open]

    def test_open_ahead(self) -> None:
        """With the first file the next 47 are opened, and others in time: none is waited for."""
        uploads = self.add(self.uploader(), 100)
        self.assertEqual(self.are_open(uploads), [])
        jobs = len(self.reactor.works)
        self.step()
        self.assertEqual(self.are_open(uploads), list(range(48)))
        for at, upload in enumerate(uploads):
            self.assertEqual(self.are_open(uploads)[:1], [at])
            self.assertEqual(len(self.client.waiting), 1)
            self.client.respond(200)
            self.successResultOf(upload)
            self.assertEqual(len(self.client.waiting), int(at < 99))
            jobs += len(self.reactor.works)
            self.step()
            self.assertLessEqual(len(self.are_open(uploads)), 64)
        self.assertEqual(jobs, 3)

    def test_frugal(self) -> None:
        """When descriptors are short, no file is open before it is needed."""
        uploader = self.uploader()
        uploads = self.add(uploader, 3)
        engine_of(uploader)._prefetcher.is_frugal = True
        for at, upload in enumerate(uploads):
            self.step()
            self.assertEqual(self.are_open(uploads), [at])
            self.client.respond(200)
            self.successResultOf(upload)

    def test_frugal_while_files_are_opened(self) -> None:
        """
        A file that is open, and of which a chunk is under way before that is heard of, stays open
        when descriptors are short from then on; the others are closed.
        """
        uploader = self.uploader(simultaneous_uploads=2)
        given = [{"source": b"x", "file_name": name} for name in "ab"]
        memory = uploader.add_files(given)
        self.reactor.let_all_arrive()
        self.assertEqual(len(self.client.waiting), 2)
        uploads = uploader.add_files(self.files(3))
        self.reactor.let_all_arrive()
        self.client.respond(200)
        while self.reactor.works:
            self.reactor.works.pop(0)()  # they are open, of which nobody has heard
        self.client.respond(200)
        self.assertEqual(self.are_open(uploads), [0, 1, 2])
        engine_of(uploader)._prefetcher.is_frugal = True
        self.reactor.let_all_arrive()
        self.assertEqual(self.are_open(uploads), [0, 1])
        for _ in uploads:
            self.client.respond(200)
            self.reactor.let_all_arrive()
        for upload in [*memory, *uploads]:
            self.successResultOf(upload)

    def test_many_at_once(self) -> None:
        """Files that are needed at the same time are opened once, all in one thread."""
        self.watch_opening()
        uploads = self.add(self.uploader(simultaneous_uploads=3), 5)
        self.assertEqual(len(self.reactor.works), 1)
        self.step()
        self.assertEqual(len(self.client.waiting), 3)
        for _ in uploads:
            self.client.respond(200)
        for upload in uploads:
            self.successResultOf(upload)
        self.assertEqual(sorted(self.opened), ["000", "001", "002", "003", "004"])

    def test_closed_before_the_result_arrives(self) -> None:
        """
        A file that failed and is retried is opened again, though that it was opened for the first
        try is heard of only now, alone or together with others.
        """
        for number in (1, 2):
            uploader = self.uploader()
            upload, *others = uploader.add_files(self.files(number))
            self.reactor.works.pop()()
            self.reactor.results.pop()()  # they were looked at
            self.reactor.works.pop()()  # they are open, of which nobody has heard
            for other in others:
                other.file.suspend()
            upload.file.retry()
            self.client.respond(404)
            self.failureResultOf(upload)
            upload.file.retry()
            retried = upload.file.when_completed()
            self.reactor.let_all_arrive()
            self.client.respond(200)
            self.assertIs(self.successResultOf(retried), upload.file)
            self.assertIn(b"000", self.client.uploads[-1].content)
            for other in others:
                other.file.resume()
                self.client.respond(200)
                self.successResultOf(other)
            self.assertEqual(self.are_open([upload, *others]), [])

    def test_cancelled_before_it_is_open(self) -> None:
        """A file that is cancelled before a thread comes to it is not opened."""
        self.watch_opening()
        (upload,) = self.add(self.uploader(), 1)
        upload.cancel()
        self.failureResultOf(upload, CancelledError)
        self.reactor.let_all_arrive()
        self.assertEqual(self.opened, [])

    def test_cancelled_and_not_opened_again(self) -> None:
        """A file that is cancelled is not opened with the one that comes next."""
        uploader = self.uploader(chunk_size=20, prioritize_first_and_last_chunk=True)
        (first,) = self.add(uploader, 1)
        self.step()
        (second,) = self.add(uploader, 1)
        self.watch_opening()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.step()
        self.assertEqual((len(self.opened), self.are_open([first, second])), (1, [1]))
        second.cancel()
        self.failureResultOf(second, CancelledError)

    def test_cancelled_while_it_is_opened(self) -> None:
        """A file that is cancelled while a thread opens it, with others, is closed again."""
        uploads = self.add(self.uploader(), 2)
        self.reactor.works.pop()()
        uploads[1].cancel()
        self.failureResultOf(uploads[1], CancelledError)
        self.reactor.let_all_arrive()
        self.assertEqual(self.are_open(uploads), [0])
        self.client.respond(200)
        self.successResultOf(uploads[0])

    def test_hangs(self) -> None:
        """While a disk hangs, other files go on; its file does when that is over, any time."""
        events: list[Any] = []
        observer: Any = events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.watch_opening()
        slow, *others = self.add(self.uploader(simultaneous_uploads=2, chunk_size=20), 3)

        def meanwhile() -> None:
            self.hang()
            while self.client.waiting:
                self.client.respond(200)
            for other in others:
                self.successResultOf(other)
            self.assertNoResult(slow)
            self.assertEqual(self.reactor.works, [])

        self.meanwhile = meanwhile
        for _ in range(2):
            self.reactor.let_all_arrive()
            while self.client.waiting:
                self.client.respond(200)
            self.assertIs(slow.file.state, COMPLETED)
            slow.file.retry()
        slow.file.cancel()
        self.assertEqual(self.opened.count("000"), 2)
        warnings = [formatEvent(each) for each in events if each["log_level"] is LogLevel.warn]
        self.assertEqual(warnings, ["Opening '000' hangs; others go on"])

    def test_asked_for_while_it_hangs(self) -> None:
        """A chunk that comes to be read while its disk hangs waits for that, and fails nothing."""
        self.watch_opening()
        hooks: list[Deferred[None]] = []

        def preprocess(chunk: Any) -> Any:
            if chunk.number == 1:
                return None
            hooks.append(Deferred())
            return hooks[-1]

        options: Any = {"simultaneous_uploads": 2, "chunk_size": 20, "preprocess": preprocess}
        (slow,) = self.add(self.uploader(**options), 1)

        def meanwhile() -> None:
            self.hang()
            hooks[0].callback(None)
            self.assertNoResult(slow)

        self.meanwhile = meanwhile
        self.reactor.let_all_arrive()
        while self.client.waiting:
            self.client.respond(200)
            for hook in hooks:
                if not hook.called:
                    hook.callback(None)
        self.successResultOf(slow)

    def test_hangs_and_is_cancelled(self) -> None:
        """A file that is cancelled as its disk hangs is closed when that is over."""
        self.watch_opening()
        slow, other = self.add(self.uploader(), 2)

        def meanwhile() -> None:
            self.hang()
            self.client.respond(200)
            slow.cancel()

        self.meanwhile = meanwhile
        self.reactor.let_all_arrive()
        self.failureResultOf(slow, CancelledError)
        self.successResultOf(other)
        self.assertEqual(self.are_open([slow, other]), [])
        self.assertEqual(self.client.waiting, [])

    def test_closed_while_a_disk_hangs(self) -> None:
        """An uploader can be closed while a disk hangs, or many: nobody looks after them then."""
        for may_hang in (MOST_HUNG, 0):
            self.patch(relay, "MOST_HUNG", may_hang)
            self.watch_opening()
            uploader = self.uploader()
            (slow,) = self.add(uploader, 1)

            def meanwhile(uploader: Resumable = uploader) -> None:
                self.hang()
                self.successResultOf(uploader.close())
                self.assertEqual(self.reactor.getDelayedCalls(), [])

            self.meanwhile = meanwhile
            self.reactor.let_all_arrive()
            self.failureResultOf(slow, CancelledError)
            self.assertEqual(self.are_open([slow]), [])


class ReadTests(SynchronousTestCase):
    """
    Reads, of which some nobody waits for any more.
    """

    def setUp(self) -> None:
        self.reactor = SplitReactor()
        self.opener = Prefetcher(self.reactor, self.reactor)
        self.source = BytesSource("a", b"0123456789")

    def test_read(self) -> None:
        """Reads of one source go on at the same time, each in a thread."""
        readings = [self.opener.read(self.source, at, 2) for at in (0, 4)]
        self.assertEqual(len(self.reactor.works), 2)
        self.reactor.let_all_arrive()
        self.assertEqual([self.successResultOf(each) for each in readings], [b"01", b"45"])

    def test_fails(self) -> None:
        """A read fails as reading failed."""

        class Broken(BytesSource):
            def read(self, start: int, size: int) -> bytes:
                raise OSError(errno.EIO, "Input/output error")

        reading = self.opener.read(Broken("a", b""), 0, 2)
        self.reactor.let_all_arrive()
        self.assertEqual(self.failureResultOf(reading, OSError).value.errno, errno.EIO)

    def test_digest(self) -> None:
        """A digest is that of some bytes, or of all from one on."""
        for start, end, content in ((2, 5, b"234"), (8, None, b"89")):
            digest = self.opener.digest(self.source, start, end)
            self.reactor.let_all_arrive()
            self.assertEqual(self.successResultOf(digest), hashlib.sha256(content).hexdigest())

    def test_digest_that_is_cancelled(self) -> None:
        """Whatever is read for a digest, the thread does not go on when nobody waits for it."""
        read: list[int] = []

        class Big(BytesSource):
            def read(self, start: int, size: int) -> bytes:
                read.append(start)
                if start:
                    digest.cancel()
                return b"x" * size

        digest = self.opener.digest(Big("a", b""), 0, 5 << 20)
        self.reactor.let_all_arrive()
        self.failureResultOf(digest, CancelledError)
        self.assertEqual(read, [0, 1 << 20])

    def test_given_up(self) -> None:
        """While a thread still reads for somebody who left, no other reads that source."""
        first, second = (self.opener.read(self.source, at, 2) for at in (0, 1))
        self.assertEqual(self.opener.abandoned, {})
        for each in (first, second):
            each.cancel()
            self.failureResultOf(each, CancelledError)
        later = [self.opener.read(self.source, at, 2) for at in (4, 6, 8)]
        later[1].cancel()
        self.failureResultOf(later[1], CancelledError)
        self.reactor.works.pop(0)()
        self.reactor.results.pop(0)()
        self.assertEqual(len(self.reactor.works), 1)
        self.assertEqual(self.opener.abandoned, {self.source: 1})
        other = self.opener.read(BytesSource("b", b"xy"), 0, 2)
        self.assertEqual(len(self.reactor.works), 2)
        self.reactor.let_all_arrive()
        self.assertEqual(
            [self.successResultOf(each) for each in (*later[::2], other)], [b"45", b"89", b"xy"]
        )
        self.assertEqual(self.opener.abandoned, {})

    def test_many_given_up(self) -> None:
        """When too many threads were left to themselves, nobody reads before one is through."""
        for at in range(MOST_HUNG):
            self.opener.read(BytesSource(str(at), b"xy"), 0, 2).addErrback(lambda _: None).cancel()
        reading = self.opener.read(self.source, 0, 2)
        self.assertEqual(len(self.reactor.works), MOST_HUNG)
        self.reactor.works.pop()()
        self.reactor.results.pop()()
        self.reactor.let_all_arrive()
        self.assertEqual(self.successResultOf(reading), b"01")
