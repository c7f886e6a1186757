"""
Files out of an iterable, a few at a time.
"""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator, Iterator
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed

from txresumable import ChunkRejected, FilesFailed, InvalidOption, Resumable, UploaderClosed

from .uploader_rig import UploaderTestCase


class FeedTests(UploaderTestCase):
    """
    :meth:`Resumable.feed`.
    """

    def setUp(self) -> None:
        super().setUp()
        self.taken = 0

    def sources(self, count: int) -> Iterator[dict[str, Any]]:
        """So many small files; how many were taken is in ``taken``."""
        for number in range(count):
            self.taken += 1
            yield {"source": b"%d" % number, "file_name": f"{number}.txt"}

    def uploader(self, client: Any = None, **options: Any) -> Resumable:
        return super().uploader(client, **{"test_chunks": False, **options})

    def test_all(self) -> None:
        """It fires with how many were uploaded; all of them are."""
        done: list[str] = []
        uploader = self.uploader(self.receiver)
        uploader.file_completed.register(lambda file: done.append(file.file_name))
        self.assertEqual(self.successResultOf(uploader.feed(self.sources(1000))), 1000)
        self.assertEqual(done, [f"{number}.txt" for number in range(1000)])

    def test_no_more_than_there_is_room_for(self) -> None:
        """The next are taken when half are done, which then have left the list."""
        uploader = self.uploader(simultaneous_uploads=2)
        feeding = uploader.feed(self.sources(10), ahead=4)
        self.assertEqual((self.taken, len(uploader.files)), (4, 4))
        self.client.respond(200)
        self.assertEqual((self.taken, len(uploader.files)), (4, 3))
        self.client.respond(200)
        self.assertEqual((self.taken, len(uploader.files)), (6, 4))
        self.assertEqual(uploader.files[0].file_name, "2.txt")
        self.answer_all()
        self.assertEqual(self.successResultOf(feeding), 10)
        self.assertEqual(uploader.files, [])

    def test_nothing(self) -> None:
        """An iterable that gives nothing is exhausted at once."""
        self.assertEqual(self.successResultOf(self.uploader().feed([])), 0)

    def test_failures(self) -> None:
        """One that fails stops no other; at the end it says which, and why."""
        missing = [self.mktemp() for _ in range(2000)]
        uploader = self.uploader(self.receiver)
        ended: list[Any] = []
        uploader.completed.register(ended.append)
        feeding = uploader.feed([missing[0], {"source": b"x", "file_name": "x"}, *missing[1:]])
        error = self.failureResultOf(feeding, FilesFailed).value
        self.assertEqual((len(error.files), error.stored), (2000, 1))
        self.assertIsInstance(error.files[0].error, FileNotFoundError)
        self.assertEqual(ended, [error.files])
        self.assertRegex(str(error), "^2000 of 2001 files failed, '.*': .*No such file")
        self.assertEqual(uploader.files, [])
        self.assertEqual(len(self.receiver.files), 1)

    def test_failures_are_pickled(self) -> None:
        """What failed can be told to another process: the names, and why."""
        uploader = self.uploader(self.receiver)
        feeding = uploader.feed([self.mktemp(), {"source": b"x", "file_name": "x"}])
        error = self.failureResultOf(feeding, FilesFailed).value
        copy = pickle.loads(pickle.dumps(error))
        self.assertEqual(str(copy), str(error))
        self.assertEqual((type(copy), copy.stored), (FilesFailed, 1))
        [file], [original] = copy.files, error.files
        self.assertEqual(file.file_name, original.file_name)
        self.assertEqual(file.relative_path, original.relative_path)
        self.assertIsInstance(file.error, FileNotFoundError)

    def test_asynchronous_iterable(self) -> None:
        """The next files may have to be waited for; what is there is uploaded meanwhile."""
        pages: list[Deferred[int]] = [Deferred(), Deferred()]
        tidied: list[bool] = []

        async def sources() -> AsyncIterator[dict[str, Any]]:
            try:
                for number, page in enumerate(pages):
                    for item in range(await page):
                        yield {"source": b"x", "file_name": f"{number}.{item}"}
            finally:
                tidied.append(True)

        uploader = self.uploader(simultaneous_uploads=5)
        feeding = uploader.feed(sources(), ahead=5)
        self.assertEqual(self.client.waiting, [])
        pages[0].callback(2)
        self.assertEqual(len(self.client.waiting), 2)
        self.answer_all()
        self.assertNoResult(feeding)
        pages[1].callback(7)
        self.assertEqual(len(self.client.waiting), 5)
        self.assertEqual(tidied, [])
        self.answer_all()
        self.assertEqual(self.successResultOf(feeding), 9)
        self.assertEqual(tidied, [True])

    def test_deferreds(self) -> None:
        """An iterable may give Deferreds of files, and come by a Deferred itself."""
        waiting: list[Deferred[Any]] = [Deferred() for _ in range(3)]
        listing: Deferred[Any] = Deferred()
        feeding = self.uploader(self.receiver).feed(listing)
        listing.callback(waiting)
        waiting[1].callback({"source": b"1", "file_name": "1"})
        self.assertEqual(self.receiver.files, {})
        waiting[0].callback({"source": b"0", "file_name": "0"})
        self.assertEqual(len(self.receiver.files), 2)
        waiting[2].callback({"source": b"2", "file_name": "2"})
        self.assertEqual(self.successResultOf(feeding), 3)

    def test_many_that_are_there(self) -> None:
        """Thousands that need not be waited for do not lead to recursion."""

        async def asynchronous() -> AsyncIterator[dict[str, Any]]:
            for source in self.sources(2000):
                yield source

        uploader = self.uploader(self.receiver)
        self.assertEqual(self.successResultOf(uploader.feed(asynchronous())), 2000)
        deferreds = (succeed(source) for source in self.sources(2000))
        self.assertEqual(self.successResultOf(uploader.feed(deferreds)), 2000)

    def test_what_comes_fails(self) -> None:
        """A Deferred that fails is the error of the whole; so is an asynchronous iterable's."""

        async def asynchronous() -> AsyncIterator[Any]:
            yield {"source": b"x", "file_name": "x"}
            raise ZeroDivisionError

        uploader = self.uploader(self.receiver)
        self.failureResultOf(uploader.feed(asynchronous()), ZeroDivisionError)
        given: list[Any] = [{"source": b"y", "file_name": "y"}, fail(ZeroDivisionError())]
        self.failureResultOf(uploader.feed(given), ZeroDivisionError)
        self.failureResultOf(uploader.feed(fail(ZeroDivisionError())), ZeroDivisionError)
        self.failureResultOf(uploader.feed(succeed(5)), TypeError)
        self.failureResultOf(uploader.feed(succeed("my_file.dat")), TypeError)
        self.assertEqual(len(self.receiver.files), 2)

    def test_cancelled_as_it_waits(self) -> None:
        """Cancelling it cancels what it waits for, and closes an asynchronous generator."""
        cancelled: list[Any] = []
        tidied: list[bool] = []

        async def sources() -> AsyncIterator[Any]:
            try:
                yield {"source": b"x", "file_name": "x"}
                yield await Deferred(cancelled.append)
            finally:
                tidied.append(True)

        uploader = self.uploader()
        feeding = uploader.feed(sources())
        feeding.cancel()
        self.assert_cancelled(feeding)
        self.assertEqual((len(cancelled), tidied), (1, [True]))
        one_at_a_time = uploader.feed(sources(), ahead=1)  # waits for the first to complete
        one_at_a_time.cancel()
        self.assert_cancelled(one_at_a_time)
        self.assertEqual((len(cancelled), tidied), (1, [True, True]))
        self.assertEqual((uploader.files, self.client.waiting), ([], []))

    def test_generator_that_does_not_close(self) -> None:
        """What an asynchronous generator raises as it is closed is logged."""

        async def sources() -> AsyncIterator[Any]:
            try:
                yield {"source": b"x", "file_name": "x"}
            finally:
                raise ZeroDivisionError

        feeding = self.uploader().feed(sources(), ahead=1)
        feeding.cancel()
        self.assert_cancelled(feeding)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_closed_by_its_generator(self) -> None:
        """An asynchronous generator may end its own feed, and is closed at its next ``yield``."""
        for end in (Resumable.cancel, Resumable.close):
            tidied: list[bool] = []
            uploader = self.uploader()

            async def sources(
                end: Any = end, uploader: Any = uploader, tidied: Any = tidied
            ) -> AsyncIterator[Any]:
                try:
                    end(uploader)
                    yield {"source": b"x", "file_name": "x"}
                finally:
                    tidied.append(True)

            late: Deferred[Any] = Deferred()
            feeding = uploader.feed(late)
            late.callback(sources())
            self.assert_cancelled(feeding)
            self.assertEqual((tidied, uploader.files), ([True], []))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_stop_on_error(self) -> None:
        """If it is to, it ends with the first file that fails: no more are taken."""
        uploader = self.uploader(simultaneous_uploads=3)
        feeding = uploader.feed(self.sources(100), ahead=3, stop_on_error=True)
        self.client.respond(200)
        self.client.respond(404)
        error = self.failureResultOf(feeding, FilesFailed).value
        self.assertEqual(([file.file_name for file in error.files], error.stored), (["1.txt"], 1))
        self.assertEqual((self.taken, uploader.files, self.client.waiting), (3, [], []))

    def test_stop_on_error_as_it_waits(self) -> None:
        """What was to come then is not waited for."""
        uploader = self.uploader()
        cancelled: list[Any] = []
        late: Deferred[Any] = Deferred(cancelled.append)
        feeding = uploader.feed([{"source": b"x", "file_name": "x"}, late], stop_on_error=True)
        self.client.respond(404)
        self.failureResultOf(feeding, FilesFailed)
        self.assertEqual(cancelled, [late])

    def test_stop_on_error_at_once(self) -> None:
        """A file that cannot be opened may fail before anything else is taken."""
        missing = [self.mktemp() for _ in range(5)]
        uploader = self.uploader(self.receiver)
        error = self.failureResultOf(uploader.feed(missing, stop_on_error=True), FilesFailed).value
        self.assertEqual(len(error.files), 1)

    def test_refused_by_the_server(self) -> None:
        """What the server refuses is among them; it can be tried again."""
        uploader = self.uploader()
        feeding = uploader.feed(self.sources(3), ahead=1)
        for status in (200, 404, 200):
            self.client.respond(status)
        error = self.failureResultOf(feeding, FilesFailed).value
        self.assertEqual([file.file_name for file in error.files], ["1.txt"])
        self.assertIsInstance(error.files[0].error, ChunkRejected)
        again = error.files[0]
        again.retry()
        self.client.respond(200)
        self.assertTrue(again.is_completed)

    def test_cancelled_file(self) -> None:
        """A file that somebody cancels is no failure, and makes room."""
        uploader = self.uploader(simultaneous_uploads=1)
        feeding = uploader.feed(self.sources(3), ahead=2)
        uploader.files[1].cancel()
        self.assertEqual(self.taken, 3)
        self.answer_all()
        self.assertEqual(self.successResultOf(feeding), 2)

    def test_iterable_that_raises(self) -> None:
        """What it gave before is uploaded, nothing more is taken, and its error comes out."""

        def sources() -> Iterator[Any]:
            yield from self.sources(3)
            raise RuntimeError("the listing broke off")

        uploader = self.uploader()
        feeding = uploader.feed(sources())
        self.assertNoResult(feeding)
        self.answer_all()
        self.assertEqual(len(self.client.sent), 3)
        self.failureResultOf(feeding, RuntimeError)

    def test_what_is_no_file(self) -> None:
        """Neither is it passed over."""
        uploader = self.uploader()
        feeding = uploader.feed([{"source": b"x", "file_name": "x"}, 5, {"source": b"y"}])
        self.answer_all()
        error = self.failureResultOf(feeding, TypeError)
        self.assertIn("not 5", error.getErrorMessage())
        self.assertEqual(len(self.client.sent), 1)

    def test_cancel(self) -> None:
        """Cancelling it takes no more, and cancels what is not done; others are left alone."""
        uploader = self.uploader()
        other = uploader.add_file(b"other", file_name="other")
        feeding = uploader.feed(self.sources(100), ahead=5)
        feeding.cancel()
        self.assert_cancelled(feeding)
        self.assertEqual((self.taken, [file.file_name for file in uploader.files]), (5, ["other"]))
        self.answer_all()
        self.successResultOf(other)

    def test_cancelled_generator(self) -> None:
        """A generator is closed when nothing more is taken from it, and can tidy up."""
        tidied: list[bool] = []

        def sources() -> Iterator[Any]:
            try:
                yield from self.sources(100)
            finally:
                tidied.append(True)

        feeding = self.uploader().feed(sources(), ahead=5)
        self.assertEqual(tidied, [])
        feeding.cancel()
        self.assert_cancelled(feeding)
        self.assertEqual(tidied, [True])

    def test_cancel_from_within(self) -> None:
        """It may be cancelled by whoever is told of one of its files."""
        uploader = self.uploader()
        feeding = uploader.feed(self.sources(100), ahead=5)
        uploader.file_completed.register(lambda _: feeding.cancel())
        self.client.respond(200)
        self.assert_cancelled(feeding)
        self.assertEqual((self.taken, uploader.files), (5, []))

    def test_cancelled_as_one_is_added(self) -> None:
        """Neither is the file uploaded whose coming leads to that."""
        uploader = self.uploader()
        feeding = uploader.feed(self.sources(100), ahead=2)
        uploader.file_added.register(lambda _: feeding.cancel())
        self.client.respond(200)
        self.assert_cancelled(feeding)
        self.assertEqual((self.taken, uploader.files, self.client.waiting), (3, [], []))

    def test_join(self) -> None:
        """``join()`` waits for what is still to come."""
        uploader = self.uploader()
        feeding = uploader.feed(self.sources(3), ahead=1)
        joined, ended = uploader.join(), []
        uploader.completed.register(ended.append)
        self.client.respond(200)
        self.client.respond(200)
        self.assertNoResult(joined)
        self.assertEqual(ended, [])
        self.client.respond(200)
        self.assertIsNone(self.successResultOf(joined))
        self.assertEqual((ended, self.successResultOf(feeding)), ([[]], 3))

    def test_completed_once(self) -> None:
        """The end is told once; a file that is added after it and cancelled is no other."""
        uploader = self.uploader()
        ended: list[Any] = []
        uploader.completed.register(ended.append)
        feeding = uploader.feed(self.sources(2))
        self.answer_all()
        self.assertEqual((self.successResultOf(feeding), ended), (2, [[]]))
        uploader.add_file(b"x", file_name="x").cancel()
        self.assertEqual(ended, [[]])

    def test_join_fails(self) -> None:
        """To who waits by ``join()``, the first failure is the end, as of all other files."""
        uploader = self.uploader()
        feeding = uploader.feed(self.sources(100), ahead=2)
        joined = uploader.join()
        self.client.respond(404)
        self.failureResultOf(joined, ChunkRejected)
        self.assert_cancelled(feeding)
        self.assertEqual(uploader.files, [])
        self.assertLessEqual(self.taken, 3)

    def test_heard_of_by_join(self) -> None:
        """Nobody has to look at it if they hear of the end by ``join()``: nothing is logged."""
        uploader = self.uploader()
        uploader.feed(self.sources(100), ahead=2)
        joined = uploader.join()
        self.client.respond(404)
        self.failureResultOf(joined, ChunkRejected)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_its_failure_is_not_silent(self) -> None:
        """join() fails with what a feed failed with, unless somebody handled that."""

        def broken() -> Iterator[Any]:
            raise ZeroDivisionError
            yield

        uploader = self.uploader(self.receiver)
        uploader.feed(broken())
        self.failureResultOf(uploader.join(), ZeroDivisionError)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.failureResultOf(uploader.feed(broken()), ZeroDivisionError)
        self.assertIsNone(self.successResultOf(uploader.join()))

    def test_handled_as_it_raises(self) -> None:
        """An iterable that raises at once is the caller's concern before it is join()'s."""

        def broken() -> Iterator[Any]:
            raise ZeroDivisionError
            yield

        uploader = self.uploader()
        upload = uploader.add_file(b"x", file_name="x")
        joined = uploader.join()
        self.failureResultOf(uploader.feed(broken()), ZeroDivisionError)
        self.clock.advance(0)
        self.assertNoResult(joined)
        feeding = uploader.feed(broken())
        self.clock.advance(0)
        self.failureResultOf(joined, ZeroDivisionError)
        self.failureResultOf(feeding, ZeroDivisionError)
        self.assert_cancelled(upload)

    def test_failures_that_are_handled(self) -> None:
        """The files that failed are not join()'s concern once the feed's failure was handled."""
        uploader = self.uploader()
        feeding = uploader.feed(self.sources(2))
        self.client.respond(404)
        self.client.respond(200)
        self.failureResultOf(feeding, FilesFailed)
        self.assertIsNone(self.successResultOf(uploader.join()))

    def test_tried_again(self) -> None:
        """A file that is tried again as it fails is still the feed's, until its last end."""
        uploader = self.uploader()
        tried: list[Any] = []
        uploader.file_error.register(
            lambda file, _: len(tried) < 2 and tried.append(file) is None and file.retry()
        )
        feeding = uploader.feed(self.sources(1))
        for status in (404, 404, 200):
            self.assertNoResult(feeding)
            self.client.respond(status)
        self.assertEqual(self.successResultOf(feeding), 1)
        self.assertEqual(uploader.files, [])

    def test_close(self) -> None:
        """Closing ends it."""
        uploader = self.uploader()
        feeding = uploader.feed(self.sources(100), ahead=2)
        self.successResultOf(uploader.close())
        self.failureResultOf(feeding, CancelledError)
        self.assertRaises(UploaderClosed, uploader.feed, [])

    def test_max_files(self) -> None:
        """No more are taken at a time than may be there; one at a time replaces no other."""
        for most in (1, 3):
            uploader = self.uploader(self.receiver, max_files=most)
            self.assertEqual(self.successResultOf(uploader.feed(self.sources(20))), 20)

    def test_max_files_and_others(self) -> None:
        """Other files count: those that would be too many are taken when there is room."""
        uploader, most = self.uploader(simultaneous_uploads=1, max_files=3), []
        uploader.file_added.register(lambda _: most.append(len(uploader.files)))
        other = uploader.add_file(b"other", file_name="other")
        feeding = uploader.feed(self.sources(6))
        self.assertEqual((self.taken, len(uploader.files)), (2, 3))
        self.answer_all()
        self.assertEqual(self.successResultOf(feeding), 6)
        self.assertEqual((uploader.files, max(most)), ([other.file], 3))

    def test_max_files_and_feeds(self) -> None:
        """Feeds share the room, and no file of one keeps another one out for good."""
        for most in (1, 2, 3):
            uploader = self.uploader(simultaneous_uploads=1, max_files=most)
            feeds = [
                uploader.feed([{"source": b"x", "file_name": f"{name}{n}"} for n in range(5)])
                for name in "abc"
            ]
            self.assertEqual(len(uploader.files), most)
            self.client.respond(200)
            feeds[1].cancel()
            self.assert_cancelled(feeds[1])
            self.answer_all()
            self.assertEqual([self.successResultOf(each) for each in (feeds[0], feeds[2])], [5, 5])

    def test_max_files_without_room(self) -> None:
        """Where nothing is going to make room, files are refused and not waited for."""
        uploader = self.uploader(self.receiver, max_files=2)
        others = [uploader.add_file(name.encode(), file_name=name) for name in "ab"]
        error = self.failureResultOf(uploader.feed(self.sources(3)), FilesFailed).value
        self.assertEqual(len(error.files), 3)
        self.assertEqual(uploader.files, [each.file for each in others])

    def test_two(self) -> None:
        """Two at a time do not mix."""
        uploader = self.uploader(self.receiver)
        first = uploader.feed({"source": b"a%d" % n, "file_name": f"a{n}"} for n in range(50))
        second = uploader.feed({"source": b"b%d" % n, "file_name": f"b{n}"} for n in range(70))
        self.assertEqual((self.successResultOf(first), self.successResultOf(second)), (50, 70))

    def test_bad_input(self) -> None:
        """What it cannot take is named, and nothing is taken from the iterable."""
        uploader = self.uploader()
        for ahead in (0, -1, 1.5, True, "5", None):
            with self.assertRaises(InvalidOption) as caught:
                uploader.feed(self.sources(3), ahead=ahead)  # type: ignore[arg-type]
            self.assertIn(f"not {ahead!r}", str(caught.exception))
        for given in (0, 1, "no", None):
            with self.assertRaises(InvalidOption) as caught:
                uploader.feed(self.sources(3), stop_on_error=given)  # type: ignore[arg-type]
            self.assertIn(
                f"stop_on_error must be True or False, not {given!r}", str(caught.exception)
            )
        for one in ("my_file.dat", b"x", {"source": b"x", "file_name": "x"}):
            self.assertRaises(TypeError, uploader.feed, one)
            self.assertRaises(TypeError, uploader.add_files, one)
        self.assertRaises(TypeError, uploader.feed, 5)
        self.assertEqual((self.taken, uploader.files), (0, []))
